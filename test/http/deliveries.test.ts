import { expect, test } from 'vitest';
import { MINUTE } from '../../src/clock.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import { holdPost } from '../post/hold.ts';
import { NOW } from '../store/roster-rows.ts';
import { eachEngine } from '../support/dialects.ts';
import { serving } from './api.ts';

interface Copy {
  id: string;
  address: string;
}

eachEngine((engine) => {
  const serve = serving();

  test('copies are found by case, post, state and audience, in pages', async () => {
    const api = await serve(await engine.open());
    const auditor = await api.house.token('auditor');
    const [first, second] = [await api.house.report(), await api.house.report({ text: 'Another.\n' })];
    const list = async (query: string) => (await api.ask(auditor, `GET /api/v1/deliveries?${query}`)).body;
    const everybody = ['ada@orbit.example', 'dirk@orbit.example', 'lena@orbit.example'];
    const { items } = await list(`caseId=${first}&audience=contact`);
    expect(items.map(({ address }: Copy) => address).sort()).toEqual(everybody);
    expect((await list(`postId=${items[0].postId}`)).items).toHaveLength(3);
    expect((await list('state=delivered')).items).toEqual([]);
    const ofCase = await api.ask(auditor, `GET /api/v1/cases/${second}/deliveries?limit=2`);
    const rest = await api.ask(auditor, `GET /api/v1/cases/${second}/deliveries?limit=2&cursor=${ofCase.body.next}`);
    const ids = [...ofCase.body.items, ...rest.body.items].map(({ id }: Copy) => id);
    expect(ids).toEqual((await list(`caseId=${second}`)).items.map(({ id }: Copy) => id));
    expect(await api.ask(auditor, `GET /api/v1/deliveries/${ids[0]}`)).toMatchObject({ status: 200, body: { state: 'queued' } });
    const posts = (await api.ask(auditor, `GET /api/v1/posts?caseId=${first}`)).body.items;
    expect(posts.map(({ kind }: { kind: string }) => kind)).toContain('report');
    expect((await api.ask(auditor, `GET /api/v1/posts/${items[0].postId}`)).body).toMatchObject({
      encrypted: true,
      caseId: first,
    });
    for (const path of ['deliveries/none', 'posts/none', 'cases/none/deliveries'])
      expect(await api.ask(auditor, `GET /api/v1/${path}`)).toMatchObject({ status: 404, body: { code: 'not-found' } });
  });

  test('a held copy is sent now, and one that waits anyway is left alone', async () => {
    const api = await serve(await engine.open());
    const team = await api.house.token('team');
    await api.house.report();
    const lease = { id: 'here', until: NOW + MINUTE };
    const [copy] = await deliveries.lease(api.house.db, lease, NOW, { copies: 1 });
    const id = copy?.id ?? '';
    const retry = () => api.ask(team, `POST /api/v1/deliveries/${id}/retry`);
    expect(await retry()).toMatchObject({ status: 409, body: { code: 'conflict', detail: expect.stringContaining('leased') } });
    const held = { state: 'held', reason: 'expired', response: null } as const;
    await deliveries.settle(api.house.db, id, 'here', held, NOW);
    expect(await retry()).toMatchObject({ status: 200, body: { state: 'queued', reason: null } });
    expect(api.rung.deliveries).toBe(1);
    expect(await retry()).toMatchObject({ status: 409 });
  });

  test('what a list takes is changed by an admin, one thing at a time', async () => {
    const api = await serve(await engine.open());
    const [admin, team] = [await api.house.token('admin'), await api.house.token('team')];
    const path = 'PATCH /api/v1/lists/distributors';
    expect(await api.ask(team, path, { body: { moderated: true } })).toMatchObject({ status: 403 });
    const wish = { moderated: true, largest: 1000, fileNames: '*.patch', subjectPrefix: 'distros', footer: 'Tell nobody.' };
    expect(await api.ask(admin, path, { body: wish })).toMatchObject({
      status: 200,
      body: { ...wish, membersOnly: true, encryptedOnly: false },
    });
    expect(await api.ask(admin, path, { body: { largest: null } })).toMatchObject({
      status: 200,
      body: { moderated: true, largest: null },
    });
    for (const wrong of [{}, { moderated: 'yes' }, { role: 'public' }, { subjectPrefix: 'a]' }])
      expect((await api.ask(admin, path, { body: wrong })).status).toBeGreaterThanOrEqual(400);
    expect(await api.ask(admin, path, { body: { membersOnly: false } })).toMatchObject({ status: 422 });
    expect((await api.ask(admin, 'GET /api/v1/lists/distributors')).body).toMatchObject({ subjectPrefix: 'distros' });
  });

  test('a held post is found, and decided on by the team', async () => {
    const api = await serve(await engine.open());
    const { house } = api;
    const lena = await house.token('team', 'lena@orbit.example');
    const [first, second] = [await holdPost(house), await holdPost(house)];
    const held = (await api.ask(lena, 'GET /api/v1/posts?state=held')).body.items;
    expect(held.map(({ id, holdReason }: { id: string; holdReason: string }) => [id, holdReason])).toEqual([
      [second, 'unaddressed'],
      [first, 'unaddressed'],
    ]);
    expect(await api.ask(await house.token('auditor'), `POST /api/v1/posts/${first}/approve`)).toMatchObject({ status: 403 });
    expect(await api.ask(lena, `POST /api/v1/posts/${first}/approve`)).toMatchObject({ status: 200, body: { copies: 2 } });
    expect(await api.ask(lena, `POST /api/v1/posts/${first}/approve`)).toMatchObject({ status: 409 });
    expect(await api.ask(lena, `POST /api/v1/posts/${second}/refuse`, { body: { reason: 'no' } })).toMatchObject({
      status: 200,
      body: { state: 'refused', decidedBy: house.team[0].contactId },
    });
    expect(await api.ask(lena, 'POST /api/v1/posts/none/refuse', { body: {} })).toMatchObject({ status: 404 });
  });
});
