import { SECOND } from '../clock.ts';
import type { OpenedMail } from '../pgp/open.ts';

/** A mail that has just come in, and what opening it showed. */
export interface JustOpened {
  raw: Uint8Array;
  /** SHA-256 of that, hex. */
  digest: string;
  opened: OpenedMail;
}

/**
 * Mails from when they are taken until their copies are made, a moment later: they need not be opened again for that, which takes as long as all else of
 * it. What is not here is opened from what was kept. Who signed it, and what holds, is the word of when it came in either way; the signature itself is handed
 * on as long as it could be verified when it was opened.
 */
export interface AtHand {
  /** Before its post is committed, as its copies may be made as soon as that is. */
  put(postId: string, mail: JustOpened): void;
  /** To who asks first, and to nobody after him. */
  take(postId: string): JustOpened | undefined;
}

/** What has not been asked for by then waits for longer, and is not in memory in clear meanwhile. */
const MOMENT = 10 * SECOND;

/** Octets of memory, of all of them: one of 10 MB takes 35. A mail for which there is no room, or which grew to more when it was opened, is not kept. */
const ROOM = 48 * 1024 * 1024;

export function createAtHand(): AtHand {
  const mails = new Map<string, JustOpened & { takes: number; timer: NodeJS.Timeout }>();
  let octets = 0;
  const take = (postId: string) => {
    const mail = mails.get(postId);
    if (!mail) return undefined;
    const { takes, timer, ...rest } = mail;
    clearTimeout(timer);
    mails.delete(postId);
    octets -= takes;
    return rest;
  };
  return {
    put(postId, mail) {
      const takes = octetsOf(mail);
      if (mails.has(postId) || octets + takes > ROOM) return;
      const timer = setTimeout(() => take(postId), MOMENT).unref();
      mails.set(postId, { ...mail, takes, timer });
      octets += takes;
    },
    take,
  };
}

/** Of the buffers behind it: what was compressed may be hundreds of times what came. */
function octetsOf({ raw, opened }: JustOpened): number {
  const { content, signedAs, aside, offered, offeredInside, enclosed } = opened;
  const all = [raw, content, ...(signedAs ? [signedAs.entity] : []), ...aside, ...offered, ...offeredInside, ...enclosed];
  return [...new Set(all.map(({ buffer }) => buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0);
}
