import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import Sqlite from 'better-sqlite3';
import type { Answer } from './damage-worker.ts';
import type { DatabaseConfig } from './database.ts';

/** The compiled file also where this one is run from source (`imports` in package.json). */
const workerFile = createRequire(import.meta.url).resolve('#damage-worker');

/**
 * What SQLite finds wrong with the file of that path, a line each: pages and indexes that do not agree, and rows that belong to nothing. All of it is
 * read, which takes seconds where it is large: in a thread of its own, so that whoever asks can go on with what else there is to do, and hears later if it
 * could not be read.
 */
function damageIn(path: string): Looking {
  const thread = new Worker(workerFile, { workerData: path });
  const damage = new Promise<string[]>((resolve, reject) => {
    thread.once('message', (answer: Answer) => {
      if ('told' in answer) return resolve(answer.told);
      const { message, code } = answer.failed;
      reject(new Sqlite.SqliteError(message, code));
    });
    thread.once('error', reject);
    // After an answer nobody hears it.
    thread.once('exit', (code) => reject(new Error(`the thread that looks through ${path} ended (${code})`)));
  });
  damage.catch(() => undefined);
  return { damage, end: () => thread.terminate() };
}

interface Looking {
  damage: Promise<string[]>;
  /** Whoever does not want to know any more looks no further. */
  end(): Promise<unknown>;
}

/** The same of a database; of PostgreSQL's files nobody here knows. */
export function lookThrough(config: DatabaseConfig): Looking {
  return 'sqlite' in config ? damageIn(config.sqlite) : { damage: Promise.resolve([]), end: async () => {} };
}

/** What is in the file is no database, or none any more. */
export function isDamage(error: unknown): error is Error {
  return error instanceof Sqlite.SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code);
}
