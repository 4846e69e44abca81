import { expect, test } from 'vitest';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { outbox } from '../delivery/outbox.ts';
import { armed } from '../embargo/armed.ts';
import { memberOf } from '../embargo/limited.ts';
import { eachEngine } from '../support/dialects.ts';
import { LISTS } from '../support/house.ts';
import { serving } from './api.ts';

eachEngine((engine) => {
  const serve = serving();

  test('a case is limited to groups and members, which answers who has it all the same, and opened again', async () => {
    const api = await serve(await engine.open());
    const { house } = api;
    const [alpha, beta] = [await memberOf(house, house.members[0]), await memberOf(house, house.members[1])];
    const [admin, lena] = [await api.house.token('admin'), await api.house.token('team', 'lena@orbit.example')];
    const { id } = await armed(house);
    await dispatch(house, id, LISTS.distributors);
    await outbox(house).drain();
    const at = `/api/v1/cases/${id}`;
    const put = (body: unknown, headers: Record<string, string> = {}) =>
      api.ask(lena, `PUT ${at}/need-to-know`, { body, headers });

    const shown = await api.ask(lena, `GET ${at}`);
    expect(shown.body.needToKnow).toBeNull();
    expect(await put({ groups: ['cloud'] })).toMatchObject({
      status: 422,
      body: { code: 'invalid', detail: 'No active member is in the group cloud. No member is in any group yet' },
    });
    expect(await put({})).toMatchObject({
      status: 422,
      body: { detail: 'Name at least one group or member who may know of it' },
    });
    expect((await put({ groups: ['Cloud'] })).body.detail).toContain('groups[0] is "Cloud"; must be the name of a group');

    const regrouped = await api.ask(admin, `PATCH /api/v1/members/${alpha}`, { body: { groups: ['kernel', 'cloud'] } });
    expect(regrouped).toMatchObject({ status: 200, body: { groups: ['cloud', 'kernel'], lists: [LISTS.distributors] } });
    const etag = shown.headers.get('etag') ?? '';
    const rung = api.rung.deliveries;
    const limited = await put({ groups: ['cloud'] }, { 'if-match': etag });
    expect(limited).toMatchObject({
      status: 200,
      body: {
        case: { id, state: 'armed', needToKnow: { groups: ['cloud'], members: [] } },
        seenBy: [{ memberId: beta, organisation: 'Beta', address: 'beta@beta.example', copies: 1, lastAt: expect.any(String) }],
      },
    });
    expect(limited.headers.get('etag')).toBe(`"${limited.body.case.revision}"`);
    expect(api.rung.deliveries).toBe(rung + 1);
    expect(await put({ members: [alpha] }, { 'if-match': etag })).toMatchObject({ status: 412, body: { code: 'stale' } });
    expect((await put({ members: [beta] })).body.case.needToKnow).toEqual({
      groups: [],
      members: [{ id: beta, organisation: 'Beta' }],
    });
    const stale = await api.ask(lena, `DELETE ${at}/need-to-know`, { headers: { 'if-match': etag } });
    expect(stale.status).toBe(412);
    expect(await api.ask(lena, `DELETE ${at}/need-to-know`)).toMatchObject({ status: 200, body: { id, needToKnow: null } });
    const log = (await api.ask(admin, 'GET /api/v1/audit?action=case.limit')).body.items;
    expect(log).toHaveLength(3);
    expect(log[0]).toMatchObject({ actor: { type: 'person', name: 'lena@orbit.example' }, subject: `case:${id}` });
  });
});
