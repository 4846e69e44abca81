import { beforeEach, expect, test } from 'vitest';
import { DAY, HOUR, toIso } from '../../src/clock.ts';
import { bounce, posting } from '../delivery/bounced.ts';
import { type Outbox, outbox } from '../delivery/outbox.ts';
import { arrive } from '../post/arrive.ts';
import { eachEngine } from '../support/dialects.ts';
import type { House } from '../support/house.ts';
import { serving, type TestApi } from './api.ts';
import { of, scrape } from './prometheus.ts';

eachEngine((engine) => {
  const serve = serving();
  let api: TestApi;
  let house: House;
  let box: Outbox;
  let auditor: string;

  beforeEach(async () => {
    api = await serve(await engine.open());
    house = api.house;
    box = outbox(house);
    auditor = await house.token('auditor');
  });

  /** Of the member Beta’s one contact, as REST says. */
  const healthOfBeta = async () => {
    const [, beta] = house.members;
    return (await api.ask(auditor, `GET /api/v1/contacts/${beta.address}`)).body.health;
  };
  const toBeta = async () => {
    const [alpha, beta] = house.members;
    await posting(house, alpha);
    return (await box.drain()).find(({ to }) => to === beta.address);
  };
  const later = (ms: number) => house.clock.moveTo(house.clock.now() + ms);
  const counted = async () => of(await scrape(api), 'curfew_contacts');

  test('it is well until a copy comes back, and well again when one has stood for a day', async () => {
    const none = { count: 0, firstAt: null, lastAt: null };
    expect(await healthOfBeta()).toMatchObject({ state: 'well', deliveredAt: null, hard: none, soft: none, line: null });
    const copy = await toBeta();
    const takenAt = toIso(house.clock.now());
    expect(await healthOfBeta()).toMatchObject({ state: 'well', deliveredAt: takenAt });
    later(HOUR);
    await bounce(house, copy, { status: '5.1.1', words: '550 no such user' });
    const failedAt = toIso(house.clock.now());
    const once = { count: 1, firstAt: failedAt, lastAt: failedAt };
    expect(await healthOfBeta()).toMatchObject({
      state: 'failing',
      deliveredAt: takenAt,
      hard: once,
      soft: none,
      line: '5.1.1 550 no such user',
    });
    expect(await counted()).toEqual({ '{health="well"}': 4, '{health="soft"}': 0, '{health="failing"}': 1 });
    later(HOUR);
    expect(await toBeta()).toBeDefined();
    expect(await healthOfBeta()).toMatchObject({ state: 'failing', hard: once });
    later(DAY);
    expect(await healthOfBeta()).toMatchObject({ state: 'well', hard: none, line: null });
    expect(await counted()).toEqual({ '{health="well"}': 5, '{health="soft"}': 0, '{health="failing"}': 0 });
  });

  test('one copy counts once, whatever is said of it', async () => {
    const copy = await toBeta();
    for (let times = 0; times < 3; times++) await bounce(house, copy, { status: '5.1.1' });
    expect(await healthOfBeta()).toMatchObject({ hard: { count: 1 } });
  });

  test('behind an address may be several: what is said of him is what is said of the one who did not get it', async () => {
    const report = [
      'From: MAILER-DAEMON@elsewhere.example',
      'Content-Type: message/delivery-status',
      '',
      'Reporting-MTA: dns; elsewhere.example',
      ...['delivered 2.0.0 250 taken', 'failed 5.2.2 552 full'].flatMap((line) => {
        const [action, status, ...words] = line.split(' ');
        const fields = [`Action: ${action}`, `Status: ${status}`, `Diagnostic-Code: smtp; ${words.join(' ')}`];
        return ['', `Final-Recipient: rfc822; ${action}@elsewhere.example`, ...fields];
      }),
      '',
    ];
    const copy = await toBeta();
    await arrive(house, Buffer.from(report.join('\r\n')), { to: copy?.from ?? '', sender: null });
    expect(await healthOfBeta()).toMatchObject({ state: 'soft', line: '5.2.2 552 full' });
  });

  test('what comes late says nothing of him: nobody tries for so long', async () => {
    const copy = await toBeta();
    later(6 * DAY);
    await bounce(house, copy, { status: '5.1.1' });
    expect(await healthOfBeta()).toMatchObject({ state: 'well', hard: { count: 0 } });
  });

  test('what the relay itself says counts as well: refused, full, or too long without an answer', async () => {
    const [, beta] = house.members;
    const refusing = (answers: typeof box.answers) => {
      box.answers = (mail) => (mail.to === beta.address ? answers(mail) : { state: 'delivered', response: '250' });
    };
    refusing(() => ({ state: 'failed', reason: 'rejected', response: '552 5.2.2 over quota' }));
    await toBeta();
    expect(await healthOfBeta()).toMatchObject({ state: 'soft', soft: { count: 1 }, line: '552 5.2.2 over quota' });
    refusing(() => ({ state: 'deferred', reason: 'try-later', response: '451 4.2.0 later' }));
    await toBeta();
    later(4 * DAY);
    await box.drain();
    expect(await healthOfBeta()).toMatchObject({ state: 'failing', soft: { count: 2 }, line: '451 4.2.0 later' });
  });

  test('a mail that is too large for him, and a relay that answers nobody, say nothing of him', async () => {
    const [, beta] = house.members;
    box.answers = ({ to }) =>
      to === beta.address
        ? { state: 'failed', reason: 'rejected', response: '552 5.3.4 too big' }
        : { state: 'delivered', response: '250' };
    await toBeta();
    box.answers = () => ({ state: 'deferred', reason: 'relay-unreachable', response: 'connect ECONNREFUSED' });
    await toBeta();
    later(4 * DAY);
    await box.drain();
    expect(await healthOfBeta()).toMatchObject({ state: 'well' });
    expect(await counted()).toMatchObject({ '{health="well"}': 5 });
  });

  test('a delay is soft, and forgotten with the mail that arrives', async () => {
    await bounce(house, await toBeta(), { status: '4.4.1', action: 'delayed' });
    expect(await healthOfBeta()).toMatchObject({ state: 'soft', delayedAt: toIso(house.clock.now()), soft: { count: 0 } });
    await toBeta();
    later(6 * DAY);
    expect(await healthOfBeta()).toMatchObject({ state: 'well', delayedAt: null });
  });
});
