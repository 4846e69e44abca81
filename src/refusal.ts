/**
 * Every way in which Curfew says no, in one table.
 *
 * `code` are the last two digits of the SMTP reply (RFC 5321 §4.2.3), `enhanced` is subject.detail of the enhanced
 * status code (RFC 3463); the class of both comes from `temporary`. `text` is said to whoever asked, a stranger
 * too: it tells what to do and never how the refusal was found.
 */
interface Row {
  readonly temporary: boolean;
  readonly code: string;
  readonly enhanced: string;
  readonly http: number;
  readonly text: string;
}

const no = (code: string, enhanced: string, http: number, text: string): Row => ({
  temporary: false,
  code,
  enhanced,
  http,
  text,
});
const later = (code: string, enhanced: string, http: number, text: string): Row => ({
  temporary: true,
  code,
  enhanced,
  http,
  text,
});

const table = {
  // Addresses and envelopes
  'no-such-address': no('50', '1.1', 404, 'No such address here'),
  'relay-denied': no('50', '7.1', 403, 'This server relays for nobody'),
  'bad-address': no('53', '1.3', 422, 'That is not an address this server can use'),
  'one-list-a-transaction': later('52', '5.3', 409, 'One list a transaction: send again for this recipient'),

  // The mail as it arrives
  'too-large': no('52', '3.4', 413, 'The mail is larger than this server takes'),
  'bare-line-end': no('54', '5.2', 400, 'Lines must end in CRLF; a bare CR, a bare LF or a NUL was sent'),
  'malformed-mail': no('54', '6.0', 422, 'The mail is malformed'),
  'too-complex': no('54', '6.0', 422, 'The mail has too many parts, headers or layers'),
  'mail-loop': no('54', '4.6', 422, 'This mail was here before'),
  'came-often': no('52', '2.2', 409, 'Too much of this came to this address'),
  'too-slow': later('21', '4.2', 408, 'The mail came too slowly; try again'),
  busy: later('21', '3.2', 503, 'Too busy just now; try again'),
  'storage-unavailable': later('52', '3.1', 507, 'That could not be stored; try again'),
  'no-readers': later('50', '2.1', 503, 'Nobody can read this list at present; try again'),
  'internal-error': later('51', '3.0', 500, 'Something went wrong here; try again'),

  // What the list takes
  'cannot-open': no('50', '7.0', 422, 'The mail could not be opened. Encrypt it to the current key of this list'),
  's-mime': no('54', '6.1', 415, 'S/MIME is not understood here. Encrypt with PGP to the key of this list, or write in clear'),
  'members-only': no('50', '7.1', 403, 'This list takes signed posts from its members only'),
  'encrypted-only': no('50', '7.0', 422, 'This list takes encrypted mail only. Encrypt all of it to the key of this list'),
  'signed-only': no('50', '7.1', 403, 'This list takes mail only that somebody on its roster has signed as a whole'),
  'file-not-allowed': no('50', '6.1', 422, 'This list does not take attachments of that kind'),
  'request-unsigned': no(
    '50',
    '7.1',
    403,
    'Requests are signed with your certificate on the roster, by a clock that is right, and encrypted to the key of this list',
  ),
  'not-released': no('50', '7.1', 403, 'This list takes announcements of its own server only'),

  // The API and the command line
  'malformed-request': no('01', '5.2', 400, 'The request cannot be read'),
  'method-not-allowed': no('02', '5.1', 405, 'That cannot be done here'),
  'request-too-large': no('52', '3.4', 413, 'The request is larger than this server takes'),
  'unsupported-media-type': no('50', '6.1', 415, 'Requests are JSON: send content-type application/json'),
  'too-many-attempts': later('50', '7.0', 429, 'Too many requests without a valid token; try again later'),
  'too-many-requests': later('50', '7.0', 429, 'Too many requests with this token; try again later'),
  'idempotency-in-progress': later('50', '5.0', 409, 'A request with this Idempotency-Key is under way; try again'),
  'idempotency-key-reused': no('50', '5.0', 422, 'This Idempotency-Key was used for another request: take a new one'),
  'idempotency-done': no('50', '5.0', 409, 'This was done already, and its answer is lost: read what is there now'),
  'not-ready': later('50', '3.2', 503, 'The server is not ready'),
  unauthenticated: no('30', '7.0', 401, 'A valid bearer token is needed'),
  forbidden: no('50', '7.1', 403, 'This token does not allow that'),
  'sign-in-failed': no('50', '7.0', 403, 'The sign-in did not succeed; begin it again'),
  'identity-unconfirmed': no('50', '7.1', 403, 'An admin must first confirm whose account that is'),
  'provider-unavailable': later(
    '50',
    '3.2',
    503,
    'The identity provider does not answer as it should; try again. Tokens that are there work meanwhile',
  ),
  'needs-person': no('50', '7.1', 403, 'Only a person may do that: use a token that belongs to a team contact'),
  'own-organisation': no('50', '7.1', 403, 'Nobody decides on his own organisation'),
  purged: no(
    '50',
    '2.0',
    410,
    'Its content was taken away, as the retention rule of this project says; that it was there is known still',
  ),
  'not-found': no('50', '1.1', 404, 'There is no such thing'),
  invalid: no('01', '5.4', 422, 'The request is not valid'),
  conflict: no('50', '5.0', 409, 'That is not possible in the present state'),
  stale: no('50', '5.0', 412, 'It was changed meanwhile: read it again'),
  'past-instant': no('50', '5.0', 422, 'The release instant has passed already'),
  'no-utc-offset': no('50', '5.0', 422, 'The instant needs its offset from UTC, as in 2026-09-22T16:00:00Z'),
  'approved-already': no('50', '5.0', 409, 'This person approved this already; another one must'),
  'approval-voided': no('50', '5.0', 409, 'What was approved is not what stands there now: look again and approve that'),
  'not-approved': no('50', '5.0', 409, 'Two different people must approve first'),
  'clock-suspect': later(
    '50',
    '3.2',
    503,
    'The clock of the server is in doubt: nothing is released until it agrees again, or an admin confirms it',
  ),
  restored: later(
    '50',
    '3.2',
    503,
    'The server was restored from a backup: nothing is released until an admin has confirmed what happened since',
  ),
  withdrawn: no('50', '5.0', 409, 'The case is withdrawn or rejected: it is not released'),
  'not-distributed': no('50', '5.0', 409, 'The patches are not those that distributors were sent: dispatch these first'),
  'policy-violated': no('50', '5.0', 422, 'The disclosure policy does not allow that'),
  incomplete: no('50', '5.0', 409, 'Something lacks that has to be there first'),
  'already-released': no('50', '5.0', 409, 'The case is released; nothing about it can be changed'),
  'unusable-certificate': no('50', '7.0', 422, 'The certificate cannot be used'),
} as const satisfies Record<string, Row>;

