import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import Sqlite from 'better-sqlite3';
import type { Task } from './damage-worker.ts';
import type { DatabaseConfig } from './database.ts';

/** The compiled file also where this one is run from source (`imports` in package.json). */
const workerFile = createRequire(import.meta.url).resolve('#damage-worker');

/** Told of at most: one is enough to stop. */
const MOST = 5;

/**
 * What SQLite finds wrong with the file of that path, a line each: pages and indexes that do not agree. All of it is read, which takes seconds
 * where it is large: in a thread of its own, so that whoever asks can go on with what else there is to do, and hears later if it could not be read.
 */
export function brokenIn(path: string): Promise<string[]> {
  const broken = new Promise<string[]>((resolve, reject) => {
    const thread = new Worker(workerFile, { workerData: { path, most: MOST } satisfies Task });
    thread.once('message', resolve);
    thread.once('error', reject);
    // After an answer nobody hears it.
    thread.once('exit', (code) => reject(new Error(`the thread that looks through ${path} ended (${code})`)));
  });
  broken.catch(() => undefined);
  return broken;
}

/** The same of a database; of PostgreSQL's files nobody here knows. */
export function brokenOf(config: DatabaseConfig): Promise<string[]> {
  return 'sqlite' in config ? brokenIn(config.sqlite) : Promise.resolve([]);
}

/** What is in the file is no database, or none any more. */
export function isDamage(error: unknown): error is Error {
  return error instanceof Sqlite.SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code);
}
