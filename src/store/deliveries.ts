import { sql } from 'kysely';
import type { Instant } from '../clock.ts';
import * as attempts from './attempts.ts';
import { isOfThisLife, isTakenIn } from './contacts.ts';
import type { Database, Db } from './database.ts';
import * as missed from './missed.ts';
import { portions } from './rows.ts';
import type { Audience, Delivery, DeliveryState, MemberState, NewDelivery, Post, PostKind } from './schema.ts';
import { UNDER_WAY, WAITING } from './under-way.ts';

/*
 * The states of a delivery, and who changes them:
 *
 *   queued ----> leased ----> delivered          the relay took it (terminal)
 *     ^            |  |-----> failed             the relay refused it for good, or it was tried too long (terminal)
 *     |            |  |-----> held               there is no usable certificate: waits for a person
 *     |            v
 *     |         deferred ---> leased             tried again when due
 *     +---------------------- held, deferred     a person says: send it now
 *               delivered ---> failed            a mail server further on gave it back, however late
 *  queued, deferred ---------> held              a person stopped it, or its post
 *  queued, deferred, held ---> failed            a person refused its post (terminal)
 *         deferred, held ----> failed            a person dropped it (terminal)
 *                   held ----> failed            a later dispatch took its place (terminal)
 *  queued, deferred, held ---> failed            its contact's organisation is out, or he is another's now (terminal)
 *
 * It may give it back before the relay's own answer is written down: that is noted (`bounced_at`), and a copy that is delivered then
 * has failed.
 *
 * A lease that ran out is deferred again: whoever had it died, or was too slow to be believed.
 */

/** The states of a copy that is not settled. */
export const OPEN = ['queued', 'leased', 'deferred', 'held'] as const satisfies readonly DeliveryState[];

/** Rows of one statement stay below the engines' limit of bound parameters. */
const ROWS_A_STATEMENT = 500;

export async function insertMany(db: Db, deliveries: NewDelivery[]): Promise<void> {
  for (let start = 0; start < deliveries.length; start += ROWS_A_STATEMENT)
    await db
      .insertInto('deliveries')
      .values(deliveries.slice(start, start + ROWS_A_STATEMENT))
      .execute();
}

export async function byId(db: Db, id: string): Promise<Delivery | undefined> {
  return db.selectFrom('all_deliveries as deliveries').selectAll().where('id', '=', id).executeTakeFirst();
}

export interface Lease {
  id: string;
  until: Instant;
}

/** What one lease takes at most. */
export interface Appetite {
  copies: number;
  /** Of all copies together, in octets of the mail in clear; one copy is always taken. */
  octets?: number;
  /** Those of this priority alone. */
  priority?: number;
  /** What is due after this instant is left while it is behind (`isBehind`). */
  yields?: Instant;
}

/** Leases due copies of one post and one priority, those that are most urgent; none is an empty array. */
export async function lease(db: Db, by: Lease, now: Instant, appetite: Appetite): Promise<Delivery[]> {
  const { copies, octets, priority, yields } = appetite;
  const behind: string[] = [];
  let first = await firstDue(db, now, priority, behind);
  while (first?.case_id && yields !== undefined && first.due_at > yields && (await isBehind(db, first))) {
    behind.push(first.case_id);
    first = await firstDue(db, now, priority, behind);
  }
  if (!first) return [];
  const most = octets === undefined ? copies : Math.max(1, Math.min(copies, Math.floor(octets / first.size)));
  const leased = await db
    .updateTable('deliveries')
    .set((eb) => ({
      state: 'leased' as const,
      lease: by.id,
      lease_until: by.until,
      attempts: eb('attempts', '+', 1),
      tried_at: eb.fn.coalesce('tried_at', eb.val(now)),
    }))
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('deliveries')
        .select('id')
        .where('post_id', '=', first.post_id)
        .where('state', 'in', WAITING)
        .where('due_at', '<=', now)
        .where('priority', '=', first.priority)
        .orderBy('id')
        .limit(most),
    )
    .where('state', 'in', WAITING)
    .returningAll()
    .execute();
  return leased.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The most urgent copy that is due, but for those of these cases. One state after the other: the index gives the first of each. */
async function firstDue(db: Db, now: Instant, priority: number | undefined, behind: readonly string[]) {
  const found = [];
  for (const state of WAITING) {
    let due = db
      .selectFrom('deliveries')
      .innerJoin('posts', 'posts.id', 'deliveries.post_id')
      .select([
        'deliveries.id',
        'deliveries.post_id',
        'deliveries.priority',
        'deliveries.due_at',
        'deliveries.case_id',
        'posts.size',
      ])
      .where('deliveries.state', '=', state)
      .where('deliveries.due_at', '<=', now);
    if (priority !== undefined) due = due.where('deliveries.priority', '=', priority);
    if (behind.length > 0)
      due = due.where((eb) => eb.or([eb('deliveries.case_id', 'is', null), eb('deliveries.case_id', 'not in', behind)]));
    const ordered = due.orderBy('deliveries.priority').orderBy('deliveries.due_at').orderBy('deliveries.id');
    const first = await ordered.limit(1).executeTakeFirst();
    if (first) found.push(first);
  }
  const [first, other] = found;
  return first && other && isBefore(other, first) ? other : first;
}

