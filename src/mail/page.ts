import libmime from 'libmime';
import {
  decodedBody,
  type Entity,
  entityText,
  everyFileName,
  fieldsNamed,
  fileName,
  isAttachment,
  leaves,
  saysAttachment,
} from './message.ts';
import { filePart, textPart, typeOfFile } from './outgoing.ts';
import { textsOf, wordsOf } from './view.ts';

/** Pages, by whatever they are shown with, and mails, which some clients show among the parts of the mail that brings them. */
const PAGE = /^(text\/html|message\/.*|multipart\/.*|.*[/+](xhtml|xml)|.*\/xhtml\+.*)$/;

/** What a client may show in one page with what stands before and after it. */
export function sharesAPage(part: Entity): boolean {
  if (part.unclear || PAGE.test(part.mediaType)) return true;
  // Some go by the name, where it is no file.
  if (!saysAttachment(part) && everyFileName(part).some((name) => PAGE.test(typeOfFile(name)))) return true;
  return part.mediaType.startsWith('text/') && part.mediaType !== 'text/plain' && !isAttachment(part);
}

/** Whether any leaf of it does. */
export function bringsAPage(entity: Entity): boolean {
  return leaves(entity).some(sharesAPage);
}

/** Text by other names, such as programs give to patches, and what reports on deliveries (RFC 3464) are read for. */
const PLAIN =
  /^(text\/(plain|markdown|csv|rfc822-headers|(x-)?(diff|patch|log)|x-(c|csrc|chdr|java|perl|python|ruby|sh))|message\/(global-)?delivery-status)$/;

/** Octets of a mail's pages of which the text is shown: more than that nobody reads. They are attached whole. */
const LONGEST_SHOWN = 4 * 1024 * 1024;

/**
 * What can be laid beside words of ours: there are clients that make one page of all parts, and a page can cover and hide whatever else
 * is in it. The text of pages is shown as text, where no alternative has it (RFC 2046 §5.1.4); what they are, octet for octet, is
 * in files, as is whatever else shares a page. Each is an entity. Without a page it is the one that came.
 */
export function withPagesApart(content: Entity): Uint8Array[] {
  const files: Uint8Array[] = [];
  const shown = new Set(textsOf(content));
  let left = LONGEST_SHOWN;
  const apart = (part: Entity): Uint8Array[] => {
    if (!bringsAPage(part)) return [part.raw];
    if (part.mediaType === 'multipart/signed' && part.parts.length > 0) {
      files.push(file(`signed-${files.length + 1}.eml`, part.raw));
      return part.parts.slice(0, 1).flatMap(apart);
    }
    if (part.parts.length > 0) return part.parts.flatMap(apart);
    files.push(fileOf(part, files.length + 1));
    if (!shown.has(part) && !isPlainText(part)) return [];
    const text = textOf({ ...part, body: part.body.subarray(0, left) });
    left -= Math.min(left, part.body.length);
    return text === '' ? [] : [textPart(text)];
  };
  return [...apart(content), ...files];
}

function isPlainText(part: Entity): boolean {
  const isText = part.unclear
    ? /^\s*text\//i.test(fieldsNamed(part, 'content-type')[0]?.value ?? '')
    : PLAIN.test(part.mediaType);
  return isText && !saysAttachment(part);
}

function textOf(part: Entity): string {
  if (part.mediaType !== 'text/html') return entityText(part);
  // The source of a page is indented, and has lines that nobody sees.
  const lines = wordsOf(part)
    .split('\n')
    .map((line) => line.trimEnd());
  return lines
    .filter((line, at) => line !== '' || lines[at - 1] !== '')
    .join('\n')
    .trim();
}

/** With its own name, where it has one. What nobody can say what it is comes with its fields. */
function fileOf(part: Entity, number: number): Uint8Array {
  if (part.unclear || part.mediaType.startsWith('multipart/')) return file(`original-${number}.eml`, part.raw);
  const extension = isPlainText(part) ? 'txt' : libmime.detectExtension(part.mediaType);
  return file(fileName(part) ?? `original-${number}.${extension}`, decodedBody(part));
}

/** Of a type that no client shows by itself. */
function file(name: string, octets: Uint8Array): Uint8Array {
  return filePart(name, 'application/octet-stream', octets);
}
