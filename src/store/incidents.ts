import type { Instant } from '../clock.ts';
import type { Db } from './database.ts';
import type { Incident, NewIncident } from './schema.ts';

export async function insert(db: Db, incident: NewIncident): Promise<void> {
  await db.insertInto('incidents').values(incident).execute();
}

export async function byId(db: Db, id: string): Promise<Incident | undefined> {
  return db.selectFrom('incidents').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Newest first. `before` is the id of the last one on the page before. */
export async function page(
  db: Db,
  of: { limit: number; before?: string; caseIds?: readonly string[]; open?: boolean },
): Promise<Incident[]> {
  let query = db.selectFrom('incidents').selectAll().orderBy('id', 'desc').limit(of.limit);
  if (of.before !== undefined) query = query.where('id', '<', of.before);
  if (of.caseIds !== undefined) query = query.where('case_id', 'in', of.caseIds.length > 0 ? of.caseIds : ['']);
  if (of.open !== undefined) query = query.where('closed_at', of.open ? 'is' : 'is not', null);
  return query.execute();
}

/** Those of a case after `since`, newest first. */
export async function recent(db: Db, caseId: string, since: Instant): Promise<Incident[]> {
  return db
    .selectFrom('incidents')
    .selectAll()
    .where('case_id', '=', caseId)
    .where('at', '>', since)
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .execute();
}

/** One more mail counts with it. */
export async function count(db: Db, id: string, now: Instant): Promise<void> {
  await db
    .updateTable('incidents')
    .set((eb) => ({ mails: eb('mails', '+', 1), last_at: now }))
    .where('id', '=', id)
    .execute();
}

/** Of which nobody knows yet, the oldest first. */
export async function untold(db: Db, limit: number): Promise<Incident[]> {
  return db.selectFrom('incidents').selectAll().where('told_at', 'is', null).orderBy('id').limit(limit).execute();
}

/** False: somebody else did it. */
export async function markTold(db: Db, id: string, now: Instant): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('incidents')
    .set({ told_at: now })
    .where('id', '=', id)
    .where('told_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** False: it is closed. */
export async function close(db: Db, id: string, by: string, now: Instant): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('incidents')
    .set({ closed_by: by, closed_at: now })
    .where('id', '=', id)
    .where('closed_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
