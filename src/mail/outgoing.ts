import libmime from 'libmime';
import { encode as encodeQuotedPrintable, wrap as wrapQuotedPrintable } from 'libqp';
import { type Instant, newToken } from '../clock.ts';
import { entityText, isAttachment, leaves, parseOwn } from './message.ts';
import { exchanged } from './pieces.ts';

/** Octets, one piece after the other. Many mails may have a piece in common, so that it is in memory once. */
export type Pieces = readonly Uint8Array[];

/** A field to be written: a name, and a value that is already encoded (see `words`, `mailbox`). */
export type NewField = readonly [name: string, value: string];

const CRLF = '\r\n';

/**
 * Header lines, folded at 76. A CR, LF or NUL in a value would start another field: it throws, because only a bug could
 * have let it come this far.
 */
function headerLines(fields: readonly NewField[]): string {
  return fields
    .map(([name, value]) => {
      if (/[\r\n\0]/.test(name + value)) throw new Error(`a line end in the header field ${name}`);
      return libmime.foldLines(`${name}: ${value}`, 76) + CRLF;
    })
    .join('');
}

/** An entity: its fields, an empty line, its body. All bytes are CRLF-canonical if the body is. */
export function entity(fields: readonly NewField[], body: Uint8Array | string): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return Buffer.concat([Buffer.from(headerLines(fields) + CRLF), bytes]);
}

/**
 * Text for an unstructured field: encoded words where it is not ASCII (RFC 2047), what ends a line turned to spaces. What
 * merely looks like an encoded word is encoded itself, or a reader would see what it decodes to.
 */
export function words(text: string): string {
  // Folded among many blanks, it would have a line of blanks alone (RFC 5322 §3.2.2).
  const line = oneLine(text);
  return line.includes('=?') ? libmime.encodeWord(line, 'Q', 52) : libmime.encodeWords(line, 'Q', 52);
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp} ]+/gu, ' ').trim();
}

/** `Name <address>`, the name quoted or encoded as it needs. */
export function mailbox(name: string, address: string): string {
  const shown = name.replace(/\p{Cc}+/gu, ' ').trim();
  if (shown === '') return address;
  const atom = /^[A-Za-z0-9 _-]+$/.test(shown);
  const ascii = /^[ -~]*$/.test(shown);
  const phrase = atom ? shown : ascii ? `"${shown.replace(/["\\]/g, '\\$&')}"` : libmime.encodeWord(shown, 'Q', 52);
  return `${phrase} <${address}>`;
}

/** RFC 5322 §3.3, always in UTC. */
export function dateValue(at: Instant): string {
  return new Date(at).toUTCString().replace('GMT', '+0000');
}

/** Text as a `text/plain` part: UTF-8, and 7bit on the wire so that no relay has a reason to touch signed bytes. */
export function textPart(text: string, parameters = ''): Buffer {
  const { encoding, body } = transferEncoded(text);
  return entity(
    [
      ['Content-Type', `text/plain; charset=utf-8${parameters}`],
      ['Content-Transfer-Encoding', encoding],
    ],
    body,
  );
}

/** Characters. Quoted, a long text in another alphabet has three times its octets, and takes seconds. */
const LONGEST_QUOTED = 64 * 1024;

/** Text in UTF-8 with CRLF line ends, as a body of seven bits that survives every relay. */
function transferEncoded(text: string): { encoding: '7bit' | 'quoted-printable' | 'base64'; body: string } {
  const lines = exchanged(exchanged(exchanged(text, CRLF, '\n'), '\r', '\n'), '\n', CRLF);
  const canonical = withoutLastLineEnds(lines) + CRLF;
  const plain = /^[\t\r\n -~]*$/.test(canonical) && !CHANGED.test(canonical);
  if (plain) return { encoding: '7bit', body: canonical };
  if (canonical.length > LONGEST_QUOTED) return { encoding: 'base64', body: inBase64(Buffer.from(canonical)) };
  return { encoding: 'quoted-printable', body: wrapQuotedPrintable(encodeQuotedPrintable(canonical)) };
}

/** A pattern for this would try every run of line ends in the text to its end. */
function withoutLastLineEnds(text: string): string {
  let end = text.length;
  while (end >= 2 && text.startsWith(CRLF, end - 2)) end -= 2;
  return text.slice(0, end);
}

/** Lines that relays and mailboxes are known to change: long ones, those with blanks at their end, and `From ` (mbox). */
const CHANGED = /^.{901}|[ \t]$|^From /m;

/**
 * A file, byte-identical after decoding (base64). The name, where it has one, is encoded, its directories are cut off; a quotation mark
 * is an apostrophe where it would have to be escaped, which not all programs read alike.
 */
