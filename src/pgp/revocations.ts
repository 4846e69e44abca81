import { fingerprintOf } from './parse.ts';
import { lenient } from './recipient.ts';
import { openpgp } from './settings.ts';

/*
 * Of the primary key, of each subkey and of each user ID one revocation is kept, that the primary key made: it says all that any number
 * of them does. So nobody else can add to what a certificate costs to be judged, however many copies of it he sends, and a revocation
 * that its owner gives finds room.
 */

type Signature = openpgp.SignaturePacket;
type Revoked = { revocationSignatures: Signature[] };

/** Leaves those that count, each as its signature says, whatever the time is and however weak its hash. */
export async function settleRevocations(certificate: openpgp.PublicKey): Promise<void> {
  const { keyPacket: key, subkeys, users } = certificate;
  const { keyRevocation, subkeyRevocation, certRevocation } = openpgp.enums.signature;
  await settle(certificate, (one) => isBy(key, one, keyRevocation, { key }));
  for (const subkey of subkeys) await settle(subkey, (one) => isBy(key, one, subkeyRevocation, { key, bind: subkey.keyPacket }));
  for (const user of users)
    await settle(user, (one) => isBy(key, one, certRevocation, { key, userID: user.userID, userAttribute: user.userAttribute }));
}

/** Adds to one what another copy of it revokes, and nothing else: it is to be settled then. */
export function addRevocations(certificate: openpgp.PublicKey, copy: openpgp.PublicKey): void {
  if (fingerprintOf(certificate) !== fingerprintOf(copy)) throw new Error('it is a copy of another certificate');
  add(certificate, copy);
  for (const subkey of certificate.subkeys)
    for (const other of copy.subkeys) if (fingerprintOf(subkey) === fingerprintOf(other)) add(subkey, other);
  for (const user of certificate.users)
    for (const other of copy.users) if (user.userID?.userID === other.userID?.userID) add(user, other);
}

function add(known: Revoked, { revocationSignatures }: Revoked): void {
  known.revocationSignatures = [...known.revocationSignatures, ...revocationSignatures];
}

async function settle(revoked: Revoked, isReal: (revocation: Signature) => Promise<boolean>): Promise<void> {
  const found = revoked.revocationSignatures.toSorted(byWeight);
  revoked.revocationSignatures = [];
  for (const one of found) {
    if (!(await isReal(one))) continue;
    revoked.revocationSignatures = [one];
    return;
  }
}

function isBy(primary: openpgp.PublicKey['keyPacket'], revocation: Signature, type: number, revoked: object): Promise<boolean> {
  // No date: the question is who made it, not whether it counts now.
  return revocation.verify(primary, type, revoked, null as never, false, lenient).then(
    () => true,
    () => false,
  );
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
