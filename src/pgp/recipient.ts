import type { Instant } from '../clock.ts';
import { fingerprintOf, instantOf, newest } from './parse.ts';
import { dateAt, openpgp } from './settings.ts';

/** Why a certificate may not be encrypted to. `too-costly`: to find that out takes longer than any honest one does. */
export type WhyNot = 'unreadable' | 'too-costly' | 'not-yet-valid' | 'expired' | 'revoked' | 'no-encryption-subkey' | 'weak';

export interface Recipient {
  /** The one key to encrypt to; said to OpenPGP.js, so that it does not choose another. */
  keyId: openpgp.KeyID;
  /** Nothing says what that key is for, which OpenPGP.js must be told to overlook. */
  unflagged: boolean;
  fingerprint: string;
  /** When it or the primary key expires, the earlier of the two. */
  until: Instant | null;
}

const { hash } = openpgp.enums;

/** For saying why not: what a certificate means, however weak the mathematics. */
export const lenient: openpgp.Config = {
  ...openpgp.config,
  rejectHashAlgorithms: new Set(),
  rejectPublicKeyAlgorithms: new Set(),
  rejectCurves: new Set(),
  minRSABits: 0,
};
/** For encrypting: self-signatures by SHA-1 can be forged (SHAttered), and with them a subkey whose secret is another's. */
const strict: openpgp.Config = { ...openpgp.config, rejectHashAlgorithms: new Set([hash.md5, hash.ripemd, hash.sha1]) };

/** Chooses the key of `certificate` that may be encrypted to at `at`, or says why there is none. */
export async function recipientAt(certificate: openpgp.PublicKey, at: Instant): Promise<Recipient | WhyNot> {
  const date = dateAt(at);
  if (await revoke(certificate, date)) return 'revoked';
  if (!(await encryptionKey(certificate, date, lenient))) return whyNot(certificate, date);
  const key = await encryptionKey(certificate, date, strict);
  if (!key) return 'weak';
  const unflagged = 'mainKey' in key && isUnflagged(key);
  const expiries = [await certificate.getExpirationTime(), 'mainKey' in key ? await key.getExpirationTime(date) : null];
  const until = Math.min(...expiries.map((expiry) => instantOf(expiry) ?? Number.POSITIVE_INFINITY));
  return { keyId: key.getKeyID(), fingerprint: fingerprintOf(key), unflagged, until: Number.isFinite(until) ? until : null };
}

async function encryptionKey(certificate: openpgp.PublicKey, date: Date, config: openpgp.Config) {
  const flagged = await certificate.getEncryptionKey(undefined, date, undefined, config).catch(() => null);
  return flagged ?? unflaggedKey(certificate, date, { ...config, allowMissingKeyFlags: true });
}

/** Each costs a look at the whole certificate, and a stranger can bind hundreds to his. An old certificate has one or two. */
const MOST_UNFLAGGED = 3;

/**
 * The newest subkey whose algorithm can encrypt, of a certificate without key flags, as old GnuPG and PGP made them: by convention
 * "the subkeys provide encryption services" (RFC 4880 §5.5.1.2). Never the primary key, which is there to sign.
 */
async function unflaggedKey(certificate: openpgp.PublicKey, date: Date, config: openpgp.Config) {
  const subkeys = certificate.subkeys.filter((subkey) => isUnflagged(subkey) && isForEncryption(subkey));
  for (const subkey of newestFirst(subkeys).slice(0, MOST_UNFLAGGED)) {
    const key = await certificate.getEncryptionKey(subkey.getKeyID(), date, undefined, config).catch(() => null);
    if (key === subkey) return subkey;
  }
  return null;
}

/**
 * Nothing says what the subkey is for: no key flags, and no signature over the primary key, which signing subkeys make (RFC 9580 §5.2.1.8).
 * Of one that nothing binds all that is known is that it is revoked.
 */
function isUnflagged({ bindingSignatures }: openpgp.Subkey): boolean {
  if (bindingSignatures.length === 0) return false;
  return bindingSignatures.every(({ keyFlags, embeddedSignature }) => !keyFlags && !embeddedSignature);
}

function newestFirst(subkeys: openpgp.Subkey[]): openpgp.Subkey[] {
  return subkeys.sort((a, b) => b.getCreationTime().getTime() - a.getCreationTime().getTime());
}

/**
 * Whether the primary key is revoked at `date`; what else is revoked is marked. A revocation counts whatever its hash, while
 * OpenPGP.js would pass over one by SHA-1 where it rejects SHA-1, and use the revoked key: hence the marks, which it obeys.
 */
