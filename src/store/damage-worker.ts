import { parentPort, workerData } from 'node:worker_threads';
import Sqlite from 'better-sqlite3';
import { isDamage } from './damage.ts';

/** Told of at most: one is enough to stop. */
const MOST = 5;

/** As `damageIn` gives it. */
function lookThrough(path: string): string[] {
  const database = new Sqlite(path, { fileMustExist: true, readonly: true });
  try {
    database.pragma('busy_timeout = 10000');
    // To each row its entry in each index is looked for: what is not kept is read again.
    database.pragma('cache_size = -16000');
    const told = database.pragma(`integrity_check(${MOST})`) as { integrity_check: string }[];
    const broken = told.map(({ integrity_check: line }) => line).filter((line) => line !== 'ok');
    const strays = database.pragma('foreign_key_check') as { table: string }[];
    return [...broken, ...new Set(strays.map(({ table }) => `a row of ${table} belongs to nothing`))].slice(0, MOST);
  } catch (error) {
    if (isDamage(error)) return [error.message];
    throw error;
  } finally {
    database.close();
  }
}

parentPort?.postMessage(lookThrough(workerData as string));
