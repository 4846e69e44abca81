import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import Sqlite from 'better-sqlite3';
import type { DatabaseConfig } from './database.ts';

/** The compiled file also where this one is run from source (`imports` in package.json). */
const workerFile = createRequire(import.meta.url).resolve('#damage-worker');

/**
 * What SQLite finds wrong with the file of that path, a line each: pages and indexes that do not agree, and rows that belong to nothing. All of it is
 * read, which takes seconds where it is large: in a thread of its own, so that whoever asks can go on with what else there is to do, and hears later if it
 * could not be read.
 */
export function damageIn(path: string): Promise<string[]> {
  const damage = new Promise<string[]>((resolve, reject) => {
    const thread = new Worker(workerFile, { workerData: path });
    thread.once('message', resolve);
    thread.once('error', reject);
    // After an answer nobody hears it.
    thread.once('exit', (code) => reject(new Error(`the thread that looks through ${path} ended (${code})`)));
  });
  damage.catch(() => undefined);
  return damage;
}

/** The same of a database; of PostgreSQL's files nobody here knows. */
export function damageOf(config: DatabaseConfig): Promise<string[]> {
  return 'sqlite' in config ? damageIn(config.sqlite) : Promise.resolve([]);
}

/** What is in the file is no database, or none any more. */
export function isDamage(error: unknown): error is Error {
  return error instanceof Sqlite.SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code);
}
