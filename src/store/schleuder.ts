import Sqlite from 'better-sqlite3';
import { Refusal } from '../refusal.ts';

/** Who gets what a list of Schleuder distributes, as its row says. */
export interface Subscription {
  /** The address of the list, in lower case. */
  list: string;
  /** As it was written. */
  address: string;
  /** Of the key that is used for him, upper-case hex; empty where there is none. */
  fingerprint: string;
  admin: boolean;
  /** False where he is sent nothing. */
  delivery: boolean;
}

export interface Schleuder {
  /** Addresses, in lower case. */
  lists: string[];
  subscriptions: Subscription[];
}

/**
 * What a database of Schleuder (3 to 5, on SQLite) says about lists and who is on them. The file is opened for reading alone.
 * Throws Refusal('invalid') where it is another database, and what SQLite throws, with the path.
 */
export function readSchleuder(path: string): Schleuder {
  try {
    const database = new Sqlite(path, { readonly: true, fileMustExist: true });
    try {
      return contentOf(database, path);
    } finally {
      database.close();
    }
  } catch (error) {
    throw error instanceof Sqlite.SqliteError ? Object.assign(error, { path }) : error;
  }
}

const COLUMNS = { lists: ['id', 'email'], subscriptions: ['list_id', 'email', 'fingerprint', 'admin', 'delivery_enabled'] };

function contentOf(database: Sqlite.Database, path: string): Schleuder {
  for (const [table, columns] of Object.entries(COLUMNS)) {
    const there = database.pragma(`table_info(${table})`) as { name: string }[];
    const missing = columns.find((column) => !there.some(({ name }) => name === column));
    if (missing) throw new Refusal('invalid', `${path} is no database of Schleuder: it has no column ${table}.${missing}`);
  }
  const lists = database.prepare<[], { email: unknown }>('select email from lists order by email').all();
  const subscriptions = database
    .prepare<[], Record<'list' | 'email' | 'fingerprint' | 'admin' | 'delivery', unknown>>(
      `select lists.email as list, subscriptions.email, subscriptions.fingerprint, admin, delivery_enabled as delivery
       from subscriptions join lists on lists.id = subscriptions.list_id order by lists.email, subscriptions.email`,
    )
    .all();
  return {
    lists: lists.map(({ email }) => textOf(email).toLowerCase()),
    subscriptions: subscriptions.map((row) => ({
      list: textOf(row.list).toLowerCase(),
      address: textOf(row.email),
      fingerprint: textOf(row.fingerprint)
        .replace(/\s|^0x/gi, '')
        .toUpperCase(),
      admin: isTrue(row.admin),
      delivery: isTrue(row.delivery),
    })),
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.trim() : '';
}

/** ActiveRecord wrote `t` before version 6; Schleuder 4 itself did not read that as true until it was converted. */
function isTrue(value: unknown): boolean {
  return value === 1 || value === 't' || value === 'true';
}
