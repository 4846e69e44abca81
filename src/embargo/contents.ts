import { type Details, readDetails } from '../cases/details.ts';
import { secretsOf } from '../cases/keeper.ts';
import { decodedBody, entityText, fieldText, fileName, parseEntity } from '../mail/message.ts';
import { filePart } from '../mail/outgoing.ts';
import { noticeEntity } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as posts from '../store/posts.ts';
import type { Case, Patch } from '../store/schema.ts';
import { type Bundle, bundleHash, noteHash, type Part, patchSetHash, sha256 } from './bundle.ts';

/** What the public will read. */
export interface Draft {
  subject: string;
  /** LF line ends, when it was opened. */
  text: string;
}

export interface PatchFile {
  id: string;
  name: string;
  bytes: Uint8Array;
  /** Of `bytes` alone, hex: what people compare. */
  sha256: string;
}

/** All of a case that is under embargo, in clear: it lives in memory for the time of one move. */
export interface Contents {
  draft: Draft;
  patches: PatchFile[];
  /** Null where nothing is written down. */
  details: Details | null;
  /** It is the public word that a withdrawn case owes: fixed words, and nothing of the case. */
  note: boolean;
  /** Of the bundle that these very octets make. */
  hash: string;
}

export function draftEntity({ subject, text }: Draft): Buffer {
  return noticeEntity({ subject, text });
}

export function patchEntity(name: string, bytes: Uint8Array): Buffer {
  return filePart(name, 'text/x-patch', bytes);
}

/** Opens what a scheduled case will publish. Throws `not-approved` for a case that has no instant and text yet. */
export async function openContents(seams: Seams, about: Case): Promise<Contents> {
  const { draft, draftPart, patches, parts, details, detailsPart } = await openParts(seams, about);
  const { release_at: releaseAt } = about;
  if (!draft || !draftPart || releaseAt === null)
    throw new Refusal('not-approved', 'The case has no release instant and text yet');
  const hash = await hashOf(seams.db, about, { releaseAt, draft: draftPart, patches: parts, details: detailsPart });
  if (isWithdrawn(about)) return { draft, patches: [], details: null, note: true, hash };
  return { draft, patches, details, note: false, hash };
}

/** Nothing of it becomes public but a note, where one is owed. */
function isWithdrawn({ aside }: Pick<Case, 'aside'>): boolean {
  return aside === 'withdrawn';
}

/** A draft that is kept, opened. Throws `cannot-open` where the key of the case's list is not here. */
export async function openDraft(seams: Seams, about: Case, postId: string): Promise<Draft> {
  const secrets = await secretsOf(seams, about.list_id);
  if (secrets.length === 0) throw new Refusal('cannot-open', undefined, `there is no key for the list of ${about.id}`);
  const post = await posts.byId(seams.db, postId);
  if (!post) throw new Error(`the post ${postId} is gone`);
  return draftIn(await seams.pgp.reopen(post.content, secrets));
}

/** What there is of it, in clear: the text for the public, where there is one, and the patches. */
export interface Parts {
  draft: Draft | null;
  draftPart: Part | null;
  patches: PatchFile[];
  parts: Part[];
  details: Details | null;
  detailsPart: Part | null;
}

/** Opens what there is. Throws `cannot-open` where the key of the case's list is not here. */
export async function openParts(seams: Seams, about: Case): Promise<Parts> {
  const { db, pgp } = seams;
  const secrets = await secretsFor(seams, about);
  const reopened = async (postId: string | null): Promise<Kept | null> => {
    const post = postId === null ? undefined : await posts.byId(db, postId);
    return post ? { id: post.id, bytes: await pgp.reopen(post.content, secrets) } : null;
  };
  const draft = await reopened(about.draft_post_id);
  const details = await reopened(about.details_post_id);
  const patches = await openPatches(seams, about);
  return {
    draft: draft && draftIn(draft.bytes),
    draftPart: draft && partOf(draft),
    patches: patches.map(({ file }) => file),
    parts: patches.map(({ part }) => part),
    details: details && readDetails(Buffer.from(details.bytes).toString('utf8')),
    detailsPart: details && partOf(details),
  };
}

