import type { Instant } from '../clock.ts';
import type { Db } from './database.ts';
import { portions } from './rows.ts';
import type { Answer, KeyProof, Removal, Schema, Verdict, Vouch } from './schema.ts';

/** What belongs to one application of a member. */
export interface Round {
  memberId: string;
  round: number;
}

export async function insertAnswers(db: Db, answers: readonly Answer[]): Promise<void> {
  if (answers.length > 0) await db.insertInto('answers').values(answers).execute();
}

export async function answers(db: Db, { memberId, round }: Round): Promise<Answer[]> {
  return db
    .selectFrom('answers')
    .selectAll()
    .where('member_id', '=', memberId)
    .where('round', '=', round)
    .orderBy('criterion')
    .execute();
}

/** False where he has vouched for that application already. */
export async function insertVouch(db: Db, vouch: Vouch): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('vouches')
    .values(vouch)
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  return Boolean(numInsertedOrUpdatedRows);
}

export async function vouches(db: Db, { memberId, round }: Round): Promise<Vouch[]> {
  return db
    .selectFrom('vouches')
    .selectAll()
    .where('member_id', '=', memberId)
    .where('round', '=', round)
    .orderBy('created_at')
    .execute();
}

/** What a person said of an application takes the place of what he said of it before. */
export async function replaceVerdicts(
  db: Db,
  { memberId, round }: Round,
  personId: string,
  rows: readonly Verdict[],
): Promise<void> {
  await db
    .deleteFrom('verdicts')
    .where('member_id', '=', memberId)
    .where('round', '=', round)
    .where('person_id', '=', personId)
    .execute();
  if (rows.length > 0) await db.insertInto('verdicts').values(rows).execute();
}

export async function verdicts(db: Db, { memberId, round }: Round): Promise<Verdict[]> {
  return db
    .selectFrom('verdicts')
    .selectAll()
    .where('member_id', '=', memberId)
    .where('round', '=', round)
    .orderBy('person_id')
    .orderBy('criterion')
    .execute();
}

/** False where he has asked for that already. */
export async function insertRemoval(db: Db, removal: Removal): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('removals')
    .values(removal)
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  return Boolean(numInsertedOrUpdatedRows);
}

export async function removals(db: Db, { memberId, round }: Round): Promise<Removal[]> {
  return db
    .selectFrom('removals')
    .selectAll()
    .where('member_id', '=', memberId)
    .where('round', '=', round)
    .orderBy('created_at')
    .execute();
}

export async function insertProof(db: Db, proof: KeyProof): Promise<void> {
  await db.insertInto('key_proofs').values(proof).execute();
}

/** The open one with that nonce. */
export async function openProof(db: Db, nonceHash: string): Promise<KeyProof | undefined> {
  return db
    .selectFrom('key_proofs')
    .selectAll()
    .where('nonce_hash', '=', nonceHash)
    .where('proved_at', 'is', null)
    .executeTakeFirst();
}

/** False where it was given meanwhile. */
export async function markProved(db: Db, id: string, now: Instant): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('key_proofs')
    .set({ proved_at: now })
    .where('id', '=', id)
    .where('proved_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Nobody asks for a removal any more; `upTo`: of those that were asked for then or before. */
export async function dropRemovals(db: Db, memberId: string, { upTo }: { upTo?: Instant } = {}): Promise<void> {
  let query = db.deleteFrom('removals').where('member_id', '=', memberId);
  if (upTo !== undefined) query = query.where('created_at', '<=', upTo);
  await query.execute();
}

/** What the contacts of a member have proved counts no more. */
export async function dropProofs(db: Db, memberId: string): Promise<void> {
  await db
    .deleteFrom('key_proofs')
    .where('contact_id', 'in', (eb) => eb.selectFrom('contacts').select('id').where('member_id', '=', memberId))
    .execute();
  await db.updateTable('contacts').set({ proved_at: null }).where('member_id', '=', memberId).execute();
}

/** What was proved of a certificate counts no more, and what was asked is not answered any more. */
export async function dropProofsOf(db: Db, certificateId: string): Promise<void> {
  await db.deleteFrom('key_proofs').where('certificate_id', '=', certificateId).execute();
}

/** Ids of certificates of a contact that were proved. */
export async function provedCertificates(db: Db, contactId: string): Promise<Set<string>> {
  const rows = await db
    .selectFrom('key_proofs')
    .select('certificate_id')
    .where('contact_id', '=', contactId)
    .where('proved_at', 'is not', null)
    .execute();
  return new Set(rows.map(({ certificate_id }) => certificate_id));
}

export type Warning = Schema['certificate_warnings'];

/** Of these certificates. */
export async function givenWarnings(db: Db, certificateIds: readonly string[]): Promise<Warning[]> {
  const found: Warning[] = [];
  for (const some of portions(certificateIds))
    found.push(...(await db.selectFrom('certificate_warnings').selectAll().where('certificate_id', 'in', some).execute()));
  return found;
}

/** False where that warning was given. */
export async function insertWarning(db: Db, warning: Warning): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('certificate_warnings')
    .values(warning)
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  return Boolean(numInsertedOrUpdatedRows);
}

/**
 * That the owner of a certificate which cannot be encrypted to any more was asked for a new one: kept among the warnings, as that of no
 * days and no end.
 */
const ASKED = { days: 0, ends_at: 0 } as const;

/** False where he was asked already. */
export async function insertAsked(db: Db, certificateId: string, now: Instant): Promise<boolean> {
  return insertWarning(db, { certificate_id: certificateId, ...ASKED, created_at: now });
}

/** Ids of the certificates whose owners were asked. */
export async function askedFor(db: Db): Promise<Set<string>> {
  const rows = await db
    .selectFrom('certificate_warnings')
    .select('certificate_id')
    .where('days', '=', ASKED.days)
    .where('ends_at', '=', ASKED.ends_at)
    .execute();
  return new Set(rows.map(({ certificate_id }) => certificate_id));
}

/** These can be encrypted to again: when they end the next time, their owners are asked anew. */
export async function forgetAsked(db: Db, certificateIds: readonly string[]): Promise<void> {
  if (certificateIds.length === 0) return;
  await db
    .deleteFrom('certificate_warnings')
    .where('certificate_id', 'in', certificateIds)
    .where('days', '=', ASKED.days)
    .where('ends_at', '=', ASKED.ends_at)
    .execute();
}
