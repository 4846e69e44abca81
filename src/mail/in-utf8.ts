import { type Entity, entityText, fileName, isAttachment, leaves } from './message.ts';
import { entity, multipart, transferEncoded } from './outgoing.ts';

/**
 * An entity with its texts carried on in UTF-8, for readers whose programs do not know an old charset or its wrong name. Files,
 * format=flowed and what is UTF-8 already stay octet for octet; so does every part that somebody signed.
 */
export function inUtf8(content: Entity): Uint8Array {
  return leaves(content).some(isForeign) ? carried(content) : content.raw;
}

function carried(part: Entity): Uint8Array {
  if (part.parts.length === 0) return isForeign(part) ? converted(part) : part.raw;
  // A signed part is what its signature says, whoever can read it.
  if (part.mediaType === 'multipart/signed' || !leaves(part).some(isForeign)) return part.raw;
  return multipart(part.mediaType.slice('multipart/'.length), part.parts.map(carried));
}

function isForeign(part: Entity): boolean {
  const { charset } = part.parameters;
  const isText = /^text\/(plain|html)$/.test(part.mediaType) && !isAttachment(part) && fileName(part) === undefined;
  return isText && charset !== undefined && !/^(utf-8|us-ascii)$/i.test(charset.trim());
}

function converted(part: Entity): Uint8Array {
  const kept = Object.entries(part.parameters)
    .filter(([name, value]) => /^(format|delsp)$/.test(name) && /^[a-z]+$/i.test(value))
    .map(([name, value]) => `; ${name}=${value}`);
  const { encoding, body } = transferEncoded(entityText(part));
  return entity(
    [
      ['Content-Type', `${part.mediaType}; charset=utf-8${kept.join('')}`],
      ['Content-Transfer-Encoding', encoding],
    ],
    body,
  );
}
