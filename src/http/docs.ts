import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { App } from './api.ts';

/** What the documentation's page may load: its own files, and the API that it tries out. */
const CSP = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
};

/** The OpenAPI document of every route that is registered after this, and the page that shows it. */
export function describeApi(app: FastifyInstance): void {
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Curfew',
        version: '1',
        description:
          'Encrypted mailing lists and embargo distribution. Instants are RFC 3339: with an offset in requests, in UTC in answers. Every refusal is a problem (RFC 9457).',
      },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    },
    transformObject: (described) => ('openapiObject' in described ? optionalBodies(described.openapiObject) : {}),
  });
  app.register(swaggerUi, { routePrefix: '/api/docs', staticCSP: CSP });
}

/** What the plugin writes of a POST. */
interface Posting {
  post?: { requestBody?: { required: boolean; content: Record<string, { schema: { anyOf?: { type?: string }[] } }> } };
}

/** The plugin says of every body that it is required. One that may be null may be left out: it is taken for null then. */
function optionalBodies<Document extends { paths?: object }>(document: Document): Document {
  for (const { post } of Object.values(document.paths ?? {}) as Posting[]) {
    const body = post?.requestBody;
    const forms = body?.content['application/json']?.schema.anyOf ?? [];
    if (body && forms.some(({ type }) => type === 'null')) body.required = false;
  }
  return document;
}

export function documentRoute(app: App): void {
  const schema = {
    tags: ['server'],
    summary: 'This document',
    response: { 200: Type.Unsafe<object>({ type: 'object', additionalProperties: true }) },
  };
  app.get('/api/openapi.json', { schema }, async () => app.swagger());
}
