/** Sealing and signing: pure functions over bytes, to be called in worker threads. */
import { ReadableStream } from 'node:stream/web';
import type { Instant } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import { abreast, IN_A_THREAD } from './abreast.ts';
import { collectBuffers, inOwnMemory, inSharedMemory, LARGE } from './memory.ts';
import { packetsOf } from './packets.ts';
import { fingerprintOf, lastSigned, parseCertificate, remembering, secretOf } from './parse.ts';
import { type Recipient, recipientAt, type WhyNot } from './recipient.ts';
import { dateAt, openpgp } from './settings.ts';
import { cohortOf, linesNameOf, linesOf, type Shared, type SharedBody, type SharedCopy } from './shared.ts';

/** A roster's certificates that are parsed already, in each thread: some thousands, where they are small. */
const certificateOf = remembering(parseCertificate, 4 * 1024 * 1024);

/** The literal's date field: none (RFC 9580 §5.9). When a post was made is nobody's business but the signature's. */
const NO_DATE = new Date(0);

/**
 * For keeping: encrypted to a list's own certificate, unsigned, binary. Works with an expired list key too, as what came in
 * must not be lost over it; then the key counts as it stood when it was last renewed.
 * @throws Error where the list's certificate is revoked or has no encryption subkey.
 */
export async function sealForKeeping(plaintext: Uint8Array, certificate: Uint8Array, at: Instant): Promise<Uint8Array> {
  const key = await certificateOf(certificate);
  const valid = await key.getEncryptionKey(undefined, dateAt(at)).catch(() => null);
  const date = valid ? dateAt(at) : lastSigned(key);
  const message = await literal(plaintext.length > LARGE ? inPieces(plaintext) : plaintext);
  const sealed = await openpgp.encrypt({ message, encryptionKeys: key, date, format: 'binary' });
  return sealed instanceof Uint8Array ? sealed : gathered(sealed, new Uint8Array(roomFor(plaintext)));
}

/**
 * Opens what `sealForKeeping` made, with the list's unlocked transferable secret key.
 * @throws Error on any integrity failure, or where it was sealed to another key; nothing is returned then.
 */
export async function openKept(content: Uint8Array, secrets: readonly Uint8Array[]): Promise<Uint8Array> {
  const message = await openpgp.readMessage({ binaryMessage: content });
  const ids = message.getEncryptionKeyIDs();
  const keys = await Promise.all(secrets.map(secretOf));
  const key = keys.find((one) => ids.some((id) => one.getKeys(id).length > 0));
  if (!key) throw new Error('it is sealed to none of the keys of its list');
  const { data } = await openpgp.decrypt({ message, decryptionKeys: key, date: lastSigned(key), format: 'binary' });
  return data.length > LARGE ? inSharedMemory(data) : data;
}

/** One-pass-signed message (RFC 9580 §10.3), not encrypted, binary: signed once, then sealed for each recipient, by whichever thread. */
export async function signOnce(entity: Uint8Array, secret: Uint8Array, at: Instant): Promise<Uint8Array> {
  const signingKeys = await signer(secret, at);
  return inSharedMemory(await openpgp.sign({ message: await literal(entity), signingKeys, date: dateAt(at), format: 'binary' }));
}

/**
 * Seals what `signOnce` made to exactly this one certificate: ASCII armor (LF line ends), one session key packet, SEIPDv1,
 * or SEIPDv2 where the certificate asks for it; never compressed.
 * @throws Refusal `unusable-certificate` where the certificate may not be encrypted to at `at`.
 */
export async function sealTo(signed: Uint8Array, certificate: Uint8Array, at: Instant): Promise<string> {
  const to = await recipientOf(certificate, at);
  const sessionKey = await sessionKeyFor([to.encryptionKeys], to.date);
  const armored = await openpgp.encrypt({ ...(await takenApart(signed)), ...to, sessionKey });
  if (typeof armored === 'string') return armored;
  let text = '';
  for await (const piece of armored) text += piece;
  return text;
}

/** Why a certificate cannot be sealed to at this moment. */
export type Unusable = { unusable: string };

/** One certificate that cannot be encrypted to, however it was made so, holds its own copy and nobody else's. */
export function unusableOf(error: unknown): Unusable {
  return { unusable: error instanceof Refusal && error.detail !== undefined ? error.detail : 'cannot-encrypt' };
}

export interface SharedTask {
  /** What `signOnce` made. */
  signed: Uint8Array;
  certificates: readonly Uint8Array[];
  at: Instant;
  /** What was made for others already. */
  bodies: Shared['bodies'];
  lines: ReadonlySet<string>;
}

