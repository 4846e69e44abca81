import { htmlLines } from './armor.ts';
import { isText } from './encrypted.ts';
import { decodedBody, type Entity, entityText, fileName, leaves } from './message.ts';

/** What a person sees of an entity: its text, and its files. */
export interface View {
  /** Of the text parts in their order, LF line ends; of HTML only where there is no plain text. */
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
  const texts = parts.filter(isShown);
  const plain = texts.filter(({ mediaType }) => mediaType !== 'text/html');
  const shown = plain.length > 0 ? plain.map(entityText) : texts.map((part) => htmlLines(entityText(part)));
  return {
    text: shown.join('\n').replaceAll('\r\n', '\n'),
    files: parts
      .filter((part) => !isShown(part))
      .map((part) => ({ name: fileName(part) ?? 'unnamed', mediaType: part.mediaType, bytes: decodedBody(part) })),
  };
}

/** A text with a name is a file: patches are sent so. */
function isShown(part: Entity): boolean {
  return isText(part) && fileName(part) === undefined;
}
