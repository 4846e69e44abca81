import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import {
  CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  Kysely,
  PostgresDialect,
  SqliteAdapter,
  SqliteDialect,
  SqliteDriver,
  sql,
  type TableMetadata,
  type Transaction,
} from 'kysely';
import pg from 'pg';
import { systemClock } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import { forgetEnd } from './end-note.ts';
import type { Schema } from './schema.ts';
import { keepingStatements, type TransactingDatabase } from './statements.ts';

export type Database = Kysely<Schema>;
/** What a store verb takes: the database, or the transaction that a move has open. */
export type Db = Database | Transaction<Schema>;

export type DatabaseConfig = { sqlite: string } | { postgres: string };

/**
 * Opens a database that is there; no migration is run. Throws `not-found` for a SQLite file that is not there: with an empty
 * one in its place every mail would be refused for good. Else throws what the engine throws.
 */
export function openDatabase(config: DatabaseConfig): Database {
  if ('postgres' in config) return openPostgres(config.postgres);
  mustBeFile(config.sqlite);
  return openSqlite(config.sqlite, { fileMustExist: true });
}

/** The same, and makes a SQLite file and its folder where they are not there; what was noted beside another one that was there is gone then. */
export function makeDatabase(config: DatabaseConfig): Database {
  if ('postgres' in config) return openPostgres(config.postgres);
  mkdirSync(dirname(config.sqlite), { recursive: true, mode: 0o700 });
  if (!existsSync(config.sqlite)) forgetEnd(config.sqlite);
  return openSqlite(config.sqlite, { fileMustExist: false });
}

/** The same, and nothing can be written by it: not even what a server that was killed has left beside the file is brought into it. */
export function openToRead(config: DatabaseConfig): Database {
  if ('postgres' in config) return openPostgres(config.postgres, { options: '-c default_transaction_read_only=on' });
  mustBeFile(config.sqlite);
  const database = new Sqlite(config.sqlite, { fileMustExist: true, readonly: true });
  database.pragma('busy_timeout = 10000');
  return new Kysely<Schema>({ dialect: new StoredDialect({ database }) });
}

export function isSqlite(db: Db): boolean {
  return db.getExecutor().adapter instanceof SqliteAdapter;
}

/** Closes it, also where nothing was asked of it yet: of such a one Kysely closes nothing. */
export async function closeDatabase(db: Database): Promise<void> {
  if (isSqlite(db)) await db.connection().execute(async () => undefined);
  await db.destroy();
}

/** An empty one of SQLite that is nowhere, for whoever wants to see what migrations make. */
export function openInMemory(): Database {
  return openSqlite(':memory:', { fileMustExist: false });
}

/** Puts the path on what SQLite threw, at whatever depth: it says what is wrong and not with which file. */
export function namingFile(error: unknown, config: DatabaseConfig): unknown {
  if ('sqlite' in config)
    for (let at = error; at instanceof Error; at = at.cause)
      if (at instanceof Sqlite.SqliteError) Object.assign(at, { path: config.sqlite });
  return error;
}

function mustBeFile(path: string): void {
  const file = statSync(path, { throwIfNoEntry: false });
  if (!file) throw new Refusal('not-found', `There is no database ${path}: \`curfew init\` makes one`);
  if (file.isDirectory()) throw Object.assign(new Error(`EISDIR: ${path}`), { code: 'EISDIR', path });
}

function openSqlite(path: string, options: Pick<Sqlite.Options, 'fileMustExist'>): Database {
  const database = new Sqlite(path, options);
  database.pragma('journal_mode = WAL');
  // A commit is on the disk before it returns: NORMAL loses acknowledged rows when the power goes.
  database.pragma('synchronous = FULL');
  database.pragma('foreign_keys = ON');
  // What REPLACE deletes is deleted past the guards unless this is on (they refuse REPLACE itself as well).
  database.pragma('recursive_triggers = ON');
  // Freed pages are overwritten, sorting stays in memory: nothing lingers beside the rows.
  database.pragma('secure_delete = ON');
  database.pragma('temp_store = MEMORY');
  // After a long reader, such as a backup, the log of what was written meanwhile is cut again.
  database.pragma('journal_size_limit = 67108864');
  // The command line may write while the server runs.
  database.pragma('busy_timeout = 10000');
  return new Kysely<Schema>({ dialect: new ImmediateDialect(keepingStatements(database)) });
}

