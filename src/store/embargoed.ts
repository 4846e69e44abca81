import type { Instant } from '../clock.ts';
import type { Db } from './database.ts';
import type { Aside, PostKind } from './schema.ts';

/*
 * What is to be recognised on its way to the public. Ids are asked for often, and contents once each.
 */

/** Not a vulnerability, or public: what is known of such a case is no secret. */
const NO_SECRET: readonly Aside[] = ['rejected', 'public_already'];

export interface WatchedCase {
  id: string;
  /** Somebody of the team did something with it: no stranger can make such a case. */
  taken: boolean;
}

/**
 * The cases that are not public yet: all that were taken, those that have an instant or that distributors know of first; their
 * duplicates, as what was reported there tells of the same; then, of what strangers reported, those that were changed last.
 */
export async function watchedCases(db: Db, mostUntaken: number): Promise<WatchedCase[]> {
  const taken = await secret(db)
    .where((eb) => eb.or(TAKEN.map((column) => eb(column, 'is not', null))))
    .orderBy(
      ({ fn }) => fn.coalesce('noticed_at', 'release_at'),
      (direction) => direction.desc().nullsLast(),
    )
    .orderBy('updated_at', 'desc')
    .execute();
  const others = await secret(db)
    .where((eb) => eb.and(TAKEN.map((column) => eb(column, 'is', null))))
    .orderBy('updated_at', 'desc')
    .orderBy('id', 'desc')
    .limit(mostUntaken)
    .execute();
  const linked = await duplicatesOf(db, [...taken, ...others]);
  return [...[...taken, ...linked].map(({ id }) => ({ id, taken: true })), ...others.map(({ id }) => ({ id, taken: false }))];
}

function secret(db: Db) {
  return db
    .selectFrom('cases')
    .select('id')
    .where('state', '!=', 'released')
    .where('closed_at', 'is', null)
    .where((eb) => eb.or([eb('aside', 'is', null), eb('aside', 'not in', NO_SECRET)]));
}

/** Whether a case, or the one that it is a duplicate of, is not public yet. */
export async function isSecret(db: Db, caseId: string): Promise<boolean> {
  const row = await secret(db)
    .where('id', '=', await originalOf(db, caseId))
    .executeTakeFirst();
  return row !== undefined;
}

/** None of these is there before somebody of the team did something. */
const TAKEN = [
  'acknowledged_at',
  'accepted_at',
  'lead_id',
  'details_post_id',
  'draft_post_id',
  'fix_ready_at',
  'release_at',
  'noticed_at',
  'aside',
] as const;

/** Those that were linked to these cases, and to those in turn. */
export async function duplicatesOf(db: Db, of: readonly { id: string }[]): Promise<{ id: string }[]> {
  if (of.length === 0) return [];
  const ids = of.map(({ id }) => id);
  const found = await db.selectFrom('cases').select('id').where('duplicate_of', 'in', ids).orderBy('id').execute();
  return [...found, ...(await duplicatesOf(db, found))];
}

/** The case that this one is, in the end, a duplicate of; itself where it is none. */
export async function originalOf(db: Db, caseId: string): Promise<string> {
  const row = await db.selectFrom('cases').select('duplicate_of').where('id', '=', caseId).executeTakeFirst();
  return row?.duplicate_of ? originalOf(db, row.duplicate_of) : caseId;
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
    .where('purged_at', 'is', null)
    .execute();
  const patches = await db
    .selectFrom('patches')
    .select(['id', 'case_id as caseId'])
    .where('case_id', 'in', cases)
    .where('purged_at', 'is', null)
    .execute();
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
