import type { Instant } from '../clock.ts';
import { certificateBytes, refused } from './certificate-bytes.ts';
import { packetsOf } from './packets.ts';
import { fingerprintOf, instantOf, newest, parseCertificate } from './parse.ts';
import { recipientAt, type WhyNot } from './recipient.ts';
import { openpgp } from './settings.ts';

/** What a certificate says about itself, whatever the time is. */
export interface CertificateFacts {
  /** Of the primary key; upper-case hexadecimal, as all fingerprints and key ids here. */
  fingerprint: string;
  /** Binary and minimised: what others certified, pictures and unbound subkeys are off, every revocation is kept. */
  data: Uint8Array;
  /** The user ids that the primary key vouches for and did not revoke. */
  userIds: string[];
  /** Their addr-specs in lower case, each once. */
  addresses: string[];
  /** The primary key and the subkeys that it binds, expired and revoked ones too. */
  keys: { fingerprint: string; keyId: string }[];
  createdAt: Instant;
  expiresAt: Instant | null;
}

/**
 * Reads one certificate from outside, armored or binary.
 * @throws Refusal `unusable-certificate`; its hint says what is wrong and what to send.
 */
export async function readCertificate(input: Uint8Array | string): Promise<CertificateFacts> {
  const key = await parseCertificate(certificateBytes(input)).catch(() => {
    throw refused('The certificate cannot be read: it is damaged, or older than OpenPGP version 4');
  });
  await minimise(key);
  const users = await vouchedFor(key);
  if (users.length === 0) throw refused(nobody);
  return {
    fingerprint: fingerprintOf(key),
    data: key.write(),
    userIds: users.map(({ userID }) => userID),
    addresses: [...new Set(users.flatMap(({ email }) => addrSpec(email)))],
    keys: key.getKeys().map((each) => ({ fingerprint: fingerprintOf(each), keyId: each.getKeyID().toHex().toUpperCase() })),
    createdAt: key.getCreationTime().getTime(),
    expiresAt: instantOf(await key.getExpirationTime()),
  };
}

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

async function minimise(key: openpgp.PublicKey): Promise<void> {
  const bound = await Promise.all(key.subkeys.map(isBound));
  key.subkeys = key.subkeys.filter((_, i) => bound[i]);
  key.users = key.users.filter(({ userID }) => userID !== null);
  for (const user of key.users) {
    user.otherCertifications = [];
    user.revocationSignatures = user.revocationSignatures.filter(({ issuerKeyID }) => issuerKeyID.equals(key.getKeyID()));
  }
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
