import { type Kysely, PostgresAdapter } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** When the team was told that a copy waits for long. */
export async function up(db: AnyDatabase): Promise<void> {
  const instant = db.getExecutor().adapter instanceof PostgresAdapter ? 'bigint' : 'integer';
  await db.schema.alterTable('deliveries').addColumn('late_told_at', instant).execute();
}
