import libmime from 'libmime';
import { decode as decodeQuotedPrintable } from 'libqp';
import { Refusal } from '../refusal.ts';
import { parseMailboxes } from './address.ts';
import { fromBase64 } from './base64.ts';
import { type ContentType, contentType, type Field } from './media-type.ts';
import { type Decoder, decoderFor, isUtf8, pageCharset, windows1252 } from './text.ts';

/** A MIME entity (RFC 2045 §2.4): a whole message or one of its parts. Byte arrays are views into what was parsed. */
export interface Entity extends ContentType {
  fields: readonly Field[];
  /** Header section, empty line and body, as they came. */
  raw: Uint8Array;
  /** The body as it came, transfer encoding still on. */
  body: Uint8Array;
  /** Of a multipart; empty otherwise. */
  parts: readonly Entity[];
}

/** A mail has to stay within these, all its parts together; people's mail is far below. */
const LIMITS = {
  headerOctets: 512 * 1024,
  fields: 1000,
  parts: 1000,
  depth: 20,
  /** Lines that begin as a delimiter does. */
  delimiters: 10_000,
  /** How often all octets may be gone through for delimiters, as every level of nesting does; for small mail, octets. */
  scans: 6,
  leastScan: 8 * 1024 * 1024,
};

/** What was spent on a mail so far. */
interface Spent {
  total: number;
  parts: number;
  headerOctets: number;
  octets: number;
  delimiters: number;
}

/** Fields that may stand once: a second one is a way to show one thing and mean another (RFC 5322 §3.6). */
const ONCE = [
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'subject',
  'message-id',
  'date',
  'in-reply-to',
  'references',
  'content-type',
];

/** Parses a whole mail. Throws `malformed-mail` or `too-complex`; accepts CRLF and bare LF line ends. */
export function parseMessage(raw: Uint8Array): Entity {
  const entity = parseEntity(raw);
  for (const name of ONCE)
    if (fieldsNamed(entity, name).length > 1) throw new Refusal('malformed-mail', `The field ${name} stands more than once`);
  const [from] = fieldsNamed(entity, 'from');
  if (from && parseMailboxes(from.value).length > 1)
    throw new Refusal('malformed-mail', 'There is more than one address in From');
  return entity;
}

/** Parses an entity that is no mail of its own, as a decrypted payload is. Throws as `parseMessage` does. */
export function parseEntity(raw: Uint8Array): Entity {
  return parse(raw, 0, { total: raw.length, parts: 0, headerOctets: 0, octets: 0, delimiters: 0 });
}

/** Parses what was written here of something within the limits: of a part there may be a text and a file, between words of ours. */
export function parseOwn(raw: Uint8Array): Entity {
  const { parts, headerOctets, delimiters, depth } = LIMITS;
  const room = { parts: -2 * parts, headerOctets: -2 * headerOctets, delimiters: -2 * delimiters };
  return parse(raw, -depth, { total: 3 * raw.length, octets: 0, ...room });
}

function parse(raw: Uint8Array, depth: number, seen: Spent, usual?: string): Entity {
  if (++seen.parts > LIMITS.parts || depth > LIMITS.depth) throw new Refusal('too-complex');
  const { header, body } = splitHeader(raw);
  seen.headerOctets += header.length;
  if (seen.headerOctets > LIMITS.headerOctets) throw new Refusal('too-complex', 'The header sections are too long');
  const fields = parseFields(header);
  const { mediaType, parameters, unclear } = contentType(fields, usual);
  const boundary = mediaType.startsWith('multipart/') ? parameters['boundary'] : undefined;
  // RFC 2046 §5.1.5.
  const ofParts = mediaType === 'multipart/digest' ? 'message/rfc822' : undefined;
  const parts = boundary ? splitParts(body, boundary, seen).map((part) => parse(part, depth + 1, seen, ofParts)) : [];
  return { fields, mediaType, parameters, unclear, raw, body, parts };
}

