import type { Instant } from '../clock.ts';
import { type CertificateFacts, factsOf, readCertificate, readKey } from './certificate.ts';
import { certificateBytes } from './certificate-bytes.ts';
import { fingerprintOf, lastSigned, newest, parseCertificate } from './parse.ts';
import { expiredSubkeyAt, lenient, recipientAt, type WhyNot } from './recipient.ts';
import { dateAt, openpgp } from './settings.ts';

/** A certificate with what a newer copy of it says as well. */
export interface Renewal {
  /** Of the two together. Nobody may vouch for any user id any more. */
  facts: CertificateFacts;
  /** The newer copy says something that was not known. */
  changed: boolean;
  /** Why it may not be encrypted to from now on; null where it may. */
  whyNot: WhyNot | null;
  /** That which would be encrypted to, where it has expired and the primary key has not: its fingerprint. */
  expiredSubkey: string | null;
  /** Fingerprint of the key that is encrypted to: until now, or when last there was one; and from now on. */
  encryptionKey: { before: string | null; after: string | null };
  /** The key that was encrypted to until now may still be, by what the newer copy says. */
  formerUsable: boolean;
  /** The known one with nothing but the revocations of the newer copy: what counts whatever becomes of the rest. */
  revoked: CertificateFacts;
}

/**
 * As `readCertificate`, with what other copies (binary) that are kept of the certificate revoke, and nothing else of theirs.
 * @throws Refusal `unusable-certificate`, also where the two together are too large.
 */
export async function readKnown(
  input: Uint8Array | string,
  copies: readonly Uint8Array[],
  at: Instant,
): Promise<CertificateFacts> {
  const facts = await readCertificate(input);
  return (await withRevocations(facts.data, copies, at)) ?? facts;
}

/** Null where they revoke nothing that it does not. */
async function withRevocations(data: Uint8Array, copies: readonly Uint8Array[], at: Instant): Promise<CertificateFacts | null> {
  let facts: CertificateFacts | null = null;
  for (const copy of copies) {
    if (Buffer.compare(copy, data) === 0) continue;
    const known = await parseCertificate(facts?.data ?? data);
    const revoking = onlyRevocations(known, await parseCertificate(copy));
    if (revoking.toPacketList().filterByTag(openpgp.enums.packet.signature).length === 0) continue;
    facts = await factsOf(await merged(known, revoking, at));
    certificateBytes(facts.data);
  }
  return facts;
}

/**
 * Merges a newer copy of a certificate, as it comes from outside, into the one that is known (binary): nothing that is known
 * is taken away, a revocation least of all. What `copies` revoke, others that are kept of it, is known too.
 * @throws Refusal `unusable-certificate`. @throws Error where it is not the same primary key.
 */
export async function renewCertificate(
  current: Uint8Array,
  newer: Uint8Array | string,
  at: Instant,
  copies: readonly Uint8Array[] = [],
): Promise<Renewal> {
  const data = (await withRevocations(current, copies, at))?.data ?? current;
  const [known, arrived] = await Promise.all([parseCertificate(data), readKey(newer)]);
  const facts = await factsOf(await merged(known, arrived, at));
  certificateBytes(facts.data); // The two together are held to the same limits.
  const together = await parseCertificate(facts.data);
  const [before, after] = [await lastRecipient(known, at), await recipientAt(together, at)];
  return {
    facts,
    changed: Buffer.compare(facts.data, current) !== 0,
    whyNot: typeof after === 'string' ? after : null,
    expiredSubkey: after === 'expired' ? await expiredSubkeyAt(together, at) : null,
    encryptionKey: { before, after: typeof after === 'string' ? null : after.fingerprint },
    formerUsable: before !== null && (await mayStillBe(together, before, at)),
    revoked: await factsOf(await merged(known, onlyRevocations(known, arrived), at)),
  };
}

/** Of the newer copy, what takes away: nothing that it adds, and nothing that would make a key live longer. */
function onlyRevocations(known: openpgp.PublicKey, arrived: openpgp.PublicKey): openpgp.PublicKey {
  const subkeys = new Set(known.subkeys.map(fingerprintOf));
  const names = new Set(known.users.map(({ userID }) => userID?.userID));
  const kept = new openpgp.PacketList<openpgp.AnyPacket>();
  // Signatures belong to what they follow (RFC 9580 §10.1.1).
  let isKnown = true;
  for (const packet of arrived.toPacketList()) {
    if (packet instanceof openpgp.SignaturePacket) {
      if (isKnown && REVOCATIONS.has(packet.signatureType ?? -1)) kept.push(packet);
      continue;
    }
    if (packet instanceof openpgp.PublicSubkeyPacket) isKnown = subkeys.has(packet.getFingerprint().toUpperCase());
    else if (packet instanceof openpgp.UserIDPacket) isKnown = names.has(packet.userID);
    else isKnown = packet instanceof openpgp.PublicKeyPacket;
    if (isKnown) kept.push(packet);
  }
  return new openpgp.PublicKey(kept);
}

/** RFC 9580 §5.2.1: of a key, of a subkey, and of a user ID. */
const REVOCATIONS: ReadonlySet<number> = new Set([0x20, 0x28, 0x30]);

async function merged(known: openpgp.PublicKey, arrived: openpgp.PublicKey, at: Instant): Promise<openpgp.PublicKey> {
  // What says that it was made later than now (a clock that is ahead, a revocation) must not be passed over.
  const signatures = arrived.toPacketList().filterByTag(openpgp.enums.packet.signature) as openpgp.SignaturePacket[];
  const date = dateAt(Math.max(at, newest(signatures).getTime()));
  // OpenPGP.js 6.3.2 cannot verify a second revocation while it merges; it remembers, though, that this one was verified.
  await arrived.isRevoked(undefined, undefined, date, lenient);
  return known.update(arrived, date, lenient);
}

async function mayStillBe(certificate: openpgp.PublicKey, fingerprint: string, at: Instant): Promise<boolean> {
  const key = certificate.getKeys().find((one) => fingerprintOf(one) === fingerprint);
  if (!key) return false;
  return certificate.getEncryptionKey(key.getKeyID(), dateAt(at), undefined, lenient).then(
    () => true,
    () => false,
  );
}

async function lastRecipient(known: openpgp.PublicKey, at: Instant): Promise<string | null> {
  for (const moment of [at, lastSigned(known).getTime()]) {
    const recipient = await recipientAt(known, moment);
    if (typeof recipient !== 'string') return recipient.fingerprint;
  }
  return null;
}
