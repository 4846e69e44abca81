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
 * it. It changes nothing that is sent: what is not here is opened from what was kept, with the same words as its result.
 */
export interface AtHand {
  /** Before its post is committed, as its copies may be made as soon as that is. */
  put(postId: string, mail: JustOpened): void;
  /** To who asks first, and to nobody after him. */
  take(postId: string): JustOpened | undefined;
}

/** What has not been asked for by then waits for longer, and is not in memory in clear meanwhile. */
const MOMENT = 10 * SECOND;

/** Octets of all of them, as they came; what was opened of them is up to twice as much. A mail for which there is no room is not kept. */
const ROOM = 16 * 1024 * 1024;

export function createAtHand(): AtHand {
  const mails = new Map<string, JustOpened & { timer: NodeJS.Timeout }>();
  let octets = 0;
  const take = (postId: string) => {
    const mail = mails.get(postId);
    if (!mail) return undefined;
    const { timer, ...rest } = mail;
    clearTimeout(timer);
    mails.delete(postId);
    octets -= rest.raw.length;
    return rest;
  };
  return {
    put(postId, mail) {
      if (mails.has(postId) || octets + mail.raw.length > ROOM) return;
      const timer = setTimeout(() => take(postId), MOMENT).unref();
      mails.set(postId, { ...mail, timer });
      octets += mail.raw.length;
    },
    take,
  };
}
