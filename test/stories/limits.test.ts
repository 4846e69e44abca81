import { setTimeout as pause } from 'node:timers/promises';
import { simpleParser } from 'mailparser';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { SECOND, systemClock } from '../../src/clock.ts';
import { encryptedMail } from '../support/compose.ts';
import { LISTS } from '../support/house.ts';
import { contactOf, type Instance, MEMBERS, memberOf, openInstance, TEAM } from '../support/instance.ts';
import { generate, makeParty, openCopy } from '../support/party.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { counted, mailsTo, messageIdOf } from './embargo.ts';

const GAMMA = 'gamma@gamma.example';
let sink: Sink;
let house: Instance;

beforeAll(async () => {
  sink = await startSink();
  house = await openInstance({ relay: sink });
});
beforeEach(() => {
  sink.mails.length = 0;
  sink.unanswered.length = 0;
  sink.atRecipient = () => 'accept';
});
afterAll(async () => {
  await house?.close();
  await sink?.close();
});

/** From the first of MEMBERS to the private list. */
async function post(subject: string): Promise<void> {
  const alpha = await makeParty(MEMBERS[0]);
  const letter = { from: alpha, to: LISTS.distributors, subject, outerSubject: '...', text: 'See the subject.\n' };
  const mail = await encryptedMail(letter, { recipients: [await house.certificate(LISTS.distributors)], signer: alpha });
  expect(await house.send(alpha.address, LISTS.distributors, mail)).toMatch(/^250 /);
}

/** What the team is told; everybody of it is told the same. */
async function alarm(): Promise<string> {
  const texts = TEAM.map(async (address) => {
    const certificate = await house.certificate(LISTS.security);
    const said: string[] = [];
    for (const mail of mailsTo(sink, address)) {
      expect([mail.from, mail.raw.toString()]).toEqual(['', expect.stringContaining('Subject: [...]')]);
      const { entity } = await openCopy(mail.raw, await makeParty(address), certificate);
      const { subject, text } = await simpleParser(entity);
      said.push(`${subject}\n${text}`);
    }
    return said.sort().join('\n');
  });
  const [first = '', ...others] = await Promise.all(texts);
  for (const other of others) expect(other).toBe(first);
  return first;
}

test('a copy for an expired certificate is held, the others go, and the team is told whose it is', async () => {
  const lifetime = 5;
  const born = systemClock.now() - SECOND;
  const gamma = await generate(GAMMA, 'gamma', { born, lifetime });
  await house.enrol(memberOf(LISTS.distributors, contactOf(gamma)));
  await pause(born + (lifetime + 1) * SECOND - systemClock.now());
  await post('Is anybody there?');
  await sink.waitFor(MEMBERS.length + TEAM.length);
  await house.settled();
  expect(counted(sink.mails)).toEqual(Object.fromEntries([...MEMBERS, ...TEAM].sort().map((address) => [address, 1])));
  const held = house.rows<{ address: string; reason: string }>(`select address, reason from deliveries where state = 'held'`);
  expect(held).toEqual([{ address: GAMMA, reason: expect.stringContaining('expired') }]);
  const told = await alarm();
  expect(told).toContain('1 copy was not delivered');
  expect(told).toContain(`held: ${GAMMA}`);
  expect(told).toContain(`reason: ${held[0]?.reason}`);
});

test('a copy that the relay refuses for good has failed, is not tried again, and the team is told', async () => {
  sink.atRecipient = (address) => (address === MEMBERS[1] ? { code: 550, text: '5.1.1 nobody of that name' } : 'accept');
  await post('A second question');
  // Gamma's copy is held again: an alarm for it and for beta's, in one mail or two.
  await expect.poll(() => mailsTo(sink, TEAM[2]).length, { timeout: 10_000 }).toBeGreaterThan(0);
  await house.settled();
  const failed = `select address, reason, response, attempts from deliveries where state = 'failed'`;
  const expected = { address: MEMBERS[1], reason: 'rejected', response: '550 5.1.1 nobody of that name', attempts: 1 };
  expect(house.rows(failed)).toEqual([expected]);
  await expect.poll(alarm, { timeout: 10_000 }).toContain(`failed: ${MEMBERS[1]}`);
  const told = await alarm();
  expect(told).toContain('answer: 550 5.1.1 nobody of that name');
  house.makeDue();
  await pause(SECOND);
  expect(house.rows(failed)).toEqual([expected]);
});

test('a copy that the relay puts off is tried again by itself, under the same Message-ID', async () => {
  sink.atRecipient = (address, attempt) =>
    address === MEMBERS[0] && attempt === 3 ? { code: 450, text: '4.2.1 full' } : 'accept';
  await post('A third question');
  await sink.waitFor(1);
  await house.settled();
  const copies = `select address, state, reason, message_id, attempts from deliveries where address = ? order by id desc limit 1`;
  const [waiting] = house.rows<{ state: string; reason: string; message_id: string }>(copies, MEMBERS[0]);
  expect(waiting).toMatchObject({ state: 'deferred', reason: 'try-later', attempts: 1 });
  expect(mailsTo(sink, MEMBERS[0])).toEqual([]);
  house.makeDue();
  await expect.poll(() => mailsTo(sink, MEMBERS[0]).map(messageIdOf), { timeout: 10_000 }).toEqual([waiting?.message_id]);
  await house.settled();
  expect(house.rows(copies, MEMBERS[0])).toMatchObject([{ state: 'delivered', attempts: 2 }]);
});
