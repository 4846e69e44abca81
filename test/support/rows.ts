import { SqliteAdapter, sql } from 'kysely';
import type { Database } from '../../src/store/database.ts';

/** All rows of a database, by their tables. */
export type Rows = readonly (readonly [table: string, rows: readonly object[]])[];

/** Those of a database in which no row is referred to by one of a table that was made before it, but for the log, which is written last. */
export async function rowsOf(db: Database): Promise<Rows> {
  const tables = (await db.introspection.getTables()).map(({ name }) => name);
  const rows: [string, object[]][] = [];
  for (const table of [...tables.filter((name) => !isLog(name)), ...tables.filter(isLog)]) {
    const { rows: found } = await sql<object>`select * from ${sql.table(table)}`.execute(db);
    if (found.length > 0) rows.push([table, found]);
  }
  return rows;
}

function isLog(table: string): boolean {
  return table.startsWith('audit');
}

/** Puts them into a database that is empty. Which came first does not count: they did not come one by one. */
export async function putRows(db: Database, rows: Rows): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const isSqlite = trx.getExecutor().adapter instanceof SqliteAdapter;
    await (isSqlite ? sql`pragma defer_foreign_keys = on` : sql`set local session_replication_role = replica`).execute(trx);
    // Has its one row from the beginning.
    for (const [table, all] of rows)
      if (table === 'audit_end')
        await trx
          .updateTable(table)
          .set(all[0] as never)
          .execute();
      else
        await trx
          .insertInto(table as never)
          .values(all as never)
          .execute();
  });
}
