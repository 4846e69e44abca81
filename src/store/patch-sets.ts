import type { Insertable } from 'kysely';
import type { Db } from './database.ts';
import type { PatchSet, Schema } from './schema.ts';

/** All that were approved, the newest first: each supersedes those below. */
export async function ofCase(db: Db, caseId: string): Promise<PatchSet[]> {
  return db.selectFrom('patch_sets').selectAll().where('case_id', '=', caseId).orderBy('revision', 'desc').execute();
}

/** The next revision. Whoever adds one has locked the case. */
export async function add(db: Db, set: Omit<Insertable<Schema['patch_sets']>, 'revision'>): Promise<number> {
  const [last] = await ofCase(db, set.case_id);
  const revision = (last?.revision ?? 0) + 1;
  await db
    .insertInto('patch_sets')
    .values({ ...set, revision })
    .execute();
  return revision;
}
