import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** What became of a contact's copies, kept beside him: it does not end with them. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const instant = postgres ? 'bigint' : 'integer';
  const table = db.schema.createTable('contact_health');
  await (postgres ? table : table.modifyEnd(sql`strict`))
    .addColumn('contact_id', 'text', (c) => c.primaryKey().notNull().references('contacts.id'))
    .addColumn('delivered_at', instant)
    // The first copy that was taken after the last failure; none was given back since.
    .addColumn('stands_at', instant)
    .addColumn('hard_count', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('hard_first_at', instant)
    .addColumn('hard_last_at', instant)
    .addColumn('soft_count', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('soft_first_at', instant)
    .addColumn('soft_last_at', instant)
    .addColumn('delayed_at', instant)
    .addColumn('line', 'text')
    .addColumn('warned_at', instant)
    .execute();
}
