import { enhancedStatuses, replyCode } from '../mail/report-fields.ts';

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

/** RFC 5321 §4.2.3: "exceeded storage allocation" and "insufficient system storage", where no better code says of what. */
const FULL = /^[45]52$/;

/**
 * `line`: the relay's answer, or what a bounce says, with a reply code, an enhanced status code, or both; null: nothing. Whoever said it has
 * stopped trying: without any code he means it for good.
 */
export function failureOf(line: string | null): Failure {
  const code = codeOf(line) ?? '';
  const listed = TABLE.find(([codes]) => codes.test(code));
  if (listed) return listed[1];
  // RFC 3463 §2, RFC 5321 §4.2.1: of class 4 another attempt may succeed.
  return FULL.test(code) || code.startsWith('4') ? 'soft' : 'hard';
}

/**
 * The code alone, of a stranger's line, as he has it and without a word of his: the one that says most. X.0.0 says no more than its class
 * (RFC 3463 §3.1), and servers that know no other write it beside the answer that they got.
 */
export function codeOf(line: string | null): string | null {
  const words = line ?? '';
  const statuses = enhancedStatuses(words).filter((status) => !status.startsWith('2'));
  return statuses.find((status) => !status.endsWith('.0.0')) ?? replyCode(words) ?? statuses[0] ?? null;
}
