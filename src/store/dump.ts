import { sql } from 'kysely';
import { Refusal } from '../refusal.ts';
import { type Database, type Db, isSqlite } from './database.ts';
import { changesOf, firstOf } from './integrity.ts';
import { asMade, schemaOf } from './migrate.ts';
import { holdsRows } from './structure.ts';

/*
 * All that a database holds, as rows that either engine takes: what one of them wrote, the other one reads. Octets are a Uint8Array, all
 * else is a text, a number or null on both.
 */

export type Value = string | number | null | Uint8Array;

export interface DumpedTable {
  name: string;
  /** In the order of the values of a row. */
  columns: readonly string[];
  rows: AsyncIterable<Value[]>;
}

/** What a database held at one moment; whoever writes meanwhile is not kept waiting. */
export interface Dump {
  /** The last migration that its tables have had. */
  schema: string;
  /** The rows of a table are read before the next table is asked for. */
  tables(): AsyncGenerator<DumpedTable>;
  /** To be called when it was read, or is not to be. */
  end(): Promise<void>;
}

/** `db`: opened to read, by nobody else. Throws Refusal as `schemaOf` does, and `not-ready` where a table or a column is missing. */
export async function openDump(db: Database): Promise<Dump> {
  const trx = await db.startTransaction().setIsolationLevel('repeatable read').execute();
  const end = async () => void (await trx.rollback().execute());
  try {
    const schema = await schemaOf(trx);
    await mustHoldAll(trx);
    return { schema, tables: () => tablesOf(trx, schema), end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Rows that are not there any more would be missed after the next restore; triggers and indexes a restore makes anew. */
async function mustHoldAll(db: Db): Promise<void> {
  const lost = (await changesOf(db)).filter(holdsRows);
  if (lost.length > 0)
    throw new Refusal(
      'not-ready',
      `The database is not as Curfew makes it: ${firstOf(lost)}. A backup of it would lack that: keep a copy of the database, and restore the last backup`,
    );
}

/** Those that the migrations to that one make, with their columns: what somebody added could not be restored, as it would not be there. */
async function* tablesOf(db: Db, schema: string): AsyncGenerator<DumpedTable> {
  for (const { name, columns } of await asMade(schema, (made) => made.introspection.getTables())) {
    const named = columns.map((column) => column.name);
    yield { name, columns: named, rows: rowsOf(db, name, named) };
  }
}

/** Rows that one step brings into memory: a post or a patch may have 40 MiB. */
const STEP = 4;

async function* rowsOf(db: Db, table: string, columns: readonly string[]): AsyncGenerator<Value[]> {
  const valuesOf = (row: Record<string, Value>) => columns.map((column) => row[column] ?? null);
  if (isSqlite(db)) {
    const rows = db
      .selectFrom(table as never)
      .selectAll()
      .stream();
    for await (const row of rows) yield valuesOf(row as Record<string, Value>);
    return;
  }
  await sql`declare dumped no scroll cursor for select * from ${sql.table(table)}`.execute(db);
  for (;;) {
    const { rows } = await sql<Record<string, Value>>`fetch ${sql.lit(STEP)} from dumped`.execute(db);
    if (rows.length === 0) break;
    yield* rows.map(valuesOf);
  }
  await sql`close dumped`.execute(db);
}

/**
 * What is put into a database that holds nothing but what its migrations put there, in whatever order, without the guards that watch how
 * a row comes to be what it is; `put` replaces what is in the table. Which row refers to which is looked at in the end: throws what the engine throws.
 */
export async function load(
  db: Db,
  act: (put: (table: string, columns: readonly string[], rows: readonly Value[][]) => Promise<void>) => Promise<void>,
): Promise<void> {
  const emptied = new Set<string>();
  const again = await (isSqlite(db) ? lowerSqlite(db) : lowerPostgres(db));
  await act(async (table, columns, rows) => {
    if (!emptied.has(table)) await sql`delete from ${sql.table(table)}`.execute(db);
    emptied.add(table);
    for (const row of rows)
      await sql`insert into ${sql.table(table)} (${sql.join(columns.map((column) => sql.ref(column)))})
        values (${sql.join(row.map((value) => sql.val(value)))})`.execute(db);
  });
  for (const statement of again) await sql.raw(statement).execute(db);
}

/** Gives what puts the guards up again. SQLite looks at what refers to what when the transaction ends. */
async function lowerSqlite(db: Db): Promise<string[]> {
  await sql`pragma defer_foreign_keys = on`.execute(db);
  const { rows } = await sql<{ name: string; sql: string }>`select name, sql from sqlite_master where type = 'trigger'`.execute(
    db,
  );
  for (const { name } of rows) await sql`drop trigger ${sql.id(name)}`.execute(db);
  return rows.map(({ sql: made }) => made);
}

/** The same of PostgreSQL, for which nobody has to be its superuser: who owns the tables may do it. */
async function lowerPostgres(db: Db): Promise<string[]> {
  const { rows: keys } = await sql<{ of: string; name: string; made: string }>`
    select conrelid::regclass::text as of, quote_ident(conname) as name, pg_get_constraintdef(oid) as made
    from pg_constraint where contype = 'f' and connamespace = current_schema()::regnamespace`.execute(db);
  const { rows: watched } = await sql<{ of: string }>`
    select distinct tgrelid::regclass::text as of from pg_trigger join pg_class on pg_class.oid = tgrelid
    where not tgisinternal and relnamespace = current_schema()::regnamespace`.execute(db);
  for (const { of, name } of keys) await sql.raw(`alter table ${of} drop constraint ${name}`).execute(db);
  for (const { of } of watched) await sql.raw(`alter table ${of} disable trigger user`).execute(db);
  return [
    ...watched.map(({ of }) => `alter table ${of} enable trigger user`),
    ...keys.map(({ of, name, made }) => `alter table ${of} add constraint ${name} ${made}`),
  ];
}
