import { createHash } from 'node:crypto';
import type { Instant } from '../clock.ts';
import { MINUTE } from '../clock.ts';
import { looksLikeEntity, octetsIn } from '../mail/text.ts';
import { Refusal } from '../refusal.ts';
import { type CertificateFacts, readCertificate, verifier } from './certificate.ts';
import { keyIdsIn } from './certificate-bytes.ts';
import type { Cleartext } from './cleartext.ts';
import { LARGEST_OFFERED, offerable } from './offered.ts';
import { dateAt, openpgp } from './settings.ts';

/** What is known of one signature. */
export interface SignatureVerdict {
  /** Issuer key id, upper-case hex; all zeros where the signature names none. */
  keyId: string;
  /** Of the certificate (its primary key) that the signature verified with, upper-case hex; null if it did with none. */
  fingerprint: string | null;
  valid: boolean;
  /** Why it is not valid. */
  reason: SignatureFault | null;
  /** The certificate is on the roster; a valid signature by one that merely came with the mail proves no name. */
  certificateKnown: boolean;
  /**
   * SHA-256, hex, over who signed what and when: the same statement again, however its signature packet is written. The
   * packet itself has room for octets that no signature covers (RFC 9580 §5.2.3.8).
   */
  digest: string;
  /** Nothing that a reader sees stands outside of what was signed. */
  coversWholeContent: boolean;
  /** When it says that it was made. */
  madeAt: Instant | null;
  /** Fingerprints of the keys that it was made for, by its own word (RFC 9580 §5.2.3.36); none where it does not say. */
  intendedFor: string[];
}

/** `weak`: its hash or its key is one that can be forged. `invalid` is anything that is not one of the others. */
export type SignatureFault = 'no-certificate' | 'weak' | 'expired' | 'revoked' | 'not-yet-valid' | 'invalid';

/** OpenPGP.js gives words and no codes. */
const FAULTS: readonly [RegExp, SignatureFault][] = [
  [/insecure (message )?hash|too weak/i, 'weak'],
  [/revoked/i, 'revoked'],
  [/in the future|newer than/i, 'not-yet-valid'],
  [/expired/i, 'expired'],
];

function faultOf(error: unknown): SignatureFault {
  const words = error instanceof Error ? error.message : '';
  return FAULTS.find(([pattern]) => pattern.test(words))?.[1] ?? 'invalid';
}

/** Certificates of the roster that hold any of these keys, binary. Key ids are upper-case hex. */
export type Lookup = (keyIds: string[]) => Promise<Uint8Array[]>;

/** A sender's clock may be ahead of ours by this much before his signature counts as made in the future. */
const CLOCK_SKEW = 5 * MINUTE;
const MOST_SIGNATURES = 10;

/**
 * Old GnuPG and PGP wrote no key flags, and by convention "the top-level key provides signature services" (RFC 4880 §5.5.1.2).
 * Believing it gives nobody more than he has: with the secret of a primary key he could as well make himself a signing subkey.
 * Of a subkey OpenPGP.js still asks for its signature over the primary key (RFC 9580 §5.2.1.8), and flags that are there count.
 */
const config: openpgp.Config = { ...openpgp.config, allowMissingKeyFlags: true };

type VerificationResult = openpgp.VerifyMessageResult['signatures'][number];

interface Candidate {
  facts: CertificateFacts;
  known: boolean;
}

/** A MIME entity with the detached signature that covers it, as multipart/signed holds them (RFC 3156 §5). */
export interface SignedEntity {
  entity: Uint8Array;
  armored: string;
  /** The parameter of that name, such as `pgp-sha512`. */
  micalg: string;
}

export interface Verifiable {
  keyIds: string[];
  /** The same, for others to verify, once it was verified here; null where it is no entity that could be sent on as it is. */
  signedEntity: SignedEntity | null;
  /** What was signed: the very octets. */
  content: Uint8Array;
  verifyWith(certificates: openpgp.PublicKey[], at: Date): Promise<VerificationResult[]>;
}

/** The signatures inside a decrypted (or merely signed) OpenPGP message, over its literal data. */
export function ofMessage(message: openpgp.Message<Uint8Array>): Verifiable {
  // OpenPGP.js reads those of an encrypted message only when it verifies them.
  let signatures: openpgp.Signature[] = [];
  return {
    // Undefined for a signature of a version that is not known here.
    keyIds: message.getSigningKeyIDs().flatMap((id: openpgp.KeyID | undefined) => (id ? [hexId(id)] : [])),
    content: message.getLiteralData() ?? new Uint8Array(),
    get signedEntity() {
      return detachable(message.getLiteralData(), signatures);
    },
    verifyWith: async (certificates, at) => {
      const results = await message.verify(certificates, at, config);
      signatures = await Promise.all(results.map(({ signature }) => signature));
      return results;
    },
  };
}

/** A signature inside of an encryption is over the same octets as a detached one. Line ends other than CRLF would not survive that. */
function detachable(data: Uint8Array | null, [signature, ...others]: readonly openpgp.Signature[]): SignedEntity | null {
  if (!data || !signature || others.length > 0 || !looksLikeEntity(data) || hasBareLineEnd(data)) return null;
  return signedEntity(data, signature);
}

