import { createHash } from 'node:crypto';

/*
 * What a key packet, and a signature packet that a key made, say by the place of their octets alone: to tell whose they are
 * and what they would cost, before anything is parsed or calculated. Bodies are those of packets, without their headers.
 */

/** RFC 9580 §5.5.4, upper-case hexadecimal; null for a version that is not read here. It names a key and proves nothing. */
export function keyFingerprint(body: Uint8Array): string | null {
  const head = Buffer.alloc(5);
  if (body[0] === 4) {
    head.writeUInt8(0x99);
    head.writeUInt16BE(body.length & 0xffff, 1);
    return createHash('sha1').update(head.subarray(0, 3)).update(body).digest('hex').toUpperCase();
  }
  if (body[0] !== 6) return null;
  head.writeUInt8(0x9b);
  head.writeUInt32BE(body.length, 1);
  return createHash('sha256').update(head).update(body).digest('hex').toUpperCase();
}

/** Of a fingerprint of 20 octets (version 4) its end, of one of 32 (version 6) its beginning (RFC 9580 §5.5.4). */
export function keyIdOf(fingerprint: string): string {
  return fingerprint.length === 40 ? fingerprint.slice(-16) : fingerprint.slice(0, 16);
}

/** Nobody has more, and one signature by 16,000 bits with an exponent of that length takes 14 s to verify. */
const RSA = [8192, 64];
/** An uncompressed point of P-521, the largest: 4 || x || y. */
const POINT = [1100];

/** How many bits each number of a public key may have, by its algorithm (RFC 9580 §5.5.5). */
const MOST_BITS: ReadonlyMap<number, readonly number[]> = new Map([
  [1, RSA],
  [2, RSA],
  [3, RSA],
  [16, [8192, 8192, 8192]], // ElGamal
  [17, [4096, 512, 4096, 4096]], // DSA
  [18, POINT], // ECDH
  [19, POINT], // ECDSA
  [22, POINT], // EdDSA, legacy
]);
/** Those whose numbers stand behind the name of a curve. */
const CURVES = new Set([18, 19, 22]);

/** Whether a number of this key is longer than any that people use. What an algorithm not named above holds, has a length of its own. */
export function isOversized(body: Uint8Array): boolean {
  if (body[0] !== 4 && body[0] !== 6) return false; // Nobody here reads it.
  const algorithm = body[5] ?? 0;
  // Version, time, algorithm; in version 6 the length of what follows as well (RFC 9580 §5.5.2.3).
  let at = body[0] === 6 ? 10 : 6;
  if (CURVES.has(algorithm)) at += 1 + (body[at] ?? 0);
  for (const most of MOST_BITS.get(algorithm) ?? []) {
    const bits = ((body[at] ?? 0) << 8) | (body[at + 1] ?? 0);
    if (bits > most) return true;
    at += 2 + Math.ceil(bits / 8);
  }
  return false;
}

/** Signature subpackets (RFC 9580 §5.2.3.12, §5.2.3.23, §5.2.3.34, §5.2.3.35). */
const REVOKER = 12;
export const ISSUER_KEY_ID = 16;
export const EMBEDDED_SIGNATURE = 32;
export const ISSUER_FINGERPRINT = 33;

/** Key ids, upper-case hexadecimal, of the keys that a signature of version 4 or 6 says it was made by. */
export function issuersOf(body: Uint8Array): string[] {
  return areasOf(body).flatMap((area) =>
    [...subpacketsIn(area)].flatMap(({ type, value }) => {
      if (type === ISSUER_KEY_ID) return [value];
      // The fingerprint stands behind the version of its key.
      return type === ISSUER_FINGERPRINT ? [keyIdOf(value.slice(2))] : [];
    }),
  );
}

/** Whom a signature of version 4 or 6 names, in what is signed of it, who may revoke its key: fingerprints, upper-case hexadecimal. */
export function revokersIn(body: Uint8Array): string[] {
  const [signed] = areasOf(body);
  // Behind the class and the algorithm of the key.
  return [...subpacketsIn(signed ?? Buffer.alloc(0))].flatMap(({ type, value }) => (type === REVOKER ? [value.slice(4)] : []));
}

/** What is signed of a signature, and what is not. */
function areasOf(body: Uint8Array): Buffer[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const octets = body[0] === 6 ? 4 : 2;
  const areas: Buffer[] = [];
  // Behind version, type and two algorithms.
  for (let at = 4; areas.length < 2 && at + octets <= bytes.length; ) {
    const end = at + octets + bytes.readUIntBE(at, octets);
    areas.push(bytes.subarray(at + octets, end));
    at = end;
  }
  return areas;
}

function* subpacketsIn(area: Buffer): Generator<{ type: number; value: string }> {
  for (let at = 0; at < area.length; ) {
    const [octets, length] = subpacketLength(area, at);
    const end = at + octets + length;
    // The first bit says that it is critical.
    const type = (area[at + octets] ?? 0) & 0x7f;
    const value = area
      .subarray(at + octets + 1, end)
      .toString('hex')
      .toUpperCase();
    yield { type, value };
    at = end;
  }
}

/** RFC 9580 §5.2.3.7: octets of the length, and the length. */
function subpacketLength(area: Buffer, at: number): [number, number] {
  const first = area[at] ?? 0;
  if (first < 192) return [1, first];
  if (first < 255) return [2, ((first - 192) << 8) + (area[at + 1] ?? 0) + 192];
  return at + 5 <= area.length ? [5, area.readUInt32BE(at + 1)] : [5, 0];
}
