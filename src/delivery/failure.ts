import { enhancedStatus } from '../mail/report-fields.ts';

/**
 * What a failure says of the address that it was for. `hard`: mail to it does not arrive, and will not. `soft`: it may later. `mail`: this
 * one was refused for what it is, and another one may arrive.
 */
export type Failure = 'hard' | 'soft' | 'mail';

/**
 * Enhanced status codes (RFC 3463 §3) by subject and detail, in whatever class: the first that fits. What is not here is what its class
 * says.
 */
const TABLE: readonly (readonly [RegExp, Failure])[] = [
  // §3.3: the mailbox is full.
  [/^\d\.2\.2$/, 'soft'],
  // §3.3: the message is longer than the mailbox takes.
  [/^\d\.2\.3$/, 'mail'],
  // §3.4: the mail system is full.
  [/^\d\.3\.1$/, 'soft'],
  // §3.4: the message is too big for the system.
  [/^\d\.3\.4$/, 'mail'],
  // §3.5: no answer, a bad connection, congestion, and the time for it is over: each "useful only as a persistent transient error".
  [/^\d\.4\.[1257]$/, 'soft'],
  // §3.7: its content or its form.
  [/^\d\.6\.\d+$/, 'mail'],
];

/** RFC 5321 §4.2.3: a reply without a better code that says "exceeded storage allocation", which is the mailbox's. */
const FULL = /^[45]52\b/;

/**
 * `line`: the relay's answer, or what a bounce says, with a reply code, an enhanced status code, or both; null: nothing. Whoever said it has
 * stopped trying: without any code he means it for good.
 */
export function failureOf(line: string | null): Failure {
  const words = line ?? '';
  const status = enhancedStatus(words);
  const listed = status === null ? undefined : TABLE.find(([code]) => code.test(status));
  if (listed) return listed[1];
  if (status === null && FULL.test(words)) return 'soft';
  // RFC 3463 §2, RFC 5321 §4.2.1: of class 4 another attempt may succeed.
  return (status ?? words).startsWith('4') && codeOf(words) !== null ? 'soft' : 'hard';
}

/** The code alone, of a stranger's line: as he has it, without a word of his. */
export function codeOf(line: string | null): string | null {
  return enhancedStatus(line ?? '') ?? /^[45]\d\d\b/.exec(line ?? '')?.[0] ?? null;
}
