import type { Db } from './database.ts';
import { portions } from './rows.ts';
import type { PostKind } from './schema.ts';
import { UNDER_WAY } from './under-way.ts';

/*
 * Who has a dispatch of a case and was not told what came of it since, as he might not know of it then, or has it only now. When he may know of it, he is
 * to be told.
 */

/** By what members know how a case stands. */
const TELLING: readonly PostKind[] = ['dispatch', 'prenotice', 'notice', 'leaked', 'withdrawn'];

export async function note(db: Db, caseId: string, contactIds: readonly string[]): Promise<void> {
  for (const some of portions([...new Set(contactIds)]))
    await db
      .insertInto('missed')
      .values(some.map((contact_id) => ({ case_id: caseId, contact_id })))
      .onConflict((oc) => oc.doNothing())
      .execute();
}

/** Of held copies that are to go out: what they say may hold no more, and may come after what was said since. */
export async function noteLate(db: Db, copyIds: readonly string[]): Promise<void> {
  for (const some of portions(copyIds))
    await db
      .insertInto('missed')
      .columns(['case_id', 'contact_id'])
      .expression(
        db
          .selectFrom('deliveries')
          .innerJoin('posts', 'posts.id', 'deliveries.post_id')
          .select(({ ref }) => [
            ref('deliveries.case_id').$notNull().as('case_id'),
            ref('deliveries.contact_id').$notNull().as('contact_id'),
          ])
          .distinct()
          .where('deliveries.id', 'in', some)
          .where('deliveries.state', '=', 'held')
          .where('deliveries.case_id', 'is not', null)
          .where('deliveries.contact_id', 'is not', null)
          .where('posts.kind', 'in', TELLING),
      )
      .onConflict((oc) => oc.doNothing())
      .execute();
}

/** The cases of which somebody missed something. */
export async function casesOf(db: Db): Promise<string[]> {
  const rows = await db.selectFrom('missed').select('case_id').distinct().orderBy('case_id').execute();
  return rows.map(({ case_id }) => case_id);
}

/**
 * A contact who missed something of a case, once for each list that brought him a dispatch. `has`: one is out, and no
 * older word is on its way to him than one that he has: what he reads last would be what that says.
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
    .innerJoin('all_deliveries as deliveries', (join) =>
      join.onRef('deliveries.contact_id', '=', 'missed.contact_id').onRef('deliveries.case_id', '=', 'missed.case_id'),
    )
    .innerJoin('posts', 'posts.id', 'deliveries.post_id')
    .innerJoin('contacts', 'contacts.id', 'deliveries.contact_id')
    .select(['contacts.id', 'contacts.member_id as memberId', 'deliveries.list_id as listId'])
    .select(({ fn }) => [fn.countAll().filterWhere('deliveries.state', '=', 'delivered').as('out')])
    .select(({ exists, selectFrom }) =>
      exists(
        selectFrom('deliveries as other')
          .innerJoin('posts as telling', 'telling.id', 'other.post_id')
          .select('other.id')
          .whereRef('other.case_id', '=', 'missed.case_id')
          .whereRef('other.contact_id', '=', 'missed.contact_id')
          .where('other.state', 'in', UNDER_WAY)
          .where('telling.kind', 'in', TELLING)
          // Else what he is to be told waits behind it, as any later word.
          .where((eb) =>
            eb.exists(
              eb
                .selectFrom('all_deliveries as out')
                .innerJoin('posts as later', 'later.id', 'out.post_id')
                .select('out.id')
                .whereRef('out.case_id', '=', 'missed.case_id')
                .whereRef('out.contact_id', '=', 'missed.contact_id')
                .where('out.state', '=', 'delivered')
                .where('later.kind', 'in', TELLING)
                .whereRef('later.place', '>', 'telling.place'),
            ),
          ),
      ).as('coming'),
    )
    .where('missed.case_id', '=', caseId)
    .where('posts.kind', '=', 'dispatch')
    .groupBy(['contacts.id', 'contacts.member_id', 'deliveries.list_id', 'missed.case_id', 'missed.contact_id'])
    .orderBy('contacts.id')
    .execute();
  return rows.map(({ out, coming, ...row }) => ({ ...row, has: Number(out) > 0 && !coming }));
}

/** They were told, or need not be; all of the case where nobody is named. */
export async function forget(db: Db, caseId: string, contactIds?: readonly string[]): Promise<void> {
  const all = db.deleteFrom('missed').where('case_id', '=', caseId);
  if (contactIds === undefined) await all.execute();
  else for (const some of portions([...new Set(contactIds)])) await all.where('contact_id', 'in', some).execute();
}
