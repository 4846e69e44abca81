import { type Kysely, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** Whether the copies of a mail share what is encrypted, each with a session key packet of its own, or have each its own. */
export async function up(db: AnyDatabase): Promise<void> {
  await db.schema
    .alterTable('lists')
    .addColumn('seal', 'text', (c) => c.notNull().defaultTo('shared').check(sql`seal in ('shared', 'fresh')`))
    .execute();
}
