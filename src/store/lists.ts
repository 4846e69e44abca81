import { Refusal } from '../refusal.ts';
import type { Db } from './database.ts';
import type { List } from './schema.ts';

/** Throws Refusal('conflict') where a list with this address is there. */
export async function insert(db: Db, list: List): Promise<void> {
  const address = list.address.toLowerCase();
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('lists')
    .values({ ...list, address })
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  if (!numInsertedOrUpdatedRows) throw new Refusal('conflict', `The list ${address} is there already`);
}

/** `address` in any case. */
export async function byAddress(db: Db, address: string): Promise<List | undefined> {
  return await db.selectFrom('lists').selectAll().where('address', '=', address.toLowerCase()).executeTakeFirst();
}

export async function byId(db: Db, id: string): Promise<List | undefined> {
  return await db.selectFrom('lists').selectAll().where('id', '=', id).executeTakeFirst();
}

/**
 * Until the transaction ends, no other one gets past its own call for that list. SQLite's transactions are alone anyhow;
 * PostgreSQL locks the row of an update, and this one changes nothing.
 */
export async function lock(db: Db, id: string): Promise<void> {
  await db
    .updateTable('lists')
    .set((eb) => ({ name: eb.ref('name') }))
    .where('id', '=', id)
    .execute();
}

/** By address. */
export async function all(db: Db): Promise<List[]> {
  return await db.selectFrom('lists').selectAll().orderBy('address').execute();
}
