import libmime from 'libmime';
import { type Entity, everyFileName, fieldsNamed, saysAttachment } from './message.ts';
import { baseName } from './outgoing.ts';

/** Pages, by whatever they are shown with, and mails, which some clients show among the parts of the mail that brings them. */
const PAGE = /^(text\/html|message\/.*|multipart\/.*|.*[/+](xhtml|xml)|.*\/xhtml\+.*)$/;

/** What is shown as text or as a picture, or by a program of its own, by every client. */
const SHOWN = /^(text\/plain|image\/(x-(ms-)?)?(png|apng|p?jpe?g|gif|webp|bmp|tiff|avif|heic|heif)|application\/pdf)$/;

/** Signatures and keys (RFC 3156 §5, §7; RFC 8551 §3.5.3). */
const PROOF = /^application\/(pgp-(signature|keys)|(x-)?pkcs7-signature)$/;

/** What no client shows by itself where it is an attachment, whatever its name. */
const FILE =
  /^(text\/(markdown|csv|(x-)?(diff|patch|log|rust)|x-(c|c\+\+src|c\+\+hdr|csrc|chdr|java|perl|python|ruby|sh|go))|application\/(json|msword|(x-)?(zip|gzip|tar|xz|bzip2?|zstd|7z-compressed|zip-compressed|compressed-tar|gtar|gtar-compressed|rar)|vnd\.(rar|tcpdump\.pcap|debian\.binary-package|ms|openxmlformats|oasis)[a-z0-9.-]*)|(audio|video)\/[a-z0-9.-]+)$/;

const NO_TYPE = 'application/octet-stream';

/** What a client may show in one page with what stands before and after it: all but what is known to be nothing of the kind. */
export function isPage(part: Entity): boolean {
  const isFile = saysAttachment(part);
  // Under which of them it is written, too.
  const names = everyFileName(part).flatMap((name) => [name, baseName(name)]);
  if (part.unclear) return true;
  if (part.mediaType === NO_TYPE) return !isFile || !names.every(isFileName);
  const isKnown = SHOWN.test(part.mediaType) || PROOF.test(part.mediaType) || (isFile && FILE.test(part.mediaType));
  return !isKnown || names.some(isPageName);
}

/** Where it stands as its sender wrote it: clients differ in what they make of fields that are written oddly. */
export function sharesAPage(part: Entity): boolean {
  return isPage(part) || !isPlainlyWritten(part);
}

/** Whether any part of it does. */
export function bringsAPage(entity: Entity): boolean {
  if (entity.parts.length === 0) return sharesAPage(entity);
  return !isPlainlyWritten(entity) || entity.parts.some(bringsAPage);
}

/**
 * Thunderbird takes `application/octet-stream` for what its name says to the system that it runs on, and then neither Content-Disposition
 * nor, but for mails (RFC 2046 §5.2.1), base64 counts: `.ics` is laid out, `.html` where text attachments are, and `.bmed`, which is a
 * multipart, by whatever boundary it names. These are files to every system, where every program reads the fields alike.
 */
// biome-ignore format: a list to be read across
const EXTENSIONS = new Set([
  'txt', 'text', 'log', 'md', 'rst', 'csv', 'tsv', 'json', 'yaml', 'yml', 'toml', 'ini', 'conf', 'cfg', 'diff', 'patch',
  'c', 'h', 'cc', 'cpp', 'cxx', 'hh', 'hpp', 'go', 'rs', 'java', 'kt', 'cs', 'swift', 'py', 'rb', 'pl', 'pm', 'php', 'js', 'mjs', 'ts', 'lua',
  'sh', 'bash', 'zsh', 'bat', 'ps1', 'sql', 's', 'asm', 'tex', 'm', 'r', 'ml', 'hs', 'ex', 'erl', 'clj', 'dart', 'zig', 'scala', 'proto',
  'mk', 'cmake', 'gradle', 'spec', 'lock', 'in', 'am', 'ac', 'm4', 'orig', 'rej',
  'bin', 'dat', 'data', 'raw', 'img', 'iso', 'exe', 'dll', 'so', 'o', 'a', 'ko', 'elf', 'core', 'dmp', 'pcap', 'pcapng', 'cap', 'db', 'sqlite', 'pb',
  'wasm', 'class', 'pyc', 'whl', 'crate', 'gem', 'qcow2', 'vhd', 'vmdk', 'efi', 'fw', 'rom', 'hex',
  'zip', 'gz', 'tgz', 'bz2', 'xz', 'zst', 'lz4', '7z', 'rar', 'tar', 'jar', 'apk', 'deb', 'rpm',
  'png', 'jpg', 'jpeg', 'gif', 'webp', 'bmp', 'tif', 'tiff', 'heic', 'mp3', 'mp4', 'wav', 'ogg', 'webm', 'mov', 'mkv', 'avi',
  'pdf', 'ps', 'doc', 'docx', 'xls', 'xlsx', 'ppt', 'pptx', 'odt', 'ods', 'odp',
  'asc', 'sig', 'gpg', 'pgp', 'key', 'pub', 'pem', 'crt', 'cer', 'der',
]);

