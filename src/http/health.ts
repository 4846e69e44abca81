import { Type } from 'typebox';
import { Refusal } from '../refusal.ts';
import type { App } from './api.ts';
import { problemResponse } from './problem.ts';

const tags = ['server'];

/** For whatever watches over the process: `/healthz` answers while it is alive, `/readyz` while it can do its work. */
export function healthRoutes(app: App, ready: () => Promise<string[]>): void {
  const ok = { tags, response: { 200: Type.Object({ status: Type.String() }), default: problemResponse } };
  app.get('/healthz', { schema: { ...ok, summary: 'The process is alive' } }, async () => ({ status: 'alive' }));
  app.get('/readyz', { schema: { ...ok, summary: 'Everything that mail needs is there' } }, async (request) => {
    const missing = await ready().catch((error: unknown) => {
      request.log.error({ err: error }, 'it cannot be told whether the server is ready');
      return ['the database does not answer'];
    });
    if (missing.length > 0) throw new Refusal('not-ready', missing.join('; '));
    return { status: 'ready' };
  });
}
