import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** Posts that reached nobody, and whose writers were told. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const table = db.schema.createTable('undelivered_told');
  await (postgres ? table : table.modifyEnd(sql`strict`))
    .addColumn('post_id', 'text', (c) => c.primaryKey().notNull().references('posts.id'))
    .addColumn('told_at', postgres ? 'bigint' : 'integer', (c) => c.notNull())
    .execute();
}
