import { DAY } from '../clock.ts';
import { eachContact } from '../delivery/copies.ts';
import { send } from '../delivery/send.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import type { Seams } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import type { List, NewPost } from '../store/schema.ts';
import type { FiledPost } from './file.ts';
import type { Look } from './look.ts';

/** What a sender can do about it, by the reason. Nothing here tells what was in the mail. */
const ADVICE: Readonly<Record<string, string>> = {
  mixed: 'sign all of it, once',
  unaddressed: 'let your client protect the header fields, or name the recipient in the signature',
  moderated: 'this list is moderated',
};

export function adviceOn(reason: string): string {
  return ADVICE[reason] ?? reason;
}

/** An answer to one contact that is sealed and waits for the transaction that files what it answers. */
export interface HeldAnswer {
  post: NewPost;
  contact: { id: string; address: string };
}

/**
 * Tells the signer of a held post why it waits: his mail program shows him nothing of what the session said. Null where it does not
 * wait, or nobody of the roster signed it.
 */
export async function prepareHeldAnswer(
  seams: Seams,
  list: List,
  { id, state, hold_reason: reason, received_at: receivedAt }: FiledPost,
  { roster }: Look,
): Promise<HeldAnswer | null> {
  if (state !== 'held' || !reason || !roster?.contact.active) return null;
  const words = seams.words.heldPost({ list: list.address, postId: id, receivedAt, advice: adviceOn(reason) });
  const post = await writeNotice(seams, list, { kind: 'waits', caseId: null }, noticeEntity(words));
  return { post, contact: roster.contact };
}

/** A day: what he signed in public anybody can send here, as often as he likes. */
const MOST_TOLD = 3;

export async function sendHeldAnswer(trx: Db, seams: Seams, list: List, { post, contact }: HeldAnswer): Promise<void> {
  if ((await deliveries.countTo(trx, contact.address, ['waits'], seams.clock.now() - DAY)) >= MOST_TOLD) return;
  await send(trx, seams, { list, post }, eachContact([contact]));
}
