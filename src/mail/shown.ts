import { armoredLines, type Block, blocksIn } from './armor.ts';
import { decodedBody, type Entity, entityText, fileName, isAttachment, saysAttachment } from './message.ts';
import { without } from './pieces.ts';

/** Text that may hold armor. */
export function isText(part: Entity): boolean {
  const text = /^(text\/(plain|html|enriched|richtext)|application\/pgp)$/.test(part.mediaType);
  return text && part.parts.length === 0 && !saysAttachment(part);
}

export interface PartsOfText {
  blocks: Block[];
  /** Without the blanks at its ends. */
  around: string;
}

/** Messages and signed texts in a part, and what stands around them. A signed text never comes out of HTML whole: it is not looked for. */
export function partsOfText(part: Entity): PartsOfText {
  const html = part.mediaType === 'text/html';
  return divided(linesOf(part), ({ kind }) => kind === 'message' || (kind === 'signed' && !html));
}

function divided(text: string, wanted: (block: Block) => boolean): PartsOfText {
  const blocks = blocksIn(text).filter(wanted);
  let around = '';
  let from = 0;
  for (const { start, end } of blocks) {
    around += text.slice(from, start);
    from = end;
  }
  // Not by a pattern: one for the end would try every run of blanks in the text.
  return { blocks, around: without(around + text.slice(from), /[\u200b\ufeff]+/).trim() };
}

/** Asked for several times, and decoded once: a mail may be one text of 25 MiB. */
const decoded = new WeakMap<Entity, string>();

function linesOf(part: Entity): string {
  const lines = decoded.get(part) ?? (part.mediaType === 'text/html' ? armoredLines(entityText(part)) : entityText(part));
  decoded.set(part, lines);
  return lines;
}

/**
 * The leaves that a reader is shown. Of alternatives (RFC 2046 §5.1.4), the one that holds armor as text, and not its other renderings:
 * what has as many blocks, and no words that the one has not.
 */
export function readable(entity: Entity): Entity[] {
  if (entity.parts.length === 0) return isBlank(entity) ? [] : [entity];
  const branches = entity.parts.map(readable);
  if (entity.mediaType !== 'multipart/alternative') return branches.flat();
  const armored = (part: Entity) => isText(part) && armorOf(part).blocks.length > 0;
  const chosen =
    branches.find((leaves) => leaves.some((part) => armored(part) && part.mediaType !== 'text/html')) ??
    branches.find((leaves) => leaves.some(armored));
  if (!chosen) return branches.flat();
  const isRendering = renderingOf(chosen.filter(armored).map(armorOf));
  return branches.flatMap((leaves) =>
    leaves === chosen ? leaves : leaves.filter((part) => !(armored(part) && isRendering(armorOf(part)))),
  );
}

/** Whether a text says nothing that these do not say. What they say is put together once: there may be a thousand texts to ask of. */
function renderingOf(shown: readonly PartsOfText[]): (text: PartsOfText) => boolean {
  const count = shown.reduce((sum, { blocks }) => sum + blocks.length, 0);
  const words = bare(shown.map(({ around }) => around).join(''));
  return ({ blocks, around }) => blocks.length <= count && ['', words].includes(bare(around));
}

function bare(words: string): string {
  return without(words, /\s+/);
}

/** Text that a gateway may have put there, with its logo or in two renderings; anything else was sent along on purpose. */
export function isDisclaimer(part: Entity): boolean {
  if (part.parts.length > 0)
    return /^multipart\/(alternative|related|mixed)$/.test(part.mediaType) && part.parts.every(isDisclaimer);
  return /^(text|image)\//.test(part.mediaType) && !saysAttachment(part);
}

/** It says nothing: a text without words, or what filters have emptied. */
export function isBlank(part: Entity): boolean {
  if (part.parts.length > 0) return part.parts.every(isBlank);
  if (isEmptied(part)) return true;
  return part.mediaType.startsWith('text/') && !isAttachment(part) && /^[\s\u00a0]*$/.test(linesOf(part));
}

/** What filters leave of a part: nothing but its type, or the name that Exchange gave it, as it does to what stands between files. */
export function isEmptied(part: Entity): boolean {
  const isNamed = part.mediaType === 'application/pgp-encrypted' || NAME_OF_NONE.test(fileName(part) ?? '');
  return isNamed && shortWords(part).trim() === '';
}

const NAME_OF_NONE = /^ATT\d{1,6}(\.(bin|txt|dat))?$/i;

/** What a part holds, where that is no more than the control part of PGP/MIME has; else something that none is. */
export function shortWords(part: Entity): string {
  const isShort = part.body.length < 200 && part.parts.length === 0;
  return isShort ? Buffer.from(decodedBody(part)).toString('latin1') : 'more';
}

/** Asked by every multipart around it. */
const armors = new WeakMap<Entity, PartsOfText>();

/** Also a signed text in HTML, which is another rendering of that in plain text. */
export function armorOf(part: Entity): PartsOfText {
  const armor = armors.get(part) ?? divided(linesOf(part), ({ kind }) => kind !== 'key');
  armors.set(part, armor);
  return armor;
}
