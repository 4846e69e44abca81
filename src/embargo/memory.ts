import { parseEntity } from '../mail/message.ts';
import { readings } from '../mail/readings.ts';
import { Refusal } from '../refusal.ts';
import { type Fingerprint, fingerprint } from './fingerprint.ts';
import { embargoedIn, type Hit, type Watch, watch } from './recognise.ts';

/** Something that is under embargo in a case, in clear: a post, a patch, what is known. Plain data: it crosses to a thread. */
export interface Piece {
  /** Of the post or patch: what it says never changes. */
  id: string;
  caseId: string;
  /** What names the case by itself, as its CVE. */
  ids: readonly string[];
  texts: readonly string[];
  /** Mails, or parts of them: all that one can read there. */
  mails: readonly Uint8Array[];
  patches: readonly { name: string; bytes: Uint8Array }[];
}

/** Fingerprints of pieces, and what is looked for with them. It holds no words but ids, and nothing of it is for a disk. */
export interface Memory {
  /** Texts of which nothing counts (see `fingerprint`). What was learned before is forgotten. */
  know(texts: readonly string[]): void;
  /** False: there is no room for it. */
  learn(piece: Piece): boolean;
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
  const pieces = new Map<string, Fingerprint>();
  return {
    know(texts) {
      known = texts;
      pieces.clear();
      keys = 0;
      watched = null;
    },
    learn(piece) {
      const made = fingerprintOf(piece, known);
      if (pieces.has(piece.id)) return true;
      if (keys + sizeOf(made) > mostKeys) return false;
      pieces.set(piece.id, made);
      keys += sizeOf(made);
      watched = null;
      return true;
    },
    forget(ids) {
      for (const id of ids) {
        const made = pieces.get(id);
        if (made) keys -= sizeOf(made);
        pieces.delete(id);
      }
      watched = null;
    },
    look(mails) {
      watched ??= watch(byCase([...pieces.values()]));
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

function sizeOf({ documents }: Pick<Fingerprint, 'documents'>): number {
  return documents.reduce((sum, { shingles, lines }) => sum + shingles.length + lines.length, 0);
}

function fingerprintOf({ caseId, ids, texts, mails, patches }: Piece, known: readonly string[]): Fingerprint {
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
