import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/**
 * In which order posts were written, whatever the clock said then: it may have been set back since. And of a case that is released, withdrawn or
 * rejected, the last one that was written before.
 */
export async function up(db: AnyDatabase): Promise<void> {
  const number = db.getExecutor().adapter instanceof PostgresAdapter ? 'bigint' : 'integer';
  await db.schema
    .alterTable('posts')
    .addColumn('place', number, (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema.alterTable('cases').addColumn('told_until', number).execute();
  await sql`
    update posts set place = numbered.place
    from (select id, row_number() over (order by received_at, id) as place from posts) as numbered
    where numbered.id = posts.id`.execute(db);
  await sql`
    update cases set told_until = (
      select coalesce(max(posts.place), 0) from posts
      where posts.case_id = cases.id
        and posts.received_at < case when cases.state = 'released' then cases.released_at else cases.aside_at end
    )
    where cases.state = 'released' or cases.aside in ('withdrawn', 'rejected')`.execute(db);
  await sql`create index posts_place on posts (place)`.execute(db);
}
