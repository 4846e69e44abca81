import type { FastifyInstance, RouteOptions } from 'fastify';
import { type TObject, Type } from 'typebox';
import type { TokenRole, TokenScope } from '../store/schema.ts';
import { IdempotencyKey } from './idempotency.ts';
import { problemResponse } from './problem.ts';
import { publicPaths } from './public.ts';

export type Access = 'anyone' | Guarded;

export interface Guarded {
  roles: readonly TokenRole[];
  /** Of a token that has scopes: this one, or `read` for what only reads. */
  scope: TokenScope;
}

const open =
  (...roles: TokenRole[]) =>
  (scope: TokenScope): Guarded => ({ roles, scope });
const readers = open('admin', 'team', 'auditor');
const watchers = open('admin', 'auditor');
const hands = open('admin', 'team');
const admin = open('admin');

/**
 * Who may do what, all of it. The auditor reads metadata; the team handles cases and copies; the admin also decides who is
 * on the roster, who the public is, and who has a token. A token may have less than its role: the scopes beside it. What a person
 * must do (approvals), the move checks.
 */
export const access: Readonly<Record<string, Access>> = {
  'GET /healthz': 'anyone',
  'GET /readyz': 'anyone',
  'GET /api/openapi.json': 'anyone',
  'GET /metrics': watchers('read'),

  ...Object.fromEntries(publicPaths.map(({ path }) => [`GET ${path}`, 'anyone' as const])),

  'GET /acknowledge/:token': 'anyone',
  'POST /acknowledge/:token': 'anyone',

  'GET /api/v1/lists': readers('lists'),
  'POST /api/v1/lists': admin('lists'),
  'GET /api/v1/lists/:list': readers('lists'),
  'PATCH /api/v1/lists/:list': admin('lists'),
  'GET /api/v1/lists/:list/key': readers('lists'),
  'DELETE /api/v1/lists/:list/key/next': admin('lists'),
  'GET /api/v1/lists/:list/recipients': readers('lists'),
  'POST /api/v1/lists/:list/recipients': admin('lists'),
  'DELETE /api/v1/lists/:list/recipients/:recipient': admin('lists'),

  'GET /api/v1/members': readers('roster'),
  'POST /api/v1/members': admin('roster'),
  'GET /api/v1/members/:id': readers('roster'),
  'PATCH /api/v1/members/:id': admin('roster'),
  'POST /api/v1/applications': 'anyone',
  'GET /api/v1/criteria': 'anyone',
  'GET /api/v1/members/:id/admission': readers('roster'),
  'GET /api/v1/members/:id/exposure': readers('roster'),
  'POST /api/v1/members/:id/vouches': hands('roster'),
  'POST /api/v1/members/:id/verdicts': hands('roster'),
  'POST /api/v1/members/:id/prove-key': hands('roster'),
  'POST /api/v1/members/:id/activate': admin('roster'),
  'POST /api/v1/members/:id/suspend': admin('roster'),
  'POST /api/v1/members/:id/reinstate': admin('roster'),
  'POST /api/v1/members/:id/review': admin('roster'),
  'POST /api/v1/members/:id/reject': admin('roster'),
  'POST /api/v1/members/:id/remove': admin('roster'),
  'GET /api/v1/members/:id/contacts': readers('roster'),
  'POST /api/v1/members/:id/contacts': admin('roster'),
  'GET /api/v1/contacts/:id': readers('roster'),
  'POST /api/v1/contacts/:id/retire': admin('roster'),
  'POST /api/v1/contacts/:id/reinstate': admin('roster'),
  'GET /api/v1/contacts/:id/certificates': readers('roster'),
  'GET /api/v1/contacts/:id/certificates/:certificate': readers('roster'),
  'POST /api/v1/contacts/:id/certificates': admin('roster'),
  'POST /api/v1/contacts/:id/certificates/look-up': admin('roster'),
  'POST /api/v1/contacts/:id/certificates/:certificate/approve': admin('roster'),
  'POST /api/v1/contacts/:id/certificates/:certificate/refuse': admin('roster'),
  'POST /api/v1/contacts/:id/certificates/:certificate/retire': admin('roster'),

  'GET /api/v1/policies': readers('cases'),
  'GET /api/v1/policies/check': readers('cases'),

  'GET /api/v1/clock': readers('cases'),
  'POST /api/v1/clock/confirm': admin('cases'),
  'GET /api/v1/restoration': readers('cases'),
  'POST /api/v1/restoration/confirm': admin('cases'),

  'GET /api/v1/cases': readers('cases'),
  'GET /api/v1/cases/:id': readers('cases'),
  'PATCH /api/v1/cases/:id': hands('cases'),
  'GET /api/v1/cases/:id/details': hands('cases'),
  'PUT /api/v1/cases/:id/severity': hands('cases'),
  'POST /api/v1/cases/:id/lead': hands('cases'),
  'PUT /api/v1/cases/:id/deputy': hands('cases'),
  'POST /api/v1/cases/:id/handover': hands('cases'),
  'POST /api/v1/cases/:id/handover/accept': hands('cases'),
  'PUT /api/v1/cases/:id/team': hands('cases'),
  'POST /api/v1/cases/:id/notices/preview': hands('cases'),
  'POST /api/v1/cases/:id/notices': hands('cases'),
  'GET /api/v1/cases/:id/acknowledgements': readers('cases'),
  'POST /api/v1/cases/:id/duplicate': hands('cases'),
  'PUT /api/v1/cases/:id/schedule': hands('cases'),
  'PUT /api/v1/cases/:id/text': hands('cases'),
  'POST /api/v1/cases/:id/patches': hands('cases'),
  'DELETE /api/v1/cases/:id/patches/:patch': hands('cases'),
  'GET /api/v1/cases/:id/bundle': hands('cases'),
  'POST /api/v1/cases/:id/approvals': hands('cases'),
  'POST /api/v1/cases/:id/retract': hands('cases'),
  'PUT /api/v1/cases/:id/need-to-know': hands('cases'),
  'DELETE /api/v1/cases/:id/need-to-know': hands('cases'),
  'POST /api/v1/cases/:id/dispatch': hands('cases'),
  'POST /api/v1/cases/:id/release-now': hands('cases'),
  'POST /api/v1/cases/:id/leak': hands('cases'),
  'POST /api/v1/cases/:id/leak/decision': hands('cases'),
  'POST /api/v1/cases/:id/withdraw': hands('cases'),
  'POST /api/v1/cases/:id/reopen': hands('cases'),
  'POST /api/v1/cases/:id/public-already': hands('cases'),
  'GET /api/v1/cases/:id/preview': hands('cases'),
  'GET /api/v1/cases/:id/text/draft': hands('cases'),
  'GET /api/v1/cases/:id/timeline': readers('cases'),
  'GET /api/v1/cases/:id/deliveries': readers('cases'),
  'GET /api/v1/cases/:id/retrospective': hands('cases'),
  'POST /api/v1/cases/:id/retrospective': hands('cases'),
  'GET /api/v1/cases/:id/archive': hands('cases'),
  'POST /api/v1/cases/:id/archive': hands('cases'),
  'POST /api/v1/cases/:id/archive/draft': hands('cases'),
  'POST /api/v1/cases/:id/close': hands('cases'),
  'GET /api/v1/statistics': readers('cases'),

  'GET /api/v1/deliveries': readers('delivery'),
  'GET /api/v1/deliveries/:id': readers('delivery'),
  'POST /api/v1/deliveries/:id/retry': hands('delivery'),
  'POST /api/v1/deliveries/:id/hold': hands('delivery'),
  'POST /api/v1/deliveries/:id/drop': hands('delivery'),
  'POST /api/v1/deliveries/retry': hands('delivery'),
  'POST /api/v1/deliveries/hold': hands('delivery'),
  'POST /api/v1/deliveries/drop': hands('delivery'),
  'GET /api/v1/posts': readers('delivery'),
  'GET /api/v1/posts/:id': readers('delivery'),
  'POST /api/v1/posts/:id/approve': hands('delivery'),
  'POST /api/v1/posts/:id/refuse': hands('delivery'),
  'POST /api/v1/posts/:id/hold': hands('delivery'),

  'GET /api/v1/incidents': readers('cases'),
  'GET /api/v1/incidents/:id': readers('cases'),
  'POST /api/v1/incidents/:id/close': hands('cases'),

  // Of every case, those too that are for others of the team.
  'GET /api/v1/audit': watchers('audit'),
  'GET /api/v1/audit/verify': readers('audit'),

  'GET /api/v1/tokens': admin('tokens'),
  'POST /api/v1/tokens': admin('tokens'),
  'DELETE /api/v1/tokens/:id': admin('tokens'),
  'GET /api/v1/sign-in': 'anyone',
  'POST /api/v1/session': 'anyone',
  'DELETE /api/v1/session': hands('tokens'),
};

