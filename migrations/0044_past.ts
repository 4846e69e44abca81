import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

const COLUMNS = `id, post_id, list_id, case_id, audience, address, contact_id, certificate_id, message_id, state, priority, due_at, attempts,
    tried_at, lease, lease_until, reason, response, created_at, settled_at, told_at, bounced_at, late_told_at`;

/**
 * Copies that have ended leave the table that the queue works in, after some time: `past_deliveries`, with the same columns. `all_deliveries`
 * has both. And what is kept sealed of a post or a patch may be taken away, once, by the project's own rule; that it was there stays known.
 */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  await createPast(db, postgres);
  await sql
    .raw(`create view all_deliveries as select ${COLUMNS} from deliveries union all select ${COLUMNS} from past_deliveries`)
    .execute(db);
  // What is to leave is found among what has ended, without going through the rest.
  await sql`create index deliveries_ended on deliveries (settled_at) where state in ('delivered', 'failed')`.execute(db);
  await unbindReturned(db, postgres);
  const instant = postgres ? 'bigint' : 'integer';
  for (const table of ['posts', 'patches']) await db.schema.alterTable(table).addColumn('purged_at', instant).execute();
  await sql`create index posts_unpurged on posts (received_at) where purged_at is null`.execute(db);
  await allowPurge(db, postgres);
}

async function createPast(db: AnyDatabase, postgres: boolean): Promise<void> {
  const instant = postgres ? 'bigint' : 'integer';
  const table = db.schema.createTable('past_deliveries');
  await (postgres ? table : table.modifyEnd(sql`strict`))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('post_id', 'text', (c) => c.notNull().references('posts.id'))
    .addColumn('list_id', 'text', (c) => c.notNull().references('lists.id'))
    .addColumn('case_id', 'text', (c) => c.references('cases.id'))
    .addColumn('audience', 'text', (c) => c.notNull())
    .addColumn('address', 'text', (c) => c.notNull())
    .addColumn('contact_id', 'text', (c) => c.references('contacts.id'))
    .addColumn('certificate_id', 'text', (c) => c.references('certificates.id'))
    .addColumn('message_id', 'text', (c) => c.notNull().unique())
    .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('delivered', 'failed')`))
    .addColumn('priority', 'integer', (c) => c.notNull())
    .addColumn('due_at', instant, (c) => c.notNull())
    .addColumn('attempts', 'integer', (c) => c.notNull())
    .addColumn('tried_at', instant)
    .addColumn('lease', 'text', (c) => c.check(sql`lease is null`))
    .addColumn('lease_until', instant)
    .addColumn('reason', 'text')
    .addColumn('response', 'text')
    .addColumn('created_at', instant, (c) => c.notNull())
    .addColumn('settled_at', instant, (c) => c.notNull())
    .addColumn('told_at', instant)
    .addColumn('bounced_at', instant)
    .addColumn('late_told_at', instant)
    .execute();
  await db.schema
    .createIndex('past_deliveries_post')
    .on('past_deliveries')
    .columns(['post_id', 'state', 'priority', 'id'])
    .execute();
  await db.schema.createIndex('past_deliveries_case').on('past_deliveries').column('case_id').execute();
  await sql`create index past_deliveries_address on past_deliveries (lower(address), created_at)`.execute(db);
  await sql`create index past_deliveries_untold on past_deliveries (id)
    where told_at is null and state in ('held', 'failed')`.execute(db);
}

/** What came back may be for a copy in either table. */
async function unbindReturned(db: AnyDatabase, postgres: boolean): Promise<void> {
  if (postgres) {
    await sql`alter table came_back drop constraint came_back_delivery_id_fkey`.execute(db);
    return;
  }
  await db.schema.dropIndex('came_back_for').execute();
  await sql`alter table came_back rename to came_back_bound`.execute(db);
  await sql`create table came_back (
    post_id text primary key references posts (id), delivery_id text not null, what text not null, words text) strict`.execute(
    db,
  );
  await sql`insert into came_back select post_id, delivery_id, what, words from came_back_bound`.execute(db);
  await db.schema.dropTable('came_back_bound').execute();
  await db.schema.createIndex('came_back_for').on('came_back').column('delivery_id').execute();
}

const FINAL = 'new.content is distinct from old.content';
/** Not what the public has or may get, and not what waits for somebody. */
const PURGED = `(${FINAL} and (length(new.content) > 0 or old.purged_at is not null or new.purged_at is null
        or old.kind in ('public', 'archive') or old.state = 'held'))`;

/** The guard over posts lets their content be taken away, and nothing else more than before. */
async function allowPurge(db: AnyDatabase, postgres: boolean): Promise<void> {
  const { rows } = postgres
    ? await sql<{ sql: string }>`select pg_get_functiondef('posts_kept'::regproc) as sql`.execute(db)
    : await sql<{ sql: string }>`select sql from sqlite_master where type = 'trigger' and name = 'posts_kept_update'`.execute(db);
  const parts = rows[0]?.sql.split(FINAL) ?? [];
  if (parts.length !== 2) throw new Error('the guard over posts is another one');
  if (!postgres) await sql`drop trigger posts_kept_update`.execute(db);
  await sql.raw(parts.join(PURGED)).execute(db);
}
