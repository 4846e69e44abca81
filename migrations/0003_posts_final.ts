import { type Kysely, PostgresAdapter, sql } from 'kysely';

/**
 * More of the gate's second lock. Whatever the code believes:
 *  - a post stays what it is once it was written, and so does what a list is and where it is;
 *  - no row of these is put in the place of another one (SQLite's REPLACE deletes without asking any delete trigger);
 *  - a case names the octets that were made public, and keeps them: they cannot be exchanged after its release;
 *  - what is public goes to the public alone, and a contact's copy to his own address.
 *
 * What a database cannot know is the time: it has no clock that could be trusted, and believes the instants that it is
 * given. It does ask for two of them: the move to `released`, and a public post, never changed, that was written at the
 * release instant or later. Whoever writes both by hand, and lies, has a released case hours early; its copies still wait,
 * because the gate in the code asks its own clock for each of them.
 */
interface Guard {
  table: string;
  name: string;
  on: readonly ('insert' | 'update' | 'delete' | `update of ${string}`)[];
  /** The row is refused where this holds. Written for both engines. */
  refuse: string;
  message: string;
  /** What only SQLite lets through: there, rows have a number by which they can be replaced, too. */
  sqliteOnly?: true;
}

const changed = (columns: readonly string[]) =>
  columns.map((column) => `new.${column} is distinct from old.${column}`).join('\n        or ');

/** Refuses to change these columns. */
function final(table: string, columns: readonly string[], message: string): Guard[] {
  return [
    { table, name: `${table}_kept`, on: [`update of ${columns.join(', ')}`], refuse: changed(columns), message },
    { table, name: `${table}_number`, on: ['update'], refuse: changed(['rowid']), message, sqliteOnly: true },
  ];
}

/** Refuses a row that has a key of another one in common, before a conflict clause deletes that. */
function neverReplaced(table: string, keys: readonly (readonly string[])[]): Guard {
  const taken = [['rowid'], ...keys].map((key) => {
    const same = key.map((column) => `${column} = new.${column}`).join(' and ');
    return `exists (select 1 from ${table} where ${same})`;
  });
  const message = `a row of ${table} is never replaced by another`;
  return { table, name: `${table}_replaced`, on: ['insert'], refuse: taken.join('\n        or '), message, sqliteOnly: true };
}

const BLANKS = ' \t\n\r';

