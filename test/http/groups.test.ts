import { expect, test } from 'vitest';
import { eachEngine } from '../support/dialects.ts';
import { keyProved } from '../support/key-proved.ts';
import { serving } from './api.ts';

eachEngine((engine) => {
  const serve = serving();

  test('groups are given with a new member and an activation, shown, and found by', async () => {
    const api = await serve(await engine.open());
    const admin = await api.house.token('admin');
    const added = await api.ask(admin, 'POST /api/v1/members', {
      body: { organisation: 'Gamma', lists: [], groups: ['kernel', 'kernel'] },
    });
    expect(added).toMatchObject({ status: 201, body: { groups: ['kernel'] } });
    await keyProved(api.house, added.body.id);
    const active = await api.ask(admin, `POST /api/v1/members/${added.body.id}/activate`, {
      body: { reason: 'known', groups: ['cloud', 'kernel'] },
    });
    expect(active).toMatchObject({ status: 200, body: { groups: ['cloud', 'kernel'] } });
    const listed = await api.ask(admin, 'GET /api/v1/members?group=cloud');
    expect(listed.body.items).toMatchObject([{ organisation: 'Gamma', groups: ['cloud', 'kernel'] }]);
    expect((await api.ask(admin, 'GET /api/v1/members?group=nobody')).body.items).toEqual([]);
    const product = await api.ask(admin, `PATCH /api/v1/members/${added.body.id}`, { body: { product: 'G' } });
    expect(product.body.groups).toEqual(['cloud', 'kernel']);
    expect((await api.ask(admin, `PATCH /api/v1/members/${added.body.id}`, { body: { groups: [] } })).body.groups).toEqual([]);
  });
});
