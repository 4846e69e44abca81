import type { Db } from './database.ts';
import type { MinimalNotice } from './schema.ts';

export async function ofCase(db: Db, caseId: string): Promise<MinimalNotice | undefined> {
  return db.selectFrom('minimal_notices').selectAll().where('case_id', '=', caseId).executeTakeFirst();
}

/** Ids of those of the cases that have one. */
export async function amongCases(db: Db, caseIds: readonly string[]): Promise<string[]> {
  if (caseIds.length === 0) return [];
  const rows = await db.selectFrom('minimal_notices').select('case_id').where('case_id', 'in', caseIds).execute();
  return rows.map(({ case_id }) => case_id);
}

/** Its post is there already. */
export async function insert(db: Db, row: MinimalNotice): Promise<void> {
  await db.insertInto('minimal_notices').values(row).execute();
}
