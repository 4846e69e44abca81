import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** What was under embargo and came by mail on its way to the public: who sent it, and what of which case was recognised; no words. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const instant = postgres ? 'bigint' : 'integer';
  const table = db.schema.createTable('incidents');
  await (postgres ? table : table.modifyEnd(sql`strict`))
    .addColumn('id', 'text', (c) => c.primaryKey())
    // The first mail, and the last one that counts with it.
    .addColumn('at', instant, (c) => c.notNull())
    .addColumn('last_at', instant, (c) => c.notNull())
    .addColumn('mails', 'integer', (c) => c.notNull())
    .addColumn('case_id', 'text', (c) => c.notNull().references('cases.id'))
    .addColumn('kind', 'text', (c) => c.notNull().check(sql`kind in ('id', 'file', 'text', 'patch')`))
    .addColumn('place', 'text', (c) => c.notNull())
    // Of the text or patch that was recognised, how much was there.
    .addColumn('percent', 'integer', (c) => c.notNull())
    // Where the mail went, and whether that list took it.
    .addColumn('list_id', 'text', (c) => c.notNull().references('lists.id'))
    .addColumn('refused', 'integer', (c) => c.notNull())
    .addColumn('encrypted', 'integer', (c) => c.notNull())
    .addColumn('sender', 'text')
    .addColumn('from_address', 'text')
    .addColumn('signer_contact_id', 'text', (c) => c.references('contacts.id'))
    .addColumn('told_at', instant)
    // Together: null while it is open.
    .addColumn('closed_by', 'text')
    .addColumn('closed_at', instant)
    .addCheckConstraint('incidents_closed', sql`(closed_by is null) = (closed_at is null)`)
    .execute();
  await db.schema.createIndex('incidents_of_case').on('incidents').columns(['case_id', 'at']).execute();
  await db.schema.createIndex('incidents_untold').on('incidents').column('id').where(sql.ref('told_at'), 'is', null).execute();
}
