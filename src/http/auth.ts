import { timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Actor } from '../audit/entry.ts';
import type { Approver } from '../embargo/approve.ts';
import { Refusal } from '../refusal.ts';
import { hashToken, scopesOf } from '../roster/tokens.ts';
import type { Seams } from '../seams.ts';
import * as contacts from '../store/contacts.ts';
import type { Claim } from '../store/idempotency.ts';
import type { Token, TokenRole, TokenScope } from '../store/schema.ts';
import * as tokens from '../store/tokens.ts';
import { limitRate, placeOf, slowDown } from './rate.ts';

/** Who asks, and what his token allows. */
export interface Caller extends Approver {
  tokenId: string;
  role: TokenRole;
  /** What it may do of that; null: all. */
  scopes: readonly TokenScope[] | null;
  /** As the log names him. */
  actor: Actor;
  /** Of a request with an Idempotency-Key that this attempt has in hand. */
  once?: Claim;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null on the routes that are for anyone. */
    caller: Caller | null;
  }
}

/**
 * Requests without a valid token, a minute, from one address. Only these are counted by address: behind a proxy everybody has
 * the same one, and a stranger who fails must not lock out the lead on the day of a release.
 */
const MOST_FAILURES = 10;
/** With one token, a minute: a program that has lost its way leaves the server to the others. */
export const MOST_REQUESTS = 1200;

/** Lets a request to its route, or refuses it before its body is read: by its token, its role and scopes, and the table of access. */
export function authenticate(app: FastifyInstance, seams: Seams): void {
  const failures = limitRate(seams.clock, MOST_FAILURES);
  const requests = limitRate(seams.clock, MOST_REQUESTS);
  app.decorateRequest('caller', null);
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404) return;
    const { access, scopes: wanted = [] } = request.routeOptions.config;
    if (access === undefined) throw new Error('a route without a rule');
    if (access === 'anyone') return;
    const token = await validToken(seams, request.headers.authorization);
    if (!token) throw unauthenticated(request, reply, failures.count(placeOf(request.ip)));
    const wait = requests.count(token.id);
    if (wait > 0) throw slowDown(reply, wait, 'too-many-requests');
    await noteUse(seams, token, request);
    const { roles } = access;
    if (!roles.includes(token.role)) throw new Refusal('forbidden', `This needs a token of the role ${roles.join(' or ')}`);
    const scopes = scopesOf(token);
    if (scopes && !wanted.some((scope) => scopes.includes(scope)))
      throw new Refusal('forbidden', `This needs a token with the scope ${wanted.join(' or ')}`);
    // Who has left the team takes his tokens with him.
    if (token.person_id !== null && !(await contacts.isOn(seams.db, token.person_id, 'intake')))
      throw new Refusal('forbidden', 'The person of this token is no active contact of the response team');
    const actor = await actorOf(seams, token);
    request.caller = { tokenId: token.id, personId: token.person_id, role: token.role, scopes, actor };
  });
}

/** A person is the actor, whichever token he uses. */
async function actorOf({ db }: Seams, { id, name, person_id }: Token): Promise<Actor> {
  const person = person_id === null ? undefined : await contacts.byId(db, person_id);
  if (!person) return { type: 'token', id, name, via: null };
  return { type: 'person', id: person.id, name: person.address, via: `token:${id}` };
}

/** What a move is given that a request asks for: what it changes is logged as the caller's. */
export function acting(seams: Seams, caller: Caller | null): Seams {
  const { actor, role, once } = callerOf({ caller });
  return { ...seams, by: actor, role, ...(once ? { once } : {}) };
}

/** Of a route that is not for anyone. */
export function callerOf({ caller }: Pick<FastifyRequest, 'caller'>): Caller {
  if (!caller) throw new Error('nobody was authenticated');
  return caller;
}

/** What a case says in clear is for people, and for admins. Throws Refusal('needs-person'). */
export function mustReadInClear(request: Pick<FastifyRequest, 'caller'>): void {
  const { role, personId } = callerOf(request);
  if (role !== 'admin' && personId === null) throw new Refusal('needs-person');
}

/** RFC 6750 §2.1. Undefined where the header is missing or malformed. */
export function bearerOf(header: string | undefined): string | undefined {
  return /^Bearer +([!-~]{1,200})$/i.exec(header ?? '')?.[1];
}

/** Undefined, too, where the token is unknown, expired or revoked. */
async function validToken({ db, clock }: Seams, header: string | undefined): Promise<Token | undefined> {
  const sent = bearerOf(header);
  if (sent === undefined) return undefined;
  const hash = hashToken(sent);
  const token = await tokens.byHash(db, hash);
  if (!token || !timingSafeEqual(Buffer.from(token.hash), Buffer.from(hash))) return undefined;
  if (token.revoked_at !== null || (token.expires_at !== null && token.expires_at <= clock.now())) return undefined;
  return token;
}

function unauthenticated({ headers }: FastifyRequest, reply: FastifyReply, wait: number): Refusal {
  if (wait > 0) return slowDown(reply, wait, 'too-many-attempts');
  // RFC 6750 §3.1: no error code where nothing was sent.
  const why = headers.authorization === undefined ? '' : ', error="invalid_token"';
  reply.header('www-authenticate', `Bearer realm="curfew"${why}`);
  return new Refusal('unauthenticated');
}

/** Whoever only reads must be able to while the disk is full. */
async function noteUse({ db, clock }: Seams, token: Token, { log }: FastifyRequest): Promise<void> {
  await tokens
    .used(db, token, clock.now())
    .catch((error: unknown) => log.warn({ err: error }, 'the use of a token was not noted'));
}
