import libmime from 'libmime';
import { Refusal } from '../refusal.ts';
import { flat, shortened } from './flat.ts';
import {
  carriedMail,
  decodedBody,
  type Entity,
  entityText,
  everyFileName,
  fieldsNamed,
  fieldText,
  holdsMail,
  leaves,
  saysAttachment,
} from './message.ts';
import { filePart, textPart, typeOfFile } from './outgoing.ts';
import { textsOf, wordsOf } from './view.ts';

/** Pages, by whatever they are shown with, and mails, which some clients show among the parts of the mail that brings them. */
const PAGE = /^(text\/html|message\/.*|multipart\/.*|.*[/+](xhtml|xml)|.*\/xhtml\+.*)$/;

/** What is shown as text or as a picture, or by a program of its own, by every client. */
const SHOWN = /^(text\/plain|image\/(x-(ms-)?)?(png|apng|p?jpe?g|gif|webp|bmp|tiff|avif|heic|heif)|application\/pdf)$/;

/** Signatures and keys (RFC 3156 §5, §7; RFC 8551 §3.5.3). */
const PROOF = /^application\/(pgp-(signature|keys)|(x-)?pkcs7-signature)$/;

/** What no client shows by itself where it is an attachment, whatever its name. */
const FILE =
  /^(text\/(markdown|csv|(x-)?(diff|patch|log)|x-(c|csrc|chdr|java|perl|python|ruby|sh))|application\/(json|msword|(x-)?(zip|gzip|tar|xz|bzip2?|zstd|7z-compressed|zip-compressed|compressed-tar)|vnd\.(ms|openxmlformats|oasis)[a-z0-9.-]*)|(audio|video)\/[a-z0-9.-]+)$/;

/** What a client may show in one page with what stands before and after it: all but what is known to be nothing of the kind. */
export function sharesAPage(part: Entity): boolean {
  const types = fieldsNamed(part, 'content-type').map(({ value }) => value);
  if (part.unclear || hasControls(part) || !types.every((type) => TYPED.test(type))) return true;
  const isFile = fieldsNamed(part, 'content-disposition').length === 1 && saysAttachment(part);
  if (part.mediaType === 'application/octet-stream')
    return !(isFile && isPlainlyWritten(part) && everyFileName(part).every(isFileName));
  const isKnown = SHOWN.test(part.mediaType) || PROOF.test(part.mediaType) || (isFile && FILE.test(part.mediaType));
  return !isKnown || everyFileName(part).some(isPageName);
}

/** In its fields: of these some programs make blanks, and others nothing. */
function hasControls({ raw, body }: Entity): boolean {
  return raw
    .subarray(0, raw.length - body.length)
    .some((octet) => octet < 0x20 && octet !== 0x09 && octet !== 0x0a && octet !== 0x0d);
}

/** In `text` alone (RFC 1049) Thunderbird looks for files in uuencode, and lays them out by their names. */
const TYPED = /^\s*[^\s;()/]+\/[^\s;()/]/;

/**
 * Thunderbird takes `application/octet-stream` for what its name says to the system that it runs on, and then neither Content-Disposition
 * nor, but for mails (RFC 2046 §5.2.1), base64 counts: `.ics` is laid out, `.html` where text attachments are, and `.bmed`, which is a
 * multipart, by whatever boundary it names. These are files to every system, where every program reads the fields alike.
 */
// biome-ignore format: a list to be read across
const EXTENSIONS = new Set([
  'txt', 'text', 'log', 'md', 'rst', 'csv', 'tsv', 'json', 'yaml', 'yml', 'toml', 'ini', 'conf', 'cfg', 'diff', 'patch',
  'c', 'h', 'cc', 'cpp', 'cxx', 'hh', 'hpp', 'go', 'rs', 'java', 'kt', 'cs', 'swift', 'py', 'rb', 'pl', 'pm', 'php', 'js', 'mjs', 'ts', 'lua',
  'sh', 'bash', 'zsh', 'bat', 'ps1', 'sql', 's', 'asm', 'tex',
  'bin', 'dat', 'data', 'raw', 'img', 'iso', 'exe', 'dll', 'so', 'o', 'a', 'ko', 'elf', 'core', 'dmp', 'pcap', 'pcapng', 'cap', 'db', 'sqlite', 'pb',
  'zip', 'gz', 'tgz', 'bz2', 'xz', 'zst', 'lz4', '7z', 'rar', 'tar', 'jar', 'apk', 'deb', 'rpm',
  'png', 'jpg', 'jpeg', 'gif', 'webp', 'bmp', 'tif', 'tiff', 'heic', 'mp3', 'mp4', 'wav', 'ogg', 'webm', 'mov', 'mkv', 'avi',
  'pdf', 'ps', 'doc', 'docx', 'xls', 'xlsx', 'ppt', 'pptx', 'odt', 'ods', 'odp',
  'asc', 'sig', 'gpg', 'pgp', 'key', 'pub', 'pem', 'crt', 'cer', 'der', 'eml',
]);

