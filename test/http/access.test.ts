import { expect, test } from 'vitest';
import { MINUTE } from '../../src/clock.ts';
import { noteLeak } from '../../src/embargo/incidents.ts';
import { access, type Guarded } from '../../src/http/access.ts';
import { issueToken, SCOPES } from '../../src/roster/tokens.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as incidents from '../../src/store/incidents.ts';
import type { TokenRole, TokenScope } from '../../src/store/schema.ts';
import { OUTSIDE, READER, scheduled, subscribe } from '../embargo/armed.ts';
import { eachEngine } from '../support/dialects.ts';
import { LISTS } from '../support/house.ts';
import { type Answer, serving, type TestApi } from './api.ts';
import { calls } from './calls.ts';
import { changes, documented, filled, type Route } from './routes.ts';

const ROLES: readonly TokenRole[] = ['admin', 'team', 'auditor'];

/** What the table says of a row that is not for anyone. */
function guarded(row: string): Guarded {
  const rule = access[row];
  if (!rule || rule === 'anyone') throw new Error(`${row} is for anyone, or for nobody`);
  return rule;
}

const isOpen = (row: string, role: TokenRole) => access[row] !== 'anyone' && guarded(row).roles.includes(role);

test('what each role may do is as it was meant', () => {
  const may = (role: TokenRole) => Object.keys(access).filter((row) => isOpen(row, role));
  const rows = Object.keys(access).filter((row) => access[row] !== 'anyone');
  expect(may('admin')).toEqual(rows);
  expect(may('auditor').every((row) => row.startsWith('GET '))).toBe(true);
  expect(may('auditor')).not.toContain('GET /api/v1/cases/:id/bundle');
  expect(may('auditor').filter((row) => row.includes('/tokens'))).toEqual([]);
  const writes = may('team').filter((row) => !row.startsWith('GET '));
  const ofTeam = /^\w+ \/api\/v1\/((cases|deliveries|incidents|posts)\/|members\/:id\/(vouches|verdicts|prove-key)$|session$)/;
  expect(writes.filter((row) => !ofTeam.test(row))).toEqual([]);
  expect(Object.keys(access).filter((row) => access[row] === 'anyone')).toEqual([
    'GET /healthz',
    'GET /readyz',
    'GET /api/openapi.json',
    'GET /advisories',
    'GET /advisories/:id',
    'GET /csaf/',
    'GET /csaf/:file',
    'GET /csaf/:year/',
    'GET /csaf/:year/:file',
    'GET /osv/:file',
    'GET /cve/:file',
    'GET /feed.atom',
    'GET /policy',
    'GET /keys',
    'GET /keys/:file',
    'GET /.well-known/security.txt',
    'GET /.well-known/openpgpkey/policy',
    'GET /.well-known/openpgpkey/hu/:hash',
    'GET /.well-known/openpgpkey/:domain/policy',
    'GET /.well-known/openpgpkey/:domain/hu/:hash',
    'GET /acknowledge/:token',
    'POST /acknowledge/:token',
    'POST /api/v1/applications',
    'GET /api/v1/criteria',
    'GET /api/v1/sign-in',
    'POST /api/v1/session',
  ]);
});

test('the scope of a route is what its path is of', () => {
  const of: Record<string, TokenScope> = {
    members: 'roster',
    contacts: 'roster',
    deliveries: 'delivery',
    posts: 'delivery',
    policies: 'cases',
    clock: 'cases',
    restoration: 'cases',
    incidents: 'cases',
    statistics: 'cases',
    session: 'tokens',
  };
  for (const row of Object.keys(access).filter((one) => access[one] !== 'anyone' && one !== 'GET /metrics')) {
    const noun = row.split('/')[3] ?? '';
    expect(guarded(row).scope, row).toBe(of[noun] ?? noun);
  }
  expect(guarded('GET /metrics').scope).toBe('read');
});

/** Which of the things that a path names is asked for. */
const WHICH = ['own', 'other', 'missing'] as const;
type Which = (typeof WHICH)[number];
type World = Record<string, Record<Which, string>>;

