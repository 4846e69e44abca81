import { isTakenIn } from './contacts.ts';
import type { Db } from './database.ts';
import type { Post, PostKind } from './schema.ts';

/*
 * Who has a dispatch of a case, and no copy of what was distributed of it since through the list that brought it: he was suspended or retired then, was not
 * on the list, or might not know of the case.
 */

const DISTRIBUTED: readonly PostKind[] = ['dispatch', 'prenotice'];

export type Distributed = Pick<Post, 'id' | 'kind' | 'list_id' | 'case_id' | 'bundle_hash' | 'received_at'>;

/** The newest dispatch and the newest second notice of each list, in the order in which they were sent. */
export async function newest(db: Db, caseId: string): Promise<Distributed[]> {
  const rows = await db
    .selectFrom('posts')
    .select(['id', 'kind', 'list_id', 'case_id', 'bundle_hash', 'received_at'])
    .where('case_id', '=', caseId)
    .where('kind', 'in', DISTRIBUTED)
    .where('state', '=', 'accepted')
    .orderBy('received_at')
    .orderBy('id')
    .execute();
  const last = new Map(rows.map((row) => [`${row.kind} ${row.list_id}`, row]));
  return [...last.values()].sort((one, other) => one.received_at - other.received_at);
}

/** Ids of the contacts who lack it. A copy that failed is no lack: the team knows of it, and sends it again. */
export async function of(db: Db, post: Distributed): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('all_deliveries as deliveries')
    .innerJoin('posts', 'posts.id', 'deliveries.post_id')
    .innerJoin('contacts', 'contacts.id', 'deliveries.contact_id')
    .innerJoin('members', 'members.id', 'contacts.member_id')
    .select(['contacts.id', 'posts.id as postId', 'posts.kind', 'posts.bundle_hash', 'deliveries.created_at'])
    .where('deliveries.case_id', '=', post.case_id)
    .where('deliveries.list_id', '=', post.list_id)
    .where('posts.kind', 'in', DISTRIBUTED)
    .where(isTakenIn)
    .execute();
  const isIt = (row: (typeof rows)[number]) =>
    row.postId === post.id || (row.kind === post.kind && row.bundle_hash !== null && row.bundle_hash === post.bundle_hash);
  const has = new Set(rows.filter(isIt).map(({ id }) => id));
  const had = rows.filter(({ kind, created_at }) => kind === 'dispatch' && created_at <= post.received_at);
  return new Set(had.map(({ id }) => id).filter((id) => !has.has(id)));
}
