import { alert } from '../cases/people.ts';
import { handlersOf } from '../cases/remind.ts';
import { type Addressee, copiesFor, copyFor, eachContact } from '../delivery/copies.ts';
import { insidersNoting } from '../delivery/need-to-know.ts';
import { clearNews, type Notice } from '../notices/templates.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import { isUnanswerable } from '../post/receipt.ts';
import { forReporterLater } from '../post/reporter.ts';
import type { Seams } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as posts from '../store/posts.ts';
import type { Case, List, NewDelivery, NewPost, PostKind } from '../store/schema.ts';

/** A post with its copies, written when the case is changed. */
export interface Outgoing {
  post: NewPost;
  copies: (db: Db) => Promise<NewDelivery[]>;
}

/** What one of these is: a kind of post, its words, and what goes first. */
export interface Told {
  kind: PostKind;
  words: Notice;
  priority: number;
}

/**
 * To every contact who had a dispatch of the case, may still know of it and was not let go since, through the list that brought it. Who may not
 * know of it now is told when he may (embargo/let-in.ts).
 */
export async function toMembers(seams: Seams, about: Case, { kind, words, priority }: Told): Promise<Outgoing[]> {
  const { db, clock } = seams;
  const dispatched = await deliveries.dispatchedTo(db, about.id);
  const notices: Outgoing[] = [];
  for (const listId of new Set(dispatched.map((row) => row.listId))) {
    const list = await lists.byId(db, listId);
    if (!list) continue;
    const post = await writeNotice(seams, list, { kind, caseId: about.id }, noticeEntity(words));
    const copies = async (trx: Db) => {
      const had = (await deliveries.dispatchedToWhoIsThere(trx, about.id)).filter((row) => row.listId === listId);
      const inside = await insidersNoting(trx, about.id, had);
      return copiesFor(clock, { id: post.id, case_id: about.id, list }, eachContact(inside), priority);
    };
    notices.push(withPost({ post, copies }));
  }
  return notices;
}

/**
 * Sealed where the reporter's certificate is known; else kept until he brings one, beside words in clear that say nothing. Null where nobody
 * is known.
 */
export async function toReporter(seams: Seams, about: Case, list: List, told: Told): Promise<Outgoing | null> {
  const { reporter_address: address, reporter_certificate_id: certificateId } = about;
  if (address === null) return null;
  const sealed = await writeNotice(seams, list, { kind: told.kind, caseId: about.id }, noticeEntity(told.words));
  const copyOf = ({ id }: NewPost, to: Addressee) => copyFor(seams.clock, { id, case_id: about.id, list }, to, told.priority);
  if (certificateId !== null)
    return withPost({ post: sealed, copies: async () => [copyOf(sealed, { audience: 'reporter', address, certificateId })] });
  const words = clearNews({ list: list.address, channels: [] });
  const clear = await writeNotice(seams, list, { kind: 'news-clear', caseId: about.id }, noticeEntity(words));
  return withPost({
    post: clear,
    copies: async (db) => {
      await posts.insert(db, forReporterLater(sealed));
      return [copyOf(clear, { audience: 'stranger', address })];
    },
  });
}

/** As `toReporter`, before the release; null, too, where his address has become an external one: until then nothing goes there. */
export async function toReporterMeanwhile(seams: Seams, about: Case, list: List, told: Told): Promise<Outgoing | null> {
  const { reporter_address: address } = about;
  if (address !== null && (await isUnanswerable(seams.db, address))) return null;
  return toReporter(seams, about, list, told);
}

/** To everybody of the response team who may handle the case. */
export async function toHandlers(seams: Seams, about: Case, words: Notice): Promise<Outgoing> {
  const { list, post } = await alert(seams, about.id, words);
  const copies = async (trx: Db) =>
    copiesFor(seams.clock, { id: post.id, case_id: about.id, list }, eachContact(await handlersOf(trx, about)));
  return withPost({ post, copies });
}

/** The public post is written before the case moves, as the database's own gate wants it; all others with their copies. */
function withPost({ post, copies }: Outgoing): Outgoing {
  return {
    post,
    copies: async (db) => {
      await posts.insert(db, post);
      return copies(db);
    },
  };
}