function isBefore(
  one: Pick<Delivery, 'priority' | 'due_at' | 'id'>,
  other: Pick<Delivery, 'priority' | 'due_at' | 'id'>,
): boolean {
  if (one.priority !== other.priority) return one.priority < other.priority;
  return one.due_at === other.due_at ? one.id < other.id : one.due_at < other.due_at;
}

/**
 * Whether another channel of its case goes before it, and nobody of that has it yet: of a post and list before it no copy was settled or put
 * off. With the first that was, whoever comes later need not wait for all the rest.
 */
export async function isBehind(db: Db, { case_id, priority }: Pick<Delivery, 'case_id' | 'priority'>): Promise<boolean> {
  const before = await db
    .selectFrom('deliveries')
    .select('post_id')
    .where('case_id', '=', case_id)
    .where('priority', '<', priority)
    .groupBy(['post_id', 'list_id', 'priority'])
    .having((eb) => eb(eb.fn.countAll().filterWhere('state', 'not in', ['queued', 'leased']), '=', 0))
    .limit(1)
    .executeTakeFirst();
  return before !== undefined;
}

/** A copy that goes before another one; `triedAt`: when the last attempt ended, as far as there was one. */
export type Older = Pick<Delivery, 'id' | 'address' | 'state' | 'reason' | 'due_at'> & { triedAt: Instant | null };

/** What is under way of a case to these addresses, of posts of these kinds that were written before that one. */
export async function older(
  db: Db,
  {
    caseId,
    addresses,
    kinds,
    before,
  }: { caseId: string; addresses: readonly string[]; kinds: readonly PostKind[]; before: Pick<Post, 'place'> },
): Promise<Older[]> {
  const found: Omit<Older, 'triedAt'>[] = [];
  for (const some of portions([...new Set(addresses)]))
    found.push(
      ...(await db
        .selectFrom('deliveries')
        .innerJoin('posts', 'posts.id', 'deliveries.post_id')
        .select(['deliveries.id', 'deliveries.address', 'deliveries.state', 'deliveries.reason', 'deliveries.due_at'])
        .where('deliveries.case_id', '=', caseId)
        .where('deliveries.address', 'in', some)
        .where('deliveries.state', 'in', UNDER_WAY)
        .where('posts.place', '<', before.place)
        .where('posts.kind', 'in', kinds)
        .execute()),
    );
  const tried = await attempts.lastOf(
    db,
    found.map(({ id }) => id),
  );
  return found.map((one) => ({ ...one, triedAt: tried.get(one.id) ?? null }));
}

/** The place of the last post of a case, of these kinds, that is out to an address; by address. */
export async function newestOut(
  db: Db,
  { caseId, addresses, kinds }: { caseId: string; addresses: readonly string[]; kinds: readonly PostKind[] },
): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const some of portions([...new Set(addresses)])) {
    const rows = await db
      .selectFrom('all_deliveries as deliveries')
      .innerJoin('posts', 'posts.id', 'deliveries.post_id')
      .select(['deliveries.address', ({ fn }) => fn.max('posts.place').as('place')])
      .where('deliveries.case_id', '=', caseId)
      .where('deliveries.address', 'in', some)
      .where('deliveries.state', '=', 'delivered')
      .where('posts.kind', 'in', kinds)
      .groupBy('deliveries.address')
      .execute();
    for (const { address, place } of rows) found.set(address, Number(place));
  }
  return found;
}

/** Has what was put off of these tried now. */
export async function hastenThese(db: Db, ids: readonly string[], now: Instant): Promise<void> {
  for (const some of portions(ids))
    await db
      .updateTable('deliveries')
      .set({ due_at: now })
      .where('id', 'in', some)
      .where('state', '=', 'deferred')
      .where('due_at', '>', now)
      .execute();
}

/** Has what was put off of the same case to the addressee of a copy, of these kinds and written after it, tried now. */
export async function hastenLater(
  db: Db,
  { post_id, case_id, contact_id, address }: Pick<Delivery, 'post_id' | 'case_id' | 'contact_id' | 'address'>,
  kinds: readonly PostKind[],
  now: Instant,
): Promise<void> {
  await db
    .updateTable('deliveries')
    .set({ due_at: now })
    .where('case_id', '=', case_id)
    // By the index, and not through all copies of the case.
    .where('contact_id', contact_id === null ? 'is' : '=', contact_id)
    .where('address', '=', address)
    .where('state', '=', 'deferred')
    .where('due_at', '>', now)
    .where('post_id', 'in', (eb) =>
      eb
        .selectFrom('posts as later')
        .innerJoin('posts as ended', (join) => join.on('ended.id', '=', post_id))
        .select('later.id')
        .where('later.case_id', '=', case_id)
        .whereRef('later.place', '>', 'ended.place')
        .where('later.kind', 'in', kinds),
    )
    .execute();
}