const guards: readonly Guard[] = [
  ...final(
    'posts',
    [
      'id',
      'list_id',
      'case_id',
      'kind',
      'digest',
      'content',
      'received_at',
      'signer_contact_id',
      'signer_fingerprint',
      'bundle_hash',
    ],
    'a post is never changed',
  ),
  neverReplaced('posts', [['id']]),
  {
    table: 'posts',
    name: 'posts_needed',
    on: ['delete'],
    refuse: `exists (select 1 from cases where draft_post_id = old.id or public_post_id = old.id)
        or exists (select 1 from deliveries where post_id = old.id)`,
    message: 'a post that a case or a delivery refers to is not deleted',
  },
  ...final('cases', ['id', 'year', 'number', 'list_id', 'thread_token'], 'a case keeps its number, its list and its thread'),
  neverReplaced('cases', [['id'], ['year', 'number'], ['thread_token']]),
  {
    table: 'cases',
    name: 'cases_needed',
    on: ['delete'],
    refuse: `old.state in ('armed', 'released')`,
    message: 'a case that is armed or released is not deleted',
  },
  {
    table: 'cases',
    name: 'cases_public_octets',
    on: ['update'],
    refuse: `new.state = 'released' and old.state <> 'released'
      and exists (select 1 from posts where id = new.public_post_id and kind = 'public'
        and (digest is distinct from new.public_digest or received_at < new.release_at))`,
    message: 'a case is released with the digest of its public post, which was written at the instant or later',
  },
  {
    table: 'cases',
    name: 'cases_public_digest',
    on: ['update'],
    refuse: `old.state = 'released' and new.public_digest is distinct from old.public_digest`,
    message: 'a released case stays as it was released',
  },
  ...final('lists', ['id', 'address', 'role'], 'a list keeps its address and its role'),
  neverReplaced('lists', [['id'], ['address']]),
  {
    table: 'lists',
    name: 'lists_needed',
    on: ['delete'],
    refuse: `exists (select 1 from posts where list_id = old.id)
        or exists (select 1 from cases where list_id = old.id)
        or exists (select 1 from deliveries where list_id = old.id)
        or exists (select 1 from recipients where list_id = old.id)`,
    message: 'a list that anything refers to is not deleted',
  },
  {
    table: 'approvals',
    name: 'approvals_kept',
    on: ['delete'],
    refuse: `exists (select 1 from cases where id = old.case_id and state = 'released')`,
    message: 'the approvals of a released case are not deleted',
  },
  {
    table: 'approvals',
    name: 'approvals_replaced',
    on: ['insert'],
    refuse: `exists (select 1 from cases where id = new.case_id and state = 'released')
        or exists (select 1 from approvals where rowid = new.rowid)`,
    message: 'the approvals of a released case are not replaced',
    sqliteOnly: true,
  },
  {
    table: 'deliveries',
    name: 'deliveries_public_alone',
    on: ['insert', 'update of post_id, audience'],
    refuse: `new.audience not in ('public', 'stranger')
      and exists (select 1 from posts where id = new.post_id and kind = 'public')`,
    message: 'a public post goes to the public alone',
  },
  {
    table: 'deliveries',
    name: 'deliveries_own_address',
    on: ['insert', 'update of audience, address, contact_id'],
    refuse: `new.audience = 'contact'
      and not exists (select 1 from contacts where id = new.contact_id and address = new.address)`,
    message: 'the copy of a contact goes to his own address',
  },
  {
    table: 'deliveries',
    name: 'deliveries_blanks',
    on: ['insert', 'update of address'],
    refuse: `new.address <> trim(new.address, '${BLANKS}')`,
    message: 'an address has no blanks around it',
  },
];

export async function up(db: Kysely<never>): Promise<void> {
  const create = db.getExecutor().adapter instanceof PostgresAdapter ? guardPostgres : guardSqlite;
  // SHA-256 (hex) of the post that a case was released with.
  await db.schema.alterTable('cases').addColumn('public_digest', 'text').execute();
  // SHA-256 (hex) of a patch as it is kept, name and octets; null in rows of before, whose names nobody approved.
  await db.schema.alterTable('patches').addColumn('digest', 'text').execute();
  // Of a dispatch: the bundle that it carries.
  await db.schema.alterTable('posts').addColumn('bundle_hash', 'text').execute();
  await sql`update cases set public_digest = (select digest from posts where posts.id = cases.public_post_id)
    where state = 'released'`.execute(db);
  for (const guard of guards) for (const statement of create(guard)) await sql.raw(statement).execute(db);
}

function guardSqlite({ table, name, on, refuse, message }: Guard): string[] {
  return on.map(
    (event) => `create trigger ${name}_${event.split(' ', 1)} before ${event} on ${table} when ${refuse}
      begin select raise(abort, '${message}'); end`,
  );
}

function guardPostgres({ table, name, on, refuse, message, sqliteOnly }: Guard): string[] {
  if (sqliteOnly) return [];
  return [
    // What a trigger before a deletion returns lets it happen; there is no new row.
    `create function ${name}() returns trigger language plpgsql as $$
      begin
        if ${refuse} then raise exception '${message}' using errcode = 'check_violation'; end if;
        return ${on.includes('delete') ? 'old' : 'new'};
      end $$`,
    `create trigger ${name} before ${on.join(' or ')} on ${table} for each row execute function ${name}()`,
  ];
}
