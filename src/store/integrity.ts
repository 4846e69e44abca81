import { sql } from 'kysely';
import type { Db } from './database.ts';

/** Told of at most: one is enough to stop. */
const MOST = 5;

/** What SQLite finds wrong with its own file, a line each: pages and indexes that do not agree, and rows that belong to nothing. */
export async function damageOf(db: Db): Promise<string[]> {
  const { rows } = await sql<{ integrity_check: string }>`pragma integrity_check(${sql.lit(MOST)})`.execute(db);
  const told = rows.map(({ integrity_check: line }) => line).filter((line) => line !== 'ok');
  const { rows: strays } = await sql<{ table: string }>`pragma foreign_key_check`.execute(db);
  return [...told, ...new Set(strays.map(({ table }) => `a row of ${table} belongs to nothing`))].slice(0, MOST);
}