/** What is Lena's, what is somebody else's, and what is nobody's, by the segment of the path before it. */
async function worldOf({ house }: TestApi): Promise<World> {
  const { db } = house;
  const [lena, dirk] = house.team;
  const [alpha] = house.members;
  const missing = 'none';
  const two = async (one: (of: 'own' | 'other') => Promise<string>) => ({
    own: await one('own'),
    other: await one('other'),
    missing,
  });
  const cases = await two(async (of) => (await scheduled(house, undefined, await house.report({ text: of }))).id);
  const people = { own: lena, other: dirk };
  const organisations = { own: lena, other: alpha };
  await subscribe(house);
  return {
    // A list is nobody's own.
    lists: { own: LISTS.announce, other: 'announce', missing },
    recipients: { own: READER, other: OUTSIDE, missing },
    members: await two(async (of) => {
      const contact = await contacts.byId(db, organisations[of].contactId);
      return contact?.member_id ?? '';
    }),
    contacts: { own: lena.contactId, other: alpha.contactId, missing },
    cases,
    patches: await two(
      async (of) => (await db.selectFrom('patches').select('id').where('case_id', '=', cases[of]).executeTakeFirstOrThrow()).id,
    ),
    certificates: await two(async (of) => (await certificates.current(db, organisations[of].contactId))?.id ?? ''),
    deliveries: await two(async (of) => {
      const query = db.selectFrom('deliveries').select('id').where('contact_id', '=', people[of].contactId);
      return (await query.executeTakeFirstOrThrow()).id;
    }),
    posts: await two(
      async (of) => (await db.selectFrom('posts').select('id').where('case_id', '=', cases[of]).executeTakeFirstOrThrow()).id,
    ),
    incidents: await two(async (of) => {
      const hit = { caseId: cases[of], kind: 'id', place: 'text', score: 1 } as const;
      const leak = { listId: 'announce', refused: true, encrypted: false, digest: '', sender: of, from: null, signerId: null };
      await noteLeak(house, { ...leak, hits: [hit] });
      return (await incidents.recent(db, cases[of], 0))[0]?.id ?? '';
    }),
    tokens: await two(
      async (of) =>
        (await issueToken(house, { name: `spare ${of}`, role: 'auditor', person: people[of].address, days: null })).id,
    ),
  };
}

/** Of what cannot be read without one. */
const QUERIES: Record<string, string> = {
  'GET /api/v1/policies/check': '?policies=k8s&release=2026-09-22T16:00:00Z',
};

/** What a request names, or a failure of the test where it names something that the world has not. */
function inWorld(world: World, route: Route, which: Which): string {
  const request = filled(route, (segment) => {
    const known = world[segment];
    if (!known) throw new Error(`nothing says what is at ${route.path}: add ${segment} to worldOf`);
    return known[which];
  });
  return `${request}${QUERIES[route.row] ?? ''}`;
}

/** All of the API but what is for anyone. */
const needsToken = ({ row, path }: Route) => path.startsWith('/api/v1/') && access[row] !== 'anyone';

/** All that an answer tells, but the name of the request. */
const told = ({ status, body }: Answer) => ({ status, body: { ...body, instance: '' } });

