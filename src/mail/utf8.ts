import { everyMediaType } from './media-type.ts';
import { decodedBody, type Entity, entityText, everyFileName, isAttachment, parseEntity } from './message.ts';
import { encodedPart, type NewField } from './outgoing.ts';
import { decoderFor, isUtf8 } from './text.ts';

/**
 * An entity with its texts in UTF-8, whatever charset they came in or said to: every client reads that in the same way. Files stay
 * octet for octet, and pages, which say it within as well; and so does all that a signature of its own covers. The same entity where there is nothing to change.
 */
export function inUtf8(entity: Entity): Entity {
  const texts = textsOf(entity).filter(needsUtf8);
  if (texts.length === 0) return entity;
  const start = entity.raw.byteOffset;
  const octets: Uint8Array[] = [];
  let from = 0;
  // A part is a view into the octets of the whole: everything around it stays as it is.
  for (const { raw, converted } of texts.map((part) => ({ raw: part.raw, converted: convert(part) }))) {
    const at = raw.byteOffset - start;
    octets.push(entity.raw.subarray(from, at), converted);
    from = at + raw.length;
  }
  return parseEntity(Buffer.concat([...octets, entity.raw.subarray(from)]));
}

function textsOf(part: Entity): Entity[] {
  if (part.mediaType === 'multipart/signed') return [];
  if (part.parts.length > 0) return part.parts.flatMap(textsOf);
  // What is of two types, or has a name, is a file to some program, and stays what it is.
  const shown =
    everyMediaType(part).length === 1 &&
    part.mediaType === 'text/plain' &&
    !isAttachment(part) &&
    everyFileName(part).length === 0;
  return shown ? [part] : [];
}

/** Not where a client that goes by the label reads the same as we do. */
function needsUtf8(part: Entity): boolean {
  const label = (part.parameters['charset'] ?? 'us-ascii').trim().toLowerCase();
  const bytes = decodedBody(part);
  if (label === 'utf-8' || label === 'utf8') return !isUtf8(bytes);
  const isSevenBit = bytes.every((octet) => octet < 128);
  if (label === 'us-ascii') return !isSevenBit;
  // Escape sequences that nobody here reads (ISO-2022-KR, HZ): with the label that they came with a client may.
  return !isSevenBit || decoderFor(label) !== undefined;
}

function convert(part: Entity): Uint8Array {
  const parameters = Object.entries(part.parameters).filter(([name, value]) => name !== 'charset' && isPlain(name, value));
  const type = [part.mediaType, 'charset=utf-8', ...parameters.map(([name, value]) => `${name}=${quoted(value)}`)].join('; ');
  const others = part.fields.filter(({ name }) => !/^content-(type|transfer-encoding)$/i.test(name));
  const kept = others.map(({ name, value }): NewField => [name, value.replace(/\p{Cc}/gu, ' ')]);
  // Its last line end belongs to the delimiter that follows (RFC 2046 §5.1.1).
  return encodedPart(type, Buffer.from(entityText(part)), kept).subarray(0, -2);
}

/** What is no parameter that any standard has cannot be written again. */
function isPlain(name: string, value: string): boolean {
  return /^[a-z0-9._-]+$/.test(name) && /^[ -~]*$/.test(value);
}

function quoted(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}
