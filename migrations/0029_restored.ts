import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** When this database was restored from a backup, and who has said that what happened since that was taken was looked at. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const instant = postgres ? sql`bigint` : sql`integer`;
  const table = db.schema.createTable('restorations');
  await (postgres ? table : table.modifyEnd(sql`strict`))
    .addColumn('id', 'text', (c) => c.primaryKey())
    // When the backup was taken: nothing later is known.
    .addColumn('taken_at', instant, (c) => c.notNull())
    .addColumn('restored_at', instant, (c) => c.notNull())
    // Null until all that might be sent or released again is held: no server may start before.
    .addColumn('held_at', instant)
    .addColumn('confirmed_at', instant)
    .addColumn('confirmed_by', 'text', (c) => c.references('contacts.id'))
    .execute();
}
