import { copyFor, PRIORITY } from '../delivery/copies.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import * as recipients from '../store/recipients.ts';
import type { Case, List, NewDelivery, NewPost, Recipient } from '../store/schema.ts';
import { channelsOf } from './contents.ts';

/** Somebody of the public, and the list that he is on. */
export interface PublicReader extends Pick<Recipient, 'address' | 'kind'> {
  list: List;
}

/**
 * Who gets what is public through these lists, channel by channel. An external address is given once, whichever of them it is on: its mail
 * names no list, and what it keeps would have the same post twice. Throws Refusal('conflict') where a list is gone.
 */
export async function publicReaders(db: Db, channels: readonly string[]): Promise<PublicReader[]> {
  const readers: PublicReader[] = [];
  const outside = new Set<string>();
  for (const channel of channels) {
    const list = await lists.byAddress(db, channel);
    if (!list) throw new Refusal('conflict', `The public list ${channel} is gone`);
    for (const { address, kind } of await recipients.ofList(db, list.id)) {
      if (kind === 'external' && outside.has(address)) continue;
      if (kind === 'external') outside.add(address);
      readers.push({ list, address, kind });
    }
  }
  return readers;
}

/** Those of the lists on which nobody is: what is released there is on the pages alone. */
export async function withoutReaders(db: Db, channels: readonly string[]): Promise<string[]> {
  const lone: string[] = [];
  for (const channel of channels) {
    const list = await lists.byAddress(db, channel);
    if (list && (await recipients.page(db, { listId: list.id, limit: 1 })).length === 0) lone.push(channel);
  }
  return lone;
}

export interface ForPublic {
  post: Pick<NewPost, 'id'>;
  /** Whose copies. */
  to: readonly Recipient['kind'][];
  /** Those of the case, unless given. */
  channels?: readonly string[];
}

/** A copy for each reader of these kinds. Throws as `publicReaders`. */
export async function publicCopies(
  { clock }: Pick<Seams, 'clock'>,
  db: Db,
  about: Pick<Case, 'id' | 'channels'>,
  { post, to, channels = channelsOf(about) }: ForPublic,
): Promise<NewDelivery[]> {
  const readers = (await publicReaders(db, channels)).filter(({ kind }) => to.includes(kind));
  return readers.map(({ list, address, kind }) => {
    const priority = kind === 'external' ? PRIORITY.external : PRIORITY.public;
    return copyFor(clock, { id: post.id, case_id: about.id, list }, { audience: 'public', address }, priority);
  });
}
