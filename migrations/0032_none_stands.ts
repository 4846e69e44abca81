import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** Since when members, and the reporter, were told of no instant that stands; what they were told before stays as it was. */
export async function up(db: AnyDatabase): Promise<void> {
  const instant = db.getExecutor().adapter instanceof PostgresAdapter ? 'bigint' : 'integer';
  for (const column of ['told_none_at', 'reporter_none_at'])
    await db.schema.alterTable('cases').addColumn(column, instant).execute();
  // Nobody goes by what people do not agree on; and whoever has a case that is public already was told that it is released at once.
  await sql`update cases set told_none_at = updated_at where told_release_at is not null
    and (agreed_release_at is null or agreed_release_at <> told_release_at
      or (aside = 'public_already' and (scheduled_at is null or scheduled_at <= aside_at)))`.execute(db);
  await sql`update cases set reporter_none_at = updated_at where reporter_release_at is not null
    and (agreed_release_at is null or agreed_release_at <> reporter_release_at)`.execute(db);
  // The moment of a first dispatch that named none stood in its place.
  await sql`update cases set told_release_at = null, told_none_at = noticed_at where told_release_at = noticed_at`.execute(db);
}
