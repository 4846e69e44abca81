import { isDetachedSignature } from './encrypted.ts';
import { type Entity, fileName, isAttachment, saysAttachment } from './message.ts';
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
  const signatures = shown.filter((part) => isDetachedSignature(part) && !signsFile(part, shown));
  const signed = shown.filter((part, at) => signatures.includes(shown[at + 1] as Entity) && !isAttachment(part));
  return { ...entity, parts: entity.parts.filter((part) => !signed.includes(part)).map(withoutSigned) };
}

/** Attached, and named after a file beside it: that is what it signs, wherever it stands. */
function signsFile(signature: Entity, beside: readonly Entity[]): boolean {
  const [, signed] = /^(.+)\.(?:sig|asc|p7s)$/i.exec(fileName(signature) ?? '') ?? [];
  return (
    signed !== undefined && saysAttachment(signature) && beside.some((part) => isAttachment(part) && fileName(part) === signed)
  );
}

/** Whether anything in it is signed by itself, or is armor, which is signed or encrypted by itself. */
export function quotesSigned(entity: Entity): boolean {
  if (entity.mediaType === 'multipart/signed' || isDetachedSignature(entity)) return true;
  return (isText(entity) && partsOfText(entity).blocks.length > 0) || entity.parts.some(quotesSigned);
}
