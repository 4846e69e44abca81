import { htmlLines } from './armor.ts';
import { everyMediaType } from './media-type.ts';
import { type Entity, entityText, everyFileName, fieldText, parseEntity, saysAttachment } from './message.ts';
import { encodedPart, multipart } from './outgoing.ts';

/**
 * A payload without what its sender put into the text for clients that cannot show protected fields: the first lines of a part
 * marked so (RFC 9788 §2.1.2), or a part of its own (draft-autocrypt-lamps-protected-headers §5). Only for a payload whose fields
 * are protected: elsewhere such a mark would hide words. The same entity where there is nothing to take off.
 */
export function withoutLegacyDisplay(payload: Entity): Entity {
  if (payload.parameters['hp'] === 'cipher') return withoutMarked(payload, payload) ?? payload;
  return payload.parameters['protected-headers'] === undefined ? payload : withoutFirstPart(payload);
}

/** The draft's: the first of two parts under the payload's root. */
function withoutFirstPart(payload: Entity): Entity {
  const [first, ...others] = payload.parts;
  const isDisplay =
    first?.parameters['protected-headers'] !== undefined &&
    /^text\/(plain|rfc822-headers)$/.test(first.mediaType) &&
    others.length > 0 &&
    isShown(first) &&
    repeatsFields(entityText(first), payload);
  if (payload.mediaType !== 'multipart/mixed' || !isDisplay) return payload;
  const [only, ...more] = others;
  return only && more.length === 0
    ? only
    : parseEntity(
        multipart(
          'mixed',
          others.map(({ raw }) => raw),
        ),
      );
}

/** The main body part alone may be marked: the root, or the parts of the alternative that it is (RFC 9788 §5.2.2). */
function withoutMarked(part: Entity, payload: Entity): Entity | undefined {
  if (part.parts.length === 0) return part.parameters['hp-legacy-display'] === '1' ? withoutDisplay(part, payload) : undefined;
  const bodies = part.mediaType === 'multipart/alternative' ? part.parts : part.parts.slice(0, 1);
  const changed = new Map(bodies.map((body) => [body, withoutMarked(body, payload)]));
  if ([...changed.values()].every((body) => body === undefined)) return undefined;
  const parts = part.parts.map((each) => (changed.get(each) ?? each).raw);
  return parseEntity(multipart(part.mediaType.slice('multipart/'.length), parts));
}

/**
 * RFC 9788 §4.5.3: in plain text up to the first empty line, in HTML the one element of that class. What repeats no protected
 * fields is not that, whatever the mark says: words would be lost.
 */
function withoutDisplay(part: Entity, payload: Entity): Entity {
  if (!isShown(part)) return part;
  const text = entityText(part);
  if (part.mediaType === 'text/plain') {
    const end = endOf(text, /\r?\n[ \t]*\r?\n/);
    return repeatsFields(text.slice(0, end), payload) ? withText(part, text.slice(end)) : part;
  }
  if (part.mediaType !== 'text/html') return part;
  const start = text.search(/<div[^<>]*\bclass=(["']?)header-protection-legacy-display\1/i);
  const end = start < 0 ? start : endOfDiv(text, start);
  if (end <= start || !repeatsFields(htmlLines(text.slice(start, end)), payload)) return part;
  return parseEntity(encodedPart('text/html; charset=utf-8', Buffer.from(text.slice(0, start) + text.slice(end))));
}

/** What has a name or another type is a file to some program, and stays one. */
function isShown(part: Entity): boolean {
  return !saysAttachment(part) && everyFileName(part).length === 0 && everyMediaType(part).length === 1;
}

/** Characters. What is longer than any header section repeats none. */
const LONGEST = 64 * 1024;

/** Each line says, whole or with those that go on with it, what a protected field says. */
function repeatsFields(text: string, payload: Entity): boolean {
  if (text.length > LONGEST) return false;
  const lines = text
    .trim()
    .replace(/\r?\n[ \t]+/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  // Decoded once: one that says little may be long.
  const fields = new Map<string, string | undefined>();
  const says = (line: string) => {
    const [, written = '', value = ''] = /^([!-9;-~]{1,100})[ \t]*:(.*)$/.exec(line) ?? [];
    const name = written.toLowerCase();
    if (!fields.has(name)) fields.set(name, name === '' ? undefined : bareField(payload, name));
    const field = fields.get(name);
    return field !== undefined && field === bare(value);
  };
  return lines.length > 0 && lines.every(says);
}

function bareField(payload: Entity, name: string): string | undefined {
  const text = fieldText(payload, name);
  return text === undefined ? undefined : bare(text);
}

/** Clients write addresses with and without quotation marks. */
function bare(value: string): string {
  return value.replace(/[\s"\u00a0]+/g, '');
}

/** The part with other words: how its lines flow stays (RFC 3676). */
function withText(part: Entity, text: string): Entity {
  const { format, delsp } = part.parameters;
  const flow = [/^flowed$/i.test(format ?? '') ? '; format=flowed' : '', /^yes$/i.test(delsp ?? '') ? '; delsp=yes' : ''].join(
    '',
  );
  return parseEntity(encodedPart(`text/plain; charset=utf-8${flow}`, Buffer.from(text)));
}

/** Where the element that starts there ends, with those inside of it; `start` where it does not. */
function endOfDiv(html: string, start: number): number {
  let depth = 0;
  for (const { 0: tag, 1: slash, index } of html.slice(start).matchAll(/<(\/?)div\b[^<>]*>/gi)) {
    depth += slash ? -1 : 1;
    if (depth === 0) return start + index + tag.length;
  }
  return start;
}

/** Where the first match ends; 0 where there is none. */
function endOf(text: string, pattern: RegExp): number {
  const match = pattern.exec(text);
  return match ? match.index + match[0].length : 0;
}
