import { type ColumnDefinitionBuilder, type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** How members are vetted, prove their keys, are reviewed and removed, and what is told of certificates that end. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const instant = postgres ? sql`bigint` : sql`integer`;
  const createTable = (name: string) => {
    const table = db.schema.createTable(name);
    return postgres ? table : table.modifyEnd(sql`strict`);
  };
  const addToMembers = (name: string, type: 'text' | typeof instant) =>
    db.schema.alterTable('members').addColumn(name, type).execute();

  // Goes up with every application: what was said of an earlier one counts no more.
  await db.schema
    .alterTable('members')
    .addColumn('round', 'integer', (c) => c.notNull().defaultTo(1))
    .execute();
  await addToMembers('terms', 'text');
  for (const column of ['terms_at', 'review_at', 'review_told_at']) await addToMembers(column, instant);

  const ofRound = (name: string) =>
    createTable(name)
      .addColumn('member_id', 'text', (c) => c.notNull().references('members.id'))
      .addColumn('round', 'integer', (c) => c.notNull());
  const of = (column: string) => (c: ColumnDefinitionBuilder) => c.notNull().references(column);

  await ofRound('answers')
    .addColumn('criterion', 'text', (c) => c.notNull())
    .addColumn('answer', 'text', (c) => c.notNull())
    .addColumn('evidence', 'text')
    .addPrimaryKeyConstraint('answers_pk', ['member_id', 'round', 'criterion'])
    .execute();
  await ofRound('vouches')
    .addColumn('contact_id', 'text', of('contacts.id'))
    .addColumn('statement', 'text', (c) => c.notNull())
    .addColumn('created_at', instant, (c) => c.notNull())
    .addPrimaryKeyConstraint('vouches_pk', ['member_id', 'round', 'contact_id'])
    .execute();
  await ofRound('verdicts')
    .addColumn('person_id', 'text', of('contacts.id'))
    .addColumn('criterion', 'text', (c) => c.notNull())
    .addColumn('pass', 'integer', (c) => c.notNull().check(sql`pass in (0, 1)`))
    .addColumn('note', 'text')
    .addColumn('created_at', instant, (c) => c.notNull())
    .addPrimaryKeyConstraint('verdicts_pk', ['member_id', 'round', 'person_id', 'criterion'])
    .execute();
  await ofRound('removals')
    .addColumn('person_id', 'text', of('contacts.id'))
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('created_at', instant, (c) => c.notNull())
    .addPrimaryKeyConstraint('removals_pk', ['member_id', 'round', 'person_id'])
    .execute();

  await createTable('key_proofs')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('contact_id', 'text', of('contacts.id'))
    .addColumn('certificate_id', 'text', of('certificates.id'))
    // SHA-256 of the nonce, hex: whoever reads this proves nothing.
    .addColumn('nonce_hash', 'text', (c) => c.notNull().unique())
    .addColumn('created_at', instant, (c) => c.notNull())
    .addColumn('proved_at', instant)
    .execute();
  await db.schema.createIndex('key_proofs_contact').on('key_proofs').column('contact_id').execute();

  // A newer copy of a certificate in which another key is encrypted to: it waits for a person.
  await createTable('certificate_renewals')
    .addColumn('certificate_id', 'text', (c) => c.primaryKey().references('certificates.id'))
    .addColumn('data', postgres ? sql`bytea` : sql`blob`, (c) => c.notNull())
    // What is encrypted to until now may not be any more: copies wait as well.
    .addColumn('holds', 'integer', (c) => c.notNull().check(sql`holds in (0, 1)`))
    .addColumn('created_at', instant, (c) => c.notNull())
    .execute();

  // Which warning was given of which end: a renewed certificate has another one.
  await createTable('certificate_warnings')
    .addColumn('certificate_id', 'text', of('certificates.id'))
    .addColumn('ends_at', instant, (c) => c.notNull())
    .addColumn('days', 'integer', (c) => c.notNull())
    .addColumn('created_at', instant, (c) => c.notNull())
    .addPrimaryKeyConstraint('certificate_warnings_pk', ['certificate_id', 'ends_at', 'days'])
    .execute();

  await (postgres ? guardPostgres(db) : guardSqlite(db));
}

/** The guard of 0004, with one more sort of fixed words: that a new key is wanted. */
const REFUSE = `new.audience = 'stranger'
        and not exists (select 1 from posts
          where id = new.post_id and kind in ('receipt-clear', 'news-clear', 'key', 'key-wanted'))`;
const MESSAGE = 'a stranger is sent nothing but fixed words';

async function guardSqlite(db: AnyDatabase): Promise<void> {
  for (const event of ['insert', 'update of post_id, list_id, case_id, audience, address']) {
    const trigger = `deliveries_stranger_${event.split(' ', 1)}`;
    await sql.raw(`drop trigger ${trigger}`).execute(db);
    await sql
      .raw(`create trigger ${trigger} before ${event} on deliveries when ${REFUSE} begin select raise(abort, '${MESSAGE}'); end`)
      .execute(db);
  }
}

async function guardPostgres(db: AnyDatabase): Promise<void> {
  await sql
    .raw(`create or replace function deliveries_stranger() returns trigger language plpgsql as $$
      begin
        if ${REFUSE} then raise exception '${MESSAGE}' using errcode = 'check_violation'; end if;
        return new;
      end $$`)
    .execute(db);
}
