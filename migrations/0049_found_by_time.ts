import { type Kysely, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/**
 * What is looked for among all that there ever was: what ended before an instant or since one, what was dispatched, and what was held of one signer. A copy
 * has `settled_at` when it has ended and at no other time: by that alone SQLite finds it, where it went through all of that state.
 */
export async function up(db: AnyDatabase): Promise<void> {
  await db.schema.dropIndex('deliveries_ended').execute();
  await sql`create index deliveries_settled on deliveries (settled_at) where settled_at is not null`.execute(db);
  await sql`create index past_deliveries_settled on past_deliveries (settled_at)`.execute(db);
  await sql`create index posts_dispatched on posts (case_id) where kind = 'dispatch'`.execute(db);
  await sql`create index posts_held_of on posts (list_id, signer_contact_id, received_at) where hold_reason is not null`.execute(
    db,
  );
}