/** Seals it to each of these certificates alone, as `sealTo`, but for the body that copies share. In their order, with what had to be made for them. */
export async function sealShared({ signed, certificates, at, bodies, lines }: SharedTask): Promise<{
  copies: (SharedCopy | Unusable)[];
  made: Shared;
}> {
  const all = new Map([...bodies].map(([cohort, body]) => [cohort, Promise.resolve(body)]));
  const bodyFor = (like: openpgp.SessionKey) => {
    const body = all.get(cohortOf(like)) ?? sealBody(signed, like, at);
    all.set(cohortOf(like), body);
    return body;
  };
  const copies = await abreast(certificates, IN_A_THREAD, (one) => sealKeyTo(one, at, bodyFor).catch(unusableOf));
  const made: Shared = { bodies: new Map(), lines: new Map() };
  for (const copy of copies) {
    if ('unusable' in copy) continue;
    const body = await all.get(copy.cohort);
    if (!body) throw new Error(`there is no body for ${copy.cohort}`);
    if (!bodies.has(copy.cohort)) made.bodies.set(copy.cohort, body);
    const name = linesNameOf(copy);
    if (!lines.has(name) && !made.lines.has(name)) made.lines.set(name, linesOf(body, copy));
  }
  return { copies, made };
}

/** `bodyFor` makes the body, or has it, of a session key such as the certificate asks for. */
async function sealKeyTo(
  certificate: Uint8Array,
  at: Instant,
  bodyFor: (like: openpgp.SessionKey) => Promise<SharedBody>,
): Promise<SharedCopy> {
  const to = await recipientOf(certificate, at);
  const like = await sessionKeyFor([to.encryptionKeys], to.date);
  const { sessionKey } = await bodyFor(like);
  return { cohort: cohortOf(like), before: await openpgp.encryptSessionKey({ ...sessionKey, ...to, format: 'binary' }) };
}

async function sealBody(signed: Uint8Array, sessionKey: openpgp.SessionKey, at: Instant): Promise<SharedBody> {
  const data = await encryptBody(signed, sessionKey, at);
  // Before its lines are made: OpenPGP.js goes through several times as much.
  if (data.length > LARGE) collectBuffers();
  return { sessionKey, data };
}

/** For nobody yet. */
async function encryptBody(signed: Uint8Array, sessionKey: openpgp.SessionKey, at: Instant): Promise<Uint8Array> {
  const body = await openpgp.encrypt({ ...(await takenApart(signed)), sessionKey, date: dateAt(at), format: 'binary' });
  if (body instanceof Uint8Array) return inSharedMemory(body);
  return gathered(body, new Uint8Array(new SharedArrayBuffer(roomFor(signed))));
}

/*
 * What is large is given to OpenPGP.js as a stream: it has several copies of what it is given in one, and takes longer for it. What comes out has
 * partial lengths then (RFC 9580 §4.2.1.4), as what gpg encrypts.
 */
const PIECE = 256 * 1024;

/** Each piece is a copy: no engine encrypts from memory that another thread could change meanwhile. */
function inPieces(octets: Uint8Array): ReadableStream<Uint8Array> {
  const { length } = octets;
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (octets.length !== length) throw new Error('what is to be encrypted was taken away');
      if (at >= length) return controller.close();
      controller.enqueue(Uint8Array.from(octets.subarray(at, at + PIECE)));
      at += PIECE;
    },
  });
}

/** Octets for what is encrypted of it to one: lengths and tags take less than a hundredth. */
function roomFor({ length }: Uint8Array): number {
  return Math.ceil(length * 1.01) + 64 * 1024;
}

/** All of them, at the beginning of that room. Throws RangeError where they do not fit. */
async function gathered(pieces: ReadableStream<Uint8Array>, room: Uint8Array): Promise<Uint8Array> {
  let length = 0;
  for await (const piece of pieces) {
    room.set(piece, length);
    length += piece.length;
  }
  return room.subarray(0, length);
}

/** As OpenPGP.js takes it. Throws Refusal `unusable-certificate`. */
async function recipientOf(certificate: Uint8Array, at: Instant) {
  const key = await certificateOf(certificate).catch(() => {
    throw unusable('unreadable');
  });
  const recipient = await recipientAt(key, at);
  if (typeof recipient === 'string') throw unusable(recipient);
  return {
    encryptionKeys: key,
    encryptionKeyIDs: recipient.keyId,
    config: { allowMissingKeyFlags: recipient.unflagged },
    date: dateAt(at),
  };
}

/**
 * Seals what is too large for memory, as it is read: binary, not signed, for everybody of these certificates.
 * @throws Refusal `unusable-certificate` where one of them may not be encrypted to at `at`.
 */
