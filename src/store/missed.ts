import type { Db } from './database.ts';
import { portions } from './rows.ts';

/* Who has a dispatch of a case and was not told what came of it since: he might not know of it then. When he may again, he is to be told. */

export async function note(db: Db, caseId: string, contactIds: readonly string[]): Promise<void> {
  for (const some of portions([...new Set(contactIds)]))
    await db
      .insertInto('missed')
      .values(some.map((contact_id) => ({ case_id: caseId, contact_id })))
      .onConflict((oc) => oc.doNothing())
      .execute();
}

/** The cases of which somebody missed something. */
export async function casesOf(db: Db): Promise<string[]> {
  const rows = await db.selectFrom('missed').select('case_id').distinct().orderBy('case_id').execute();
  return rows.map(({ case_id }) => case_id);
}

/**
 * A contact who missed something of a case, once for each list that brought him a dispatch. `has`: one is out, and none is on its way, or what he reads last
 * would be what it says.
 */
export interface Missing {
  id: string;
  memberId: string;
  listId: string;
  has: boolean;
}

export async function ofCase(db: Db, caseId: string): Promise<Missing[]> {
  const rows = await db
    .selectFrom('missed')
    .innerJoin('deliveries', (join) =>
      join.onRef('deliveries.contact_id', '=', 'missed.contact_id').onRef('deliveries.case_id', '=', 'missed.case_id'),
    )
    .innerJoin('posts', 'posts.id', 'deliveries.post_id')
    .innerJoin('contacts', 'contacts.id', 'deliveries.contact_id')
    .select(['contacts.id', 'contacts.member_id as memberId', 'deliveries.list_id as listId'])
    .select(({ fn }) => [
      fn.countAll().filterWhere('deliveries.state', '=', 'delivered').as('out'),
      fn.countAll().filterWhere('deliveries.state', 'in', ['queued', 'leased', 'deferred']).as('coming'),
    ])
    .where('missed.case_id', '=', caseId)
    .where('posts.kind', '=', 'dispatch')
    .groupBy(['contacts.id', 'contacts.member_id', 'deliveries.list_id'])
    .orderBy('contacts.id')
    .execute();
  return rows.map(({ out, coming, ...row }) => ({ ...row, has: Number(out) > 0 && Number(coming) === 0 }));
}

/** They were told, or need not be; all of the case where nobody is named. */
export async function forget(db: Db, caseId: string, contactIds?: readonly string[]): Promise<void> {
  const all = db.deleteFrom('missed').where('case_id', '=', caseId);
  if (contactIds === undefined) await all.execute();
  else for (const some of portions([...new Set(contactIds)])) await all.where('contact_id', 'in', some).execute();
}
