import { beforeEach, expect, test } from 'vitest';
import { DAY, HOUR, MINUTE } from '../../src/clock.ts';
import { createLog } from '../../src/log.ts';
import type { Usable } from '../../src/pgp/certificate.ts';
import { Refusal } from '../../src/refusal.ts';
import { type HorizonWatch, horizonOf, type Reading, watchHorizon } from '../../src/roster/horizon.ts';
import { importRoster } from '../../src/roster/import.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { changed, makeParty } from '../support/party.ts';

const NOW = 1_790_092_800_000;
const until = (end: number | null): Usable => ({ usable: true, until: end });

test('what expires is counted within every time that it expires in, and what has expired by itself', () => {
  const ends = [null, NOW, NOW + 1, NOW + 3 * DAY, NOW + 3 * DAY + 1, NOW + 89 * DAY, NOW + 91 * DAY].map(until);
  const { certificates, within, unusable } = horizonOf([...ends, { usable: false, reason: 'revoked' }], NOW);
  expect(certificates).toBe(8);
  expect([...within]).toEqual([
    [3, 2],
    [14, 3],
    [30, 3],
    [90, 4],
  ]);
  expect([...unusable]).toEqual([
    ['expired', 1],
    ['revoked', 1],
  ]);
});

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let judged: number;
  let broken: boolean;
  let logged: string[];
  let watch: HorizonWatch;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    judged = 0;
    broken = false;
    logged = [];
    const usable: House['pgp']['usable'] = (...asked) => {
      judged++;
      return broken ? Promise.reject(new Refusal('busy')) : house.pgp.usable(...asked);
    };
    const log = createLog('warn', { write: (line: string) => void logged.push(line) });
    watch = watchHorizon({ ...house, pgp: { ...house.pgp, usable } }, log);
  });

  /** Begins a reading, waits until it has ended, or failed, and gives what is known then. */
  async function read(): Promise<Reading | null> {
    const failures = logged.length;
    for (let tries = 0; tries < 500; tries++) {
      const known = watch.latest();
      if (known?.at === house.clock.now() || logged.length > failures) return known;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error('the reading did not end within five seconds');
  }
  const later = (ms: number) => house.clock.moveTo(house.clock.now() + ms);

  test('whoever asks waits for nothing, and a reading judges what it does not know', async () => {
    expect(watch.latest()).toBeNull();
    expect(await read()).toEqual({ at: house.clock.now(), certificates: Array(5).fill({ usable: true, until: null }) });
    expect(judged).toBe(5);
    const { at } = watch.latest() ?? {};
    later(9 * MINUTE);
    expect(watch.latest()).toMatchObject({ at });
    later(MINUTE);
    expect(await read()).toMatchObject({ at: house.clock.now() });
    expect(judged).toBe(5);
  });

  test('a certificate that was renewed is judged again, and so is one that could not be used', async () => {
    await read();
    const [alpha] = house.members;
    const certificate = await changed(await makeParty(alpha.address), house.clock.now(), { revoked: true });
    const entry = { organisation: 'Alpha', lists: [LISTS.distributors], contacts: [{ address: alpha.address, certificate }] };
    await importRoster(house, [entry], { activate: null, dryRun: false });
    later(HOUR);
    const reading = await read();
    expect(reading?.certificates.filter((each) => !each.usable)).toEqual([{ usable: false, reason: 'revoked' }]);
    expect(judged).toBe(6);
    later(HOUR);
    await read();
    expect(judged).toBe(7);
  });

  test('who is not active has no part in it', async () => {
    const [alpha] = house.members;
    await house.db.updateTable('contacts').set({ active: 0 }).where('id', '=', alpha.contactId).execute();
    await house.db.updateTable('members').set({ state: 'suspended' }).where('organisation', '=', 'Beta').execute();
    expect((await read())?.certificates).toHaveLength(3);
  });

  test('a reading that fails is said, keeps what is known, and is tried again', async () => {
    await read();
    const at = house.clock.now();
    const [alpha] = house.members;
    await house.db
      .updateTable('certificates')
      .set({ data: Buffer.from('x') })
      .where('contact_id', '=', alpha.contactId)
      .execute();
    broken = true;
    later(HOUR);
    expect(await read()).toMatchObject({ at });
    expect(logged.join('')).toContain('the certificates could not be read');
    broken = false;
    later(HOUR);
    expect((await read())?.certificates).toContainEqual({ usable: false, reason: 'unreadable' });
  });

  test('what is closed reads no more', async () => {
    watch.latest();
    await watch.close();
    expect(watch.latest()).toBeNull();
    expect(judged).toBeLessThan(2);
    expect(logged).toEqual([]);
  });
});
