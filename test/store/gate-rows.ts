import { type RawBuilder, sql } from 'kysely';

/*
 * Two armed cases and all that a release needs, written by hand: whoever tests what the database refuses must not go through
 * the code that would have refused it before.
 */

export const RELEASE_AT = 1_790_092_800_000;

export const releaseCase = sql`update cases set state = 'released', public_post_id = 'public', public_digest = '-', released_at = ${RELEASE_AT} where id = 'ORBIT-1'`;

export function approval(person: string, { token = person, hash = 'bundle', case: id = 'ORBIT-1' } = {}): RawBuilder<unknown> {
  return sql`insert into approvals (case_id, hash, person_id, token_id, approved_at) values (${id}, ${hash}, ${person}, ${token}, 1)`;
}

/** A public delivery of the public post, unless told otherwise; `or` is SQLite's conflict clause. */
export function delivery(change: Record<string, string | null> = {}, or?: string): RawBuilder<unknown> {
  const row = { id: 'd1', post_id: 'public', list_id: 'announce', case_id: 'ORBIT-1', audience: 'public', ...change };
  const whole = { address: 'reader@example.org', contact_id: null, message_id: '<1@x>', state: 'queued', ...row };
  const columns = sql.join(Object.keys(whole).map((name) => sql.ref(name)));
  return sql`insert ${sql.raw(or ? `or ${or}` : '')} into deliveries (${columns}, priority, due_at, created_at)
    values (${sql.join(Object.values(whole))}, 1, 1, 1)`;
}

export const toContact = {
  audience: 'contact',
  contact_id: 'lead',
  address: 'lead@orbit.example',
  list_id: 'distributors',
  post_id: 'report',
};

export const toStranger = { audience: 'stranger', address: 'stranger@example.org', list_id: 'security', post_id: 'receipt' };

export const post = (id: string, kind: string, of: string, written = RELEASE_AT) =>
  sql`insert into posts (id, list_id, case_id, kind, digest, encrypted, received_at, size, content)
   values (${id}, 'security', ${of}, ${kind}, '-', 1, ${written}, 1, ${Buffer.alloc(0)})`;
const armedCase = (id: string, number: number) =>
  sql`insert into cases (id, year, number, state, list_id, thread_token, received_at, revision, release_at, draft_post_id, bundle_hash, updated_at)
   values (${id}, 2026, ${number}, 'armed', 'security', ${`t${number}`}, 1, 1, ${RELEASE_AT}, 'draft', 'bundle', 1)`;
const person = (name: string) => [
  sql`insert into contacts (id, member_id, address, created_at, proved_at) values (${name}, 'team', ${`${name}@orbit.example`}, 1, 1)`,
  sql`insert into tokens (id, name, role, hash, person_id, created_at) values (${name}, ${name}, 'team', ${`h-${name}`}, ${name}, 1)`,
];

/** That the longest embargo has ended, as the move writes it down. */
export function minimalNotice(change: Record<string, string | number> = {}): RawBuilder<unknown> {
  const row = { case_id: 'ORBIT-1', post_id: 'minimal', digest: '-', not_before: RELEASE_AT, created_at: RELEASE_AT, ...change };
  return sql`insert into minimal_notices (${sql.join(Object.keys(row).map((name) => sql.ref(name)))})
    values (${sql.join(Object.values(row))})`;
}

export const FIXTURE = [
  sql`insert into lists (id, address, role, name, fingerprint, created_at) values ('security', 'security@orbit.example', 'intake', 's', 'F', 1),
    ('distributors', 'distributors@orbit.example', 'private', 'd', 'F', 1), ('announce', 'announce@orbit.example', 'public', 'a', 'F', 1)`,
  sql`insert into members (id, organisation, state, created_at, updated_at) values ('team', 'Orbit', 'active', 1, 1)`,
  ...person('lead'),
  ...person('deputy'),
  sql`insert into contacts (id, member_id, address, created_at)
    values ('oss', 'team', 'oss@public.example', 1), ('list', 'team', 'announce@orbit.example', 1)`,
  sql`insert into tokens (id, name, role, hash, person_id, created_at) values ('lead-second', 'lead-second', 'team', 'h', 'lead', 1)`,
  sql`insert into recipients values ('r1', 'announce', 'reader@example.org', 'subscriber', 1), ('r2', 'announce', 'oss@public.example', 'external', 1)`,
  armedCase('ORBIT-1', 1),
  armedCase('ORBIT-2', 2),
  post('report', 'report', 'ORBIT-1'),
  post('draft', 'draft', 'ORBIT-1'),
  post('public', 'public', 'ORBIT-1'),
  post('receipt', 'receipt-clear', 'ORBIT-1'),
  post('owner', 'owner', 'ORBIT-1'),
  post('alert', 'alert', 'ORBIT-1'),
  post('news', 'news-clear', 'ORBIT-1'),
  post('other-public', 'public', 'ORBIT-2'),
  post('forthcoming', 'forthcoming', 'ORBIT-1'),
  post('other-forthcoming', 'forthcoming', 'ORBIT-2'),
  post('minimal', 'minimal', 'ORBIT-1'),
  post('early-minimal', 'minimal', 'ORBIT-1', RELEASE_AT - 1),
];
