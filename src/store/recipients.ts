import { Refusal } from '../refusal.ts';
import type { Db } from './database.ts';
import * as lists from './lists.ts';
import type { PageOf } from './rows.ts';
import type { Recipient } from './schema.ts';

/** Throws Refusal('conflict') where the address gets this list already, as a subscriber or as an external address. */
export async function insert(db: Db, recipient: Recipient): Promise<void> {
  const address = recipient.address.toLowerCase();
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('recipients')
    .values({ ...recipient, address })
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  if (!numInsertedOrUpdatedRows) throw new Refusal('conflict', `${address} gets this list already`);
}

/** False where the address did not get the list. */
export async function remove(db: Db, listId: string, address: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('recipients')
    .where('list_id', '=', listId)
    .where('address', '=', address.toLowerCase())
    .executeTakeFirst();
  return numDeletedRows === 1n;
}

/** By address. */
export async function ofList(db: Db, listId: string): Promise<Recipient[]> {
  return await db.selectFrom('recipients').selectAll().where('list_id', '=', listId).orderBy('address').execute();
}

/** As `ofList`, after the one with that address. */
export async function page(db: Db, { limit, after, listId }: PageOf & { listId: string }): Promise<Recipient[]> {
  let query = db.selectFrom('recipients').selectAll().where('list_id', '=', listId).orderBy('address').limit(limit);
  if (after !== undefined) query = query.where('address', '>', after);
  return await query.execute();
}

/** The one of a list with that id or, in any case, that address. */
export async function byIdOrAddress(db: Db, listId: string, named: string): Promise<Recipient | undefined> {
  const lower = named.toLowerCase();
  return await db
    .selectFrom('recipients')
    .selectAll()
    .where('list_id', '=', listId)
    .where((eb) => eb.or([eb('id', '=', lower), eb('address', '=', lower)]))
    .executeTakeFirst();
}

/**
 * Whoever makes an address a contact's or an external one takes this first in his transaction, and looks then whether it is the other
 * already: until the transaction ends, nobody else gets past it. There are external addresses only where there are public lists.
 */
export async function lockExternal(db: Db): Promise<void> {
  const rows = await db.selectFrom('lists').select('id').where('role', '=', 'public').orderBy('id').execute();
  for (const { id } of rows) await lists.lock(db, id);
}

/** Whether it is an external address of any list. Lower case. */
export async function isExternal(db: Db, address: string): Promise<boolean> {
  const found = await db
    .selectFrom('recipients')
    .select('id')
    .where('address', '=', address)
    .where('kind', '=', 'external')
    .executeTakeFirst();
  return found !== undefined;
}

/** Whether any list goes to it. Lower case. */
export async function isRecipient(db: Db, address: string): Promise<boolean> {
  const found = await db.selectFrom('recipients').select('id').where('address', '=', address).executeTakeFirst();
  return found !== undefined;
}

/** The external addresses of all lists: nothing but what is released may be addressed to them. Lower case. */
export async function externalAddresses(db: Db): Promise<string[]> {
  const rows = await db.selectFrom('recipients').select('address').distinct().where('kind', '=', 'external').execute();
  return rows.map((row) => row.address);
}
