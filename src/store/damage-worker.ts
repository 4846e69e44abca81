import { parentPort, workerData } from 'node:worker_threads';
import Sqlite from 'better-sqlite3';
import { isDamage } from './damage.ts';

/** What was found; or what SQLite said where it could not look: a thrown error loses its class, and its message, on the way. */
export type Answer = { told: string[] } | { failed: { message: string; code: string } };

/** Told of at most: one is enough to stop. */
const MOST = 5;

/** As damage.ts gives it. */
function lookThrough(path: string): Answer {
  let database: Sqlite.Database | undefined;
  try {
    database = new Sqlite(path, { fileMustExist: true, readonly: true });
    database.pragma('busy_timeout = 10000');
    database.pragma('temp_store = MEMORY');
    // To each row its entry in each index is looked for: what is not kept is read again.
    database.pragma('cache_size = -16000');
    const lines = database.pragma(`integrity_check(${MOST})`) as { integrity_check: string }[];
    const broken = lines.map(({ integrity_check: line }) => line).filter((line) => line !== 'ok');
    const strays = database.pragma('foreign_key_check') as { table: string }[];
    return { told: [...broken, ...new Set(strays.map(({ table }) => `a row of ${table} belongs to nothing`))].slice(0, MOST) };
  } catch (error) {
    if (isDamage(error)) return { told: [error.message] };
    if (error instanceof Sqlite.SqliteError) return { failed: { message: error.message, code: error.code } };
    throw error;
  } finally {
    database?.close();
  }
}

parentPort?.postMessage(lookThrough(workerData as string));
