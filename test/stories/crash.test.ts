import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { HOUR, type Instant, SECOND, systemClock } from '../../src/clock.ts';
import { LISTS } from '../support/house.ts';
import { type Instance, MEMBERS, openInstance, TEAM } from '../support/instance.ts';
import { makeParty, openCopy } from '../support/party.ts';
import { type Sink, type SunkMail, startSink } from '../support/sink.ts';
import { arm, counted, dispatch, mailsTo, messageIdOf, openCase, reportMail } from './embargo.ts';
import { type Gateway, startGateway } from './gateway.ts';

let sink: Sink;
let gateway: Gateway;
let house: Instance;

beforeAll(async () => {
  sink = await startSink();
  gateway = await startGateway(sink);
  house = await openInstance({ relay: gateway });
  for (const address of ['reader@home.example', 'press@press.example']) await house.publish(address);
  await house.publish('oss@public.example', 'external');
});
afterEach(() => {
  gateway.open();
  sink.atData = () => 'accept';
  sink.mails.length = 0;
  sink.unanswered.length = 0;
});
afterAll(async () => {
  await house?.close();
  gateway?.close();
  await sink?.close();
});

/** Its reporter is a new one each time, so that each report is answered. */
const reporter = (name: string) => `${name}@research.example`;
const everybody = (name: string) => Object.fromEntries([...TEAM, reporter(name)].sort().map((address) => [address, 1]));

async function report(name: string): Promise<string> {
  return house.send(reporter(name), LISTS.security, await reportMail(house, { text: `Found by ${name}.\n` }, reporter(name)));
}

async function expectReadable(mails: readonly SunkMail[], name: string): Promise<void> {
  const certificate = await house.certificate(LISTS.security);
  for (const mail of mails) {
    const address = mail.to.join();
    const { entity, signer } = await openCopy(mail.raw, await makeParty(address), certificate);
    expect(signer).toBe(house.fingerprints[LISTS.security]);
    expect(entity.toString()).toContain(address === reporter(name) ? 'We have your report' : `Found by ${name}.`);
  }
}

test('killed right after the 250, while the relay hangs: after the restart every copy arrives, once', async () => {
  gateway.holds = () => true;
  expect(await report('ann')).toMatch(/^250 2\.0\.0 Accepted as/);
  expect(await house.kill()).toMatchObject({ signal: 'SIGKILL' });
  expect(sink.mails).toEqual([]);
  gateway.open();
  await house.start();
  await sink.waitFor(4);
  await house.settled();
  expect(counted(sink.mails)).toEqual(everybody('ann'));
  await expectReadable(sink.mails, 'ann');
});

test('killed when the relay had copies and had not said so: they come again under the same Message-ID', async () => {
  gateway.holds = () => sink.mails.length > 0;
  expect(await report('bob')).toMatch(/^250 /);
  await sink.waitFor(1);
  await house.kill();
  await sink.idle();
  const before = new Map(sink.mails.splice(0).map((mail) => [mail.to.join(), messageIdOf(mail)]));
  gateway.open();
  await house.start();
  await sink.waitFor(4);
  await house.settled();
  expect(counted(sink.mails)).toEqual(everybody('bob'));
  expect(before.size).toBeGreaterThan(0);
  for (const [address, id] of before) expect(mailsTo(sink, address).map(messageIdOf)).toEqual([id]);
  await expectReadable(sink.mails, 'bob');
});

