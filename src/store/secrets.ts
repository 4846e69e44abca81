import type { Db } from './database.ts';

/** The secret of that name; `made` is kept and given where there was none. Two at once get the same. */
export async function obtain(db: Db, name: string, made: Uint8Array): Promise<Uint8Array> {
  const known = await db.selectFrom('secrets').select('value').where('name', '=', name).executeTakeFirst();
  if (known) return known.value;
  await db
    .insertInto('secrets')
    .values({ name, value: made })
    .onConflict((oc) => oc.doNothing())
    .execute();
  return (await db.selectFrom('secrets').select('value').where('name', '=', name).executeTakeFirstOrThrow()).value;
}
