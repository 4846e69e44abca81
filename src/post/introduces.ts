import type { Case, Post } from '../store/schema.ts';

/** What is known of a post and of who signed it; null where the roster does not have him. */
export interface Introduction {
  post: Pick<Post, 'kind' | 'state' | 'hold_reason' | 'list_id'>;
  about: Pick<Case, 'list_id' | 'reporter_address' | 'reporter_certificate_id'>;
  signer: { address: string } | null;
}

/**
 * Whether accepting a held mail makes its signer the reporter of its case, for whom nobody is known yet: a report does, and what is signed by
 * whoever has the address that the case is answered at. What a person had stopped was accepted before.
 */
export function introducesReporter({ post, about, signer }: Introduction): boolean {
  if (signer === null || post.state !== 'held' || post.hold_reason === 'stopped') return false;
  if (about.list_id !== post.list_id || about.reporter_certificate_id !== null) return false;
  if (post.kind === 'report') return true;
  return post.kind === 'post' && about.reporter_address?.toLowerCase() === signer.address.toLowerCase();
}