export async function sealStream(
  plaintext: ReadableStream<Uint8Array>,
  certificates: readonly Uint8Array[],
  at: Instant,
): Promise<ReadableStream<Uint8Array>> {
  const keys = await Promise.all(certificates.map(parseCertificate));
  const recipients: Recipient[] = [];
  for (const key of keys) {
    const recipient = await recipientAt(key, at);
    if (typeof recipient === 'string') throw unusable(recipient);
    recipients.push(recipient);
  }
  return openpgp.encrypt({
    message: await openpgp.createMessage({ binary: plaintext, date: NO_DATE }),
    encryptionKeys: keys,
    encryptionKeyIDs: recipients.map(({ keyId }) => keyId),
    sessionKey: await sessionKeyFor(keys, dateAt(at)),
    config: { allowMissingKeyFlags: recipients.some(({ unflagged }) => unflagged) },
    date: dateAt(at),
    format: 'binary',
  });
}

/**
 * Detached signature for multipart/signed (RFC 3156 §5), ASCII armor (LF line ends), over an entity as it goes over the wire:
 * lines end in CRLF and not in blanks. `micalg` is the parameter of that name, such as `pgp-sha512`.
 */
export async function signDetached(
  entity: Uint8Array,
  secret: Uint8Array,
  at: Instant,
): Promise<{ armored: string; micalg: string }> {
  if (/(?<!\r)\n|\r(?!\n)/.test(Buffer.from(entity).toString('latin1')))
    throw new Error('an entity to sign has line ends other than CRLF');
  const signingKeys = await signer(secret, at);
  const armored = await openpgp.sign({ message: await literal(entity), signingKeys, date: dateAt(at), detached: true });
  const [signature] = (await openpgp.readSignature({ armoredSignature: armored })).packets;
  if (!signature?.hashAlgorithm) throw new Error('a signature without a hash algorithm was made');
  return { armored, micalg: `pgp-${openpgp.enums.read(openpgp.enums.hash, signature.hashAlgorithm)}` };
}

/** Binary (`b`), no file name, no date. */
function literal<Octets extends Uint8Array | ReadableStream<Uint8Array>>(binary: Octets) {
  return openpgp.createMessage({ binary, date: NO_DATE });
}

async function signer(secret: Uint8Array, at: Instant): Promise<openpgp.PrivateKey> {
  const key = await secretOf(secret);
  await key.getSigningKey(undefined, dateAt(at)).catch((error: Error) => {
    throw new Error(`list key ${fingerprintOf(key)} cannot sign: ${error.message}. Renew it: curfew keys renew`);
  });
  return key;
}

/** One-pass signature, literal data, signature: packet type ids 4, 11, 2. */
const ONE_PASS_SIGNED = '4,11,2';

/**
 * The literal and its signature, for OpenPGP.js to put together again: given the signed message as it is, it encrypts
 * without the signature (6.3.2 reads packets up to the literal only, and leaves the rest in a stream that encrypt never asks).
 */
async function takenApart(signed: Uint8Array) {
  const packets = [...packetsOf(signed)];
  const [, body, signature] = packets;
  if (!body || !signature || packets.map(({ tag }) => tag).join() !== ONE_PASS_SIGNED)
    throw new Error('what is to be sealed is not a message signed once');
  const literalPacket = signed.subarray(body.start, body.end);
  return {
    message: await openpgp.readMessage({
      binaryMessage: literalPacket.length > LARGE ? inPieces(literalPacket) : inOwnMemory(literalPacket),
    }),
    signature: await openpgp.readSignature({ binarySignature: inOwnMemory(signed.subarray(signature.start, signature.end)) }),
  };
}

/**
 * SEIPDv2 with GCM where the certificate lists it. Who only takes OCB, which is JavaScript here (5 MB/s), gets SEIPDv1 as long
 * as the certificate is a v4 one: that reads both. A v6 certificate gets what it asks for.
 */
async function sessionKeyFor(keys: openpgp.PublicKey[], date: Date): Promise<openpgp.SessionKey> {
  const sessionKey = await openpgp.generateSessionKey({ encryptionKeys: keys, date });
  if (sessionKey.aeadAlgorithm !== 'ocb' || keys.some(({ keyPacket }) => keyPacket.version !== 4)) return sessionKey;
  return { data: sessionKey.data, algorithm: sessionKey.algorithm };
}

const hints: Record<WhyNot, string> = {
  unreadable: 'The certificate cannot be read, or says nothing that is valid now',
  'too-costly': 'The certificate takes too long to verify: export it with fewer signatures, or make a new key',
  'not-yet-valid': 'The certificate is not valid yet: it was made in the future',
  expired: 'The certificate has expired: extend its expiry and send it again',
  revoked: 'The certificate is revoked: send the one that replaces it',
  'no-encryption-subkey': 'The certificate has no key to encrypt to: add an encryption subkey and send it again',
  weak: 'The certificate is too weak (SHA-1 self-signature, short RSA, DSA or ElGamal): renew its signatures or make a new one',
};

function unusable(reason: WhyNot): Refusal {
  return new Refusal('unusable-certificate', hints[reason], reason);
}
