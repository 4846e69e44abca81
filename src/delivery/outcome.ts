/**
 * What came of one attempt to send one copy.
 * `deferred`: the same copy may go later. `failed`: it will not, and somebody is to be told.
 * `response`: what the relay said, one line without control characters, at most 500 characters.
 */
export type Outcome =
  | { state: 'delivered'; response: string }
  | { state: 'deferred' | 'failed'; reason: OutcomeReason; response: string };

export type OutcomeReason =
  /** failed: the relay refused this copy for good (5xx). */
  | 'rejected'
  /** failed: larger than the relay takes. */
  | 'too-large'
  /** failed: the recipient's or the sender's address, or the mail itself, cannot be put on the wire. */
  | 'bad-address'
  | 'not-crlf'
  /** deferred: the relay asks for patience (4xx). */
  | 'try-later'
  /** deferred: the relay refuses us, not this copy: greeting, EHLO, authentication, relaying. */
  | 'relay-refuses-us'
  /** deferred: TLS is required, and was not offered or not verified. */
  | 'relay-tls'
  | 'relay-unreachable'
  | 'timeout'
  | 'connection-lost'
  /** deferred: anything that is not understood. */
  | 'relay-error';

const LONGEST_RESPONSE = 500;

export function responseLine(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
    .slice(0, LONGEST_RESPONSE);
}

/** The outcome of a transaction that ran to its end; `response` is the reply to the dot. */
export function outcomeOfReply(response: string): Outcome {
  const line = responseLine(response);
  if (/^2\d\d\b/.test(line)) return { state: 'delivered', response: line };
  if (/^5\d\d\b/.test(line)) return { state: 'failed', reason: 'rejected', response: line };
  return { state: 'deferred', reason: /^4\d\d\b/.test(line) ? 'try-later' : 'relay-error', response: line };
}

/** What nodemailer tells about a failure; `command` is the step it happened in. */
interface Failure {
  code: string;
  command: string;
  responseCode: number;
  text: string;
}

/**
 * The outcome of a failure that nodemailer threw. Only a 5xx to MAIL, RCPT, DATA or the dot can fail a copy, and not
 * where it says that the relay does not know us: a mistake in the relay's settings must not cost a member his copy.
 */
export function outcomeOfFailure(thrown: unknown): Outcome {
  const failure = readFailure(thrown);
  const response = responseLine(failure.text);
  if (isTooLarge(failure)) return { state: 'failed', reason: 'too-large', response };
  if (isTransaction(failure) && failure.responseCode >= 500 && failure.responseCode <= 599)
    return aboutUs(failure)
      ? { state: 'deferred', reason: 'relay-refuses-us', response }
      : { state: 'failed', reason: 'rejected', response };
  return { state: 'deferred', reason: reasonToWait(failure), response };
}

function isTransaction({ command }: Failure): boolean {
  return command === 'MAIL FROM' || command === 'RCPT TO' || command === 'DATA';
}

/** 552 with 5.3.4, or the SIZE that the relay offers is too small for it (RFC 1870 §6.1): no patience will help. */
function isTooLarge({ code, command, responseCode, text }: Failure): boolean {
  if (code === 'EMESSAGE' && command === 'MAIL FROM' && responseCode === 0) return true;
  return responseCode === 552 && /\b552[ -]5\.3\.4\b/.test(text);
}

/**
 * 500 to 504 without an enhanced code that names an address or a mail (RFC 5321 §4.2.4: the relay does not understand the
 * command), 530 to 538 (RFC 4954 §6: authentication is wanted), or the words of the common servers for "you may not
 * relay", which share their codes with refusals of a recipient.
 */
function aboutUs({ responseCode, text }: Failure): boolean {
  if (responseCode <= 504) return !/\b50[0-4][ -]5\.[1267]\./.test(text);
  if (responseCode >= 530 && responseCode <= 538) return true;
  return /\brelay(ing)?\b.{0,40}\b(denied|prohibited|not (permitted|allowed))\b|\bunable to relay\b/i.test(text);
}

function reasonToWait({ code, responseCode, text }: Failure): OutcomeReason {
  if (code === 'ETLS' || /certificate|self[- ]signed|STARTTLS|\bSSL\b|\bTLS\b|altnames/i.test(responseCode === 0 ? text : ''))
    return 'relay-tls';
  if (code === 'EAUTH' || code === 'ENOAUTH') return 'relay-refuses-us';
  if (responseCode >= 400 && responseCode <= 499) return 'try-later';
  if (responseCode >= 500 && responseCode <= 599) return 'relay-refuses-us';
  if (code === 'ETIMEDOUT' || code === 'EABORT') return 'timeout';
  if (code === 'EDNS' || /\b(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND)\b/.test(text)) return 'relay-unreachable';
  if (code === 'ECONNECTION' || code === 'ESOCKET') return 'connection-lost';
  return 'relay-error';
}

function readFailure(thrown: unknown): Failure {
  if (!(thrown instanceof Error)) return { code: '', command: '', responseCode: 0, text: 'unknown failure' };
  const fields: Error & { code?: unknown; command?: unknown; response?: unknown; responseCode?: unknown } = thrown;
  return {
    code: typeof fields.code === 'string' ? fields.code : '',
    command: typeof fields.command === 'string' ? fields.command : '',
    responseCode: typeof fields.responseCode === 'number' ? fields.responseCode : 0,
    text: typeof fields.response === 'string' ? fields.response : thrown.message,
  };
}
