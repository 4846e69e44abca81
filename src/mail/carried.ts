import libmime from 'libmime';
import { Refusal } from '../refusal.ts';
import { flat, shortened } from './flat.ts';
import { flowing } from './flowed.ts';
import {
  carriedMail,
  declaredDecoder,
  decodedBody,
  type Entity,
  entityText,
  everyFileName,
  fieldsNamed,
  fieldText,
  holdsMail,
  saysAttachment,
} from './message.ts';
import { filePart, textPart } from './outgoing.ts';
import { bringsAPage, harmlessName, isPage } from './page.ts';
import { isUtf8 } from './text.ts';
import { textsOf, wordsOf } from './view.ts';

/** Text that is no page, such as programs call patches, and what reports on deliveries (RFC 3464) are read for. */
const PLAIN = /^(text\/(?!.*(html|xml)).*|message\/(global-)?delivery-status)$/;

/** Octets of a mail's texts, and of its pages, that are shown: more than that nobody reads. What is longer is attached whole. */
const LONGEST_SHOWN = 2 * 1024 * 1024;
const CUT = '[It is longer: all of it is attached.]';

/**
 * What a sender wrote, as entities that can stand beside words of ours. There are clients that make one page of all parts, and a page
 * can cover and hide whatever else is in it: the text of pages is shown as text, where no alternative has it (RFC 2046 §5.1.4); what
 * they are, octet for octet, is in files. All else is what it was, under fields of ours, so that no client reads it otherwise than
 * we do. What a signature of its own covers stays as it came, where that is plainly written.
 */
export function carriedParts(content: Entity): Uint8Array[] {
  const files: Uint8Array[] = [];
  const shown = new Set(textsOf(content));
  const texts = { left: LONGEST_SHOWN };
  const pages = { left: LONGEST_SHOWN };
  const carried = (part: Entity): Uint8Array[] => {
    if (part.mediaType === 'multipart/signed' && part.parts.length > 0) {
      if (!bringsAPage(part)) return [part.raw];
      files.push(noTypeFile(`signed-${files.length + 1}.eml`, part.raw));
      return part.parts.slice(0, 1).flatMap(carried);
    }
    if (part.parts.length > 0 && part.mediaType !== 'multipart/encrypted') return part.parts.flatMap(carried);
    const isApart = isPage(part);
    const isText = !isApart && isShownText(part);
    if (!isApart && !isText) return [anew(part)];
    const isShown = isText || shown.has(part) || isPlainText(part) || holdsMail(part);
    // What a page takes of it, no words of a person lack.
    const room = isText ? texts : pages;
    const isCut = isShown && part.body.length > room.left;
    if (isApart || isCut || isUnsure(part)) files.push(fileOf(part, files.length + 1));
    if (!isShown) return [];
    const begin = { ...part, body: part.body.subarray(0, room.left) };
    room.left -= begin.body.length;
    if (isText && !isCut) return [anew(part)];
    const text = holdsMail(part) ? textOfMail(begin) : textOf(begin);
    const said = isCut ? `${text}\n\n${CUT}` : text;
    return said.trim() === '' ? [] : [textPart(said)];
  };
  return [...carried(content), ...files];
}

function isShownText(part: Entity): boolean {
  return part.mediaType === 'text/plain' && !saysAttachment(part) && everyFileName(part).length === 0;
}

/** Its octets are no letters in the charset that it names, or it names none that is known: in UTF-8 nobody could tell which they were. */
function isUnsure(part: Entity): boolean {
  const declared = declaredDecoder(part.parameters['charset']);
  const isGuessed = declared === undefined || declared.encoding === 'utf-8';
  return isGuessed ? !isUtf8(decodedBody(part)) : entityText(part).includes('\ufffd');
}

const SHIFT_OUT = 0x0e;
const ESCAPE = 0x1b;

/** Escape sequences that nobody here reads (ISO-2022-KR, HZ): under the charset that it names a client may. */
function isForClients(part: Entity): boolean {
  const { charset } = part.parameters;
  const octets = decodedBody(part);
  const isEscaped = octets.some((octet) => octet === SHIFT_OUT || octet === ESCAPE) || Buffer.from(octets).includes('~{');
  return charset !== undefined && !declaredDecoder(charset) && isEscaped && octets.every((octet) => octet < 0x80);
}

/** The same under fields of ours: a text in UTF-8, a file octet for octet. */
function anew(part: Entity): Uint8Array {
  if (isShownText(part) && !isForClients(part)) return textPart(entityText(part), flowing(part));
  const [name] = everyFileName(part);
  const isAside = saysAttachment(part) || !/^(text|image)\//.test(part.mediaType);
  const { charset = '' } = part.parameters;
  const type = /^[\w.:+-]{1,40}$/.test(charset) ? `${part.mediaType}; charset=${charset}` : part.mediaType;
  return filePart(name, `${type}${flowing(part)}`, decodedBody(part), isAside ? 'attachment' : 'inline');
}

/** What may be read of a text or a page where it is carried on: in UTF-8 without a byte order mark, and of a page what it shows. */
export function carriedTexts(part: Entity): string[] {
  const begin = { ...part, body: part.body.subarray(0, LONGEST_SHOWN) };
  return part.mediaType === 'text/html' ? [entityText(begin), textOf(begin)] : [entityText(begin)];
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
  const text = lines.filter((line, at) => line !== '' || lines[at - 1] !== '').join('\n');
  // The blanks before its first words stay: without them a line may be another one to a program, as the first of a file in it.
  return text.replace(/^\n+/, '').trimEnd();
}

/** What says in a text whose mail it was. */
const WHOSE = ['From', 'Date', 'Subject'];

/** Of a mail that was forwarded as an attachment, in which there may be another one: that is in the file alone. */
function textOfMail(part: Entity): string {
  try {
    const mail = carriedMail(part);
    if (!mail) return '';
    const fields = WHOSE.flatMap((name) => {
      const value = fieldText(mail, name);
      return value === undefined ? [] : [`${name}: ${shortened(flat(value.slice(0, LONGEST_FIELD)), LONGEST_LINE)}`];
    });
    const texts = textsOf(mail).map(textOf);
    return [...(fields.length > 0 ? [fields.join('\n')] : []), ...texts].join('\n\n').trimEnd();
  } catch (error) {
    if (error instanceof Refusal) return '';
    throw error;
  }
}

/** Characters that are looked at, and shown. */
const LONGEST_FIELD = 2000;
const LONGEST_LINE = 200;

/** With its own name, where it has one. What nobody can say what it is comes with its fields. */
function fileOf(part: Entity, number: number): Uint8Array {
  if (part.unclear || part.mediaType.startsWith('multipart/')) return noTypeFile(`original-${number}.eml`, part.raw);
  const extension = isPlainText(part) ? 'txt' : libmime.detectExtension(part.mediaType);
  return noTypeFile(everyFileName(part)[0] ?? `original-${number}.${extension}`, decodedBody(part));
}

/**
 * Of a type, and a name, that no client shows by itself. RFC 2046 §5.2.1 allows no base64 on message/rfc822, and what is named `.eml`
 * Thunderbird does not save where it is of another type: mails get `.txt` behind theirs.
 */
export function noTypeFile(name: string, octets: Uint8Array): Uint8Array {
  return filePart(harmlessName(name), 'application/octet-stream', octets);
}
