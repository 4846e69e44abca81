import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** How late it has been, and whether the clock is believed: one row. How the clocks of each run of a machine stood to each other. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const instant = postgres ? sql`bigint` : sql`integer`;
  const createTable = (name: string) => {
    const table = db.schema.createTable(name);
    return postgres ? table : table.modifyEnd(sql`strict`);
  };

  await createTable('clock')
    .addColumn('id', 'integer', (c) => c.primaryKey().check(sql`id = 1`))
    .addColumn('high_water', instant, (c) => c.notNull())
    // Set together: nothing is released until they are not.
    .addColumn('suspect_since', instant)
    .addColumn('suspect_why', 'text')
    .addColumn('suspect_boot', 'text')
    .addCheckConstraint(
      'clock_suspect',
      sql`(suspect_since is null) = (suspect_why is null) and (suspect_since is null) = (suspect_boot is null)`,
    )
    .execute();

  await createTable('clock_lines')
    .addColumn('boot', 'text', (c) => c.primaryKey())
    // From its monotonic clock to where its wall clock ought to be, in milliseconds.
    .addColumn('line', instant, (c) => c.notNull())
    .addColumn('seen_at', instant, (c) => c.notNull())
    .execute();
}
