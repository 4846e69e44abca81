import { Refusal } from '../refusal.ts';
import { exchanged, inPieces } from './pieces.ts';

/** What an armored block in a text is (RFC 9580 §6.2, §7). */
export type BlockKind = 'message' | 'signed' | 'key';

export interface Block {
  kind: BlockKind;
  /** From the first hyphen of its head line to the last one of its tail line, as it stands in the text. */
  text: string;
  start: number;
  end: number;
}

const MARKS: Readonly<Record<BlockKind, readonly [head: string, tail: string]>> = {
  message: ['-----BEGIN PGP MESSAGE-----', '-----END PGP MESSAGE-----'],
  signed: ['-----BEGIN PGP SIGNED MESSAGE-----', '-----END PGP SIGNATURE-----'],
  key: ['-----BEGIN PGP PUBLIC KEY BLOCK-----', '-----END PGP PUBLIC KEY BLOCK-----'],
};

/** A head or tail alone on its line. Blanks around it do no harm; whatever quotes it ("> ") makes it somebody's words. */
const LINE =
  /^[ \t\u00a0\u200b\ufeff]*(-----(BEGIN|END) PGP (MESSAGE|SIGNED MESSAGE|PUBLIC KEY BLOCK|SIGNATURE)-----)[ \t\u00a0\u200b\ufeff]*\r?$/gm;

/** The complete blocks of a text, `most` of them, in their order, found in one pass. Inside of a block nothing else begins. */
export function blocksIn(given: string, most = Number.POSITIVE_INFINITY): Block[] {
  // Of the same length, so that every place in it is a place in what was given.
  const text = exchanged(given, '\u00a0', ' ').replace(FLAT, inLines);
  const blocks: Block[] = [];
  let open: Begun | undefined;
  for (const match of text.matchAll(LINE)) {
    const mark = match[1] ?? '';
    const start = match.index + match[0].indexOf(mark);
    const indented = start > match.index;
    if (open?.inText && indented) continue;
    if (open?.inText && mark === SIGNATURE) open.inText = false;
    if (open && mark === MARKS[open.kind][1]) {
      const end = start + mark.length;
      blocks.push({ kind: open.kind, start: open.start, end, text: blockText(given, text, open.kind, open.start, end) });
      open = undefined;
      if (blocks.length >= most) break;
      continue;
    }
    const kind = kindOf(mark);
    // A second head means that the first block was cut off; but a signed text may well quote one, dash-escaped or not.
    if (kind && open?.kind !== 'signed') open = { kind, start, inText: kind === 'signed' && !indented };
  }
  return blocks;
}

/**
 * `inText`: in a text that was signed, with its head at the margin. Then its signature is there too, and whatever is indented is its
 * signer's words: only dashes that begin a line are escaped (RFC 9580 §7.2).
 */
interface Begun {
  kind: BlockKind;
  start: number;
  inText: boolean;
}

const SIGNATURE = '-----BEGIN PGP SIGNATURE-----';

/** A message that a gateway has made one line of, as it does where it makes text of HTML. */
const FLAT = /^([ \t]*-----BEGIN PGP MESSAGE-----)[ \t](.*)[ \t](-----END PGP MESSAGE-----[ \t]*\r?)$/gm;

/** Blanks become line ends, but for those in the headers: the first long word is data. */
function inLines(_: string, head: string, middle: string, tail: string): string {
  const data = Math.max(0, middle.search(/(?<![^ \t])[A-Za-z0-9+/]{40}/));
  const lines = exchanged(exchanged(middle.slice(data), ' ', '\n'), '\t', '\n');
  return [head, middle.slice(0, data).replace(/[ \t]$/, '\n') + lines, tail].join('\n');
}

/** A signed text is its signer's to the octet, but for marks that would not be known as such. */
function blockText(given: string, text: string, kind: BlockKind, start: number, end: number): string {
  const asGiven = given.slice(start, end);
  return kind === 'signed' && asGiven.startsWith(MARKS.signed[0]) ? asGiven : text.slice(start, end);
}

function kindOf(head: string): BlockKind | undefined {
  return (Object.keys(MARKS) as BlockKind[]).find((kind) => MARKS[kind][0] === head);
}

/** Base64 and its padding, on a line by itself. */
const DATA = /^[A-Za-z0-9+/]+={0,2}$/;
/** `Version: ...` (RFC 9580 §6.2.2). */
const HEADER = /^[A-Za-z][A-Za-z0-9-]*: ?/;

/**
 * The octets in an armored message, whatever its way has done to blanks, line ends and the empty line after the headers,
 * and where it was left quoted-printable. The checksum is not looked at (RFC 9580 §6.1): the ciphertext's own integrity says more.
 * @throws Refusal `cannot-open` where a line is none of an armor.
 */
export function dearmor(block: string): Uint8Array {
  const tidy = tidyData(block);
  if (tidy !== null) return Buffer.from(tidy, 'base64');
  const lines = dataLines(block);
  const data = leftQuoted(lines) ? dataLines(unquoted(block)) : lines;
  if (data.length === 0 || !data.every((line) => DATA.test(line)))
    throw new Refusal('cannot-open', undefined, 'the armor is damaged');
  return Buffer.from(data.join(''), 'base64');
}

