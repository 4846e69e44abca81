import type { Instant } from '../clock.ts';
import { type CertificateFacts, factsOf, readKey, readNewer, vouchedFacts } from './certificate.ts';
import { certificateBytes } from './certificate-bytes.ts';
import { fingerprintOf, lastSigned, parseCertificate } from './parse.ts';
import { expiredSubkeyAt, lenient, recipientAt, type WhyNot } from './recipient.ts';
import { addRevocations } from './revocations.ts';
import { dateAt, openpgp } from './settings.ts';
import { addWords, settle } from './settle.ts';

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
 * As `readCertificate`, with what is known to be revoked: of `copies` (binary) that, and nothing else of theirs.
 * @throws Refusal `unusable-certificate`, also where the two together are too large.
 */
export async function readKnown(input: Uint8Array | string, copies: readonly Uint8Array[]): Promise<CertificateFacts> {
  const known = await readKey(input);
  const facts = await vouchedFacts(known);
  if (copies.length === 0) return facts;
  for (const copy of copies) addRevocations(known, await parseCertificate(copy));
  return held({ ...(await factsOf(known)), claimed: facts.claimed });
}

/**
 * One that is kept (binary), with what these copies revoke, and nothing else of theirs. It is not judged: it was let in before.
 * @throws Refusal `unusable-certificate` where it is too large then.
 */
export async function layRevocations(kept: Uint8Array, copies: readonly Uint8Array[]): Promise<CertificateFacts> {
  const known = await parseCertificate(kept);
  for (const copy of copies) addRevocations(known, await parseCertificate(copy));
  return held(await factsOf(known));
}

/** To the limits of one that comes from outside. */
function held(facts: CertificateFacts): CertificateFacts {
  certificateBytes(facts.data);
  return facts;
}

/**
 * Merges a newer copy of a certificate, as it comes from outside, into the one that is known (binary): nothing that is known
 * is taken away, a revocation least of all. What `copies` revoke is known too.
 * @throws Refusal `unusable-certificate`. @throws Error where it is not the same primary key.
 */
export async function renewCertificate(
  current: Uint8Array,
  newer: Uint8Array | string,
  at: Instant,
  copies: readonly Uint8Array[] = [],
): Promise<Renewal> {
  const known = await parseCertificate(current);
  for (const copy of copies) addRevocations(known, await parseCertificate(copy));
  await settle(known);
  const arrived = await readNewer(known, newer);
  // OpenPGP.js remembers of each signature that it holds: those that both have are calculated once.
  const [lessened, whole] = [shallow(known), shallow(known)];
  addRevocations(lessened, arrived);
  const revoked = await factsOf(lessened);
  // By OpenPGP.js's own `update` a newer binding takes the place of an older one without a look at who made it.
  addWords(whole, arrived);
  const facts = await orRevoked(current, revoked, async () => held(await factsOf(whole)));
  const together = await parseCertificate(facts.data);
  const [before, after] = [await lastRecipient(known, at), await recipientAt(together, at)];
  return {
    facts,
    changed: Buffer.compare(facts.data, current) !== 0,
    whyNot: typeof after === 'string' ? after : null,
    expiredSubkey: after === 'expired' ? await expiredSubkeyAt(together, at) : null,
    encryptionKey: { before, after: typeof after === 'string' ? null : after.fingerprint },
    formerUsable: before !== null && (await mayStillBe(together, before, at)),
    revoked,
  };
}

/** Where the two together are too large, what the newer one revokes counts all the same, and nothing else of it. Throws where that is nothing. */
async function orRevoked(
  current: Uint8Array,
  revoked: CertificateFacts,
  together: () => Promise<CertificateFacts>,
): Promise<CertificateFacts> {
  try {
    return await together();
  } catch (error) {
    if (Buffer.compare(revoked.data, current) === 0) throw error;
    return held(revoked);
  }
}

/** With the same packets: their order in it is its own. */
function shallow(key: openpgp.PublicKey): openpgp.PublicKey {
  return new openpgp.PublicKey(key.toPacketList());
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
