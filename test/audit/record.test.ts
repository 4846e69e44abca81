import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { beforeEach, expect, test } from 'vitest';
import { record } from '../../src/audit/record.ts';
import { decide } from '../../src/roster/admission.ts';
import * as audit from '../../src/store/audit.ts';
import * as members from '../../src/store/members.ts';
import { arrive, CANARY, letterOf, listCertificate } from '../post/arrive.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { makeParty } from '../support/party.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

eachEngine((engine) => {
  const build = housing();
  let house: House;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
  });

  const lines = async () => {
    const all: string[] = [];
    for await (const line of audit.lines(house.db)) all.push(line);
    return all;
  };
  const deed = { action: 'test.do', subject: 'test:1', detail: { what: 'it' } };

  test('each line names the hash of the one before, and what people see of it is what was hashed', async () => {
    await house.db.transaction().execute((trx) => record(trx, house, deed, deed));
    const all = await lines();
    expect(all.length).toBeGreaterThan(2);
    let prev = '0'.repeat(64);
    for (const [index, line] of all.entries()) {
      expect(JSON.parse(line)).toMatchObject({ seq: index + 1, prev });
      prev = sha256(line);
    }
    expect(await audit.end(house.db)).toEqual({ seq: all.length, hash: prev });
    const [last] = await audit.page(house.db, { limit: 1 });
    expect(last).toMatchObject({ seq: all.length, hash: prev, actor: 'system', action: 'test.do', subject: 'test:1' });
    expect(JSON.parse(last?.line ?? '')).toMatchObject({ detail: { what: 'it' }, actor: { type: 'system' } });
  });

  test('many at once make one chain', async () => {
    const before = (await audit.end(house.db)).seq;
    await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        house.db.transaction().execute((trx) => record(trx, house, { ...deed, subject: `test:${at}` })),
      ),
    );
    const all = await lines();
    expect(all).toHaveLength(before + 20);
    for (const [index, line] of all.entries()) {
      const { seq, prev } = JSON.parse(line);
      expect([seq, prev]).toEqual([index + 1, index === 0 ? '0'.repeat(64) : sha256(all[index - 1] ?? '')]);
    }
  });

  test.each([
    ['changed', sql`update audit set line = 'x' where seq = 1`],
    ['removed', sql`delete from audit where seq = 1`],
    ['replaced', sql`insert into audit select * from audit where seq = 1`],
    [
      'put in the place of another',
      engine.name === 'sqlite'
        ? sql`insert or replace into audit select seq, 'x', hash, at, actor, action, subject from audit where seq = 1`
        : sql`insert into audit select * from audit where seq = 1 on conflict (seq) do update set line = 'x'`,
    ],
  ])('the database itself refuses that a line is %s', async (_, statement) => {
    const before = await lines();
    await expect(statement.execute(house.db)).rejects.toThrow(/only appended|unique|duplicate/i);
    expect(await lines()).toEqual(before);
  });

  test('what cannot be logged does not happen', async () => {
    const [alpha] = await members.all(house.db);
    await house.db.deleteFrom('audit_end').execute();
    const change = decide(house, { project: 'orbit' }, alpha?.id ?? '', 'suspend', { reason: 'test' });
    await expect(change).rejects.toThrow(/nothing can be logged/);
    expect(await members.byId(house.db, alpha?.id ?? '')).toMatchObject({ state: 'active' });
    const rita = await makeParty('rita@example.org');
    const mail = await encryptedMail(letterOf(house, rita), {
      recipients: [listCertificate(house, LISTS.security)],
      signer: rita,
    });
    await expect(arrive(house, mail)).rejects.toThrow(/nothing can be logged/);
    expect(await house.db.selectFrom('posts').select('id').execute()).toEqual([]);
  });

  test('a report leaves neither a word nor its writer in the log; a member is named by his contact', async () => {
    const before = (await lines()).length;
    const rita = await makeParty('rita@example.org');
    const sealing = { recipients: [listCertificate(house, LISTS.security)] };
    await arrive(house, await encryptedMail(letterOf(house, rita), { ...sealing, signer: rita }));
    const [alpha] = house.members;
    await arrive(house, await encryptedMail(letterOf(house, alpha), { ...sealing, signer: alpha }), { sender: alpha.address });
    const added = (await lines()).slice(before);
    expect(added.join('\n')).not.toMatch(new RegExp(`${CANARY}|rita|${rita.fingerprint}`));
    expect(added.map((line) => JSON.parse(line))).toMatchObject([
      { action: 'mail.accept', actor: { type: 'system' } },
      { action: 'mail.accept', actor: { type: 'person', id: alpha.contactId, name: alpha.address } },
    ]);
  });
});
