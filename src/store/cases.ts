import { type Expression, type ExpressionBuilder, type Insertable, type SqlBool, sql, type Updateable } from 'kysely';
import type { Instant } from '../clock.ts';
import type { Db } from './database.ts';
import { OPEN } from './deliveries.ts';
import type { Case, CaseHints, CaseState, Patch, Schema } from './schema.ts';

/** The next number of that year, 1 first. Two at once get two numbers. */
export async function nextNumber(db: Db, year: number): Promise<number> {
  const { last } = await db
    .insertInto('case_numbers')
    .values({ year, last: 1 })
    .onConflict((oc) => oc.column('year').doUpdateSet((eb) => ({ last: eb('case_numbers.last', '+', 1) })))
    .returning('last')
    .executeTakeFirstOrThrow();
  return last;
}

/** The next number of each year comes after so many that are given to nobody. */
export async function leaveGap(db: Db, numbers: number): Promise<void> {
  await db
    .updateTable('case_numbers')
    .set((eb) => ({ last: eb('last', '+', numbers) }))
    .execute();
}

export async function insert(db: Db, row: Insertable<Schema['cases']>): Promise<void> {
  await db.insertInto('cases').values(row).execute();
}

/**
 * Until the transaction ends, nobody else changes the case or gets past this call; see lists.lock for how. It comes before
 * any row that refers to the case is written: two who refer to it first and change it then would wait for each other.
 */
export async function lock(db: Db, id: string): Promise<void> {
  await db
    .updateTable('cases')
    .set((eb) => ({ revision: eb.ref('revision') }))
    .where('id', '=', id)
    .execute();
}

