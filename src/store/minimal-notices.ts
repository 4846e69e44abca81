import type { Db } from './database.ts';
import type { MinimalNotice } from './schema.ts';

export async function ofCase(db: Db, caseId: string): Promise<MinimalNotice | undefined> {
  return db.selectFrom('minimal_notices').selectAll().where('case_id', '=', caseId).executeTakeFirst();
}

/** Its post is there already. */
export async function insert(db: Db, row: MinimalNotice): Promise<void> {
  await db.insertInto('minimal_notices').values(row).execute();
}
