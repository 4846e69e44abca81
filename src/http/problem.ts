import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { asRefusal, type Reason, Refusal, refusalRow } from '../refusal.ts';
import type { Problem as Fault } from '../schema-problems.ts';
import { HEADERS } from './headers.ts';
import { PolicyAnswer } from './schemas.ts';

/** RFC 9457. */
export const PROBLEM = 'application/problem+json';

const ProblemDetails = Type.Object({
  type: Type.String({ description: 'urn:curfew:refusal:CODE' }),
  title: Type.String({ description: 'what the code means; the same text for the same code' }),
  status: Type.Integer(),
  detail: Type.Optional(Type.String({ description: 'what was wrong this time, and what to do' })),
  code: Type.String({ description: 'the reason, for programs' }),
  instance: Type.String({ description: 'names this request; the log of the server has it too' }),
  problems: Type.Optional(
    Type.Array(Type.Object({ path: Type.String(), message: Type.String() }), {
      description: 'where the request was not valid: all of it',
    }),
  ),
  answer: Type.Optional(PolicyAnswer),
});

/** For the schema of any route that may refuse. */
export const problemResponse = { description: 'Refused', content: { [PROBLEM]: { schema: ProblemDetails } } };

/** A request that its schema does not allow, with everything that is wrong with it. */
export function invalidRequest(problems: Fault[]): Refusal & { problems: Fault[] } {
  const text = problems.map(({ path, message }) => `${path || 'the body'} ${message}`).join('; ');
  return Object.assign(new Refusal('invalid', text), { problems });
}

function problemOf(refusal: Refusal, requestId: string) {
  const { http, text } = refusalRow(refusal.reason);
  return {
    type: `urn:curfew:refusal:${refusal.reason}`,
    title: text,
    status: http,
    ...(refusal.hint === undefined ? {} : { detail: refusal.hint }),
    code: refusal.reason,
    instance: `urn:curfew:request:${requestId}`,
    ...('problems' in refusal ? { problems: refusal.problems } : {}),
    ...('answer' in refusal ? { answer: refusal.answer } : {}),
  };
}

/** Every way in which a request fails ends here. What is our own fault is told without a word of it, and logged. */
export function sendProblem(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const refusal = refusalOf(thrown);
  const { http, temporary } = refusalRow(refusal.reason);
  if (http >= 500) logFailure(request, refusal, thrown);
  if (temporary && !reply.hasHeader('retry-after')) reply.header('retry-after', '5');
  return reply.code(http).type(PROBLEM).send(problemOf(refusal, request.id));
}

function logFailure(request: FastifyRequest, refusal: Refusal, thrown: unknown): void {
  const { reason, detail } = refusal;
  if (thrown instanceof Refusal) request.log.error({ reason, detail }, 'a request failed');
  else request.log.error({ err: thrown }, 'a request failed');
}

/** Refusals as they are; what fastify says about a request that it could not take, in our words; all else is a bug. */
function refusalOf(thrown: unknown): Refusal {
  if (thrown instanceof Refusal || !isFastifyError(thrown)) return asRefusal(thrown);
  const { statusCode = 500, code } = thrown;
  if (statusCode >= 500) return new Refusal('internal-error');
  const reason = BY_STATUS[statusCode] ?? 'malformed-request';
  return new Refusal(reason, HINTS[code]);
}

function isFastifyError(thrown: unknown): thrown is FastifyError {
  return thrown instanceof Error && 'statusCode' in thrown && typeof thrown.statusCode === 'number';
}

const BY_STATUS: Record<number, Reason> = { 404: 'not-found', 413: 'request-too-large', 415: 'unsupported-media-type' };

/** In place of fastify's own texts, some of which quote the request. */
const HINTS: Record<string, string> = {
  FST_ERR_CTP_EMPTY_JSON_BODY: 'The body is empty, and said to be JSON',
  FST_ERR_CTP_INVALID_JSON_BODY: 'The body is no JSON',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'The body is not as long as it was said to be',
  FST_ERR_BAD_URL: 'The path is not well formed',
  FST_ERR_MAX_PARAM_LENGTH: 'The path is too long',
};

/** Bytes that are no HTTP request never become one: there is only the socket to answer on (node's `clientError`). */
export function refuseBytes(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return;
  const status = UNREADABLE[error.code ?? ''] ?? 400;
  const { reason, text } = refusalRow('malformed-request');
  const body = JSON.stringify({ type: `urn:curfew:refusal:${reason}`, title: text, status, code: reason });
  const length = Buffer.byteLength(body);
  const headers = { ...HEADERS, 'content-type': PROBLEM, 'content-length': length, connection: 'close' };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', body].join('\r\n'));
}

const UNREADABLE: Record<string, number> = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 };
