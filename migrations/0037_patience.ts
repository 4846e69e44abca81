import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** For how many hours the copies of a list are tried; null: as configured. */
export async function up(db: AnyDatabase): Promise<void> {
  await db.schema.alterTable('lists').addColumn('give_up', 'integer').execute();
}
