import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/**
 * The instant that the reporter was told last: he, too, is told when it is moved, and he may be told before distributors are. And when a
 * case was opened again: from then on somebody has to lead it.
 */
export async function up(db: AnyDatabase): Promise<void> {
  const instant = db.getExecutor().adapter instanceof PostgresAdapter ? 'bigint' : 'integer';
  for (const column of ['reporter_release_at', 'reopened_at'])
    await db.schema.alterTable('cases').addColumn(column, instant).execute();
  // Whether he was told is not known; if so it was one that two people agreed on.
  await sql`update cases set reporter_release_at = agreed_release_at where state <> 'released'`.execute(db);
}
