import { blocksIn } from '../mail/armor.ts';
import { Refusal } from '../refusal.ts';
import { isOversized, issuersOf, keyFingerprint, keyIdOf } from './key-packets.ts';
import { type Packet, packetsOf } from './packets.ts';

/** Bytes, armored or not. A certificate of an ordinary person has 1 to 20 KiB. */
const MOST_BYTES = 1024 * 1024;
/** CVE-2019-13050: 50,000 signatures keep the parser busy for 14 s. */
const MOST_PACKETS = 1_000;
/** The largest that people will have (ML-DSA-87) has 2.6 KiB. */
const MOST_KEY_BYTES = 4 * 1024;
/** Each may have to be verified. Somebody with ten addresses who extended his key twenty times has 200, of which the last few are (`settle`). */
const MOST_SELF_SIGNATURES = 250;
const MOST_USER_IDS = 50;
/** Of armor, in one file of a stranger's. */
const MOST_BLOCKS = 100;

/** Packet type ids, RFC 9580 §5. */
const SIGNATURE = 2;
const SECRET_KEYS = new Set([5, 7]);
const PRIMARY = 6;
const USER_ID = 13;
const KEYS = [PRIMARY, 14];

const MINIMAL = 'export it with `gpg --armor --export-options export-minimal --export ADDRESS`';

export function refused(hint: string): Refusal {
  return new Refusal('unusable-certificate', hint);
}

/**
 * The bytes of exactly one transferable public key (RFC 9580 §10.1), armored or binary. Its framing alone says that it is one,
 * and that nobody will calculate with it for long.
 * @throws Refusal `unusable-certificate` saying what was sent instead and what to send.
 */
export function certificateBytes(input: Uint8Array | string): Uint8Array {
  if (input.length > MOST_BYTES) throw refused(`The certificate is larger than 1 MiB: ${MINIMAL}`);
  const data = typeof input === 'string' ? dearmored(input) : binary(input);
  const packets: Packet[] = [];
  for (const packet of framed(data)) {
    if (packets.push(packet) > MOST_PACKETS) throw refused(`The certificate has more than ${MOST_PACKETS} packets: ${MINIMAL}`);
    if (SECRET_KEYS.has(packet.tag)) throw refused(secretKey);
    if (KEYS.includes(packet.tag)) checkKey(bodyOf(data, packet));
  }
  const [primary, ...more] = packets.filter(({ tag }) => tag === PRIMARY);
  if (!primary)
    throw refused(packets.length > 0 && packets.every(({ tag }) => tag === SIGNATURE) ? loneSignature : noCertificate);
  if (more.length > 0) throw refused(several);
  if (packets.filter(({ tag }) => tag === USER_ID).length > MOST_USER_IDS)
    throw refused(`The certificate has more than ${MOST_USER_IDS} user IDs: ${MINIMAL}`);
  checkSelfSignatures(data, packets, primary);
  return data;
}

/** The fingerprint of its primary key. Throws as `certificateBytes` does. */
export function primaryFingerprint(input: Uint8Array | string): string {
  const [primary] = keysIn(certificateBytes(input), [PRIMARY]);
  if (primary === undefined) throw refused(older);
  return primary;
}

/** The same of what is kept, which was looked through before; undefined where there is no key in it any more. */
export function fingerprintOfKept(data: Uint8Array): string | undefined {
  return keysIn(binary(data), [PRIMARY])[0];
}

/** Key ids of all that calls itself a key in what may be a certificate; none where it is none. Nothing of it is believed. */
export function keyIdsIn(input: Uint8Array): string[] {
  try {
    return keysIn(certificateBytes(input), KEYS).map(keyIdOf);
  } catch {
    return [];
  }
}

function keysIn(data: Uint8Array, tags: readonly number[]): string[] {
  return [...packetsOf(data)].flatMap((packet) =>
    tags.includes(packet.tag) ? (keyFingerprint(bodyOf(data, packet)) ?? []) : [],
  );
}

function bodyOf(data: Uint8Array, { body, end }: Packet): Uint8Array {
  return data.subarray(body, end);
}

function checkKey(body: Uint8Array): void {
  if (body.length > MOST_KEY_BYTES || isOversized(body)) throw refused('A key of the certificate is too long to be used');
}

function checkSelfSignatures(data: Uint8Array, packets: readonly Packet[], primary: Packet): void {
  const id = keyIdOf(keyFingerprint(bodyOf(data, primary)) ?? '');
  const own = packets.filter((packet) => packet.tag === SIGNATURE && issuersOf(bodyOf(data, packet)).includes(id));
  if (own.length > MOST_SELF_SIGNATURES)
    throw refused(`The certificate has more than ${MOST_SELF_SIGNATURES} signatures of its own key: ${MINIMAL}`);
}

const secretKey =
  'That is a secret key: it must never be given away. Send the public part (`gpg --armor --export ADDRESS`), and replace this key';
