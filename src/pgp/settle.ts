import { EMBEDDED_SIGNATURE, ISSUER_FINGERPRINT, ISSUER_KEY_ID } from './key-packets.ts';
import { fingerprintOf } from './parse.ts';
import { lenient } from './recipient.ts';
import { mostSaying, mostSayingOfUser, mustBeCopies, namedBy, nameOf, type Signature } from './revocations.ts';
import { openpgp } from './settings.ts';

/*
 * In a certificate that is kept stands what its primary key said of itself, its subkeys and its user IDs: each part and each word once, of
 * what it said of a part again and again the last few, and of revocations the few that say most. So nobody else can add to what it costs to
 * be kept and judged, in octets, packets or calculation, however many copies he sends, and what its owner says finds room.
 */

const { key: direct, keyRevocation, certGeneric, certRevocation } = openpgp.enums.signature;
const { subkeyBinding, subkeyRevocation, keyBinding } = openpgp.enums.signature;
const { signData } = openpgp.enums.keyFlags;

/** A newer word takes the place of an older one, but where it is made by a clock that is ahead, or holds for a while alone. */
const NEWEST_WORDS = 3;

type KeyPacket = openpgp.PublicKey['keyPacket'] | openpgp.Subkey['keyPacket'];

/** What OpenPGP.js has, and does not tell of. */
interface Direct {
  directSignatures: Signature[];
}

/** Adds to one all that another copy of it says. It is to be settled then. */
export function addWords(certificate: openpgp.PublicKey, copy: openpgp.PublicKey): void {
  mustBeCopies(certificate, copy);
  const [whole, other] = [certificate, copy] as (openpgp.PublicKey & Direct)[];
  whole?.directSignatures.push(...(other?.directSignatures ?? []));
  certificate.revocationSignatures.push(...copy.revocationSignatures);
  certificate.users.push(...copy.users.map((user) => Object.assign(user.clone(), { mainKey: certificate })));
  for (const { keyPacket, bindingSignatures, revocationSignatures } of copy.subkeys)
    certificate.subkeys.push(
      Object.assign(new openpgp.Subkey(keyPacket, certificate), { bindingSignatures, revocationSignatures }),
    );
}

