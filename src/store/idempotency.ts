import type { ExpressionBuilder } from 'kysely';
import { DAY, type Instant, MINUTE } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import type { Db } from './database.ts';
import type { Idempotency, Schema } from './schema.ts';

/** How long a key is known. */
const KEPT = DAY;
/** After this an attempt that has done nothing is taken for dead: what it would still do is refused in its transaction. */
export const LEASE = 2 * MINUTE;

/** One attempt at a request that is to be done once. */
export interface Claim {
  id: string;
  /** The id of the attempt. */
  claim: string;
}

/**
 * Takes a request in hand: undefined. Else the row of whoever has it in hand, or had: under another fingerprint it is another
 * request. What is older than a day is forgotten.
 */
export async function take(
  db: Db,
  { id, claim }: Claim,
  { fingerprint, now }: { fingerprint: string; now: Instant },
): Promise<Idempotency | undefined> {
  await purge(db, now);
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('idempotency')
    .values({ id, claim, fingerprint, claimed_at: now, created_at: now, answer: null })
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  if (numInsertedOrUpdatedRows) return undefined;
  const { numUpdatedRows } = await db
    .updateTable('idempotency')
    .set({ claim, claimed_at: now })
    .where('id', '=', id)
    .where('fingerprint', '=', fingerprint)
    .where('done', '=', 0)
    .where('answer', 'is', null)
    .where('claimed_at', '<=', now - LEASE)
    .executeTakeFirst();
  if (numUpdatedRows === 1n) return undefined;
  const known = await db.selectFrom('idempotency').selectAll().where('id', '=', id).executeTakeFirst();
  // Given back in between.
  if (!known) throw new Refusal('idempotency-in-progress');
  return known;
}

/** In the transaction that does what was asked for. False: another attempt has it in hand, and this one must do nothing. */
export async function markDone(trx: Db, { id, claim }: Claim): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('idempotency')
    .set({ done: 1 })
    .where('id', '=', id)
    .where('claim', '=', claim)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Keeps the answer, sealed. */
export async function keepAnswer(db: Db, { id, claim }: Claim, answer: Uint8Array): Promise<void> {
  await db.updateTable('idempotency').set({ answer }).where('id', '=', id).where('claim', '=', claim).execute();
}

/**
 * Gives back what an attempt could not answer, or what all of them could not that are dead: for another one, unless it was done.
 */
export async function giveBack(db: Db, of: Claim | 'all'): Promise<void> {
  const open = (eb: ExpressionBuilder<Schema, 'idempotency'>) =>
    of === 'all' ? eb('answer', 'is', null) : eb.and({ id: of.id, claim: of.claim }).and('answer', 'is', null);
  await db.deleteFrom('idempotency').where('done', '=', 0).where(open).execute();
  await db.updateTable('idempotency').set({ claimed_at: 0 }).where(open).execute();
}

/** Forgets what is older than a day. */
export async function purge(db: Db, now: Instant): Promise<void> {
  await db
    .deleteFrom('idempotency')
    .where('created_at', '<=', now - KEPT)
    .execute();
}
