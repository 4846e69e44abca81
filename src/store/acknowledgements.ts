import { sql } from 'kysely';
import type { Instant } from '../clock.ts';
import { isTakenIn } from './contacts.ts';
import type { Db } from './database.ts';
import { portions } from './rows.ts';
import type { Acknowledged, DeliveryState } from './schema.ts';

/** Notes what a contact says of these dispatches. That he has them changes nothing of what he has said before; what he says more does. */
export async function note(
  db: Db,
  postIds: readonly string[],
  { contactId, status, now }: { contactId: string; status: Acknowledged; now: Instant },
): Promise<void> {
  if (postIds.length === 0) return;
  await db
    .insertInto('acknowledgements')
    .values(postIds.map((post_id) => ({ post_id, contact_id: contactId, created_at: now, status })))
    .onConflict((oc) =>
      status === 'acknowledged' ? oc.doNothing() : oc.columns(['post_id', 'contact_id']).doUpdateSet({ status, created_at: now }),
    )
    .execute();
}

/** Whether a contact has said anything of that dispatch. */
export async function isNoted(db: Db, postId: string, contactId: string): Promise<boolean> {
  const row = await db
    .selectFrom('acknowledgements')
    .select('status')
    .where('post_id', '=', postId)
    .where('contact_id', '=', contactId)
    .executeTakeFirst();
  return row !== undefined;
}

/** A copy of a dispatch, and what its contact says of it. */
export interface Receipt {
  deliveryId: string;
  postId: string;
  listId: string;
  /** Of the patch set; null without patches. */
  revision: number | null;
  contactId: string;
  /** That his copy went to: his own may be somebody else's by now. */
  address: string;
  memberId: string;
  organisation: string;
  state: DeliveryState;
  reason: string | null;
  sentAt: Instant;
  settledAt: Instant | null;
  /** Null where he has said nothing. */
  status: Acknowledged | null;
  acknowledgedAt: Instant | null;
}

function receipts(db: Db) {
  return db
    .selectFrom('all_deliveries as deliveries')
    .innerJoin('posts', 'posts.id', 'deliveries.post_id')
    .innerJoin('contacts', 'contacts.id', 'deliveries.contact_id')
    .innerJoin('members', 'members.id', 'contacts.member_id')
    .leftJoin('acknowledgements', (join) =>
      join.onRef('acknowledgements.post_id', '=', 'posts.id').onRef('acknowledgements.contact_id', '=', 'contacts.id'),
    )
    .select([
      'deliveries.id as deliveryId',
      'posts.id as postId',
      'deliveries.list_id as listId',
      'posts.patch_revision as revision',
      'contacts.id as contactId',
      'deliveries.address',
      'members.id as memberId',
      'members.organisation',
      'deliveries.state',
      'deliveries.reason',
      'deliveries.created_at as sentAt',
      'deliveries.settled_at as settledAt',
      'acknowledgements.status',
      'acknowledgements.created_at as acknowledgedAt',
    ])
    .where('posts.kind', '=', 'dispatch');
}

/** All of a case, by organisation and address, the newest of each contact first. */
export async function ofCase(db: Db, caseId: string): Promise<Receipt[]> {
  return receipts(db)
    .where('deliveries.case_id', '=', caseId)
    .orderBy('members.organisation')
    .orderBy('deliveries.address')
    .orderBy('deliveries.created_at', 'desc')
    .execute();
}

/** The name under which it is kept that a contact was reminded of a copy. */
const remindedOf = (deliveryId: string) => `acknowledgement ${deliveryId}`;

/** Of the cases that are under way. */
async function dispatchesUnderWay(db: Db): Promise<string[]> {
  const rows = await db
    .selectFrom('posts')
    .innerJoin('cases', 'cases.id', 'posts.case_id')
    .select('posts.id')
    // As the index of those has it.
    .where(sql<boolean>`posts.kind = 'dispatch'`)
    .where('cases.state', '<>', 'released')
    .where('cases.closed_at', 'is', null)
    .where((eb) => eb.or([eb('cases.aside', 'is', null), eb('cases.aside', 'not in', ['withdrawn', 'rejected'])]))
    .execute();
  return rows.map(({ id }) => id);
}

/** Of a case that is under way: the last copy of a contact, who was not let go, that he has and says nothing of, since that instant, and was not reminded of. */
export async function silentSince(db: Db, since: Instant): Promise<(Receipt & { caseId: string })[]> {
  const silent: (Receipt & { caseId: string })[] = [];
  for (const some of portions(await dispatchesUnderWay(db))) silent.push(...(await silentOf(db, some, since)));
  return silent;
}

function silentOf(db: Db, dispatches: readonly string[], since: Instant) {
  return receipts(db)
    .innerJoin('cases', 'cases.id', 'deliveries.case_id')
    .select('cases.id as caseId')
    .where('deliveries.post_id', 'in', dispatches)
    .where(isTakenIn)
    .where('deliveries.state', '=', 'delivered')
    .where('deliveries.settled_at', '<=', since)
    .where('acknowledgements.status', 'is', null)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('all_deliveries as later')
            .innerJoin('posts as newer', 'newer.id', 'later.post_id')
            .select('later.id')
            .where('newer.kind', '=', 'dispatch')
            .where('later.state', '<>', 'failed')
            .whereRef('later.case_id', '=', 'deliveries.case_id')
            .whereRef('later.contact_id', '=', 'deliveries.contact_id')
            .whereRef('later.created_at', '>', 'deliveries.created_at'),
        ),
      ),
    )
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('reminders')
            .select('reminders.what')
            .whereRef('reminders.case_id', '=', 'deliveries.case_id')
            .where('reminders.what', '=', sql<string>`'acknowledgement ' || deliveries.id`),
        ),
      ),
    )
    .orderBy('cases.id')
    .orderBy('deliveries.id')
    .execute();
}

/** Notes that a contact is reminded of that copy. False: he was. */
export async function remind(
  db: Db,
  { caseId, deliveryId, dueAt, now }: { caseId: string; deliveryId: string; dueAt: Instant; now: Instant },
): Promise<boolean> {
  const row = { case_id: caseId, what: remindedOf(deliveryId), due_at: dueAt, level: 0, told_at: now };
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('reminders')
    .values(row)
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}
