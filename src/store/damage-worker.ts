import { parentPort, workerData } from 'node:worker_threads';
import Sqlite from 'better-sqlite3';
import { isDamage } from './damage.ts';

/** As `brokenIn` gives it. */
function lookThrough({ path, most }: Task): string[] {
  const database = new Sqlite(path, { fileMustExist: true, readonly: true });
  try {
    database.pragma('busy_timeout = 10000');
    // To each row its entry in each index is looked for: what is not kept is read again.
    database.pragma('cache_size = -16000');
    const told = database.pragma(`integrity_check(${most})`) as { integrity_check: string }[];
    return told.map(({ integrity_check: line }) => line).filter((line) => line !== 'ok');
  } catch (error) {
    if (isDamage(error)) return [error.message];
    throw error;
  } finally {
    database.close();
  }
}

export interface Task {
  path: string;
  /** Faults told at most. */
  most: number;
}

parentPort?.postMessage(lookThrough(workerData as Task));