const CR = 13;
const LF = 10;
const DASH = 45;

/**
 * The header section ends at the first empty line; a first empty line means that there is none. Delivery reports are about
 * whose empty line was lost: there it ends at the delimiter of their first part, or that part's fields would be the mail's.
 */
function splitHeader(raw: Uint8Array): { header: Uint8Array; body: Uint8Array } {
  let lineStart = 0;
  let asked = false;
  for (let at = raw.indexOf(LF); at >= 0; at = raw.indexOf(LF, lineStart)) {
    const empty = at === lineStart || (at === lineStart + 1 && raw[lineStart] === CR);
    if (empty) return { header: raw.subarray(0, lineStart), body: raw.subarray(at + 1) };
    if (!asked && raw[lineStart] === DASH && raw[lineStart + 1] === DASH) {
      asked = true;
      const header = raw.subarray(0, lineStart);
      if (isAnnounced(header, raw.subarray(lineStart + 2, at))) return { header, body: raw.subarray(lineStart) };
    }
    lineStart = at + 1;
    if (lineStart > LIMITS.headerOctets) throw new Refusal('too-complex', 'The header section is too long');
  }
  return { header: raw, body: raw.subarray(raw.length) };
}

/** Whether the fields above a line that begins with dashes name it as their boundary. Asked of one line at most. */
function isAnnounced(header: Uint8Array, line: Uint8Array): boolean {
  const { mediaType, parameters } = contentType(parseFields(header));
  return mediaType.startsWith('multipart/') && parameters['boundary'] === Buffer.from(line).toString('latin1').trimEnd();
}

function parseFields(header: Uint8Array): Field[] {
  const text = decodeText(header);
  // To some programs it ends a line, and what follows it is another field (RFC 5322 §2.2).
  if (/\r(?!\n|$)/.test(text)) throw new Refusal('malformed-mail', 'A header section has a carriage return without a line feed');
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  const fields: { name: string; folds: string[] }[] = [];
  for (const line of lines) {
    if (/^[ \t]/.test(line)) {
      fields.at(-1)?.folds.push(trimmed(line));
      continue;
    }
    // RFC 5322 §4.5; and what C takes for blanks, as Thunderbird does.
    const named = /^([!-9;-~]+)[ \t\v\f]*:(.*)$/s.exec(line);
    // What is no field ("From alice Mon Sep ..." of an mbox) carries nothing that anybody may rely on.
    if (named?.[1] !== undefined) fields.push({ name: named[1], folds: [trimmed(named[2] ?? '')] });
    if (fields.length > LIMITS.fields) throw new Refusal('too-complex', 'There are too many header fields');
  }
  // Joined once: a field of a hundred thousand lines costs no more than its octets.
  return fields.map(({ name, folds }) => ({ name, value: trimmed(folds.join(' ')) }));
}

/**
 * The parts between delimiter lines (RFC 2046 §5.1.1). The line end before a delimiter belongs to the delimiter, so that
 * a part's bytes are those that were signed. Preamble and epilogue are dropped; a missing close-delimiter ends at the end.
 * Throws `too-complex` as soon as there is more than anybody may ask to be looked at.
 */
function splitParts(body: Uint8Array, boundary: string, spent: Spent): Uint8Array[] {
  spent.octets += body.length;
  if (spent.octets > Math.max(LIMITS.leastScan, LIMITS.scans * spent.total)) throw new Refusal('too-complex');
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const parts: Uint8Array[] = [];
  let partStart: number | undefined;
  for (const at of lineStarts(bytes, `--${boundary}`)) {
    if (++spent.delimiters > LIMITS.delimiters) throw new Refusal('too-complex', 'The mail has too many parts');
    const lineEnd = bytes.indexOf(LF, at);
    const rest = restOfLine(bytes, at + boundary.length + 2, lineEnd < 0 ? bytes.length : lineEnd);
    if (rest !== '' && rest !== '--') continue;
    if (partStart !== undefined) parts.push(body.subarray(partStart, Math.max(partStart, beforeLineEnd(bytes, at))));
    partStart = rest === '--' || lineEnd < 0 ? undefined : lineEnd + 1;
    if (partStart === undefined) return parts;
  }
  if (partStart !== undefined) parts.push(body.subarray(partStart));
  return parts;
}

