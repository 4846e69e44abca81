import type { Instant } from '../clock.ts';
import type { Db } from './database.ts';
import type { RestorationTable } from './schema.ts';

/** The last time that the database was restored, or the one that is not confirmed; undefined where it never was. */
export async function last(db: Db): Promise<RestorationTable | undefined> {
  return await db
    .selectFrom('restorations')
    .selectAll()
    // A clock that was wrong then may have another one be the later.
    .orderBy((eb) => eb.case().when('confirmed_at', 'is', null).then(0).else(1).end())
    .orderBy('restored_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** Whether some restoration was ended in the middle. */
export async function isUnfinished(db: Db): Promise<boolean> {
  return (
    (await db.selectFrom('restorations').select('id').where('held_at', 'is', null).limit(1).executeTakeFirst()) !== undefined
  );
}

/** Whether it was restored, and nobody has said yet that what happened since the backup was looked at. */
export async function isOpen(db: Db): Promise<boolean> {
  const open = await db.selectFrom('restorations').select('id').where('confirmed_at', 'is', null).limit(1).executeTakeFirst();
  return open !== undefined;
}

export async function insert(db: Db, row: Pick<RestorationTable, 'id' | 'taken_at' | 'restored_at'>): Promise<void> {
  await db.insertInto('restorations').values(row).execute();
}

export async function markHeld(db: Db, id: string, now: Instant): Promise<void> {
  await db.updateTable('restorations').set({ held_at: now }).where('id', '=', id).execute();
}

/** All that are open, those of a backup that was taken before one was confirmed as well. False: none is any more. */
export async function confirm(db: Db, by: string, now: Instant): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('restorations')
    .set({ confirmed_at: now, confirmed_by: by })
    .where('confirmed_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}
