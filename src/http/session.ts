import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { toIso } from '../clock.ts';
import { asRefusal, Refusal } from '../refusal.ts';
import { signIn, signOut } from '../roster/sign-in.ts';
import { hashToken } from '../roster/tokens.ts';
import type { Api, App } from './api.ts';
import { acting, callerOf } from './auth.ts';
import { InstantUtc } from './instant.ts';
import { limitRate, mustWait, placeOf } from './rate.ts';

const tags = ['session'];
const strict = { additionalProperties: false } as const;

/** Both steps together, a minute, from one address: each of them makes this server ask the provider. */
export const MOST_SIGN_INS = 20;

/** RFC 8252 §7.3. Whoever else is named there would get the code. */
const LOOPBACK = 'http://(127\\.0\\.0\\.1|\\[::1\\]):[1-9][0-9]{0,4}/';

const Begin = Type.Object({
  redirectUri: Type.String({
    pattern: `^${LOOPBACK}$`,
    description: 'where the browser comes back to, as http://127.0.0.1:PORT/ or http://[::1]:PORT/',
  }),
});

export const SignIn = Type.Object({
  url: Type.String({ description: 'where the browser is to go' }),
  secret: Type.String({ description: 'with what the browser brings back it finishes this sign-in; shown this once' }),
});

const Finish = Type.Object(
  {
    secret: Type.String({ pattern: '^[0-9a-z]{52}$', description: 'that of the sign-in' }),
    answer: Type.String({
      maxLength: 8192,
      pattern: `^${LOOPBACK}\\?[!-~]*$`,
      description: 'the URL that the browser came back to, whole',
    }),
  },
  strict,
);

export const Session = Type.Object({
  id: Type.String(),
  token: Type.String({ description: 'shown this once' }),
  person: Type.String({ description: 'the address of who acts with it' }),
  role: Type.Enum(['admin', 'team', 'auditor']),
  expiresAt: InstantUtc,
});

export const SignedOut = Type.Object({ status: Type.Literal('signed out') });

export function sessionRoutes(app: App, api: Api): void {
  const attempts = limitRate(api.seams.clock, MOST_SIGN_INS);
  // Before anything is read of it, and before its Idempotency-Key is kept.
  const limit = async ({ ip }: FastifyRequest, reply: FastifyReply) => {
    mustWait(reply, attempts.count(placeOf(ip)), 'Too many sign-ins from there; try again later');
  };
  getSignIn(app, api, limit);
  postSession(app, api, limit);
  deleteSession(app, api);
}

type Limit = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/** Of a project that signs in. */
function configured({ signIn: how }: Api): NonNullable<Api['signIn']> {
  if (!how) throw new Refusal('not-found', 'This server has no identity provider: use a token that was made at the host');
  return how;
}

function getSignIn(app: App, api: Api, limit: Limit): void {
  const schema = {
    tags,
    summary: 'Begin to sign in with the identity provider of the project',
    description:
      'OpenID Connect with a code that comes back to the machine of whoever signs in (RFC 8252); POST /api/v1/session finishes it.',
    querystring: Begin,
    response: { 200: SignIn },
  };
  app.get('/sign-in', { schema, onRequest: limit }, async (request) => {
    const { provider } = configured(api);
    return provider.begin(request.query.redirectUri).catch((error: unknown) => logged(request, error));
  });
}

function postSession(app: App, api: Api, limit: Limit): void {
  const schema = {
    tags,
    summary: 'Finish to sign in; gives a token of the person, for some hours',
    body: Finish,
    response: { 201: Session },
  };
  app.post('/session', { schema, onRequest: limit }, async (request, reply): Promise<Static<typeof Session>> => {
    const { provider, rules } = configured(api);
    const { secret, answer } = request.body;
    const account = await provider.finish(secret, urlOf(answer)).catch((error: unknown) => logged(request, error));
    const session = await signIn(api.seams, account, hashToken(secret), rules);
    reply.code(201);
    return { ...session, expiresAt: toIso(session.expiresAt) };
  });
}

function urlOf(answer: string): URL {
  if (!URL.canParse(answer)) throw new Refusal('invalid', 'answer is no URL');
  return new URL(answer);
}

/** Why the provider refused is for whoever runs the server: a stranger is told that it did. */
function logged({ log }: FastifyRequest, error: unknown): never {
  const { reason, detail } = asRefusal(error);
  log.warn({ reason, detail }, 'a sign-in failed');
  throw error;
}

function deleteSession(app: App, { seams }: Api): void {
  const schema = { tags, summary: 'Sign out: end the token of this request', response: { 200: SignedOut } };
  app.delete('/session', { schema }, async ({ caller }): Promise<Static<typeof SignedOut>> => {
    await signOut(acting(seams, caller), callerOf({ caller }).tokenId);
    return { status: 'signed out' };
  });
}
