import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/**
 * The instant that distributors were told last: who was told another one is told when it is moved. Of a schedule its own id, so that one
 * that is changed and changed back makes another bundle; a case that has none keeps its bundle. Since when what was armed is not any more.
 * And the longest embargo ends when it does: a later instant of the case, which nobody may set, does not put off the word to the public.
 */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const instant = postgres ? 'bigint' : 'integer';
  for (const column of ['told_release_at', 'disarmed_at'])
    await db.schema.alterTable('cases').addColumn(column, instant).execute();
  await db.schema.alterTable('cases').addColumn('plan', 'text').execute();
  // Whether they were told of a move before is not known: who was is told it once more.
  await sql`update cases set told_release_at = coalesce(original_at, release_at) where noticed_at is not null`.execute(db);

  const name = 'minimal_notices_case';
  const refuse = `not exists (select 1 from cases
      where id = new.case_id and state <> 'released' and closed_at is null and accepted_at is not null
        and (aside is null or aside not in ('rejected', 'withdrawn'))
        and received_at <= new.not_before)`;
  const message = 'a minimal notice is of an accepted case that is not released';
  if (postgres) {
    await sql
      .raw(`create or replace function ${name}() returns trigger language plpgsql as $$
      begin
        if ${refuse} then raise exception '${message}' using errcode = 'check_violation'; end if;
        return new;
      end $$`)
      .execute(db);
    return;
  }
  await sql.raw(`drop trigger ${name}_insert`).execute(db);
  await sql
    .raw(`create trigger ${name}_insert before insert on minimal_notices when ${refuse}
      begin select raise(abort, '${message}'); end`)
    .execute(db);
}
