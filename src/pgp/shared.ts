/** One message for many: it is encrypted and armored once, and each copy has a session key packet of its own before that. */
import type { Pieces } from '../mail/outgoing.ts';
import type { openpgp } from './settings.ts';

/** What all copies share that are for certificates which ask for the same. */
export interface SharedBody {
  sessionKey: openpgp.SessionKey;
  /** What is encrypted by it: one packet, binary. */
  data: Uint8Array;
}

/** The rest of an armor, which all copies share for which it begins at the same octet of the body. */
export interface SharedLines {
  /** Base64, lines of 76 that end in CRLF. */
  text: Uint8Array;
  /** Of the octets as they stand after others: their checksum is that of the others times `power`, and `checksum`. */
  power: number;
  checksum: number;
}

/** What was made of a message for its copies so far: more is added as more of them are sealed. */
export interface Shared {
  /** By `cohortOf`. */
  bodies: Map<string, SharedBody>;
  /** By `linesNameOf`. */
  lines: Map<string, SharedLines>;
}

/** A copy for one certificate: which body it shares, and the session key packet that goes before it. */
export interface SharedCopy {
  cohort: string;
  before: Uint8Array;
}

/** Certificates of which this is the same can share a body. */
export function cohortOf({ algorithm, aeadAlgorithm }: openpgp.SessionKey): string {
  return `${algorithm} ${aeadAlgorithm ?? '-'}`;
}

/** Where the octets of the shared body begin that are no more in lines with what is before them: base64 is of three octets at a time. */
function fromOf({ before }: SharedCopy): number {
  return (3 - (before.length % 3)) % 3;
}

export function linesNameOf(copy: SharedCopy): string {
  return `${copy.cohort} ${fromOf(copy)}`;
}

/** For all copies of that name. */
export function linesOf({ data }: SharedBody, copy: SharedCopy): SharedLines {
  const shared = data.subarray(fromOf(copy));
  return { text: inLines(shared), power: powerOf(shared.length), checksum: checksumOf(shared, 0) };
}

/**
 * The ASCII armor of a copy (RFC 9580 §6.2), in lines that end in CRLF, with the shared lines as they are. The checksum is for GnuPG 2.2, which fails without where the base64 is
 * not padded; §6.1 forbids it for SEIPDv2.
 */
export function armorOf(copy: SharedCopy, { bodies, lines }: Shared): Pieces {
  const [body, shared] = [bodies.get(copy.cohort), lines.get(linesNameOf(copy))];
  if (!body || !shared) throw new Error(`nothing is there to share of ${linesNameOf(copy)}`);
  const own = Buffer.concat([copy.before, body.data.subarray(0, fromOf(copy))]);
  const sum = times(checksumOf(own, INITIAL), shared.power) ^ shared.checksum;
  const checksum = Buffer.from([sum >> 16, (sum >> 8) & 0xff, sum & 0xff]).toString('base64');
  const end = body.sessionKey.aeadAlgorithm ? '' : `=${checksum}\r\n`;
  const begin = Buffer.concat([Buffer.from('-----BEGIN PGP MESSAGE-----\r\n\r\n'), inLines(own)]);
  return [begin, shared.text, Buffer.from(`${end}-----END PGP MESSAGE-----\r\n`)];
}

const WIDTH = 76;
/** Octets in such a line. */
const IN_LINE = (WIDTH / 4) * 3;
/** Octets that are made base64 at a time. */
const AT_A_TIME = 1024 * IN_LINE;

/** Base64 in lines that end in CRLF, where every thread has them. */
function inLines(octets: Uint8Array): Buffer {
  const given = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
  const lines = Buffer.from(new SharedArrayBuffer(Math.ceil(octets.length / 3) * 4 + 2 * Math.ceil(octets.length / IN_LINE)));
  let to = 0;
  for (let at = 0; at < given.length; at += AT_A_TIME) {
    const base64 = given.toString('base64', at, at + AT_A_TIME);
    // At the end of their room, of which each line is moved to its place.
    const end = to + base64.length + 2 * Math.ceil(base64.length / WIDTH);
    for (let from = end - lines.write(base64, end - base64.length, 'latin1'); from < end; from += WIDTH) {
      const length = Math.min(WIDTH, end - from);
      lines.copyWithin(to, from, from + length);
      to += length;
      lines[to++] = CR;
      lines[to++] = LF;
    }
  }
  return lines;
}

const CR = 13;
const LF = 10;

/*
 * The checksum of an armor (CRC-24, RFC 9580 §6.1.1): the remainder of the octets, as a polynomial over GF(2), by the one of degree 24. So that of
 * octets that follow others is the remainder of theirs, and of those of the others times x to the power of how many bits follow.
 */
const GENERATOR = 0x1864cfb;
const INITIAL = 0xb704ce;

function checksumOf(octets: Uint8Array, initial: number): number {
  let checksum = initial;
  let at = 0;
  // Three at a time, as many as the checksum has: in a large mail it counts.
  for (; at + 2 < octets.length; at += 3)
    checksum =
      (FIRST[(checksum >> 16) ^ (octets[at] ?? 0)] ?? 0) ^
      (SECOND[((checksum >> 8) & 0xff) ^ (octets[at + 1] ?? 0)] ?? 0) ^
      (THIRD[(checksum & 0xff) ^ (octets[at + 2] ?? 0)] ?? 0);
  for (; at < octets.length; at++) checksum = ((checksum << 8) & 0xffffff) ^ (THIRD[(checksum >> 16) ^ (octets[at] ?? 0)] ?? 0);
  return checksum;
}

/** The remainders of each octet with so many bits behind it. */
function remaindersWith(bits: number): Int32Array {
  return Int32Array.from({ length: 256 }, (_, octet) => {
    let remainder = octet;
    for (let bit = 0; bit < bits; bit++) remainder = twice(remainder);
    return remainder;
  });
}

const [FIRST, SECOND, THIRD] = [remaindersWith(40), remaindersWith(32), remaindersWith(24)];

function twice(polynomial: number): number {
  const shifted = polynomial << 1;
  return shifted & 0x1000000 ? shifted ^ GENERATOR : shifted;
}

function times(one: number, other: number): number {
  let product = 0;
  for (let bit = 23; bit >= 0; bit--) {
    product = twice(product);
    if ((other >> bit) & 1) product ^= one;
  }
  return product;
}

/** x to the power of the bits of so many octets. */
function powerOf(octets: number): number {
  let power = 1;
  for (const bit of (octets * 8).toString(2)) {
    power = times(power, power);
    if (bit === '1') power = twice(power);
  }
  return power;
}