/**
 * Where lines begin with these words. Lines that begin with two dashes are looked for, and compared: a search for all of the words at
 * once costs their length at every octet where somebody has written what is nearly them.
 */
function* lineStarts(bytes: Buffer, words: string): Generator<number> {
  const first = Buffer.from(words, 'latin1');
  const isHere = (at: number) => bytes[at + 2] === first[2] && bytes.subarray(at, at + first.length).equals(first);
  for (let at = bytes.indexOf('\r--'); at >= 0; at = bytes.indexOf('\r--', at + 1)) if (isHere(at + 1)) throw bareReturn();
  if (isHere(0)) yield 0;
  for (let at = bytes.indexOf('\n--'); at >= 0; at = bytes.indexOf('\n--', at + 1)) if (isHere(at + 1)) yield at + 1;
}

/** To some programs it ends a line. */
function bareReturn(): Refusal {
  return new Refusal('malformed-mail', 'The parts of the mail are divided with a carriage return alone');
}

/** Octets behind a delimiter that are looked at. */
const LONGEST_REST = 1000;

/** What stands behind a delimiter, without blanks (RFC 2046 §5.1.1). Throws `malformed-mail` where programs differ in what is a blank. */
function restOfLine(bytes: Buffer, from: number, to: number): string {
  const line = bytes.toString('latin1', from, Math.min(to, from + LONGEST_REST)).replace(/\r$/, '');
  const rest = line.replace(/[ \t]+$/, '');
  if (rest === '' || rest === '--') {
    if (to - from > LONGEST_REST) throw new Refusal('too-complex', 'There are too many blanks behind the end of a part');
    return rest;
  }
  if (/^(--)?(\s*$|[ \t]*\r)/.test(line))
    throw new Refusal('malformed-mail', 'Behind the end of a part stands what only some programs take for a blank');
  return 'more';
}

function beforeLineEnd(bytes: Uint8Array, at: number): number {
  return at - (bytes[at - 2] === CR ? 2 : 1);
}

/** The header section of a mail with its empty line; all of it where none stands there with CRLF. */
export function headerOf(raw: Uint8Array): Uint8Array {
  const end = Buffer.from(raw.buffer, raw.byteOffset, raw.length).indexOf('\r\n\r\n');
  return end < 0 ? raw : raw.subarray(0, end + 4);
}

/** All fields of that name, in their order. */
export function fieldsNamed(entity: Pick<Entity, 'fields'>, name: string): Field[] {
  return entity.fields.filter((field) => field.name.toLowerCase() === name.toLowerCase());
}

/** Characters. What is longer is nothing that a person wrote, and costs whoever decodes it. */
const LONGEST_ENCODED = 16 * 1024;

/** The first field's value, encoded words decoded (RFC 2047), or undefined. */
export function fieldText(entity: Pick<Entity, 'fields'>, name: string): string | undefined {
  const value = fieldsNamed(entity, name)[0]?.value;
  return value === undefined || value.length > LONGEST_ENCODED ? value : libmime.decodeWords(value);
}

/** RFC 5322 §2.2.2: of other blanks, as U+00A0, no program says that they are none. */
const BLANKS = ' \t\r\n';

