import { beforeEach, expect, test } from 'vitest';
import { signHead } from '../../src/audit/heads.ts';
import { close } from '../../src/cases/after.ts';
import { linkDuplicate } from '../../src/cases/duplicate.ts';
import { sendNotice } from '../../src/cases/notices.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/clock.ts';
import { release } from '../../src/embargo/release.ts';
import { word } from '../../src/http/gauges.ts';
import { reasons } from '../../src/refusal.ts';
import { importRoster } from '../../src/roster/import.ts';
import * as lists from '../../src/store/lists.ts';
import { OPTIONS, outbox } from '../delivery/outbox.ts';
import { arm, PUBLIC, scheduled, subscribe } from '../embargo/armed.ts';
import { arrive, CANARY, letterOf, listCertificate } from '../post/arrive.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, type House, LISTS } from '../support/house.ts';
import { generate } from '../support/party.ts';
import { serving, type TestApi } from './api.ts';
import { above0, of, scrape } from './prometheus.ts';

eachEngine((engine) => {
  const serve = serving();
  let api: TestApi;
  let house: House;

  beforeEach(async () => {
    api = await serve(await engine.open());
    house = api.house;
  });

  const later = (ms: number) => house.clock.moveTo(house.clock.now() + ms);

  test('only an auditor and an admin read them', async () => {
    const answers = [null, 'made up', await house.token('team'), await house.token('admin')].map((token) =>
      api.ask(token, 'GET /metrics'),
    );
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([401, 401, 403, 200]);
  });

  test('copies by state and audience, the age of the oldest, and why they are held', async () => {
    expect(above0(await scrape(api), 'curfew_queue_copies')).toEqual({});
    expect(Object.keys(of(await scrape(api), 'curfew_queue_oldest_age_seconds'))).toHaveLength(16);
    await house.report();
    later(90 * SECOND);
    const queued = await scrape(api);
    expect(above0(queued, 'curfew_queue_copies')).toEqual({
      '{state="queued",audience="contact"}': 3,
      '{state="queued",audience="stranger"}': 1,
    });
    expect(above0(queued, 'curfew_queue_oldest_age_seconds')).toEqual({
      '{state="queued",audience="contact"}': 90,
      '{state="queued",audience="stranger"}': 90,
    });

    const [lena, dirk] = house.team;
    await house.db.updateTable('contacts').set({ active: 0 }).where('id', '=', dirk.contactId).execute();
    const box = outbox(house, { ...OPTIONS, settled: api.numbers.settled });
    box.answers = ({ to }) =>
      to === lena.address
        ? { state: 'deferred', reason: 'try-later', response: `451 ${CANARY}` }
        : { state: 'delivered', response: '250' };
    await box.drain();
    const settled = await scrape(api);
    expect(above0(settled, 'curfew_queue_copies')).toEqual({
      '{state="deferred",audience="contact"}': 1,
      '{state="held",audience="contact"}': 1,
    });
    expect(of(settled, 'curfew_queue_held_copies')).toEqual({ '{reason="not-active"}': 1 });
    expect(above0(settled, 'curfew_deliveries_settled_total')).toEqual({
      '{state="delivered",audience="contact"}': 1,
      '{state="delivered",audience="stranger"}': 1,
      '{state="deferred",audience="contact"}': 1,
      '{state="held",audience="contact"}': 1,
    });

    await house.db.updateTable('contacts').set({ active: 1 }).where('id', '=', dirk.contactId).execute();
    const { status } = await api.ask(await house.token('admin'), `POST /api/v1/deliveries/${await heldCopy()}/retry`, {
      body: {},
    });
    expect(status).toBe(200);
    expect(of(await scrape(api), 'curfew_queue_held_copies')).toEqual({});
  });

  const heldCopy = async () => {
    const copies = house.db.selectFrom('deliveries').select('id').where('state', '=', 'held');
    return (await copies.executeTakeFirstOrThrow()).id;
  };

  test('posts that wait for a person', async () => {
    const [alpha] = house.members;
    await lists.change(house.db, 'distributors', { moderated: 1 });
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    const raw = await encryptedMail(letterOf(house, alpha, { to: LISTS.distributors }), sealing);
    expect(of(await scrape(api), 'curfew_posts_held_oldest_age_seconds')).toEqual({ '': 0 });
    expect((await arrive(house, raw, { to: LISTS.distributors, sender: alpha.address })).held).toBe('moderated');
    later(HOUR);
    expect(of(await scrape(api), 'curfew_posts_held')).toEqual({ '{reason="moderated"}': 1 });
    expect(of(await scrape(api), 'curfew_posts_held_oldest_age_seconds')).toEqual({ '': 3600 });
  });

  test('cases by state, the time until the next release, and what is overdue', async () => {
    expect(of(await scrape(api), 'curfew_release_next_seconds')).toEqual({});
    await house.report();
    await scheduled(house, house.clock.now() + 2 * HOUR);
    const first = await arm(house, await scheduled(house, house.clock.now() + HOUR));
    await arm(house, await scheduled(house, house.clock.now() + 3 * HOUR));
    later(MINUTE);
    const before = await scrape(api);
    expect(of(before, 'curfew_cases')).toEqual({
      '{state="received"}': 1,
      '{state="scheduled"}': 1,
      '{state="armed"}': 2,
      '{state="released"}': 0,
    });
    expect(of(before, 'curfew_release_next_seconds')).toEqual({ '{state="scheduled"}': 7140, '{state="armed"}': 3540 });
    expect(of(before, 'curfew_releases_overdue')).toEqual({
      '{state="scheduled"}': 0,
      '{state="armed"}': 0,
      '{state="released"}': 0,
    });
    later(2 * HOUR);
    const after = await scrape(api);
    expect(of(after, 'curfew_release_next_seconds')).toEqual({ '{state="armed"}': 3540 });
    expect(of(after, 'curfew_releases_overdue')).toEqual({
      '{state="scheduled"}': 1,
      '{state="armed"}': 1,
      '{state="released"}': 0,
    });
    await subscribe(house);
    await release(house, first.id);
    expect(above0(await scrape(api), 'curfew_releases_overdue')).toEqual({ '{state="scheduled"}': 1 });
    later(MINUTE + SECOND);
    expect(above0(await scrape(api), 'curfew_releases_overdue')).toEqual({ '{state="scheduled"}': 1, '{state="released"}': 1 });
  });

  test('no case is overdue, or waits for its instant, that was rejected or closed', async () => {
    const [lena] = house.team;
    const all = [await scheduled(house), await arm(house, await scheduled(house)), await scheduled(house)];
    const { id: original } = await scheduled(house);
    const [scheduledOne, armedOne, duplicate] = all.map(({ id }) => id) as [string, string, string];
    const reject = { text: 'It is none.', list: null };
    for (const id of [scheduledOne, armedOne]) await sendNotice(as(house, lena), id, 'not-a-vulnerability', reject);
    await linkDuplicate(as(house, lena), duplicate, { of: original, text: null });
    await close(as(house, lena), armedOne);
    const seen = async () => {
      const now = await scrape(api);
      return ['cases', 'release_next_seconds', 'releases_overdue'].map((name) => above0(now, `curfew_${name}`));
    };
    const waits = { '{state="scheduled"}': 1 };
    expect(await seen()).toEqual([waits, { '{state="scheduled"}': 3600 }, {}]);
    later(2 * HOUR);
    expect(await seen()).toEqual([waits, {}, waits]);
  });

  test('the length of the audit log, its signed head, and what came after it', async () => {
    const before = await scrape(api);
    const [lines = 0] = Object.values(of(before, 'curfew_audit_lines'));
    expect(lines).toBeGreaterThan(0);
    expect(of(before, 'curfew_audit_unsigned_lines')).toEqual({ '': lines });
    expect(of(before, 'curfew_audit_head_timestamp_seconds')).toEqual({});
    await signHead(house, { project: 'orbit', days: 1, to: [] });
    const signedAt = house.clock.now() / SECOND;
    // The token of this scrape is what was done since.
    expect(of(await scrape(api), 'curfew_audit_unsigned_lines')).toEqual({ '': 1 });
    await house.report();
    later(DAY);
    const after = await scrape(api);
    expect(of(after, 'curfew_audit_head_timestamp_seconds')).toEqual({ '': signedAt });
    expect(Object.values(of(after, 'curfew_audit_unsigned_lines'))[0]).toBeGreaterThan(1);
  });

  test('how soon certificates and list keys expire', async () => {
    const now = house.clock.now();
    const born = now - DAY;
    const contact = async (name: string, days: number) => {
      const address = `${name}@gamma.example`;
      const { public: certificate } = await generate(address, name, { born, lifetime: ((days + 1) * DAY) / SECOND });
      return { address, certificate };
    };
    const people = [
      contact('three', 2),
      contact('fourteen', 10),
      contact('ninety', 89),
      contact('far', 400),
      contact('soon', 0.5),
    ];
    const entry = { organisation: 'Gamma', lists: [LISTS.distributors], contacts: await Promise.all(people) };
    const imported = await importRoster(house, [entry], { activate: { reason: 'test' }, dryRun: false });
    expect(imported.problems).toEqual([]);

    expect(of(await scrape(api), 'curfew_certificates')).toEqual({});
    const read = await certificatesAt(now);
    expect(of(read, 'curfew_certificates')).toEqual({ '': 10 });
    expect(of(read, 'curfew_certificates_expiring')).toEqual({
      '{within="3d"}': 2,
      '{within="14d"}': 3,
      '{within="30d"}': 3,
      '{within="90d"}': 4,
    });
    expect(of(read, 'curfew_certificates_unusable')).toEqual({ '{reason="expired"}': 0 });
    expect(of(read, 'curfew_list_key_expiry_seconds')).toEqual({
      '{role="intake"}': 730 * 86_400,
      '{role="private"}': 730 * 86_400,
      '{role="public"}': 730 * 86_400,
    });

    // What ends between two readings has ended.
    later(DAY / 2);
    expect(of(await scrape(api), 'curfew_certificates_unusable')).toEqual({ '{reason="expired"}': 1 });
  });

  /** The scrape that has the reading which was done at that instant. */
  async function certificatesAt(instant: number) {
    for (let tries = 0; tries < 200; tries++) {
      const answer = await scrape(api);
      if (of(answer, 'curfew_certificates_read_timestamp_seconds')[''] === instant / SECOND) return answer;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error('the certificates were not read within five seconds');
  }

  test('nothing of a mail, a case, a person or a list is in them', async () => {
    const [alpha] = house.members;
    const sealing = { recipients: [listCertificate(house, LISTS.security)], signer: alpha };
    const sender = `${CANARY}@sender.example`;
    const { caseId } = await arrive(house, await encryptedMail(letterOf(house, alpha), sealing), { sender });
    await arm(house, await scheduled(house, house.clock.now() + HOUR, caseId ?? ''));
    const box = outbox(house, { ...OPTIONS, settled: api.numbers.settled });
    box.answers = () => ({ state: 'deferred', reason: 'try-later', response: `451 ${CANARY}` });
    await box.drain();
    // By a hand, or a later version.
    await house.db
      .updateTable('deliveries')
      .set({ state: 'held', reason: `held ${CANARY}@x.example` })
      .execute();
    api.numbers.judged('refused', `${CANARY}@x.example`);
    await scrape(api);
    const { text } = await certificatesAt(house.clock.now());
    expect(text).toContain('curfew_queue_held_copies{reason="other"}');
    expect(text).toContain('curfew_mail_verdicts_total{outcome="refused",reason="other"} 1');
    const { organisation } = await house.db.selectFrom('members').select('organisation').executeTakeFirstOrThrow();
    const words = [CANARY, caseId ?? 'none', PUBLIC.subject, PUBLIC.text.trim(), organisation, '@', 'orbit', 'example'];
    const fingerprints = [alpha.fingerprint, ...house.keyring.all().map(({ fingerprint }) => fingerprint)];
    for (const secret of [...words, ...fingerprints]) expect(text.toLowerCase()).not.toContain(secret.toLowerCase());
  });
});

test('a label is a word of the program or says nothing', () => {
  expect(reasons.map(word)).toEqual(reasons);
  expect(['4.5.3', null].map(word)).toEqual(['4.5.3', 'none']);
  for (const other of [
    '',
    'a b',
    'x@y.example',
    'ORBIT-2026-0001',
    'orbit-2026-0001',
    '0f'.repeat(20),
    `${'x'.repeat(41)}`,
    'a"b',
    'a\nb',
  ])
    expect(word(other)).toBe('other');
});
