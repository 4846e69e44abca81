import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/**
 * The word to the public that a fix will come; who reads what the team writes in a case's thread; which patches a dispatch carries.
 * The guard of what is public lets one more post through: that which the case names, with the octets that it names, and which somebody
 * else than whoever drafted it has approved.
 */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const column = (table: string, name: string, of: string | null = null) =>
    db.schema
      .alterTable(table)
      .addColumn(name, 'text', (c) => (of === null ? c : c.references(of)))
      .execute();
  // The post, the SHA-256 of its octets, the hash that is approved, and who stands behind it as its author.
  await column('cases', 'forthcoming_post_id', 'posts.id');
  await column('cases', 'forthcoming_digest');
  await column('cases', 'forthcoming_hash');
  await column('cases', 'forthcoming_by', 'contacts.id');
  // Of what the team writes in a case: 1 where the reporter reads it, 0 where the team alone does; null for anything else.
  await db.schema
    .alterTable('posts')
    .addColumn('to_reporter', 'integer', (c) => c.check(sql`to_reporter in (0, 1)`))
    .execute();
  // Of a dispatch: the revision of the patch set that it carries; null without patches.
  await db.schema.alterTable('posts').addColumn('patch_revision', 'integer').execute();
  for (const guard of guards) await (postgres ? replacePostgres(db, guard) : replaceSqlite(db, guard));
}

interface Guard {
  name: string;
  refuse: string;
  message: string;
}

/** As they stood in 0004 and 0007, each with what is new. */
const guards: readonly Guard[] = [
  {
    name: 'deliveries_stranger',
    refuse: `new.audience = 'stranger'
        and not exists (select 1 from posts
          where id = new.post_id and kind in ('receipt-clear', 'news-clear', 'key', 'key-wanted', 'reply-clear'))`,
    message: 'a stranger is sent nothing but fixed words',
  },
  {
    name: 'deliveries_public',
    refuse: `(new.audience = 'public'
        or exists (select 1 from lists where address = lower(new.address))
        or exists (select 1 from recipients where address = lower(new.address) and kind = 'external')
        or (exists (select 1 from lists where id = new.list_id and role = 'public')
          and not (new.audience = 'contact'
            and exists (select 1 from posts where id = new.post_id and kind in ('owner', 'alert', 'answer')))
          and not (new.audience = 'stranger'
            and exists (select 1 from posts where id = new.post_id and kind = 'key'))))
      and not exists (select 1 from cases
        where id = new.case_id and state = 'released' and (public_post_id = new.post_id or new.audience <> 'public'))
      and not (new.audience = 'public'
        and exists (select 1 from lists where id = new.list_id and role = 'public')
        and exists (select 1 from cases
          where id = new.case_id and forthcoming_post_id = new.post_id
            and exists (select 1 from posts
              where posts.id = new.post_id and posts.case_id = cases.id and posts.kind = 'forthcoming'
                and posts.digest = cases.forthcoming_digest)
            and exists (select 1 from approvals
              where approvals.case_id = cases.id and approvals.hash = cases.forthcoming_hash
                and approvals.person_id <> cases.forthcoming_by)))`,
    message: 'a public delivery needs a released case and its public post',
  },
];

async function replaceSqlite(db: AnyDatabase, { name, refuse, message }: Guard): Promise<void> {
  for (const event of ['insert', 'update of post_id, list_id, case_id, audience, address']) {
    const trigger = `${name}_${event.split(' ', 1)}`;
    await sql.raw(`drop trigger ${trigger}`).execute(db);
    await sql
      .raw(`create trigger ${trigger} before ${event} on deliveries when ${refuse} begin select raise(abort, '${message}'); end`)
      .execute(db);
  }
}

async function replacePostgres(db: AnyDatabase, { name, refuse, message }: Guard): Promise<void> {
  await sql
    .raw(`create or replace function ${name}() returns trigger language plpgsql as $$
      begin
        if ${refuse} then raise exception '${message}' using errcode = 'check_violation'; end if;
        return new;
      end $$`)
    .execute(db);
}
