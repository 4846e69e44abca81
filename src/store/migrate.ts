import { DEFAULT_MIGRATION_TABLE, type Migration, Migrator, sql } from 'kysely';
import * as initial from '../../migrations/0001_initial.ts';
import * as gate from '../../migrations/0002_gate.ts';
import * as postsFinal from '../../migrations/0003_posts_final.ts';
import * as posting from '../../migrations/0004_posting.ts';
import * as audit from '../../migrations/0005_audit.ts';
import * as http from '../../migrations/0006_http.ts';
import * as members from '../../migrations/0007_members.ts';
import * as listKeys from '../../migrations/0008_list_keys.ts';
import * as tokenScopes from '../../migrations/0009_token_scopes.ts';
import * as identities from '../../migrations/0010_identities.ts';
import * as needToKnow from '../../migrations/0011_need_to_know.ts';
import * as proofs from '../../migrations/0012_proofs.ts';
import * as clock from '../../migrations/0013_clock.ts';
import * as process from '../../migrations/0014_process.ts';
import * as notices from '../../migrations/0016_notices.ts';
import * as deadlines from '../../migrations/0017_deadlines.ts';
import * as publicDocuments from '../../migrations/0018_public.ts';
import * as incidents from '../../migrations/0019_incidents.ts';
import * as told from '../../migrations/0020_told.ts';
import * as kept from '../../migrations/0021_kept.ts';
import * as proposal from '../../migrations/0023_proposal.ts';
import * as instants from '../../migrations/0024_instants.ts';
import * as setAside from '../../migrations/0025_set_aside.ts';
import * as announced from '../../migrations/0026_announced.ts';
import * as began from '../../migrations/0028_began.ts';
import * as restored from '../../migrations/0029_restored.ts';
import * as cameBack from '../../migrations/0030_came_back.ts';
import * as revocations from '../../migrations/0031_revocations.ts';
import * as noneStands from '../../migrations/0032_none_stands.ts';
import * as dueCopies from '../../migrations/0033_due_copies.ts';
import * as behind from '../../migrations/0034_behind.ts';
import * as foundCopies from '../../migrations/0035_found_copies.ts';
import * as attempts from '../../migrations/0036_attempts.ts';
import * as patience from '../../migrations/0037_patience.ts';
import * as health from '../../migrations/0038_health.ts';
import * as undelivered from '../../migrations/0039_undelivered.ts';
import * as missed from '../../migrations/0041_missed.ts';
import * as late from '../../migrations/0043_late.ts';
import * as past from '../../migrations/0044_past.ts';
import * as laid from '../../migrations/0045_laid.ts';
import * as inOrder from '../../migrations/0046_in_order.ts';
import * as seal from '../../migrations/0047_seal.ts';
import * as place from '../../migrations/0048_place.ts';
import * as foundByTime from '../../migrations/0049_found_by_time.ts';
import { Refusal } from '../refusal.ts';
import { type Database, type Db, hasTable, openInMemory } from './database.ts';

/** In order; a name that has shipped never changes. */
export const migrations: Record<string, Migration> = {
  '0001_initial': initial,
  '0002_gate': gate,
  '0003_posts_final': postsFinal,
  '0004_posting': posting,
  '0005_audit': audit,
  '0006_http': http,
  '0007_members': members,
  '0008_list_keys': listKeys,
  '0009_token_scopes': tokenScopes,
  '0010_identities': identities,
  '0011_need_to_know': needToKnow,
  '0012_proofs': proofs,
  '0013_clock': clock,
  '0014_process': process,
  '0016_notices': notices,
  '0017_deadlines': deadlines,
  '0018_public': publicDocuments,
  '0019_incidents': incidents,
  '0020_told': told,
  '0021_kept': kept,
  '0023_proposal': proposal,
  '0024_instants': instants,
  '0025_set_aside': setAside,
  '0026_announced': announced,
  '0028_began': began,
  '0029_restored': restored,
  '0030_came_back': cameBack,
  '0031_revocations': revocations,
  '0032_none_stands': noneStands,
  '0033_due_copies': dueCopies,
  '0034_behind': behind,
  '0035_found_copies': foundCopies,
  '0036_attempts': attempts,
  '0037_patience': patience,
  '0038_health': health,
  '0039_undelivered': undelivered,
  '0041_missed': missed,
  '0043_late': late,
  '0044_past': past,
  '0045_laid': laid,
  '0046_in_order': inOrder,
  '0047_seal': seal,
  '0048_place': place,
  '0049_found_by_time': foundByTime,
};

/** Names of migrations that the database has not had, of those that it has had and this version does not know, and how many it has had. Writes nothing. */
export async function pendingMigrations(db: Db): Promise<{ missing: string[]; unknown: string[]; had: number }> {
  const { rows: had } = (await hasTable(db, DEFAULT_MIGRATION_TABLE))
    ? await sql<{ name: string }>`select name from ${sql.table(DEFAULT_MIGRATION_TABLE)} order by name`.execute(db)
    : { rows: [] };
  const names = new Set(had.map(({ name }) => name));
  return {
    missing: Object.keys(migrations).filter((name) => !names.has(name)),
    unknown: [...names].filter((name) => !(name in migrations)),
    had: names.size,
  };
}

/**
 * The last migration that the database has had, which says what its schema is. Throws Refusal `not-ready` where that cannot be said of it: it is none of Curfew's, or
 * not of one that this version knows. Writes nothing.
 */
export async function schemaOf(db: Db): Promise<string> {
  const { missing, unknown, had } = await pendingMigrations(db);
  if (had === 0) throw new Refusal('not-ready', 'That is no database of Curfew: is it the right one?');
  if (unknown.length > 0)
    throw new Refusal(
      'not-ready',
      `The database was written by a newer Curfew (${unknown.join(', ')}), and this one would not understand it: do it with that one`,
    );
  const done = Object.keys(migrations).filter((name) => !missing.includes(name));
  const last = done.sort().at(-1) ?? '';
  const passedOver = missing.find((name) => name < last);
  if (passedOver !== undefined)
    throw new Refusal('not-ready', `The database had ${last} and never ${passedOver}: no Curfew has left it so`);
  return last;
}

/** The last one, which says what the schema of today is. */
export const LATEST = Object.keys(migrations).sort().at(-1) ?? '';

/**
 * Brings the schema up to date, or to where the migration of that name has left it, under the migrator's lock. Gives how many migrations it
 * made; throws with the name of the one that failed.
 */
export async function migrate(db: Database, to = LATEST): Promise<number> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error, results } = await migrator.migrateTo(to);
  if (!error) return results?.length ?? 0;
  const failed = results?.find((result) => result.status === 'Error')?.migrationName;
  throw new Error(`migration ${failed ?? ''} failed: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}

/** What is read of a database of SQLite that has had the migrations to that one, and nothing else: its tables and columns are those of PostgreSQL as well. */
export async function asMade<T>(last: string, read: (db: Database) => Promise<T>): Promise<T> {
  const db = openInMemory();
  try {
    await migrate(db, last);
    return await read(db);
  } finally {
    await db.destroy();
  }
}