const TIDY_HEAD = /^-----BEGIN PGP MESSAGE-----\r?\n(?:[A-Za-z][A-Za-z0-9-]*: [^\r\n]*\r?\n){0,9}\r?\n(?=[A-Za-z0-9+/])/;
const TIDY_TAIL = /(?<=[A-Za-z0-9+/])={0,2}(?:\r?\n=[A-Za-z0-9+/]{4})?\r?\n-----END PGP MESSAGE-----$/;
/** The longest that such a tail is, with what is before it. */
const TAIL = 40;

/** What stands between head and tail where all is as programs write it, as in nearly every armor: to go through a large one line by line takes its time. */
function tidyData(block: string): string | null {
  const head = TIDY_HEAD.exec(block)?.[0].length ?? block.length;
  const tail = TIDY_TAIL.exec(block.slice(-TAIL))?.[0].length ?? 0;
  if (tail === 0 || head + tail > block.length) return null;
  const data = block.slice(head, -tail);
  return /[^A-Za-z0-9+/\r\n]|\r(?!\n)/.test(data) || hasTooManyLines(data) ? null : data;
}

function hasTooManyLines(data: string): boolean {
  let left = mostLinesOf(data);
  for (let at = data.indexOf('\n'); at >= 0 && left > 0; at = data.indexOf('\n', at + 1)) left--;
  return left <= 0;
}

/** Characters in a line, on an average that counts empty ones: nobody writes shorter ones. A message of a few lines may have any. */
const SHORTEST_LINE = 8;
const FEW_LINES = 1000;

function mostLinesOf(text: string): number {
  return FEW_LINES + text.length / SHORTEST_LINE;
}

/** What stands between the headers and the checksum, without blanks; none of what has too many lines to be an armor. */
function dataLines(block: string): string[] {
  const most = mostLinesOf(block);
  const written = block.split('\n', most + 1);
  if (written.length > most) return [];
  const whole = written.slice(1, -1).map((line) => line.trim());
  const lines = whole.slice(afterWrapped(whole)).filter((line) => line !== '');
  const first = lines.findIndex((line) => !HEADER.test(line));
  return (first < 0 ? [] : lines.slice(first)).map((line) => line.replace(BLANKS, '')).filter((line) => !CHECKSUM.test(line));
}

/** Data, and no word of a header. */
const LONG_DATA = /^[A-Za-z0-9+/]{40}/;

/** Where the empty line is that ends headers, of which a client may have wrapped one, as prose is: 0 where data stand before it. */
function afterWrapped(lines: readonly string[]): number {
  const end = lines.findIndex((line, at) => line === '' && DATA.test(lines[at + 1] ?? ''));
  const isOfHeaders = HEADER.test(lines[0] ?? '') && !lines.slice(0, end).some((line) => LONG_DATA.test(line));
  return end > 0 && isOfHeaders ? end : 0;
}

const BLANKS = /[\s\u00a0\u200b\ufeff]+/gu;
const CHECKSUM = /^=[A-Za-z0-9+/]{4}$/;

/** Base64 ends with `=` on its last line alone: elsewhere it is a soft line break, or a checksum as `=3Dabcd` (RFC 2045 §6.7). */
function leftQuoted(data: readonly string[]): boolean {
  return data.some((line, at) => (line.endsWith('=') && at < data.length - 1) || /=3D/i.test(line));
}

export function unquoted(block: string): string {
  const decode = (hex: string) => String.fromCharCode(Number.parseInt(hex, 16));
  return inPieces(block, '=', (piece) =>
    piece.replace(/=[ \t]{0,8}\r?\n/g, () => '').replace(/=([0-9A-F]{2})/gi, (_, hex: string) => decode(hex)),
  );
}

/** The value of an armor header, such as `Charset`, or undefined. */
export function armorHeader(block: string, name: string): string | undefined {
  for (const line of block.split('\n').slice(1)) {
    const [key, value] = line.split(/:[ \t]*/, 2);
    if (value === undefined) return undefined;
    if (key?.trim().toLowerCase() === name.toLowerCase()) return value.trim();
  }
  return undefined;
}

