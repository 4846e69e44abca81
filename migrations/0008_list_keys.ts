import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** The key that a list is to have, from when on, and whether its contacts were told; and the last end of its key that they know. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const instant = postgres ? sql`bigint` : sql`integer`;
  const lists = () => db.schema.alterTable('lists');
  await lists().addColumn('next_fingerprint', 'text').execute();
  await lists().addColumn('next_at', instant).execute();
  await lists()
    .addColumn('next_told', 'integer', (c) => c.notNull().defaultTo(0).check(sql`next_told in (0, 1)`))
    .execute();
  await lists().addColumn('expires_told', instant).execute();
}
