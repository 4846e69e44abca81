import type { FastifyInstance, RouteOptions } from 'fastify';
import { type TObject, Type } from 'typebox';
import type { TokenRole } from '../store/schema.ts';
import { IdempotencyKey } from './idempotency.ts';
import { problemResponse } from './problem.ts';

export type Access = 'anyone' | readonly TokenRole[];

const READERS = ['admin', 'team', 'auditor'] as const;
const WATCHERS = ['admin', 'auditor'] as const;
const HANDS = ['admin', 'team'] as const;
const ADMIN = ['admin'] as const;

/**
 * Who may do what, all of it. The auditor reads metadata; the team handles cases and copies; the admin also decides who is
 * on the roster, who the public is, and who has a token. What a person must do (approvals), the move checks.
 */
export const access: Readonly<Record<string, Access>> = {
  'GET /healthz': 'anyone',
  'GET /readyz': 'anyone',
  'GET /api/openapi.json': 'anyone',
  'GET /metrics': WATCHERS,

  'GET /api/v1/lists': READERS,
  'GET /api/v1/lists/:list': READERS,
  'PATCH /api/v1/lists/:list': ADMIN,
  'GET /api/v1/lists/:list/key': READERS,
  'GET /api/v1/lists/:list/recipients': READERS,
  'POST /api/v1/lists/:list/recipients': ADMIN,
  'DELETE /api/v1/lists/:list/recipients/:recipient': ADMIN,

  'GET /api/v1/members': READERS,
  'POST /api/v1/members': ADMIN,
  'GET /api/v1/members/:id': READERS,
  'PATCH /api/v1/members/:id': ADMIN,
  'POST /api/v1/applications': 'anyone',
  'GET /api/v1/criteria': 'anyone',
  'GET /api/v1/members/:id/admission': READERS,
  'GET /api/v1/members/:id/exposure': READERS,
  'POST /api/v1/members/:id/vouches': HANDS,
  'POST /api/v1/members/:id/verdicts': HANDS,
  'POST /api/v1/members/:id/prove-key': HANDS,
  'POST /api/v1/members/:id/activate': ADMIN,
  'POST /api/v1/members/:id/suspend': ADMIN,
  'POST /api/v1/members/:id/reinstate': ADMIN,
  'POST /api/v1/members/:id/review': ADMIN,
  'POST /api/v1/members/:id/reject': ADMIN,
  'POST /api/v1/members/:id/remove': ADMIN,
  'GET /api/v1/members/:id/contacts': READERS,
  'POST /api/v1/members/:id/contacts': ADMIN,
  'GET /api/v1/contacts/:id': READERS,
  'POST /api/v1/contacts/:id/retire': ADMIN,
  'POST /api/v1/contacts/:id/reinstate': ADMIN,
  'GET /api/v1/contacts/:id/certificates': READERS,
  'POST /api/v1/contacts/:id/certificates': ADMIN,
  'POST /api/v1/contacts/:id/certificates/look-up': ADMIN,
  'POST /api/v1/contacts/:id/certificates/:certificate/approve': ADMIN,
  'POST /api/v1/contacts/:id/certificates/:certificate/refuse': ADMIN,
  'POST /api/v1/contacts/:id/certificates/:certificate/retire': ADMIN,

  'GET /api/v1/cases': READERS,
  'GET /api/v1/cases/:id': READERS,
  'PUT /api/v1/cases/:id/schedule': HANDS,
  'POST /api/v1/cases/:id/patches': HANDS,
  'DELETE /api/v1/cases/:id/patches/:patch': HANDS,
  'GET /api/v1/cases/:id/bundle': HANDS,
  'POST /api/v1/cases/:id/approvals': HANDS,
  'POST /api/v1/cases/:id/dispatch': HANDS,
  'POST /api/v1/cases/:id/release-now': HANDS,
  'GET /api/v1/cases/:id/deliveries': READERS,

  'GET /api/v1/deliveries': READERS,
  'GET /api/v1/deliveries/:id': READERS,
  'POST /api/v1/deliveries/:id/retry': HANDS,
  'GET /api/v1/posts': READERS,
  'GET /api/v1/posts/:id': READERS,
  'POST /api/v1/posts/:id/approve': HANDS,
  'POST /api/v1/posts/:id/refuse': HANDS,

  'GET /api/v1/audit': READERS,
  'GET /api/v1/audit/verify': READERS,

  'GET /api/v1/tokens': ADMIN,
  'POST /api/v1/tokens': ADMIN,
  'DELETE /api/v1/tokens/:id': ADMIN,
};

/** The pages of the documentation, made by a package: what they show is public. */
const DOCS = /^\/api\/docs(\/|$)/;

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
}

/** Gives each route its row. A route without one, and a row without a route, end the start. */
export function enforceTable(app: FastifyInstance): void {
  const rows = new Set(Object.keys(access));
  app.addHook('onRoute', (route) => {
    const row = rowOf(route);
    rows.delete(row);
    const rule = access[row] ?? (DOCS.test(route.url) ? 'anyone' : undefined);
    if (rule === undefined) throw new Error(`nothing says who may use ${row}`);
    route.config = { ...route.config, access: rule };
    if (rule !== 'anyone' || route.url.startsWith('/api/v1/')) describe(route, rule);
  });
  app.addHook('onReady', async () => {
    if (rows.size > 0) throw new Error(`no route is there for ${[...rows].join(', ')}`);
  });
}

function rowOf({ method, url }: RouteOptions): string {
  return `${method === 'HEAD' ? 'GET' : method} ${url}`;
}

/** What all routes of the API have in common, said in its document too. */
function describe(route: RouteOptions, rule: Access): void {
  const { schema } = route;
  if (!schema?.response) throw new Error(`${rowOf(route)} does not say what it answers`);
  route.schema = {
    ...schema,
    description: [schema.description, rule === 'anyone' ? 'For anyone.' : `Roles: ${rule.join(', ')}.`]
      .filter(Boolean)
      .join('\n\n'),
    security: rule === 'anyone' ? [] : [{ bearer: [] }],
    ...(route.method === 'POST' && rule !== 'anyone' ? { headers: withKey(schema.headers) } : {}),
    response: { ...schema.response, default: problemResponse },
  };
}

function withKey(headers: unknown): TObject {
  return Type.Object({ ...(headers as TObject | undefined)?.properties, ...IdempotencyKey });
}
