import { type Instant, toIso } from '../clock.ts';
import type { Reason } from '../refusal.ts';
import type { Case, MinimalNotice } from '../store/schema.ts';
import { sha256 } from './bundle.ts';

export interface Approval {
  person_id: string;
  hash: string;
}

export type GatedCase = Pick<
  Case,
  | 'state'
  | 'release_at'
  | 'bundle_hash'
  | 'public_post_id'
  | 'public_digest'
  | 'external_post_id'
  | 'external_digest'
  | 'aside'
  | 'patch_set'
  | 'distributed_set'
>;

/** What somebody wants to send to the public. */
export interface PublicAttempt {
  case: GatedCase;
  approvals: readonly Approval[];
  going: Going;
  now: Instant;
  /** Why nothing goes to the public now, whatever was approved; null where nothing is in doubt. */
  doubt: Doubt | null;
}

/**
 * Made anew from the very octets that would go out: for a release, the hash of its bundle, and whether that is but the public word of
 * a withdrawal; for one delivery after it, the SHA-256 (hex) of its post's mail.
 */
export type Going = { bundle: string; note?: boolean } | { postId: string; digest: string };

/** Nobody knows what time it is, or what happened since a backup that was restored. */
export type Doubt = Extract<Reason, 'clock-suspect' | 'restored'>;

export type GateAnswer = { open: true } | { open: false; reason: Reason };

/** How many different people stand behind a bundle before it may go out. */
export const PEOPLE = 2;

/**
 * The one place that decides whether something may go to a public recipient. Every release and every single public
 * delivery asks it; the database has a lock of its own (migrations), and both must say yes.
 */
export function gate({ case: about, approvals, going, now, doubt }: PublicAttempt): GateAnswer {
  const { release_at, bundle_hash, state } = about;
  if (release_at === null || bundle_hash === null) return shut('not-approved');
  if (approvers(approvals, bundle_hash) < PEOPLE) return shut('not-approved');
  if ('bundle' in going && going.bundle !== bundle_hash) return shut('approval-voided');
  if (doubt) return shut(doubt);
  if (now < release_at) return shut('not-released');
  if ('bundle' in going) return releasable(about, going.note ?? false);
  const released = digestOf(about, going.postId);
  if (state !== 'released' || released === undefined) return shut('not-released');
  return going.digest === released ? { open: true } : shut('approval-voided');
}

/** The release wrote the digests down together with the posts that it made of the approved bundle. Undefined: it is none of them. */
function digestOf(about: GatedCase, postId: string): string | null | undefined {
  if (postId === about.public_post_id) return about.public_digest;
  return postId === about.external_post_id ? about.external_digest : undefined;
}

/** What was distributed is what is released: members have built and tested that. Of a withdrawn case a note alone goes out, which has no patches. */
function releasable({ state, aside, patch_set, distributed_set }: GatedCase, note: boolean): GateAnswer {
  if (aside === 'rejected' || note !== (aside === 'withdrawn')) return shut('withdrawn');
  if (!note && distributed_set !== null && patch_set !== distributed_set) return shut('not-distributed');
  return state === 'armed' ? { open: true } : shut('conflict');
}

/** What is to be told to the public before the release. */
export interface ForthcomingAttempt {
  case: Pick<
    Case,
    'id' | 'state' | 'release_at' | 'aside' | 'forthcoming_post_id' | 'forthcoming_digest' | 'forthcoming_hash' | 'forthcoming_by'
  >;
  approvals: readonly Approval[];
  /** Its post, and the SHA-256 (hex) of the octets in hand. */
  going: { postId: string; digest: string };
  now: Instant;
  doubt: Doubt | null;
}

/**
 * The one thing that goes to the public before the instant, and then no more: the word that a fix will come, as one person drafted it and
 * another one approved it, for the instant that stands there. It was checked to tell nothing of the case when it was drafted.
 */
export function forthcomingGate({ case: about, approvals, going, now, doubt }: ForthcomingAttempt): GateAnswer {
  const { id, release_at, aside, forthcoming_by: author } = about;
  if (aside === 'withdrawn' || aside === 'rejected') return shut('withdrawn');
  if (going.postId !== about.forthcoming_post_id) return shut('not-released');
  if (release_at === null || author === null) return shut('not-approved');
  const hash = forthcomingHash({ caseId: id, releaseAt: release_at, ...going });
  if (going.digest !== about.forthcoming_digest || hash !== about.forthcoming_hash) return shut('approval-voided');
  if (!approvals.some((approval) => approval.hash === hash && approval.person_id !== author)) return shut('not-approved');
  // A copy may have waited for long: nobody is told that something will come which is there, or is late.
  if (about.state === 'released') return shut('already-released');
  if (doubt) return shut(doubt);
  return now < release_at ? { open: true } : shut('past-instant');
}

/** What is approved of it, SHA-256 in hex: these octets, for this instant. No draft has the post of another one. */
export function forthcomingHash(of: { caseId: string; releaseAt: Instant; postId: string; digest: string }): string {
  const written = ['curfew forthcoming 1', of.caseId, of.postId, of.digest, toIso(of.releaseAt)];
  return sha256(Buffer.from(JSON.stringify(written)));
}

/** What tells the public that the longest embargo of a case has ended. */
export interface MinimalAttempt {
  case: Pick<Case, 'id' | 'aside'>;
  /** What the move at that instant wrote down; undefined where there was none. */
  notice: Pick<MinimalNotice, 'case_id' | 'post_id' | 'digest' | 'not_before'> | undefined;
  going: { postId: string; digest: string };
  /** SHA-256 of the fixed words, made anew. */
  fixed: string;
  now: Instant;
  doubt: Doubt | null;
}

/** It goes at that instant or later, and only as the fixed words that it has. */
export function minimalGate({ case: about, notice, going, fixed, now, doubt }: MinimalAttempt): GateAnswer {
  if (about.aside === 'withdrawn' || about.aside === 'rejected') return shut('withdrawn');
  if (notice?.post_id !== going.postId || notice.case_id !== about.id) return shut('not-released');
  if (going.digest !== notice.digest || going.digest !== fixed) return shut('approval-voided');
  if (doubt) return shut(doubt);
  return now < notice.not_before ? shut('not-released') : { open: true };
}

function shut(reason: Reason): GateAnswer {
  return { open: false, reason };
}

/** How many different people approved exactly this. */
export function approvers(approvals: readonly Approval[], hash: string): number {
  return new Set(approvals.filter((approval) => approval.hash === hash).map((approval) => approval.person_id)).size;
}
