import { carriedMail, type Entity, fileName, holdsMail, isAttachment } from './message.ts';
import { isBlank, isDisclaimer } from './shown.ts';

/**
 * Whether a mail is encrypted or signed in S/MIME (RFC 8551 §3.2, §3.9), be it under a gateway's footer. A file of that kind beside a
 * text is a file: somebody reports what it does.
 */
export function isSMime(entity: Entity): boolean {
  if (isSigned(entity)) return true;
  const shown = entity.parts.length === 0 ? [entity] : entity.parts.filter((part) => !isBlank(part));
  const [only, ...more] = shown.filter((part) => !isDisclaimer(part));
  if (!only || more.length > 0) return false;
  if (only.parts.length > 0) return only !== entity && isSMime(only);
  // As Exchange wraps what it must not change. What somebody merely signed is readable, and his to forward.
  const carried = holdsMail(only) ? carriedMail(only) : undefined;
  if (carried) return carried.parts.length === 0 && isMessage(carried);
  return isMessage(only) && (shown.length === 1 || isNamedByClient(only));
}

/** `x-` as Outlook of old still writes it. */
const SIGNATURE = /^application\/(x-)?pkcs7-(signature|mime)$/;

/** One that stands beside what it signs. */
export function isSMimeSignature({ mediaType }: Entity): boolean {
  return /^application\/(x-)?pkcs7-signature$/.test(mediaType);
}

export interface SMimeSigned {
  signed: Entity;
  /** What stands around it, but for the signature. */
  beside: Entity[];
}

/** A mail that is signed in S/MIME, be it under a gateway's footer; undefined for one that is not. */
export function smimeSigned(entity: Entity): SMimeSigned | undefined {
  const shown = entity.parts.filter((part) => !isBlank(part));
  if (isSigned(entity)) {
    const [signed] = entity.parts;
    return signed && { signed, beside: shown.filter((part) => part !== signed && !SIGNATURE.test(part.mediaType)) };
  }
  const [only, ...more] = shown.filter((part) => !isDisclaimer(part));
  const inner = only && more.length === 0 ? smimeSigned(only) : undefined;
  return inner && { signed: inner.signed, beside: [...inner.beside, ...shown.filter((part) => part !== only)] };
}

/** By its protocol, or by what signs where that was lost. */
function isSigned({ mediaType, parameters, parts }: Entity): boolean {
  if (mediaType !== 'multipart/signed') return false;
  return SIGNATURE.test(parameters['protocol']?.trim().toLowerCase() ?? parts[1]?.mediaType ?? '');
}

/** By its type, or by its name where a gateway has taken the type away (RFC 8551 §3.2.1). */
function isMessage(part: Entity): boolean {
  return /^application\/(x-)?pkcs7-mime$/.test(part.mediaType) || (isAttachment(part) && /\.p7m$/i.test(fileName(part) ?? ''));
}

/** What mail programs call the one message that a mail consists of, and say of its kind; people call their files otherwise. */
function isNamedByClient(part: Entity): boolean {
  return /^(smime\.p7m)?$/i.test(fileName(part) ?? '') || part.parameters['smime-type'] !== undefined;
}