function signedEntity(entity: Uint8Array, signature: openpgp.Signature): SignedEntity | null {
  const micalg = Object.entries(openpgp.enums.hash).find(([, hash]) => hash === signature.packets[0]?.hashAlgorithm)?.[0];
  return micalg === undefined ? null : { entity, armored: signature.armor(), micalg: `pgp-${micalg}` };
}

/** Key ids of those that are signatures: one of a version that is not known here says nothing (RFC 9580 §5.2.5). */
function issuers(packets: readonly openpgp.AnyPacket[]): string[] {
  return packets.flatMap((packet) => (packet instanceof openpgp.SignaturePacket ? [hexId(packet.issuerKeyID)] : []));
}

/** OpenPGP.js would stumble over the others. */
function withoutUnknown(signature: openpgp.Signature): openpgp.Signature {
  const known = signature.packets.filter((packet) => packet instanceof openpgp.SignaturePacket);
  signature.packets.splice(0, signature.packets.length, ...known);
  return signature;
}

function hasBareLineEnd(data: Uint8Array): boolean {
  return /(?<!\r)\n|\r(?!\n)/.test(Buffer.from(data.buffer, data.byteOffset, data.length).toString('latin1'));
}

/** A detached signature (armored or binary) over bytes. Throws `malformed-mail` when it is none. */
export async function ofDetached(content: Uint8Array, signature: Uint8Array): Promise<Verifiable> {
  const read = await readSignature(signature);
  return {
    keyIds: issuers(read.packets),
    content,
    // With two of them, whoever gets both could send it on with one, as another statement.
    signedEntity: hasBareLineEnd(content) || read.packets.length > 1 ? null : signedEntity(content, read),
    verifyWith: (certificates, at) => verifyApart(canonical(content), read, certificates, at),
  };
}

async function verifyApart(binary: Uint8Array, signature: openpgp.Signature, verificationKeys: openpgp.PublicKey[], date: Date) {
  const message = await openpgp.createMessage({ binary });
  return (await openpgp.verify({ message, signature, verificationKeys, date, format: 'binary', config })).signatures;
}

async function readSignature(bytes: Uint8Array): Promise<openpgp.Signature> {
  const armored = Buffer.from(bytes).toString('latin1');
  try {
    return withoutUnknown(
      armored.includes('-----BEGIN PGP')
        ? await openpgp.readSignature({ armoredSignature: armored })
        : await openpgp.readSignature({ binarySignature: bytes }),
    );
  } catch (error) {
    throw new Refusal('malformed-mail', 'The signature part holds no OpenPGP signature', String(error));
  }
}

/** Signed parts have CRLF line ends when they are hashed, however they were stored on the way (RFC 3156 §5). */
function canonical(content: Uint8Array): Uint8Array {
  const isBare = (at: number) => content[at] === LF && content[at - 1] !== CR;
  let missing = 0;
  for (let at = 0; at < content.length; at++) if (isBare(at)) missing++;
  if (missing === 0) return content;
  const made = new Uint8Array(content.length + missing);
  let end = 0;
  for (let at = 0; at < content.length; at++) {
    if (isBare(at)) made[end++] = CR;
    made[end++] = content[at] ?? 0;
  }
  return made;
}

const CR = 13;
const LF = 10;

/**
 * The framework of a cleartext-signed text (RFC 9580 §7). It is signed in UTF-8 by the standard, and by GnuPG in the octets that
 * it was given: in those of the part's charset, too, it is the text that is shown. What counts as signed are the octets, or another
 * charset would make another statement of the same signature.
 */
export async function ofCleartext({ text, signature }: Cleartext, charset: string | undefined): Promise<Verifiable> {
  const keyIds = issuers(withoutUnknown(signature).packets);
  const content = await signedOctets(text, charset, signature.packets[0]);
  return { keyIds, content, signedEntity: null, verifyWith: (keys, at) => verifyApart(content, signature, keys, at) };
}

async function signedOctets(text: string, charset: string | undefined, made: openpgp.SignaturePacket | undefined) {
  const standard = canonical(Buffer.from(text));
  if (!made || (await isOver(made, standard))) return standard;
  const declared = octetsIn(text, charset);
  const octets = declared && canonical(declared);
  return octets && (await isOver(made, octets)) ? octets : standard;
}

/** Whether the first 16 bits of the hash are those that the signature says (RFC 9580 §5.2.3); whether it holds is another question. */
async function isOver(made: openpgp.SignaturePacket, binary: Uint8Array): Promise<boolean> {
  const { packets } = await openpgp.createMessage({ binary });
  try {
    // Not in its types.
    const { hash, signedHashValue } = made as openpgp.SignaturePacket & HashedPacket;
    const digest = await hash.call(made, made.signatureType, packets[0], undefined, true);
    return Buffer.from(digest.subarray(0, 2)).equals(signedHashValue);
  } catch {
    return false; // An algorithm of which nobody knows.
  }
}

interface HashedPacket {
  signedHashValue: Uint8Array;
  hash(type: number | null, literal: unknown, toHash: undefined, detached: boolean): Promise<Uint8Array>;
}

