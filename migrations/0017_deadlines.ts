import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/**
 * What goes to the public of a case whose longest embargo has ended without an advisory: one post of fixed words, named in
 * `minimal_notices` with the SHA-256 of its octets, and written at the instant before which it must not go (`not_before`) or later.
 * The guard over public deliveries lets that through, and nothing else more than before.
 */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const instant = postgres ? 'bigint' : 'integer';
  const table = db.schema.createTable('minimal_notices');
  await (postgres ? table : table.modifyEnd(sql`strict`))
    .addColumn('case_id', 'text', (c) => c.primaryKey().references('cases.id'))
    .addColumn('post_id', 'text', (c) => c.notNull().unique().references('posts.id'))
    // SHA-256 of the post's mail, hex.
    .addColumn('digest', 'text', (c) => c.notNull())
    .addColumn('not_before', instant, (c) => c.notNull())
    .addColumn('created_at', instant, (c) => c.notNull())
    .addCheckConstraint('minimal_notices_not_early', sql`created_at >= not_before`)
    .execute();
  await (postgres ? widenPostgres(db) : widenSqlite(db));
  for (const guard of guards)
    for (const statement of (postgres ? guardPostgres : guardSqlite)(guard)) await sql.raw(statement).execute(db);

  // What is looked at each minute: cases that are under way, and those whose retrospective is owed.
  await db.schema
    .createIndex('cases_under_way')
    .on('cases')
    .column('received_at')
    .where(sql<boolean>`state <> 'released' and closed_at is null`)
    .execute();
  await db.schema
    .createIndex('cases_to_review')
    .on('cases')
    .column('released_at')
    .where(sql<boolean>`state = 'released' and retrospective_at is null and closed_at is null`)
    .execute();
}

/** What `deliveries_public` refuses stays refused, but for this. */
const LET_THROUGH = `new.audience = 'public'
        and exists (select 1 from lists where id = new.list_id and role = 'public')
        and exists (select 1 from minimal_notices where post_id = new.post_id and case_id = new.case_id)`;
const widened = (refuse: string) => `(${refuse})
      and not (${LET_THROUGH})`;

/** `create trigger NAME before EVENT on deliveries when REFUSE begin select raise(...); end`. */
const OF_SQLITE = /^(create trigger .*? when )([\s\S]+?)(\s+begin select raise[\s\S]+)$/i;
/** `begin if REFUSE then raise exception ...; end if; return new; end`. */
const OF_POSTGRES = /^(\s*begin\s+if )([\s\S]+?)( then raise exception [\s\S]+)$/i;

function replaced(text: string | undefined, form: RegExp): string {
  const [, head, refuse, tail] = form.exec(text ?? '') ?? [];
  if (head === undefined || refuse === undefined || tail === undefined)
    throw new Error('the guard of public deliveries is not as the migrations before left it');
  return `${head}${widened(refuse)}${tail}`;
}

async function widenSqlite(db: AnyDatabase): Promise<void> {
  for (const event of ['insert', 'update']) {
    const name = `deliveries_public_${event}`;
    const { rows } = await sql<{ sql: string }>`select sql from sqlite_master where type = 'trigger' and name = ${name}`.execute(
      db,
    );
    const trigger = replaced(rows[0]?.sql, OF_SQLITE);
    await sql.raw(`drop trigger ${name}`).execute(db);
    await sql.raw(trigger).execute(db);
  }
}

async function widenPostgres(db: AnyDatabase): Promise<void> {
  const { rows } = await sql<{ prosrc: string }>`select prosrc from pg_proc
    where oid = 'deliveries_public()'::regprocedure`.execute(db);
  const body = replaced(rows[0]?.prosrc, OF_POSTGRES);
  await sql.raw(`create or replace function deliveries_public() returns trigger language plpgsql as $$${body}$$`).execute(db);
}

interface Guard {
  table: string;
  name: string;
  on: readonly string[];
  refuse: string;
  message: string;
  sqliteOnly?: true;
}

const guards: readonly Guard[] = [
  {
    table: 'deliveries',
    name: 'deliveries_minimal_alone',
    on: ['insert', 'update of post_id, audience'],
    refuse: `new.audience <> 'public'
      and exists (select 1 from posts where id = new.post_id and kind = 'minimal')`,
    message: 'a public post goes to the public alone',
  },
  {
    table: 'minimal_notices',
    name: 'minimal_notices_post',
    on: ['insert'],
    refuse: `not exists (select 1 from posts
      where id = new.post_id and case_id = new.case_id and kind = 'minimal' and digest = new.digest
        and received_at >= new.not_before)`,
    message: 'a minimal notice is a post of its case, written at its instant or later',
  },
  {
    table: 'minimal_notices',
    name: 'minimal_notices_case',
    on: ['insert'],
    refuse: `not exists (select 1 from cases
      where id = new.case_id and state <> 'released' and closed_at is null and accepted_at is not null
        and (aside is null or aside not in ('rejected', 'withdrawn'))
        and received_at <= new.not_before and (release_at is null or release_at <= new.not_before))`,
    message: 'a minimal notice is of an accepted case that was to be released by then, and is not',
  },
  {
    table: 'minimal_notices',
    name: 'minimal_notices_final',
    on: ['update'],
    refuse: 'true',
    message: 'a minimal notice is never changed',
  },
  {
    table: 'minimal_notices',
    name: 'minimal_notices_kept',
    on: ['delete'],
    refuse: 'true',
    message: 'a minimal notice is never deleted',
  },
  {
    table: 'minimal_notices',
    name: 'minimal_notices_replaced',
    on: ['insert'],
    refuse: `exists (select 1 from minimal_notices
      where rowid = new.rowid or post_id = new.post_id or case_id = new.case_id)`,
    message: 'a row of minimal_notices is never replaced by another',
    sqliteOnly: true,
  },
];

function guardSqlite({ table, name, on, refuse, message }: Guard): string[] {
  return on.map(
    (event) => `create trigger ${name}_${event.split(' ', 1)} before ${event} on ${table} when ${refuse}
      begin select raise(abort, '${message}'); end`,
  );
}

function guardPostgres({ table, name, on, refuse, message, sqliteOnly }: Guard): string[] {
  if (sqliteOnly) return [];
  return [
    `create function ${name}() returns trigger language plpgsql as $$
      begin
        if ${refuse} then raise exception '${message}' using errcode = 'check_violation'; end if;
        return ${on.includes('delete') ? 'old' : 'new'};
      end $$`,
    `create trigger ${name} before ${on.join(' or ')} on ${table} for each row execute function ${name}()`,
  ];
}
