import { fingerprintOf } from './parse.ts';
import { openpgp } from './settings.ts';

export type Signature = openpgp.SignaturePacket;
type Revoked = { revocationSignatures: Signature[] };

/**
 * Adds to one what another copy of it revokes, and nothing else: what it lacks of that comes with its revocation alone, and is known to be
 * revoked by whoever reads this one. It is to be settled then.
 */
export function addRevocations(certificate: openpgp.PublicKey, copy: openpgp.PublicKey): void {
  if (fingerprintOf(certificate) !== fingerprintOf(copy)) throw new Error('it is a copy of another certificate');
  add(certificate, copy);
  for (const other of copy.subkeys.filter(isRevoked)) {
    const own = certificate.subkeys.find((subkey) => fingerprintOf(subkey) === fingerprintOf(other));
    const known = own ?? new openpgp.Subkey(other.keyPacket, certificate);
    if (!own) certificate.subkeys.push(known);
    add(known, other);
  }
  for (const other of copy.users.filter(isRevoked)) {
    const own = certificate.users.find((user) => nameOf(user) === nameOf(other));
    const bare = { mainKey: certificate, selfCertifications: [], otherCertifications: [], revocationSignatures: [] };
    const known = own ?? Object.assign(other.clone(), bare);
    if (!own) certificate.users.push(known);
    add(known, other);
  }
}

/** What a user ID or a picture is told from others by: its octets, as some are no text. */
export function nameOf({ userID, userAttribute }: openpgp.User): string {
  return `${userID ? 'id' : 'picture'} ${Buffer.from((userID ?? userAttribute)?.write() ?? []).toString('latin1')}`;
}

function isRevoked({ revocationSignatures }: Revoked): boolean {
  return revocationSignatures.length > 0;
}

function add(known: Revoked, { revocationSignatures }: Revoked): void {
  known.revocationSignatures = [...known.revocationSignatures, ...revocationSignatures];
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
