import { sha256 } from '../embargo/bundle.ts';
import { carriedTexts } from '../mail/carried.ts';
import { plainOctets } from '../mail/enclosed.ts';
import { everyMediaType } from '../mail/media-type.ts';
import {
  decodedBody,
  decodeText,
  type Entity,
  everyFileName,
  isAttachment,
  leaves,
  namesInText,
  parseEntity,
  parseMessage,
} from '../mail/message.ts';
import { treeOf } from '../mail/tree.ts';
import type { CertificateFacts } from '../pgp/certificate.ts';
import { isNothingBut } from '../pgp/lone-data.ts';
import type { OpenedMail } from '../pgp/open.ts';
import type { SignatureVerdict } from '../pgp/verify.ts';
import { Refusal, UNREADABLE } from '../refusal.ts';
import { withRevoked } from '../roster/known.ts';
import type { Seams } from '../seams.ts';
import type { RosterCertificate } from '../store/certificates.ts';
import * as certificates from '../store/certificates.ts';
import type { Marks } from '../store/posts.ts';
import type { Destination } from './destination.ts';
import { extendedIn } from './extended.ts';
import type { Received } from './received.ts';

/** What opening a mail showed. */
export interface Look {
  opened: OpenedMail | null;
  /** The roster's certificate that the whole content is credited to. */
  roster: RosterCertificate | undefined;
  /** His signature holds by the newer copy of that one which he encloses, and is good for handing that in. */
  renewing: boolean;
  marks: Marks;
}

/** The people behind a list get also what cannot be opened, or has no sender: they may know why. */
export function isForPeople({ purpose }: Pick<Destination, 'purpose'>): boolean {
  return purpose === 'owner' || purpose === 'bounce' || purpose === 'sendkey';
}

/** What came back, or answers by itself, may hold what is encrypted to anybody: it is not opened, so that it is not refused either. */
export function unopened(raw: Uint8Array): Look {
  return { opened: null, roster: undefined, renewing: false, marks: marksOf(raw, null) };
}

/** Opens a mail and finds who signed it. Throws what `openMail` throws; for people, what cannot be opened is null. */
export async function lookAt(seams: Seams, to: Destination, mail: Received): Promise<Look> {
  const { db, pgp, keyring } = seams;
  const known = new Map<string, RosterCertificate>();
  let extended: ReadonlyMap<string, CertificateFacts> = new Map();
  const find = async (keyIds: string[]) => {
    const found = await asKnown(seams, await certificates.byKeyIds(db, keyIds));
    for (const certificate of found) known.set(certificate.fingerprint, certificate);
    return found;
  };
  const lookup = async (keyIds: string[]) => {
    const older = (await find(keyIds)).filter(({ fingerprint }) => !extended.has(fingerprint));
    const newer = [...extended.values()].filter(({ keys }) => keys.some(({ keyId }) => keyIds.includes(keyId)));
    return [...older, ...newer].map(({ data }) => data);
  };
  const { raw, receivedAt } = mail;
  const secrets = keyring.family(to.list.fingerprint).map(({ secret }) => secret);
  // Of a request the content alone is read; all else may go on to others, with its signature (delivery/at-hand.ts).
  const isRequest = to.purpose === 'request';
  const request = { raw, secrets, at: receivedAt, contentAlone: isRequest, withSignature: !isRequest };
  const seen = await pgp.open(request, lookup).catch((error: unknown) => {
    if (isForPeople(to) && error instanceof Refusal && UNREADABLE.has(error.reason)) return null;
    // It may be for the key that the list is to have, which another node has announced.
    const { next_fingerprint: next, address } = to.list;
    if (next !== null && !keyring.find(next))
      throw new Refusal('not-ready', undefined, `the next key of ${address} is not loaded`);
    throw error;
  });
  // Whoever is to prove a certificate signs with it before it is anybody's.
  const proposed = to.purpose === 'request' ? await certificates.proposedByKeyIds(db, uncheckedKeys(seen)) : [];
  const waiting = await asKnown(seams, proposed);
  const offered = waiting.map(({ data }) => data);
  if (to.purpose === 'request') extended = await extendedIn(seams, seen, find);
  const opened = offered.length > 0 || extended.size > 0 ? await pgp.open({ ...request, offered }, lookup) : seen;
  const roster = opened?.signer?.certificateKnown ? known.get(opened.signer.fingerprint) : undefined;
  return { opened, roster, renewing: roster !== undefined && extended.has(roster.fingerprint), marks: marksOf(raw, opened) };
}

/** With what is known to be revoked of them; without what is too large with that, which signs for nobody. */
async function asKnown<Kept extends { data: Uint8Array }>(seams: Seams, kept: readonly Kept[]): Promise<Kept[]> {
  const known = await withRevoked(
    seams,
    kept.map(({ data }) => data),
  );
  return kept.flatMap((one, at) => (known[at] ? [{ ...one, data: known[at] }] : []));
}

/** Key ids of signatures of which the certificate is not here. */
function uncheckedKeys(opened: OpenedMail | null): string[] {
  return (opened?.signatures ?? []).filter(({ reason }) => reason === 'no-certificate').map(({ keyId }) => keyId);
}

