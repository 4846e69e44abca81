import { type Kysely, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** Copies for an address are found in whatever case they were written, and those that the team is to be told of among all that failed. */
export async function up(db: AnyDatabase): Promise<void> {
  await db.schema.dropIndex('deliveries_address').execute();
  await sql`create index deliveries_address on deliveries (lower(address), created_at)`.execute(db);
  await sql`create index deliveries_untold on deliveries (id) where told_at is null and state in ('held', 'failed')`.execute(db);
}
