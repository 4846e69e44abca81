import { expect, test } from 'vitest';
import * as audit from '../../src/store/audit.ts';
import { eachEngine } from '../support/dialects.ts';
import { serving } from './api.ts';
import { calls } from './calls.ts';
import { documented, filled } from './routes.ts';

eachEngine((engine) => {
  const serve = serving();

  test('for who does not work on a staffed case it is not there, whatever he asks, and he changes nothing', async () => {
    const api = await serve(await engine.open());
    const { house } = api;
    const [lena, , ada] = house.team;
    const token = await house.token('team', ada.address);
    const routes = (await documented(api)).filter(({ path }) => path.includes('/cases/{id}'));
    expect(routes.length).toBeGreaterThan(30);
    for (const route of routes) {
      const call = await calls[route.row]?.(house);
      const id = call?.at?.['cases'] ?? (await house.report());
      await house.db.deleteFrom('case_team').where('case_id', '=', id).execute();
      await house.db
        .updateTable('cases')
        .set({ lead_id: null, deputy_id: null, handover_id: null })
        .where('id', '=', id)
        .execute();
      await house.db.insertInto('case_team').values({ case_id: id, contact_id: lena.contactId }).execute();
      const { seq } = await audit.end(house.db);
      const at: Readonly<Record<string, string>> = { ...call?.at, cases: id };
      const request = filled(route, (segment) => at[segment] ?? 'none');
      const { status, body } = await api.ask(token, request, { body: call?.body });
      expect([status, body.code, body.detail], request).toEqual([404, 'not-found', `There is no case ${id}`]);
      expect((await audit.end(house.db)).seq, request).toBe(seq);
    }
  });
});