test('killed after the relay put every copy off: they wait a minute, and come under the same Message-ID', async () => {
  sink.atData = () => ({ code: 451, text: '4.3.0 later' });
  expect(await report('cyd')).toMatch(/^250 /);
  await house.settled();
  const sent = systemClock.now();
  const deferred = house.rows<{ due_at: number; reason: string; response: string; attempts: number }>(
    `select * from deliveries where state = 'deferred'`,
  );
  expect(deferred.map(({ reason, attempts }) => [reason, attempts])).toEqual(Array(4).fill(['try-later', 1]));
  for (const { due_at, response } of deferred) {
    expect(response).toBe('451 4.3.0 later');
    expect(due_at - sent).toBeGreaterThan(40 * SECOND);
    expect(due_at - sent).toBeLessThan(72 * SECOND);
  }
  await house.kill();
  sink.atData = () => 'accept';
  await house.start();
  expect(sink.mails).toEqual([]);
  house.makeDue();
  await sink.waitFor(4);
  await house.settled();
  expect(counted(sink.mails)).toEqual(everybody('cyd'));
  for (const mail of sink.unanswered)
    expect(mailsTo(sink, mail.to.join()).map(messageIdOf), mail.to.join()).toEqual([messageIdOf(mail)]);
});

test('stopped in the middle of a delivery: what the relay takes meanwhile is settled, exit 0, and nothing comes twice', async () => {
  gateway.holds = () => sink.mails.length > 0;
  expect(await report('dan')).toMatch(/^250 /);
  await sink.waitFor(1);
  const stopping = house.stop();
  await pause(300);
  gateway.open();
  expect(await stopping).toMatchObject({ code: 0, signal: null });
  await house.start();
  await sink.waitFor(4);
  await house.settled();
  expect(counted(sink.mails)).toEqual(everybody('dan'));
});

test('stopped while the relay hangs: exit 0 within 10 seconds, and nothing is lost', async () => {
  gateway.holds = () => sink.mails.length > 0;
  expect(await report('eve')).toMatch(/^250 /);
  await sink.waitFor(1);
  const begun = systemClock.now();
  expect(await house.stop()).toMatchObject({ code: 0, signal: null });
  expect(systemClock.now() - begun).toBeLessThan(10 * SECOND);
  await sink.idle();
  const before = new Map(sink.mails.splice(0).map((mail) => [mail.to.join(), messageIdOf(mail)]));
  gateway.open();
  await house.start();
  house.makeDue();
  await sink.waitFor(4);
  await house.settled();
  expect(counted(sink.mails)).toEqual(everybody('eve'));
  for (const [address, id] of before) expect(mailsTo(sink, address).map(messageIdOf)).toEqual([id]);
});

const PUBLIC = ['oss@public.example', 'press@press.example', 'reader@home.example'];

/** A dispatched case whose instant is `ms` from now; nothing of it is in the sink. */
async function embargoed(name: string, ms: number): Promise<{ id: string; releaseAt: Instant }> {
  const id = await openCase(house, {}, reporter(name));
  const [lead = ''] = await Promise.all(TEAM.slice(0, 2).map((person) => house.token(person)));
  const releaseAt = systemClock.now() + ms;
  await arm(house, id, { releaseAt, subject: 'CVE-2026-99001: a hole' });
  await dispatch(house, id);
  // Or else somebody would be asked to lead it.
  expect(await house.api(lead, 'POST', `/cases/${id}/lead`, {})).toMatchObject({ status: 201 });
  await house.settled();
  expect(systemClock.now()).toBeLessThan(releaseAt);
  sink.mails.length = 0;
  return { id, releaseAt };
}

/** Starts it twice: everybody whom the release concerns has exactly one mail, and in its second life nothing more. */
async function expectReleasedOnce(name: string): Promise<void> {
  const told = [...MEMBERS, ...PUBLIC, reporter(name)].sort();
  for (const life of ['first', 'second']) {
    await house.start();
    await sink.waitFor(told.length);
    await house.settled();
    expect(counted(sink.mails), `in its ${life} life`).toEqual(Object.fromEntries(told.map((address) => [address, 1])));
    await house.kill();
  }
  for (const { to, raw } of sink.mails) expect(raw.includes('CVE-2026-99001')).toBe(PUBLIC.includes(to.join()));
  await house.start();
}

test('dead while the release instant passes: published once after the restart, and everybody told once', async () => {
  const { releaseAt } = await embargoed('fay', 4 * SECOND);
  await house.kill();
  await pause(releaseAt + 200 - systemClock.now());
  expect(sink.mails).toEqual([]);
  await expectReleasedOnce('fay');
});