export async function byId(db: Db, id: string): Promise<Case | undefined> {
  return db.selectFrom('cases').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The case that the address of a thread with this token leads to. */
export async function ofThread(db: Db, token: string): Promise<Case | undefined> {
  return db.selectFrom('cases').selectAll().where('thread_token', '=', token).executeTakeFirst();
}

export interface Page {
  limit: number;
  /** The last one on the page before. */
  before?: { year: number; number: number };
  /** These alone. */
  ids?: readonly string[];
  /** Those alone that this contact may handle; null: those that all of the team may. */
  handlers?: string | null | undefined;
  /** Those alone that have all of these. */
  hints?: CaseHints;
}

/** Newest first. */
export async function page(db: Db, of: Page): Promise<Case[]> {
  let query = db.selectFrom('cases').selectAll().orderBy('year', 'desc').orderBy('number', 'desc').limit(of.limit);
  const { before, handlers, hints, ids } = of;
  if (hints) {
    const { aside, notAside, state, set, unset } = hints;
    if (aside !== undefined) query = query.where('aside', '=', aside);
    if (notAside !== undefined) query = query.where((eb) => eb.or([eb('aside', 'is', null), eb('aside', 'not in', notAside)]));
    if (state !== undefined) query = query.where('state', '=', state);
    if (set !== undefined) query = query.where(set, 'is not', null);
    for (const column of unset) query = query.where(column, 'is', null);
  }
  if (ids !== undefined) query = query.where('id', 'in', ids.length > 0 ? ids : ['']);
  if (handlers !== undefined)
    query = query.where((eb) => {
      const staffed = eb.selectFrom('case_team').select('contact_id').whereRef('case_team.case_id', '=', 'cases.id');
      const all = eb.not(eb.exists(staffed));
      if (handlers === null) return all;
      const leads = (['lead_id', 'deputy_id', 'handover_id'] as const).map((column) => eb(column, '=', handlers));
      return eb.or([all, eb.exists(staffed.where('contact_id', '=', handlers)), ...leads]);
    });
  if (before)
    query = query.where((eb) =>
      eb.or([eb('year', '<', before.year), eb.and([eb('year', '=', before.year), eb('number', '<', before.number)])]),
    );
  return query.execute();
}

/** Changes the case only if nobody else did since it was read. Says whether it was changed; the caller sets the new revision. */
export async function change(
  db: Db,
  seen: Pick<Case, 'id' | 'state' | 'revision'>,
  to: Updateable<Schema['cases']>,
): Promise<boolean> {
  const result = await db
    .updateTable('cases')
    .set(to)
    .where('id', '=', seen.id)
    .where('state', '=', seen.state)
    .where('revision', '=', seen.revision)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** The reporter is written to there from now on, with that certificate. False: one was known already. */
export async function knowReporter(
  db: Db,
  id: string,
  { address, certificateId }: { address: string; certificateId: string | null },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('cases')
    .set({ reporter_address: address, reporter_certificate_id: certificateId })
    .where('id', '=', id)
    .where('reporter_certificate_id', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** What was rejected or closed waits for nothing, whatever instant it was to be released at. */
export function isOpen(eb: ExpressionBuilder<Schema, 'cases'>): Expression<SqlBool> {
  return eb.and([eb('closed_at', 'is', null), eb.or([eb('aside', 'is', null), eb('aside', '<>', 'rejected')])]);
}

/** The open case in that state whose instant comes first, or undefined. */
export async function firstDue(db: Db, state: CaseState): Promise<{ id: string; release_at: Instant | null } | undefined> {
  return db
    .selectFrom('cases')
    .select(['id', 'release_at'])
    .where('state', '=', state)
    .where('release_at', 'is not', null)
    .where(isOpen)
    .orderBy('release_at')
    .limit(1)
    .executeTakeFirst();
}

/** Armed cases that are open and whose instant has come, the earliest first. */
export async function dueCases(db: Db, now: Instant): Promise<Case[]> {
  return db
    .selectFrom('cases')
    .selectAll()
    .where('state', '=', 'armed')
    .where('release_at', '<=', now)
    .where(isOpen)
    .orderBy('release_at')
    .execute();
}

/** Those that are not released, and of which somebody has approved what stands there. */
export async function approvedUnreleased(db: Db): Promise<Case[]> {
  return db
    .selectFrom('cases')
    .selectAll()
    .where('state', 'in', ['scheduled', 'armed'])
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('approvals')
          .select('approvals.case_id')
          .whereRef('approvals.case_id', '=', 'cases.id')
          .whereRef('approvals.hash', '=', 'cases.bundle_hash'),
      ),
    )
    .orderBy('id')
    .execute();
}

export async function armed(db: Db): Promise<Case[]> {
  return db.selectFrom('cases').selectAll().where('state', '=', 'armed').execute();
}

/** Cases whose instant has passed without a text or two approvals, the earliest first. */
export async function overdue(db: Db, now: Instant): Promise<Case[]> {
  return db
    .selectFrom('cases')
    .selectAll()
    .where('state', 'in', ['received', 'scheduled'])
    .where('release_at', '<=', now)
    .where(isOpen)
    .orderBy('release_at')
    .execute();
}

/** When people led, or were asked to lead, another case than this one last, by their ids. */
export async function lastTurns(db: Db, caseId: string): Promise<Map<string, Instant>> {
  const rows = await db
    .selectFrom('cases')
    .select(['lead_id', 'led_at', 'handover_id', 'handover_at'])
    .where('id', '<>', caseId)
    .where((eb) => eb.or([eb('lead_id', 'is not', null), eb('handover_id', 'is not', null)]))
    .execute();
  const latest = new Map<string, Instant>();
  for (const { lead_id, led_at, handover_id, handover_at } of rows)
    for (const [person, at] of [[lead_id, led_at] as const, [handover_id, handover_at] as const])
      if (person !== null && at !== null) latest.set(person, Math.max(latest.get(person) ?? 0, at));
  return latest;
}

/** Cases that are neither released nor closed, the oldest first. */
export async function underWay(db: Db): Promise<Case[]> {
  return (
    db
      .selectFrom('cases')
      .selectAll()
      // As the index has it: with a parameter in its place an engine may not see that it fits.
      .where('state', '<>', sql.lit('released'))
      .where('closed_at', 'is', null)
      .orderBy('received_at')
      .execute()
  );
}

/** Released cases that are not closed, of which a copy for the public is not settled. */
export async function unpublished(db: Db): Promise<Case[]> {
  const open = db.selectFrom('deliveries').select('post_id').where('state', 'in', OPEN).where('audience', '=', 'public');
  return db
    .selectFrom('cases')
    .selectAll()
    .where('state', '=', sql.lit('released'))
    .where('closed_at', 'is', null)
    .where((eb) => eb.or([eb('public_post_id', 'in', open), eb('external_post_id', 'in', open)]))
    .execute();
}

/** Cases that were released from `from` on and before `to`, the earliest first; not the public word that one was withdrawn. */
export async function releasedWithin(db: Db, from: Instant, to: Instant): Promise<Case[]> {
  return db
    .selectFrom('cases')
    .selectAll()
    .where('state', '=', 'released')
    .where('released_at', '>=', from)
    .where('released_at', '<', to)
    .where(notWithdrawn)
    .orderBy('released_at')
    .orderBy('id')
    .execute();
}

/** Of the reports that came from `from` on and before `to`. */
export async function countReports(
  db: Db,
  from: Instant,
  to: Instant,
): Promise<{ reports: number; rejected: number; duplicates: number }> {
  const counts = await db
    .selectFrom('cases')
    .select(({ fn }) => [
      fn.countAll<number>().as('reports'),
      fn.countAll<number>().filterWhere('aside', '=', 'rejected').as('rejected'),
      fn.countAll<number>().filterWhere('duplicate_of', 'is not', null).as('duplicates'),
    ])
    .where('received_at', '>=', from)
    .where('received_at', '<', to)
    .executeTakeFirstOrThrow();
  return { reports: Number(counts.reports), rejected: Number(counts.rejected), duplicates: Number(counts.duplicates) };
}

const notWithdrawn = (eb: ExpressionBuilder<Schema, 'cases'>) => eb.or([eb('aside', 'is', null), eb('aside', '<>', 'withdrawn')]);

/** Cases that were released since then, and lack their retrospective. */
export async function toReview(db: Db, since: Instant): Promise<Case[]> {
  return db
    .selectFrom('cases')
    .selectAll()
    .where('state', '=', sql.lit('released'))
    .where('retrospective_at', 'is', null)
    .where('closed_at', 'is', null)
    .where('released_at', '>=', since)
    .where(notWithdrawn)
    .execute();
}

export async function insertPatch(db: Db, patch: Insertable<Schema['patches']>): Promise<void> {
  await db.insertInto('patches').values(patch).execute();
}

/** Those that are not withdrawn, those of the same millisecond in any order. */
export async function patches(db: Db, caseId: string): Promise<Patch[]> {
  return db
    .selectFrom('patches')
    .selectAll()
    .where('case_id', '=', caseId)
    .where('withdrawn_at', 'is', null)
    .orderBy('id')
    .execute();
}

/** The same without their content. */
export async function patchFacts(db: Db, caseId: string): Promise<Pick<Patch, 'id' | 'sha256' | 'size'>[]> {
  return db
    .selectFrom('patches')
    .select(['id', 'sha256', 'size'])
    .where('case_id', '=', caseId)
    .where('withdrawn_at', 'is', null)
    .orderBy('id')
    .execute();
}

/** Ids of those that are. */
export async function withdrawnPatches(db: Db, caseId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('patches')
    .select('id')
    .where('case_id', '=', caseId)
    .where('withdrawn_at', 'is not', null)
    .execute();
  return rows.map(({ id }) => id);
}

export async function withdrawPatch(db: Db, id: string, now: Instant): Promise<boolean> {
  const result = await db
    .updateTable('patches')
    .set({ withdrawn_at: now })
    .where('id', '=', id)
    .where('withdrawn_at', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** Says whether it was new: the same person approves the same thing once. */
export async function insertApproval(db: Db, approval: Insertable<Schema['approvals']>): Promise<boolean> {
  const result = await db
    .insertInto('approvals')
    .values(approval)
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  return (result.numInsertedOrUpdatedRows ?? 0n) === 1n;
}

export type ApprovalRow = { person_id: string; hash: string; approved_at: Instant };

/** All approvals that the case ever got, those of superseded bundles too. */
export async function approvals(db: Db, caseId: string): Promise<ApprovalRow[]> {
  return db
    .selectFrom('approvals')
    .select(['person_id', 'hash', 'approved_at'])
    .where('case_id', '=', caseId)
    .orderBy('approved_at')
    .execute();
}