function marksOf(raw: Uint8Array, opened: OpenedMail | null): Marks {
  return {
    digest: sha256(raw),
    signature_digest: signatureMark(opened),
    message_id_digest: opened ? mailMark(raw, opened) : null,
  };
}

/** Of a signature that nobody is credited with as its certificate is not here, too: what it is over is the same. */
function signatureMark(opened: OpenedMail | null): string | null {
  const unchecked = opened?.signatures.find((one) => one.reason === 'no-certificate' && one.coversWholeContent);
  return opened?.signer?.signatureDigest ?? unchecked?.digest ?? null;
}

/** No two ciphertexts are the same by chance. What came in clear is told by its Message-ID and its words, whatever relays made of it. */
function mailMark(raw: Uint8Array, { ciphertextDigest, messageId }: OpenedMail): string | null {
  if (ciphertextDigest !== null) return ciphertextDigest;
  return messageId === null
    ? null
    : sha256(Buffer.from(`${messageId} ${leaves(parseMessage(raw)).map(contentDigest).join(' ')}`));
}

/** Of a part as its writer wrote it: relays encode it anew, and add or take empty lines at its end. */
function contentDigest(part: Entity): string {
  const octets = decodedBody(part);
  let end = octets.length;
  while (end > 0 && BLANK.includes(octets[end - 1] ?? 0)) end--;
  return sha256(octets.subarray(0, end));
}

/** CR, LF and space. */
const BLANK = [13, 10, 32];

/** What is kept of each signature, so that nothing that happens to the roster later changes what was known then. */
export type KeptVerdict = Pick<
  SignatureVerdict,
  'keyId' | 'fingerprint' | 'valid' | 'reason' | 'certificateKnown' | 'coversWholeContent'
>;

export function keptVerdicts({ signatures }: OpenedMail): KeptVerdict[] {
  return signatures.map(({ keyId, fingerprint, valid, reason, certificateKnown, coversWholeContent }) => ({
    keyId,
    fingerprint,
    valid,
    reason,
    certificateKnown,
    coversWholeContent,
  }));
}

/**
 * The files that a mail carries, beside what is protected too, by every name and type that any program may go by. The keys and
 * signatures that clients add by themselves are none of these.
 */
export function filesOf(opened: OpenedMail | null): { name: string; mediaType: string }[] {
  if (!opened) return [];
  return [opened.content, ...opened.aside].flatMap(partsOf).flatMap(filesIn);
}

/**
 * The tree in reading order, with those of the mails that it carries: a multipart may have a name as well, and some programs save it as
 * a file.
 */
function partsOf(entity: Uint8Array): Entity[] {
  const { parts, isDeeper } = treeOf(parseEntity(entity));
  if (isDeeper) throw new Refusal('too-complex', 'There are too many mails in mails');
  return parts;
}

/** That one part gives itself. */
const MOST_NAMES = 10;
/** Files that stand in one text. */
const MOST_IN_TEXT = 100;

function filesIn(part: Entity): { name: string; mediaType: string }[] {
  const names = everyFileName(part);
  const types = everyMediaType(part);
  if (names.length > MOST_NAMES || types.length > MOST_NAMES)
    throw new Refusal('too-complex', 'A part has too many names or types');
  if (isAddedByClient(part, names, types)) return [];
  const charset = part.parameters['charset'];
  const isText = part.mediaType.startsWith('text/') && part.parts.length === 0;
  const written = isText ? namesInText(octetsOf(part), MOST_IN_TEXT) : [];
  const inText = isText ? carriedTexts(part).flatMap((shown) => namesInText(shown, MOST_IN_TEXT)) : [];
  if (Math.max(written.length, inText.length) > MOST_IN_TEXT)
    throw new Refusal('too-complex', 'There are too many files in a text');
  const inOctets = written.map((name) => decodeText(Buffer.from(name, 'latin1'), charset));
  // What it is to some program may bring files of its own.
  const own = part.unclear ? [...names, ''] : names.length > 0 ? names : isAttachment(part) ? [''] : [];
  return [
    ...own.flatMap((name) => types.map((mediaType) => ({ name, mediaType }))),
    ...[...inOctets, ...new Set(inText.filter((name) => !inOctets.includes(name)))].map((name) => ({
      name,
      mediaType: 'application/octet-stream',
    })),
  ];
}

/** Programs look for these files in the octets, and the charset that a mail declares costs what its writer likes. */
function octetsOf(part: Entity): string {
  const octets = decodedBody(part);
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1');
}

/** What clients say that a key or a signature is. */
const PLAIN = new Set(['application/pgp-keys', 'application/pgp-signature', 'application/octet-stream', 'text/plain']);

/** A key or a signature, by whatever it says of itself and by what it is. */
function isAddedByClient(part: Entity, names: readonly string[], types: readonly string[]): boolean {
  const usual = names.every((name) => /\.(asc|sig|pgp|gpg|key|pub)$/i.test(name));
  const plain = types.length === 1 && PLAIN.has(part.mediaType);
  const kind = part.mediaType === 'application/pgp-signature' ? 'signature' : 'certificate';
  // What stands behind the key or the signature is another file to whoever reads on.
  return usual && plain && part.parts.length === 0 && isNothingBut(kind, plainOctets(part));
}