/** Keeps what is still under the lease for longer. */
export async function renew(db: Db, { id, until }: Lease): Promise<void> {
  await db.updateTable('deliveries').set({ lease_until: until }).where('lease', '=', id).where('state', '=', 'leased').execute();
}

/** How a leased copy ends, or waits. */
export type Settlement =
  | { state: 'delivered'; response: string }
  | { state: 'failed'; reason: string; response: string | null }
  | { state: 'held'; reason: string; response: string | null }
  /** `untried`: nobody asked the relay. It is no attempt, and where it is the first, how long it is tried has not begun. */
  | { state: 'deferred'; reason: string; response: string | null; until: Instant; untried?: true };

/** How it ended, or why it waits. */
export type Settled = Pick<Delivery, 'state' | 'reason'>;

/** How a copy is to be settled that is under that lease. */
export interface Settling {
  id: string;
  lease: string;
  settlement: Settlement;
}

/**
 * Settles copies under their leases, notes the attempts, and gives what came of each: of one that was given back meanwhile, that. Null: the
 * lease was lost meanwhile, and whoever has it now decides. What it gives is in their order.
 */
export async function settle(db: Db, some: readonly Settling[], now: Instant): Promise<(Settled | null)[]> {
  const delivered = await settleDelivered(db, some, now);
  const all: (Settled | null)[] = [];
  const noted: attempts.Attempt[] = [];
  for (const one of some) {
    const { id, settlement } = one;
    const settled = settlement.state === 'delivered' ? delivered.get(underLease(one)) : await settleOne(db, one, settlement, now);
    delivered.delete(underLease(one));
    all.push(settled ? { state: settled.state, reason: settled.reason } : null);
    const { state, response } = settlement;
    const reason = state === 'delivered' ? null : settlement.reason;
    if (settled && !isUntried(settlement))
      noted.push({ delivery_id: id, number: settled.attempts, at: now, state, reason, response });
  }
  await attempts.note(db, noted);
  return all;
}

/** One copy may be there twice: under a lease that was lost, and under the one that it has now. */
function underLease({ id, lease }: Pick<Settling, 'id' | 'lease'>): string {
  return `${id} ${lease}`;
}

/** Those that the relay took, which are nearly all where there are many, in a statement for each lease. */
async function settleDelivered(db: Db, some: readonly Settling[], now: Instant) {
  const settled = new Map<string, Pick<Delivery, 'state' | 'reason' | 'attempts'>>();
  const taken = some.flatMap(({ id, lease, settlement }) =>
    settlement.state === 'delivered' ? [{ id, lease, response: settlement.response }] : [],
  );
  const leases = [...new Set(taken.map((one) => one.lease))];
  const parts = leases.flatMap((lease) =>
    [...portions(taken.filter((one) => one.lease === lease))].map((under) => ({ lease, under })),
  );
  for (const { lease, under } of parts) {
    const responses = under.map(({ id, response }) => sql`when ${id} then ${response}`);
    const rows = await db
      .updateTable('deliveries')
      .set((eb) => {
        const unlessBounced = eb.case().when('bounced_at', 'is', null);
        return {
          state: unlessBounced
            .then('delivered' as const)
            .else('failed' as const)
            .end(),
          reason: unlessBounced.then(null).else('bounced').end(),
          response: unlessBounced
            .then(sql<string>`case id ${sql.join(responses, sql` `)} end`)
            .else(eb.ref('response'))
            .end(),
          settled_at: now,
          lease: null,
          lease_until: null,
        };
      })
      .where(
        'id',
        'in',
        under.map(({ id }) => id),
      )
      .where('state', '=', 'leased')
      .where('lease', '=', lease)
      .returning(['id', 'state', 'reason', 'attempts'])
      .execute();
    for (const row of rows) settled.set(underLease({ id: row.id, lease }), row);
  }
  return settled;
}

function isUntried(settlement: Settlement): boolean {
  return settlement.state === 'deferred' && settlement.untried === true;
}

/** Of what is put off, what a bounce said meanwhile stays. */
function settleOne(
  db: Db,
  { id, lease }: Pick<Settling, 'id' | 'lease'>,
  settlement: Exclude<Settlement, { state: 'delivered' }>,
  now: Instant,
) {
  const { state, reason, response } = settlement;
  return db
    .updateTable('deliveries')
    .set((eb) => ({
      state,
      reason,
      response:
        state === 'deferred' ? eb.case().when('bounced_at', 'is', null).then(response).else(eb.ref('response')).end() : response,
      ...(state === 'deferred' ? { due_at: settlement.until } : {}),
      ...(isUntried(settlement)
        ? {
            attempts: eb('attempts', '-', 1),
            tried_at: eb.case().when('attempts', '>', 1).then(eb.ref('tried_at')).else(null).end(),
          }
        : {}),
      settled_at: state === 'failed' ? now : null,
      lease: null,
      lease_until: null,
    }))
    .where('id', '=', id)
    .where('state', '=', 'leased')
    .where('lease', '=', lease)
    .returning(['state', 'reason', 'attempts'])
    .executeTakeFirst();
}

