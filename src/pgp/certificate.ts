import type { Instant } from '../clock.ts';
import { certificateBytes, older, primaryFingerprint, refused } from './certificate-bytes.ts';
import { packetsOf } from './packets.ts';
import { fingerprintOf, instantOf, newest, parseCertificate } from './parse.ts';
import { isForEncryption, recipientAt, type WhyNot } from './recipient.ts';
import { type Revocation, revocationsOf, revokerOf, revokersOf } from './revocations.ts';
import { openpgp } from './settings.ts';
import { settle } from './settle.ts';

/** What a certificate says about itself, whatever the time is. */
export interface CertificateFacts {
  /** Of the primary key; upper-case hexadecimal, as all fingerprints and key ids here. */
  fingerprint: string;
  /** Binary and minimised: what others certified, pictures and unbound subkeys are off; whatever it revoked is revoked. */
  data: Uint8Array;
  /** The user ids that the primary key vouches for and did not revoke. */
  userIds: string[];
  /** Their addr-specs in lower case, each once. */
  addresses: string[];
  /** The primary key and the subkeys that it binds, expired and revoked ones too. */
  keys: CertificateKey[];
  /** What it revokes, each by itself. */
  revocations: Revocation[];
  /** Fingerprints of keys that it binds for signing and that do not say so themselves: left off, as they may be another's. */
  claimed: string[];
  createdAt: Instant;
  expiresAt: Instant | null;
}

export interface CertificateKey {
  fingerprint: string;
  keyId: string;
  /** It may have made a signature that this certificate is credited with: the primary key, or a subkey that agreed to it. */
  signs: boolean;
}

/**
 * Reads one certificate from outside, armored or binary.
 * @throws Refusal `unusable-certificate`; its hint says what is wrong and what to send.
 */
export async function readCertificate(input: Uint8Array | string): Promise<CertificateFacts> {
  return vouchedFacts(await readKey(input));
}

/** As `factsOf`. Throws as `readCertificate` does where no user id is vouched for. */
export async function vouchedFacts(key: openpgp.PublicKey): Promise<CertificateFacts> {
  const facts = await factsOf(key);
  if (facts.userIds.length === 0) throw refused(nobody);
  return facts;
}

/** Parses a certificate from outside. Throws as `readCertificate` does. */
export async function readKey(input: Uint8Array | string): Promise<openpgp.PublicKey> {
  return arrive(input, [], ask);
}

/** The same, of a newer copy of one that is kept, and was settled: gpg leaves out of a copy whom the owner named, unless told. */
export async function readNewer(kept: openpgp.PublicKey, input: Uint8Array | string): Promise<openpgp.PublicKey> {
  return arrive(input, revokersOf(kept), stays);
}

/**
 * What a certificate says that its owner revokes, whatever else is wrong with it: nobody need vouch for any user id of it, and what another key
 * says of it is left off. Throws as `readCertificate` does where it is none.
 */
export async function hear(input: Uint8Array | string): Promise<Pick<CertificateFacts, 'fingerprint' | 'revocations'>> {
  const { fingerprint, revocations } = await factsOf(await parsed(input));
  return { fingerprint, revocations };
}

/** That another key has revoked it is a mere claim; that its owner named that one is not. Where he has revoked it himself, that counts. */
async function arrive(input: Uint8Array | string, named: readonly string[], whatThen: string): Promise<openpgp.PublicKey> {
  const key = await parsed(input);
  const { revocationSignatures: said } = key;
  if (said.length === 0) return key;
  await settle(key);
  const revoker = key.revocationSignatures.length === 0 ? revokerOf([...named, ...revokersOf(key)], said) : null;
  if (revoker !== null)
    throw refused(`It says that another key has revoked it, which it names as one that may: ${revoker}. ${whatThen}`);
  return key;
}

async function parsed(input: Uint8Array | string): Promise<openpgp.PublicKey> {
  const data = certificateBytes(input);
  const key = await parseCertificate(data).catch(() => {
    throw refused(older);
  });
  // OpenPGP.js writes it anew: what is known of the key would not be found, nor its own signatures counted, by the octets as they came.
  if (primaryFingerprint(data) !== fingerprintOf(key)) throw refused(older);
  return key;
}

