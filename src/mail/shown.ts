import { armoredLines, type Block, blocksIn } from './armor.ts';
import { type Entity, entityText, isAttachment } from './message.ts';

/** Text that may hold armor. */
export function isText(part: Entity): boolean {
  const text = /^(text\/(plain|html|enriched|richtext)|application\/pgp)$/.test(part.mediaType);
  return text && part.parts.length === 0 && !isAttachment({ ...part, mediaType: 'text/plain' });
}

/** Messages and signed texts in a part, and what stands around them. A signed text never comes out of HTML whole: it is not looked for. */
export function partsOfText(part: Entity): { blocks: Block[]; around: string } {
  const text = linesOf(part);
  const html = part.mediaType === 'text/html';
  const blocks = blocksIn(text).filter(({ kind }) => kind === 'message' || (kind === 'signed' && !html));
  let around = '';
  let from = 0;
  for (const { start, end } of blocks) {
    around += text.slice(from, start);
    from = end;
  }
  // Not by a pattern: one for the end would try every run of blanks in the text.
  return { blocks, around: (around + text.slice(from)).replace(/[\u200b\ufeff]+/g, '').trim() };
}

/** Asked for several times, and decoded once: a mail may be one text of 25 MiB. */
const decoded = new WeakMap<Entity, string>();

function linesOf(part: Entity): string {
  const lines = decoded.get(part) ?? (part.mediaType === 'text/html' ? armoredLines(entityText(part)) : entityText(part));
  decoded.set(part, lines);
  return lines;
}

/** The leaves that a reader is shown. Of alternatives (RFC 2046 §5.1.4), the one that holds armor as text, and not its other renderings. */
export function readable(entity: Entity): Entity[] {
  if (entity.parts.length === 0) return isBlank(entity) ? [] : [entity];
  if (entity.mediaType !== 'multipart/alternative') return entity.parts.flatMap(readable);
  const armored = entity.parts.flatMap(readable).filter((part) => isText(part) && holdsArmor(part));
  const plain = armored.find(({ mediaType }) => mediaType !== 'text/html') ?? armored[0];
  if (!plain) return entity.parts.flatMap(readable);
  return entity.parts.flatMap(readable).filter((part) => part === plain || !armored.includes(part));
}

/** Text that a gateway may have put there, with its logo or in two renderings; anything else was sent along on purpose. */
export function isDisclaimer(part: Entity): boolean {
  if (part.parts.length > 0)
    return /^multipart\/(alternative|related|mixed)$/.test(part.mediaType) && part.parts.every(isDisclaimer);
  return /^(text|image)\//.test(part.mediaType) && !isAttachment({ ...part, mediaType: 'text/plain' });
}

export function isBlank(part: Entity): boolean {
  if (part.parts.length > 0) return part.parts.every(isBlank);
  return part.mediaType.startsWith('text/') && !isAttachment(part) && /^[\s\u00a0]*$/.test(linesOf(part));
}

/** A signed text in HTML, too, which is another rendering of that in plain text. */
function holdsArmor(part: Entity): boolean {
  return blocksIn(linesOf(part)).some(({ kind }) => kind !== 'key');
}
