import japanese from 'encoding-japanese';
import iconv from 'iconv-lite';
import { BASE64 } from './base64.ts';

export interface Decoder {
  /** Its name in lower case. */
  encoding: string;
  decode(bytes: Uint8Array): string;
}

/**
 * Not by TextDecoder: that of Node 20 reads 0x80 to 0x9F, where the quotation marks of Windows are, as if they were ISO-8859-1. By a
 * table: a text may be of nothing but what has no letter.
 */
export const windows1252: Decoder = {
  encoding: 'windows-1252',
  decode: (bytes) => {
    const units = Buffer.allocUnsafe(2 * bytes.length);
    for (let at = 0; at < bytes.length; at++) {
      const letter = LETTERS[bytes[at] ?? 0] ?? 0;
      units[2 * at] = letter & 0xff;
      units[2 * at + 1] = letter >> 8;
    }
    return units.toString('utf16le');
  },
};

/** The five octets that mean nothing in it stand for themselves (Encoding Standard, index windows-1252), and are not lost. */
const LETTERS = Array.from({ length: 256 }, (_, octet) => {
  const letter = iconv.decode(Uint8Array.of(octet), 'windows-1252');
  return letter === '\ufffd' ? octet : letter.charCodeAt(0);
});

/** UTF-16 that does not say in which order its octets are: RFC 2781 §4.3 has the mark say it, and TextDecoder does not look at it. */
const utf16: Decoder = { encoding: 'utf-16', decode: (bytes) => new TextDecoder(octetOrder(bytes)).decode(bytes) };

/** Octets of a text that show their order. */
const ENOUGH = 4096;

/** Without a mark it is as Windows' programs write it, and not as the standard has it, unless more of it is Latin the other way. */
function octetOrder(bytes: Uint8Array): 'utf-16le' | 'utf-16be' {
  const [first, second] = bytes;
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  const zeros = [0, 0];
  bytes.subarray(0, ENOUGH).forEach((octet, at) => {
    if (octet === 0) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1;
  });
  return (zeros[0] ?? 0) > (zeros[1] ?? 0) ? 'utf-16be' : 'utf-16le';
}

/** Of the web's charsets (the Encoding Standard), and of those beyond that mail is found in, such as CP850 and UTF-7; undefined for others. */
export function decoderFor(charset: string): Decoder | undefined {
  const label = charset.trim();
  try {
    const decoder = new TextDecoder(label);
    if (decoder.encoding === 'utf-16le' && !/le$/i.test(label)) return utf16;
    return decoder.encoding === windows1252.encoding ? windows1252 : decoder;
  } catch {
    return LABEL.test(label) && iconv.encodingExists(label) ? furtherDecoder(label) : undefined;
  }
}

