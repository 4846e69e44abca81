import type { Insertable } from 'kysely';
import type { Db } from './database.ts';
import type { Schema } from './schema.ts';

/** Files what is public of a case; the database refuses it for one that is not released. */
export async function insert(db: Db, row: Insertable<Schema['advisories']>): Promise<void> {
  await db.insertInto('advisories').values(row).execute();
}

/** Of released cases alone: there are no others in the table. */
export async function documents(db: Db): Promise<string[]> {
  const rows = await db.selectFrom('advisories').select('document').orderBy('case_id').execute();
  return rows.map(({ document }) => document);
}

/** Another one with every change of any of them. */
export async function stamp(db: Db): Promise<string> {
  const { count, revisions, last } = await db
    .selectFrom('advisories')
    .select(({ fn }) => [
      fn.countAll<number>().as('count'),
      fn.sum<number>('revision').as('revisions'),
      fn.max('updated_at').as('last'),
    ])
    .executeTakeFirstOrThrow();
  return `${count} ${revisions} ${last}`;
}
