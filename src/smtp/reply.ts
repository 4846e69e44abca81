import { asRefusal, type Refusal, refusalRow } from '../refusal.ts';

/** RFC 5321 §4.5.3.1.5: 512 octets a reply line, with the code, the line end and some air. */
const LONGEST_TEXT = 480;

/** What smtp-server's callbacks take for a refusal; `message` begins with the enhanced status code (RFC 2034). */
export class ReplyError extends Error {
  readonly responseCode: number;

  constructor(code: number, enhanced: string, text: string) {
    super(replyText(enhanced, text));
    this.responseCode = code;
  }
}

/** ASCII on one line: without SMTPUTF8 a reply has nothing else (RFC 6531 §3.7.4.1). */
export function replyText(enhanced: string, text: string): string {
  return `${enhanced} ${text.replaceAll(/[^ -~]/g, '?')}`.slice(0, LONGEST_TEXT);
}

/** The reply to a refusal, with its hint in parentheses; anything else that was thrown reads `451 4.3.0`. */
export function replyTo(thrown: unknown): ReplyError {
  const refusal: Refusal = asRefusal(thrown);
  const { code, enhanced, text } = refusalRow(refusal.reason);
  return new ReplyError(code, enhanced, refusal.hint === undefined ? text : `${text} (${refusal.hint})`);
}