/** RFC 2978 §2.3, and shorter; iconv-lite passes over whatever else stands in a name. */
const LABEL = /^[\w!#$%&'+^`{}~:.-]{1,40}$/;

/** Of iconv-lite, those that go by tables. It has besides ways to write octets down (base64), names of mailboxes, and what is slow (CESU-8). */
const TABLES = ['cp850', 'gbk', 'utf-32', 'utf-32le', 'utf-16', 'utf-16be'].map(kindOf);
const UTF7 = kindOf('utf-7');

function furtherDecoder(label: string): Decoder | undefined {
  const kind = kindOf(label);
  if (kind === UTF7) return utf7;
  // As iconv-lite reads a name: it is one charset by however many.
  const encoding = label.toLowerCase().replace(/:\d{4}$|[^0-9a-z]/g, '');
  if (TABLES.includes(kind)) return { encoding, decode: (bytes) => iconv.decode(bytes, encoding) };
  return encoding === 'utf16le' || encoding === 'ucs2' ? new TextDecoder('utf-16le') : undefined;
}

/** The codec that it is one of. */
function kindOf(label: string): unknown {
  return iconv.getCodec(label).constructor;
}

const SHIFT = 43;
const HYPHEN = 45;

/** RFC 2152. iconv-lite needs a microsecond for each of its letters: a mail of 25 MiB would take half a minute. */
const utf7: Decoder = {
  encoding: 'utf-7',
  decode: (bytes) => {
    const units = Buffer.allocUnsafe(2 * bytes.length);
    let length = 0;
    let bits = 0;
    // Bits that are held of a letter; none outside of base64.
    let held: number | null = null;
    for (let at = 0; at < bytes.length; at++) {
      const octet = bytes[at] ?? 0;
      const value = held === null ? -1 : (BASE64[octet] ?? -1);
      if (held !== null && value >= 0) {
        bits = ((bits & 0xffff) << 6) | value;
        held += 6;
        if (held < 16) continue;
        held -= 16;
        length = units.writeUInt16LE((bits >> held) & 0xffff, length);
        continue;
      }
      const wasShifted: boolean = held !== null;
      held = !wasShifted && octet === SHIFT && bytes[at + 1] !== HYPHEN ? 0 : null;
      const isMark = held === 0 || (octet === HYPHEN && (wasShifted || bytes[at - 1] === SHIFT));
      if (!isMark) length = units.writeUInt16LE(LETTERS[octet] ?? 0, length);
    }
    return new TextDecoder('utf-16le').decode(units.subarray(0, length));
  },
};

/** Charsets in which everything is ASCII octets. What is UTF-8, too, is these only with the escape sequences of the first of them. */
const SEVEN_BIT = /^(iso-2022-|utf-7)/;
const ESCAPED = /^iso-2022-/;
const ESC = 27;
const UTF8 = 'utf-8';
/** RFC 1428 §3. */
const UNKNOWN = 'unknown-8bit';

/**
 * The charset of text that has no MIME header of its own: UTF-8 where it is that, what was declared otherwise, and that of RFC 1428
 * where it is unknown, which is shown as Windows-1252, and attached. Programs encrypt in the locale of their user, and a mail client declares that of the armor. No signature
 * covers what is declared: it must not make other words of plain ASCII, as UTF-7 would, nor, where anybody can read the text on its way
 * (`readable`), halves of other letters (see `octetsIn`).
 */
export function charsetOf(text: Uint8Array, declared?: string, readable = false): string {
  const label = declared?.trim().toLowerCase() ?? '';
  const decoder = decoderFor(label);
  const encoding = decoder?.encoding ?? '';
  if (ESCAPED.test(encoding) && text.includes(ESC)) return label;
  if (hasUtf16Mark(text)) return utf16.encoding;
  if (isUtf8(text)) return UTF8;
  // Armor may stand in a part of two octets a letter, and the text in it be of one.
  const isWide = /^(utf-?(16|32)|ucs)/.test(encoding);
  const isOther = encoding !== '' && encoding !== UTF8 && !SEVEN_BIT.test(encoding) && label !== 'us-ascii';
  const believed = isOther && (!isWide || text.includes(0)) && !(readable && decoder && takesLetters(text, decoder));
  return believed ? label : UNKNOWN;
}

/** Octets in which a page says its charset (HTML §4.2.5.4). */
const PAGE_HEAD = 1024;

/** The charset that a page says of itself, where anybody can read that: one in which ASCII is ASCII. */
export function pageCharset(page: Uint8Array): string | undefined {
  const head = Buffer.from(page.buffer, page.byteOffset, Math.min(page.length, PAGE_HEAD)).toString('latin1');
  const [, charset] = /<meta\b[^<>]{0,200}?\bcharset\s{0,10}=\s{0,10}["']?\s{0,10}([\w:.-]{1,40})/i.exec(head) ?? [];
  const encoding = charset && decoderFor(charset)?.encoding;
  return encoding && !/^(utf-?(7|16|32)|ucs)/.test(encoding) ? charset : undefined;
}

/** RFC 2781 §3.2; Windows' own programs write it. */
export function hasUtf16Mark([first, second]: Uint8Array): boolean {
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
}

export function isUtf8(text: Uint8Array): boolean {
  return decodesUtf8(text, { stream: false });
}

/** Whether octets are a text in UTF-8, and nothing that no keyboard writes. */
export function isWords(octets: Uint8Array): boolean {
  return isUtf8(octets) && !/[^\P{Cc}\s]/u.test(Buffer.from(octets).toString());
}

/** Whether octets may be a text in a charset of octets: its line ends and blanks are, and what switches charsets or colours (ISO 2022, ECMA-48). */
export function isLegible(octets: Uint8Array): boolean {
  return octets.every((octet) => octet >= 0x20 || (octet >= 0x09 && octet <= 0x0d) || octet === ESC);
}

/** Of what was cut off somewhere: perhaps within a letter. */
export function beginsUtf8(text: Uint8Array): boolean {
  return decodesUtf8(text, { stream: true });
}

function decodesUtf8(text: Uint8Array, how: { stream: boolean }): boolean {
  try {
    new TextDecoder(UTF8, { fatal: true }).decode(text, how);
    return true;
  } catch {
    return false;
  }
}

/** The longest header section of a payload that is looked through. */
const LONGEST_HEAD = 64 * 1024;
/** Fields that a MIME payload begins with; a text that merely starts with "Note: ..." has none of them. */
const FIELD = /^(content-[a-z-]+|mime-version|subject|from|to|cc|date|message-id)[ \t]*:/i;
/** Of these a payload has at least one (RFC 2045 §4, §5), and a file that begins with "Subject:" or an empty line has none. */
const MIME_FIELD = /^(content-type|mime-version)[ \t]*:/i;
const ANY_FIELD = /^[!-9;-~]+[ \t]*:|^[ \t]/;

/** Whether octets are a MIME entity with a header section of its own (it may be empty), and not bare text. */
export function looksLikeEntity(bytes: Uint8Array): boolean {
  const fields = headOf(bytes);
  return fields.length === 0 || (fields.every((line) => ANY_FIELD.test(line)) && fields.some((line) => FIELD.test(line)));
}

/** The same of what was sent as a file: an advisory, a patch and a crashing input begin in many ways, and stay what they are. */
export function looksLikeMime(bytes: Uint8Array): boolean {
  const fields = headOf(bytes);
  return fields.every((line) => ANY_FIELD.test(line)) && fields.some((line) => MIME_FIELD.test(line));
}

/** The lines before the first empty one. */
function headOf(bytes: Uint8Array): string[] {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, LONGEST_HEAD)).toString('latin1');
  const lines = head.split(/\r?\n/);
  const end = lines.indexOf('');
  return lines.slice(0, end < 0 ? lines.length : end);
}