eachEngine((engine) => {
  const serve = serving();

  test('the document describes every route of the table, and no other', async () => {
    const api = await serve(await engine.open());
    expect((await documented(api)).map(({ row }) => row).sort()).toEqual(Object.keys(access).sort());
  });

  test('every route is open to the roles of its row, and to nobody else, whosever it is that is asked for', async () => {
    const api = await serve(await engine.open());
    const world = await worldOf(api);
    const routes = (await documented(api)).filter(needsToken);
    // What is read first: the other routes change things.
    routes.sort((one, other) => Number(changes(one)) - Number(changes(other)));
    for (const role of ROLES) {
      const token = await api.house.token(role, 'lena@orbit.example');
      for (const route of routes) {
        const shut = !isOpen(route.row, role);
        const answers: Answer[] = [];
        for (const which of WHICH) {
          const request = inWorld(world, route, which);
          const answer = await api.ask(token, request);
          answers.push(answer);
          const { status, body } = answer;
          const about = `${role}: ${request} ${status} ${body.code}`;
          expect(status === 401 || (status === 403 && body.code === 'forbidden'), about).toBe(shut);
          if (shut || changes(route)) continue;
          const named = route.path.includes('{');
          expect(status, about).toBe(named && which === 'missing' ? 404 : 200);
        }
        if (shut) expect(new Set(answers.map((answer) => JSON.stringify(told(answer)))).size, `${role}: ${route.row}`).toBe(1);
      }
    }
  });

  test('a token with a scope is open to the routes of that alone, and to what reads if it is "read"', async () => {
    const api = await serve(await engine.open());
    const world = await worldOf(api);
    const routes = [...(await documented(api)).filter(needsToken), { row: 'GET /metrics', method: 'GET', path: '/metrics' }];
    for (const scope of SCOPES) {
      const wish = { name: scope, role: 'admin', scopes: [scope], person: 'lena@orbit.example', days: null } as const;
      const { token } = await issueToken(api.house, wish);
      for (const route of routes) {
        const own = guarded(route.row).scope;
        const shut = own !== scope && (changes(route) || scope !== 'read');
        const missing = await api.ask(token, inWorld(world, route, 'missing'));
        const about = `${scope}: ${route.row} ${missing.status} ${missing.body.code}`;
        expect(missing.status === 401 || (missing.status === 403 && missing.body.code === 'forbidden'), about).toBe(shut);
        if (!shut) continue;
        const wanted = changes(route) || own === 'read' ? own : `read or ${own}`;
        expect(missing.body.detail, about).toBe(`This needs a token with the scope ${wanted}`);
        expect(told(await api.ask(token, inWorld(world, route, 'own'))), about).toEqual(told(missing));
      }
    }
  });

  test('scopes narrow a role, and give nothing that it has not', async () => {
    const api = await serve(await engine.open());
    const wish = { name: 'reads audit', role: 'auditor', scopes: [...SCOPES], person: null, days: null } as const;
    const { token } = await issueToken(api.house, wish);
    expect((await api.ask(token, 'GET /api/v1/members')).status).toBe(200);
    for (const request of ['GET /api/v1/tokens', 'POST /api/v1/members', 'POST /api/v1/tokens'])
      expect(await api.ask(token, request), request).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  });

  test('with scopes nobody makes himself a token that has others; they are listed, and in the log', async () => {
    const api = await serve(await engine.open());
    const wish = { name: 'issuer', role: 'admin', scopes: ['tokens', 'audit'], person: null, days: null } as const;
    const { token } = await issueToken(api.house, wish);
    const make = (name: string, scopes?: string[]) =>
      api.ask(token, 'POST /api/v1/tokens', { body: { name, role: 'admin', scopes } });
    for (const scopes of [undefined, ['read'], ['audit', 'roster']])
      expect(await make('wider', scopes), `${scopes}`).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    for (const scopes of [[], ['root']])
      expect(await make('wrong', scopes), `${scopes}`).toMatchObject({ status: 422, body: { code: 'invalid' } });
    expect((await make('narrower', ['audit'])).status).toBe(201);
    const { items } = (await api.ask(token, 'GET /api/v1/tokens')).body;
    const listed = items.map(({ name, scopes }: { name: string; scopes: string[] }) => `${name}: ${scopes.join(' ')}`);
    expect(listed.sort()).toEqual(['issuer: audit tokens', 'narrower: audit']);
    const log = (await api.ask(token, 'GET /api/v1/audit?action=token.issue')).body.items;
    expect(log[0].detail).toMatchObject({ name: 'narrower', scopes: ['audit'] });
  });

  test('who has no token learns nothing of what is there', async () => {
    const api = await serve(await engine.open());
    const world = await worldOf(api);
    for (const route of (await documented(api)).filter(needsToken)) {
      // The minute of whoever fails too often has passed.
      api.house.clock.moveTo(api.house.clock.now() + MINUTE);
      const answers = [];
      for (const which of WHICH) answers.push(told(await api.ask(null, inWorld(world, route, which))));
      expect(
        answers.map(({ status }) => status),
        route.row,
      ).toEqual([401, 401, 401]);
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size, route.row).toBe(1);
    }
  });

  test('what is to be changed and is not there is not found, by whoever may change it, and forbidden to the others', async () => {
    const api = await serve(await engine.open());
    const tokens = await Promise.all(
      ROLES.map(async (role) => [role, await api.house.token(role, 'lena@orbit.example')] as const),
    );
    for (const route of (await documented(api)).filter((one) => changes(one) && one.path.includes('{'))) {
      const call = await calls[route.row]?.(api.house);
      for (const [role, token] of tokens) {
        const answer = await api.ask(
          token,
          filled(route, () => 'none'),
          { body: call?.body },
        );
        const [status, code] =
          access[route.row] === 'anyone' || isOpen(route.row, role) ? [404, 'not-found'] : [403, 'forbidden'];
        expect([answer.status, answer.body.code], `${role}: ${route.row}`).toEqual([status, code]);
      }
    }
  });
});
