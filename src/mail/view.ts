import { shownLines } from './armor.ts';
import { joinedText } from './flowed.ts';
import { decodedBody, type Entity, entityText, fileName, leaves, saysAttachment } from './message.ts';
import { isBlank } from './shown.ts';

/** What a person sees of an entity: its text, and its files. */
export interface View {
  /** Of the text parts in their order, LF line ends, broken lines joined; of HTML where it is no other rendering of plain text. */
  text: string;
  files: ViewedFile[];
}

export interface ViewedFile {
  /** The sender's word for it: never a path. */
  name: string;
  mediaType: string;
  bytes: Uint8Array;
}

/** Reads it off the tree that was verified; there is no second parser that could see something else. */
export function viewOf(content: Entity): View {
  return {
    text: textsOf(content).map(wordsOf).join('\n'),
    files: leaves(content)
      .filter((part) => !isText(part))
      .map((part) => ({ name: fileName(part) ?? 'unnamed', mediaType: part.mediaType, bytes: decodedBody(part) })),
  };
}

/** The texts that it shows, in their order. HTML is left out where an alternative of it (RFC 2046 §5.1.4) is plain text, and there alone. */
export function textsOf(part: Entity): Entity[] {
  if (part.parts.length === 0) return isText(part) ? [part] : [];
  const branches = part.parts.map(textsOf);
  const isPlain = (texts: Entity[]) => !texts.some(isHtml) && !texts.every(isBlank);
  const texts = branches.flat();
  return part.mediaType === 'multipart/alternative' && branches.some(isPlain) ? texts.filter((one) => !isHtml(one)) : texts;
}

/** LF line ends. */
export function wordsOf(part: Entity): string {
  const text = entityText(part);
  return isHtml(part) ? shownLines(text).replaceAll('\r\n', '\n') : joinedText(part, text);
}

function isHtml({ mediaType }: Entity): boolean {
  return mediaType === 'text/html';
}

/** A text with a name is a file: patches are sent so. */
function isText(part: Entity): boolean {
  return /^(text\/(plain|html)|application\/pgp)$/.test(part.mediaType) && !saysAttachment(part) && fileName(part) === undefined;
}