function isFileName(name: string): boolean {
  const [, extension = ''] = /\.([^.]*)$/.exec(name) ?? [];
  return !name.includes('.') || EXTENSIONS.has(extension.toLowerCase());
}

/** Beside those of types that are known. */
const PAGE_NAME = /^([a-z]?html?[0-9]?|xht|mht|eml|emlx|svgz?|p7[a-z])$/i;

function isPageName(name: string): boolean {
  const [, extension = ''] = /\.([a-z0-9]+)[^a-z0-9]*$/i.exec(name) ?? [];
  return PAGE_NAME.test(extension) || PAGE.test(typeOfFile(`a.${extension}`));
}

/** One field of each, ASCII, without comments and boundaries: nothing that two programs read otherwise. */
const VALUE = String.raw`(?:"[ !#-[\]-~]*"|[!#-'+.\w^{|}~%-]+)[ \t]*`;
const OTHER = String.raw`(?:;[ \t]*(?!boundary|(?:file)?name)[a-z-]+=${VALUE})*`;
const PLAINLY: readonly [string, RegExp][] = [
  [
    'content-type',
    new RegExp(String.raw`^[ \t]*application/octet-stream[ \t]*${OTHER}((?:;[ \t]*name=${VALUE})?)${OTHER}$`, 'i'),
  ],
  [
    'content-disposition',
    new RegExp(String.raw`^[ \t]*attachment[ \t]*((?:;[ \t]*filename(?:\*\d+)?\*?=${VALUE})*)${OTHER}$`, 'i'),
  ],
  ['content-transfer-encoding', /^[ \t]*base64[ \t]*()$/i],
];

/** Its name at once, or in pieces that are numbered without a gap (RFC 2231 §3). */
function isPlainlyWritten(part: Entity): boolean {
  return PLAINLY.every(([name, written]) => {
    const [field, ...others] = fieldsNamed(part, name);
    const [, names] = written.exec(field?.value.replaceAll(/\r?\n(?=[ \t])/g, '') ?? '') ?? [];
    if (names === undefined || others.length > 0) return false;
    const keys = [...names.matchAll(/;[ \t]*(?:file)?name([*\d]*)=/gi)].map(([, key = '']) => key);
    const numbers = keys.map((key) => key.replaceAll('*', ''));
    const isWhole = keys.length === 1 && numbers[0] === '';
    return keys.length === 0 || isWhole || numbers.every((number, at) => number === String(at));
  });
}

/** Whether any leaf of it does. */
export function bringsAPage(entity: Entity): boolean {
  return leaves(entity).some(sharesAPage);
}

/** Text that is no page, such as programs call patches, and what reports on deliveries (RFC 3464) are read for. */
const PLAIN = /^(text\/(?!.*(html|xml)).*|message\/(global-)?delivery-status)$/;

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
    if (part.parts.length > 0 && part.mediaType !== 'multipart/encrypted') return part.parts.flatMap(apart);
    files.push(fileOf(part, files.length + 1));
    if (!shown.has(part) && !isPlainText(part) && !holdsMail(part)) return [];
    const begin = { ...part, body: part.body.subarray(0, left) };
    left -= begin.body.length;
    const text = holdsMail(part) ? textOfMail(begin) : textOf(begin);
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
    return [fields.join('\n'), ...textsOf(mail).map(textOf)].join('\n\n').trim();
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
  if (part.unclear || part.mediaType.startsWith('multipart/')) return file(`original-${number}.eml`, part.raw);
  const extension = isPlainText(part) ? 'txt' : libmime.detectExtension(part.mediaType);
  return file(everyFileName(part)[0] ?? `original-${number}.${extension}`, decodedBody(part));
}

/** Of a type, and a name, that no client shows by itself. */
function file(name: string, octets: Uint8Array): Uint8Array {
  const plain = name.replaceAll(/["\\]/g, '_');
  return filePart(isFileName(plain) ? plain : `${plain}.txt`, 'application/octet-stream', octets);
}
