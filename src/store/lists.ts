import { Refusal } from '../refusal.ts';
import { type Database, type Db, hasTable } from './database.ts';
import type { PageOf } from './rows.ts';
import type { List, ListChange, NewList } from './schema.ts';

/** Gives the row. Throws Refusal('conflict') where a list with this address is there. */
export async function insert(db: Db, list: NewList): Promise<List> {
  const address = list.address.toLowerCase();
  const taken = new Refusal('conflict', `The list ${address} is there already`);
  // SQLite's own guard takes any insert of a known list for an attempt to replace it.
  if ((await byId(db, list.id)) || (await byAddress(db, address))) throw taken;
  const row = await db
    .insertInto('lists')
    .values({ ...list, address })
    .onConflict((oc) => oc.doNothing())
    .returningAll()
    .executeTakeFirst();
  if (!row) throw taken;
  return row;
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

/** Whether there are any. False for a database without the table, too: it may be anybody's. */
export async function some(db: Database): Promise<boolean> {
  return (await hasTable(db, 'lists')) && (await all(db)).length > 0;
}

/** Changes what a list takes and adds. False: there is no such list. */
export async function change(db: Db, id: string, to: ListChange): Promise<boolean> {
  const { numUpdatedRows } = await db.updateTable('lists').set(to).where('id', '=', id).executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** By address. */
export async function all(db: Db): Promise<List[]> {
  return await db.selectFrom('lists').selectAll().orderBy('address').execute();
}

/** Those that anything hangs on, by address: where reports come in, and each that has members or readers, or that anything was written to. */
export async function inUse(db: Db): Promise<List[]> {
  const query = db.selectFrom('lists').selectAll().orderBy('address');
  return await query
    .where((eb) =>
      eb.or([
        eb('role', '=', 'intake'),
        eb.exists(eb.selectFrom('member_lists').select('list_id').whereRef('list_id', '=', 'lists.id')),
        eb.exists(eb.selectFrom('recipients').select('list_id').whereRef('list_id', '=', 'lists.id')),
        eb.exists(eb.selectFrom('posts').select('list_id').whereRef('list_id', '=', 'lists.id')),
      ]),
    )
    .execute();
}

/** The addresses of lists, by their ids. */
export async function addresses(db: Db, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db.selectFrom('lists').select(['id', 'address']).where('id', 'in', ids).execute();
  return new Map(rows.map(({ id, address }) => [id, address]));
}

/** As `all`, after the one with that address. */
export async function page(db: Db, { limit, after }: PageOf): Promise<List[]> {
  let query = db.selectFrom('lists').selectAll().orderBy('address').limit(limit);
  if (after !== undefined) query = query.where('address', '>', after);
  return await query.execute();
}