const loneSignature =
  'There is a signature alone in it, as of a revocation certificate (`gpg --gen-revoke`). Import it into gpg, and send the public key then (`gpg --armor --export ADDRESS`)';
const noCertificate = 'There is no OpenPGP certificate in it. Send the public key (`gpg --armor --export ADDRESS`)';
export const older = 'The certificate cannot be read: it is damaged, or older than OpenPGP version 4';
const several = 'There are several certificates in it. Send each one alone';

function* framed(data: Uint8Array): Generator<Packet> {
  try {
    yield* packetsOf(data);
  } catch {
    throw refused('The certificate is damaged or cut off. Export and send it again');
  }
}

/** The first bit of a binary packet is set (RFC 9580 §4.2), that of armored text is not. */
function binary(input: Uint8Array): Uint8Array {
  return ((input[0] ?? 0) & 0x80) === 0 ? dearmored(Buffer.from(input).toString('latin1')) : input;
}

const BEGIN = '-----BEGIN PGP PUBLIC KEY BLOCK-----';
const END = '-----END PGP PUBLIC KEY BLOCK-----';

/**
 * RFC 9580 §6.2. The checksum is not looked at (§6.1): the signatures say more. Nothing is made a line: a megabyte of line ends would
 * hold whoever reads it, and that is the main thread too.
 */
function dearmored(text: string): Uint8Array {
  if (text.includes('-----BEGIN PGP PRIVATE KEY BLOCK-----')) throw refused(secretKey);
  const begin = text.indexOf(BEGIN);
  if (begin < 0) throw refused(noCertificate);
  if (text.includes(BEGIN, begin + BEGIN.length)) throw refused(several);
  const end = text.indexOf(END, begin);
  if (end < 0) throw refused('The certificate is cut off: its END line is missing');
  const block = text.slice(begin + BEGIN.length, end);
  // A colon is in armor headers only, a leading `=` before the checksum only.
  const header = block.lastIndexOf(':');
  const data = header < 0 ? block : block.slice(header).replace(/^.*/, '');
  const checksum = data.indexOf('\n=');
  return Buffer.from(checksum < 0 ? data : data.slice(0, checksum), 'base64');
}

/** A certificate as it lies among others, and the fingerprints of all that calls itself a key in it, the primary one first. */
export interface LooseCertificate {
  fingerprints: string[];
  data: Uint8Array;
}

/**
 * Cuts apart binary certificates that lie one behind the other, as an export of a keyring has them. Nothing else is looked at:
 * each is to be read like any that comes from outside. Those of version 3 are left out.
 * @throws Refusal `unusable-certificate` where the framing is broken.
 */
export function certificatesIn(data: Uint8Array): LooseCertificate[] {
  return apart(data, [...framed(data)]).flatMap((one) => {
    const fingerprints = keysIn(one, KEYS);
    const [primary] = keysIn(one, [PRIMARY]);
    return primary === undefined ? [] : [{ fingerprints, data: one }];
  });
}

function apart(data: Uint8Array, packets: readonly Packet[]): Uint8Array[] {
  const starts = packets.filter(({ tag }) => tag === PRIMARY).map(({ start }) => start);
  // Octets of its own: OpenPGP.js armors none that begin within a word, and one does not keep all the others in memory.
  return starts.map((start, index) => new Uint8Array(data.subarray(start, starts[index + 1] ?? data.length)));
}

/**
 * Each certificate of a file by itself, as `gpg --export` writes several: one behind the other, and some programs with armor around
 * each. What is larger or has more packets than one certificate may, or is none, stays as it is, and is refused where it is read.
 */
export function eachCertificate(input: Uint8Array, mostBlocks = MOST_BLOCKS): Uint8Array[] {
  return input.length > MOST_BYTES ? [input] : eachBlock(input, mostBlocks).flatMap(eachInBlock);
}

function eachBlock(input: Uint8Array, most: number): Uint8Array[] {
  const octets = Buffer.from(input.buffer, input.byteOffset, input.length);
  if (octets.indexOf(BEGIN) === octets.lastIndexOf(BEGIN)) return [input];
  const blocks = blocksIn(octets.toString('latin1')).filter(({ kind }) => kind === 'key');
  return blocks.slice(0, most).map(({ text }) => Buffer.from(text, 'latin1'));
}

function eachInBlock(block: Uint8Array): Uint8Array[] {
  try {
    const data = binary(block);
    const packets = fewPackets(data);
    const several = packets.filter(({ tag }) => tag === PRIMARY).length > 1;
    return several ? apart(data, packets) : [block];
  } catch {
    return [block];
  }
}

function fewPackets(data: Uint8Array): Packet[] {
  const packets: Packet[] = [];
  for (const packet of framed(data))
    if (packets.push(packet) > MOST_PACKETS) throw refused(`There are more than ${MOST_PACKETS} packets: ${MINIMAL}`);
  return packets;
}
