import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** When a token was used last; and what was asked with an Idempotency-Key, so that it is done once. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const instant = postgres ? sql`bigint` : sql`integer`;
  const octets = postgres ? sql`bytea` : sql`blob`;

  await db.schema.alterTable('tokens').addColumn('last_used_at', instant).execute();

  const table = db.schema.createTable('idempotency');
  await (postgres ? table : table.modifyEnd(sql`strict`))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('fingerprint', 'text', (c) => c.notNull())
    .addColumn('claim', 'text', (c) => c.notNull())
    .addColumn('claimed_at', instant, (c) => c.notNull())
    .addColumn('created_at', instant, (c) => c.notNull())
    .addColumn('done', 'integer', (c) => c.notNull().defaultTo(0).check(sql`done in (0, 1)`))
    .addColumn('answer', octets)
    .execute();
  await db.schema.createIndex('idempotency_created').on('idempotency').column('created_at').execute();
}
