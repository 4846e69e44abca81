import { parseEntity } from '../mail/message.ts';
import { readings } from '../mail/readings.ts';
import { Refusal } from '../refusal.ts';
import { type Fingerprint, fingerprint, type Piece } from './fingerprint.ts';
import { embargoedIn, type Hit, type Watch, watch } from './recognise.ts';

/** Fingerprints of pieces, and what is looked for with them. It holds no words but ids, and nothing of it is for a disk. */
export interface Memory {
  /** Texts of which nothing counts (see `fingerprint`). What was learned before is forgotten. */
  know(texts: readonly string[]): void;
  /**
   * Its ids and files always, and of its texts and patches as much as there is room for: the longest of all are halved, those of strangers
   * first. Gives the ids of the pieces that are known in part since.
   */
  learn(piece: Piece): string[];
  forget(ids: readonly string[]): void;
  /** What of all cases stands in these mails, or parts of one mail. Throws `too-complex` where nothing was found, and not all could be read. */
  look(mails: readonly Uint8Array[]): Hit[];
}

/** Characters of a text, and texts of a piece; what is more is not looked for. */
const LONGEST_TEXT = 512 * 1024;
const MOST_TEXTS = 200;
/** Keys of all pieces together, of some 200 octets each while they are looked for. */
const MOST_KEYS = 1_500_000;
/** Of a piece: where it has so many, the texts that follow are not looked for. */
const MOST_OF_PIECE = 300_000;

export function createMemory(mostKeys = MOST_KEYS): Memory {
  let known: readonly string[] = [];
  let keys = 0;
  let watched: Watch | null = null;
  const pieces = new Map<string, Learned>();
  const makeRoom = (): string[] => {
    const shortened = new Set<string>();
    while (keys > mostKeys) {
      const longest = longestOf([...pieces.values()]);
      if (!longest) break;
      keys -= halve(longest.piece.made, longest.at);
      shortened.add(longest.piece.id);
    }
    return [...shortened];
  };
  return {
    know(texts) {
      known = texts;
      pieces.clear();
      keys = 0;
      watched = null;
    },
    learn(piece) {
      if (pieces.has(piece.id)) return [];
      const made = fingerprintOf(piece, known);
      pieces.set(piece.id, { id: piece.id, strange: piece.strange, made });
      keys += sizeOf(made);
      watched = null;
      return makeRoom();
    },
    forget(ids) {
      for (const id of ids) {
        const found = pieces.get(id);
        if (found) keys -= sizeOf(found.made);
        pieces.delete(id);
      }
      watched = null;
    },
    look(mails) {
      watched ??= watch(byCase([...pieces.values()].map(({ made }) => made)));
      const seen = watched;
      const refused: unknown[] = [];
      const hits = mails.flatMap((mail) => {
        try {
          return embargoedIn(parseEntity(mail), seen);
        } catch (error) {
          refused.push(error);
          return [];
        }
      });
      if (hits.length === 0 && refused.length > 0) throw refused[0];
      return strongest(hits);
    },
  };
}

interface Learned extends Pick<Piece, 'id' | 'strange'> {
  made: Fingerprint;
}

/** Keys of a document; one that is shorter is given up as a whole. */
const SHORTEST = 50;

/** The longest document of strangers, or, where they have none, of all. */
function longestOf(pieces: readonly Learned[]): { piece: Learned; at: number } | undefined {
  let longest: { piece: Learned; at: number; rank: number } | undefined;
  for (const piece of pieces)
    for (const [at, document] of piece.made.documents.entries()) {
      const keys = sizeOf({ documents: [document] });
      const rank = keys === 0 ? 0 : keys + (piece.strange ? MOST_OF_PIECE * 2 : 0);
      if (rank > (longest?.rank ?? 0)) longest = { piece, at, rank };
    }
  return longest;
}

/** Keeps the first half of a document: people quote the beginning. Gives how many keys that sets free. */
function halve(made: Fingerprint, at: number): number {
  const document = made.documents[at];
  if (!document) return 0;
  const before = sizeOf({ documents: [document] });
  const half = <Key>(all: readonly Key[]) => (before < SHORTEST ? [] : all.slice(0, Math.floor(all.length / 2)));
  const shorter = { ...document, shingles: half(document.shingles), lines: half(document.lines) };
  made.documents = made.documents.map((one, place) => (place === at ? shorter : one));
  return before - sizeOf({ documents: [shorter] });
}

function sizeOf({ documents }: Pick<Fingerprint, 'documents'>): number {
  return documents.reduce((sum, { shingles, lines }) => sum + shingles.length + lines.length, 0);
}

function fingerprintOf({ caseId, ids, texts, mails, patches }: Omit<Piece, 'strange'>, known: readonly string[]): Fingerprint {
  const all = [...texts, ...mails.flatMap(wordsOf)].map((text) => text.slice(0, LONGEST_TEXT));
  const made = fingerprint(caseId, { ids, texts: all.slice(0, MOST_TEXTS), patches }, known);
  let keys = 0;
  const documents = made.documents.filter((document) => {
    const fits = keys < MOST_OF_PIECE;
    keys += sizeOf({ documents: [document] });
    return fits;
  });
  return { ...made, documents };
}

/** Subject, texts and files of a mail; of one that is too complex, all that can be read. */
function wordsOf(mail: Uint8Array): string[] {
  const words: string[] = [];
  try {
    for (const { place, text } of readings(parseEntity(mail))) {
      if (place !== 'header' && place !== 'file name' && text !== '') words.push(text);
      if (words.length >= MOST_TEXTS) break;
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  return words;
}

/** One fingerprint a case: what is near to each other counts together, whichever piece it is of. */
function byCase(fingerprints: readonly Fingerprint[]): Fingerprint[] {
  const cases = new Map<string, Fingerprint[]>();
  for (const one of fingerprints) cases.set(one.caseId, [...(cases.get(one.caseId) ?? []), one]);
  return [...cases].map(([caseId, of]) => ({
    caseId,
    ids: [...new Set(of.flatMap(({ ids }) => ids))],
    documents: of.flatMap(({ documents }) => documents),
    names: [...new Set(of.flatMap(({ names }) => names))],
    files: of.flatMap(({ files }) => files),
  }));
}

/** Of each case and kind the one of which most is there. */
function strongest(hits: readonly Hit[]): Hit[] {
  const best = new Map<string, Hit>();
  for (const hit of hits) {
    const key = `${hit.kind} ${hit.caseId}`;
    if ((best.get(key)?.score ?? -1) < hit.score) best.set(key, hit);
  }
  return [...best.values()];
}