/** The pages of the documentation, made by a package: what they show is public. */
const DOCS = /^\/api\/docs(\/|$)/;

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    /** A token that has scopes needs one of these. */
    scopes?: readonly TokenScope[];
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
    const scopes = rule === 'anyone' ? [] : scopesFor(row, rule);
    route.config = { ...route.config, access: rule, scopes };
    if (rule !== 'anyone' || route.url.startsWith('/api/v1/')) describe(route, rule, scopes);
  });
  app.addHook('onReady', async () => {
    if (rows.size > 0) throw new Error(`no route is there for ${[...rows].join(', ')}`);
  });
}

function rowOf({ method, url }: RouteOptions): string {
  return `${method === 'HEAD' ? 'GET' : method} ${url}`;
}

function scopesFor(row: string, { scope }: Guarded): TokenScope[] {
  return row.startsWith('GET ') && scope !== 'read' ? ['read', scope] : [scope];
}

/** What all routes of the API have in common, said in its document too. */
function describe(route: RouteOptions, rule: Access, scopes: readonly TokenScope[]): void {
  const { schema } = route;
  if (!schema?.response) throw new Error(`${rowOf(route)} does not say what it answers`);
  route.schema = {
    ...schema,
    description: [schema.description, whoMay(rule, scopes)].filter(Boolean).join('\n\n'),
    security: rule === 'anyone' ? [] : [{ bearer: [] }],
    ...(route.method === 'POST' ? { headers: withKey(schema.headers) } : {}),
    response: { ...schema.response, default: problemResponse },
  };
}

function whoMay(rule: Access, scopes: readonly TokenScope[]): string {
  return rule === 'anyone' ? 'For anyone.' : `Roles: ${rule.roles.join(', ')}. Scope: ${scopes.join(' or ')}.`;
}

function withKey(headers: unknown): TObject {
  return Type.Object({ ...(headers as TObject | undefined)?.properties, ...IdempotencyKey });
}