/** Leaves what counts, each as its signature says, whatever the time is and however weak its hash. Of subkeys all stay, bound or not. */
export async function settle(certificate: openpgp.PublicKey): Promise<void> {
  const { keyPacket: key } = certificate;
  const whole = certificate as openpgp.PublicKey & Direct;
  whole.directSignatures = await words(key, direct, whole.directSignatures, { key });
  whole.revocationSignatures = mostSaying(await revocations(key, keyRevocation, whole.revocationSignatures, { key }));

  certificate.users = once(certificate.users, nameOf, ['selfCertifications', 'revocationSignatures']);
  for (const user of certificate.users) {
    const about = { key, userID: user.userID, userAttribute: user.userAttribute };
    user.otherCertifications = [];
    user.selfCertifications = await words(key, certGeneric, user.selfCertifications, about);
    user.revocationSignatures = mostSayingOfUser(await revocations(key, certRevocation, user.revocationSignatures, about));
  }
  certificate.users = certificate.users.filter((user) => user.selfCertifications.length + user.revocationSignatures.length > 0);

  certificate.subkeys = once(certificate.subkeys, fingerprintOf, ['bindingSignatures', 'revocationSignatures']);
  for (const subkey of certificate.subkeys) {
    const about = { key, bind: subkey.keyPacket };
    const offered = subkey.bindingSignatures.flatMap(agreementsIn);
    const bindings = await words(key, subkeyBinding, subkey.bindingSignatures, about);
    for (const binding of bindings) await agree(binding, offered, subkey.keyPacket, about);
    subkey.bindingSignatures = bindings;
    subkey.revocationSignatures = mostSaying(await revocations(key, subkeyRevocation, subkey.revocationSignatures, about));
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

/**
 * Of those that `by` made the newest ones, and the oldest: it still counts where all the others are by a clock that is ahead, or by a hash
 * that is not taken. Who else may revoke a key is no word about that of another one: of each the same. In the order in which they stood.
 */
async function words(by: KeyPacket, type: number, signatures: readonly Signature[], about: object) {
  const kept = new Set<Signature>();
  for (const revoker of new Set(signatures.map(revokersOf))) {
    const alike = signatures.filter((one) => revokersOf(one) === revoker);
    const found = await made(by, type, alike.toSorted(newestFirst), about, NEWEST_WORDS);
    await made(by, type, alike.toSorted(oldestFirst), about, NEWEST_WORDS + 1, found);
    for (const one of found.values()) kept.add(one);
  }
  return signatures.filter((one) => kept.has(one));
}

/** Whom a signature names who may revoke the key; gpg makes one for each. Empty for nobody. */
function revokersOf(one: Signature): string {
  return namedBy(one).join(' ');
}

/** Adds to those that were found the first ones that `by` made, of those that sign the same one, until there are so many. */
async function made(
  by: KeyPacket,
  type: number,
  signatures: readonly Signature[],
  about: object,
  most = Number.POSITIVE_INFINITY,
  found = new Map<string, Signature>(),
): Promise<Map<string, Signature>> {
  for (const one of signatures) {
    if (found.size === most) break;
    const word = Buffer.from(one.signatureData ?? []).toString('latin1');
    if (found.has(word) || !(await isBy(by, one, type, about))) continue;
    trim(one, by);
    found.set(word, one);
  }
  return found;
}

function newestFirst(a: Signature, b: Signature): number {
  return (b.created?.getTime() ?? 0) - (a.created?.getTime() ?? 0);
}

function oldestFirst(a: Signature, b: Signature): number {
  return newestFirst(b, a);
}

async function revocations(by: KeyPacket, type: number, signatures: readonly Signature[], about: object) {
  return [...(await made(by, type, signatures, about)).values()];
}

/** No date: the question is who made it, not whether it counts now. */
async function isBy(by: KeyPacket, one: Signature, type: number, about: object): Promise<boolean> {
  const { revocationKeyClass } = one;
  // One that names who else may revoke the key (RFC 9580 §5.2.3.23) OpenPGP.js verifies, and throws then, as it knows nobody else.
  one.revocationKeyClass = null;
  try {
    await one.verify(by, type, about, null as never, false, lenient);
    return true;
  } catch {
    return false;
  } finally {
    one.revocationKeyClass = revocationKeyClass;
  }
}

/**
 * Leaves in a binding that by which the subkey agrees to it. Where it says that the subkey signs and has none that holds, that of another
 * one stands in: a subkey agrees to be a primary key's once for all, and whoever hands a binding on can leave it off.
 */
async function agree(binding: Signature, offered: readonly Signature[], subkey: KeyPacket, about: object): Promise<void> {
  const { unhashedSubpackets: beside } = binding;
  const signs = ((binding.keyFlags?.[0] ?? 0) & signData) !== 0;
  const agreement = await firstBy(subkey, [...agreementsIn(binding), ...(signs ? offered : [])], about);
  const signed = signedAgreement(binding);
  binding.embeddedSignature = agreement ?? signed;
  const [was] = beside.filter(({ type }) => type === EMBEDDED_SIGNATURE);
  const rest = beside.filter(({ type }) => type !== EMBEDDED_SIGNATURE);
  const added = { type: EMBEDDED_SIGNATURE, critical: was?.critical ?? false, body: agreement?.write() ?? new Uint8Array() };
  const isSigned = !agreement || (signed && Buffer.compare(signed.write(), added.body) === 0);
  binding.unhashedSubpackets = isSigned ? rest : rest.toSpliced(was ? beside.indexOf(was) : rest.length, 0, added);
}

async function firstBy(subkey: KeyPacket, agreements: readonly Signature[], about: object): Promise<Signature | null> {
  for (const one of agreements) {
    if (!(await isBy(subkey, one, keyBinding, about))) continue;
    trim(one, subkey);
    return one;
  }
  return null;
}

/** That which stands beside what is signed, and that which is signed with it: OpenPGP.js shows the former alone. */
function agreementsIn(binding: Signature): Signature[] {
  const { embeddedSignature: shown } = binding;
  if (!shown) return [];
  const signed = signedAgreement(binding);
  return signed === null || signed === shown ? [shown] : [shown, signed];
}

function signedAgreement(binding: Signature): Signature | null {
  const { embeddedSignature: shown, unhashedSubpackets: beside } = binding;
  if (!beside.some(({ type }) => type === EMBEDDED_SIGNATURE)) return shown;
  binding.unhashedSubpackets = beside.filter(({ type }) => type !== EMBEDDED_SIGNATURE);
  const alone = new openpgp.SignaturePacket();
  alone.read(binding.write());
  binding.unhashedSubpackets = beside;
  return alone.embeddedSignature;
}

/** What stands beside the signed octets anybody may have put there. Leaves of it whose signature it is, and by what its subkey agrees. */
function trim(one: Signature, by: KeyPacket): void {
  const wanted = new Map<number, Uint8Array>([
    [ISSUER_KEY_ID, Buffer.from(by.getKeyID().toHex(), 'hex')],
    [ISSUER_FINGERPRINT, Buffer.concat([Buffer.of(by.version), Buffer.from(by.getFingerprint(), 'hex')])],
  ]);
  const { unhashedSubpackets: beside } = one;
  one.unhashedSubpackets = beside.flatMap((subpacket, at) => {
    if (subpacket.type === EMBEDDED_SIGNATURE && one.signatureType === subkeyBinding) return [subpacket];
    const body = wanted.get(subpacket.type);
    const isFirst = beside.findIndex(({ type }) => type === subpacket.type) === at;
    return body && isFirst ? [{ ...subpacket, body }] : [];
  });
}
