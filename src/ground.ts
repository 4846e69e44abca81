import type { Config } from './config.ts';
import type { Log } from './log.ts';
import { becomeUser, type Privileges } from './privileges.ts';
import { lookThrough } from './store/damage.ts';
import { closeDatabase, type Database, namingFile, openDatabase } from './store/database.ts';
import { lockDatabase } from './store/lock.ts';

/** What a server stands on: the user that it runs as, and its database, which is its own. */
export interface Ground {
  privileges: Privileges;
  db: Database;
  /** What is wrong with the file, once all of it was read. */
  damage: Promise<string[]>;
  /** Takes it down again, from the last to the first. */
  undo: (() => unknown)[];
}

/** From the last to the first. One part that does not go down must not keep the others up. */
export async function takeDown(undo: (() => unknown)[], log: Log): Promise<void> {
  for (let step = undo.pop(); step; step = undo.pop())
    await Promise.resolve()
      .then(step)
      .catch((error: unknown) => log.error({ err: error }, 'a part could not be stopped'));
}

/**
 * Becomes that user, and takes the database; from then on its file is looked through, in a thread. It needs little of the server: the rest may be
 * loaded meanwhile. Throws what a person can act on.
 */
export function takeGround({ user, database }: Pick<Config, 'user' | 'database'>, log: Log): Ground {
  const undo: Ground['undo'] = [];
  try {
    const privileges = becomeUser(user, log);
    const db = openDatabase(database);
    undo.push(() => closeDatabase(db));
    // The last to go: until the database is closed it is ours alone.
    if ('sqlite' in database) undo.unshift(lockDatabase(database.sqlite));
    const { damage, end } = lookThrough(database);
    undo.push(end);
    return { privileges, db, damage, undo };
  } catch (error) {
    void takeDown(undo, log);
    throw namingFile(error, database);
  }
}
