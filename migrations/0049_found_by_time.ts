import { type Kysely, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** What duties look for among all that there ever was: what ended of late, and what was dispatched. */
export async function up(db: AnyDatabase): Promise<void> {
  await sql`create index past_deliveries_ended on past_deliveries (settled_at) where state in ('delivered', 'failed')`.execute(db);
  await sql`create index posts_dispatched on posts (case_id) where kind = 'dispatch'`.execute(db);
}
