import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** Contacts who have a dispatch of a case, and were not told what came of it since, as they might not know of it then. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const table = db.schema.createTable('missed');
  await (postgres ? table : table.modifyEnd(sql`strict`))
    .addColumn('case_id', 'text', (c) => c.notNull().references('cases.id'))
    .addColumn('contact_id', 'text', (c) => c.notNull().references('contacts.id'))
    .addPrimaryKeyConstraint('missed_pk', ['case_id', 'contact_id'])
    .execute();
  // Of what was sent until now it is not known who was left out: whoever may not know of it now.
  await sql`insert into missed (case_id, contact_id)
    select distinct deliveries.case_id, deliveries.contact_id from deliveries
      inner join posts on posts.id = deliveries.post_id and posts.kind = 'dispatch'
      inner join cases on cases.id = deliveries.case_id and cases.state <> 'released'
      inner join contacts on contacts.id = deliveries.contact_id
      where (exists (select 1 from need_to_know_groups where need_to_know_groups.case_id = cases.id)
        or exists (select 1 from need_to_know_members where need_to_know_members.case_id = cases.id))
      and not exists (select 1 from need_to_know_groups
        inner join member_groups on member_groups.name = need_to_know_groups.name
        where need_to_know_groups.case_id = cases.id and member_groups.member_id = contacts.member_id)
      and not exists (select 1 from need_to_know_members
        where need_to_know_members.case_id = cases.id and need_to_know_members.member_id = contacts.member_id)`.execute(db);
}
