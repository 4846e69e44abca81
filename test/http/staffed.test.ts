import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { linkDuplicate } from '../../src/cases/duplicate.ts';
import * as audit from '../../src/store/audit.ts';
import * as caseTeams from '../../src/store/case-teams.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, type House } from '../support/house.ts';
import { serving } from './api.ts';
import { type Call, calls } from './calls.ts';
import { documented, filled } from './routes.ts';

/** What there is of a case at routes of its own, and what it is called. */
const PLACES = { cases: 'case', posts: 'post', deliveries: 'delivery' } as const;

/** Something of a case, by the segment before its id. */
async function found(house: House, segment: string, call: Call | undefined): Promise<{ caseId: string; id: string }> {
  const caseId = call?.at?.['cases'] ?? (await house.report());
  if (segment === 'cases') return { caseId, id: caseId };
  const table = segment === 'posts' ? 'posts' : 'deliveries';
  const { id } = await house.db.selectFrom(table).select('id').where('case_id', '=', caseId).executeTakeFirstOrThrow();
  return { caseId, id };
}

eachEngine((engine) => {
  const serve = serving();

  test('for who does not work on a staffed case it is not there, nor what is of it, whatever he asks, and he changes nothing', async () => {
    const api = await serve(await engine.open());
    const { house } = api;
    const [lena, , ada] = house.team;
    const token = await house.token('team', ada.address);
    const all = await documented(api);
    for (const [segment, called] of Object.entries(PLACES)) {
      const routes = all.filter(({ path }) => path.includes(`/${segment}/{id}`));
      expect(routes.length, segment).toBeGreaterThan(segment === 'cases' ? 30 : 2);
      for (const route of routes) {
        const call = await calls[route.row]?.(house);
        const { caseId, id } = await found(house, segment, call);
        await house.db.deleteFrom('case_team').where('case_id', '=', caseId).execute();
        await house.db
          .updateTable('cases')
          .set({ lead_id: null, deputy_id: null, handover_id: null })
          .where('id', '=', caseId)
          .execute();
        await house.db.insertInto('case_team').values({ case_id: caseId, contact_id: lena.contactId }).execute();
        const { seq } = await audit.end(house.db);
        const at: Readonly<Record<string, string>> = { ...call?.at, [segment]: id };
        const request = filled(route, (other) => at[other] ?? 'none');
        const { status, body } = await api.ask(token, request, { body: call?.body });
        expect([status, body.code, body.detail], request).toEqual([404, 'not-found', `There is no ${called} ${id}`]);
        expect((await audit.end(house.db)).seq, request).toBe(seq);
      }
    }
  });

  test('a case that is its duplicate does not name it to him', async () => {
    const api = await serve(await engine.open());
    const { house } = api;
    const [lena, , ada] = house.team;
    const [staffed, other] = [await house.report(), await house.report({ text: 'Another.\n' })];
    await caseTeams.replace(house.db, staffed, [lena.contactId]);
    await linkDuplicate(as(house, lena), other, { of: staffed, text: null });
    for (const [person, of] of [
      [ada, null],
      [lena, staffed],
    ] as const) {
      const token = await house.token('team', person.address);
      expect((await api.ask(token, `GET /api/v1/cases/${other}`)).body).toMatchObject({ state: 'rejected', duplicateOf: of });
      const { items } = (await api.ask(token, `GET /api/v1/cases/${other}/timeline`)).body;
      expect(items[0]).toMatchObject({ action: 'case.duplicate', detail: { of } });
      // Its hash tells nothing more: what is not shown cannot be guessed.
      const { hash, ...line } = items[0];
      const guessed = JSON.stringify({ ...line, detail: { ...line.detail, of: staffed } });
      expect('nonce' in line.detail).toBe(of !== null);
      expect(createHash('sha256').update(guessed).digest('hex') === hash).toBe(of !== null);
    }
    const third = await house.report({ text: 'A third.\n' });
    const link = linkDuplicate(as(house, ada), third, { of: other, text: null });
    await expect(link).rejects.toMatchObject({ reason: 'conflict', hint: `${other} is itself a duplicate` });
  });

  test('lists of posts and copies have nothing of it for him', async () => {
    const api = await serve(await engine.open());
    const { house } = api;
    const [lena, , ada] = house.team;
    const [staffed, other] = [await house.report(), await house.report({ text: 'Another.\n' })];
    await caseTeams.replace(house.db, staffed, [lena.contactId]);
    for (const place of ['posts', 'deliveries'])
      for (const [person, seen] of [
        [ada, [other]],
        [lena, [other, staffed]],
      ] as const) {
        const token = await house.token('team', person.address);
        const { items } = (await api.ask(token, `GET /api/v1/${place}?limit=100`)).body;
        const found = new Set<string>(items.flatMap(({ caseId }: { caseId: string | null }) => caseId ?? []));
        expect([...found].sort(), place).toEqual([...seen].sort());
      }
  });
});
