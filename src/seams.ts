import type { Site } from './advisories/advisory.ts';
import type { Actor } from './audit/entry.ts';
import type { Clock } from './clock.ts';
import type { AtHand } from './delivery/at-hand.ts';
import type { NamedPolicy } from './embargo/policy.ts';
import type { Compare, Watched } from './embargo/recognise.ts';
import type { Words } from './notices/words.ts';
import type { Keyring } from './pgp/keyring.ts';
import type { Pgp } from './pgp/pool.ts';
import type { Begun } from './store/begun.ts';
import type { Database } from './store/database.ts';
import type { Claim } from './store/idempotency.ts';
import type { TokenRole } from './store/schema.ts';

/** What a move that needs no OpenPGP has from outside of itself. */
export interface Local {
  db: Database;
  clock: Clock;
  /** Who acts: each change is logged as his. */
  by: Actor;
  /** What whoever acts may do; left out for Curfew itself and for whoever is at the host. */
  role?: TokenRole;
  /** What is to be done once: noted in the transaction that does it, which another attempt then cannot. */
  once?: Claim;
}

/** What every move needs from outside of itself, and all that it may take: tests and the demonstration pass their own. */
export interface Seams extends Local {
  keyring: Keyring;
  pgp: Pgp;
  /** Of the notices that a project may word otherwise. */
  words: Words;
  project: Project;
  /** What Curfew says in clear is held against what it must not say. */
  compare: Compare;
  /** What is read of others' mail is counted before. */
  begun: Begun;
  /** Knows what is under embargo; left out where nobody's mail comes in and nobody's words go out. */
  watched?: Watched;
  /** Left out where all is opened from what was kept. */
  atHand?: AtHand;
}

/** Who this installation speaks for, and what it binds itself to. */
export interface Project {
  name: string;
  /** The presets, and the project's own. */
  policies: readonly NamedPolicy[];
  /** Names of those that a case is under, unless it was told otherwise. */
  usual: readonly string[];
  /** Where its pages are, and what its documents say of it. */
  site: Site;
}
