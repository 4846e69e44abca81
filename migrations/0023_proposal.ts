import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/**
 * What one person would change of an armed release waits beside it, as JSON, with the hash that two people approve. And the instant that
 * two people agreed on last: what one of them has written down since does not put it off.
 */
export async function up(db: AnyDatabase): Promise<void> {
  const instant = db.getExecutor().adapter instanceof PostgresAdapter ? 'bigint' : 'integer';
  for (const column of ['proposal', 'proposed_hash']) await db.schema.alterTable('cases').addColumn(column, 'text').execute();
  for (const column of ['proposed_at', 'agreed_release_at'])
    await db.schema.alterTable('cases').addColumn(column, instant).execute();
  await sql`update cases set agreed_release_at = release_at
    where state = 'armed' or (scheduled_at is not null and state <> 'released')`.execute(db);
}
