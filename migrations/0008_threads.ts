import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** The first copy of a case that went to an address: every later one names it, so that a mail client shows one thread. */
export async function up(db: AnyDatabase): Promise<void> {
  await db.schema.createIndex('deliveries_thread').on('deliveries').columns(['case_id', 'list_id', 'address', 'id']).execute();
  await db.schema.dropIndex('deliveries_case').execute();
}