export type Reason = keyof typeof table;

export interface RefusalRow {
  reason: Reason;
  temporary: boolean;
  /** SMTP reply code, 400 to 599. */
  code: number;
  /** Enhanced status code `class.subject.detail` (RFC 3463). */
  enhanced: string;
  /** HTTP status. */
  http: number;
  text: string;
}

export const reasons = Object.keys(table) as Reason[];

export function refusalRow(reason: Reason): RefusalRow {
  const row: Row = table[reason];
  const digit = row.temporary ? 4 : 5;
  return {
    reason,
    temporary: row.temporary,
    code: Number(`${digit}${row.code}`),
    enhanced: `${digit}.${row.enhanced}`,
    http: row.http,
    text: row.text,
  };
}

/** A mail of which nobody here can see what it says: the people behind a list get it as it came. */
export const UNREADABLE: ReadonlySet<Reason> = new Set<Reason>(['cannot-open', 's-mime', 'malformed-mail']);

/**
 * What the world did wrong, as opposed to a bug. Thrown by moves, translated at the doors.
 * `hint` may be shown to whoever asked (it must not quote decrypted content); `detail` is for the log alone.
 */
export class Refusal extends Error {
  readonly reason: Reason;
  readonly hint: string | undefined;
  readonly detail: string | undefined;

  constructor(reason: Reason, hint?: string, detail?: string) {
    super(hint ?? table[reason].text);
    this.name = 'Refusal';
    this.reason = reason;
    this.hint = hint;
    this.detail = detail;
  }
}

/** The refusal in an unknown thrown value; what is no Refusal is our own fault and reads `internal-error`. */
export function asRefusal(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown;
  return new Refusal('internal-error', undefined, thrown instanceof Error ? thrown.message : String(thrown));
}
