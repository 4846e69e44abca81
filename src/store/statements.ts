import type Sqlite from 'better-sqlite3';
import type { SqliteDatabase, SqliteStatement } from 'kysely';

/** How many are kept. */
const MOST = 500;
/** Characters. One of many rows is another one for each number of them, and is hardly used again. */
const LONGEST = 4096;

export interface TransactingDatabase extends SqliteDatabase {
  inTransaction(): boolean;
}

/**
 * A database as Kysely takes it that keeps the statements that were prepared last: to prepare one costs more than most of them take
 * to run, and Kysely has each prepared anew.
 */
export function keepingStatements(database: Sqlite.Database): TransactingDatabase {
  const kept = new Map<string, SqliteStatement>();
  return {
    close: () => void database.close(),
    inTransaction: () => database.inTransaction,
    prepare(sql) {
      if (sql.length > LONGEST) return database.prepare(sql);
      const statement = kept.get(sql) ?? prepared(database, sql);
      // The one that was used last is the last to go.
      kept.delete(sql);
      kept.set(sql, statement);
      const [oldest] = kept.size > MOST ? kept.keys() : [];
      if (oldest !== undefined) kept.delete(oldest);
      return statement;
    },
  };
}

/** Whoever reads it row by row has one of his own: it cannot be run meanwhile. */
function prepared(database: Sqlite.Database, sql: string): SqliteStatement {
  const statement = database.prepare(sql);
  return {
    reader: statement.reader,
    all: (parameters) => statement.all(parameters),
    run: (parameters) => statement.run(parameters),
    iterate: (parameters) => database.prepare(sql).iterate(parameters),
  };
}
