import { sql } from 'kysely';
import type { Instant } from '../clock.ts';
import type { Db } from './database.ts';
import type { NewPost, Post, PostKind, PostState } from './schema.ts';

/** Behind all that are there. Two of two cases may come to have the same place. */
export async function insert(db: Db, post: NewPost): Promise<void> {
  const place = sql<number>`(select coalesce(max(place), 0) + 1 from posts)`;
  await db
    .insertInto('posts')
    .values({ ...post, place })
    .execute();
}

/** The place of the last one; 0 where there is none. */
export async function lastPlace(db: Db): Promise<number> {
  const { place } = await db
    .selectFrom('posts')
    .select(({ fn }) => fn.max('place').as('place'))
    .executeTakeFirstOrThrow();
  return Number(place ?? 0);
}

export async function byId(db: Db, id: string): Promise<Post | undefined> {
  return db.selectFrom('posts').selectAll().where('id', '=', id).executeTakeFirst();
}

/** What tells that a mail was here before: its signature; or its ciphertext, or its Message-ID together with its body. SHA-256, hex. */
export interface Marks {
  digest: string;
  signature_digest: string | null;
  message_id_digest: string | null;
}

/** Where a mail goes: the same one may well be for two cases, or for the list and for the people behind it. */
export interface Place {
  listId: string;
  kind: PostKind;
  /** Of a thread. A report opens its case, and has none before. */
  caseId: string | null;
  /** The signature says that it is for this place and for others of the list: it may stand at each of them once. */
  oneOfSeveral: boolean;
}

/** The earlier post which is the same: at that place, or, of what people sign once for a list, anywhere on it. Or undefined. */
export async function like(db: Db, place: Place, marks: Marks): Promise<{ id: string } | undefined> {
  return (await likeAt(db, place, marks)) ?? (place.oneOfSeveral ? undefined : await elsewhere(db, place, marks));
}

/** What people write to the readers of a list. */
const WORDS: readonly PostKind[] = ['report', 'post'];

/**
 * Sealed anew, a signed text could be sent on to another case of the list. One that is held, or is nobody's of the roster, takes no
 * place from what its signer sends.
 */
async function elsewhere(db: Db, { listId, kind }: Place, { signature_digest }: Marks): Promise<{ id: string } | undefined> {
  if (signature_digest === null || !WORDS.includes(kind)) return undefined;
  return db
    .selectFrom('posts')
    .select('id')
    .where('list_id', '=', listId)
    .where('kind', 'in', WORDS)
    .where('signature_digest', '=', signature_digest)
    .where('state', '=', 'accepted')
    .where('signer_contact_id', 'is not', null)
    .executeTakeFirst();
}

/** One mark after the other, each by its index: by either of them SQLite goes through all posts of the list. */
async function likeAt(db: Db, { listId, kind, caseId }: Place, marks: Marks): Promise<{ id: string } | undefined> {
  for (const mark of ['signature_digest', 'message_id_digest'] as const) {
    const value = marks[mark];
    if (!value) continue;
    const found = await db
      .selectFrom('posts')
      .select('id')
      .where('list_id', '=', listId)
      .where('kind', '=', kind)
      .$if(kind !== 'report', (query) => query.where('case_id', caseId === null ? 'is' : '=', caseId))
      .where(mark, '=', value)
      .executeTakeFirst();
    if (found) return found;
  }
  return undefined;
}

/** Posts of one signer that were held on one list, by why and by how they came. */
export interface HeldOf {
  listId: string;
  signerId: string;
  reason: string;
  /** In any case. */
  address: string;
  /** Those that came sealed from that address, by the envelope, or all others. */
  fromHim: boolean;
}

