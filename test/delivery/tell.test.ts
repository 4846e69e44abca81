import { beforeEach, describe, expect, test } from 'vitest';
import { staff } from '../../src/cases/people.ts';
import { HOUR, MINUTE } from '../../src/clock.ts';
import { OUTSIDE } from '../../src/delivery/need-to-know.ts';
import { lateSince, tellLate, tellTeam } from '../../src/delivery/tell.ts';
import { createLog } from '../../src/log.ts';
import { decodedBody, leaves, parseEntity } from '../../src/mail/message.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import { arrive, CANARY, letterOf, listCertificate } from '../post/arrive.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine, type OpenedDatabase } from '../support/dialects.ts';
import { as, type House, housing, LISTS, type Person } from '../support/house.ts';
import { openCopy } from '../support/party.ts';
import { OPTIONS, type Outbox, outbox, type Sent, silent } from './outbox.ts';

eachEngine((engine) => {
  const build = housing();
  let opened: OpenedDatabase;
  let house: House;
  let box: Outbox;

  beforeEach(async () => {
    opened = await engine.open();
    house = await build(opened.db);
    box = outbox(house);
    box.answers = ({ to }) =>
      to.endsWith('@orbit.example')
        ? { state: 'delivered', response: '250' }
        : { state: 'failed', reason: 'rejected', response: '550 5.1.1 nobody of that name' };
  });

  const failing = async () => {
    const [alpha] = house.members;
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    const raw = await encryptedMail(letterOf(house, alpha, { to: LISTS.distributors }), sealing);
    const { id } = await arrive(house, raw, { to: LISTS.distributors, sender: alpha.address });
    await box.drain();
    return id;
  };

  const textOf = async (raw: Buffer, reader: Person) => {
    const { entity } = await openCopy(raw, reader, listCertificate(house, LISTS.security), house.clock.now());
    return leaves(parseEntity(entity))
      .map((part) => Buffer.from(decodedBody(part)).toString())
      .join('');
  };

  test('copies that failed are told to the team in one mail, once, with what the relay said and no word of the post', async () => {
    await failing();
    expect(await tellTeam(house, silent)).toBe(2);
    expect(await tellTeam(house, silent)).toBe(0);
    const sent = await box.drain();
    expect(sent.map(({ to, from }) => [to, from]).sort()).toEqual(house.team.map(({ address }) => [address, null]).sort());
    const [lena] = house.team;
    const raw = sent.find(({ to }) => to === lena.address)?.raw ?? Buffer.alloc(0);
    const text = await textOf(raw, lena);
    for (const member of house.members) expect(text).toContain(`failed: ${member.address}`);
    expect(text).toContain('reason: rejected');
    expect(text).toContain('answer: 550 5.1.1 nobody of that name');
    expect(text).not.toContain(CANARY);
  });

  test('of a copy that waits too long the team is told once, and of one of a release sooner', async () => {
    const waits = { late: 4 * 3600, lateRelease: 600 };
    const [alpha, beta] = house.members;
    box = outbox(house, { ...OPTIONS, giveUp: 432_000 });
    box.answers = ({ to }) =>
      to.endsWith('@orbit.example')
        ? { state: 'delivered', response: '250' }
        : { state: 'deferred', reason: 'try-later', response: '451 4.2.0 later' };
    const id = await failing();
    await house.db.updateTable('deliveries').set({ priority: 3 }).where('address', '=', beta.address).execute();
    const start = house.clock.now();
    const sent: Sent[] = [];
    const tellAt = async (after: number) => {
      house.clock.moveTo(start + after);
      const told = await tellLate(house, waits, silent);
      sent.push(...(await box.drain()));
      return told;
    };
    const late = () => deliveries.countLate(house.db, lateSince(waits, house.clock.now()));
    expect([await tellAt(10 * MINUTE - 1), await late()]).toEqual([0, 0]);
    expect([await tellAt(10 * MINUTE), await late()]).toEqual([1, 1]);
    expect(await tellAt(4 * HOUR - 1)).toBe(0);
    expect([await tellAt(4 * HOUR), await late()]).toEqual([1, 2]);
    expect(await tellAt(5 * HOUR)).toBe(0);
    const [lena] = house.team;
    const mails = sent.filter(({ to }) => to === lena.address);
    expect(mails).toHaveLength(2);
    const texts = await Promise.all(mails.map(({ raw }) => textOf(raw, lena)));
    expect(texts.filter((text) => text.includes(`deferred: ${alpha.address}`))).toHaveLength(1);
    expect(texts.filter((text) => text.includes(`deferred: ${beta.address}`))).toHaveLength(1);
    for (const text of texts) expect(text).toContain('answer: 451 4.2.0 later');
    // Neither what is sent again by a person nor what waits for an admin's word has waited for long.
    for (const copy of await deliveries.page(house.db, { limit: 9, postId: id }))
      expect(await deliveries.retry(house.db, copy.id, house.clock.now())).toBe(true);
    expect(await late()).toBe(0);
    house.clock.moveTo(house.clock.now() + 5 * HOUR);
    expect(await late()).toBe(2);
    await house.db.updateTable('deliveries').set({ reason: 'restored' }).where('post_id', '=', id).execute();
    expect(await late()).toBe(0);
    // When it fails in the end, that is told as well.
    box.answers = ({ to }) =>
      to.endsWith('@orbit.example')
        ? { state: 'delivered', response: '250' }
        : { state: 'failed', reason: 'rejected', response: '550 5.1.1 nobody' };
    await box.drain();
    expect(await tellTeam(house, silent)).toBe(2);
  });

  test('a held copy is told, and told again when it is held again after a person tried', async () => {
    box.answers = () => ({ state: 'delivered', response: '250' });
    const [, beta] = house.members;
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: beta };
    const { id } = await arrive(house, await encryptedMail(letterOf(house, beta, { to: LISTS.distributors }), sealing), {
      to: LISTS.distributors,
    });
    await house.db.updateTable('members').set({ state: 'suspended' }).where('organisation', '=', 'Alpha').execute();
    await box.drain();
    expect([await tellTeam(house, silent), await tellTeam(house, silent)]).toEqual([1, 0]);
    const held = (await deliveries.page(house.db, { limit: 9, postId: id })).find(({ state }) => state === 'held');
    await deliveries.retry(house.db, held?.id ?? '', house.clock.now());
    await box.drain();
    expect(await tellTeam(house, silent)).toBe(1);
  });

  test('an alarm that does not get through raises no alarm', async () => {
    await failing();
    await tellTeam(house, silent);
    box.answers = () => ({ state: 'failed', reason: 'rejected', response: '550' });
    await box.drain();
    expect([await tellTeam(house, silent), await tellTeam(house, silent)]).toEqual([house.team.length, 0]);
    expect(await house.db.selectFrom('posts').select('id').where('kind', '=', 'alert').execute()).toHaveLength(1);
  });

  test('of a staffed case who works on it is told alone; that the others do not get it, nobody', async () => {
    const [lena, , ada] = house.team;
    const id = await house.report();
    const other = await house.report({ subject: 'Another' }, 'ron@example.org');
    await staff(as(house, lena), id, [lena.contactId]);
    await box.drain();
    expect(await tellTeam(house, silent)).toBe(4);
    box.answers = () => ({ state: 'delivered', response: '250' });
    const told = new Map<string, string[]>();
    for (const { to, raw } of await box.drain()) {
      const person = house.team.find(({ address }) => address === to) ?? lena;
      const text = await textOf(raw, person);
      told.set(to, [...(told.get(to) ?? []), text]);
    }
    expect(told.get(ada.address)).toHaveLength(1);
    expect(told.get(ada.address)?.[0]).toContain(`failed: ron@example.org`);
    expect(told.get(ada.address)?.[0]).toContain(other);
    expect(told.get(ada.address)?.[0]).not.toContain(id);
    expect(told.get(lena.address)).toHaveLength(2);
    expect(told.get(lena.address)?.join('')).toContain('failed: rita@example.org');
    expect(told.get(lena.address)?.join('')).not.toContain(OUTSIDE);
    expect(await tellTeam(house, silent)).toBe(0);
  });

  test('two nodes tell it once', async () => {
    await failing();
    const other = opened.elsewhere();
    await Promise.all([house, { ...house, db: other }].map((node) => tellTeam(node, silent)));
    expect(await house.db.selectFrom('posts').select('id').where('kind', '=', 'alert').execute()).toHaveLength(1);
    expect(await tellTeam(house, silent)).toBe(0);
  });

  describe('the log', () => {
    test('names the copies and says nothing of what they hold', async () => {
      const lines: string[] = [];
      await failing();
      await tellTeam(house, createLog('info', { write: (line) => void lines.push(line) }));
      expect(lines.join('')).toContain('copies were held or failed');
      expect(lines.join('')).not.toContain(CANARY);
    });
  });
});
