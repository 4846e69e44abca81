import { type Entity, fieldsNamed } from './message.ts';

/** More than that no client looks at. */
const MOST = 20;

/** The Message-IDs of the mails that it answers, the one that it answers first (RFC 5322 §3.6.4). They prove nothing. */
export function referencesOf(mail: Entity): string[] {
  const idsIn = (name: string) => fieldsNamed(mail, name).flatMap(({ value }) => value.match(/<[^<>\s]+>/g) ?? []);
  return [...new Set([...idsIn('in-reply-to'), ...idsIn('references').reverse()])].slice(0, MOST);
}