/** Takes back the leases that ended by `now`; `all`: for the one process that has just started on a database. Gives how many copies. */
export async function reclaim(db: Database, now: Instant, which: 'ended' | 'all' = 'ended'): Promise<number> {
  const leased = db.selectFrom('deliveries').select('id').where('state', '=', 'leased');
  const ended = which === 'all' ? leased : leased.where('lease_until', '<=', now);
  // Mostly there is none, and whoever looks keeps nobody from writing.
  if ((await ended.limit(1).executeTakeFirst()) === undefined) return 0;
  return db.transaction().execute(async (trx) => {
    const taken = trx
      .updateTable('deliveries')
      .set({ state: 'deferred', reason: 'lease-lost', lease: null, lease_until: null })
      .where('state', '=', 'leased');
    const back = which === 'all' ? taken : taken.where('lease_until', '<=', now);
    const lost = await back.returning(['id', 'attempts']).execute();
    await attempts.note(
      trx,
      lost.map((copy) => lostAttempt(copy, now)),
    );
    return lost.length;
  });
}

/** Whoever had it in hand is not believed any more: whether it went out, nobody knows. */
function lostAttempt({ id, attempts: number }: Pick<Delivery, 'id' | 'attempts'>, at: Instant): attempts.Attempt {
  return { delivery_id: id, number, at, state: 'deferred', reason: 'lease-lost', response: null };
}

/** The instant at which the next copy, of that priority where one is named, is due, or the next lease ends; undefined where there is none. */
export async function nextInstant(db: Db, priority?: number): Promise<Instant | undefined> {
  const instants: (Instant | null | undefined)[] = [];
  // One state after the other: the index gives the first of each.
  for (const state of WAITING) {
    const due = db.selectFrom('deliveries').select('due_at').where('state', '=', state);
    const own = priority === undefined ? due : due.where('priority', '=', priority);
    instants.push((await own.orderBy('due_at').limit(1).executeTakeFirst())?.due_at);
  }
  const lease = db.selectFrom('deliveries').select(({ fn }) => fn.min('lease_until').as('until'));
  instants.push((await lease.where('state', '=', 'leased').executeTakeFirst())?.until);
  const known = instants.filter((instant) => typeof instant === 'number');
  return known.length > 0 ? Math.min(...known) : undefined;
}

/** The time is another by `by` milliseconds, and it is `now`: whatever waits, or is under a lease, waits no longer and no shorter for it. */
export async function shift(db: Db, by: number, now: Instant): Promise<void> {
  await db
    .updateTable('deliveries')
    .set((eb) => ({ due_at: eb('due_at', '+', by) }))
    .where('state', 'in', WAITING)
    .execute();
  // How long it waits behind others is counted from there.
  await db
    .updateTable('deliveries')
    .set({ created_at: now })
    .where('state', 'in', WAITING)
    .where('created_at', '>', now)
    .execute();
  await db
    .updateTable('deliveries')
    .set((eb) => ({ lease_until: eb('lease_until', '+', by) }))
    .where('state', '=', 'leased')
    .execute();
}

/** What was put off for that reason is due now. */
export async function hasten(db: Db, reason: string, now: Instant): Promise<void> {
  await db.updateTable('deliveries').set({ due_at: now }).where('state', '=', 'deferred').where('reason', '=', reason).execute();
}

/**
 * Holds every copy that is not settled for that reason, whoever has it in hand, and whatever else it was held for, but that a person stopped its
 * post; whoever does that tells of it. Gives how many.
 */
export async function holdOpen(db: Db, reason: string, now: Instant): Promise<number> {
  const inHand = await db.selectFrom('deliveries').select(['id', 'attempts']).where('state', '=', 'leased').execute();
  await attempts.note(
    db,
    inHand.map((copy) => lostAttempt(copy, now)),
  );
  const { numUpdatedRows } = await db
    .updateTable('deliveries')
    .set({ state: 'held', reason, lease: null, lease_until: null, told_at: now })
    .where('state', 'in', OPEN)
    .where((eb) => eb.or([eb('reason', 'is', null), eb('reason', '<>', 'stopped'), eb('state', '<>', 'held')]))
    .executeTakeFirst();
  return Number(numUpdatedRows);
}

