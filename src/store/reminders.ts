import type { Insertable } from 'kysely';
import type { Db } from './database.ts';
import type { Schema } from './schema.ts';

export interface Told {
  caseId: string;
  what: string;
  dueAt: number;
  /** The highest. */
  level: number;
}

/** What was told of these cases. */
export async function ofCases(db: Db, caseIds: readonly string[]): Promise<Told[]> {
  if (caseIds.length === 0) return [];
  return db
    .selectFrom('reminders')
    .select(({ fn }) => ['case_id as caseId', 'what', 'due_at as dueAt', fn.max('level').as('level')])
    .where('case_id', 'in', caseIds)
    .groupBy(['case_id', 'what', 'due_at'])
    .execute();
}

/** Whether it was not told before, at this level or a higher one. Whoever asks has locked the case. */
export async function insert(db: Db, row: Insertable<Schema['reminders']>): Promise<boolean> {
  const told = await db
    .selectFrom('reminders')
    .select('level')
    .where('case_id', '=', row.case_id)
    .where('what', '=', row.what)
    .where('due_at', '=', row.due_at)
    .where('level', '>=', row.level)
    .executeTakeFirst();
  if (told) return false;
  await db.insertInto('reminders').values(row).execute();
  return true;
}
