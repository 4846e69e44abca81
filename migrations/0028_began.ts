import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** When a member began anew: of what was dispatched to him before, he is told and asked nothing any more. */
export async function up(db: AnyDatabase): Promise<void> {
  const instant = db.getExecutor().adapter instanceof PostgresAdapter ? 'bigint' : 'integer';
  await db.schema.alterTable('members').addColumn('began_at', instant).execute();
  // The log says when he was entered last.
  await sql`update members set began_at = coalesce((select max(at) from audit
      where subject = 'member:' || members.id and action in ('member.apply', 'member.add')), updated_at)
    where round > 1`.execute(db);
}
