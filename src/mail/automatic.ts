import type { Entity } from './message.ts';
import { fieldText } from './message.ts';

/**
 * Whether a program sent it, so that no program answers it (RFC 3834 §2, RFC 5321 §4.5.5): the null sender, a bounce, a
 * mailing list, an autoresponder. `reply` is a mail that came as an answer to one of ours and opens no case;
 * `notice` is a program's own mail, which may well be a report.
 */
export type Automatic = 'reply' | 'notice' | null;

export function automatic(mail: Entity, sender: string | null): Automatic {
  const submitted = (fieldText(mail, 'auto-submitted') ?? 'no').toLowerCase();
  if (sender === null || sender === '' || /^(mailer-daemon|postmaster)@/i.test(sender)) return 'reply';
  if (submitted.startsWith('auto-replied') || mail.mediaType === 'multipart/report') return 'reply';
  if (/^(junk|bulk|auto_reply)/i.test(fieldText(mail, 'precedence') ?? '') && fieldText(mail, 'x-autoreply')) return 'reply';
  if (!submitted.startsWith('no')) return 'notice';
  if (fieldText(mail, 'list-id') !== undefined) return 'notice';
  if (/^(junk|bulk|list)/i.test(fieldText(mail, 'precedence') ?? '')) return 'notice';
  return null;
}

/** A mail that this server itself sent out: it carries the List-Id of one of our lists (RFC 2919). */
export function isLoop(mail: Entity, listIds: readonly string[]): boolean {
  const value = (fieldText(mail, 'list-id') ?? '').trim();
  const named = value.endsWith('>') ? value.slice(value.lastIndexOf('<') + 1, -1) : '';
  return listIds.includes(named.toLowerCase());
}

/** `security@orbit.example` is the list `security.orbit.example` (RFC 2919 §2). */
export function listId(address: string): string {
  return address.toLowerCase().replace('@', '.');
}