function isFileName(name: string): boolean {
  const [, extension = ''] = /\.([^.]*)$/.exec(name) ?? [];
  if (name.includes('=?')) return false;
  return !name.includes('.') || /^\d{1,4}$/.test(extension) || EXTENSIONS.has(extension.toLowerCase());
}

/** For a file of no type. */
export function harmlessName(name: string): string {
  const plain = name.replaceAll(/["\\]/g, '_');
  return isFileName(plain) ? plain : `${plain}.txt`;
}

/** Beside those of types that are known. */
const PAGE_NAME = /^([a-z]?html?[0-9]?|xht|mht|eml|emlx|svgz?|p7[a-z])$/i;

function isPageName(name: string): boolean {
  const [, extension = ''] = /\.([a-z0-9]+)[^a-z0-9]*$/i.exec(name) ?? [];
  if (EXTENSIONS.has(extension.toLowerCase())) return false;
  return PAGE_NAME.test(extension) || PAGE.test(libmime.detectMimeType(extension));
}

/** In ASCII, without comments. In `text` alone (RFC 1049) Thunderbird looks for files in uuencode, and lays them out by their names. */
const VALUE = String.raw`(?:"[ !#-[\]-~]*"|[!#-'*+.\w^{|}~%-]+)[ \t]*`;
/** What standards and clients have for parameters. By others some do what no other one does: mutt decrypts by `x-action`. */
// biome-ignore format: a list to be read across
const NAMES = [
  'charset', 'format', 'delsp', 'name', 'filename', 'boundary', 'type', 'start', 'protocol', 'micalg', 'reply-type', 'method', 'report-type',
  'hp', 'hp-legacy-display', 'protected-headers', 'size', 'creation-date', 'modification-date', 'read-date',
  'x-unix-mode', 'x-mac-type', 'x-mac-creator', 'x-mac-hide-extension', 'x-mac-auto-archive', 'x-apple-part-url',
  'markup', 'variant', 'header', 'codecs', 'start-info', 'differences', 'lang', 'language', 'handling',
];
const PARAMETERS = String.raw`((?:;[ \t]*(?:${NAMES.join('|')})(?:\*\d{1,3})?\*?=${VALUE})*)`;
const PARAMETER = new RegExp(String.raw`;[ \t]*([a-z-]+)(?:\*(\d+))?\*?=${VALUE}`, 'gi');
const TYPE = new RegExp(String.raw`^[\w.+-]+\/[\w.+-]+[ \t]*${PARAMETERS}$`, 'i');
const DISPOSITION = new RegExp(String.raw`^(?:inline|attachment)[ \t]*${PARAMETERS}$`, 'i');
const ENCODING = /^(?:[78]bit|binary|base64|quoted-printable)()$/i;
const ENCODING_OF_PARTS = /^(?:[78]bit|binary)()$/i;
/** Of what is taken for what its name says, base64 is what no client lays out as it stands. */
const ENCODING_OF_NO_TYPE = /^base64()$/i;

/** Whether every program reads alike what it is, what it is called, and how it is encoded. */
function isPlainlyWritten(part: Entity): boolean {
  const isDivided = part.parts.length > 0;
  const encoding = isDivided ? ENCODING_OF_PARTS : part.mediaType === NO_TYPE ? ENCODING_OF_NO_TYPE : ENCODING;
  const isTyped = isDivided || !/boundary/i.test(fieldsNamed(part, 'content-type')[0]?.value ?? '');
  return (
    isTyped &&
    hasPlainLines(part) &&
    isInForm(part, 'content-type', TYPE, 'text/plain') &&
    isInForm(part, 'content-disposition', DISPOSITION, 'inline') &&
    isInForm(part, 'content-transfer-encoding', encoding, '7bit')
  );
}

/** `usual`: what counts where the field is not there. */
function isInForm(part: Entity, name: string, form: RegExp, usual: string): boolean {
  const [value = usual, ...others] = fieldsNamed(part, name).map((field) => field.value);
  const [, parameters] = form.exec(value) ?? [];
  return others.length === 0 && parameters !== undefined && areOnce(parameters);
}

/** Each whole, or in pieces that are numbered without a gap (RFC 2231 §3). */
function areOnce(parameters: string): boolean {
  const pieces = new Map<string, number>();
  for (const [, key = '', number] of parameters.matchAll(PARAMETER)) {
    const name = key.toLowerCase();
    const before = pieces.get(name);
    if (number === undefined ? before !== undefined : number !== String(before ?? 0)) return false;
    pieces.set(name, number === undefined ? -1 : Number(number) + 1);
  }
  return true;
}

/** Fields and their folds alone, without octets that some programs take for blanks, and others for nothing. */
const FIELD = /^[!-9;-~]+:[\t -~\x80-\xff]*$/;
const FOLD = /^[ \t]+[!-~\x80-\xff][\t -~\x80-\xff]*$/;

function hasPlainLines({ raw, body }: Entity): boolean {
  const header = Buffer.from(raw.buffer, raw.byteOffset, raw.length - body.length).toString('latin1');
  const lines = header.replace(/\r?\n(\r?\n)?$/, '').split(/\r?\n/);
  return header === '' || lines.every((line, at) => FIELD.test(line) || (at > 0 && FOLD.test(line)));
}
