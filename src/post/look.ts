import { sha256 } from '../embargo/bundle.ts';
import { isKeyFile } from '../mail/encrypted.ts';
import { type Entity, fileNames, isAttachment, leaves, parseEntity } from '../mail/message.ts';
import type { OpenedMail } from '../pgp/open.ts';
import type { SignatureVerdict } from '../pgp/verify.ts';
import { Refusal, UNREADABLE } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import type { RosterCertificate } from '../store/certificates.ts';
import * as certificates from '../store/certificates.ts';
import type { Marks } from '../store/posts.ts';
import type { Destination } from './destination.ts';
import type { Received } from './received.ts';

/** What opening a mail showed. */
export interface Look {
  opened: OpenedMail | null;
  /** The roster's certificate that the whole content is credited to. */
  roster: RosterCertificate | undefined;
  marks: Marks;
}

/** The people behind a list get also what cannot be opened, or has no sender: they may know why. */
export function isForPeople({ purpose }: Pick<Destination, 'purpose'>): boolean {
  return purpose === 'owner' || purpose === 'bounce' || purpose === 'sendkey';
}

/** What a bounce returns may be encrypted to anybody: it is not opened, so that it is not refused either. */
export function unopened(raw: Uint8Array): Look {
  return { opened: null, roster: undefined, marks: marksOf(raw, null) };
}

/** Opens a mail and finds who signed it. Throws what `openMail` throws; for people, what cannot be opened is null. */
export async function lookAt({ db, pgp }: Seams, to: Destination, mail: Received, secret: Uint8Array): Promise<Look> {
  const known = new Map<string, RosterCertificate>();
  const lookup = async (keyIds: string[]) => {
    const found = await certificates.byKeyIds(db, keyIds);
    for (const certificate of found) known.set(certificate.fingerprint, certificate);
    return found.map(({ data }) => data);
  };
  const { raw, receivedAt } = mail;
  const opened = await pgp.open({ raw, secrets: [secret], at: receivedAt }, lookup).catch((error: unknown) => {
    if (isForPeople(to) && error instanceof Refusal && UNREADABLE.has(error.reason)) return null;
    throw error;
  });
  const roster = opened?.signer?.certificateKnown ? known.get(opened.signer.fingerprint) : undefined;
  return { opened, roster, marks: marksOf(raw, opened) };
}

function marksOf(raw: Uint8Array, opened: OpenedMail | null): Marks {
  const messageId = opened?.messageId;
  return {
    digest: sha256(raw),
    signature_digest: opened?.signer?.signatureDigest ?? null,
    message_id_digest: messageId ? sha256(Buffer.from(messageId)) : null,
  };
}

/** What is kept of each signature, so that nothing that happens to the roster later changes what was known then. */
export type KeptVerdict = Pick<
  SignatureVerdict,
  'keyId' | 'fingerprint' | 'valid' | 'reason' | 'certificateKnown' | 'coversWholeContent'
>;

export function keptVerdicts(opened: OpenedMail | null): KeptVerdict[] {
  return (opened?.signatures ?? []).map(({ keyId, fingerprint, valid, reason, certificateKnown, coversWholeContent }) => ({
    keyId,
    fingerprint,
    valid,
    reason,
    certificateKnown,
    coversWholeContent,
  }));
}

/**
 * The files that a mail carries, beside what is protected too, by every name that the sender gives them: clients differ in which
 * one they show. The keys and signatures that clients add by themselves are none of these.
 */
export function filesOf(opened: OpenedMail | null): { name: string; mediaType: string }[] {
  if (!opened) return [];
  const parts = [opened.content, ...opened.aside].flatMap((entity) => leaves(parseEntity(entity)));
  return parts.filter(isFile).flatMap((part) => namesOf(part).map((name) => ({ name, mediaType: part.mediaType })));
}

function isFile(part: Entity): boolean {
  if (part.mediaType === 'application/pgp-signature' || isKeyFile(part)) return false;
  return fileNames(part).length > 0 || isAttachment(part);
}

function namesOf(part: Entity): string[] {
  const names = fileNames(part);
  return names.length > 0 ? names : [''];
}
