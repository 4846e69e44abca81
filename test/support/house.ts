import { SYSTEM } from '../../src/audit/entry.ts';
import { type MovingClock, movingClock } from '../../src/clock.ts';
import { createComparison } from '../../src/embargo/comparison.ts';
import { createRecogniser } from '../../src/embargo/recogniser.ts';
import { defaultWords } from '../../src/notices/words.ts';
import { armorCertificate } from '../../src/pgp/certificate.ts';
import { createListKey, keyringOf, type ListKey, openListKey } from '../../src/pgp/keyring.ts';
import { createPgp, type Pgp } from '../../src/pgp/pool.ts';
import { destination } from '../../src/post/destination.ts';
import { receive } from '../../src/post/receive.ts';
import type { Identity } from '../../src/post/received.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { importRoster } from '../../src/roster/import.ts';
import { issueToken } from '../../src/roster/tokens.ts';
import type { Seams } from '../../src/seams.ts';
import { uncounted } from '../../src/store/begun.ts';
import * as contacts from '../../src/store/contacts.ts';
import type { Database } from '../../src/store/database.ts';
import * as lists from '../../src/store/lists.ts';
import type { ListRole, TokenRole } from '../../src/store/schema.ts';
import { NOW } from '../store/roster-rows.ts';
import { encryptedMail } from './compose.ts';
import { makeParty, type Party } from './party.ts';
import { PROJECT } from './project.ts';
import { putRows, type Rows, rowsOf } from './rows.ts';

export const LISTS = {
  security: 'security@orbit.example',
  distributors: 'distributors@orbit.example',
  announce: 'announce@orbit.example',
} as const;

/** Somebody on the roster: the same keys as the party of his address. */
export interface Person extends Party {
  contactId: string;
}

/** Everything that `curfew init` and two roster imports make, in a database that is empty until then. */
export interface House extends Seams {
  clock: MovingClock;
  identity: Identity;
  /** On the intake list, as the member "Orbit". */
  team: readonly [Person, Person, Person];
  /** On the private list, each a member of his own: "Alpha" and "Beta". */
  members: readonly [Person, Person];
  /** A bearer token. Every call makes another one. `person`: an address of the team. */
  token(role: TokenRole, person?: string): Promise<string>;
  /** A report comes in, encrypted and signed by the party of that address; the id of the case that it opens. */
  report(words?: { subject?: string; text?: string }, from?: string): Promise<string>;
}

/** What a move is given that somebody of the team asks for with a token of his own. */
export function as(house: House, { contactId, address }: Person): Seams {
  return { ...house, by: { type: 'person', id: contactId, name: address, via: null }, role: 'team' };
}

/** Gives what builds a house in a fresh database, its clock at NOW. */
export function housing(): (db: Database) => Promise<House> {
  return (db) => {
    pgp ??= createPgp(1);
    return build(db, pgp);
  };
}

/** Its threads are those of every house of this process, and end with it: they take half a second to start. */
let pgp: Pgp | undefined;
/** Its thread as well; it starts when it is asked. */
export const compare = createComparison(createRecogniser());

const keys = new Map<string, Promise<ListKey>>();

/** The same key again within this process: making one takes a while. */
function listKey(address: string): Promise<ListKey> {
  const making = async () => {
    const { armored } = await createListKey({ name: 'Orbit', address, passphrase: 'orbit', now: NOW });
    return openListKey(armored, 'orbit');
  };
  const key = keys.get(address) ?? making();
  keys.set(address, key);
  return key;
}

/** What a house has written, by the kind of its database: to write it again takes a fraction of the time. */
const written = new Map<unknown, Rows>();

async function build(db: Database, pgp: Pgp): Promise<House> {
  const kind = db.getExecutor().adapter.constructor;
  const rows = written.get(kind);
  if (rows) await putRows(db, rows);
  const house = await furnished(db, pgp, rows !== undefined);
  if (!rows) written.set(kind, await rowsOf(db));
  return house;
}

async function furnished(db: Database, pgp: Pgp, isWritten: boolean): Promise<House> {
  const clock = movingClock(NOW);
  const keyring = keyringOf([]);
  const seams: Seams = { db, clock, keyring, pgp, compare, begun: uncounted, by: SYSTEM, words: defaultWords, project: PROJECT };
  const roles = { security: 'intake', distributors: 'private', announce: 'public' } as const satisfies Record<string, ListRole>;
  for (const [id, role] of Object.entries(roles)) {
    const key = await listKey(`${id}@orbit.example`);
    keyring.add(key);
    if (!isWritten)
      await lists.insert(db, { id, address: key.address, role, name: id, fingerprint: key.fingerprint, created_at: NOW });
  }
  const identity = { project: 'orbit', domain: 'orbit.example', criteria: CRITERIA, terms: null };
  const names = ['lena', 'dirk', 'ada'].map((name) => `${name}@orbit.example`);
  if (!isWritten) {
    await enrol(seams, 'Orbit', LISTS.security, names);
    await enrol(seams, 'Alpha', LISTS.distributors, ['alpha@alpha.example']);
    await enrol(seams, 'Beta', LISTS.distributors, ['beta@beta.example']);
  }
  const [lena, dirk, ada, alpha, beta] = await Promise.all([
    person(db, 'lena@orbit.example'),
    person(db, 'dirk@orbit.example'),
    person(db, 'ada@orbit.example'),
    person(db, 'alpha@alpha.example'),
    person(db, 'beta@beta.example'),
  ]);
  let tokens = 0;
  return {
    ...seams,
    clock,
    identity,
    team: [lena, dirk, ada],
    members: [alpha, beta],
    token: async (role, of) =>
      (await issueToken(seams, { name: `${role} ${++tokens}`, role, person: of ?? null, days: null })).token,
    report: (words, from) => report(seams, identity, words, from),
  };
}

async function enrol(seams: Seams, organisation: string, list: string, addresses: readonly string[]): Promise<void> {
  const contacts = addresses.map(async (address) => ({ address, certificate: (await makeParty(address)).public }));
  const entry = { organisation, lists: [list], contacts: await Promise.all(contacts) };
  const { written, problems } = await importRoster(seams, [entry], { activate: { reason: 'test' }, dryRun: false });
  if (!written) throw new Error(problems.map(({ problem }) => problem).join('; '));
}

async function person(db: Database, address: string): Promise<Person> {
  const contact = await contacts.byAddress(db, address);
  if (!contact) throw new Error(`${address} was not enrolled`);
  return { ...(await makeParty(address)), contactId: contact.id };
}

async function report(
  seams: Seams,
  identity: Identity,
  { subject = 'A hole', text = 'It crashes.\n' }: { subject?: string; text?: string } = {},
  address = 'rita@example.org',
): Promise<string> {
  const [rita, key] = await Promise.all([makeParty(address), listKey(LISTS.security)]);
  const at = seams.clock.now();
  const letter = { from: rita, to: LISTS.security, subject, outerSubject: '...', text, at };
  const raw = await encryptedMail(letter, { recipients: [armorCertificate(key.certificate)], signer: rita });
  const to = await destination(seams.db, identity.domain, LISTS.security);
  const { caseId } = await receive(seams, identity, to, { sender: address, receivedAt: at, raw });
  if (caseId === null) throw new Error('the report opened no case');
  return caseId;
}