test('killed between the release and the first public copy: published once after the restart', async () => {
  const { id } = await embargoed('gus', 4 * SECOND);
  gateway.holds = () => true;
  const state = () => house.rows<{ state: string }>('select state from cases where id = ?', id)[0]?.state;
  await expect.poll(state, { timeout: 10_000, interval: 5 }).toBe('released');
  await house.kill();
  expect(sink.mails).toEqual([]);
  gateway.open();
  await expectReleasedOnce('gus');
});

test('killed between two public channels: the first has it once, the second after the restart, and nobody twice', async () => {
  const { id } = await embargoed('ida', 4 * SECOND);
  const [outside, ...readers] = PUBLIC;
  const state = () =>
    house.rows<{ state: string }>('select state from deliveries where address = ?', outside).map((row) => row.state);
  // What is for the second channel is lost on the way: the first one is through by then.
  sink.atData = ({ to }) => (to.join() === outside ? 'drop' : 'accept');
  gateway.holds = () => sink.unanswered.length > 0;
  await expect.poll(() => sink.unanswered.length, { timeout: 10_000, interval: 5 }).toBe(1);
  expect(counted(sink.mails)).toEqual(Object.fromEntries(readers.map((address) => [address, 1])));
  await house.kill();
  expect(state().filter((one) => one !== 'delivered')).toHaveLength(1);
  sink.atData = () => 'accept';
  gateway.open();
  await house.start();
  house.makeDue();
  const told = [...MEMBERS, ...PUBLIC, reporter('ida')].sort();
  await sink.waitFor(told.length);
  await house.settled();
  expect(counted(sink.mails)).toEqual(Object.fromEntries(told.map((address) => [address, 1])));
  const again = mailsTo(sink, outside ?? '').map(messageIdOf);
  expect(again).toEqual(sink.unanswered.map(messageIdOf));
  const { body } = await house.api(house.adminToken, 'GET', `/cases/${id}`);
  expect(body).toMatchObject({ state: 'released' });
});

test('the date was set while it was dead: nothing is published, although the instant has come, until an admin confirms the clock', async () => {
  const { id, releaseAt } = await embargoed('hal', 4 * SECOND);
  await house.stop();
  house.setDate(-HOUR);
  await house.start();
  await pause(releaseAt - systemClock.now());
  // That the clock is in doubt, and that the case is overdue: by the time that is believed its instant was an hour ago.
  // And whose turn it is to lead the reports that came before in this house: nobody has claimed them within an hour.
  const vacant = house.rows(`select id from cases where lead_id is null and state <> 'released'`).length;
  await sink.waitFor(2 * TEAM.length + vacant);
  await pause(SECOND);
  const counts = counted(sink.mails);
  expect(Object.keys(counts)).toEqual([...TEAM].sort());
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(2 * TEAM.length + vacant);
  expect(Math.min(...Object.values(counts))).toBeGreaterThanOrEqual(2);
  const named = ['--name', 'clock', '--role', 'admin', '--person', TEAM[0], '--json'];
  const { token } = JSON.parse((await house.curfew('token', 'create', ...named)).stdout);
  const early = await house.api(token, 'POST', `/cases/${id}/release-now`);
  expect(early).toMatchObject({ status: 503, body: { code: 'clock-suspect' } });
  const { body } = await house.api(token, 'GET', '/clock');
  expect(body).toMatchObject({ trusted: false, why: 'behind', here: true });
  sink.mails.length = 0;
  expect(await house.api(token, 'POST', '/clock/confirm', { wall: body['wall'] })).toMatchObject({ status: 200 });
  // And that the clock is believed again.
  const told = [...MEMBERS, ...PUBLIC, ...TEAM, reporter('hal')].sort();
  await sink.waitFor(told.length);
  expect(counted(sink.mails)).toEqual(Object.fromEntries(told.map((address) => [address, 1])));
});
