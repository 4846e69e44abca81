import { type Kysely, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** What a token may do of its role, as words with a space between; null: all of it. */
export async function up(db: AnyDatabase): Promise<void> {
  await db.schema
    .alterTable('tokens')
    .addColumn('scopes', 'text', (c) => c.check(sql`scopes <> ''`))
    .execute();
}
