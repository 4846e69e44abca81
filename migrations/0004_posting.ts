import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** What a list takes and what it adds, posts that wait for a person, bounces, and what people ask for by mail. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const instant = postgres ? sql`bigint` : sql`integer`;
  const bytes = postgres ? sql`bytea` : sql`blob`;
  const createTable = (name: string) => {
    const table = db.schema.createTable(name);
    return postgres ? table : table.modifyEnd(sql`strict`);
  };

  for (const flag of ['encrypted_only', 'signed_only', 'members_only', 'moderated'])
    await db.schema
      .alterTable('lists')
      .addColumn(flag, 'integer', (c) =>
        c
          .notNull()
          .defaultTo(0)
          .check(sql`${sql.ref(flag)} in (0, 1)`),
      )
      .execute();
  // What a text that its signer has not addressed to the list becomes: it may have been written to somebody else.
  await db.schema
    .alterTable('lists')
    .addColumn('unaddressed', 'text', (c) => c.notNull().defaultTo('hold').check(sql`unaddressed in ('hold', 'accept')`))
    .execute();
  await db.schema
    .alterTable('lists')
    .addColumn('largest', 'integer', (c) => c.check(sql`largest > 0`))
    .execute();
  // Patterns of attachments that are allowed, separated by spaces; null: any.
  for (const column of ['file_names', 'file_types', 'subject_prefix', 'footer'])
    await db.schema.alterTable('lists').addColumn(column, 'text').execute();

  await db.schema
    .alterTable('posts')
    .addColumn('state', 'text', (c) => c.notNull().defaultTo('accepted').check(sql`state in ('accepted', 'held', 'refused')`))
    .execute();
  await db.schema.alterTable('posts').addColumn('hold_reason', 'text').execute();
  // What each check of the policy said, and what was known of each signature, when the mail came in: JSON.
  await db.schema.alterTable('posts').addColumn('hits', 'text').execute();
  await db.schema.alterTable('posts').addColumn('signatures', 'text').execute();
  await db.schema
    .alterTable('posts')
    .addColumn('decided_by', 'text', (c) => c.references('contacts.id'))
    .execute();
  await db.schema.alterTable('posts').addColumn('decided_at', instant).execute();
  await db.schema.createIndex('posts_held').on('posts').column('id').where(sql.ref('state'), '=', 'held').execute();

  await db.schema.alterTable('deliveries').addColumn('bounced_at', instant).execute();

  // Who of a member's contacts does not want what the list distributes.
  await createTable('unsubscribed')
    .addColumn('contact_id', 'text', (c) => c.notNull().references('contacts.id'))
    .addColumn('list_id', 'text', (c) => c.notNull().references('lists.id'))
    .addColumn('created_at', instant, (c) => c.notNull())
    .addPrimaryKeyConstraint('unsubscribed_pk', ['contact_id', 'list_id'])
    .execute();

  // A contact says that he has a dispatch.
  await createTable('acknowledgements')
    .addColumn('post_id', 'text', (c) => c.notNull().references('posts.id'))
    .addColumn('contact_id', 'text', (c) => c.notNull().references('contacts.id'))
    .addColumn('created_at', instant, (c) => c.notNull())
    .addPrimaryKeyConstraint('acknowledgements_pk', ['post_id', 'contact_id'])
    .execute();

  // What this installation signs its own tokens with.
  await createTable('secrets')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('value', bytes, (c) => c.notNull())
    .execute();

  for (const guard of guards) await (postgres ? replacePostgres(db, guard) : replaceSqlite(db, guard));
}

interface Guard {
  name: string;
  refuse: string;
  message: string;
}

/** Two guards of 0002 over `deliveries`, as they stand from here on: answers to what people ask a list for by mail are new. */
const guards: readonly Guard[] = [
  {
    // To the fixed words that a stranger may be sent comes the list's public key.
    name: 'deliveries_stranger',
    refuse: `new.audience = 'stranger'
        and not exists (select 1 from posts where id = new.post_id and kind in ('receipt-clear', 'news-clear', 'key'))`,
    message: 'a stranger is sent nothing but fixed words',
  },
  {
    // A public list, too, answers a contact, sealed, and gives its key to whoever asks.
    name: 'deliveries_public',
    refuse: `(new.audience = 'public'
        or exists (select 1 from lists where address = lower(new.address))
        or exists (select 1 from recipients where address = lower(new.address) and kind = 'external')
        or (exists (select 1 from lists where id = new.list_id and role = 'public')
          and not (new.audience = 'contact'
            and exists (select 1 from posts where id = new.post_id and kind in ('owner', 'alert', 'answer')))
          and not (new.audience = 'stranger'
            and exists (select 1 from posts where id = new.post_id and kind = 'key'))))
      and not exists (select 1 from cases
        where id = new.case_id and state = 'released' and (public_post_id = new.post_id or new.audience <> 'public'))`,
    message: 'a public delivery needs a released case and its public post',
  },
];

async function replaceSqlite(db: AnyDatabase, { name, refuse, message }: Guard): Promise<void> {
  for (const event of ['insert', 'update of post_id, list_id, case_id, audience, address']) {
    const trigger = `${name}_${event.split(' ', 1)}`;
    await sql.raw(`drop trigger ${trigger}`).execute(db);
    await sql
      .raw(`create trigger ${trigger} before ${event} on deliveries when ${refuse} begin select raise(abort, '${message}'); end`)
      .execute(db);
  }
}

async function replacePostgres(db: AnyDatabase, { name, refuse, message }: Guard): Promise<void> {
  await sql
    .raw(`create or replace function ${name}() returns trigger language plpgsql as $$
      begin
        if ${refuse} then raise exception '${message}' using errcode = 'check_violation'; end if;
        return new;
      end $$`)
    .execute(db);
}
