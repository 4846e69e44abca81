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

/** What a user ID or a picture is told from others by: its octets, as some are no text. */
export function nameOf({ userID, userAttribute }: openpgp.User): string {
  return `${userID ? 'id' : 'picture'} ${Buffer.from((userID ?? userAttribute)?.write() ?? []).toString('latin1')}`;
}

function isRevoked({ revocationSignatures }: Revoked): boolean {
  return revocationSignatures.length > 0;
}

/** One of those that its owner made says all that they do together. */
export function mostSaying(revocations: readonly Signature[]): Signature[] {
  return revocations.toSorted(byWeight).slice(0, 1);
}

/** What counts for the past too comes first, then what counts for ever, then the earliest. */
function byWeight(a: Signature, b: Signature): number {
  const ends = (one: Signature) => Number(one.getExpirationTime() instanceof Date);
  const made = ({ created }: Signature) => created?.getTime() ?? 0;
  return Number(isSoft(a)) - Number(isSoft(b)) || ends(a) - ends(b) || made(a) - made(b);
}

const { keyRetired, keySuperseded, userIDInvalid } = openpgp.enums.reasonForRevocation;

/** RFC 9580 §5.2.3.31: what was made before it still counts. */
function isSoft({ reasonForRevocationFlag: reason }: Signature): boolean {
  return reason === keyRetired || reason === keySuperseded || reason === userIDInvalid;
}
