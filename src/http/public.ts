import type { FastifyReply, FastifyRequest } from 'fastify';
import { type TObject, Type } from 'typebox';
import { CONTENT_SECURITY_POLICY } from '../advisories/page.ts';
import { SECOND } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import type { Api, App } from './api.ts';
import { createLibrary, type Library, type Shelved } from './library.ts';
import { problemResponse } from './problem.ts';

const tags = ['public'];
const Segment = Type.String({ minLength: 1, maxLength: 300 });

interface PublicRoute {
  path: string;
  shelf: keyof Library;
  summary: string;
  type: string;
}

const HTML = 'text/html';
const JSON_TYPE = 'application/json';
const TEXT = 'text/plain';
const BINARY = 'application/octet-stream';

/** All that anybody may read, without a token. */
export const publicPaths: readonly PublicRoute[] = [
  { path: '/advisories', shelf: 'released', summary: 'All advisories', type: HTML },
  { path: '/advisories/:id', shelf: 'released', summary: 'An advisory', type: HTML },
  { path: '/csaf/', shelf: 'released', summary: 'What is in the directory of CSAF', type: HTML },
  {
    path: '/csaf/:file',
    shelf: 'released',
    summary: 'A file of the directory of CSAF: provider metadata, index, feed',
    type: TEXT,
  },
  { path: '/csaf/:year/', shelf: 'released', summary: 'What is in a folder of that directory', type: HTML },
  { path: '/csaf/:year/:file', shelf: 'released', summary: 'An advisory as CSAF 2.0, or its hash', type: JSON_TYPE },
  { path: '/osv/:file', shelf: 'released', summary: 'An advisory as OSV', type: JSON_TYPE },
  { path: '/cve/:file', shelf: 'released', summary: 'An advisory as CVE JSON 5, where the project is a CNA', type: JSON_TYPE },
  { path: '/feed.atom', shelf: 'released', summary: 'All advisories as an Atom feed', type: 'application/atom+xml' },
  { path: '/policy', shelf: 'standing', summary: 'The policy, with its version', type: HTML },
  { path: '/keys', shelf: 'standing', summary: 'The OpenPGP certificates of the lists', type: HTML },
  { path: '/keys/:file', shelf: 'standing', summary: 'A certificate, armored: ADDRESS.asc', type: 'application/pgp-keys' },
  { path: '/.well-known/security.txt', shelf: 'standing', summary: 'How to report (RFC 9116)', type: TEXT },
  { path: '/.well-known/openpgpkey/policy', shelf: 'standing', summary: 'Web Key Directory: its policy', type: TEXT },
  { path: '/.well-known/openpgpkey/hu/:hash', shelf: 'standing', summary: 'Web Key Directory: a certificate', type: BINARY },
  { path: '/.well-known/openpgpkey/:domain/policy', shelf: 'standing', summary: 'The same, advanced method', type: TEXT },
  { path: '/.well-known/openpgpkey/:domain/hu/:hash', shelf: 'standing', summary: 'The same, advanced method', type: BINARY },
];

/**
 * Nothing here knows of a case: what is asked for is on a shelf of released advisories, or it is not there. So before its instant an
 * advisory is a 404 like that of an id that never was, by the same way and with the same octets.
 */
export function publicRoutes(app: App, { seams }: Api): void {
  const library = createLibrary(seams);
  for (const { path, shelf, summary, type } of publicPaths) {
    const schema = { tags, summary, ...paramsOf(path), response: { 200: fileOf(type), default: problemResponse } };
    app.get(path, { schema }, async (request, reply) => {
      const found = (await library[shelf]()).get(pathIn(request.url));
      if (!found) throw new Refusal('not-found');
      return give(request, reply, found);
    });
  }
}

function paramsOf(path: string): { params?: TObject } {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name ?? '');
  return names.length === 0 ? {} : { params: Type.Object(Object.fromEntries(names.map((name) => [name, Segment]))) };
}

function fileOf(type: string) {
  return { description: 'The file', content: { [type]: { schema: Type.Unsafe<unknown>(Type.String()) } } };
}

/** Without its query; what fastify let through can be decoded. */
function pathIn(url: string): string {
  return decodeURIComponent(url.replace(/[?#].*$/s, ''));
}

function give(request: FastifyRequest, reply: FastifyReply, { type, body, etag, changedAt }: Shelved): FastifyReply {
  // Asked for anew each time (RFC 9111 §5.2.2.4): nothing of before a release stays after it.
  reply.header('cache-control', 'no-cache').header('etag', etag);
  if (type.startsWith(HTML)) reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
  if (changedAt !== undefined) reply.header('last-modified', new Date(changedAt).toUTCString());
  if (isKnown(request, { etag, changedAt })) return reply.code(304).send();
  // As octets: nothing of it is to be written anew by whoever serialises answers.
  return reply.type(type).send(Buffer.from(body));
}

/** RFC 9110 §13.2.2: the time counts only where no tag was sent. */
function isKnown({ headers }: FastifyRequest, { etag, changedAt }: { etag: string; changedAt: number | undefined }): boolean {
  const tags = headers['if-none-match'];
  if (tags !== undefined) return tags.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
  const since = Date.parse(headers['if-modified-since'] ?? '');
  return changedAt !== undefined && Math.floor(changedAt / SECOND) * SECOND <= since;
}