/** What a certificate says, minimised on the way; nobody may vouch for any of its user ids. */
export async function factsOf(key: openpgp.PublicKey): Promise<CertificateFacts> {
  const { bound, claimed, signing } = await minimise(key);
  const users = await vouchedFor(key);
  return {
    fingerprint: fingerprintOf(key),
    data: key.write(),
    userIds: users.map(({ userID }) => userID),
    addresses: [...new Set(users.flatMap(({ email }) => addrSpec(email)))],
    keys: [key, ...bound].map((each) => ({
      fingerprint: fingerprintOf(each),
      keyId: each.getKeyID().toHex().toUpperCase(),
      signs: each === key || signing.some((subkey) => subkey === each),
    })),
    revocations: revocationsOf(key),
    claimed: claimed.map(fingerprintOf),
    createdAt: key.getCreationTime().getTime(),
    expiresAt: instantOf(await key.getExpirationTime()),
  };
}

/** Parses a certificate that `readCertificate` let in, for verifying: without the subkeys that made no signature of its. */
export async function verifier({ data, keys }: CertificateFacts): Promise<openpgp.PublicKey> {
  const key = await parseCertificate(data);
  const signing = keys.filter(({ signs }) => signs).map(({ fingerprint }) => fingerprint);
  key.subkeys = key.subkeys.filter((subkey) => signing.includes(fingerprintOf(subkey)));
  return key;
}

/** It would have to be asked for, and be known to be that key. */
const ask = 'That is not looked into here, and nothing is encrypted to it: its owner has to say, or make another certificate';

/** A word that nobody has looked into must end nobody's copies; but whoever brings it has to know that it has not. */
const stays =
  'That is not looked into here: the copy that is known stays as it was, and what is encrypted to it goes on being so, until its owner revokes it himself or a person ends that (curfew contact revoke ADDRESS FINGERPRINT)';

const nobody =
  'No user ID of the certificate can be verified. It needs its owner’s address, signed by its own Ed25519, RSA or NIST key';

/** May it be encrypted to? `until` is when that ends by itself: the expiry of the primary key or of the key chosen. */
export type Usable = { usable: true; until: Instant | null } | { usable: false; reason: WhyNot };

/** Judges a binary certificate at an instant, mostly that of sending: it may have expired since it was let in. */
export async function usable(data: Uint8Array, at: Instant): Promise<Usable> {
  const certificate = await parseCertificate(data).catch(() => null);
  const recipient = certificate ? await recipientAt(certificate, at) : 'unreadable';
  return typeof recipient === 'string' ? { usable: false, reason: recipient } : { usable: true, until: recipient.until };
}

/** ASCII armor of a binary certificate. */
export function armorCertificate(data: Uint8Array): string {
  const [primary] = packetsOf(data);
  // RFC 9580 §6.1 forbids the checksum for v6; GnuPG fails on some v4 certificates without it (dev.gnupg.org/T7071).
  const checksum = primary !== undefined && data[primary.body] !== 6;
  return openpgp.armor(openpgp.enums.armor.publicKey, data, undefined, undefined, undefined, checksum);
}

const ARMOR = '-----BEGIN PGP ';

/**
 * What stands in a certificate file as a text: armor as it is, binary (`gpg --export`) armored.
 * @throws Refusal `unusable-certificate` where it is binary and not exactly one certificate.
 */
export function certificateText(file: Uint8Array): string {
  const octets = Buffer.from(file.buffer, file.byteOffset, file.length);
  // The first bit of a binary packet is set (RFC 9580 §4.2). That of a text is too where it has a byte order mark.
  const isText = ((octets[0] ?? 0) & 0x80) === 0 || octets.includes(ARMOR);
  // Octets of its own: OpenPGP.js armors none that begin within a word.
  return isText ? octets.toString('utf8') : armorCertificate(certificateBytes(new Uint8Array(octets)));
}

interface Subkeys {
  /** But for those that are claimed. */
  bound: openpgp.Subkey[];
  claimed: openpgp.Subkey[];
  signing: openpgp.Subkey[];
}