/** How many are held for that reason. */
export async function countHeld(db: Db, reason: string): Promise<number> {
  const { count } = await db
    .selectFrom('deliveries')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('state', '=', 'held')
    .where('reason', '=', reason)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Held or failed copies that the team does not know of yet. */
export async function untold(db: Db, most: number): Promise<Delivery[]> {
  return (
    db
      .selectFrom('all_deliveries as deliveries')
      .selectAll()
      // As the index of those has it.
      .where(sql<boolean>`told_at is null and state in ('held', 'failed')`)
      .orderBy('id')
      .limit(most)
      .execute()
  );
}

/** From when on a copy waits too long: one that has waited since then or before, of ordinary mail and of a release. */
export interface LateSince {
  ordinary: Instant;
  /** Of this priority and later, all is ordinary. */
  from: number;
  release: Instant;
}

/**
 * Copies that wait to go out since then, counted from when they were first tried or queued, oldest first: none for the public, of which
 * the case tells (`cases/overdue`), and nothing that waits until a restored backup is confirmed.
 */
function waitingSince(db: Db, { ordinary, from, release }: LateSince) {
  return db
    .selectFrom('deliveries')
    .where('state', 'in', WAITING)
    .where('audience', '!=', 'public')
    .where((eb) => eb.or([eb('reason', 'is', null), eb('reason', '!=', 'restored')]))
    .where((eb) => {
      const since = eb.fn.coalesce('tried_at', 'due_at');
      return eb.or([
        eb.and([eb('priority', '>=', from), eb(since, '<=', ordinary)]),
        eb.and([eb('priority', '<', from), eb(since, '<=', release)]),
      ]);
    });
}

/** Those of which the team was not told. */
export async function late(db: Db, since: LateSince, most: number): Promise<Delivery[]> {
  return waitingSince(db, since).selectAll().where('late_told_at', 'is', null).orderBy('id').limit(most).execute();
}

export async function countLate(db: Db, since: LateSince): Promise<number> {
  const { count } = await waitingSince(db, since)
    .select(({ fn }) => fn.countAll().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Gives of how many the team had not been told. */
export async function markLateTold(db: Db, ids: string[], now: Instant): Promise<number> {
  const result = await db
    .updateTable('deliveries')
    .set({ late_told_at: now })
    .where('id', 'in', ids)
    .where('late_told_at', 'is', null)
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
}

/** Gives of how many nobody had been told. */
export async function markTold(db: Db, ids: string[], now: Instant): Promise<number> {
  let told = 0;
  for (const table of ['deliveries', 'past_deliveries'] as const) {
    const result = await db
      .updateTable(table)
      .set({ told_at: now })
      .where('id', 'in', ids)
      .where('told_at', 'is', null)
      .executeTakeFirst();
    told += Number(result.numUpdatedRows);
  }
  return told;
}

/**
 * A person sends a waiting or held copy now. Whoever was not sent it while it was held is told after it how its case stands (store/missed.ts).
 * False: it is in no such state, or its post is stopped or refused.
 */
export async function retry(db: Db, id: string, now: Instant): Promise<boolean> {
  await missed.noteLate(db, [id]);
  const result = await db
    .updateTable('deliveries')
    .set(queuedAgain(now))
    .where('id', '=', id)
    .where('state', 'in', ['deferred', 'held'])
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('posts')
          .select('posts.id')
          .whereRef('posts.id', '=', 'deliveries.post_id')
          .where((of) =>
            of.or([
              of('posts.state', '=', 'accepted'),
              of.and([of('posts.state', '=', 'held'), of(of.fn.coalesce('deliveries.reason', of.val('')), '!=', 'stopped')]),
            ]),
          ),
      ),
    )
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** A person holds a copy that waits to go out, and knows it. False: it is in no such state, or a release's. */
export async function hold(db: Db, id: string, now: Instant): Promise<boolean> {
  const result = await db
    .updateTable('deliveries')
    .set({ state: 'held', reason: 'withheld', told_at: now })
    .where('id', '=', id)
    .where('state', 'in', WAITING)
    .where('audience', '!=', 'public')
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** A person ends a copy that is stuck, and knows it. False: it is in no such state, or a release's, unless that may have gone out before a backup was restored. */
export async function drop(db: Db, id: string, now: Instant): Promise<boolean> {
  const result = await db
    .updateTable('deliveries')
    .set({ state: 'failed', reason: 'dropped', settled_at: now, told_at: now })
    .where('id', '=', id)
    .where('state', 'in', ['deferred', 'held'])
    .where((eb) => eb.or([eb('audience', '!=', 'public'), eb('reason', '=', 'restored')]))
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** A copy that is held, with whom and what it is for. */
export interface HeldCopy {
  copyId: string;
  /** Of its contact. */
  id: string;
  memberId: string;
  post: Pick<Post, 'id' | 'kind' | 'list_id' | 'case_id' | 'bundle_hash'>;
}

/** The copies for contacts that are held for one of these reasons: of a case, of a member's contacts, or of one contact. */
export async function heldFor(
  db: Db,
  reasons: readonly string[],
  of: { caseId: string } | { memberId: string } | { contactId: string },
): Promise<HeldCopy[]> {
  const rows = await db
    .selectFrom('deliveries')
    .innerJoin('contacts', 'contacts.id', 'deliveries.contact_id')
    .innerJoin('posts', 'posts.id', 'deliveries.post_id')
    .select(['deliveries.id as copyId', 'contacts.id', 'contacts.member_id as memberId'])
    .select(['posts.id as postId', 'posts.kind', 'posts.list_id', 'posts.bundle_hash', 'deliveries.case_id'])
    .where('deliveries.state', '=', 'held')
    .where('deliveries.reason', 'in', reasons)
    .where((eb) => {
      if ('caseId' in of) return eb('deliveries.case_id', '=', of.caseId);
      return 'memberId' in of ? eb('contacts.member_id', '=', of.memberId) : eb('contacts.id', '=', of.contactId);
    })
    .orderBy('deliveries.id')
    .execute();
  return rows.map(({ copyId, id, memberId, postId, ...post }) => ({ copyId, id, memberId, post: { id: postId, ...post } }));
}

/** The cases of which a copy is held for one of these reasons. */
export async function casesHeld(db: Db, reasons: readonly string[]): Promise<string[]> {
  const rows = await db
    .selectFrom('deliveries')
    .select('case_id')
    .distinct()
    .where('state', '=', 'held')
    .where('reason', 'in', reasons)
    .where('case_id', 'is not', null)
    .execute();
  return rows.flatMap(({ case_id }) => case_id ?? []);
}

/** Ends a held copy of a dispatch in whose place another one was sent; the team is to know. Gives how many that are. */
export async function supersede(db: Db, id: string, now: Instant): Promise<number> {
  const result = await db
    .updateTable('deliveries')
    .set({ state: 'failed', reason: 'superseded', settled_at: now, told_at: null })
    .where('id', '=', id)
    .where('state', '=', 'held')
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
}

/** Ends what these contacts have not been sent; whoever decided on them knows it. Gives how many copies. */
export async function endOf(db: Db, contactIds: readonly string[], reason: string, now: Instant): Promise<number> {
  let ended = 0;
  for (const some of portions(contactIds)) {
    const { numUpdatedRows } = await db
      .updateTable('deliveries')
      .set({ state: 'failed', reason, settled_at: now, told_at: now })
      .where('contact_id', 'in', some)
      .where('state', 'in', [...WAITING, 'held'])
      .executeTakeFirst();
    ended += Number(numUpdatedRows);
  }
  return ended;
}

/** What a copy is held for where the certificate is the reason. */
const FOR_CERTIFICATE = [
  'expired',
  'revoked',
  'no-certificate',
  'no-encryption-subkey',
  'weak',
  'not-yet-valid',
  'cannot-encrypt',
  'unreadable',
  'changed',
];

/**
 * Sends what was held because of a certificate, now that this one can be encrypted to: the copies of the contact whose current one it
 * is, and what was for it alone. Gives of how many.
 */
export async function retryForCertificate(
  db: Db,
  { contactId, certificateId }: { contactId: string | null; certificateId: string },
  now: Instant,
): Promise<number> {
  const held = await db
    .selectFrom('deliveries')
    .select('id')
    .where('state', '=', 'held')
    .where('reason', 'in', FOR_CERTIFICATE)
    .where((eb) =>
      eb.or([...(contactId === null ? [] : [eb('contact_id', '=', contactId)]), eb('certificate_id', '=', certificateId)]),
    )
    .execute();
  const ids = held.map(({ id }) => id);
  await missed.noteLate(db, ids);
  let sent = 0;
  for (const some of portions(ids)) {
    const again = db.updateTable('deliveries').set(queuedAgain(now)).where('id', 'in', some).where('state', '=', 'held');
    sent += Number((await again.executeTakeFirst()).numUpdatedRows);
  }
  return sent;
}

function queuedAgain(now: Instant) {
  return { state: 'queued' as const, due_at: now, tried_at: null, reason: null, told_at: null, bounced_at: null };
}

/** How many copies of posts of these kinds were made for that address, in any case, after `since`; of that list, where one is named. */
export async function countTo(db: Db, address: string, kinds: PostKind[], since: Instant, listId?: string): Promise<number> {
  const query = db
    .selectFrom('all_deliveries as deliveries')
    .innerJoin('posts', 'posts.id', 'deliveries.post_id')
    .select((eb) => eb.fn.countAll().as('count'))
    .where((eb) => eb(eb.fn<string>('lower', ['deliveries.address']), '=', address.toLowerCase()))
    .where('deliveries.created_at', '>', since)
    .where('posts.kind', 'in', kinds);
  const counted = listId === undefined ? query : query.where('deliveries.list_id', '=', listId);
  return Number((await counted.executeTakeFirstOrThrow()).count);
}

/** Whether there was any. */
export async function wroteTo(...of: Parameters<typeof countTo>): Promise<boolean> {
  return (await countTo(...of)) > 0;
}

/** A contact, by his id. */
export interface DispatchedTo {
  id: string;
  /** That his copy went to: his own may be somebody else's by now. */
  address: string;
  memberId: string;
  listId: string;
}

function dispatched(db: Db, caseId: string) {
  return db
    .selectFrom('all_deliveries as deliveries')
    .innerJoin('posts', 'posts.id', 'deliveries.post_id')
    .innerJoin('contacts', 'contacts.id', 'deliveries.contact_id')
    .innerJoin('members', 'members.id', 'contacts.member_id')
    .select(['contacts.id', 'deliveries.address', 'contacts.member_id as memberId', 'deliveries.list_id as listId'])
    .distinct()
    .where('deliveries.case_id', '=', caseId)
    .where('posts.kind', '=', 'dispatch')
    .orderBy('deliveries.address');
}

/** The contacts to whom that case was dispatched, with the list that it went through; each pair once. */
export async function dispatchedTo(db: Db, caseId: string): Promise<DispatchedTo[]> {
  return dispatched(db, caseId).execute();
}

/** Those of them who were not let go since: what follows a dispatch is for them. */
export async function dispatchedToWhoIsThere(db: Db, caseId: string): Promise<DispatchedTo[]> {
  return dispatched(db, caseId).where(isTakenIn).execute();
}

/** The copies of that bundle that were dispatched through that list, oldest first, but for those that members had before they began anew. */
export async function ofBundle(
  db: Db,
  { caseId, listId, hash }: { caseId: string; listId: string; hash: string },
): Promise<Pick<Delivery, 'contact_id' | 'state' | 'created_at'>[]> {
  return db
    .selectFrom('all_deliveries as deliveries')
    .innerJoin('posts', 'posts.id', 'deliveries.post_id')
    .innerJoin('contacts', 'contacts.id', 'deliveries.contact_id')
    .innerJoin('members', 'members.id', 'contacts.member_id')
    .select(['deliveries.contact_id', 'deliveries.state', 'deliveries.created_at'])
    .where('deliveries.case_id', '=', caseId)
    .where('deliveries.list_id', '=', listId)
    .where('posts.kind', '=', 'dispatch')
    .where('posts.bundle_hash', '=', hash)
    .where(isOfThisLife)
    .orderBy('deliveries.id')
    .execute();
}

/** The case of a copy that went through that list and has one of these Message-IDs, or undefined. */
export async function caseOfMessage(db: Db, listId: string, messageIds: string[]): Promise<string | undefined> {
  if (messageIds.length === 0) return undefined;
  const row = await db
    .selectFrom('all_deliveries as deliveries')
    .select('case_id')
    .where('list_id', '=', listId)
    .where('message_id', 'in', messageIds)
    .where('case_id', 'is not', null)
    .executeTakeFirst();
  return row?.case_id ?? undefined;
}

export interface DeliveryFilter {
  limit: number;
  /** The id of the last one on the page before. */
  before?: string;
  caseId?: string;
  postId?: string;
  listId?: string;
  state?: DeliveryState;
  audience?: Audience;
  reason?: string;
}

/** Newest first. */
export async function page(db: Db, filter: DeliveryFilter): Promise<Delivery[]> {
  // What is open is not in the past, and its index does not reach there.
  const isOpen = OPEN.some((state) => state === filter.state);
  let query = db
    .selectFrom(isOpen ? 'deliveries' : 'all_deliveries as deliveries')
    .selectAll()
    .orderBy('id', 'desc')
    .limit(filter.limit);
  if (filter.before !== undefined) query = query.where('id', '<', filter.before);
  if (filter.caseId !== undefined) query = query.where('case_id', '=', filter.caseId);
  if (filter.postId !== undefined) query = query.where('post_id', '=', filter.postId);
  if (filter.listId !== undefined) query = query.where('list_id', '=', filter.listId);
  if (filter.state !== undefined) query = query.where('state', '=', filter.state);
  if (filter.audience !== undefined) query = query.where('audience', '=', filter.audience);
  if (filter.reason !== undefined) query = query.where('reason', '=', filter.reason);
  return query.execute();
}

/** A contact as he stands at the moment of sending. */
export interface SendingContact {
  id: string;
  memberId: string;
  /** He is a contact still, and has proved his key. */
  active: boolean;
  memberState: MemberState;
  /** The current certificate, binary; null where there is none. */
  certificate: Uint8Array | null;
  /** A newer copy of it, by which its key may not be used any more, waits for a person. */
  waits: boolean;
}

export async function sendingContacts(db: Db, ids: string[]): Promise<Map<string, SendingContact>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('contacts')
    .innerJoin('members', 'members.id', 'contacts.member_id')
    .leftJoin('certificates', (join) =>
      join.onRef('certificates.contact_id', '=', 'contacts.id').on('certificates.state', '=', 'current'),
    )
    .leftJoin('certificate_renewals', 'certificate_renewals.certificate_id', 'certificates.id')
    .select(['contacts.id', 'contacts.active', 'contacts.proved_at', 'members.id as memberId', 'members.state as memberState'])
    .select(['certificates.data', 'certificate_renewals.holds'])
    .where('contacts.id', 'in', ids)
    .execute();
  return new Map(
    rows.map(({ active, proved_at, data, holds, ...person }) => [
      person.id,
      { ...person, active: active === 1 && proved_at !== null, certificate: data, waits: holds === 1 },
    ]),
  );
}

/**
 * A copy that the relay took was given back by somebody further on; it may be before the relay's answer is here, which settles it
 * then. False: it was settled otherwise, or told of before.
 */
export async function bounced(db: Db, id: string, response: string, now: Instant): Promise<boolean> {
  const noted = await db
    .updateTable('deliveries')
    .set({ response, bounced_at: now })
    .where('id', '=', id)
    .where('state', 'in', UNDER_WAY)
    .where('bounced_at', 'is', null)
    .executeTakeFirst();
  // In this order: what is settled, or leaves the table, between two of them is there for the next.
  let failed = 0n;
  for (const table of ['deliveries', 'past_deliveries'] as const) {
    const result = await db
      .updateTable(table)
      .set({ state: 'failed', reason: 'bounced', response, bounced_at: now, settled_at: now, told_at: null })
      .where('id', '=', id)
      .where('state', '=', 'delivered')
      .executeTakeFirst();
    failed += result.numUpdatedRows;
  }
  return noted.numUpdatedRows + failed > 0n;
}

/** The ids of the contacts who have a copy of that post. */
export async function contactsWith(db: Db, postId: string): Promise<Set<string>> {
  const rows = await db.selectFrom('all_deliveries as deliveries').select('contact_id').where('post_id', '=', postId).execute();
  return new Set(rows.flatMap(({ contact_id }) => contact_id ?? []));
}

/** The copies of a post that are out, and those that are under way. */
export async function reached(db: Db, postId: string): Promise<Pick<Delivery, 'contact_id' | 'audience' | 'state'>[]> {
  return db
    .selectFrom('all_deliveries as deliveries')
    .select(['contact_id', 'audience', 'state'])
    .where('post_id', '=', postId)
    .where('state', 'in', ['delivered', 'leased'])
    .execute();
}

/** Holds the copies of a post that wait to go out. Gives how many. */
export async function holdWaiting(db: Db, postId: string, reason: string): Promise<number> {
  const result = await db
    .updateTable('deliveries')
    .set({ state: 'held', reason })
    .where('post_id', '=', postId)
    .where('state', 'in', WAITING)
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
}

/** Ends the copies of a post that have not gone out; whoever decided that knows it. Gives how many. */
export async function endWaiting(db: Db, postId: string, reason: string, now: Instant): Promise<number> {
  const result = await db
    .updateTable('deliveries')
    .set({ state: 'failed', reason, settled_at: now, told_at: now })
    .where('post_id', '=', postId)
    .where('state', 'in', [...WAITING, 'held'])
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
}

/** Lets the copies of a post go that a person had stopped. Gives how many. */
export async function releaseStopped(db: Db, postId: string, now: Instant): Promise<number> {
  const result = await db
    .updateTable('deliveries')
    .set(queuedAgain(now))
    .where('post_id', '=', postId)
    .where('state', '=', 'held')
    .where('reason', '=', 'stopped')
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
}

/** What became of a contact's copy of a dispatch. */
export interface DispatchCopy {
  postId: string;
  state: DeliveryState;
  settledAt: Instant | null;
}

export async function dispatchesOf(db: Db, caseId: string, contactId: string): Promise<DispatchCopy[]> {
  return db
    .selectFrom('all_deliveries as deliveries')
    .innerJoin('posts', 'posts.id', 'deliveries.post_id')
    .select(['posts.id as postId', 'deliveries.state', 'deliveries.settled_at as settledAt'])
    .where('posts.case_id', '=', caseId)
    .where('posts.kind', '=', 'dispatch')
    .where('deliveries.contact_id', '=', contactId)
    .execute();
}

/** How many copies of these posts for the public are not settled, and the first `most` of them: those for external addresses lead. */
export async function unpublished(db: Db, postIds: string[], most: number): Promise<{ count: number; copies: Delivery[] }> {
  const open = db
    .selectFrom('deliveries')
    .where('post_id', 'in', postIds)
    .where('audience', '=', 'public')
    .where('state', 'in', OPEN);
  const { count } = await open.select(({ fn }) => fn.countAll<number>().as('count')).executeTakeFirstOrThrow();
  const copies = await open.selectAll().orderBy('priority', 'desc').orderBy('id').limit(most).execute();
  return { count: Number(count), copies };
}

/** What became of the copies of a case for the public through one list: of one external address, or of all subscribers in that state. */
export interface Channel {
  listId: string;
  /** Null for the subscribers. */
  address: string | null;
  state: DeliveryState;
  copies: number;
  /** The relay's last answer to an external address. */
  response: string | null;
  /** When the first and the last of them were settled. */
  firstAt: Instant | null;
  lastAt: Instant | null;
}

/**
 * External addresses are those of the later priority: each has a mail of its own and is told of by itself. `postIds`: of these posts of
 * it alone.
 */
export async function channels(db: Db, caseId: string, external: number, postIds?: string[]): Promise<Channel[]> {
  let published = db.selectFrom('all_deliveries as deliveries').where('case_id', '=', caseId).where('audience', '=', 'public');
  if (postIds !== undefined) published = published.where('post_id', 'in', postIds);
  const subscribers = await published
    .where('priority', '<>', external)
    .select(({ fn }) => [
      'list_id as listId',
      'state',
      fn.countAll<number>().as('copies'),
      fn.min('settled_at').as('firstAt'),
      fn.max('settled_at').as('lastAt'),
    ])
    .groupBy(['list_id', 'state'])
    .orderBy('list_id')
    .orderBy('state')
    .execute();
  const others = await published
    .where('priority', '=', external)
    .select(['list_id as listId', 'address', 'state', 'response', 'settled_at as firstAt', 'settled_at as lastAt'])
    .orderBy('address')
    .execute();
  return [
    ...subscribers.map((row) => ({ ...row, copies: Number(row.copies), address: null, response: null })),
    ...others.map((row) => ({ ...row, copies: 1 })),
  ];
}
