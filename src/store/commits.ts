import { sql } from 'kysely';
import { Refusal } from '../refusal.ts';
import { type Database, type Db, isSqlite } from './database.ts';

/*
 * The transactions of mails that are accepted at the same time. A commit is on the disk when it returns, and takes as long as the disk takes, whatever is in it: in SQLite,
 * where one waits for the other, those that are ready together have one. PostgreSQL, which has them side by side, does so itself.
 */

/** Milliseconds. */
const WAIT = 10;
/** As many as have one commit: what fails in it fails for all of them, and each waits for all. */
const MOST = 8;

interface Ready {
  work(trx: Db): Promise<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** What waits for a commit of one database. */
interface Waiting {
  /** What may come to a commit. */
  underWay: number;
  ready: Ready[];
  timer: NodeJS.Timeout | undefined;
}

const waitingOf = new WeakMap<Database, Waiting>();

function waitingFor(db: Database): Waiting {
  const waiting = waitingOf.get(db) ?? { underWay: 0, ready: [], timer: undefined };
  waitingOf.set(db, waiting);
  return waiting;
}

/** Runs what may come to `commitTogether`: while others are under way, those that are ready wait for them, for WAIT at most. */
export async function among<Result>(db: Database, take: () => Promise<Result>): Promise<Result> {
  const waiting = waitingFor(db);
  waiting.underWay++;
  try {
    return await take();
  } finally {
    waiting.underWay--;
    look(db, waiting);
  }
}

/** Runs it in a transaction. Resolves when that is committed; rejects where it threw, and then nothing of it is kept, or where the commit failed. */
export function commitTogether<Result>(db: Database, work: (trx: Db) => Promise<Result>): Promise<Result> {
  if (!isSqlite(db)) return db.transaction().execute(work);
  const waiting = waitingFor(db);
  return new Promise<Result>((resolve, reject) => {
    waiting.ready.push({ work, resolve: resolve as Ready['resolve'], reject });
    look(db, waiting);
  });
}

/** Commits as soon as nobody is left to wait for. */
function look(db: Database, waiting: Waiting): void {
  const { ready, underWay } = waiting;
  if (ready.length === 0) return;
  if (ready.length >= Math.min(underWay, MOST)) commitReady(db, waiting);
  else waiting.timer ??= setTimeout(() => commitReady(db, waiting), WAIT);
}

function commitReady(db: Database, waiting: Waiting): void {
  clearTimeout(waiting.timer);
  waiting.timer = undefined;
  void commitAll(db, waiting.ready.splice(0));
}

/** In one transaction; each is told how it ended, once that is over. */
async function commitAll(db: Database, some: readonly Ready[]): Promise<void> {
  const [only, ...others] = some;
  if (only && others.length === 0) return db.transaction().execute(only.work).then(only.resolve, only.reject);
  const ends: (() => void)[] = [];
  try {
    await db.transaction().execute(async (trx) => {
      for (const one of some) ends.push(await endOf(trx, one));
    });
  } catch (error) {
    for (const one of some) one.reject(error);
    return;
  }
  for (const end of ends) end();
}

/** What throws takes back what it did, and nothing of the others. Throws where the whole transaction is lost. */
async function endOf(trx: Db, { work, resolve, reject }: Ready): Promise<() => void> {
  await sql`savepoint accepted`.execute(trx);
  try {
    const value = await work(trx);
    await sql`release accepted`.execute(trx);
    return () => resolve(value);
  } catch (error) {
    // SQLite may have rolled back the transaction itself, as for a full disk: then there is nothing to go back to, and that was why. What one of
    // them is refused for is not said to the others.
    await sql`rollback to accepted`.execute(trx).catch((lost: unknown) => {
      reject(error);
      throw error instanceof Refusal ? lost : error;
    });
    await sql`release accepted`.execute(trx);
    return () => reject(error);
  }
}
