import type { Entity } from '../mail/message.ts';
import { type Place, type Reading, readings } from '../mail/readings.ts';
import { Refusal } from '../refusal.ts';
import { sha256 } from './bundle.ts';
import { changeKey, type Fingerprint, type Kind, nameKey, type Piece } from './fingerprint.ts';
import { sidesOf } from './hunks.ts';
import { endsWith, isWordAt, keyOf, quickKey, SHINGLE, wordsIn } from './shingles.ts';

/** What of a case stands in a mail. */
export interface Hit {
  caseId: string;
  kind: 'id' | 'file' | Kind;
  place: Place;
  /** Of what is under embargo the share that is there, 0 to 1: of the text or patch of which most is. 1 for an id and a file. */
  score: number;
}

/** Knows again what is under embargo, in whatever mail it stands. Its memory is that of this process, and nothing of it is written down. */
export interface Watched {
  /** Learns what came since the last time. What cannot be opened is in the log, and is tried again after an hour. */
  refresh(): Promise<void>;
  /**
   * What of all cases that are not public stands in these parts of a mail (`embargoedIn`), as the cases are now. Throws what the
   * recogniser does, having logged it.
   */
  look(parts: readonly Uint8Array[]): Promise<Hit[]>;
  /** Called for each incident that is made of it. */
  noted(kind: Hit['kind']): void;
}

/**
 * What of these pieces stands in a mail, as `embargoedIn` would say of them; neither the comparison nor the sizes of the pieces stall anybody else.
 * `known`: see `fingerprint`. Throws `busy` where its thread was lost, and what reading the pieces throws.
 */
export type Compare = (
  mail: Uint8Array,
  secret: { pieces: Iterable<Piece> | AsyncIterable<Piece>; known: readonly string[] },
) => Promise<Hit[]>;

/*
 * How much is enough. Measured by `npm run recognition`: what was written down from a text is far above, and what merely speaks of the same thing far below.
 */
/** Shingles so near to each other: two sentences of it, or a longer one. */
const NEAR = { shingles: 12, words: 150 };
/** Of a text or patch as short as a subject: the share of its shingles, and how many at least. */
const MOST_OF = { share: 0.6, shingles: 4 };
/** Of the lines that a small patch changes, in a diff: the share, and how many at least. */
const CHANGES = { share: 0.8, lines: 2 };

/** One case's texts, or its patches. */
interface Group {
  caseId: string;
  kind: Kind;
}

interface Indexed {
  group: number;
  size: number;
}

/** All that is looked for, ready to be looked for in any number of mails. */
export interface Watch {
  groups: readonly Group[];
  documents: readonly Indexed[];
  /** By `keyOf`: the documents that have it. */
  shingles: ReadonlyMap<number, readonly number[]>;
  /** A bit for each `quickKey` that may be one of them. */
  filter: Uint8Array;
  lines: ReadonlyMap<number, readonly number[]>;
  lineCounts: readonly number[];
  ids: Ids;
  names: ReadonlyMap<number, readonly string[]>;
  files: ReadonlyMap<number, readonly { caseId: string; sha256: string }[]>;
}

/** Ids that are looked for, by their last letter. */
interface Ids {
  byLast: ReadonlyMap<string, readonly NamedBy[]>;
  /** For the code of the last letter, and for those of the last two, all below 128: whether any ends so. */
  lasts: Uint8Array;
  pairs: Uint8Array;
}

interface NamedBy {
  caseId: string;
  id: string;
  /** Of a CVE's. */
  year: string | undefined;
  number: string | undefined;
}

const FILTER_BITS = 22;

export function watch(fingerprints: readonly Fingerprint[]): Watch {
  const groups = fingerprints.flatMap(({ caseId }) => [{ caseId, kind: 'text' } as const, { caseId, kind: 'patch' } as const]);
  const placed = fingerprints.flatMap(({ documents }, at) =>
    documents.map((document) => ({ document, group: 2 * at + (document.kind === 'text' ? 0 : 1) })),
  );
  const shingles = gathered(placed.flatMap(({ document }, at) => document.shingles.map((key) => [key, at] as const)));
  return {
    groups,
    documents: placed.map(({ document, group }) => ({ group, size: document.shingles.length })),
    shingles,
    filter: filterOf(shingles.keys()),
    lines: gathered(placed.flatMap(({ document }, at) => document.lines.map((key) => [key, at] as const))),
    lineCounts: placed.map(({ document }) => document.lines.length),
    ids: idsOf(fingerprints),
    names: gathered(fingerprints.flatMap(({ caseId, names }) => names.map((name) => [name, caseId] as const))),
    files: gathered(
      fingerprints.flatMap(({ caseId, files }) => files.map((file) => [file.size, { caseId, sha256: file.sha256 }] as const)),
    ),
  };
}

