import { describe, expect, test } from 'vitest';
import { record } from '../../src/audit/record.ts';
import { DAY, MINUTE } from '../../src/clock.ts';
import { openDatabase } from '../../src/store/database.ts';
import * as idempotency from '../../src/store/idempotency.ts';
import { NOW } from '../store/roster-rows.ts';
import { eachEngine } from '../support/dialects.ts';
import { LISTS } from '../support/house.ts';
import { type Answer, type Asking, serving, type TestApi } from './api.ts';
import { calls } from './calls.ts';
import { documented, filled } from './routes.ts';

const refusal = (status: number, code: string) => ({ status, body: { status, code } });
const keyed = (key: string, body?: unknown): Asking => ({ headers: { 'idempotency-key': key }, ...(body ? { body } : {}) });
const RECIPIENTS = `POST /api/v1/lists/${LISTS.announce}/recipients`;
const reader = { address: 'reader@example.net', kind: 'subscriber' };

/** Whether an answer is that of another request, repeated. */
const replayed = ({ headers }: Answer) => headers.get('idempotency-replayed') === 'true';

eachEngine((engine) => {
  const serve = serving();

  async function open() {
    const database = await engine.open();
    const api = await serve(database);
    return { database, api, admin: await api.house.token('admin') };
  }

  const lines = async ({ house }: TestApi) =>
    (await house.db.selectFrom('audit_end').select('seq').executeTakeFirstOrThrow()).seq;
  const rows = ({ house }: TestApi) => house.db.selectFrom('idempotency').selectAll().execute();

  test('the same request again gets the same answer, and is not done again', async () => {
    const { api, admin } = await open();
    const first = await api.ask(admin, RECIPIENTS, keyed('a', reader));
    expect([first.status, replayed(first)]).toEqual([201, false]);
    const before = await lines(api);
    const again = await api.ask(admin, RECIPIENTS, keyed('a', reader));
    expect([again.status, again.body, replayed(again)]).toEqual([201, first.body, true]);
    expect(again.headers.get('content-type')).toBe(first.headers.get('content-type'));
    expect(again.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'));
    expect(await lines(api)).toBe(before);
    expect(await api.ask(admin, RECIPIENTS, keyed('b', reader))).toMatchObject(refusal(409, 'conflict'));
  });

  test('every POST that there is does once what it does', async () => {
    const { api } = await open();
    const token = await api.house.token('admin', 'lena@orbit.example');
    for (const route of (await documented(api)).filter(({ method }) => method === 'POST')) {
      const call = await calls[route.row]?.(api.house);
      const request = filled(route, (segment) => call?.at?.[segment] ?? 'none');
      const first = await api.ask(token, request, keyed(route.row, call?.body));
      expect(first.status, `${request}: ${JSON.stringify(first.body)}`).toBeLessThan(300);
      const before = await lines(api);
      const again = await api.ask(token, request, keyed(route.row, call?.body));
      expect([again.status, again.body, replayed(again)], request).toEqual([first.status, first.body, true]);
      expect(await lines(api), request).toBe(before);
    }
  });

  test('a key is for one request: another path, body or If-Match under it is refused', async () => {
    const { api, admin } = await open();
    const [one, other] = [await api.house.report(), await api.house.report({ text: 'another\n' })];
    const patch = { name: 'a.patch', content: 'QUJD' };
    const post = (id: string, asking: Asking) => api.ask(admin, `POST /api/v1/cases/${id}/patches`, asking);
    const first = await post(one, keyed('a', patch));
    expect(first.headers.get('etag')).toBe('"2"');
    const again = await post(one, keyed('a', patch));
    expect([again.status, again.body, again.headers.get('etag')]).toEqual([201, first.body, '"2"']);
    const others = [
      await post(other, keyed('a', patch)),
      await post(one, keyed('a', { ...patch, name: 'b.patch' })),
      await post(one, { body: patch, headers: { 'idempotency-key': 'a', 'if-match': '"2"' } }),
      await api.ask(admin, 'POST /api/v1/members', keyed('a', { organisation: 'Gamma', lists: [] })),
    ];
    for (const answer of others) expect(answer).toMatchObject(refusal(422, 'idempotency-key-reused'));
    expect((await api.ask(admin, `GET /api/v1/cases/${one}`)).body.patches).toHaveLength(1);
  });

  test('the keys of one token are nothing to another', async () => {
    const { api, admin } = await open();
    const other = await api.house.token('admin');
    expect((await api.ask(admin, RECIPIENTS, keyed('a', reader))).status).toBe(201);
    expect(await api.ask(other, RECIPIENTS, keyed('a', reader))).toMatchObject(refusal(409, 'conflict'));
    const elsewhere = await api.ask(other, RECIPIENTS, keyed('b', { ...reader, address: 'b@example.net' }));
    expect(elsewhere.status).toBe(201);
  });

  test('of several at once one is done, and the others wait or are answered as it was', async () => {
    const { api, admin } = await open();
    const before = await lines(api);
    const asked = Array.from({ length: 8 }, () => api.ask(admin, RECIPIENTS, keyed('a', reader)));
    const answers = await Promise.all(asked);
    expect(answers.filter((answer) => answer.status === 201 && !replayed(answer))).toHaveLength(1);
    for (const answer of answers)
      expect([answer.status, answer.body.code]).toBeOneOf([
        [201, undefined],
        [409, 'idempotency-in-progress'],
      ]);
    expect(answers.find(({ status }) => status === 409)?.headers.get('retry-after') ?? '5').toBe('5');
    expect(await lines(api)).toBe(before + 1);
    expect((await api.ask(admin, RECIPIENTS, keyed('a', reader))).status).toBe(201);
  });

  test('what was answered before a restart is answered after it', async () => {
    const { api, admin, database } = await open();
    const first = await api.ask(admin, RECIPIENTS, keyed('a', reader));
    const db = openDatabase(database.config);
    await idempotency.giveBack(db, 'all');
    await db.destroy();
    const again = await api.ask(admin, RECIPIENTS, keyed('a', reader));
    expect([again.body, replayed(again)]).toEqual([first.body, true]);
  });

  test('a secret that was answered is answered again, and stands nowhere in clear', async () => {
    const { api, admin } = await open();
    const id = await api.house.report();
    const made = await api.ask(admin, 'POST /api/v1/tokens', keyed('CANARY-key', { name: 'ci', role: 'team' }));
    const patch = { name: 'CANARY.patch', content: Buffer.from('CANARY').toString('base64') };
    await api.ask(admin, `POST /api/v1/cases/${id}/patches`, keyed('b', patch));
    const again = await api.ask(admin, 'POST /api/v1/tokens', keyed('CANARY-key', { name: 'ci', role: 'team' }));
    expect([again.status, again.body]).toEqual([201, made.body]);
    const kept = await rows(api);
    expect(kept).toHaveLength(2);
    for (const row of kept) {
      expect(row.answer?.length).toBeGreaterThan(50);
      expect(JSON.stringify(row) + Buffer.from(row.answer ?? []).toString('latin1')).not.toMatch(/CANARY|curfew_|"ci"/);
    }
    expect(api.logged()).not.toMatch(/CANARY|curfew_/);
  });

  test('a refusal is an answer, and what failed here may be tried again', async () => {
    const { api, admin } = await open();
    await api.ask(admin, RECIPIENTS, { body: reader });
    const refused = await api.ask(admin, RECIPIENTS, keyed('a', reader));
    expect(refused).toMatchObject(refusal(409, 'conflict'));
    await api.ask(admin, `DELETE /api/v1/lists/${LISTS.announce}/recipients/${reader.address}`);
    const again = await api.ask(admin, RECIPIENTS, keyed('a', reader));
    expect([again.status, again.body, again.headers.get('content-type')]).toEqual([
      409,
      refused.body,
      refused.headers.get('content-type'),
    ]);

    const at = `POST /api/v1/cases/${await api.house.report()}/patches`;
    const whole = api.house.keyring.all();
    for (const key of whole) api.house.keyring.add({ ...key, certificate: Buffer.from('broken') });
    const patch = keyed('b', { name: 'a.patch', content: 'QUJD' });
    expect(await api.ask(admin, at, patch)).toMatchObject(refusal(500, 'internal-error'));
    for (const key of whole) api.house.keyring.add(key);
    const done = await api.ask(admin, at, patch);
    expect([done.status, replayed(done)]).toEqual([201, false]);
  });

  test('what is not valid takes no key, and nor does what only reads', async () => {
    const { api, admin } = await open();
    expect(await api.ask(admin, RECIPIENTS, keyed('a', { ...reader, kind: 'other' }))).toMatchObject(refusal(422, 'invalid'));
    expect((await api.ask(admin, 'GET /api/v1/lists', { headers: { 'idempotency-key': 'a' } })).status).toBe(200);
    expect(await rows(api)).toEqual([]);
    for (const key of ['', 'x'.repeat(256), 'é'])
      expect(await api.ask(admin, RECIPIENTS, keyed(key, reader)), key).toMatchObject(refusal(422, 'invalid'));
    expect((await api.ask(admin, RECIPIENTS, keyed('"quoted"', reader))).status).toBe(201);
  });

  test('a key is known for a day', async () => {
    const { api, admin } = await open();
    await api.ask(admin, RECIPIENTS, keyed('a', reader));
    api.house.clock.moveTo(NOW + DAY - 1);
    expect(replayed(await api.ask(admin, RECIPIENTS, keyed('a', reader)))).toBe(true);
    api.house.clock.moveTo(NOW + DAY);
    expect(await api.ask(admin, RECIPIENTS, keyed('a', reader))).toMatchObject(refusal(409, 'conflict'));
    api.house.clock.moveTo(NOW + 2 * DAY);
    await idempotency.purge(api.house.db, api.house.clock.now());
    expect(await rows(api)).toEqual([]);
  });

  describe('an attempt that died', () => {
    /** As if the process had been killed with the request in hand: the row as its attempt left it. */
    async function died() {
      const opened = await open();
      const { api, admin } = opened;
      expect((await api.ask(admin, RECIPIENTS, keyed('a', { ...reader, address: 'first@example.net' }))).status).toBe(201);
      const { db } = api.house;
      const [{ id = '' } = {}] = await rows(api);
      const undone = () => db.updateTable('idempotency').set({ claim: 'dead', done: 0, answer: null }).execute();
      await db.deleteFrom('recipients').execute();
      return { ...opened, db, once: { id, claim: 'dead' }, undone };
    }
    const again = ({ api, admin }: { api: TestApi; admin: string }) =>
      api.ask(admin, RECIPIENTS, keyed('a', { ...reader, address: 'first@example.net' }));

    test('leaves the request to the next one, in time', async () => {
      const dead = await died();
      await dead.undone();
      expect(await again(dead)).toMatchObject(refusal(409, 'idempotency-in-progress'));
      dead.api.house.clock.moveTo(NOW + 2 * MINUTE);
      const done = await again(dead);
      expect([done.status, replayed(done)]).toEqual([201, false]);
    });

    test('leaves it at once where the server was started again', async () => {
      const dead = await died();
      await dead.undone();
      await idempotency.giveBack(dead.db, 'all');
      expect((await again(dead)).status).toBe(201);
    });

    test('and only seemed to be dead, does nothing any more', async () => {
      const dead = await died();
      await dead.undone();
      dead.api.house.clock.moveTo(NOW + 2 * MINUTE);
      await again(dead);
      const late = dead.db
        .transaction()
        .execute((trx) => record(trx, { ...dead.api.house, once: dead.once }, { action: 'test.do', subject: 'test:1' }));
      await expect(late).rejects.toMatchObject({ reason: 'idempotency-in-progress' });
    });

    test('after it was done is not followed by another', async () => {
      const dead = await died();
      await dead.undone();
      await dead.db.updateTable('idempotency').set({ done: 1 }).execute();
      expect(await again(dead)).toMatchObject(refusal(409, 'idempotency-in-progress'));
      await idempotency.giveBack(dead.db, 'all');
      expect(await again(dead)).toMatchObject(refusal(409, 'idempotency-done'));
      expect(await dead.db.selectFrom('recipients').selectAll().execute()).toEqual([]);
    });
  });
});
