import type { TestProject } from 'vitest/node';
import { startPostgres } from './postgres-server.ts';

/** The server that the run shares, or why there is none. */
export type PostgresServer = { url: string } | { absent: string };

declare module 'vitest' {
  interface ProvidedContext {
    postgres: PostgresServer;
  }
}

/**
 * Global set-up of vitest: one real PostgreSQL for the whole run. Where it cannot start, the tests that need it are skipped and say why; with
 * CI=true that ends the run.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  try {
    const { url, stop } = await startPostgres();
    project.provide('postgres', { url });
    return stop;
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    project.provide('postgres', { absent: error instanceof Error ? error.message : String(error) });
    return async () => {};
  }
}
