import type { Instant } from '../clock.ts';
import type { Db } from './database.ts';
import type { Aside, PostKind } from './schema.ts';

/*
 * What is to be recognised on its way to the public. Ids are asked for often, and contents once each.
 */

/** Not a vulnerability, or public: what is known of such a case is no secret. */
const NO_SECRET: readonly Aside[] = ['rejected', 'public_already'];

/** Ids of the cases that are not public yet, those that were changed last first. */
export async function caseIds(db: Db, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('cases')
    .select('id')
    .where('state', '!=', 'released')
    .where('closed_at', 'is', null)
    .where((eb) => eb.or([eb('aside', 'is', null), eb('aside', 'not in', NO_SECRET)]))
    .orderBy('updated_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

export interface PieceRow {
  id: string;
  caseId: string;
  what: PostKind | 'patch';
}

/** Posts of these kinds and patches, those of before too, the newest first. */
export async function pieces(db: Db, cases: readonly string[], kinds: readonly PostKind[]): Promise<PieceRow[]> {
  if (cases.length === 0) return [];
  const posts = await db
    .selectFrom('posts')
    .select(['id', 'case_id as caseId', 'kind as what'])
    .where('case_id', 'in', cases)
    .where('kind', 'in', kinds)
    .where('state', '!=', 'refused')
    .execute();
  const patches = await db.selectFrom('patches').select(['id', 'case_id as caseId']).where('case_id', 'in', cases).execute();
  const found: PieceRow[] = [
    ...posts.flatMap(({ caseId, ...post }) => (caseId === null ? [] : [{ ...post, caseId }])),
    ...patches.map((patch) => ({ ...patch, what: 'patch' as const })),
  ];
  return found.sort((a, b) => (a.id < b.id ? 1 : -1));
}

export interface SealedPiece {
  content: Uint8Array;
  listId: string;
  receivedAt: Instant;
}

export async function post(db: Db, id: string): Promise<SealedPiece | undefined> {
  return db
    .selectFrom('posts')
    .select(['content', 'list_id as listId', 'received_at as receivedAt'])
    .where('id', '=', id)
    .executeTakeFirst();
}

export async function patch(db: Db, id: string): Promise<SealedPiece | undefined> {
  return db
    .selectFrom('patches')
    .innerJoin('cases', 'cases.id', 'patches.case_id')
    .select(['patches.content', 'cases.list_id as listId', 'patches.created_at as receivedAt'])
    .where('patches.id', '=', id)
    .executeTakeFirst();
}

/** Ids of the posts that the public has, the newest first. */
export async function published(db: Db, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('cases')
    .select('public_post_id')
    .where('state', '=', 'released')
    .where('public_post_id', 'is not', null)
    .orderBy('released_at', 'desc')
    .limit(limit)
    .execute();
  return rows.flatMap(({ public_post_id }) => public_post_id ?? []);
}
