import { createHash } from 'node:crypto';
import { revokersIn } from './key-packets.ts';
import { fingerprintOf } from './parse.ts';
import { openpgp } from './settings.ts';

export type Signature = openpgp.SignaturePacket;
type Revoked = { revocationSignatures: Signature[] };

/**
 * Adds to one what another copy of it revokes, and nothing else: what it lacks of that comes with its revocation alone, and is known to be
 * revoked by whoever reads this one. It is to be settled then.
 */
export function addRevocations(certificate: openpgp.PublicKey, copy: openpgp.PublicKey): void {
  mustBeCopies(certificate, copy);
  certificate.revocationSignatures.push(...copy.revocationSignatures);
  const bare = { mainKey: certificate, selfCertifications: [], otherCertifications: [] };
  certificate.users.push(...copy.users.filter(isRevoked).map((user) => Object.assign(user.clone(), bare)));
  for (const { keyPacket, revocationSignatures } of copy.subkeys.filter(isRevoked))
    certificate.subkeys.push(Object.assign(new openpgp.Subkey(keyPacket, certificate), { revocationSignatures }));
}

export function mustBeCopies(one: openpgp.PublicKey, other: openpgp.PublicKey): void {
  if (fingerprintOf(one) !== fingerprintOf(other)) throw new Error('it is no copy: the fingerprints must be equal');
}

/** One word by which a primary key revokes itself, a subkey or a user ID. */
export interface Revocation {
  /** What is signed of it, as a digest: the same of all copies of it, whoever handed them on. */
  word: string;
  /** A copy of the certificate that says this alone, binary. */
  data: Uint8Array;
}

/** What a certificate that was settled revokes. */
export function revocationsOf({ keyPacket, revocationSignatures, users, subkeys }: openpgp.PublicKey): Revocation[] {
  return [
    ...revocationSignatures.map((one) => alone(one, [keyPacket])),
    ...users.flatMap((user) =>
      user.revocationSignatures.map((one) => alone(one, [keyPacket, user.userID ?? user.userAttribute])),
    ),
    ...subkeys.flatMap((subkey) => subkey.revocationSignatures.map((one) => alone(one, [keyPacket, subkey.keyPacket]))),
  ];
}

function alone(one: Signature, about: (openpgp.BasePacket | null)[]): Revocation {
  const packets = new openpgp.PacketList();
  packets.push(...about.filter((packet) => packet !== null));
  const digest = createHash('sha256').update(packets.write());
  packets.push(one);
  return { word: digest.update(one.signatureData ?? new Uint8Array()).digest('hex'), data: packets.write() };
}

/** Whom a certificate that was settled names as those that may revoke it (RFC 9580 §5.2.3.23): its owner named them. Upper-case hex. */
export function revokersOf(certificate: openpgp.PublicKey): string[] {
  const { directSignatures } = certificate as openpgp.PublicKey & { directSignatures: Signature[] };
  return [...directSignatures, ...certificate.users.flatMap((user) => user.selfCertifications)].flatMap(namedBy);
}

/** Which of these has revoked it, as far as that is said: nobody is asked whether it has. Null for none. */
export function revokerOf(named: readonly string[], revocations: readonly Signature[]): string | null {
  return named.find((one) => revocations.some((revocation) => isMadeBy(revocation, one))) ?? null;
}

/** Whom a signature names who may revoke its key: fingerprints. OpenPGP.js shows the last one alone. */
export function namedBy({ revocationKeyClass, signatureData }: Signature): string[] {
  return revocationKeyClass === null ? [] : revokersIn(signatureData ?? new Uint8Array());
}

function isMadeBy({ issuerFingerprint, issuerKeyID }: Signature, fingerprint: string): boolean {
  return issuerFingerprint
    ? hexOf(issuerFingerprint) === fingerprint
    : issuerKeyID.toHex().toUpperCase() === fingerprint.slice(-16);
}

function hexOf(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex').toUpperCase();
}

/** What a user ID or a picture is told from others by: its octets, as some are no text. */
export function nameOf({ userID, userAttribute }: openpgp.User): string {
  return `${userID ? 'id' : 'picture'} ${Buffer.from((userID ?? userAttribute)?.write() ?? []).toString('latin1')}`;
}

function isRevoked({ revocationSignatures }: Revoked): boolean {
  return revocationSignatures.length > 0;
}

/**
 * Of those that its owner made the few that say all that they do together. One for good says all. One that may be lifted by a later word
 * (user IDs by a certification, RFC 9580 §5.2.3.31) counts from when it was made: the first says how long ago it was, the last that it
 * was not lifted since.
 */
export function mostSaying(revocations: readonly Signature[]): Signature[] {
  const inOrder = revocations.toSorted((a, b) => madeAt(a) - madeAt(b));
  const [hard, soft] = [inOrder.filter((one) => !isSoft(one)), inOrder.filter(isSoft)];
  const forGood = hard.find((one) => !ends(one));
  if (forGood) return [forGood];
  // What ends says less than what does not.
  return [...outermost(hard), ...outermost(soft.some((one) => !ends(one)) ? soft.filter((one) => !ends(one)) : soft)];
}

/** As gpg and sq read a user ID, a later certification lifts whatever revokes it, for whatever reason: the last one counts as well. */
export function mostSayingOfUser(revocations: readonly Signature[]): Signature[] {
  const lasting = revocations.filter((one) => !ends(one));
  const [last] = (lasting.length > 0 ? lasting : revocations).toSorted((a, b) => madeAt(b) - madeAt(a));
  return [...new Set([...mostSaying(revocations), ...(last ? [last] : [])])];
}

/** The first and the last. */
function outermost(inOrder: readonly Signature[]): Signature[] {
  return inOrder.filter((_, at) => at === 0 || at === inOrder.length - 1);
}

function ends(one: Signature): boolean {
  return one.getExpirationTime() instanceof Date;
}

function madeAt({ created }: Signature): number {
  return created?.getTime() ?? 0;
}

const { keyRetired, keySuperseded, userIDInvalid } = openpgp.enums.reasonForRevocation;

/** RFC 9580 §5.2.3.31: what was made before it still counts. */
function isSoft({ reasonForRevocationFlag: reason }: Signature): boolean {
  return reason === keyRetired || reason === keySuperseded || reason === userIDInvalid;
}
