import { decodeText } from '../mail/message.ts';
import { isCommon, STANDING, withoutFurniture } from './boilerplate.ts';
import { sha256 } from './bundle.ts';
import { type Hunk, hunksIn } from './hunks.ts';
import { fold, lineKey, SHINGLE, shinglesIn, wordsIn } from './shingles.ts';

/** What is under embargo in one case, in clear. */
export interface Embargoed {
  /** The case's, its CVE's, and whatever else names it by itself. */
  ids: readonly string[];
  /** Each by itself: a subject, a draft, a notice, a post. */
  texts: readonly string[];
  patches: readonly { name: string; bytes: Uint8Array }[];
}

/** Something that is under embargo in a case, in clear: a post, a patch, what is known. Plain data: it crosses to a thread. */
export interface Piece {
  /** Of the post or patch: what it says never changes. */
  id: string;
  caseId: string;
  /** Of people who are not of the team, who write as much as they like: it makes room for the others. */
  strange: boolean;
  /** What names the case by itself, as its CVE. */
  ids: readonly string[];
  texts: readonly string[];
  /** Mails, or parts of them: all that one can read there. */
  mails: readonly Uint8Array[];
  patches: readonly { name: string; bytes: Uint8Array }[];
}

export type Kind = 'text' | 'patch';

/** Of one text, or of one patch. */
export interface Document {
  kind: Kind;
  /** Keys of its shingles (`keyOf`), each once: those that are its own. */
  shingles: readonly number[];
  /** Of a patch: keys of the lines that it changes (`lineKey`), each once. */
  lines: readonly number[];
}

/**
 * What is kept in memory of a case, to know its contents again: no words but its ids. It is not for a disk: hashes of short texts can be guessed. Plain
 * data, and may cross to a thread.
 */
export interface Fingerprint {
  caseId: string;
  /** Letters and digits alone, in lower case. */
  ids: readonly string[];
  documents: readonly Document[];
  /** Names of patches that say something (`nameKey`). */
  names: readonly number[];
  files: readonly { size: number; sha256: string }[];
}

/** Of a document; what is longer is known by its beginning. */
const MOST_SHINGLES = 100_000;
/** Words of a shingle, and of a file's name, that are not common. */
const OWN_WORDS = 2;
const OWN_NAME_WORDS = 3;
/** Octets of a file that counts as a whole. */
const SMALLEST_FILE = 64;
/** Letters of a line that counts by itself. */
const SHORTEST_LINE = 8;

const STANDING_SHINGLES = STANDING.flatMap((text) => shinglesIn(text).keys);

/**
 * `known`: texts of which nothing counts, as anybody may have them already: templates of notices, advisories that are out, public posts, the product's own
 * description. The more of them, the fewer false alarms.
 */
export function fingerprint(caseId: string, { ids, texts, patches }: Embargoed, known: readonly string[] = []): Fingerprint {
  const others = new Set([...STANDING_SHINGLES, ...known.flatMap((text) => shinglesIn(text).keys)]);
  const written = texts.map((text) => hunksIn(text));
  const diffs = patches.map(({ bytes }) => hunksIn(decodeText(bytes)));
  // What a patch says above its hunks; a file that is no diff is a text.
  const prose = [...written, ...diffs].map(({ prose }) => textDocument(prose, others));
  const changes = [...written, ...diffs].flatMap(({ hunks }) => (hunks.length > 0 ? [patchDocument(hunks, others)] : []));
  return {
    caseId,
    ids: [...new Set([caseId, ...ids].map(plainId))].filter((id) => id !== ''),
    documents: [...prose, ...changes].filter(({ shingles, lines }) => shingles.length + lines.length > 0),
    names: patches.flatMap(({ name }) => nameKey(name) ?? []),
    files: patches
      .filter(({ bytes }) => bytes.length >= SMALLEST_FILE)
      .map(({ bytes }) => ({ size: bytes.length, sha256: sha256(bytes) })),
  };
}

function textDocument(text: string, others: ReadonlySet<number>): Document {
  return { kind: 'text', shingles: ownShingles(withoutFurniture(text), others), lines: [] };
}

/** What is there after it, and not before: what it removes anybody has, and what it leaves as well. */
function patchDocument(hunks: readonly Hunk[], others: ReadonlySet<number>): Document {
  const before = new Set([...others, ...hunks.flatMap((hunk) => shinglesIn(hunk.before).keys)]);
  const shingles = [...new Set(hunks.flatMap((hunk) => ownShingles(hunk.after, before)))];
  const lines = hunks.flatMap(({ changed }) => changed.flatMap((line) => changeKey(line) ?? []));
  return { kind: 'patch', shingles: shingles.slice(0, MOST_SHINGLES), lines: [...new Set(lines)] };
}

/** Of a line that a diff changes; undefined where it is too short to say anything. */
export function changeKey(line: string): number | undefined {
  const letters = line.replace(/[^A-Za-z0-9]+/g, '');
  return letters.length < SHORTEST_LINE ? undefined : lineKey(line);
}

function ownShingles(text: string, others: ReadonlySet<number>): number[] {
  const { words, keys } = shinglesIn(text);
  const isOwn = words.map((word) => (isCommon(word) ? 0 : 1));
  const own = keys.filter((key, at) => {
    // Counted before they are compared: most have none.
    const count = isOwn.subarray(at, at + SHINGLE).reduce((sum, one) => sum + one, 0);
    return count >= OWN_WORDS && !others.has(key) && ownWords(words.subarray(at, at + SHINGLE)) >= OWN_WORDS;
  });
  return [...new Set(own)].slice(0, MOST_SHINGLES);
}

function ownWords(words: Int32Array): number {
  return new Set(words.filter((word) => !isCommon(word))).size;
}

function plainId(id: string): string {
  return Array.from({ length: id.length }, (_, at) => fold(id.charCodeAt(at)) ?? '').join('');
}

/** Of a file's name without its folder and its endings; undefined where it could be anybody's. */
export function nameKey(name: string): number | undefined {
  const stem = (/[^/\\]{0,300}$/.exec(name)?.[0] ?? '')
    .toLowerCase()
    .replace(/(?:\.(?:patch|diff|txt|gz|zip|asc|eml)){1,5}$/, '');
  return ownWords(wordsIn(stem)) >= OWN_NAME_WORDS ? lineKey(plainId(stem)) : undefined;
}
