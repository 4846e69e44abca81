import { isTakenIn } from './contacts.ts';
import type { Db } from './database.ts';
import type { DeliveryState, Post, PostKind } from './schema.ts';
import { UNDER_WAY } from './under-way.ts';

/*
 * Who has a dispatch of a case, and no copy of what was distributed of it since through the list that brought it: he was suspended or retired then, was not
 * on the list, or might not know of the case.
 */

/** Of another list only what is out, or on its way, is a copy that he has. */
const HAD: ReadonlySet<DeliveryState> = new Set<DeliveryState>(['delivered', ...UNDER_WAY]);

const DISTRIBUTED: readonly PostKind[] = ['dispatch', 'prenotice'];

export type Distributed = Pick<Post, 'id' | 'kind' | 'list_id' | 'case_id' | 'bundle_hash' | 'place'>;

/** The newest dispatch and the newest second notice of each list, in the order in which they were sent. */
export async function newest(db: Db, caseId: string): Promise<Distributed[]> {
  const rows = await db
    .selectFrom('posts')
    .select(['id', 'kind', 'list_id', 'case_id', 'bundle_hash', 'place'])
    .where('case_id', '=', caseId)
    .where('kind', 'in', DISTRIBUTED)
    .where('state', '=', 'accepted')
    .orderBy('place')
    .execute();
  const last = new Map(rows.map((row) => [`${row.kind} ${row.list_id}`, row]));
  return [...last.values()].sort((one, other) => one.place - other.place);
}

/**
 * Ids of the contacts who lack it: they have an older dispatch through its list, and neither it nor a later one through whichever list. A copy of that list
 * that failed is no lack: the team knows of it, and sends it again.
 */
export async function of(db: Db, post: Distributed): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('all_deliveries as deliveries')
    .innerJoin('posts', 'posts.id', 'deliveries.post_id')
    .innerJoin('contacts', 'contacts.id', 'deliveries.contact_id')
    .innerJoin('members', 'members.id', 'contacts.member_id')
    .select([
      'contacts.id',
      'posts.id as postId',
      'posts.kind',
      'posts.bundle_hash',
      'posts.place',
      'deliveries.list_id',
      'deliveries.state',
    ])
    .where('deliveries.case_id', '=', post.case_id)
    .where('posts.kind', 'in', DISTRIBUTED)
    .where(isTakenIn)
    .execute();
  const isSame = ({ bundle_hash: hash }: (typeof rows)[number]) => hash !== null && hash === post.bundle_hash;
  const isItOrLater = (row: (typeof rows)[number]) =>
    row.postId === post.id ||
    (row.kind === post.kind && (row.place > post.place || isSame(row)) && (row.list_id === post.list_id || HAD.has(row.state)));
  const has = new Set(rows.filter(isItOrLater).map(({ id }) => id));
  const had = rows.filter(
    ({ kind, list_id: list, place }) => kind === 'dispatch' && list === post.list_id && place <= post.place,
  );
  return new Set(had.map(({ id }) => id).filter((id) => !has.has(id)));
}
