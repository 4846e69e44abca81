import * as zlib from 'node:zlib';

/** A file that came out of another one. */
export interface Unpacked {
  /** Of a zip's entry; empty for gzip. Somebody's words, never a path. */
  name: string;
  octets: Uint8Array;
}

/** What may still come out of files, all those of a mail together. */
export interface Room {
  octets: number;
  files: number;
  /** There was none for something, which was passed over. */
  lacked: boolean;
}

/**
 * Takes room for what comes out of a mail. False where there is too little: then half of what there is goes, so that what is small is
 * still read behind it, and many that are large cost no more than two.
 */
export function take(room: Room, octets: number): boolean {
  const fits = room.files > 0 && octets <= room.octets;
  room.files -= 1;
  room.octets = fits ? room.octets - octets : Math.floor(room.octets / 2);
  room.lacked ||= !fits;
  return fits;
}

const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const END = 0x06054b50;
/** Octets of the record at the end, and the longest comment behind it (APPNOTE.TXT 4.3.16). */
const END_OCTETS = 22;
const LONGEST_COMMENT = 0xffff;

/** Zstandard (RFC 8878), where this Node has it: from 22.15 on. */
const unzstd = (zlib as { zstdDecompressSync?: (octets: Uint8Array, options: { maxOutputLength: number }) => Uint8Array })
  .zstdDecompressSync;

const GZIP = [0x1f, 0x8b];
const ZIP = [0x50, 0x4b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];
const begins = (octets: Uint8Array, marks: readonly number[]) => marks.every((mark, at) => octets[at] === mark);

/** Whether it looks like one of the files that are looked into. */
export function isPacked(octets: Uint8Array): boolean {
  return [GZIP, ZIP, ZSTD].some((marks) => begins(octets, marks));
}

/**
 * What is in a gzip file (RFC 1952), a file of Zstandard or a zip archive (APPNOTE.TXT 4.3; stored or deflated entries); nothing for anything else. A damaged
 * or encrypted one gives what can be read of it; one of which more comes out than there is room for, nothing.
 */
export function unpacked(octets: Uint8Array, room: Room): Unpacked[] {
  const bytes = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
  if (begins(bytes, GZIP)) return whole('', (options) => zlib.gunzipSync(bytes, options), room);
  if (unzstd && begins(bytes, ZSTD)) return whole('', ({ maxOutputLength }) => unzstd(bytes, { maxOutputLength }), room);
  if (bytes.length < END_OCTETS || bytes.readUInt32LE(0) !== LOCAL) return [];
  return entriesOf(bytes).flatMap(({ name, method, data }) => {
    if (method === 0) return whole(name, () => data, room);
    return method === 8 ? whole(name, (options) => zlib.inflateRawSync(data, options), room) : [];
  });
}

type Inflate = (options: { maxOutputLength: number; finishFlush: number }) => Uint8Array;

function whole(name: string, inflate: Inflate, room: Room): Unpacked[] {
  if (room.files <= 0) {
    room.lacked = true;
    return [];
  }
  try {
    // What was cut off is read as far as it goes.
    const octets = inflate({ maxOutputLength: Math.max(1, room.octets), finishFlush: zlib.constants.Z_SYNC_FLUSH });
    return take(room, octets.length) ? [{ name, octets }] : [];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') take(room, Number.POSITIVE_INFINITY);
    return [];
  }
}

/** By the directory at the end, as programs read it. */
function entriesOf(bytes: Buffer): { name: string; method: number; data: Buffer }[] {
  const end = bytes.lastIndexOf(Buffer.from(Uint32Array.of(END).buffer));
  if (end < Math.max(0, bytes.length - END_OCTETS - LONGEST_COMMENT) || end + END_OCTETS > bytes.length) return [];
  const entries = [];
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0 && at + 46 <= bytes.length; left--) {
    if (bytes.readUInt32LE(at) !== ENTRY) break;
    const [size, local] = [bytes.readUInt32LE(at + 20), bytes.readUInt32LE(at + 42)];
    const [nameLength, extra, comment] = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset)) as [
      number,
      number,
      number,
    ];
    const name = bytes.toString('utf8', at + 46, at + 46 + nameLength);
    if (local + 30 <= bytes.length) {
      const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
      entries.push({ name, method: bytes.readUInt16LE(at + 10), data: bytes.subarray(start, start + size) });
    }
    at += 46 + nameLength + extra + comment;
  }
  return entries;
}