/** Opens the patches that stand there. Throws `cannot-open` where the key of the case's list is not here. */
export async function openPatches(seams: Seams, about: Case): Promise<{ file: PatchFile; part: Part }[]> {
  const secrets = await secretsFor(seams, about);
  const opened = [];
  for (const patch of await cases.patches(seams.db, about.id)) {
    const entity = await seams.pgp.reopen(patch.content, secrets);
    const file = patchFile(patch.id, entity);
    opened.push({ file, part: patchPart(patch, { sha256: file.sha256, digest: sha256(entity) }) });
  }
  return opened;
}

async function secretsFor(seams: Seams, { id, list_id }: Case) {
  const secrets = await secretsOf(seams, list_id);
  if (secrets.length === 0) throw new Refusal('cannot-open', undefined, `there is no key for the list of ${id}`);
  return secrets;
}

/** A post, opened. */
interface Kept {
  id: string;
  bytes: Uint8Array;
}

function partOf({ id, bytes }: Kept): Part {
  return { id, sha256: sha256(bytes) };
}

function draftIn(kept: Uint8Array): Draft {
  const draft = parseEntity(kept);
  return { subject: fieldText(draft, 'subject') ?? '', text: entityText(draft).replaceAll('\r\n', '\n') };
}

function patchFile(id: string, entity: Uint8Array): PatchFile {
  const file = parseEntity(entity);
  const bytes = decodedBody(file);
  return { id, name: fileName(file) ?? 'unnamed.patch', bytes, sha256: sha256(bytes) };
}

/**
 * What people approve of a patch: its name and its octets. A row of before names were approved has no digest, and keeps the
 * hash that it had; one that loses its digest gets another hash, and with that no approval.
 */
function patchPart({ id, digest }: Pick<Patch, 'id' | 'digest'>, made: Pick<Patch, 'sha256' | 'digest'>): Part {
  return { id, sha256: (digest && made.digest) ?? made.sha256 };
}

async function hashOf(
  db: Db,
  about: Pick<Case, 'id' | 'channels' | 'aside' | 'plan'>,
  parts: Pick<Bundle, 'releaseAt' | 'draft' | 'patches' | 'details'>,
): Promise<string> {
  const of = { caseId: about.id, channels: channelsOf(about) };
  if (isWithdrawn(about)) return noteHash({ ...of, releaseAt: parts.releaseAt, draft: parts.draft, plan: about.plan });
  return bundleHash({ ...of, ...parts, plan: about.plan, withdrawn: await cases.withdrawnPatches(db, about.id) });
}

/** The hash of what the rows say: for a case whose contents are not in hand. Null before it is scheduled. */
export async function recordedHash(db: Db, about: Case): Promise<string | null> {
  const { release_at: releaseAt } = about;
  const draft = await recordedPart(db, about.draft_post_id);
  if (!draft || releaseAt === null) return null;
  const patches = (await cases.patches(db, about.id)).map((patch) => patchPart(patch, patch));
  return hashOf(db, about, { releaseAt, draft, patches, details: await recordedPart(db, about.details_post_id) });
}

async function recordedPart(db: Db, postId: string | null): Promise<Part | null> {
  const post = postId === null ? undefined : await posts.factsById(db, postId);
  return post ? { id: post.id, sha256: post.digest } : null;
}

/** The hash of the patches as they stand there; null where there are none. */
export async function presentPatchSet(db: Db, caseId: string): Promise<string | null> {
  return patchSetHash(
    caseId,
    (await cases.patches(db, caseId)).map((patch) => patchPart(patch, patch)),
  );
}

export function channelsOf({ channels }: Pick<Case, 'channels'>): string[] {
  return channels ? channels.split(' ') : [];
}
