import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** How each attempt to send a copy ended, by the copy's id, wherever the copy itself is kept. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const instant = postgres ? 'bigint' : 'integer';
  const table = db.schema.createTable('delivery_attempts');
  await (postgres ? table : table.modifyEnd(sql`strict`))
    .addColumn('delivery_id', 'text', (c) => c.notNull())
    // From 1 on.
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('at', instant, (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('delivered', 'failed', 'deferred', 'held')`))
    .addColumn('reason', 'text')
    // Of the relay: one line.
    .addColumn('response', 'text')
    .addPrimaryKeyConstraint('delivery_attempts_pkey', ['delivery_id', 'number'])
    .execute();
}
