import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { DAY, MINUTE, toIso } from '../../src/clock.ts';
import { patchEntity } from '../../src/embargo/contents.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import { KNOWN } from '../embargo/armed.ts';
import { NOW } from '../store/roster-rows.ts';
import { eachEngine } from '../support/dialects.ts';
import { LISTS } from '../support/house.ts';
import { unguarded } from '../support/unguarded.ts';
import { serving, type TestApi } from './api.ts';

const RELEASE = NOW + 7 * DAY;
const draft = { releaseAt: toIso(RELEASE), subject: 'CANARY-subject', text: 'CANARY-text\n' };
const fix = Buffer.from('--- a\n+++ b\n\0\xff CANARY-patch\n', 'latin1');
const patch = { name: '../CANARY-name.patch', content: fix.toString('base64') };
const refusal = (status: number, code: string) => ({ status, body: { status, code } });

eachEngine((engine) => {
  const serve = serving();

  /** A case with a report, and two people of the team. */
  async function open(): Promise<{ api: TestApi; at: string; lena: string; dirk: string }> {
    const api = await serve(await engine.open());
    const at = `/api/v1/cases/${await api.house.report()}`;
    const [lena, dirk] = api.house.team;
    return { api, at, lena: await api.house.token('team', lena.address), dirk: await api.house.token('team', dirk.address) };
  }

  test('of an armed case the bundle, and what is proposed in its place, are read, approved and taken back by themselves', async () => {
    const { api, at, lena, dirk } = await open();
    await api.ask(lena, `PATCH ${at}`, { body: KNOWN });
    const { body: first } = await api.ask(lena, `PUT ${at}/schedule`, { body: draft });
    for (const by of [lena, dirk]) await api.ask(by, `POST ${at}/approvals`, { body: { hash: first.bundleHash } });
    expect(await api.ask(lena, `GET ${at}/bundle?proposed=true`)).toMatchObject(refusal(409, 'conflict'));
    const words = { subject: 'CANARY-other', text: 'CANARY-other\n' };
    const { body: shown } = await api.ask(dirk, `PUT ${at}/text`, { body: words });
    const since = toIso(api.house.clock.now());
    const { hash } = shown.proposal;
    expect(shown).toMatchObject({
      ...{ state: 'armed', bundleHash: first.bundleHash, releaseAt: draft.releaseAt },
      proposal: { hash: expect.stringMatching(/^[0-9a-f]{64}$/), since, releaseAt: draft.releaseAt, changes: ['text'] },
    });
    expect((await api.ask(lena, `GET ${at}/bundle`)).body).toMatchObject({ hash: first.bundleHash, subject: draft.subject });
    expect((await api.ask(lena, `GET ${at}/bundle?proposed=true`)).body).toMatchObject({ hash, subject: words.subject });
    expect(await api.ask(lena, `POST ${at}/approvals`, { body: { hash } })).toMatchObject({
      body: { bundleHash: first.bundleHash, approvals: expect.arrayContaining([expect.objectContaining({ what: 'proposal' })]) },
    });
    expect(await api.ask(lena, `POST ${at}/retract?proposed=true`)).toMatchObject({
      body: { state: 'armed', bundleHash: first.bundleHash, proposal: null },
    });
    expect(await api.ask(dirk, `POST ${at}/approvals`, { body: { hash } })).toMatchObject(refusal(409, 'approval-voided'));
  });

  test('when the reporter would have it released is shown in UTC, with the rules that it would break, or in his words', async () => {
    const { api, at, lena } = await open();
    await api.house.db.updateTable('cases').set({ policies: 'k8s-2017' }).execute();
    const wished = async (wishedAt: string) => {
      const reporter = { wishedAt, credit: null, anonymous: false };
      return (await api.ask(lena, `PATCH ${at}`, { body: { reporter } })).body.wish;
    };
    expect(await wished('9am PT')).toEqual({ words: '9am PT', at: null, answer: null });
    const late = await wished('2027-01-01T01:00:00+02:00');
    expect(late).toMatchObject({ at: '2026-12-31T23:00:00.000Z', answer: { ok: false, violations: [{ code: 'OVER_MAX' }] } });
    expect(late.answer.violations[0].latest).toBe(toIso(NOW + 21 * DAY));
    expect((await api.ask(lena, `GET ${at}/details`)).body.wish).toEqual(late);
    for (const cwe of [['CWE-99999'], ['CWE-79', 'CWE-79']])
      expect(await api.ask(lena, `PATCH ${at}`, { body: { cwe } })).toMatchObject(refusal(422, 'invalid'));
  });

  test('from the schedule to the release: two people, one patch, one public post', async () => {
    const { api, at, lena, dirk } = await open();
    expect(await api.ask(lena, `PATCH ${at}`, { body: KNOWN })).toMatchObject({ status: 200, body: { lacking: [] } });
    const scheduled = await api.ask(lena, `PUT ${at}/schedule`, { body: draft });
    expect(scheduled).toMatchObject({ status: 200, body: { state: 'in_fix', revision: 3, channels: [LISTS.announce] } });
    expect(scheduled.headers.get('etag')).toBe('"3"');
    const added = await api.ask(dirk, `POST ${at}/patches`, { body: patch });
    const sha256 = createHash('sha256').update(fix).digest('hex');
    expect(added).toMatchObject({ status: 201, body: { patch: { name: 'CANARY-name.patch', sha256, size: fix.length } } });

    const bundle = await api.ask(dirk, `GET ${at}/bundle`);
    expect(bundle.body).toEqual({
      hash: added.body.case.bundleHash,
      releaseAt: draft.releaseAt,
      channels: [LISTS.announce],
      unread: [LISTS.announce],
      subject: draft.subject,
      text: expect.stringMatching(/^CANARY-text\s*$/),
      external: {
        subject: '[orbit] CVE-2026-99001: overflow in the frobnicator',
        text: expect.stringMatching(/^CANARY-text\s*$/),
      },
      note: false,
      patches: [{ id: added.body.patch.id, name: 'CANARY-name.patch', sha256, size: fix.length }],
    });
    const { hash } = bundle.body;
    expect(await api.ask(lena, `POST ${at}/approvals`, { body: { hash } })).toMatchObject({
      status: 201,
      body: { state: 'in_fix', approvals: [{ what: 'bundle', person: 'lena@orbit.example' }] },
    });
    expect(await api.ask(dirk, `POST ${at}/approvals`, { body: { hash } })).toMatchObject({
      status: 201,
      body: { state: 'armed' },
    });

    const dispatched = await api.ask(lena, `POST ${at}/dispatch`, { body: { list: LISTS.distributors } });
    expect(dispatched).toMatchObject({ status: 202, body: { copies: 2 } });
    const early = await api.ask(lena, `POST ${at}/release-now`);
    expect(early).toMatchObject(refusal(403, 'not-released'));
    expect(early.body.detail).toContain(draft.releaseAt);
    expect(await deliveries.page(api.house.db, { limit: 9, audience: 'public' })).toEqual([]);

    await api.ask(await api.house.token('admin'), `POST /api/v1/lists/${LISTS.announce}/recipients`, {
      body: { address: 'reader@example.net', kind: 'subscriber' },
    });
    api.house.clock.moveTo(RELEASE);
    expect(await api.ask(lena, `POST ${at}/release-now`)).toMatchObject({
      status: 200,
      body: { state: 'released', releasedAt: draft.releaseAt },
    });
    expect(await api.ask(dirk, `POST ${at}/release-now`)).toMatchObject(refusal(409, 'already-released'));
    const copies = await deliveries.page(api.house.db, { limit: 9, audience: 'public' });
    expect(copies.map(({ address }) => address)).toEqual(['reader@example.net']);
    // What was released is kept from nobody.
    for (const verb of ['hold', 'drop'])
      expect(
        await api.ask(lena, `POST /api/v1/deliveries/${copies[0]?.id}/${verb}`, { body: { reason: 'no' } }),
        verb,
      ).toMatchObject({ status: 409, body: { detail: expect.stringContaining('copy of a release') } });
    expect(api.rung.deliveries).toBe(2);
    expect(api.rung.releases).toBeGreaterThan(0);
  });

  test('no word of it is in the log, nor in what is read without the bundle', async () => {
    const { api, at, lena } = await open();
    const auditor = await api.house.token('auditor');
    await api.ask(lena, `PUT ${at}/schedule`, { body: draft });
    await api.ask(lena, `POST ${at}/patches`, { body: patch });
    await api.ask(lena, `PUT ${at}/schedule`, { body: { ...draft, subject: 7 } });
    await api.ask(lena, `POST ${at}/patches`, { raw: '{"name": "CANARY' });
    await api.ask(lena, 'GET /api/v1/CANARY?CANARY=1');
    await api.ask(lena, 'GET /api/v1/cases/CANARY');
    await api.ask(lena, `GET ${at}/bundle`);
    const read = await Promise.all(
      [at, `${at}/deliveries`, '/api/v1/cases', '/api/v1/posts', '/api/v1/deliveries'].map((path) =>
        api.ask(auditor, `GET ${path}`),
      ),
    );
    for (const { status, body } of read) {
      expect(status).toBe(200);
      expect(JSON.stringify(body)).not.toMatch(/CANARY|A hole|crashes/);
    }
    expect(api.logged()).toContain('/api/v1/cases/:id/bundle');
    expect(api.logged()).not.toMatch(/CANARY|curfew_/);
  });

  test('one person with two tokens is one person', async () => {
    const { api, at, lena } = await open();
    const { body } = await api.ask(lena, `PUT ${at}/schedule`, { body: draft });
    const again = await api.house.token('admin', 'lena@orbit.example');
    const approval = { body: { hash: body.bundleHash } };
    expect((await api.ask(lena, `POST ${at}/approvals`, approval)).status).toBe(201);
    expect(await api.ask(again, `POST ${at}/approvals`, approval)).toMatchObject(refusal(409, 'approved-already'));
    expect((await api.ask(lena, `GET ${at}`)).body.approvals).toHaveLength(1);
  });

  test('a token of nobody approves nothing, and reads the bundle only as an admin', async () => {
    const { api, at, lena } = await open();
    const { body } = await api.ask(lena, `PUT ${at}/schedule`, { body: draft });
    const [admin, team] = [await api.house.token('admin'), await api.house.token('team')];
    for (const token of [admin, team])
      expect(await api.ask(token, `POST ${at}/approvals`, { body: { hash: body.bundleHash } })).toMatchObject(
        refusal(403, 'needs-person'),
      );
    expect(await api.ask(team, `GET ${at}/bundle`)).toMatchObject(refusal(403, 'needs-person'));
    expect((await api.ask(admin, `GET ${at}/bundle`)).status).toBe(200);
  });

  test('any change makes another bundle: the old hash is approved no more, and what was armed is not', async () => {
    const { api, at, lena, dirk } = await open();
    const first = (await api.ask(lena, `PUT ${at}/schedule`, { body: draft })).body.bundleHash;
    for (const token of [lena, dirk]) await api.ask(token, `POST ${at}/approvals`, { body: { hash: first } });
    const added = await api.ask(lena, `POST ${at}/patches`, { body: patch });
    expect(added.body.case).toMatchObject({ state: 'scheduled', approvals: [] });
    expect(await api.ask(dirk, `POST ${at}/approvals`, { body: { hash: first } })).toMatchObject(refusal(409, 'approval-voided'));
    expect(await api.ask(lena, `POST ${at}/dispatch`, { body: { list: LISTS.distributors } })).toMatchObject(
      refusal(409, 'not-approved'),
    );
    const withdrawn = await api.ask(dirk, `DELETE ${at}/patches/${added.body.patch.id}`);
    expect(withdrawn).toMatchObject({ status: 200, body: { patches: [], approvals: [], state: 'scheduled' } });
    expect(await api.ask(dirk, `DELETE ${at}/patches/${added.body.patch.id}`)).toMatchObject(refusal(404, 'not-found'));
  });

  test('what is not what stands approved is not shown, and not approved', async () => {
    const { api, at, lena } = await open();
    await api.ask(lena, `PUT ${at}/schedule`, { body: draft });
    const added = await api.ask(lena, `POST ${at}/patches`, { body: patch });
    const key = api.house.keyring.all().find(({ address }) => address === LISTS.security);
    const another = patchEntity('another.patch', Buffer.from('--- a\n+++ c\n'));
    const content = await api.house.pgp.keep(another, key?.certificate ?? Buffer.alloc(0), api.house.clock.now());
    await unguarded(api.house.db, (trx) =>
      trx.updateTable('patches').set({ content }).where('id', '=', added.body.patch.id).execute(),
    );
    const bundle = await api.ask(lena, `GET ${at}/bundle`);
    expect(bundle).toMatchObject(refusal(409, 'approval-voided'));
    expect(JSON.stringify(bundle.body)).not.toMatch(/another|CANARY/);
  });

  test('an edit of what was changed meanwhile is refused', async () => {
    const { api, at, lena, dirk } = await open();
    const ifMatch = (tag: string) => ({ headers: { 'if-match': tag } });
    const put = (token: string, tag: string) => api.ask(token, `PUT ${at}/schedule`, { body: draft, ...ifMatch(tag) });
    expect((await put(lena, '"1"')).status).toBe(200);
    expect(await put(dirk, '"1"')).toMatchObject(refusal(412, 'stale'));
    expect(await put(dirk, 'W/"2"')).toMatchObject(refusal(412, 'stale'));
    expect(await api.ask(dirk, `POST ${at}/patches`, { body: patch, ...ifMatch('"1"') })).toMatchObject(refusal(412, 'stale'));
    expect((await put(dirk, '"2"')).body.revision).toBe(3);
    expect((await put(dirk, '*')).body.revision).toBe(4);
  });

  test('a schedule that cannot be is refused with its reason', async () => {
    const { api, at, lena } = await open();
    const put = async (change: object) => api.ask(lena, `PUT ${at}/schedule`, { body: { ...draft, ...change } });
    expect(await put({ releaseAt: '2026-09-29T16:00:00' })).toMatchObject(refusal(422, 'no-utc-offset'));
    expect(await put({ releaseAt: 'soon' })).toMatchObject(refusal(422, 'invalid'));
    expect(await put({ releaseAt: toIso(NOW - MINUTE) })).toMatchObject(refusal(422, 'past-instant'));
    expect(await put({ channels: [LISTS.security] })).toMatchObject(refusal(422, 'invalid'));
    expect(await put({ text: '  ' })).toMatchObject(refusal(422, 'invalid'));
    expect(await put({ when: 'now' })).toMatchObject(refusal(422, 'invalid'));
    expect((await api.ask(lena, `GET ${at}`)).body).toMatchObject({ state: 'received', revision: 1 });
    expect(await api.ask(lena, 'PUT /api/v1/cases/ORBIT-2026-0099/schedule', { body: draft })).toMatchObject(
      refusal(404, 'not-found'),
    );
  });

  test('what is not scheduled has no bundle and cannot be released', async () => {
    const { api, at, lena } = await open();
    const hash = '0'.repeat(64);
    expect(await api.ask(lena, `GET ${at}/bundle`)).toMatchObject(refusal(409, 'not-approved'));
    expect(await api.ask(lena, `POST ${at}/approvals`, { body: { hash } })).toMatchObject(refusal(409, 'conflict'));
    expect(await api.ask(lena, `POST ${at}/release-now`)).toMatchObject(refusal(409, 'not-approved'));
  });

  test('a patch comes whole or not at all', async () => {
    const { api, at, lena } = await open();
    const post = (content: string) => api.ask(lena, `POST ${at}/patches`, { body: { name: 'a', content } });
    expect(await post('')).toMatchObject(refusal(422, 'invalid'));
    expect(await post('AAA')).toMatchObject(refusal(422, 'invalid'));
    expect(await post('AA*A')).toMatchObject(refusal(422, 'invalid'));
    expect((await post('QUJD\nREVG\n')).body.patch.size).toBe(6);
  });

  test('cases come in pages, newest first', async () => {
    const { api, lena } = await open();
    for (let i = 0; i < 4; i++) await api.house.report({ text: `${i}` });
    const first = await api.ask(lena, 'GET /api/v1/cases?limit=3');
    const second = await api.ask(lena, `GET /api/v1/cases?limit=3&cursor=${first.body.next}`);
    const ids = [...first.body.items, ...second.body.items].map(({ id }) => id);
    expect(ids).toEqual([5, 4, 3, 2, 1].map((number) => `ORBIT-2026-000${number}`));
    expect(second.body.next).toBe(null);
    expect(await api.ask(lena, 'GET /api/v1/cases?cursor=x')).toMatchObject(refusal(422, 'invalid'));
  });
});
