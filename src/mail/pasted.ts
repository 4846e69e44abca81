import { unquoted } from './armor.ts';
import { isUtf8 } from './text.ts';

/** Marks of a reader who quotes, at the beginning of a line. */
const QUOTES = '[>| \\t]';

/** Base64 as people paste it has long words, of which each but the last fills its line (RFC 4648 §4). */
const SHORTEST = 40;
const LETTER = /[A-Za-z0-9+/]/;
const isLetter = Uint8Array.from({ length: 128 }, (_, code) => (LETTER.test(String.fromCharCode(code)) ? 1 : 0));
/** A line, perhaps an empty one between, or the end of one as JSON writes it. */
const LINE_END = `(?:[ \\t]{0,100}\\r?\\n(?:${QUOTES}{0,100}\\r?\\n)?|(?:\\\\r)?\\\\n)`;
const NEXT_LINE = new RegExp(`={0,2}${LINE_END}${QUOTES}{0,100}([A-Za-z0-9+/]+)(?![A-Za-z0-9+/])`, 'y');

/** The octets of what stands in a text as base64, whether or not it makes sense. */
export function* base64In(text: string): Generator<Uint8Array> {
  for (let word = nextLong(text, 0); word; ) {
    const lines = [text.slice(word.start, word.end)];
    let { end } = word;
    for (let full = end - word.start; text[end] !== '='; ) {
      NEXT_LINE.lastIndex = end;
      const next = NEXT_LINE.exec(text);
      if (next?.[1] === undefined || next[1].length > full) break;
      lines.push(next[1]);
      end += next[0].length;
      if (next[1].length < full) break;
      full = next[1].length;
    }
    yield Buffer.from(lines.join(''), 'base64');
    word = nextLong(text, end);
  }
}

/** The next word of so many letters. One of them stands at a multiple of their number: no more is looked at. */
function nextLong(text: string, from: number): { start: number; end: number } | undefined {
  for (let at = from + SHORTEST - 1; at < text.length; at += SHORTEST) {
    let start = at;
    while (start > from && isLetter[text.charCodeAt(start - 1)] === 1 && isLetter[text.charCodeAt(at)] === 1) start--;
    let end = at;
    while (end < text.length && isLetter[text.charCodeAt(end)] === 1) end++;
    if (end - start >= SHORTEST) return { start, end };
  }
  return undefined;
}

const BEGIN = new RegExp(`^(${QUOTES}{0,100})begin [0-7]{3,4} \\S[^\\r\\n]{0,200}\\r?\\n`, 'gm');

/** The octets of what stands in a text as uuencode (POSIX), quoted or not, up to its end or to what is none of its lines. */
export function* uuencodedIn(text: string): Generator<Uint8Array> {
  let from = 0;
  for (const { index, 0: head, 1: quote = '' } of text.matchAll(BEGIN)) {
    if (index < from) continue;
    const lines: Uint8Array[] = [];
    from = index + head.length;
    while (from < text.length) {
      const lineEnd = text.indexOf('\n', from);
      const end = lineEnd < 0 ? text.length : lineEnd;
      const octets = end - from > LONGEST_LINE ? undefined : uuLine(text.slice(from + quote.length, end).replace(/\r$/, ''));
      if (!octets) break;
      lines.push(octets);
      from = end + 1;
    }
    yield Buffer.concat(lines);
  }
}

/** Characters: 45 octets, some blanks and quote marks. */
const LONGEST_LINE = 200;

