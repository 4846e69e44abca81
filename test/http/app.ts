import { DAY, newToken } from '../../src/clock.ts';
import { openClock } from '../../src/embargo/clock-watch.ts';
import { allPolicies } from '../../src/embargo/presets.ts';
import { createNumbers, type Numbers } from '../../src/http/numbers.ts';
import { createHttp, type HttpOptions } from '../../src/http/server.ts';
import type { Log } from '../../src/log.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { addList } from '../../src/roster/lists.ts';
import { ORBIT } from '../embargo/orbit.ts';
import type { House } from '../support/house.ts';
import { generate } from '../support/party.ts';

/** How people sign in at a house. */
export type HowToSignIn = (house: House) => HttpOptions['signIn'];

export const ISSUER = 'https://id.orbit.example';

/** Whoever signs in is the first of the team, for all tests that are not of that. */
const withoutProvider: HowToSignIn = ({ team: [lena] }) => ({
  provider: {
    begin: async () => ({ url: `${ISSUER}/?state=s`, secret: newToken(32) }),
    finish: async () => ({ issuer: ISSUER, subject: 'lena', address: lena.address }),
  },
  rules: { hours: 8, admins: [lena.address] },
});

export interface Setting extends Partial<Pick<HttpOptions, 'room' | 'ready' | 'changed'>> {
  /** The folder of the keys of lists that are added. */
  keys: string;
  signIn?: HowToSignIn | undefined;
}

/** The API of a house; it listens nowhere yet. */
export async function appOf(
  house: House,
  log: Log,
  { keys, signIn = withoutProvider, ...own }: Setting,
): Promise<{ app: ReturnType<typeof createHttp>; numbers: Numbers }> {
  const clock = await openClock(house.db, house.clock, DAY);
  const seams = { ...house, clock };
  const numbers = createNumbers(seams, log);
  const app = createHttp({
    seams,
    clock,
    log,
    numbers,
    room: { free: () => null, reserve: 1 },
    ready: async () => [],
    // Whatever is looked up has a new certificate.
    lookUp: async (address) => Buffer.from((await generate(address, 'new', {})).public),
    signIn: signIn(house),
    policies: allPolicies({ policies: { orbit: ORBIT }, holidays: [] }),
    admission: { project: 'orbit', criteria: CRITERIA, terms: null },
    addList: (acting, wanted) => addList({ ...acting, keys, passphrase: 'orbit', domain: 'orbit.example' }, wanted),
    changed: { deliveries: () => {}, releases: () => {} },
    ...own,
  });
  return { app, numbers };
}
