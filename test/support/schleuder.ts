import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';

export interface SubscriptionRow {
  list: string;
  email: string;
  fingerprint?: string | null;
  admin?: boolean;
  delivery?: boolean;
}

/** How ActiveRecord writes yes and no: before version 6 (Schleuder 3), and since. */
export type Booleans = 'letters' | 'numbers';

/** `db.sqlite` in a folder, with the tables that Schleuder 4 and 5 have; gives its path. */
export function schleuderDatabase(
  folder: string,
  { lists, subscriptions, booleans = 'numbers' }: { lists: string[]; subscriptions: SubscriptionRow[]; booleans?: Booleans },
): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'db.sqlite');
  const database = new Sqlite(path);
  const said = (yes: boolean) => (booleans === 'numbers' ? Number(yes) : yes ? 't' : 'f');
  database.exec(TABLES);
  const addList = database.prepare('insert into lists (email, fingerprint) values (?, ?)');
  for (const email of lists) addList.run(email, 'F'.repeat(40));
  const add = database.prepare(
    `insert into subscriptions (list_id, email, fingerprint, admin, delivery_enabled)
     values ((select id from lists where email = ?), ?, ?, ?, ?)`,
  );
  for (const { list, email, fingerprint = null, admin = false, delivery = true } of subscriptions)
    add.run(list, email, fingerprint, said(admin), said(delivery));
  database.close();
  return path;
}

/** Columns and indices of db/schema.rb, version 2022_09_10, as far as anything here could meet them. */
const TABLES = `
create table schema_migrations (version varchar not null primary key);
insert into schema_migrations values ('20220910170110');
create table lists (
  id integer primary key autoincrement not null, created_at datetime, updated_at datetime, email varchar(255),
  fingerprint varchar(255), log_level varchar(255) default 'warn', subject_prefix varchar(255) default '',
  send_encrypted_only boolean default 1, receive_encrypted_only boolean default 0, max_message_size_kb integer default 10240,
  language varchar(255) default 'en');
create table subscriptions (
  id integer primary key autoincrement not null, list_id integer, email varchar(255), fingerprint varchar(255),
  admin boolean default 0, delivery_enabled boolean default 1, created_at datetime, updated_at datetime);
create unique index index_subscriptions_on_email_and_list_id on subscriptions (email, list_id);
create index index_subscriptions_on_list_id on subscriptions (list_id);
`;
