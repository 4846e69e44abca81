import type { Config } from './config.ts';
import type { Log } from './log.ts';
import { becomeUser, type Privileges } from './privileges.ts';
import { lookThrough } from './store/damage.ts';
import { type Database, namingFile, openDatabase } from './store/database.ts';
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

/**
 * Becomes that user, and takes the database; from then on its file is looked through, in a thread. It needs little of the server: the rest may be
 * loaded meanwhile. Throws what a person can act on.
 */
export function takeGround({ user, database }: Pick<Config, 'user' | 'database'>, log: Log): Ground {
  try {
    const privileges = becomeUser(user, log);
    const db = openDatabase(database);
    // The last to go: until the database is closed it is ours alone.
    const unlock = 'sqlite' in database ? lockDatabase(database.sqlite) : () => undefined;
    const { damage, end } = lookThrough(database);
    return { privileges, db, damage, undo: [unlock, () => db.destroy(), end] };
  } catch (error) {
    throw namingFile(error, database);
  }
}
