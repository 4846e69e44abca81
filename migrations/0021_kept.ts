import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/**
 * That a member was removed, until he is admitted again: he is so still where he has applied meanwhile, and was rejected. And what the
 * audit log says: no line is put in the place of another.
 */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  await db.schema
    .alterTable('members')
    .addColumn('removed_at', postgres ? 'bigint' : 'integer')
    .execute();
  // The log says of whom it was so, and has not been admitted since.
  const last = (column: 'at' | 'seq', action: string) =>
    sql`(select max(${sql.ref(column)}) from audit where subject = 'member:' || members.id and action = ${action})`;
  await sql`update members set removed_at = coalesce(${last('at', 'member.remove')}, updated_at)
    where state = 'removed' or (state in ('applied', 'vouched', 'vetted', 'key_proved', 'rejected')
      and ${last('seq', 'member.remove')} > coalesce(${last('seq', 'member.activate')}, 0))`.execute(db);
  await sql`update members set state = 'removed' where state = 'rejected' and removed_at is not null`.execute(db);
  // SQLite's REPLACE asks neither the trigger of updates nor that of deletions; PostgreSQL updates, and is refused that.
  if (!postgres)
    await sql`create trigger audit_no_replace before insert on audit when exists (select 1 from audit where seq = new.seq)
      begin select raise(abort, 'the audit log is only appended to'); end`.execute(db);
}