async function revoke(certificate: openpgp.PublicKey, date: Date): Promise<boolean> {
  const primary = certificate.keyPacket;
  for (const subkey of certificate.subkeys) {
    const own = subkey.bindingSignatures.filter(({ issuerKeyID }) => issuerKeyID.equals(certificate.getKeyID()));
    await mark(own, (signature) => subkey.isRevoked(signature, primary, date, lenient));
  }
  for (const user of certificate.users)
    await mark(user.selfCertifications, (signature) => user.isRevoked(signature, primary, date, lenient));
  return certificate.isRevoked(undefined, undefined, date, lenient);
}

/** One question for all of them: OpenPGP.js revokes what the primary key signed, not one signature of it. */
async function mark(own: openpgp.SignaturePacket[], isRevoked: (signature: openpgp.SignaturePacket) => Promise<boolean>) {
  const [any] = own;
  if (!any) return;
  any.revoked = null; // OpenPGP.js never takes its own mark back, not even for an earlier date.
  const revoked = await isRevoked(any);
  for (const signature of own) signature.revoked = revoked;
}

/**
 * Fingerprint of the subkey that would be encrypted to at `at`, had it not expired; null where it has not, or the primary key does not hold
 * either. After `recipientAt` of the same object, which finds what is revoked.
 */
export async function expiredSubkeyAt(certificate: openpgp.PublicKey, at: Instant): Promise<string | null> {
  const date = dateAt(at);
  const subkey = (await primaryHolds(certificate, date)) ? newestForEncryption(certificate) : undefined;
  return subkey && (await whyNotSubkey(subkey, date)) === 'expired' ? fingerprintOf(subkey) : null;
}

/** The reason that a person can act on, of a certificate that has no key to encrypt to at `date`. */
async function whyNot(certificate: openpgp.PublicKey, date: Date): Promise<WhyNot> {
  if (certificate.getCreationTime() > date) return 'not-yet-valid';
  if (!(await primaryHolds(certificate, date))) return whyNotPrimary(certificate, date);
  const subkey = newestForEncryption(certificate);
  return subkey ? whyNotSubkey(subkey, date) : 'no-encryption-subkey';
}

function primaryHolds(certificate: openpgp.PublicKey, date: Date): Promise<boolean> {
  return certificate.verifyPrimaryKey(date, undefined, lenient).then(
    () => true,
    () => false,
  );
}

function newestForEncryption({ subkeys }: openpgp.PublicKey): openpgp.Subkey | undefined {
  return newestFirst(subkeys.filter(isForEncryption))[0];
}

async function whyNotPrimary(certificate: openpgp.PublicKey, date: Date): Promise<WhyNot> {
  const signatures = certificate.users.flatMap((user) => user.selfCertifications);
  if (signatures.length > 0 && signatures.every(({ revoked }) => revoked)) return 'revoked';
  const expiry = instantOf(await certificate.getExpirationTime(undefined, lenient));
  if (expiry !== null && expiry <= date.getTime()) return 'expired';
  return signatures.some(({ created }) => created && created > date) ? 'not-yet-valid' : 'unreadable';
}

async function whyNotSubkey(subkey: openpgp.Subkey, date: Date): Promise<WhyNot> {
  if (subkey.bindingSignatures.some(({ revoked }) => revoked)) return 'revoked';
  if (subkey.getCreationTime() > date) return 'not-yet-valid';
  const expiry = instantOf(await subkey.getExpirationTime(newest(subkey.bindingSignatures), lenient));
  return expiry !== null && expiry <= date.getTime() ? 'expired' : 'unreadable';
}

const { encryptCommunication, encryptStorage } = openpgp.enums.keyFlags;
const { ecdh, elgamal, rsaEncrypt, rsaEncryptSign } = openpgp.enums.publicKey;
/** What subkeys without flags encrypt with; whoever makes newer ones writes flags. */
const OLD_ENCRYPTION: ReadonlySet<number> = new Set([ecdh, elgamal, rsaEncrypt, rsaEncryptSign]);

export function isForEncryption(subkey: openpgp.Subkey): boolean {
  if (isUnflagged(subkey)) return OLD_ENCRYPTION.has(subkey.keyPacket.algorithm);
  return subkey.bindingSignatures.some(({ keyFlags }) => ((keyFlags?.[0] ?? 0) & (encryptCommunication | encryptStorage)) !== 0);
}
