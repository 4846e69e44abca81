import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** The audit log: lines that are chained by their hashes, appended and never touched again. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const instant = postgres ? sql`bigint` : sql`integer`;
  const createTable = (name: string) => {
    const table = db.schema.createTable(name);
    return postgres ? table : table.modifyEnd(sql`strict`);
  };

  await createTable('audit')
    .addColumn('seq', 'integer', (c) => c.primaryKey())
    // What is hashed, to the octet; the columns after it are for looking things up.
    .addColumn('line', 'text', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('at', instant, (c) => c.notNull())
    .addColumn('actor', 'text', (c) => c.notNull())
    .addColumn('action', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('audit_subject').on('audit').columns(['subject', 'seq']).execute();
  await db.schema.createIndex('audit_action').on('audit').columns(['action', 'seq']).execute();
  await db.schema.createIndex('audit_actor').on('audit').columns(['actor', 'seq']).execute();

  // One row: whoever appends holds it until he commits, so that the chain has one end on both engines.
  await createTable('audit_end')
    .addColumn('id', 'integer', (c) => c.primaryKey().check(sql`id = 1`))
    .addColumn('seq', 'integer', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .execute();
  await db
    .insertInto('audit_end')
    .values({ id: 1, seq: 0, hash: '0'.repeat(64) })
    .execute();

  await (postgres ? guardPostgres(db) : guardSqlite(db));
}

const MESSAGE = 'the audit log is only appended to';

async function guardSqlite(db: AnyDatabase): Promise<void> {
  for (const event of ['update', 'delete'])
    await sql
      .raw(`create trigger audit_no_${event} before ${event} on audit begin select raise(abort, '${MESSAGE}'); end`)
      .execute(db);
}

async function guardPostgres(db: AnyDatabase): Promise<void> {
  await sql
    .raw(`create function audit_refuse() returns trigger language plpgsql as $$
      begin raise exception '${MESSAGE}' using errcode = 'check_violation'; end $$`)
    .execute(db);
  await sql
    .raw(`create trigger audit_refuse before update or delete or truncate on audit
      for each statement execute function audit_refuse()`)
    .execute(db);
}
