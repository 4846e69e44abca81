import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Refusal } from '../refusal.ts';

/** Answers what no route takes: 404, or 405 with the methods that the path knows (RFC 9110 §15.5.6). */
export function refuseUnknown(app: FastifyInstance): void {
  const known: { method: string; segments: string[] }[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) known.push({ method: each, segments: url.split('/') });
  });
  app.setNotFoundHandler(async (request: FastifyRequest, reply: FastifyReply) => {
    const asked = request.url.replace(/[?#].*$/, '').split('/');
    const methods = known.filter(({ segments }) => matches(segments, asked)).map(({ method }) => method);
    if (methods.length === 0) throw new Refusal('not-found');
    reply.header('allow', [...new Set(methods)].sort().join(', '));
    throw new Refusal('method-not-allowed');
  });
}

function matches(pattern: readonly string[], asked: readonly string[]): boolean {
  return pattern.length === asked.length && pattern.every((segment, i) => segment.startsWith(':') || segment === asked[i]);
}
