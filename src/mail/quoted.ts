import { isDetachedSignature } from './encrypted.ts';
import { type Entity, isAttachment } from './message.ts';
import { isBlank, isText, partsOfText } from './shown.ts';

/*
 * Whoever signs all of a mail says its words, but for those that bear a signature of their own: these he sends on or quotes, and whoever
 * made them may have meant something else.
 */

/** An entity without what is signed in it, in OpenPGP or S/MIME, whatever stands around that; it may be left without any text. */
export function withoutSigned(entity: Entity): Entity {
  if (entity.mediaType === 'multipart/signed') return { ...entity, parts: [] };
  const shown = entity.parts.filter((part) => !isBlank(part));
  // A gateway may have made another multipart of it. A signature beside a file belongs to that file.
  const signed = shown.filter((part, at) => shown.slice(at + 1, at + 2).some(isDetachedSignature) && !isAttachment(part));
  return { ...entity, parts: entity.parts.filter((part) => !signed.includes(part)).map(withoutSigned) };
}

/** Whether anything in it is signed by itself, or is armor, which is signed or encrypted by itself. */
export function quotesSigned(entity: Entity): boolean {
  if (entity.mediaType === 'multipart/signed' || isDetachedSignature(entity)) return true;
  return (isText(entity) && partsOfText(entity).blocks.length > 0) || entity.parts.some(quotesSigned);
}