export function filePart(
  name: string | undefined,
  contentType: string,
  bytes: Uint8Array,
  disposition: 'attachment' | 'inline' = 'attachment',
): Buffer {
  const parameters = name === undefined ? [] : libmime.buildHeaderParam('filename', baseName(name), 60);
  const written = parameters.map(
    ({ key, value }) => `; ${key}=${/^[\w.-]+$/.test(value) || key.endsWith('*') ? value : `"${value.replaceAll('"', "'")}"`}`,
  );
  return encodedPart(contentType, bytes, [['Content-Disposition', disposition + written.join('')]]);
}

/** The media type that a file's extension stands for. What is of several parts is not so by its name (RFC 2046 §5.1.1). */
export function typeOfFile(name: string): string {
  const extension = /\.([A-Za-z0-9]{1,10})$/.exec(name)?.[1];
  const type: string = extension === undefined ? 'application/octet-stream' : libmime.detectMimeType(extension);
  return type.startsWith('multipart/') ? 'application/octet-stream' : type;
}

/** A part whose octets are in base64. */
export function encodedPart(contentType: string, bytes: Uint8Array, extra: readonly NewField[] = []): Buffer {
  return entity([['Content-Type', contentType], ['Content-Transfer-Encoding', 'base64'], ...extra], inBase64(bytes));
}

/** RFC 2045 §6.8. */
function inBase64(bytes: Uint8Array): string {
  const encoded = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64').replace(/.{76}/g, `$&${CRLF}`);
  return encoded.endsWith(CRLF) ? encoded : encoded + CRLF;
}

/**
 * The last segment of whatever path somebody gave as a name, without what could end a line, turn its direction, or be read as an
 * encoded word (RFC 2047 §2) and so as another name. Of a long one, the beginning and the extension.
 */
export function baseName(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  const shown = last.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').replaceAll('=?', '=_');
  return /^\.{0,2}$/.test(shown) ? 'unnamed' : short(shown);
}

/** In octets of UTF-8: no system in use takes more than 255, and a program adds some where a file is there already. */
const LONGEST_NAME = 200;

/** A name that a file can be given: of one that is longer, the beginning, and its extension, which the beginning of a long one is none of. */
function short(name: string): string {
  const octets = Buffer.from(name);
  if (octets.length <= LONGEST_NAME) return name;
  const [extension] = /\.[^.]{1,15}$/.exec(name) ?? ['.txt'];
  const begin = octets.subarray(0, LONGEST_NAME - Buffer.byteLength(extension)).toString();
  return begin.replace(/\ufffd+$/, '') + extension;
}

/** A multipart of finished entities. The boundary is random, so that no content can contain it. */
export function multipart(type: string, parts: readonly Uint8Array[], fields: readonly NewField[] = []): Buffer {
  return Buffer.concat(
    multipartPieces(
      type,
      parts.map((part) => [part]),
      fields,
    ),
  );
}

/** The same of entities in pieces, none of which is copied. */
function multipartPieces(type: string, parts: readonly Pieces[], fields: readonly NewField[]): Uint8Array[] {
  const boundary = `=_${newToken()}`;
  const delimiter = Buffer.from(`--${boundary}${CRLF}`);
  const body = parts.flatMap((part) => [delimiter, ...part, Buffer.from(CRLF)]);
  return [
    entity([...fields, ['Content-Type', `multipart/${type}; boundary="${boundary}"`]], ''),
    ...body,
    Buffer.from(`--${boundary}--${CRLF}`),
  ];
}

/** What the outside of a sealed mail says for a subject (RFC 9788 §3.2.1). */
export const NEUTRAL_SUBJECT = '[...]';

/** The fields of a mail that its receiver should be able to trust. */
export interface TrustedFields {
  from: string;
  to: string;
  /** As people wrote it; encoded here. */
  subject: string;
  date: Instant;
  /** Stands inside only: the address of a thread is a secret. */
  replyTo?: string;
}

/** Those that stand outside too. */
function trusted(fields: TrustedFields): NewField[] {
  return [
    ['From', fields.from],
    ['To', fields.to],
    ['Date', dateValue(fields.date)],
  ];
}

/**
 * The payload to be signed and encrypted: the content with its header fields inside it, `hp="cipher"`, and in `HP-Outer`
 * what is shown outside (RFC 9788 §2.2, §5.2). `protected-headers` is for the clients of the drafts before it. `inside`: fields
 * that stand nowhere else.
 */
export function protectedPayload(fields: TrustedFields, content: Uint8Array, inside: readonly NewField[] = []): Buffer {
  const outside = trusted(fields);
  const head = headerLines([
    ...outside,
    ['Subject', words(fields.subject)],
    ...(fields.replyTo ? [['Reply-To', fields.replyTo] as const] : []),
    ...inside,
    ...outside.map(([name, value]) => ['HP-Outer', `${name}: ${value}`] as const),
    ['HP-Outer', `Subject: ${NEUTRAL_SUBJECT}`],
  ]);
  return Buffer.concat([Buffer.from(head), ...markProtected(withLegacyDisplay(content, fields.subject), 'cipher')]);
}

