import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** What is due next, and which copies of its post go with it, is found without sorting all that wait. */
export async function up(db: AnyDatabase): Promise<void> {
  await db.schema.dropIndex('deliveries_due').execute();
  await db.schema.dropIndex('deliveries_post').execute();
  await db.schema.createIndex('deliveries_due').on('deliveries').columns(['state', 'priority', 'due_at', 'id']).execute();
  await db.schema.createIndex('deliveries_post').on('deliveries').columns(['post_id', 'state', 'priority', 'id']).execute();
}
