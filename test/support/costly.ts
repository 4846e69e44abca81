import { createHash, randomBytes } from 'node:crypto';

/** RSA numbers of these sizes, in bits. */
export interface CostlyKey {
  modulus: number;
  exponent: number;
  signatures?: number;
}

export interface CostlyCertificate {
  /** Binary. */
  data: Buffer;
  /** A detached signature over these octets, binary, that costs as much as one of the certificate's own, and does not hold. */
  sign(octets: Uint8Array): Buffer;
}

const MADE = Math.floor(Date.parse('2026-01-01T00:00:00Z') / 1000);
const SHA3_256 = 12;

/**
 * An RSA certificate that costs whoever verifies it: SHA-3 is none of WebCrypto's, so that OpenPGP.js calculates in JavaScript.
 * The digest's first octets are right, as it looks at these first; the signatures are chance.
 */
export function costlyCertificate(address: string, { modulus, exponent, signatures = 1 }: CostlyKey): CostlyCertificate {
  const n = odd(modulus);
  const key = Buffer.concat([Buffer.of(4), uint32(MADE), Buffer.of(1), mpi(n), mpi(odd(exponent))]);
  const hashedKey = Buffer.concat([Buffer.of(0x99), uint16(key.length), key]);
  const fingerprint = createHash('sha1').update(hashedKey).digest();
  const userId = Buffer.from(`Evil <${address}>`);
  const certified = Buffer.concat([hashedKey, Buffer.of(0xb4), uint32(userId.length), userId]);
  const sign = (type: number, over: Uint8Array, at: number) => signature(type, over, fingerprint, at, below(n));
  const own = Array.from({ length: signatures }, (_, i) => sign(0x13, certified, MADE + i));
  return { data: Buffer.concat([packet(6, key), packet(13, userId), ...own]), sign: (octets) => sign(0x00, octets, MADE) };
}

/** Version 4, RSA (RFC 9580 §5.2.3). */
function signature(type: number, over: Uint8Array, fingerprint: Buffer, at: number, value: Buffer): Buffer {
  const issuer = Buffer.concat([Buffer.of(4), fingerprint]);
  const hashed = Buffer.concat([subpacket(2, uint32(at)), subpacket(27, Buffer.of(0x03)), subpacket(33, issuer)]);
  const head = Buffer.concat([Buffer.of(4, type, 1, SHA3_256), uint16(hashed.length), hashed]);
  const trailer = Buffer.concat([Buffer.of(4, 0xff), uint32(head.length)]);
  const digest = createHash('sha3-256').update(over).update(head).update(trailer).digest();
  const unhashed = subpacket(16, fingerprint.subarray(-8));
  return packet(2, Buffer.concat([head, uint16(unhashed.length), unhashed, digest.subarray(0, 2), mpi(value)]));
}

/** A packet with a five-octet length (RFC 9580 §4.2.1.3). */
export function packet(tag: number, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0xc0 | tag, 255), uint32(body.length), body]);
}

function subpacket(type: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(value.length + 1, type), value]);
}

/** Of exactly that many bits. */
function odd(bits: number): Buffer {
  const bytes = randomBytes(Math.ceil(bits / 8));
  const top = (bits - 1) % 8;
  bytes[0] = ((bytes[0] ?? 0) & ((1 << top) - 1)) | (1 << top);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) | 1;
  return bytes;
}

function below(n: Buffer): Buffer {
  const value = Buffer.from(n);
  value[0] = (n[0] ?? 0) >> 1;
  return value;
}

function mpi(bytes: Buffer): Buffer {
  const bits = bytes.length * 8 - Math.clz32(bytes[0] ?? 0) + 24;
  return Buffer.concat([uint16(bits), bytes]);
}

function uint16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