/**
 * Checks every signature with the certificate that may have made it: one of the roster before one that came with the mail.
 * A verdict a signature, in the order of the message.
 */
export async function verify(
  signed: Verifiable,
  offered: readonly Uint8Array[],
  lookup: Lookup,
  at: Instant,
): Promise<SignatureVerdict[]> {
  const { keyIds } = signed;
  if (keyIds.length === 0) return [];
  if (keyIds.length > MOST_SIGNATURES) throw new Refusal('too-complex', 'There are too many signatures');
  const candidates = await gather(keyIds, offered, lookup);
  const content = sha256(canonical(signed.content));
  const certificates = await Promise.all(candidates.map(({ facts }) => verifier(facts)));
  // Once, with all of them: OpenPGP.js cannot verify the same message a second time.
  const results = await signed.verifyWith(certificates, dateAt(at + CLOCK_SKEW)).catch(() => null);
  // One that cannot even be hashed (an algorithm of which nobody knows) proves nothing, nor does what stands beside it.
  if (!results) return keyIds.map((keyId) => unreadable(keyId, content));
  return Promise.all(results.map((result) => judge(result, candidates, content)));
}

function unreadable(keyId: string, content: string): SignatureVerdict {
  const digest = sha256(Buffer.from(`${keyId} ${content}`));
  const nothing = { fingerprint: null, valid: false, certificateKnown: false, coversWholeContent: false, madeAt: null };
  return { ...nothing, keyId, reason: 'invalid', digest, intendedFor: [] };
}

/**
 * A cleartext signature that was checked and does not hold: what stands in its frame is what somebody made of the signed text,
 * and has no form of its own in which it could be shown for that. Its sender is told at once, and can send it otherwise.
 * @throws Refusal `malformed-mail`.
 */
export function refuseChanged(verdicts: readonly SignatureVerdict[]): void {
  if (verdicts.some(({ reason }) => reason === 'invalid'))
    throw new Refusal('malformed-mail', 'The signed text was changed on its way: send it as PGP/MIME, or without the signature');
}

async function gather(keyIds: string[], offered: readonly Uint8Array[], lookup: Lookup): Promise<Candidate[]> {
  // One of the roster that this version can no longer read credits nobody; its owner's mail is mail all the same.
  const known = await Promise.all((await lookup([...new Set(keyIds)])).map((data) => readCertificate(data).catch(() => null)));
  const candidates: Candidate[] = known.flatMap((facts) => (facts && mayHaveMade(facts, keyIds) ? { facts, known: true } : []));
  // What came with the mail may be anything, and cost anything: it is read only where a signature names a key of it, and what
  // is no usable certificate is no candidate.
  const named = (data: Uint8Array) => data.length <= LARGEST_OFFERED && keyIdsIn(data).some((id) => keyIds.includes(id));
  for (const data of offerable(offered.filter(named))) {
    const facts = await readCertificate(data).catch(() => null);
    if (facts && mayHaveMade(facts, keyIds) && !candidates.some((one) => one.facts.fingerprint === facts.fingerprint))
      candidates.push({ facts, known: false });
  }
  return candidates;
}

function mayHaveMade({ keys }: CertificateFacts, keyIds: readonly string[]): boolean {
  return keys.some(({ signs, keyId }) => signs && keyIds.includes(keyId));
}

async function judge(result: VerificationResult, candidates: readonly Candidate[], content: string): Promise<SignatureVerdict> {
  // The promise is awaited here and nowhere else: openpgp hands out the content whether it holds or not.
  const fault = await result.verified.then(() => null, faultOf);
  const keyId = hexId(result.keyID);
  // OpenPGP.js, too, takes the first certificate that has a key of this id, and no other.
  const candidate = candidates.find(({ facts }) => mayHaveMade(facts, [keyId]));
  const valid = fault === null && candidate !== undefined;
  const signature = await result.signature;
  const [packet] = signature.packets;
  return {
    keyId,
    fingerprint: valid ? candidate.facts.fingerprint : null,
    valid,
    reason: valid ? null : candidate ? fault : 'no-certificate',
    certificateKnown: valid && candidate.known,
    digest: sha256(Buffer.concat([Buffer.from(`${keyId} ${content} `), ...statements(signature)])),
    coversWholeContent: false,
    madeAt: packet?.created?.getTime() ?? null,
    intendedFor: packet ? intendedFor(packet) : [],
  };
}

/** Subpacket 35: the version of a key, and its fingerprint. Only what the signature covers is read here. */
function intendedFor({ unknownSubpackets }: openpgp.SignaturePacket): string[] {
  return unknownSubpackets
    .filter(({ type }) => type === 35)
    .map(({ body }) => Buffer.from(body).toString('hex').slice(2).toUpperCase());
}

/** Of each signature packet what the signature covers: its hashed subpackets, with the time of signing. */
function statements({ packets }: openpgp.Signature): Uint8Array[] {
  return packets.map((packet) => packet.signatureData ?? new Uint8Array());
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function hexId(id: openpgp.KeyID): string {
  return id.toHex().toUpperCase();
}