/** The first character says how many octets there are; undefined where the line is none of uuencode. */
function uuLine(line: string): Uint8Array | undefined {
  const length = (line.charCodeAt(0) - 32) & 63;
  if (!/^[ -`]+$/.test(line) || length === 0 || length > 45) return undefined;
  const octets: number[] = [];
  for (let at = 1; octets.length < length; at += 4) {
    const [a = 0, b = 0, c = 0, d = 0] = [0, 1, 2, 3].map((offset) => ((line.charCodeAt(at + offset) || 32) - 32) & 63);
    octets.push((a << 2) | (b >> 4), ((b & 15) << 4) | (c >> 2), ((c & 3) << 6) | d);
  }
  return Uint8Array.from(octets.slice(0, length));
}

/** As `xxd`, `xxd -p`, `hexdump -C` and `od -A x -t x1z` write octets: perhaps where they are, then their digits, then perhaps their letters. */
const WHERE = '[0-9a-f]{4,16}(?::[ \\t]+|[ \\t]{2,})|[0-9a-f]{6,8} (?=[0-9a-f]{2}(?: |$))';
const HEX_LINE = new RegExp(
  `^${QUOTES}{0,100}(?<where>${WHERE})?(?<digits>(?:[0-9a-f]{2}[ \\t]{0,2}){1,200})(?:$|[|]|(?<=[ \\t]{2}))`,
  'i',
);
/** One that is longer is nothing else. */
const HEX_ALONE = new RegExp(`^${QUOTES}{0,100}(?<digits>[0-9a-f]+)$`, 'i');
const LONGEST_DUMP = 400;
const BEGINS_HEX = /[0-9a-f>| \t]/i;
/** Octets of the first line, also of one that says where they are, and of all. */
const FIRST_HEX = 16;
const FIRST_PLACED = 8;
const SHORTEST_HEX = 32;

/** The octets of what stands in a text as hexadecimal digits, quoted or not. */
export function* hexIn(text: string): Generator<Uint8Array> {
  let lines: Buffer[] = [];
  let placed = false;
  const ended = () => {
    const octets = Buffer.concat(lines);
    lines = [];
    return octets.length < SHORTEST_HEX ? [] : [octets];
  };
  for (let from = 0; from < text.length; ) {
    const lineEnd = text.indexOf('\n', from);
    const end = lineEnd < 0 ? text.length : lineEnd;
    // Most lines are looked at no further.
    const may = BEGINS_HEX.test(text[from] ?? '') && (lines.length > 0 || end - from >= 2 * FIRST_HEX);
    const form = end - from > LONGEST_DUMP ? HEX_ALONE : HEX_LINE;
    const { where, digits = '' } = (may && form.exec(text.slice(from, end).trimEnd())?.groups) || {};
    if (lines.length === 0) placed = where !== undefined;
    // A dump ends with a line that only says where.
    const octets = Buffer.from(placed && where === undefined ? '' : digits.replaceAll(/[ \t]+/g, ''), 'hex');
    const first = placed ? FIRST_PLACED : FIRST_HEX;
    if (octets.length >= (lines.length === 0 ? first : 1)) lines.push(octets);
    else yield* ended();
    from = end + 1;
  }
  yield* ended();
}

/** Characters that are looked at to see whether a text was left quoted-printable. */
const SAMPLE = 64 * 1024;

/** The text without quoted-printable, where somebody has left it on; undefined where it is none. Octets above 127 that are no UTF-8 come as Latin-1. */
export function unquotedIn(text: string): string | undefined {
  const lines = text.slice(0, SAMPLE).split('\n');
  const broken = lines.filter((line) => /=\r?$/.test(line)).length;
  return broken > lines.length / 20 ? unquoted(text).replaceAll(/[\x80-\xff]{2,}/g, asUtf8) : undefined;
}

function asUtf8(octets: string): string {
  const written = Buffer.from(octets, 'latin1');
  return isUtf8(written) ? written.toString() : octets;
}

/** Of a letter as a URL, or as JSON and programs have it. */
const ESCAPED = /%[0-9a-f]{2}|\\u(?:[0-9a-f]{4}|\{[0-9a-f]{1,6}\})/gi;
/** Fewer of them are what stands in any text. */
const ESCAPES = 3;

/** The text without the escapes of a URL (RFC 3986 §2.1), and of JSON (RFC 8259 §7); undefined where it has none to speak of. */
export function unescapedIn(text: string): string | undefined {
  let found = 0;
  for (const _ of text.matchAll(ESCAPED)) if (++found === ESCAPES) break;
  if (found < ESCAPES) return undefined;
  return text
    .replaceAll(/(?:%[0-9a-f]{2})+/gi, (octets) => asUtf8(Buffer.from(octets.replaceAll('%', ''), 'hex').toString('latin1')))
    .replaceAll(/\\u(?:\{([0-9a-f]{1,6})\}|([0-9a-f]{4}))/gi, (as, long?: string, short?: string) => {
      const code = Number.parseInt(long ?? short ?? '', 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : as;
    });
}