/**
 * The content with its subject as the first line of its first text, for clients that show no protected field; others take it off again
 * (RFC 9788 §5.2.2). That text is our own: no signature but ours covers it.
 */
function withLegacyDisplay(content: Uint8Array, subject: string): Uint8Array {
  const [first] = leaves(parseOwn(content));
  if (first?.mediaType !== 'text/plain' || isAttachment(first)) return content;
  const shown = textPart(`Subject: ${oneLine(subject)}\n\n${entityText(first)}`, '; hp-legacy-display="1"');
  const start = first.raw.byteOffset - content.byteOffset;
  const end = start + first.raw.length;
  // Of a part, the last line end belongs to the delimiter that follows (RFC 2046 §5.1.1).
  const part = first.raw.length === content.length ? shown : shown.subarray(0, -2);
  return Buffer.concat([content.subarray(0, start), part, content.subarray(end)]);
}

/** The same for a mail that is signed only: nothing is hidden, everything is covered (RFC 9788 §5.1). */
export function signedPayload(fields: TrustedFields, content: Uint8Array): Buffer {
  const head = headerLines([...trusted(fields), ['Subject', words(fields.subject)]]);
  return Buffer.concat([Buffer.from(head), ...markProtected(content, 'clear')]);
}

/** The entity, which this file wrote and which always begins with its Content-Type, with parameters added to that: in pieces. */
function markProtected(content: Uint8Array, mode: 'cipher' | 'clear'): Pieces {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
  const prefix = 'Content-Type: ';
  const end = fieldEnd(bytes);
  if (bytes.toString('latin1', 0, prefix.length) !== prefix) throw new Error('a payload must begin with its Content-Type');
  const folded = bytes.toString('latin1', 0, end);
  return [Buffer.from(`${folded};${CRLF} hp="${mode}"; protected-headers="v1"`, 'latin1'), bytes.subarray(end)];
}

/** Where the first header field ends, folded lines included; without its line end. */
function fieldEnd(bytes: Buffer): number {
  for (let at = bytes.indexOf(CRLF); at >= 0; at = bytes.indexOf(CRLF, at + 2))
    if (bytes[at + 2] !== 32 && bytes[at + 2] !== 9) return at;
  throw new Error('an entity has no end of its first field');
}

/**
 * A sealed mail (RFC 3156 §4): the outside says nothing of the content. `extra` are list fields and the like. An armor in pieces has lines that end
 * in CRLF.
 */
export function sealedMail(
  fields: TrustedFields,
  messageId: string,
  extra: readonly NewField[],
  armored: string | Pieces,
): Pieces {
  const control = entity(
    [
      ['Content-Type', 'application/pgp-encrypted'],
      ['Content-Description', 'PGP/MIME version identification'],
    ],
    `Version: 1${CRLF}`,
  );
  const head = entity(
    [
      ['Content-Type', 'application/octet-stream; name="encrypted.asc"'],
      ['Content-Description', 'OpenPGP encrypted message'],
      ['Content-Disposition', 'inline; filename="encrypted.asc"'],
    ],
    '',
  );
  const body = typeof armored === 'string' ? [Buffer.from(armored.replace(/\r?\n/g, CRLF))] : armored;
  return multipartPieces(
    'encrypted; protocol="application/pgp-encrypted"',
    [[control], [head, ...body]],
    [...trusted(fields), ['Subject', NEUTRAL_SUBJECT], ['Message-ID', messageId], ...extra, ['MIME-Version', '1.0']],
  );
}

/** A signed mail in clear (RFC 3156 §5), for the public and for words without content. */
export function signedMail(
  fields: TrustedFields,
  messageId: string,
  extra: readonly NewField[],
  payload: Uint8Array,
  signature: { armored: string; micalg: string },
): Buffer {
  return signedEntity(payload, signature, [
    ...trusted(fields),
    ['Subject', words(fields.subject)],
    ['Message-ID', messageId],
    ...extra,
    ['MIME-Version', '1.0'],
  ]);
}

/** multipart/signed: an entity as its signer signed it, and his detached signature. */
export function signedEntity(
  payload: Uint8Array,
  signature: { armored: string; micalg: string },
  fields: readonly NewField[] = [],
): Buffer {
  const part = entity(
    [
      ['Content-Type', 'application/pgp-signature; name="signature.asc"'],
      ['Content-Description', 'OpenPGP digital signature'],
    ],
    signature.armored.replace(/\r?\n/g, CRLF),
  );
  return multipart(`signed; micalg="${signature.micalg}"; protocol="application/pgp-signature"`, [payload, part], fields);
}

/** The Autocrypt field of a list (Autocrypt Level 1 §2.1): its certificate, binary, in pieces that a line can hold. */
export function autocrypt(address: string, certificate: Uint8Array): NewField {
  const keydata = Buffer.from(certificate).toString('base64').replace(/.{70}/g, '$& ').trim();
  return ['Autocrypt', `addr=${address}; prefer-encrypt=mutual; keydata= ${keydata}`];
}
