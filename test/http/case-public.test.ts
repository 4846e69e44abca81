import { beforeEach, expect, test } from 'vitest';
import { describe as describeCase } from '../../src/cases/describe.ts';
import { MINUTE, toIso } from '../../src/clock.ts';
import { release } from '../../src/embargo/release.ts';
import { outbox } from '../delivery/outbox.ts';
import { arm, caseOf, OUTSIDE, PUBLIC, scheduled, subscribe } from '../embargo/armed.ts';
import { eachEngine } from '../support/dialects.ts';
import { LISTS } from '../support/house.ts';
import { serving, type TestApi } from './api.ts';

eachEngine((engine) => {
  const serve = serving();
  let api: TestApi;
  let token: string;

  beforeEach(async () => {
    api = await serve(await engine.open());
    await subscribe(api.house);
    token = await api.house.token('team', api.house.team[0].address);
  });

  test('who approves a bundle reads each mail, page and document of it, as they come out then', async () => {
    const about = await scheduled(api.house);
    const at = `/api/v1/cases/${about.id}`;
    expect((await api.ask(token, `GET ${at}/bundle`)).body).toMatchObject({
      ...PUBLIC,
      unread: [],
      note: false,
      external: { subject: '[orbit] CVE-2026-99001: overflow in the frobnicator', text: PUBLIC.text },
    });
    const { files } = (await api.ask(token, `GET ${at}/preview`)).body;
    const paths = files.map(({ path }: { path: string }) => path).sort();
    const lower = about.id.toLowerCase();
    expect(paths).toEqual([`/advisories/${about.id}`, `/csaf/2026/${lower}.json`, `/osv/${about.id}.json`]);
    await arm(api.house, about);
    api.house.clock.moveTo(about.release_at ?? 0);
    await release(api.house, about.id);
    for (const { path, body } of files) {
      const answer = await fetch(`${api.url}${path}`);
      expect(await answer.text(), path).toBe(body);
    }
  });

  test('so he does of what is proposed in the place of an armed one', async () => {
    const about = await scheduled(api.house);
    const at = `/api/v1/cases/${about.id}`;
    await arm(api.house, about);
    const preview = async (query = '') => api.ask(token, `GET ${at}/preview${query}`);
    expect((await preview('?proposed=true')).status).toBe(409);
    await api.ask(token, `PATCH ${at}`, { body: { title: 'CANARY in the frobnicator' } });
    expect(JSON.stringify((await preview()).body)).not.toContain('CANARY');
    expect((await api.ask(token, `GET ${at}/text/draft`)).body.subject).toContain('CANARY');
    const { files } = (await preview('?proposed=true')).body;
    await arm(api.house, await caseOf(api.house, about.id));
    api.house.clock.moveTo(about.release_at ?? 0);
    await release(api.house, about.id);
    for (const { path, body } of files) {
      expect(body).toContain('CANARY');
      expect(await (await fetch(`${api.url}${path}`)).text(), path).toBe(body);
    }
  });

  test('there is a text to begin with as soon as enough is known', async () => {
    const id = await api.house.report();
    const lacking = await api.ask(token, `GET /api/v1/cases/${id}/text/draft`);
    expect(lacking).toMatchObject({ status: 409, body: { code: 'incomplete' } });
    const about = await scheduled(api.house, undefined, id);
    await describeCase(api.house, about.id, { mitigation: 'Switch it off.' });
    const { subject, text } = (await api.ask(token, `GET /api/v1/cases/${id}/text/draft`)).body;
    expect(subject).toBe('[Security Advisory] CVE-2026-99001: overflow in the frobnicator');
    for (const words of ['Whoever sends a long line', 'Switch it off.', 'fix.patch', '1.2.9']) expect(text).toContain(words);
  });

  test('the timeline has what was done, and of each channel what became of its mail, when, and what the relay said', async () => {
    const about = await scheduled(api.house);
    await arm(api.house, about);
    api.house.clock.moveTo(about.release_at ?? 0);
    await release(api.house, about.id);
    await outbox(api.house).drain();
    const { items, channels } = (await api.ask(token, `GET /api/v1/cases/${about.id}/timeline`)).body;
    const actions = items.map(({ action }: { action: string }) => action);
    expect(actions.slice(0, 2)).toEqual(['case.release', 'case.arm']);
    expect(actions).toContain('case.describe');
    const [subscribers, external] = channels;
    expect(channels).toHaveLength(2);
    expect(subscribers).toMatchObject({ channel: LISTS.announce, address: null, state: 'delivered', copies: 1 });
    expect(external).toMatchObject({
      channel: LISTS.announce,
      address: OUTSIDE,
      state: 'delivered',
      response: expect.any(String),
    });
    expect(external.lastAt).toMatch(/^2026-/);
    expect((await api.ask(null, `GET /api/v1/cases/${about.id}/timeline`)).status).toBe(401);
  });

  test('what is released and not out is overdue, alone in the list of that', async () => {
    const about = await scheduled(api.house);
    await arm(api.house, about);
    await outbox(api.house).drain();
    const instant = about.release_at ?? 0;
    api.house.clock.moveTo(instant);
    await release(api.house, about.id);
    const overdue = async () => (await api.ask(token, 'GET /api/v1/cases?overdue=true')).body.items;
    api.house.clock.moveTo(instant + MINUTE);
    expect(await overdue()).toEqual([]);
    api.house.clock.moveTo(instant + MINUTE + 1);
    const late = { id: about.id, state: 'released', overdue: true, overdueSince: toIso(instant) };
    expect(await overdue()).toMatchObject([late]);
    expect((await api.ask(token, `GET /api/v1/cases/${about.id}`)).body).toMatchObject(late);
    await outbox(api.house).drain();
    expect(await overdue()).toEqual([]);
    expect((await api.ask(token, `GET /api/v1/cases/${about.id}`)).body).toMatchObject({ overdue: false, overdueSince: null });
  });

  test('cases are listed by how they stand, over as many pages as it takes', async () => {
    const first = await api.house.report();
    const leaked = await api.house.report();
    const last = await api.house.report();
    await api.ask(token, `POST /api/v1/cases/${leaked}/leak`, { body: { evidence: 'seen' } });
    const listed = async (query: string) => (await api.ask(token, `GET /api/v1/cases?${query}`)).body;
    const ids = ({ items }: { items: { id: string }[] }) => items.map(({ id }) => id);
    expect(ids(await listed('state=leaked'))).toEqual([leaked]);
    expect(ids(await listed('state=released'))).toEqual([]);
    const page = await listed('state=received&limit=1');
    expect(ids(page)).toEqual([last]);
    const rest = await listed(`state=received&limit=1&cursor=${page.next}`);
    expect([ids(rest), rest.next]).toEqual([[first], null]);
    // More of them than are looked at in one go stand between.
    const row = await api.house.db.selectFrom('cases').selectAll().where('id', '=', leaked).executeTakeFirstOrThrow();
    const between = Array.from({ length: 401 }, (_, n) => ({
      ...row,
      id: `${leaked.slice(0, -4)}${n + 1000}`,
      number: n + 1000,
      thread_token: `thread${n}`,
    }));
    for (let from = 0; from < between.length; from += 100)
      await api.house.db
        .insertInto('cases')
        .values(between.slice(from, from + 100))
        .execute();
    expect(ids(await listed('state=received'))).toEqual([last, first]);
    expect((await listed('state=received&limit=1')).next).toBe(last);
    expect((await api.ask(token, 'GET /api/v1/cases?state=lost')).status).toBe(422);
  });

  test('a leak has two hours, its words in no answer and no log, and both loops are woken', async () => {
    const id = await api.house.report();
    const before = { ...api.rung };
    const { body } = await api.ask(token, `POST /api/v1/cases/${id}/leak`, { body: { evidence: 'seen on a forum' } });
    expect(body.state).toBe('leaked');
    const due = body.due.find(({ what }: { what: string }) => what === 'leak-decision');
    expect(due).toMatchObject({ doneAt: null });
    expect(api.rung.deliveries).toBe(before.deliveries + 1);
    expect(api.logged()).not.toContain('forum');
    const decided = await api.ask(token, `POST /api/v1/cases/${id}/leak/decision`, { body: { decision: 'keep', reason: 'old' } });
    expect(decided.body.state).toBe('received');
    const empty = await api.ask(token, `POST /api/v1/cases/${id}/withdraw`, { body: { reason: ' ' } });
    expect(empty.status).toBe(422);
  });
});