function idsOf(fingerprints: readonly Fingerprint[]): Ids {
  const named = fingerprints.flatMap(({ caseId, ids }) =>
    ids.map((id): NamedBy => {
      const [, year, number] = /^cve(\d{4})(\d+)$/.exec(id) ?? [];
      return { caseId, id, year, number };
    }),
  );
  const lasts = new Uint8Array(128);
  const pairs = new Uint8Array(128 * 128);
  for (const [before = '', last = ''] of named.flatMap(({ id }) => [id.slice(-2), id.slice(-2).toUpperCase()])) {
    lasts[last.charCodeAt(0) & 127] = 1;
    pairs[pairOf(before.charCodeAt(0), last.charCodeAt(0))] = 1;
  }
  return { byLast: gathered(named.map((one) => [one.id.slice(-1), one] as const)), lasts, pairs };
}

const pairOf = (before: number, last: number) => ((before & 127) << 7) | (last & 127);

function gathered<Key, Value>(pairs: readonly (readonly [Key, Value])[]): Map<Key, Value[]> {
  const map = new Map<Key, Value[]>();
  for (const [key, value] of pairs) {
    const values = map.get(key);
    if (values) values.push(value);
    else map.set(key, [value]);
  }
  return map;
}

/** The upper 32 bits of a key are its quick key. */
function filterOf(keys: Iterable<number>): Uint8Array {
  const filter = new Uint8Array(2 ** FILTER_BITS / 8);
  for (const key of keys) {
    const bit = Math.floor(key / 2 ** 21) >>> (32 - FILTER_BITS);
    filter[bit >> 3] = (filter[bit >> 3] ?? 0) | (1 << (bit & 7));
  }
  return filter;
}

/**
 * What of these cases stands in a mail that is to go to the public, or to somebody who must not know; empty for ordinary mail. In clear, or opened: what is
 * encrypted inside of it is not seen. Time goes with the size of the mail: for 25 MiB
 * of text, one to two and a half seconds of a processor with 100 cases; it is for a thread (embargo/recogniser). Throws `too-complex` as `readings` does, where nothing was
 * found in all the rest.
 */
export function embargoedIn(mail: Entity, watched: Watch): Hit[] {
  const tally = tallyOf(watched);
  try {
    for (const reading of readings(mail)) tally.see(reading);
  } catch (error) {
    if (!(error instanceof Refusal) || tally.hits().length === 0) throw error;
  }
  return tally.hits();
}

/** What was seen of a group in a mail so far. */
interface Seen {
  isHit: boolean;
  found: Set<number>;
  /** The latest, as far as they are near to each other. */
  recent: { key: number; at: number }[];
  near: Map<number, number>;
}

