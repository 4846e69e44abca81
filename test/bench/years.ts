import { createHash, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import * as openpgp from 'openpgp';
import { type Clock, DAY, type Instant, MINUTE, newId, systemClock } from '../../src/clock.ts';
import * as cases from '../../src/store/cases.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import { type Db, openDatabase } from '../../src/store/database.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as lists from '../../src/store/lists.ts';
import * as members from '../../src/store/members.ts';
import type { Contact, NewDelivery, NewPost } from '../../src/store/schema.ts';
import { LISTS } from '../support/house.ts';
import { TEAM } from '../support/instance.ts';

/** What a project has after years. */
export interface Years {
  members: number;
  /** Of the first member; every other one has one. */
  contacts: number;
  posts: number;
  /** Of each post: the first is of the team, the others of all members in turn. */
  copies: number;
  cases: number;
}

/** Every so manieth member is suspended, case is open, post was refused and copy failed. */
const RARE = 100;
/** Octets of a post as it is kept: with those of its row it fills a page of SQLite's. */
const KEPT = 3000;
/** Rows of a statement: SQLite takes 32,766 values. */
const AT_ONCE = 1000;

/** Writes all of it into a project that is not served, in one transaction. Gives the id of the first member. */
export async function live(sqlite: string, years: Years): Promise<string> {
  const db = openDatabase({ sqlite });
  try {
    return await db.transaction().execute(async (trx) => {
      const first = await people(trx, years);
      await mails(trx, years);
      await furtherCopies(trx, years.copies - 1);
      return first;
    });
  } finally {
    await db.destroy();
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, number) => number);
const isRare = (number: number) => number % RARE === RARE - 1;
const idAt = (at: Instant) => newId({ ...systemClock, now: () => at } satisfies Clock);
const digest = (of: string) => createHash('sha256').update(of).digest('hex');

async function people(db: Db, years: Years): Promise<string> {
  const at = systemClock.now() - 900 * DAY;
  const list = await lists.byAddress(db, LISTS.distributors);
  const roster = numbers(years.members).map((number) => ({
    id: idAt(at),
    organisation: `Member ${number}`,
    product: null,
    state: isRare(number) ? ('suspended' as const) : ('active' as const),
    reason: null,
    created_at: at,
    updated_at: at,
  }));
  const [first] = roster;
  if (!list || !first) throw new Error('there is nobody to be on the list');
  await members.insertAll(db, roster);
  await members.addToLists(
    db,
    roster.map(({ id }) => ({ member_id: id, list_id: list.id })),
  );
  const more = numbers(years.contacts - 1).map((number) => ({ of: first, address: `person${number}@m0.many.example` }));
  const all = [...roster.map((of, number) => ({ of, address: `security@m${number}.many.example` })), ...more].map(
    ({ of, address }) => ({
      id: idAt(at),
      member_id: of.id,
      address,
      name: null,
      active: 1,
      proved_at: at,
      created_at: at,
    }),
  );
  await contacts.insertAll(db, all);
  const made = [];
  for (const { id, address } of all) made.push(await certificateOf(id, address, at));
  await certificates.insertAll(db, made);
  return first.id;
}

async function certificateOf(contactId: string, email: string, at: Instant) {
  const options = { userIDs: [{ email }], date: new Date(at), format: 'object' as const, type: 'curve25519' as const };
  const key = (await openpgp.generateKey(options)).publicKey;
  const keys = [key, ...key.subkeys].map((one) => ({
    fingerprint: one.getFingerprint().toUpperCase(),
    keyId: one.getKeyID().toHex().toUpperCase(),
  }));
  const fingerprint = key.getFingerprint().toUpperCase();
  const row = { id: idAt(at), contact_id: contactId, fingerprint, data: key.write(), state: 'current' as const, created_at: at };
  return { certificate: row, said: { keys, revocations: [] } };
}

/** So many more of each copy, in SQL: a million are made in half a minute there, and in many minutes here. Then each has an attempt. */
async function furtherCopies(db: Db, more: number): Promise<void> {
  if (more === 0) return;
  await sql`create temporary table turns as select row_number() over (order by id) - 1 as turn, id, address from contacts`.execute(
    db,
  );
  for (const table of ['deliveries', 'past_deliveries'] as const) {
    const { rows } = await sql<{ name: string }>`select name from pragma_table_info(${table})`.execute(db);
    const others: Record<string, string> = {
      // No other id has this letter in it.
      id: `substr(one.id, 1, 10) || 'u' || number || substr(one.id, 12 + length(number))`,
      message_id: `'<' || number || '.' || substr(one.message_id, 2)`,
      contact_id: 'turns.id',
      address: 'turns.address',
    };
    const columns = rows.map(({ name }) => name);
    await sql`with recursive numbers (number) as (select 1 union all select number + 1 from numbers where number < ${more})
      insert into ${sql.table(table)} (${sql.raw(columns.join())})
      select ${sql.raw(columns.map((name) => others[name] ?? `one.${name}`).join())} from ${sql.table(table)} one cross join numbers
      join turns on turns.turn = (one.rowid * ${more} + number) % (select count(*) from turns)`.execute(db);
    await sql`insert into delivery_attempts (delivery_id, number, at, state, reason, response)
      select id, 1, settled_at, state, reason, response from ${sql.table(table)}`.execute(db);
  }
  await sql`drop table turns`.execute(db);
}

/** Each post has a copy, and so many belong to a case; the last of them is of now, and one was every ten minutes. */
async function mails(db: Db, years: Years): Promise<void> {
  const list = await lists.byAddress(db, LISTS.security);
  const lena = await contacts.byAddress(db, TEAM[0]);
  if (!list || !lena) throw new Error('there is no list for reports, or nobody on it');
  const now = systemClock.now();
  const at = (post: number) => now - (years.posts - post) * 10 * MINUTE;
  const ofCase = Math.ceil(years.posts / years.cases);
  const caseId = (number: number) => `ORBIT-2025-${String(number + 1).padStart(4, '0')}`;
  for (const number of numbers(years.cases)) {
    const [received, ended] = [at(number * ofCase), at((number + 1) * ofCase)];
    await cases.insert(db, {
      id: caseId(number),
      year: 2025,
      number: number + 1,
      state: 'received',
      list_id: list.id,
      thread_token: `${number}`,
      received_at: received,
      updated_at: ended,
      revision: 1,
      acknowledged_at: received,
      closed_at: isRare(number) ? null : ended,
    });
  }
  for (let from = 0; from < years.posts; from += AT_ONCE) {
    const some = numbers(Math.min(AT_ONCE, years.posts - from)).map((number) => {
      const post = postOf(from + number, at(from + number), list.id, caseId(Math.floor((from + number) / ofCase)));
      return { post, copy: copyOf(from + number, post, lena) };
    });
    await db
      .insertInto('posts')
      .values(some.map(({ post }) => post))
      .execute();
    const kept = now - 30 * DAY;
    await deliveries.insertMany(
      db,
      some.flatMap(({ post, copy }) => (post.received_at >= kept ? [copy] : [])),
    );
    const past = some.flatMap(({ post, copy }) => (post.received_at < kept ? [copy] : []));
    if (past.length > 0) await db.insertInto('past_deliveries').values(past).execute();
  }
}

function postOf(number: number, at: Instant, list_id: string, case_id: string): NewPost {
  return {
    id: idAt(at),
    list_id,
    case_id,
    kind: 'report',
    digest: digest(`mail ${number}`),
    signature_digest: digest(`signature ${number}`),
    message_id_digest: digest(`message ${number}`),
    sender: 'rita@research.example',
    signer_contact_id: null,
    signer_fingerprint: null,
    encrypted: 1,
    received_at: at,
    size: KEPT,
    bundle_hash: null,
    patch_revision: null,
    to_reporter: null,
    content: randomBytes(KEPT),
    ...(isRare(number) ? { state: 'refused', decided_at: at } : { state: 'accepted' }),
  };
}

function copyOf(number: number, { id, list_id, case_id = null, received_at: at }: NewPost, to: Contact): NewDelivery {
  return {
    id: idAt(at),
    post_id: id,
    list_id,
    case_id,
    audience: 'contact',
    address: to.address,
    contact_id: to.id,
    certificate_id: null,
    message_id: `<${number}@orbit.example>`,
    priority: 4,
    due_at: at,
    attempts: 1,
    tried_at: at,
    lease: null,
    lease_until: null,
    created_at: at,
    settled_at: at,
    told_at: at,
    bounced_at: null,
    late_told_at: null,
    ...(isRare(number)
      ? { state: 'failed', reason: 'refused', response: '550 5.1.1 no' }
      : { state: 'delivered', reason: null, response: '250 2.0.0 ok' }),
  };
}
