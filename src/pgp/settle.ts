import { EMBEDDED_SIGNATURE, ISSUER_FINGERPRINT, ISSUER_KEY_ID } from './key-packets.ts';
import { fingerprintOf } from './parse.ts';
import { lenient } from './recipient.ts';
import { mostSaying, nameOf, type Signature } from './revocations.ts';
import { openpgp } from './settings.ts';

/*
 * In a certificate that is kept stands what its primary key said of itself, its subkeys and its user IDs: each part and each word once, and
 * of revocations the one that says most. So nobody else can add to what it costs to be kept and judged, in octets, packets or
 * calculation, however many copies he sends, and what its owner says finds room.
 */

const { key: direct, keyRevocation, certGeneric, certRevocation } = openpgp.enums.signature;
const { subkeyBinding, subkeyRevocation, keyBinding } = openpgp.enums.signature;

type KeyPacket = openpgp.PublicKey['keyPacket'] | openpgp.Subkey['keyPacket'];

/** What OpenPGP.js has, and does not tell of. */
interface Direct {
  directSignatures: Signature[];
}

/** Leaves what counts, each as its signature says, whatever the time is and however weak its hash. Of subkeys all stay, bound or not. */
export async function settle(certificate: openpgp.PublicKey): Promise<void> {
  const { keyPacket: key } = certificate;
  const whole = certificate as openpgp.PublicKey & Direct;
  whole.directSignatures = await words(key, direct, whole.directSignatures, { key });
  whole.revocationSignatures = mostSaying(await words(key, keyRevocation, whole.revocationSignatures, { key }));

  certificate.users = once(certificate.users, nameOf, ['selfCertifications', 'revocationSignatures']);
  for (const user of certificate.users) {
    const about = { key, userID: user.userID, userAttribute: user.userAttribute };
    user.otherCertifications = [];
    user.selfCertifications = await words(key, certGeneric, user.selfCertifications, about);
    user.revocationSignatures = mostSaying(await words(key, certRevocation, user.revocationSignatures, about));
  }
  certificate.users = certificate.users.filter((user) => user.selfCertifications.length + user.revocationSignatures.length > 0);

  certificate.subkeys = once(certificate.subkeys, fingerprintOf, ['bindingSignatures', 'revocationSignatures']);
  for (const subkey of certificate.subkeys) {
    const about = { key, bind: subkey.keyPacket };
    subkey.bindingSignatures = await words(key, subkeyBinding, subkey.bindingSignatures, about, subkey.keyPacket);
    subkey.revocationSignatures = mostSaying(await words(key, subkeyRevocation, subkey.revocationSignatures, about));
  }
}

/** The first of each name, with the signatures of all. */
function once<List extends string, Part extends Record<List, Signature[]>>(
  parts: readonly Part[],
  nameOfPart: (part: Part) => string,
  lists: readonly List[],
): Part[] {
  const found = new Map<string, Part>();
  for (const part of parts) {
    const first = found.get(nameOfPart(part));
    if (!first) found.set(nameOfPart(part), part);
    else for (const list of lists) first[list] = [...first[list], ...part[list]] as Part[List];
  }
  return [...found.values()];
}

/** Those that `by` made, one of those that sign the same. `bound`: the subkey that agrees in it. */
async function words(by: KeyPacket, type: number, signatures: readonly Signature[], about: object, bound?: KeyPacket) {
  const found = new Map<string, Signature>();
  for (const one of signatures) {
    const word = Buffer.from(one.signatureData ?? []).toString('latin1');
    if (found.has(word) || !(await isBy(by, one, type, about))) continue;
    if (one.embeddedSignature && !(bound && (await isBy(bound, one.embeddedSignature, keyBinding, about)))) disown(one);
    trim(one, by, bound);
    found.set(word, one);
  }
  return [...found.values()];
}

function isBy(by: KeyPacket, one: Signature, type: number, about: object): Promise<boolean> {
  // No date: the question is who made it, not whether it counts now.
  return one.verify(by, type, about, null as never, false, lenient).then(
    () => true,
    () => false,
  );
}

/** What stands beside the signed octets anybody may have put there. */
function disown(one: Signature): void {
  if (one.unhashedSubpackets.some(({ type }) => type === EMBEDDED_SIGNATURE)) one.embeddedSignature = null;
}

/** Leaves beside what is signed only whose signature it is, and that by which the subkey agrees. */
function trim(one: Signature, by: KeyPacket, bound?: KeyPacket): void {
  const { embeddedSignature: agreement, unhashedSubpackets: beside } = one;
  if (agreement && bound) trim(agreement, bound);
  const wanted = new Map<number, Uint8Array>([
    [ISSUER_KEY_ID, Buffer.from(by.getKeyID().toHex(), 'hex')],
    [ISSUER_FINGERPRINT, Buffer.concat([Buffer.of(by.version), Buffer.from(by.getFingerprint(), 'hex')])],
    ...(agreement && bound ? [[EMBEDDED_SIGNATURE, agreement.write()] as const] : []),
  ]);
  one.unhashedSubpackets = beside.flatMap((subpacket, at) => {
    const body = wanted.get(subpacket.type);
    const isFirst = beside.findIndex(({ type }) => type === subpacket.type) === at;
    return body && isFirst ? [{ ...subpacket, body }] : [];
  });
}