/** What is revoked, and is no subkey of it, stays without a word that binds it: whoever brings it with one finds it revoked. */
async function minimise(key: openpgp.PublicKey): Promise<Subkeys> {
  key.users = key.users.filter(({ userID }) => userID !== null);
  await settle(key);
  const subkeys = await subkeysOf(key);
  for (const subkey of key.subkeys) if (!subkeys.bound.includes(subkey)) subkey.bindingSignatures = [];
  key.subkeys = key.subkeys.filter((subkey) => subkeys.bound.includes(subkey) || subkey.revocationSignatures.length > 0);
  return subkeys;
}

async function subkeysOf(key: openpgp.PublicKey): Promise<Subkeys> {
  const judged = await Promise.all(
    key.subkeys.map(async (subkey) => ({ subkey, bound: await isBound(subkey), agreed: await hasAgreed(subkey, key) })),
  );
  const bound = judged.filter((one) => one.bound);
  // One that encrypts as well is no danger there, and old ones have no such signature.
  const claimed = bound
    .filter(({ subkey, agreed }) => !agreed && maySign(subkey) && !isForEncryption(subkey))
    .map(({ subkey }) => subkey);
  return {
    bound: bound.map(({ subkey }) => subkey).filter((subkey) => !claimed.includes(subkey)),
    claimed,
    signing: bound.filter(({ agreed }) => agreed).map(({ subkey }) => subkey),
  };
}

function maySign({ bindingSignatures }: openpgp.Subkey): boolean {
  return bindingSignatures.some(({ keyFlags }) => ((keyFlags?.[0] ?? 0) & openpgp.enums.keyFlags.signData) !== 0);
}

/**
 * Whether the subkey itself has signed that it belongs to this primary key (RFC 9580 §5.2.1.9): else anybody could bind
 * another's key to his own, and be credited with what the other one signs.
 */
async function hasAgreed(
  { keyPacket, bindingSignatures }: openpgp.Subkey,
  { keyPacket: primary }: openpgp.PublicKey,
): Promise<boolean> {
  for (const { embeddedSignature } of bindingSignatures) {
    if (!embeddedSignature) continue;
    const bound = { key: primary, bind: keyPacket };
    const at = newest([embeddedSignature]);
    const agreed = embeddedSignature.verify(keyPacket, openpgp.enums.signature.keyBinding, bound, at).then(() => true);
    if (await agreed.catch(() => false)) return true;
  }
  return false;
}

/** Whether the primary key ever signed that this subkey is its own; if not, anybody may have put it there. */
async function isBound(subkey: openpgp.Subkey): Promise<boolean> {
  return (await subkey.getExpirationTime(newest(subkey.bindingSignatures))) !== null;
}

async function vouchedFor(key: openpgp.PublicKey): Promise<openpgp.UserIDPacket[]> {
  const vouched = await Promise.all(key.users.map((user) => isVouchedFor(user, key.keyPacket)));
  return key.users.flatMap(({ userID }, i) => (userID && vouched[i] ? [userID] : []));
}

/** In place of `user.verify`, which tries every self-signature against every revocation: 490 of each take it 25 s. */
async function isVouchedFor(user: openpgp.User, primary: openpgp.PublicKey['keyPacket']): Promise<boolean> {
  const date = newest([...user.selfCertifications, ...user.revocationSignatures]);
  const [any] = user.selfCertifications;
  if (!any || (await user.isRevoked(any, primary, date))) return false;
  for (const signature of user.selfCertifications) {
    const signed = { userID: user.userID, key: primary };
    const valid = signature.verify(primary, openpgp.enums.signature.certGeneric, signed, date).then(() => true);
    if (await valid.catch(() => false)) return true;
  }
  return false;
}

/** No space, no control character, none of the specials that would need quoting (RFC 5322 §3.2.3). */
const ADDR_SPEC = /^[^\s\p{Cc}@<>()",:;\\[\]]+@[^\s\p{Cc}@<>()",:;\\[\]]+$/u;

function addrSpec(email: string): string[] {
  const address = email.toLowerCase();
  return ADDR_SPEC.test(address) ? [address] : [];
}
