import type { Clock } from './clock.ts';
import type { Keyring } from './pgp/keyring.ts';
import type { Pgp } from './pgp/pool.ts';
import type { Database } from './store/database.ts';

/** What every move needs from outside of itself, and all that it may take: tests and the demonstration pass their own. */
export interface Seams {
  db: Database;
  clock: Clock;
  keyring: Keyring;
  pgp: Pgp;
}
