import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** The instant that the public was told last: a note that nothing comes is owed at that, and another instant is another word. */
export async function up(db: AnyDatabase): Promise<void> {
  const instant = db.getExecutor().adapter instanceof PostgresAdapter ? 'bigint' : 'integer';
  await db.schema.alterTable('cases').addColumn('forthcoming_release_at', instant).execute();
  // What it was told is sealed: what counted as that before.
  await sql`update cases set forthcoming_release_at = coalesce(told_release_at, agreed_release_at, release_at)
    where forthcoming_at is not null`.execute(db);
}
