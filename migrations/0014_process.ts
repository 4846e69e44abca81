import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/**
 * The process of a case beside the gate's own `state`: who leads it, which of its steps were taken and when, what is known of it
 * (sealed), its patch sets, and what becomes of it aside. `state` stays the four that the gate's triggers know.
 */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const instant = postgres ? 'bigint' : 'integer';
  const createTable = (name: string) => {
    const table = db.schema.createTable(name);
    return postgres ? table : table.modifyEnd(sql`strict`);
  };

  // Instants of the steps, null before each was taken. What is voided by a change goes back to null.
  const steps = [
    'acknowledged_at',
    'accepted_at',
    'led_at',
    'in_fix_at',
    'fix_ready_at',
    'forthcoming_at',
    'scheduled_at',
    'noticed_at',
    'prenoticed_at',
    'retrospective_at',
    'closed_at',
    'aside_at',
    'handover_at',
    // An exception of the policy has a recorded reason, in the details.
    'exception_at',
  ];
  for (const step of steps) await db.schema.alterTable('cases').addColumn(step, instant).execute();
  for (const person of ['lead_id', 'deputy_id', 'handover_id', 'scheduled_by'])
    await db.schema
      .alterTable('cases')
      .addColumn(person, 'text', (c) => c.references('contacts.id'))
      .execute();
  // A sealed post of kind `details`; the draft that the second notice carried.
  for (const post of ['details_post_id', 'prenoticed_draft_id'])
    await db.schema
      .alterTable('cases')
      .addColumn(post, 'text', (c) => c.references('posts.id'))
      .execute();
  await db.schema
    .alterTable('cases')
    .addColumn('aside', 'text', (c) => c.check(sql`aside in ('needs_info', 'rejected', 'leaked', 'withdrawn', 'public_already')`))
    .execute();
  await db.schema
    .alterTable('cases')
    .addColumn('duplicate_of', 'text', (c) => c.references('cases.id'))
    .execute();
  // Names of policies, with spaces between. Hashes: what was approved as the patch set, stands there as the schedule, was dispatched.
  for (const text of ['policies', 'patch_set', 'schedule_hash', 'distributed_set'])
    await db.schema.alterTable('cases').addColumn(text, 'text').execute();

  await createTable('patch_sets')
    .addColumn('case_id', 'text', (c) => c.notNull().references('cases.id'))
    // From 1 on; each supersedes the one before.
    .addColumn('revision', 'integer', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('approved_by', 'text', (c) => c.notNull().references('contacts.id'))
    .addColumn('approved_at', instant, (c) => c.notNull())
    .addPrimaryKeyConstraint('patch_sets_pk', ['case_id', 'revision'])
    .execute();

  await createTable('case_team')
    .addColumn('case_id', 'text', (c) => c.notNull().references('cases.id'))
    .addColumn('contact_id', 'text', (c) => c.notNull().references('contacts.id'))
    .addPrimaryKeyConstraint('case_team_pk', ['case_id', 'contact_id'])
    .execute();

  // What was due, and who was reminded of it: each of them once.
  await createTable('reminders')
    .addColumn('case_id', 'text', (c) => c.notNull().references('cases.id'))
    .addColumn('what', 'text', (c) => c.notNull())
    .addColumn('due_at', instant, (c) => c.notNull())
    .addColumn('level', 'integer', (c) => c.notNull())
    .addColumn('told_at', instant, (c) => c.notNull())
    .addPrimaryKeyConstraint('reminders_pk', ['case_id', 'what', 'due_at', 'level'])
    .execute();

  // What a contact says of a dispatch, and when he was reminded.
  await db.schema
    .alterTable('acknowledgements')
    .addColumn('status', 'text', (c) =>
      c.notNull().defaultTo('acknowledged').check(sql`status in ('acknowledged', 'affected', 'not_affected', 'problem')`),
    )
    .execute();

  await approvalsByMail(db, postgres);

  // A case that was dispatched before knows since when.
  await sql`update cases set noticed_at = dispatched_at where dispatched_at is not null`.execute(db);
}

/** A person approves with a token of his own, or with a mail that he signed. */
async function approvalsByMail(db: AnyDatabase, postgres: boolean): Promise<void> {
  if (postgres) {
    await sql`alter table approvals alter column token_id drop not null`.execute(db);
    await sql`alter table approvals add column post_id text references posts (id)`.execute(db);
    await sql`alter table approvals add constraint approvals_by check ((token_id is null) <> (post_id is null))`.execute(db);
    return;
  }
  // SQLite changes no column; the triggers of a table go with it, and are as they were in 0002 and 0003.
  await sql`create table approvals_by_mail (
    case_id text not null references cases (id),
    hash text not null,
    person_id text not null references contacts (id),
    token_id text,
    post_id text references posts (id),
    approved_at integer not null,
    constraint approvals_pk primary key (case_id, hash, person_id),
    constraint approvals_own_token foreign key (token_id, person_id) references tokens (id, person_id),
    constraint approvals_by check ((token_id is null) <> (post_id is null))
  ) strict`.execute(db);
  await sql`insert into approvals_by_mail (case_id, hash, person_id, token_id, approved_at)
    select case_id, hash, person_id, token_id, approved_at from approvals`.execute(db);
  const { rows } = await sql<{ sql: string }>`select sql from sqlite_master
    where type = 'trigger' and tbl_name = 'approvals' order by name`.execute(db);
  // A trigger of another table that speaks of this one would be in the way of its new name.
  const { rows: others } = await sql<{ name: string; sql: string }>`select name, sql from sqlite_master
    where type = 'trigger' and tbl_name <> 'approvals' and sql like '%approvals%' order by name`.execute(db);
  for (const { name } of others) await sql.raw(`drop trigger ${name}`).execute(db);
  await sql`drop table approvals`.execute(db);
  await sql`alter table approvals_by_mail rename to approvals`.execute(db);
  for (const trigger of [...rows, ...others]) await sql.raw(trigger.sql).execute(db);
}
