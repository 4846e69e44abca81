/** A run of so many words is a shingle (Broder 1997): what two texts have in common, whatever lies around it. */
export const SHINGLE = 5;

/** What a letter counts as: `''` for what is not seen, null for what stands between words. */
const folded = new Map<number, string | null>();

/**
 * Compatibility forms, marks and case go, so that a text is the same in every charset and font (Unicode: NFKD, then without marks).
 */
export function fold(code: number): string | null {
  const known = folded.get(code);
  if (known !== undefined) return known;
  const letter = String.fromCharCode(code);
  const made = /[\p{Cf}\p{M}]/u.test(letter) ? '' : /[\p{L}\p{N}]/u.test(letter) ? bare(letter) : null;
  folded.set(code, made);
  return made;
}

function bare(letter: string): string {
  return letter
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '');
}

/** The same of ASCII: the letter in lower case, or 0. */
const ASCII = Uint8Array.from({ length: 128 }, (_, code) => {
  const letter = String.fromCharCode(code).toLowerCase();
  return /[a-z0-9]/.test(letter) ? letter.charCodeAt(0) : 0;
});

/** Words of scripts that do not divide them: each letter counts as one. */
const UNDIVIDED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Khmer}\p{sc=Lao}\p{sc=Myanmar}]/u;
const undivided = new Map<number, boolean>();
function standsAlone(code: number): boolean {
  const known = undivided.get(code) ?? UNDIVIDED.test(String.fromCharCode(code));
  undivided.set(code, known);
  return known;
}

/** FNV-1a, of 32 bits. */
const BASIS = 0x811c9dc5 | 0;
const PRIME = 0x01000193;

const LF = 10;
const NINE = 57;
const GREATER = 62;
/** Letters of a name in front of what its owner wrote ("AB> "). */
const INITIALS = 4;

/**
 * The words of a text one after the other, as hashes. What is not a letter or a digit divides them, be it a quotation mark, a line end, markup of a diff or a
 * comment. Numbers alone are none: they stand before lines, and change between versions of a text.
 */
export function wordsIn(text: string): Int32Array {
  let words = new Int32Array(1024 + (text.length >> 3));
  let count = 0;
  const add = (word: number) => {
    if (count === words.length) {
      const larger = new Int32Array(2 * count);
      larger.set(words);
      words = larger;
    }
    words[count++] = word;
  };
  let hash = BASIS;
  let letters = 0;
  let digits = 0;
  let startsLine = true;
  for (let at = 0; at <= text.length; at++) {
    const code = at < text.length ? text.charCodeAt(at) : LF;
    const plain = code < 128 ? (ASCII[code] as number) : 0;
    if (plain !== 0) {
      hash = Math.imul(hash ^ plain, PRIME);
      letters++;
      if (plain <= NINE) digits++;
      continue;
    }
    const letter = code < 128 ? null : fold(code);
    const alone = letter !== null && letter !== '' && standsAlone(code);
    if (letter !== null && !alone) {
      for (let i = 0; i < letter.length; i++) hash = Math.imul(hash ^ letter.charCodeAt(i), PRIME);
      letters += letter.length;
      continue;
    }
    if (letters > digits) {
      if (!startsLine || code !== GREATER || letters > INITIALS) add(hash);
      startsLine = false;
    }
    if (alone) add(Math.imul(BASIS ^ code, PRIME));
    if (code === LF) startsLine = true;
    hash = BASIS;
    letters = 0;
    digits = 0;
  }
  return words.subarray(0, count);
}

/** 32 bits of the shingle that ends with the word there, to see quickly whether it may be one that is looked for. */
export function quickKey(words: Int32Array, at: number): number {
  return mixed(
    words[at - 4] as number,
    words[at - 3] as number,
    words[at - 2] as number,
    words[at - 1] as number,
    words[at] as number,
  );
}

function mixed(a: number, b: number, c: number, d: number, e: number): number {
  let hash = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b);
  hash = Math.imul((hash ^ (hash >>> 15)) + b, 0xc2b2ae35);
  hash = Math.imul((hash ^ (hash >>> 13)) + c, 0x27d4eb2f);
  hash = Math.imul((hash ^ (hash >>> 15)) + d, 0x165667b1);
  hash = Math.imul((hash ^ (hash >>> 13)) + e, 0x9e3779b1);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** 53 bits of it, the quick ones above: no two texts have the same by chance. */
export function keyOf(words: Int32Array, at: number): number {
  const low = mixed(
    (words[at] as number) ^ 0x5bd1e995,
    words[at - 1] as number,
    words[at - 2] as number,
    words[at - 3] as number,
    words[at - 4] as number,
  );
  return quickKey(words, at) * 2 ** 21 + (low >>> 11);
}

/** The keys of all shingles of a text, with the place of each among its words. */
export function shinglesIn(text: string): { words: Int32Array; keys: number[] } {
  const words = wordsIn(text);
  const keys = Array.from({ length: Math.max(0, words.length - SHINGLE + 1) }, (_, from) => keyOf(words, from + SHINGLE - 1));
  return { words, keys };
}

/** 53 bits of letters, blanks aside: of a line, or a name. */
export function lineKey(line: string): number {
  let low = BASIS;
  let high = 0x01234567;
  for (let at = 0; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (code <= 32 || code === 0xa0) continue;
    low = Math.imul(low ^ code, PRIME);
    high = Math.imul(high + code, 0x85ebca6b) ^ (low >>> 7);
  }
  return (low >>> 0) * 2 ** 21 + (high >>> 11);
}

/** Characters between those of an id that are passed over: a line end and quotation marks. */
const LONGEST_GAP = 40;

/** Whether an id (its letters and digits alone, in lower case) ends there, whatever divides its letters, and is not part of a longer word. */
export function endsWith(text: string, end: number, id: string): boolean {
  const start = startOf(text, end, id);
  return start === 0 || (start !== undefined && !isWordAt(text, start - 1));
}

function startOf(text: string, end: number, id: string): number | undefined {
  let wanted = id.length;
  let gap = 0;
  for (let at = end - 1; at >= 0; at--) {
    const letter = foldedAt(text, at);
    if (letter === null || letter === '') {
      if (++gap > LONGEST_GAP) return undefined;
      continue;
    }
    if (!id.endsWith(letter, wanted)) return undefined;
    wanted -= letter.length;
    if (wanted === 0) return at;
  }
  return undefined;
}

function foldedAt(text: string, at: number): string | null {
  if (at >= text.length) return null;
  const code = text.charCodeAt(at);
  if (code >= 128) return fold(code);
  const plain = ASCII[code] as number;
  return plain === 0 ? null : String.fromCharCode(plain);
}

export function isWordAt(text: string, at: number): boolean {
  return (foldedAt(text, at) ?? '') !== '';
}