function tallyOf(watched: Watch) {
  const { groups, documents } = watched;
  const hits = new Map<string, Hit>();
  const seen = groups.map((): Seen => ({ isHit: false, found: new Set(), recent: [], near: new Map() }));
  const counts = documents.map(() => 0);
  const lines = documents.map(() => new Set<number>());
  let words = 0;

  const report = (caseId: string, kind: Hit['kind'], place: Place, score = 1) => {
    if (!hits.has(`${kind} ${caseId}`)) hits.set(`${kind} ${caseId}`, { caseId, kind, place, score });
  };
  const hitGroup = (group: number, place: Place) => {
    const { caseId, kind } = groups[group] as Group;
    (seen[group] as Seen).isHit = true;
    report(caseId, kind, place, 0);
  };

  function seeShingle(owners: readonly number[], key: number, at: number, place: Place): void {
    const groupsOf = new Set(owners.map((owner) => (documents[owner] as Indexed).group));
    for (const group of groupsOf) if (isNear(seen[group] as Seen, key, at)) hitGroup(group, place);
    for (const owner of owners) {
      const { group, size } = documents[owner] as Indexed;
      if ((seen[group] as Seen).found.has(key)) continue;
      counts[owner] = (counts[owner] ?? 0) + 1;
      if ((counts[owner] ?? 0) >= Math.max(MOST_OF.shingles, MOST_OF.share * size)) hitGroup(group, place);
    }
    for (const group of groupsOf) (seen[group] as Seen).found.add(key);
  }

  /** Of what was recognised before, only what is new counts. */
  const isOld = (owner: number, key: number) => {
    const { isHit, found } = seen[(documents[owner] as Indexed).group] as Seen;
    return isHit && found.has(key);
  };

  function seeText(text: string, place: Place): void {
    const { filter, shingles } = watched;
    const inText = wordsIn(text);
    for (let at = SHINGLE - 1; at < inText.length; at++) {
      const bit = quickKey(inText, at) >>> (32 - FILTER_BITS);
      if (((filter[bit >> 3] as number) & (1 << (bit & 7))) === 0) continue;
      const key = keyOf(inText, at);
      const owners = shingles.get(key);
      if (owners && !owners.every((owner) => isOld(owner, key))) seeShingle(owners, key, words + at, place);
    }
    words += inText.length + NEAR.words;
  }

  function seeChanges(changed: readonly string[], place: Place): void {
    for (const line of changed) {
      const key = changeKey(line) ?? Number.NaN;
      for (const owner of watched.lines.get(key) ?? []) {
        const found = lines[owner] as Set<number>;
        found.add(key);
        const enough = Math.max(CHANGES.lines, CHANGES.share * (watched.lineCounts[owner] ?? 0));
        if (found.size >= enough) hitGroup((documents[owner] as Indexed).group, place);
      }
    }
  }

  return {
    see({ place, text: written, octets }: Reading): void {
      const text = inPlainLetters(written);
      if (octets) for (const caseId of ownersOf(watched, octets)) report(caseId, 'file', place);
      for (const caseId of idsIn(text, watched.ids)) report(caseId, 'id', place);
      if (place === 'file name')
        for (const caseId of watched.names.get(nameKey(text) ?? Number.NaN) ?? []) report(caseId, 'file', place);
      seeText(text, place);
      const diff = sidesOf(text);
      if (!diff) return;
      for (const side of diff.sides) seeText(side, place);
      seeChanges(diff.changed, place);
    },
    hits(): Hit[] {
      const share = (group: number) =>
        Math.max(0, ...documents.map(({ group: of, size }, at) => (of === group ? (counts[at] ?? 0) / Math.max(1, size) : 0)));
      const scored = ({ caseId, kind, score }: Hit) => {
        const group = groups.findIndex((one) => one.caseId === caseId && one.kind === kind);
        return group < 0 ? score : Math.min(1, share(group));
      };
      return [...hits.values()].map((hit) => ({ ...hit, score: scored(hit) }));
    },
  };
}

/** Letters of full width, and those of mathematics, that are written with two units. */
const OTHER_LETTERS = /[\uff10-\uff5a\ud835]/;

/** What looks like the letters of ASCII, and is a compatibility form of them, is them. */
function inPlainLetters(text: string): string {
  return OTHER_LETTERS.test(text) ? text.normalize('NFKC') : text;
}

/** Whether so many different shingles have come close to each other with this one. */
function isNear({ recent, near }: Seen, key: number, at: number): boolean {
  recent.push({ key, at });
  near.set(key, (near.get(key) ?? 0) + 1);
  for (let first = recent[0]; first && first.at < at - NEAR.words; first = recent[0]) {
    recent.shift();
    const left = (near.get(first.key) ?? 1) - 1;
    if (left === 0) near.delete(first.key);
    else near.set(first.key, left);
  }
  return near.size >= NEAR.shingles;
}

function ownersOf({ files }: Watch, octets: Uint8Array): string[] {
  const candidates = files.get(octets.length);
  if (!candidates) return [];
  const hash = sha256(octets);
  return candidates.filter((file) => file.sha256 === hash).map(({ caseId }) => caseId);
}

/** Cases of which an id stands in a text, whatever divides its letters; also where one CVE alone stands whole, and others follow by number. */
function idsIn(text: string, { byLast, lasts, pairs }: Ids): Set<string> {
  const found = new Set<string>();
  for (let at = 1; at < text.length; at++) {
    const last = text.charCodeAt(at);
    if (last > 127 || lasts[last] === 0) continue;
    const before = text.charCodeAt(at - 1);
    // What divides the last two letters says nothing of them.
    if (pairs[pairOf(before, last)] === 0 && before < 128 && isWordAt(text, at - 1)) continue;
    const candidates = byLast.get(text.charAt(at).toLowerCase());
    if (!candidates || isWordAt(text, at + 1)) continue;
    for (const { caseId, id, year, number } of candidates)
      if (endsWith(text, at + 1, id) || (year && number && isListed(text, at + 1, year, number))) found.add(caseId);
  }
  return found;
}

/** Characters of a list of CVE ids that are looked at. */
const LONGEST_LIST = 120;
const LIST = new RegExp(`(?<![a-z0-9])cve\\W{0,5}(\\d{4})(?:[\\W\\d_]|and|or|to|through){1,${LONGEST_LIST}}$`, 'i');

/** "CVE-2026-99000, 99001 and 99002", "CVE-2026-99000/99001". */
function isListed(text: string, end: number, year: string, number: string): boolean {
  if (!endsWith(text, end, number)) return false;
  return LIST.exec(text.slice(Math.max(0, end - LONGEST_LIST), end - number.length))?.[1] === year;
}
