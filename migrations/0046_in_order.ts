import { type Kysely, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** What else of a case is on its way to a contact is asked for each of his copies. */
export async function up(db: AnyDatabase): Promise<void> {
  await db.schema.dropIndex('deliveries_case').execute();
  await sql`create index deliveries_case on deliveries (case_id, contact_id)`.execute(db);
}