/** Of ISO 8859-1 from 0xA1 on (HTML 4.01 §24.2). */
// biome-ignore format: a list to be read across
const LATIN1 = [
  'iexcl', 'cent', 'pound', 'curren', 'yen', 'brvbar', 'sect', 'uml', 'copy', 'ordf', 'laquo', 'not', 'shy', 'reg', 'macr', 'deg', 'plusmn',
  'sup2', 'sup3', 'acute', 'micro', 'para', 'middot', 'cedil', 'sup1', 'ordm', 'raquo', 'frac14', 'frac12', 'frac34', 'iquest',
  'Agrave', 'Aacute', 'Acirc', 'Atilde', 'Auml', 'Aring', 'AElig', 'Ccedil', 'Egrave', 'Eacute', 'Ecirc', 'Euml', 'Igrave', 'Iacute', 'Icirc',
  'Iuml', 'ETH', 'Ntilde', 'Ograve', 'Oacute', 'Ocirc', 'Otilde', 'Ouml', 'times', 'Oslash', 'Ugrave', 'Uacute', 'Ucirc', 'Uuml', 'Yacute',
  'THORN', 'szlig', 'agrave', 'aacute', 'acirc', 'atilde', 'auml', 'aring', 'aelig', 'ccedil', 'egrave', 'eacute', 'ecirc', 'euml', 'igrave',
  'iacute', 'icirc', 'iuml', 'eth', 'ntilde', 'ograve', 'oacute', 'ocirc', 'otilde', 'ouml', 'divide', 'oslash', 'ugrave', 'uacute', 'ucirc',
  'uuml', 'yacute', 'thorn', 'yuml',
];

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ...Object.entries({ nbsp: ' ', amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", vert: '|', verbar: '|' }),
  ...LATIN1.map((name, at): [string, string] => [name, String.fromCharCode(0xa1 + at)]),
  ...Object.entries({ ndash: '–', mdash: '—', lsquo: '‘', rsquo: '’', sbquo: '‚', ldquo: '“', rdquo: '”' }),
  ...Object.entries({ bdquo: '„', hellip: '…', bull: '•', euro: '€', trade: '™', lsaquo: '‹', rsaquo: '›' }),
]);

function entityOf(whole: string, name: string): string {
  const number = /^#(?:x([0-9a-f]{1,6})|(\d{1,7}))$/i.exec(name);
  if (!number) return ENTITIES.get(name) ?? ENTITIES.get(name.toLowerCase()) ?? whole;
  const point = number[1] === undefined ? Number(number[2]) : Number.parseInt(number[1], 16);
  return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
}

/** As clients read it (HTML §13.2.5.43 to 51). */
const COMMENT = /<!--(?:-?>|.*?--!?>)/gsy;

/** Without comments, and without what no client shows as text. Gone through once: an element that does not end takes the rest. */
function shownHtml(html: string): string {
  const shown: string[] = [];
  let from = 0;
  for (const { index, 1: name = '' } of html.matchAll(/<(!--|style\b|script\b|title\b)/gi)) {
    if (index < from) continue;
    shown.push(html.slice(from, index));
    from = name === '!--' ? after(html, COMMENT, index) : after(html, '>', after(html, new RegExp(`</${name}`, 'gi'), index));
  }
  return shown.join('') + html.slice(from);
}

/** Where the next one of these ends; the end of all where there is none. */
function after(html: string, words: string | RegExp, from: number): number {
  if (typeof words === 'string') {
    const at = html.indexOf(words, from);
    return at < 0 ? html.length : at + words.length;
  }
  words.lastIndex = from;
  return words.test(html) ? words.lastIndex : html.length;
}

/** What begins or ends a line in every client. */
const BREAKS =
  /<(?:br|hr|\/?(?:p|div|pre|tr|td|th|table|li|ul|ol|dl|dt|dd|h[1-6]|blockquote|section|article|header|footer|center))\b[^<>]*>/gi;

/** Elements of preformatted text: more than that no program writes around armor. */
const MOST_PREFORMATTED = 1000;

/**
 * The lines of an HTML text in which armor is looked for. Some programs write its lines as lines of the source; to others a line
 * of the source is what it is in HTML, a blank, and they break it anywhere.
 */
export function armoredLines(html: string): string {
  const asWritten = htmlLines(html);
  // Nothing that stands in a line of its own begins otherwise, however its lines are broken.
  if (!asWritten.includes('-----BEGIN') || blocksIn(asWritten, 1).length > 0) return asWritten;
  const asShown = shownLines(html);
  return blocksIn(asShown, 1).length > 0 ? asShown : asWritten;
}

/** The lines of an HTML text as its reader sees them: where a line of the source ends is a blank, but in preformatted text. */
export function shownLines(html: string): string {
  const pieces = html.split(/(<\/?pre\b[^<>]*>)/i, 4 * MOST_PREFORMATTED);
  if (pieces.length === 4 * MOST_PREFORMATTED) return htmlLines(html);
  let preformatted = false;
  const flowed = pieces.map((piece) => {
    if (/^<\/?pre\b/i.test(piece)) preformatted = !piece.startsWith('</');
    return preformatted ? piece : exchanged(exchanged(piece, '\r\n', ' '), '\n', ' ');
  });
  return htmlLines(flowed.join(''));
}

/** Other signs begin none (HTML §13.2.5.6): code is often written as it is. */
const TAG = /<[a-z/!?][^<>]*>/gi;

/** The lines of an HTML text, for armor to be found in: nothing is shown, fetched or merged (CVE-2017-17688). */
export function htmlLines(html: string): string {
  const broken = inPieces(shownHtml(html), '<', (piece) => piece.replace(BREAKS, () => '\n').replace(TAG, () => ''));
  return inPieces(broken, '&', (piece) => piece.replace(/&(#?\w{1,10});/g, entityOf));
}
