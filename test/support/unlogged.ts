import { PostgresAdapter, sql } from 'kysely';
import type { Database } from '../../src/store/database.ts';

/** Nothing can be written into the audit log before `act` is over. */
export async function unlogged(db: Database, act: () => Promise<unknown>): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const body = "begin raise exception 'the log is full'; end";
  if (postgres) await sql.raw(`create function audit_full() returns trigger language plpgsql as $$ ${body} $$`).execute(db);
  const does = postgres ? 'for each row execute function audit_full()' : "begin select raise(abort, 'the log is full'); end";
  await sql.raw(`create trigger audit_full before insert on audit ${does}`).execute(db);
  try {
    await act();
  } finally {
    await sql.raw(postgres ? 'drop function audit_full cascade' : 'drop trigger audit_full').execute(db);
  }
}
