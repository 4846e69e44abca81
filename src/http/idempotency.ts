import { createHash, createHmac } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { ListKey } from '../pgp/keyring.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import type { Claim } from '../store/idempotency.ts';
import * as idempotency from '../store/idempotency.ts';
import * as lists from '../store/lists.ts';
import type { Idempotency } from '../store/schema.ts';
import { bearerOf } from './auth.ts';

/*
 * draft-ietf-httpapi-idempotency-key-header: who sends a POST with an Idempotency-Key may send it again for a day, and it is done once.
 *
 *   taken ----> done ----> answered     the same request again gets the answer that was given; another one is refused
 *     |           +------> (crash)      it is told that it was done
 *     +-------> answered                a refusal (4xx) is an answer too
 *     +-------> given back              what failed here (5xx), was refused for now (Retry-After), or died, may be tried again
 *
 * `done` is written by the transaction that does it (audit/record.ts), so that neither a crash nor two at once do it twice.
 * Answers may hold secrets (a new token, the name of a patch): what is kept is sealed to the key of the intake list, as mail is.
 *
 * A key is that of a token: another token's request with the same one is another request. On a route for anyone all strangers
 * share theirs. Who guesses one gets what was answered for the very same request that he makes himself, else the refusal; so a
 * route for anyone must tell nobody more than he has sent.
 */

declare module 'fastify' {
  interface FastifyRequest {
    /** Of a request with an Idempotency-Key that this attempt has in hand. */
    once: Claim | null;
  }
}

/** Of every POST. */
export const IdempotencyKey = {
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^[ -~]{1,255}$',
      description:
        'a new one for each thing that is to be done, 1 to 255 printable ASCII characters: sent again within 24 hours it is not done again, and answered as before',
    }),
  ),
};

/** Takes what was asked with a key in hand before it reaches its route, and keeps what the route answers. */
export function answerOnce(app: FastifyInstance, seams: Seams): void {
  const { db, clock } = seams;
  app.decorateRequest('once', null);
  app.addHook('preHandler', async (request, reply) => {
    const key = request.headers['idempotency-key'];
    if (request.method !== 'POST' || typeof key !== 'string' || request.is404) return;
    const once = { id: digest(`${request.caller?.tokenId ?? 'anyone'} ${key}`), claim: request.id };
    const fingerprint = fingerprintOf(once.id, key, request);
    const known = await idempotency.take(db, once, { fingerprint, now: clock.now() });
    if (known) return replay(known, fingerprint, reply);
    request.once = once;
    if (request.caller) request.caller.once = once;
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const { once } = request;
    if (!once) return payload;
    try {
      const forNow = reply.statusCode >= 500 || reply.hasHeader('retry-after');
      if (forNow || typeof payload !== 'string') await idempotency.giveBack(db, once);
      else await idempotency.keepAnswer(db, once, await seal(seams, answerOf(reply, payload)));
    } catch (error) {
      // It is done, whatever becomes of the record of its answer.
      request.log.error({ err: error }, 'an answer could not be kept for its Idempotency-Key');
    }
    return payload;
  });

  async function replay(known: Idempotency, fingerprint: string, reply: FastifyReply): Promise<FastifyReply> {
    if (known.fingerprint !== fingerprint) throw new Refusal('idempotency-key-reused');
    if (known.answer) {
      const { status, headers, body } = await unseal(seams, known.answer);
      return reply.code(status).headers(headers).header('idempotency-replayed', 'true').send(body);
    }
    const lost = known.done === 1 && clock.now() - known.claimed_at >= idempotency.LEASE;
    throw new Refusal(lost ? 'idempotency-done' : 'idempotency-in-progress');
  }
}

/**
 * Of all that says what is asked for; keyed, so that whoever reads the database cannot try what it may have been: with the token (32
 * random bytes), or, where there is none, with the Idempotency-Key. The database has no more than a hash of either.
 */
function fingerprintOf(id: string, key: string, request: FastifyRequest): string {
  const { method, routeOptions, params, body, headers } = request;
  const about = JSON.stringify([id, method, routeOptions.url, params, headers['if-match'] ?? null]);
  return createHmac('sha256', (request.caller && bearerOf(headers.authorization)) ?? key)
    .update(about)
    .update(JSON.stringify(body ?? null))
    .digest('hex');
}

interface Kept {
  status: number;
  headers: Record<string, string>;
  body: string;
}

function answerOf(reply: FastifyReply, body: string): Kept {
  const kept = ['content-type', 'etag'].map((name) => [name, reply.getHeader(name)]);
  return { status: reply.statusCode, headers: Object.fromEntries(kept.filter(([, value]) => value !== undefined)), body };
}

async function seal({ pgp, clock, ...seams }: Seams, answer: Kept): Promise<Uint8Array> {
  const [{ certificate }] = await intakeKeys(seams);
  return pgp.keep(Buffer.from(JSON.stringify(answer)), certificate, clock.now());
}

async function unseal({ pgp, ...seams }: Seams, sealed: Uint8Array): Promise<Kept> {
  const secrets = (await intakeKeys(seams)).map(({ secret }) => secret);
  return JSON.parse(Buffer.from(await pgp.reopen(sealed, secrets)).toString('utf8'));
}

async function intakeKeys({ db, keyring }: Pick<Seams, 'db' | 'keyring'>): Promise<[ListKey, ...ListKey[]]> {
  const list = (await lists.all(db)).find(({ role }) => role === 'intake');
  const [key, ...others] = list ? keyring.family(list.fingerprint) : [];
  if (!key) throw new Refusal('not-ready', 'There is no intake list with a key');
  return [key, ...others];
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
