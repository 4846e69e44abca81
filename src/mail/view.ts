import { htmlLines } from './armor.ts';
import { joinedText } from './flowed.ts';
import { decodedBody, type Entity, entityText, fileName, isAttachment, leaves } from './message.ts';

/** What a person sees of an entity: its text, and its files. */
export interface View {
  /** Of the text parts in their order, LF line ends, broken lines joined; of HTML only where there is no plain text. */
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
  const parts = leaves(content);
  const texts = parts.filter(isText);
  const plain = texts.filter(({ mediaType }) => mediaType !== 'text/html');
  const shown =
    plain.length > 0
      ? plain.map((part) => joinedText(part, entityText(part)))
      : texts.map((part) => htmlLines(entityText(part)).replaceAll('\r\n', '\n'));
  return {
    text: shown.join('\n'),
    files: parts
      .filter((part) => !isText(part))
      .map((part) => ({ name: fileName(part) ?? 'unnamed', mediaType: part.mediaType, bytes: decodedBody(part) })),
  };
}

/** A text with a name is a file: patches are sent so. */
function isText(part: Entity): boolean {
  return (
    /^(text\/(plain|html)|application\/pgp)$/.test(part.mediaType) &&
    !isAttachment({ ...part, mediaType: 'text/plain' }) &&
    fileName(part) === undefined
  );
}
