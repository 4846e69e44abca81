import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** Groups of members, and who alone may know of a case: a case without a row here is for everybody on its lists. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const createTable = (name: string) => {
    const table = db.schema.createTable(name);
    return postgres ? table : table.modifyEnd(sql`strict`);
  };

  await createTable('member_groups')
    .addColumn('member_id', 'text', (c) => c.notNull().references('members.id'))
    .addColumn('name', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('member_groups_pk', ['member_id', 'name'])
    .execute();
  await db.schema.createIndex('member_groups_name').on('member_groups').column('name').execute();

  await createTable('need_to_know_groups')
    .addColumn('case_id', 'text', (c) => c.notNull().references('cases.id'))
    .addColumn('name', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('need_to_know_groups_pk', ['case_id', 'name'])
    .execute();
  await createTable('need_to_know_members')
    .addColumn('case_id', 'text', (c) => c.notNull().references('cases.id'))
    .addColumn('member_id', 'text', (c) => c.notNull().references('members.id'))
    // Of which of his applications: who was out and comes again is told of nothing that he knew before.
    .addColumn('round', 'integer', (c) => c.notNull())
    .addPrimaryKeyConstraint('need_to_know_members_pk', ['case_id', 'member_id'])
    .execute();
}
