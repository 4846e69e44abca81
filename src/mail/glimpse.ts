import { type Entity, entityText, isAttachment, leaves } from './message.ts';

/** Whoever writes a report says so at once; what comes after that much is the copy of somebody's mail. */
const READ_OCTETS = 64 * 1024;
const READ_CHARACTERS = 32 * 1024;

/** The beginning of a part's text, decoded from no more of its octets than that takes. */
export function headOf(part: Entity): string {
  const text = entityText({ ...part, body: part.body.subarray(0, READ_OCTETS) }).slice(0, READ_CHARACTERS);
  return part.mediaType === 'text/html' ? withoutTags(text) : text;
}

/** The beginning of what a reader sees first: plain text before HTML, blank parts passed over; LF line ends. */
export function beginning(mail: Entity): string {
  const readable = leaves(mail).filter((leaf) => isText(leaf) && !isAttachment(leaf));
  const plain = readable.filter(({ mediaType }) => mediaType !== 'text/html');
  for (const part of [...plain.slice(0, 5), ...readable.slice(0, 5)]) {
    const text = headOf(part).replace(/\r\n?/g, '\n');
    if (text.trim() !== '') return text;
  }
  return '';
}

/** A multipart without parts has a broken boundary, and shows its body as it stands. */
function isText({ mediaType, parts }: Entity): boolean {
  return mediaType === 'text/plain' || mediaType === 'text/html' || (mediaType.startsWith('multipart/') && parts.length === 0);
}

/** HTML to words, good enough to look for a sentence in: never shown to anybody. */
function withoutTags(html: string): string {
  return withoutElements(withoutElements(html, 'style'), 'script')
    .replace(/<(?:br|\/?p|\/?div|\/?tr|\/?h\d|\/?li)\b[^<>]*>/gi, '\n')
    .replace(/<[^<>\s@]+@[^<>\s]+>/g, ' ')
    .replace(/<[^<>]*>/g, ' ')
    .replace(/&(nbsp|lt|gt|amp|quot|#\d{1,6});/gi, (_, name: string) => character(name.toLowerCase()));
}

/** An element with all that it holds. Found in one pass: a pattern would look for the end anew from every beginning. */
function withoutElements(html: string, name: string): string {
  const lower = html.toLowerCase();
  const kept: string[] = [];
  let at = 0;
  for (let start = lower.indexOf(`<${name}`); start >= 0; start = lower.indexOf(`<${name}`, at)) {
    const end = lower.indexOf(`</${name}`, start);
    if (end < 0) break;
    kept.push(html.slice(at, start));
    at = end;
  }
  return kept.join('') + html.slice(at);
}

function character(name: string): string {
  const named: Record<string, string> = { nbsp: ' ', lt: '<', gt: '>', amp: '&', quot: '"' };
  const code = Number(name.slice(1));
  return named[name] ?? (code <= 0x10ffff ? String.fromCodePoint(code) : ' ');
}
