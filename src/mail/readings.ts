import { Refusal } from '../refusal.ts';
import { shownLines } from './armor.ts';
import { joinedText } from './flowed.ts';
import {
  carriedMail,
  decodedBody,
  decodeText,
  type Entity,
  everyFileName,
  fieldText,
  holdsMail,
  parseEntity,
  saysAttachment,
} from './message.ts';
import { isPacked, type Room, take, unpacked } from './packed.ts';
import { base64In, hexIn, unescapedIn, unquotedIn, uuencodedIn } from './pasted.ts';
import { beginsUtf8, hasUtf16Mark, looksLikeMime } from './text.ts';

/** Where in a mail something stands: what carries the rest comes first. */
export type Place = 'subject' | 'header' | 'text' | 'file' | 'file name' | 'packed file' | 'enclosed mail' | 'pasted data';

/** One way to read a part of a mail. The same words come several times where programs may read them differently. */
export interface Reading {
  place: Place;
  text: string;
  /** Of a whole part or file, its encoding taken off; with its first reading alone. */
  octets?: Uint8Array;
}

/** What may come out of files and pasted data in a mail, and how deep one may lie in another. */
const ROOM: Room = { octets: 64 * 1024 * 1024, files: 10_000, lacked: false };
const DEEPEST = 8;

interface Way {
  place: Place | null;
  depth: number;
  room: Room;
}

/**
 * Everything that somebody could read in a mail: all header fields and file names; every text and file, also what stands around parts, and
 * what one would have to unpack; HTML as it is shown and as it is written. What is encrypted stays what it is.
 * Throws `too-complex`, having given all the rest, where more is packed into it than anybody sends.
 */
export function* readings(mail: Entity): Generator<Reading> {
  const room = { ...ROOM };
  yield* ofEntity(mail, { place: null, depth: 0, room });
  if (room.lacked) throw new Refusal('too-complex', 'More is packed into the mail than can be looked into');
}

/** What lies in something else, as far down as is looked. */
function* within(way: Way, place: Place, read: (inner: Way) => Generator<Reading>): Generator<Reading> {
  if (way.depth >= DEEPEST) way.room.lacked = true;
  else yield* read({ ...way, place: way.place ?? place, depth: way.depth + 1 });
}

function* ofEntity(entity: Entity, way: Way): Generator<Reading> {
  for (const field of entity.fields) {
    const place = field.name.toLowerCase() === 'subject' ? 'subject' : 'header';
    yield { place: way.place ?? place, text: fieldText({ fields: [field] }, field.name) ?? '' };
  }
  for (const text of everyFileName(entity)) yield { place: way.place ?? 'file name', text };
  if (entity.parts.length > 0) {
    for (const octets of around(entity)) yield* ofText(decodeText(octets), { ...way, place: way.place ?? 'text' });
    for (const part of entity.parts) yield* ofEntity(part, way);
    return;
  }
  const mail = holdsMail(entity) ? mailIn(way.room, () => carriedMail(entity)) : undefined;
  if (mail) yield* within(way, 'enclosed mail', (inner) => ofEntity(mail, inner));
  else yield* ofOctets(decodedBody(entity), { ...way, place: way.place ?? placeOf(entity) }, entity);
}

function placeOf(entity: Entity): Place {
  const isFile = saysAttachment(entity) || everyFileName(entity).length > 0 || !entity.mediaType.startsWith('text/');
  return isFile ? 'file' : 'text';
}

/** Preamble and epilogue of a multipart (RFC 2046 §5.1.1): most programs do not show them, and all of them pass them on. */
function around({ body, parts }: Entity): Uint8Array[] {
  const first = (parts[0]?.raw.byteOffset ?? body.byteOffset) - body.byteOffset;
  const last = parts.at(-1)?.raw ?? body;
  return [body.subarray(0, first), body.subarray(last.byteOffset - body.byteOffset + last.length)];
}

type Label = Pick<Entity, 'mediaType' | 'parameters'>;
const UNKNOWN: Label = { mediaType: 'application/octet-stream', parameters: {} };

/** Of a file, whatever it says that it is. */
function* ofOctets(octets: Uint8Array, way: Way, label: Label = UNKNOWN): Generator<Reading> {
  const files = unpacked(octets, way.room);
  if (files.length > 0) {
    yield { place: way.place ?? 'file', text: '', octets };
    for (const { name, octets: inner } of files) {
      yield { place: 'file name', text: name };
      yield* within({ ...way, place: null }, 'packed file', (further) => ofOctets(inner, further));
    }
    return;
  }
  if (label.mediaType !== 'text/plain' && looksLikeMime(octets)) {
    const mail = mailIn(way.room, () => parseEntity(octets));
    if (mail) yield* within(way, 'enclosed mail', (inner) => ofEntity(mail, inner));
  }
  const text = lettersOf(octets, label.parameters['charset']);
  yield { place: way.place ?? 'file', text: '', octets };
  yield* ofText(joinedText(label, text), way, label.mediaType);
}

function mailIn(room: Room, parse: () => Entity | undefined): Entity | undefined {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    room.lacked ||= error.reason === 'too-complex';
    return undefined;
  }
}

function* ofText(text: string, way: Way, mediaType = ''): Generator<Reading> {
  if (text.trim() === '') return;
  const place = way.place ?? 'text';
  yield { place, text };
  if (/html|xml|richtext|enriched/.test(mediaType) || looksLikeHtml(text)) yield { place, text: shownLines(text) };
  for (const plain of [unquotedIn(text), unescapedIn(text)]) if (plain !== undefined) yield { place, text: plain };
  for (const pasted of [base64In(text), uuencodedIn(text), hexIn(text)])
    for (const octets of pasted) {
      if (!isReadable(octets)) continue;
      if (!take(way.room, octets.length)) continue;
      yield* within({ ...way, place: null }, 'pasted data', (inner) => ofOctets(octets, inner));
    }
}

const HEAD = 2048;

/** Whatever it says that it is: a file that is opened in a browser, or a document of an office's program. */
function looksLikeHtml(text: string): boolean {
  return /<(!doctype html|html|head|body|div|p|br|span|table|pre|\?xml)\b/i.test(text.slice(0, HEAD));
}

/** UTF-16 by its mark or its zeros, whatever it says. */
function lettersOf(octets: Uint8Array, charset: string | undefined): string {
  const head = octets.subarray(0, HEAD);
  const [even, odd] = [0, 1].map((side) => head.filter((octet, at) => octet === 0 && at % 2 === side).length) as [number, number];
  // A letter of Latin has one, always on the same side.
  const isWide = hasUtf16Mark(octets) || Math.max(even, odd) > head.length / 4 + 8 * Math.min(even, odd);
  return decodeText(octets, isWide ? 'utf-16' : charset);
}

/** Whether pasted octets are a text or a packed file; what else looks like base64 is armor, a picture or a hash. */
function isReadable(octets: Uint8Array): boolean {
  const head = octets.subarray(0, HEAD);
  if (hasUtf16Mark(octets) || isPacked(head)) return true;
  const seen = head.filter((octet) => octet >= 0x20 || octet === 9 || octet === 10 || octet === 13 || octet === 0).length;
  const letters = head.filter((octet) => octet >= 0x20 && octet < 0x7f).length;
  return seen === head.length && (letters > head.length / 3 || beginsUtf8(head));
}
