import type { Instant } from '../clock.ts';
import type { Reason } from '../refusal.ts';
import type { Case } from '../store/schema.ts';

export interface Approval {
  person_id: string;
  hash: string;
}

/** What somebody wants to send to the public. */
export interface PublicAttempt {
  case: Pick<Case, 'state' | 'release_at' | 'bundle_hash' | 'public_post_id'>;
  approvals: readonly Approval[];
  /** The bundle's hash, made anew from the very octets that would go out; for a delivery, the one that was released. */
  hash: string;
  /** The post of a delivery; null where the case is about to be released and has none yet. */
  postId: string | null;
  now: Instant;
}

export type GateAnswer = { open: true } | { open: false; reason: Reason };

/** How many different people stand behind a bundle before it may go out. */
export const PEOPLE = 2;

/**
 * The one place that decides whether something may go to a public recipient. Every release and every single public
 * delivery asks it; the database has a lock of its own (migrations), and both must say yes.
 */
export function gate(attempt: PublicAttempt): GateAnswer {
  const { release_at, bundle_hash, state, public_post_id } = attempt.case;
  if (release_at === null || bundle_hash === null) return shut('not-approved');
  if (approvers(attempt.approvals, bundle_hash) < PEOPLE) return shut('not-approved');
  if (attempt.hash !== bundle_hash) return shut('approval-voided');
  if (attempt.now < release_at) return shut('not-released');
  if (attempt.postId === null) return state === 'armed' ? { open: true } : shut('conflict');
  return state === 'released' && attempt.postId === public_post_id ? { open: true } : shut('not-released');
}

function shut(reason: Reason): GateAnswer {
  return { open: false, reason };
}

/** How many different people approved exactly this. */
export function approvers(approvals: readonly Approval[], hash: string): number {
  return new Set(approvals.filter((approval) => approval.hash === hash).map((approval) => approval.person_id)).size;
}
