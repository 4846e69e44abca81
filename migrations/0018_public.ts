import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/**
 * What the public gets besides the post on the project's own lists: a post of its own for external addresses, named in the case with
 * the digest of its octets as the other one is, and the advisory as a document, in clear. Neither is there before the release:
 *  - a post goes to an external address as the one that the released case names;
 *  - no advisory is there of a case that is not released;
 *  - what is known of a case is part of what is approved: other details are another bundle, and a release changes none of them.
 */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const instant = postgres ? 'bigint' : 'integer';
  // As public_post_id and public_digest; null where the channels have no external address.
  // The words of a leak, of a withdrawal, of what is public already: sealed.
  for (const post of ['external_post_id', 'evidence_post_id'])
    await db.schema
      .alterTable('cases')
      .addColumn(post, 'text', (c) => c.references('posts.id'))
      .execute();
  await db.schema.alterTable('cases').addColumn('external_digest', 'text').execute();
  // The instant that distributors were told at first, where it was moved since.
  await db.schema.alterTable('cases').addColumn('original_at', instant).execute();
  await db.schema
    .alterTable('cases')
    .addColumn('leak_decision', 'text', (c) => c.check(sql`leak_decision in ('keep', 'release')`))
    .execute();
  await db.schema.alterTable('cases').addColumn('leak_decided_at', instant).execute();

  const table = db.schema.createTable('advisories');
  await (postgres ? table : table.modifyEnd(sql`strict`))
    .addColumn('case_id', 'text', (c) => c.primaryKey().references('cases.id'))
    // JSON: public, so that it stands in clear.
    .addColumn('document', 'text', (c) => c.notNull())
    // From 1 on.
    .addColumn('revision', 'integer', (c) => c.notNull())
    .addColumn('released_at', instant, (c) => c.notNull())
    .addColumn('updated_at', instant, (c) => c.notNull())
    .execute();

  await alsoExternal(db, postgres);
  for (const guard of guards) await (postgres ? guardPostgres(db, guard) : guardSqlite(db, guard));
}

const PUBLISHED = 'public_post_id = new.post_id';

/** The guard over public deliveries lets through what it does, and the external post of a released case. */
async function alsoExternal(db: AnyDatabase, postgres: boolean): Promise<void> {
  const { rows } = postgres
    ? await sql<{ sql: string }>`select pg_get_functiondef('deliveries_public'::regproc) as sql`.execute(db)
    : await sql<{ name: string; sql: string }>`select name, sql from sqlite_master
        where type = 'trigger' and name in ('deliveries_public_insert', 'deliveries_public_update') order by name`.execute(db);
  if (rows.length !== (postgres ? 1 : 2)) throw new Error('the guard over public deliveries is not there');
  for (const row of rows) {
    const parts = row.sql.split(PUBLISHED);
    if (parts.length !== 2) throw new Error('the guard over public deliveries is another one');
    if ('name' in row) await sql.raw(`drop trigger ${row.name}`).execute(db);
    await sql.raw(parts.join(`${PUBLISHED} or external_post_id = new.post_id`)).execute(db);
  }
}

interface Guard {
  table: string;
  name: string;
  on: readonly ('insert' | 'update')[];
  /** The row is refused where this holds. Written for both engines. */
  refuse: string;
  message: string;
}

const guards: readonly Guard[] = [
  {
    table: 'cases',
    name: 'cases_external_post',
    on: ['update'],
    refuse: `new.state = 'released' and old.state <> 'released' and new.external_post_id is not null
      and not exists (select 1 from posts where id = new.external_post_id and case_id = new.id and kind = 'public'
        and digest = new.external_digest and received_at >= new.release_at)`,
    message: 'a case is released with an external post of its own, written at the instant or later',
  },
  {
    table: 'cases',
    name: 'cases_external_final',
    on: ['update'],
    refuse: `old.state = 'released'
      and (new.external_post_id is distinct from old.external_post_id or new.external_digest is distinct from old.external_digest)`,
    message: 'a released case stays as it was released',
  },
  {
    table: 'cases',
    name: 'cases_redescribed',
    on: ['update'],
    refuse: `new.details_post_id is distinct from old.details_post_id
      and (new.bundle_hash = old.bundle_hash or new.state = 'released' or old.state = 'released')`,
    message: 'other details are another bundle, to be approved anew',
  },
  {
    table: 'advisories',
    name: 'advisories_released',
    on: ['insert', 'update'],
    refuse: `not exists (select 1 from cases where id = new.case_id and state = 'released')`,
    message: 'an advisory is of a released case',
  },
];

async function guardSqlite(db: AnyDatabase, { table, name, on, refuse, message }: Guard): Promise<void> {
  for (const event of on)
    await sql
      .raw(`create trigger ${name}_${event} before ${event} on ${table} when ${refuse}
        begin select raise(abort, '${message}'); end`)
      .execute(db);
}

async function guardPostgres(db: AnyDatabase, { table, name, on, refuse, message }: Guard): Promise<void> {
  await sql
    .raw(`create function ${name}() returns trigger language plpgsql as $$
      begin
        if ${refuse} then raise exception '${message}' using errcode = 'check_violation'; end if;
        return new;
      end $$`)
    .execute(db);
  await sql
    .raw(`create trigger ${name} before ${on.join(' or ')} on ${table} for each row execute function ${name}()`)
    .execute(db);
}