/** Of what somebody added to the file nothing is loaded in order to say which tables there are: a view may be broken, and a virtual table need what is not here. */
class StoredDialect extends SqliteDialect {
  override createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    const getTables: DatabaseIntrospector['getTables'] = (options) =>
      storedTables(db, options?.withInternalKyselyTables === true);
    return {
      getSchemas: async () => [],
      getTables,
      getMetadata: async (options) => ({ tables: await getTables(options) }),
    };
  }
}

/** By name, with their columns: tables that have rows of their own in the file, and no view. */
async function storedTables(db: Kysely<unknown>, withInternal: boolean): Promise<TableMetadata[]> {
  const { rows } = await sql<StoredColumn>`select "table".name as "table", column.name, type, "notnull", dflt_value
    from (select name from sqlite_master where type = 'table' and sql not like 'create virtual %' and name not like 'sqlite!_%' escape '!') as "table",
      pragma_table_info("table".name) as column
    where ${sql.lit(withInternal)} or "table".name not like 'kysely!_%' escape '!' order by "table".name, cid`.execute(db);
  return [...new Set(rows.map(({ table }) => table))].map((name) => ({
    name,
    isView: false,
    columns: rows.filter(({ table }) => table === name).map(columnOf),
  }));
}

function columnOf({ name, type, notnull, dflt_value }: StoredColumn): TableMetadata['columns'][number] {
  return { name, dataType: type, isNullable: notnull === 0, hasDefaultValue: dflt_value !== null, isAutoIncrementing: false };
}

interface StoredColumn {
  table: string;
  name: string;
  type: string;
  notnull: 0 | 1;
  dflt_value: string | null;
}

/** Whether there is a table of that name where one would be found that names no schema. */
export async function hasTable(db: Db, name: string): Promise<boolean> {
  const there = isSqlite(db)
    ? sql`select 1 from sqlite_master where type = 'table' and name = ${name}`
    : sql`select 1 where to_regclass(quote_ident(${name})) is not null`;
  const { rows } = await there.execute(db);
  return rows.length > 0;
}

/**
 * Transactions take the write lock at their beginning. A deferred one that reads and then writes fails at once, busy
 * timeout or not, where another process wrote in between (SQLITE_BUSY_SNAPSHOT).
 */
class ImmediateDialect extends StoredDialect {
  readonly #database: TransactingDatabase;

  constructor(database: TransactingDatabase) {
    super({ database });
    this.#database = database;
  }

  override createDriver(): SqliteDriver {
    return new ImmediateDriver(this.#database);
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }
}

/** SQLite's DDL is transactional (its "lang_transaction"): a process that is killed while it migrates leaves nothing half done. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** Milliseconds. Statements that follow one another for longer let all else have a turn of the event loop in between, where no transaction is open. */
const TURN = 20;

/** SQLite answers at once: what asks it for one thing after the other, as what goes through all cases does, would go on to its end before anything else is done. */
class ImmediateDriver extends SqliteDriver {
  readonly #database: TransactingDatabase;
  /** When the first statement of this turn was asked for. */
  #turnBegan: number | null = null;

  constructor(database: TransactingDatabase) {
    super({ database });
    this.#database = database;
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const now = systemClock.monotonic();
    if (this.#turnBegan === null) {
      this.#turnBegan = now;
      setImmediate(() => {
        this.#turnBegan = null;
      }).unref();
    } else if (now - this.#turnBegan > TURN) await new Promise((resolve) => setImmediate(resolve));
    return super.acquireConnection();
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  /** What cannot be written SQLite may roll back itself (its "lang_transaction"). A second time would fail, and hide why the first was. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction()) await super.rollbackTransaction(connection);
  }
}

/** int8 arrives as text; all of ours are instants and counts, far below 2^53. */
const INT8 = 20;

function openPostgres(connectionString: string, more: pg.PoolConfig = {}): Database {
  const pool = new pg.Pool({
    ...more,
    connectionString,
    max: 10,
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === INT8 ? Number : pg.types.getTypeParser(oid, format as 'text'),
    } as pg.CustomTypesConfig,
  });
  // A broken idle connection is replaced at the next query; without a listener it would end the process.
  pool.on('error', () => {});
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
}

/** The engine could not write: disk full, failing device, lost connection. What was not committed is not there. */
export function isStorageFault(error: unknown): boolean {
  if (error instanceof Sqlite.SqliteError) return /^SQLITE_(FULL|IOERR|BUSY|READONLY|CANTOPEN|NOMEM)/.test(error.code);
  // PostgreSQL's classes 08 (connection), 53 (resources) and 57P (shutdown), appendix A of its manual.
  return error instanceof pg.DatabaseError && /^(08|53|57P)/.test(error.code ?? '');
}
