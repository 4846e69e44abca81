import { type Static, Type } from 'typebox';
import { toIso } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import { Address } from '../roster/entries.ts';
import { issueToken, revokeToken, SCOPES, scopesOf } from '../roster/tokens.ts';
import * as contacts from '../store/contacts.ts';
import type { Contact, Token, TokenScope } from '../store/schema.ts';
import * as tokens from '../store/tokens.ts';
import type { Api, App } from './api.ts';
import { acting, type Caller, callerOf } from './auth.ts';
import { orNull } from './case-view.ts';
import { InstantUtc } from './instant.ts';
import { PageOf, Paging, readPageBy } from './page.ts';
import { ById, OrNull } from './schemas.ts';

const tags = ['tokens'];
const Role = Type.Enum(['admin', 'team', 'auditor'], { description: '"admin", "team" or "auditor"' });

const Scopes = Type.Array(Type.Enum([...SCOPES]), {
  minItems: 1,
  maxItems: SCOPES.length,
  description: `what it may do of its role, any of ${SCOPES.join(', ')}; "read" is whatever changes nothing`,
});

/** Everything about a token but what proves it. */
const TokenView = Type.Object({
  id: Type.String(),
  name: Type.String(),
  role: Role,
  scopes: OrNull(Scopes),
  person: OrNull(Type.String({ description: 'the address of who acts with it' })),
  createdAt: InstantUtc,
  expiresAt: OrNull(InstantUtc),
  revokedAt: OrNull(InstantUtc),
  lastUsedAt: OrNull({ ...InstantUtc, description: 'to the minute, in UTC' }),
});

export function tokenRoutes(app: App, api: Api): void {
  listTokens(app, api);
  postToken(app, api);
  deleteToken(app, api);
}

function tokenView(token: Token, person: Contact | undefined): Static<typeof TokenView> {
  const { id, name, role } = token;
  return {
    id,
    name,
    role,
    scopes: scopesOf(token),
    person: person?.address ?? null,
    createdAt: toIso(token.created_at),
    expiresAt: orNull(token.expires_at),
    revokedAt: orNull(token.revoked_at),
    lastUsedAt: orNull(token.last_used_at),
  };
}

function listTokens(app: App, { seams: { db } }: Api): void {
  const schema = { tags, summary: 'List the tokens', querystring: Paging, response: { 200: PageOf(TokenView) } };
  app.get('/tokens', { schema }, async ({ query }) => {
    const { items, next } = await readPageBy(
      query,
      (of) => tokens.page(db, of),
      ({ id }) => id,
    );
    const people = await contacts.byIds(
      db,
      items.flatMap(({ person_id }) => person_id ?? []),
    );
    return {
      items: items.map((token) =>
        tokenView(
          token,
          people.find(({ id }) => id === token.person_id),
        ),
      ),
      next,
    };
  });
}

const NewToken = Type.Object(
  {
    name: Type.String({ pattern: '^[ -~]{1,100}$', description: 'what it is for: 1 to 100 printable ASCII characters' }),
    role: Role,
    scopes: Type.Optional(Scopes),
    person: Type.Optional({ ...Address, description: 'refused: a token that acts for a person is made on the host' }),
    days: Type.Optional(Type.Integer({ minimum: 1, maximum: 36_500, description: 'days until it ends, 1 to 36500' })),
  },
  { additionalProperties: false },
);

function postToken(app: App, { seams }: Api): void {
  const created = Type.Object({ id: Type.String(), token: Type.String({ description: 'shown this once' }) });
  const schema = { tags, summary: 'Make a token', body: NewToken, response: { 201: created } };
  app.post('/tokens', { schema }, async ({ body: { name, role, scopes, person, days }, caller }, reply) => {
    // One admin's token would else be as many people as there are on the team.
    if (person !== undefined)
      throw new Refusal('forbidden', 'A token that acts for a person is made on the host: curfew token create --person ADDRESS');
    checkScopes(callerOf({ caller }), scopes);
    reply.code(201);
    return issueToken(acting(seams, caller), { name, role, scopes, person: null, days: days ?? null });
  });
}

/** With one that may do less than its role nobody makes himself one that may do more. */
function checkScopes({ scopes: own }: Caller, scopes: readonly TokenScope[] | undefined): void {
  if (own === null || scopes?.every((scope) => own.includes(scope))) return;
  throw new Refusal('forbidden', `This token has the scopes ${own.join(', ')}, and makes none that has others`);
}

function deleteToken(app: App, { seams }: Api): void {
  const schema = { tags, summary: 'Revoke a token', params: ById, response: { 200: TokenView } };
  app.delete('/tokens/:id', { schema }, async ({ params, caller }) => {
    const token = await revokeToken(acting(seams, caller), params.id);
    const [person] = await contacts.byIds(seams.db, token.person_id === null ? [] : [token.person_id]);
    return tokenView(token, person);
  });
}
