import { expect, test } from 'vitest';
import { access } from '../../src/http/access.ts';
import { hashToken } from '../../src/roster/tokens.ts';
import * as audit from '../../src/store/audit.ts';
import * as tokens from '../../src/store/tokens.ts';
import { eachEngine } from '../support/dialects.ts';
import { serving } from './api.ts';
import { calls } from './calls.ts';
import { changes, documented, filled } from './routes.ts';

/** A POST for the sake of its body: nothing is changed. */
const READS = new Set(['POST /api/v1/cases/:id/notices/preview', 'POST /api/v1/cases/:id/archive/draft']);

eachEngine((engine) => {
  const serve = serving();

  test('everything that changes something is in the log, as what the caller did', async () => {
    const api = await serve(await engine.open());
    const { house } = api;
    const [lena] = house.team;
    const token = await house.token('admin', lena.address);
    const person = { type: 'person', id: lena.contactId, name: lena.address };
    const caller = async (by: string) => ({ ...person, via: `token:${(await tokens.byHash(house.db, hashToken(by)))?.id}` });
    const routes = (await documented(api)).filter(changes);
    expect(routes.map(({ row }) => row).sort(), 'test/http/calls.ts says how each route is called').toEqual(
      Object.keys(calls).sort(),
    );
    for (const route of routes) {
      const call = await calls[route.row]?.(house);
      const { seq } = await audit.end(house.db);
      const request = filled(route, (segment) => call?.at?.[segment] ?? 'none');
      const by = call?.token ?? token;
      const answer = await api.ask(by, request, { body: call?.body });
      expect(answer.status, `${request}: ${JSON.stringify(answer.body)}`).toBeOneOf([200, 201, 202]);
      const lines = (await audit.page(house.db, { limit: 50 })).filter((line) => line.seq > seq);
      if (READS.has(route.row)) {
        expect(lines, request).toEqual([]);
        continue;
      }
      const actors = lines.map(({ line }) => JSON.parse(line).actor);
      if (route.row === 'POST /api/v1/session') {
        // The provider has.
        expect(lines.map(({ line }) => JSON.parse(line).actor)).toEqual([{ ...person, via: 'oidc:lena' }]);
        continue;
      }
      if (route.row === 'POST /acknowledge/:token') {
        // The link was sealed to him alone.
        expect(actors).toEqual([expect.objectContaining({ type: 'person', via: expect.stringMatching(/^link:/) })]);
        continue;
      }
      if (access[route.row] === 'anyone') {
        // Whoever it was, nobody has proved it.
        expect(new Set(lines.map(({ actor }) => actor)), request).toEqual(new Set(['system']));
        continue;
      }
      expect(actors, request).toContainEqual(await caller(by));
      expect(new Set(lines.map(({ actor }) => actor)), request).toEqual(new Set([`person:${lena.contactId}`]));
    }
  });
});