/** A pattern for the end would try every run of blanks within. */
function trimmed(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && BLANKS.includes(text.charAt(start))) start++;
  while (end > start && BLANKS.includes(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

const LONGEST_ENCODING = 200;

/** The body with its transfer encoding taken off (RFC 2045 §6). An unknown encoding leaves the bytes alone. */
export function decodedBody(entity: Entity): Uint8Array {
  const value = fieldsNamed(entity, 'content-transfer-encoding')[0]?.value ?? '';
  // Comments may stand around it (RFC 2045 §6.1), and some programs end it as they end a parameter.
  const bare = value
    .slice(0, LONGEST_ENCODING)
    .replace(/\([^()]*\)/g, '')
    .replace(/;\s*$/, '');
  const encoding = trimmed(bare).toLowerCase();
  const decode = DECODERS.get(encoding);
  if (!decode) return entity.body;
  const octets = decodedBodies.get(entity) ?? decode(entity.body);
  decodedBodies.set(entity, octets);
  return octets;
}

const DECODERS: ReadonlyMap<string, (body: Uint8Array) => Uint8Array> = new Map([
  ['base64', fromBase64],
  ['quoted-printable', decodeQuotedPrintable],
]);

/** Asked for several times, and slow: up to a second for 25 MiB. */
const decodedBodies = new WeakMap<Entity, Uint8Array>();

/** A text part's words. An unknown or broken charset never throws: UTF-8 if it is that, Windows-1252 otherwise. */
export function entityText(entity: Entity): string {
  const octets = decodedBody(entity);
  const charset = entity.parameters['charset'];
  const isPage = entity.mediaType === 'text/html' && !declaredDecoder(charset);
  return decodeText(octets, isPage ? pageCharset(octets) : charset);
}

/** Programs say ASCII of whatever they have: its octets above 127 are not what any standard says of it, but mostly UTF-8. */
export function declaredDecoder(charset: string | undefined): Decoder | undefined {
  return charset && !/^\s*(us-)?ascii\s*$/i.test(charset) ? decoderFor(charset) : undefined;
}

export function decodeText(bytes: Uint8Array, charset?: string): string {
  const declared = declaredDecoder(charset);
  if (declared && declared.encoding !== 'utf-8') return declared.decode(bytes);
  const text = new TextDecoder('utf-8').decode(bytes);
  return !text.includes('\ufffd') || isUtf8(bytes) || isMostlyUtf8(text) ? text : windows1252.decode(bytes);
}

/** Whether what was read as UTF-8 is that, damaged: more of it makes sense than does not. Else it would be lost for good. */
function isMostlyUtf8(text: string): boolean {
  let balance = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 127) balance += code === 0xfffd ? -1 : 1;
  }
  return balance > 0;
}

/** The name that a part gives to its file, decoded, or undefined. It is the sender's words: never a path. */
export function fileName(entity: Entity): string | undefined {
  return fileNames(entity)[0];
}

/** Every name that it gives, the one of Content-Disposition first (RFC 2183 §2.3); each once. */
export function fileNames(entity: Entity): string[] {
  const disposition = fieldsNamed(entity, 'content-disposition')[0]?.value;
  const given = [disposition && libmime.parseHeaderValue(disposition).params['filename'], entity.parameters['name']];
  return [...new Set(given.flatMap((name) => (name === undefined || name === '' ? [] : [libmime.decodeWords(String(name))])))];
}

/** A parameter that names a file, whether or not another one does so before it: programs differ in which one they go by. */
const NAMED = /\b(?:file)?name(\*?)\s*=\s*("(?:[^"\\]|\\.){0,1000}"|[^\s;"]{1,1000})/gi;

/** Fields of before there was Content-Disposition, which are names as they stand; Thunderbird goes by them. */
const BARE_NAMES = ['content-name', 'x-sun-data-name'];

/**
 * Every name that any program may take for that of the file: of all fields that say one, also where there should be one alone.
 * Thunderbird decodes the words of a name (RFC 2047), and those that come of it once more.
 */
