import { createHash } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { createRefusals, type RefusedMail } from '../../src/audit/refusals.ts';
import { HOUR, MINUTE, toIso } from '../../src/clock.ts';
import { Refusal } from '../../src/refusal.ts';
import * as audit from '../../src/store/audit.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing } from '../support/house.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let before: number;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    before = (await audit.end(house.db)).seq;
  });

  const added = async () => {
    const rows = await audit.page(house.db, { limit: 1000 });
    const fresh = rows.filter(({ seq }) => seq > before).map(({ line }) => JSON.parse(line));
    return fresh.map(({ action, subject, detail }) => ({ action, subject, detail })).reverse();
  };
  const raw = Buffer.from('Subject: canary\r\n\r\ncanary\r\n');
  const digest = createHash('sha256').update(raw).digest('hex');
  const mail = (id = 'distributors', role = 'private'): RefusedMail => ({ list: { id, role }, raw, client: '192.0.2.1' });
  const refused = (signer: string | null = null) => Object.assign(new Refusal('members-only'), { signer });

  test('a mail that was refused for good has a line, with its hash and no word of it', async () => {
    const refusals = createRefusals(house, 'orbit.example');
    await refusals.log(refused(), mail());
    await refusals.log(refused('alpha'), mail());
    await refusals.log(new Refusal('too-complex', 'canary', 'canary'), mail());
    const detail = { reason: 'members-only', digest, size: raw.length, signer: null, client: '192.0.2.1' };
    expect(await added()).toEqual([
      { action: 'mail.refuse', subject: 'list:distributors', detail },
      { action: 'mail.refuse', subject: 'list:distributors', detail: { ...detail, signer: 'alpha' } },
      { action: 'mail.refuse', subject: 'list:distributors', detail: { ...detail, reason: 'too-complex' } },
    ]);
    expect(JSON.stringify(await added())).not.toContain('canary');
  });

  test('of who wrote to an intake list there is no trace: he may be a reporter', async () => {
    await createRefusals(house, 'orbit.example').log(new Refusal('cannot-open'), mail('security', 'intake'));
    expect(await added()).toMatchObject([{ subject: 'list:security', detail: { reason: 'cannot-open', client: null } }]);
  });

  test('what is temporary has none: it comes again', async () => {
    const refusals = createRefusals(house, 'orbit.example');
    for (const reason of ['no-readers', 'busy', 'storage-unavailable'] as const) await refusals.log(new Refusal(reason), mail());
    expect(await added()).toEqual([]);
  });

  test('strangers write 30 lines an hour about a list, and keep no line from another list or from a member', async () => {
    const refusals = createRefusals(house, 'orbit.example');
    for (let at = 0; at < 40; at++) await refusals.log(refused(), mail());
    expect(await added()).toHaveLength(30);
    await refusals.log(refused(), mail('security', 'intake'));
    await refusals.log(refused('alpha'), mail());
    expect(await added()).toHaveLength(32);
    house.clock.moveTo(house.clock.now() + HOUR);
    await refusals.log(refused(), mail());
    expect(await added()).toHaveLength(33);
  });

  test('all of it is counted, in one line for each time that it is asked for, and none where nothing was', async () => {
    const refusals = createRefusals(house, 'orbit.example');
    const since = toIso(house.clock.now());
    await refusals.logCounts();
    for (let at = 0; at < 1000; at++) refusals.count('no-such-address');
    for (const reason of ['members-only', '4.5.3', 'members-only']) refusals.count(reason);
    expect(await added()).toEqual([]);
    house.clock.moveTo(house.clock.now() + MINUTE);
    for (let times = 0; times < 3; times++) await refusals.logCounts();
    const detail = { since, '4.5.3': 1, 'members-only': 2, 'no-such-address': 1000 };
    expect(await added()).toEqual([{ action: 'mail.count-refusals', subject: 'domain:orbit.example', detail }]);
  });

  test('a refusal that cannot be logged is a temporary one, and what was counted stays counted', async () => {
    const refusals = createRefusals(house, 'orbit.example');
    const since = toIso(house.clock.now());
    const { seq, hash } = await audit.end(house.db);
    await house.db.deleteFrom('audit_end').execute();
    // However often it is tried.
    for (let at = 0; at < 40; at++)
      await expect(refusals.log(refused(), mail())).rejects.toMatchObject({ reason: 'storage-unavailable' });
    refusals.count('too-slow');
    await expect(refusals.logCounts()).rejects.toThrow(/nothing can be logged/);
    await house.db.insertInto('audit_end').values({ id: 1, seq, hash }).execute();
    refusals.count('too-slow');
    await refusals.logCounts();
    expect(await added()).toMatchObject([{ detail: { since, 'too-slow': 2 } }]);
  });
});
