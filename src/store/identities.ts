import type { Instant } from '../clock.ts';
import type { Db } from './database.ts';
import type { Identity } from './schema.ts';

/** What names an account for good. */
export type AccountKey = Pick<Identity, 'issuer' | 'subject'>;

/** Notes that a confirmed account signed in, and holds its row until the transaction is over. Gives whose it is. */
export async function signedIn(trx: Db, { issuer, subject }: AccountKey, now: Instant): Promise<string | undefined> {
  const row = await trx
    .updateTable('identities')
    .set({ signed_in_at: now })
    .where('issuer', '=', issuer)
    .where('subject', '=', subject)
    .where('confirmed_at', 'is not', null)
    .returning('contact_id')
    .executeTakeFirst();
  return row?.contact_id;
}

/** Writes down whose an account says it is. One that is confirmed stays as it is. */
export async function propose(db: Db, identity: Omit<Identity, 'confirmed_at' | 'signed_in_at'>): Promise<void> {
  const { contact_id, created_at } = identity;
  await db
    .insertInto('identities')
    .values({ ...identity, confirmed_at: null, signed_in_at: null })
    .onConflict((oc) =>
      oc.columns(['issuer', 'subject']).doUpdateSet({ contact_id, created_at }).where('identities.confirmed_at', 'is', null),
    )
    .execute();
}

/** False where the account does not say that it is that person's, or was confirmed before. */
export async function confirm(db: Db, { issuer, subject }: AccountKey, contactId: string, now: Instant): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('identities')
    .set({ confirmed_at: now })
    .where('issuer', '=', issuer)
    .where('subject', '=', subject)
    .where('contact_id', '=', contactId)
    .where('confirmed_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Forgets the accounts of a person: all of them, or the confirmed one; how many. */
export async function forget(db: Db, contactId: string, which: 'all' | 'confirmed'): Promise<number> {
  let query = db.deleteFrom('identities').where('contact_id', '=', contactId);
  if (which === 'confirmed') query = query.where('confirmed_at', 'is not', null);
  const { numDeletedRows } = await query.executeTakeFirst();
  return Number(numDeletedRows);
}

/** Each with the address of its person, by that. */
export async function all(db: Db): Promise<(Identity & { address: string })[]> {
  return await db
    .selectFrom('identities')
    .innerJoin('contacts', 'contacts.id', 'identities.contact_id')
    .selectAll('identities')
    .select('contacts.address')
    .orderBy('contacts.address')
    .orderBy('identities.created_at')
    .execute();
}