const ASCII = Buffer.from(Array.from({ length: 0x5f }, (_, at) => 0x20 + at));

/**
 * The octets of a text in the charset that its part declares (Windows-1252 where that is none), for a signature over them.
 * Undefined where they do not give that text again, as a letter that the charset lacks would pass as `?`; and where they are
 * UTF-8, or the charset has other letters in the place of ASCII, or takes letters of ASCII for halves of others (GBK, Shift_JIS), as it
 * does with those behind an umlaut: then somebody may have declared it to have other words shown.
 */
export function octetsIn(text: string, declared: string | undefined): Uint8Array | undefined {
  if (text.length > LONGEST_SIGNED) return undefined;
  const named = declared ? decoderFor(declared) : undefined;
  // The one of seven bits in which people write mail: its octets are UTF-8 always, and nobody writes its escape sequences by chance.
  if (named?.encoding === ISO_2022_JP) return givesAgain(text, named, inIso2022Jp(text));
  const decoder = named && named.encoding !== UTF8 && !SEVEN_BIT.test(named.encoding) ? named : windows1252;
  if (!iconv.encodingExists(decoder.encoding) || decoder.decode(ASCII) !== ASCII.toString('latin1')) return undefined;
  const octets = givesAgain(text, decoder, iconv.encode(text, decoder.encoding));
  return octets && !isUtf8(octets) && !takesLetters(octets, decoder) ? octets : undefined;
}

function takesLetters(octets: Uint8Array, decoder: Decoder): boolean {
  return lettersIn(decoder.decode(octets)) !== lettersIn(windows1252.decode(octets));
}

function lettersIn(text: string): number {
  return text.replace(/[^A-Za-z]+/g, '').length;
}

/** Characters. Each costs up to forty octets of memory on its way. */
const LONGEST_SIGNED = 1024 * 1024;

const ISO_2022_JP = 'iso-2022-jp';

/** RFC 1468; iconv-lite does not have it. */
function inIso2022Jp(text: string): Uint8Array {
  return Uint8Array.from(japanese.convert(japanese.stringToCode(text), { from: 'UNICODE', to: 'JIS', type: 'array' }));
}

function givesAgain(text: string, decoder: Decoder, octets: Uint8Array): Uint8Array | undefined {
  return decoder.decode(octets) === text ? octets : undefined;
}
