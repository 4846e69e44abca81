import { type Kysely, PostgresAdapter, sql } from 'kysely';

/**
 * The second lock of the gate, in the database itself. Whatever the code believes:
 *  - nothing is addressed to a public recipient, or goes out through a public list, but the one public post of a case
 *    that is released (mail to the people behind a public list is sealed to them like any other);
 *  - what is sealed to one reader may go to such an address once the case is released: a reporter or contact whose address
 *    became a public one must not be able to hold a release up;
 *  - a stranger, whose copy is not sealed, is written nothing but fixed words;
 *  - no case is released without the approvals of two different people over the very bundle that stands there;
 *  - what is released stays released, as it was approved.
 */
interface Guard {
  table: string;
  name: string;
  on: readonly ('insert' | 'update' | `update of ${string}`)[];
  /** The row is refused where this holds. Written for both engines. */
  refuse: string;
  message: string;
}

/** A column that says who gets what; lease and settlement touch none, and cost no look-up. */
const ADDRESSED = 'update of post_id, list_id, case_id, audience, address';

const guards: readonly Guard[] = [
  {
    table: 'deliveries',
    name: 'deliveries_public',
    on: ['insert', ADDRESSED],
    refuse: `(new.audience = 'public'
        or exists (select 1 from lists where address = lower(new.address))
        or exists (select 1 from recipients where address = lower(new.address) and kind = 'external')
        or (exists (select 1 from lists where id = new.list_id and role = 'public')
          and not (new.audience = 'contact'
            and exists (select 1 from posts where id = new.post_id and kind in ('owner', 'alert')))))
      and not exists (select 1 from cases
        where id = new.case_id and state = 'released' and (public_post_id = new.post_id or new.audience <> 'public'))`,
    message: 'a public delivery needs a released case and its public post',
  },
  {
    table: 'deliveries',
    name: 'deliveries_stranger',
    on: ['insert', ADDRESSED],
    refuse: `new.audience = 'stranger'
      and not exists (select 1 from posts where id = new.post_id and kind in ('receipt-clear', 'news-clear'))`,
    message: 'a stranger is sent nothing but fixed words',
  },
  {
    table: 'cases',
    name: 'cases_born',
    on: ['insert'],
    refuse: `new.state = 'released'`,
    message: 'no case begins released',
  },
  {
    table: 'cases',
    name: 'cases_approved',
    on: ['update'],
    refuse: `new.state = 'released' and old.state <> 'released'
      and (select count(distinct person_id) from approvals where case_id = new.id and hash = new.bundle_hash) < 2`,
    message: 'a case is released only with the approvals of two different people',
  },
  {
    table: 'cases',
    name: 'cases_public_post',
    on: ['update'],
    refuse: `new.state = 'released' and old.state <> 'released'
      and not exists (select 1 from posts where id = new.public_post_id and case_id = new.id and kind = 'public')`,
    message: 'a case is released with a public post of its own',
  },
  {
    table: 'cases',
    name: 'cases_rebundled',
    on: ['update'],
    refuse: `new.bundle_hash = old.bundle_hash
      and (new.release_at is distinct from old.release_at or new.channels is distinct from old.channels)`,
    message: 'another instant or channel is another bundle, to be approved anew',
  },
  {
    table: 'cases',
    name: 'cases_as_approved',
    on: ['update'],
    refuse: `new.state = 'released' and old.state <> 'released'
      and (new.release_at is distinct from old.release_at
        or new.channels is distinct from old.channels
        or new.bundle_hash is distinct from old.bundle_hash
        or new.draft_post_id is distinct from old.draft_post_id)`,
    message: 'a release changes nothing of what was approved',
  },
  {
    table: 'cases',
    name: 'cases_final',
    on: ['update'],
    refuse: `old.state = 'released'
      and (new.id <> old.id
        or new.state <> old.state
        or new.release_at is distinct from old.release_at
        or new.channels is distinct from old.channels
        or new.bundle_hash is distinct from old.bundle_hash
        or new.draft_post_id is distinct from old.draft_post_id
        or new.public_post_id is distinct from old.public_post_id
        or new.released_at is distinct from old.released_at)`,
    message: 'a released case stays as it was released',
  },
  {
    table: 'approvals',
    name: 'approvals_final',
    on: ['update'],
    refuse: 'true',
    message: 'an approval is never changed: approve again',
  },
];

export async function up(db: Kysely<never>): Promise<void> {
  const create = db.getExecutor().adapter instanceof PostgresAdapter ? guardPostgres : guardSqlite;
  for (const guard of guards) for (const statement of create(guard)) await sql.raw(statement).execute(db);
}

function guardSqlite({ table, name, on, refuse, message }: Guard): string[] {
  return on.map(
    (event) => `create trigger ${name}_${event.split(' ', 1)} before ${event} on ${table} when ${refuse}
      begin select raise(abort, '${message}'); end`,
  );
}

function guardPostgres({ table, name, on, refuse, message }: Guard): string[] {
  return [
    `create function ${name}() returns trigger language plpgsql as $$
      begin
        if ${refuse} then raise exception '${message}' using errcode = 'check_violation'; end if;
        return new;
      end $$`,
    `create trigger ${name} before ${on.join(' or ')} on ${table} for each row execute function ${name}()`,
  ];
}
