import { DAY } from '../clock.ts';
import { eachContact } from '../delivery/copies.ts';
import { send } from '../delivery/send.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import type { Seams } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as posts from '../store/posts.ts';
import type { List, NewPost } from '../store/schema.ts';
import type { FiledPost } from './file.ts';
import type { Look } from './look.ts';

/** What a sender can do about it, by the reason. Nothing here tells what was in the mail. */
const ADVICE: Readonly<Record<string, string>> = {
  mixed: 'sign all of it, once',
  unaddressed: 'let your client protect the header fields, or name the recipient in the signature',
  moderated: 'this list is moderated',
  poison: 'it could not be read here, and people look at it as it came',
};

export function adviceOn(reason: string): string {
  return ADVICE[reason] ?? reason;
}

/** An answer to one contact that is sealed and waits for the transaction that files what it answers. */
export interface HeldAnswer {
  post: NewPost;
  contact: { id: string; address: string };
  /** What it answers. */
  about: posts.HeldOf;
}

/**
 * Tells the signer of a held post why it waits: his mail program shows him nothing of what the session said. Null where it does not
 * wait, or nobody of the roster signed it.
 */
export async function prepareHeldAnswer(
  seams: Seams,
  list: List,
  { id, state, hold_reason: reason, received_at: receivedAt, sender, encrypted }: FiledPost,
  { roster }: Look,
): Promise<HeldAnswer | null> {
  if (state !== 'held' || !reason || !roster?.contact.active) return null;
  const words = seams.words.heldPost({ list: list.address, postId: id, receivedAt, advice: adviceOn(reason) });
  const post = await writeNotice(seams, list, { kind: 'waits', caseId: null }, noticeEntity(words));
  const { id: signerId, address } = roster.contact;
  const fromHim = encrypted === 1 && sender?.toLowerCase() === address.toLowerCase();
  return { post, contact: roster.contact, about: { listId: list.id, signerId, reason, address, fromHim } };
}

/**
 * A day, of a list, and for one reason. What he signed in public anybody can send here, and it must neither fill his mailbox nor use up
 * what his own mails are answered with. So these are counted apart: whose envelope names him and who is sealed to the list. That, too, can
 * be forged, but each text of his is held once on a list, and nothing that he signed for the list itself is held for being somebody else's.
 */
const MOST_TOLD = { fromHim: 50, fromOthers: 3 } as const;

/** Comes before the post that it answers is kept: what is counted are those before it. */
export async function sendHeldAnswer(trx: Db, seams: Seams, list: List, { post, contact, about }: HeldAnswer): Promise<void> {
  const most = about.fromHim ? MOST_TOLD.fromHim : MOST_TOLD.fromOthers;
  if ((await posts.countHeld(trx, about, seams.clock.now() - DAY)) >= most) return;
  await send(trx, seams, { list, post }, eachContact([contact]));
}