/** How many there were after `since`, whatever became of them. */
export async function countHeld(db: Db, { listId, signerId, reason, address, fromHim }: HeldOf, since: Instant): Promise<number> {
  const { count } = await db
    .selectFrom('posts')
    .select((eb) => eb.fn.countAll().as('count'))
    .where('list_id', '=', listId)
    .where('signer_contact_id', '=', signerId)
    .where('hold_reason', '=', reason)
    .where('received_at', '>', since)
    .where((eb) => {
      const sender = eb.fn<string>('lower', [eb.fn.coalesce('sender', eb.val(''))]);
      const his = eb.and([eb(sender, '=', address.toLowerCase()), eb('encrypted', '=', 1)]);
      return fromHim ? his : eb.not(his);
    })
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** What is known of a post without opening it. */
export type PostFacts = Omit<Post, 'content'>;

const FACTS = [
  'id',
  'list_id',
  'case_id',
  'kind',
  'digest',
  'signature_digest',
  'message_id_digest',
  'sender',
  'signer_contact_id',
  'signer_fingerprint',
  'encrypted',
  'received_at',
  'place',
  'size',
  'bundle_hash',
  'patch_revision',
  'to_reporter',
  'state',
  'hold_reason',
  'hits',
  'signatures',
  'decided_by',
  'decided_at',
  'purged_at',
] as const;

export async function factsById(db: Db, id: string): Promise<PostFacts | undefined> {
  return db.selectFrom('posts').select(FACTS).where('id', '=', id).executeTakeFirst();
}

/** What was kept of it; empty where that was taken away. */
export async function contentOf(db: Db, id: string): Promise<Uint8Array> {
  const { content } = await db.selectFrom('posts').select('content').where('id', '=', id).executeTakeFirstOrThrow();
  return content;
}

/** Everything about posts but their content, newest first. `before` is the id of the last one on the page before. */
export async function page(
  db: Db,
  of: { limit: number; before?: string; caseId?: string; state?: PostState; listId?: string },
): Promise<PostFacts[]> {
  let query = db.selectFrom('posts').select(FACTS).orderBy('id', 'desc').limit(of.limit);
  if (of.before !== undefined) query = query.where('id', '<', of.before);
  if (of.caseId !== undefined) query = query.where('case_id', '=', of.caseId);
  if (of.state !== undefined) query = query.where('state', '=', of.state);
  if (of.listId !== undefined) query = query.where('list_id', '=', of.listId);
  return query.execute();
}

export async function stateOf(db: Db, id: string): Promise<PostState | undefined> {
  return (await db.selectFrom('posts').select('state').where('id', '=', id).executeTakeFirst())?.state;
}

/** Its state, which nobody changes until the transaction ends: PostgreSQL locks the row of an update, and this one changes nothing. */
export async function lockState(trx: Db, id: string): Promise<PostState | undefined> {
  const locked = await trx
    .updateTable('posts')
    .set((eb) => ({ state: eb.ref('state') }))
    .where('id', '=', id)
    .returning('state')
    .executeTakeFirst();
  return locked?.state;
}

/** Decides on a held post. False: it is not held, or somebody else was faster. */
export async function decide(
  db: Db,
  id: string,
  to: { state: 'accepted' | 'refused'; by: string | null; at: Instant },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('posts')
    .set({ state: to.state, decided_by: to.by, decided_at: to.at })
    .where('id', '=', id)
    .where('state', '=', 'held')
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Holds a post that was accepted. False: it is not. */
export async function stop(db: Db, id: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('posts')
    .set({ state: 'held', hold_reason: 'stopped', decided_by: null, decided_at: null })
    .where('id', '=', id)
    .where('state', '=', 'accepted')
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Of one kind in a case, the newest first. */
export async function ofKind(db: Db, caseId: string, kind: PostKind): Promise<Post[]> {
  return db
    .selectFrom('posts')
    .selectAll()
    .where('case_id', '=', caseId)
    .where('kind', '=', kind)
    .orderBy('id', 'desc')
    .execute();
}

/** What people wrote into a case, in their order; `listIds`: through these lists alone. */
export async function ofThread(
  db: Db,
  caseId: string,
  kinds: readonly PostKind[],
  listIds?: readonly string[],
): Promise<PostFacts[]> {
  let query = db
    .selectFrom('posts')
    .select(FACTS)
    .where('case_id', '=', caseId)
    .where('kind', 'in', kinds)
    .where('state', '=', 'accepted')
    .orderBy('id');
  if (listIds !== undefined) query = query.where('list_id', 'in', listIds.length > 0 ? listIds : ['']);
  return query.execute();
}

/** What the reporter of a case is to read and has no copy of, as no certificate of his was known: ids, in their order. */
export async function waitingForReporter(db: Db, caseId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('posts')
    .select('id')
    .where('case_id', '=', caseId)
    .where('to_reporter', '=', 1)
    .where('purged_at', 'is', null)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('all_deliveries as deliveries')
            .select('deliveries.id')
            .whereRef('deliveries.post_id', '=', 'posts.id')
            .where('deliveries.audience', '=', 'reporter'),
        ),
      ),
    )
    .orderBy('place')
    .execute();
  return rows.map(({ id }) => id);
}

/** Of each list that a case was dispatched through, by its id: the revision of the patch set that it had last; null without patches. */
export async function dispatchedRevisions(db: Db, caseId: string): Promise<Map<string, number | null>> {
  const rows = await db
    .selectFrom('posts')
    .select(['list_id', 'patch_revision'])
    .where('case_id', '=', caseId)
    .where('kind', '=', 'dispatch')
    .where('state', '=', 'accepted')
    .orderBy('place')
    .execute();
  return new Map(rows.map(({ list_id, patch_revision }) => [list_id, patch_revision]));
}

/** Whether another bundle of its case was dispatched through its list since: the newest dispatch that counts carries another one. */
export async function isSuperseded(
  db: Db,
  { case_id, list_id, bundle_hash }: Pick<Post, 'case_id' | 'list_id' | 'bundle_hash'>,
): Promise<boolean> {
  const newest = await db
    .selectFrom('posts')
    .select('bundle_hash')
    .where('case_id', '=', case_id)
    .where('list_id', '=', list_id)
    .where('kind', '=', 'dispatch')
    .where('state', '=', 'accepted')
    .orderBy('place', 'desc')
    .limit(1)
    .executeTakeFirst();
  return newest !== undefined && newest.bundle_hash !== bundle_hash;
}
