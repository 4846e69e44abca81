import { expect, test } from 'vitest';
import { MINUTE } from '../../src/clock.ts';
import * as deliveries from '../../src/store/deliveries.ts';
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
});
