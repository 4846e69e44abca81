import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import type { PostFacts } from '../store/posts.ts';
import type { List } from '../store/schema.ts';
import { endWait, introduce } from './file.ts';
import { introducesReporter } from './introduces.ts';
import { type Receipt, receiptForContact } from './receipt.ts';

/*
 * What a mail to the thread of a case at its intake list does for its reporter is left undone while it is held: it may be somebody else's
 * words that were sent on. Whoever accepts it says that they are its signer's, and it is done then: he is known as the reporter, is written
 * to at his own address with his own certificate, and gets the receipt, with what waited for that; and an answer of his ends the wait for
 * it. Whoever brought the mail gains nothing. What a person had stopped was accepted before, and did all that.
 */

/** The receipt that accepting a held post owes to its signer, sealed before the transaction; null where it is none of his. */
export async function receiptOwed(seams: Seams, post: PostFacts, list: List): Promise<Receipt | null> {
  if (post.signer_contact_id === null || post.case_id === null) return null;
  const about = await cases.byId(seams.db, post.case_id);
  const signer = await contacts.byId(seams.db, post.signer_contact_id);
  return about && signer && introducesReporter({ post, about, signer }) ? receiptForContact(seams, about, list, signer) : null;
}

/** In the transaction that accepts it. */
export async function takeUp(trx: Db, seams: Seams, post: PostFacts, list: List, receipt: Receipt | null): Promise<void> {
  if (!isForCase(post) || post.hold_reason === 'stopped') return;
  if (receipt) await introduce(trx, seams, post.case_id, list, receipt);
  // Of what somebody of the team wrote, the row says who reads it (to-reporter.ts).
  const about = await cases.byId(trx, post.case_id);
  if (post.kind === 'post' && post.to_reporter === null && about?.list_id === list.id) await endWait(trx, seams, post.case_id);
}

function isForCase(post: PostFacts): post is PostFacts & { case_id: string } {
  return post.case_id !== null && (post.kind === 'report' || post.kind === 'post');
}
