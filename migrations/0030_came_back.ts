import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** What came to the address of a copy, with that copy: a mail server's report, a program's answer, a person's. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const table = db.schema.createTable('came_back');
  await (postgres ? table : table.modifyEnd(sql`strict`))
    .addColumn('post_id', 'text', (c) => c.primaryKey().references('posts.id'))
    .addColumn('delivery_id', 'text', (c) => c.notNull().references('deliveries.id'))
    .addColumn('what', 'text', (c) => c.notNull())
    // Of a report that could be read: one line.
    .addColumn('words', 'text')
    .execute();
  await db.schema.createIndex('came_back_for').on('came_back').column('delivery_id').execute();
}