export function everyFileName(entity: Entity): string[] {
  const fields = ['content-disposition', 'content-type'].flatMap((name) => fieldsNamed(entity, name));
  const repeated = fields.flatMap(({ value }) => [
    ...inPieces(value),
    ...Object.entries(libmime.parseHeaderValue(value).params).flatMap(([key, name]) =>
      /^(file)?name$/i.test(key) ? [String(name)] : [],
    ),
    ...[...value.matchAll(NAMED)].map(([, star, name = '']) => (star ? extended(name) : unquoted(name))),
  ]);
  const bare = BARE_NAMES.flatMap((name) => fieldsNamed(entity, name)).map(({ value }) => unquoted(value));
  const once = [...repeated, ...bare].map((name) => libmime.decodeWords(name));
  const names = [...fileNames(entity), ...once].flatMap((name) => [name, libmime.decodeWords(name)]);
  return [...new Set(names)].filter((name) => name !== '');
}

const PIECE = /\b((?:file)?name)\*(\d{1,4})(\*?)\s*=\s*("(?:[^"\\]|\\.){0,1000}"|[^\s;"]{1,1000})/gi;
/** Nobody has a name of more. */
const MOST_PIECES = 50;

/** Names in pieces (RFC 2231 §3): where their numbers have a gap, programs go on or end there, so that each beginning is one too. */
function inPieces(value: string): string[] {
  const pieces = [...value.matchAll(PIECE)].slice(0, MOST_PIECES);
  return ['filename', 'name'].flatMap((name) => {
    const own = pieces.filter(([, of = '']) => of.toLowerCase() === name).sort((a, b) => Number(a[2]) - Number(b[2]));
    const isWhole = own.every(([, , number], at) => number === String(at));
    const ends = isWhole ? [own.length] : own.map((_, at) => at + 1);
    return ends.map((end) =>
      own
        .slice(0, end)
        .map(([, , , star, text = '']) => (star ? extended(text) : unquoted(text)))
        .join(''),
    );
  });
}

function unquoted(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
}

/** RFC 8187 §3.2: the charset, the language, and octets as `%41`. */
function extended(value: string): string {
  const octets = unquoted(value).replace(/^[^']*'[^']*'/, '');
  try {
    return decodeURIComponent(octets);
  } catch {
    return octets;
  }
}

/**
 * Names of files that stand in a text, as uuencode (POSIX), its `-m` and yEnc write them, and as programs read them leniently. Past
 * `most` of them nothing is read: there are more, then.
 */
export function namesInText(text: string, most: number): string[] {
  const uuencoded = /^begin(?:-base64)?[ \t]{1,20}\d{1,10}[ \t]{1,20}(\S[^\r\n]{0,1000})/gm;
  const yencoded = /^=ybegin [^\r\n]{0,200}?\bname=([^\r\n]{1,1000})/gm;
  const names: string[] = [];
  for (const pattern of [uuencoded, yencoded])
    for (const [, name = ''] of text.matchAll(pattern)) if (names.push(name.trim()) > most) return names;
  return names;
}

export function isAttachment(entity: Entity): boolean {
  return saysAttachment(entity) || (!entity.mediaType.startsWith('text/') && entity.parts.length === 0);
}

/** RFC 2183 §2.2, whatever the part is. */
export function saysAttachment(entity: Pick<Entity, 'fields'>): boolean {
  return /^\s*attachment\s*(;|$)/i.test(fieldsNamed(entity, 'content-disposition')[0]?.value ?? '');
}

const MAIL = /^message\/(rfc822|global)$/;

export function holdsMail({ mediaType }: Entity): boolean {
  return MAIL.test(mediaType);
}

/** The mail that a part carries (RFC 2046 §5.2.1), or undefined where it cannot be read. Throws `too-complex`. */
export function carriedMail(part: Entity): Entity | undefined {
  try {
    return parseEntity(decodedBody(part));
  } catch (error) {
    if (error instanceof Refusal && error.reason === 'malformed-mail') return undefined;
    throw error;
  }
}

/** The leaves of the tree, in reading order. */
export function leaves(entity: Entity): Entity[] {
  return entity.parts.length > 0 ? entity.parts.flatMap(leaves) : [entity];
}
