import { type Entity, parseEntity } from './message.ts';

/** RFC 3464 §2.3.3. */
export type Action = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded';

export interface RecipientReport {
  /** Whom the mail was sent to, as far as the report says; the domain in lower case. */
  address: string | null;
  action: Action | null;
  /** Enhanced status code (RFC 3463). */
  status: string | null;
  /** One line of a stranger's words. */
  diagnostic: string | null;
}

// Single values, out of a stranger's words: each is bounded, and null where there is none.

const LONGEST_DIAGNOSTIC = 500;
const LONGEST_ADDRESS = 320;

/** Words on one line, with nothing in them that moves a cursor or ends a line. */
export function oneLine(words: string): string | null {
  const line = words
    .slice(0, 4 * LONGEST_DIAGNOSTIC)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\s]+/gu, ' ')
    .trim();
  // Not in the middle of a surrogate pair.
  const cut = line
    .slice(0, LONGEST_DIAGNOSTIC)
    .replace(/[\ud800-\udbff]$/, '')
    .trim();
  return cut === '' ? null : cut;
}

/** `rfc822; <a@b.example>`, `utf-8; ...` (RFC 3464 §2.3.1, RFC 6533 §3), or the address alone. */
export function readAddress(value: string): string | null {
  const typed = value.slice(0, 1000).replace(/^\s*(rfc822|rfc-822|smtp|utf-8|system|internet|unknown)\s*;/i, '');
  return cleanAddress(typed.replace(/\\x\{([0-9a-f]{2,6})\}/gi, (_, hex: string) => codePoint(Number.parseInt(hex, 16))));
}

function codePoint(code: number): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : '';
}

/** The addr-spec, without what stands around it; the domain in lower case. Null for what is no Internet address. */
export function cleanAddress(words: string): string | null {
  const bare = words
    .trim()
    .replace(/^(?:["'<([:]|mailto:|smtp:)+/i, '')
    .replace(/["'>)\]:;,.\s]+$/, '');
  if (bare.length > LONGEST_ADDRESS || !/^[^\s<>()[\]\\,;:"@\p{Cc}\p{Cf}]+@[^\s<>()[\]\\,;:"'@\p{Cc}\p{Cf}]+$/u.test(bare))
    return null;
  const at = bare.lastIndexOf('@');
  return bare.slice(0, at) + bare.slice(at).toLowerCase();
}

/** Each `x.y.z` that is no part of an address of a host (RFC 3463 §2). In a reply of several lines it stands behind a hyphen. */
export function enhancedStatuses(words: string): string[] {
  const codes = /(?:(?<![\d.@\w-])|(?<=(?<![\d.@\w-])[245][0-5]\d-))[245]\.\d{1,3}\.\d{1,3}(?![\d.]*\d|\.\w)/g;
  return words.slice(0, 8000).match(codes) ?? [];
}

/** The first of them. */
export function enhancedStatus(words: string): string | null {
  return enhancedStatuses(words)[0] ?? null;
}

/** The first reply code of a failure (RFC 5321 §4.2). */
export function replyCode(words: string): string | null {
  return /(?:^|[\s:(#>"'[])([45][0-5]\d)(?=[\s\-:,)]|$)/m.exec(words.slice(0, 8000))?.[1] ?? null;
}

/** The class alone, where the words give a reply code and no more (RFC 3463 §3.1: "X.0.0"). */
export function statusOfReply(words: string): string | null {
  const code = replyCode(words);
  return code ? `${code[0]}.0.0` : null;
}

export function messageIdIn(value: string): string | null {
  return /<[^<>\s\p{Cc}]{1,250}>/u.exec(value.slice(0, 2000))?.[0] ?? null;
}

/** Longer header sections are refused by the parser. */
const HEADER_OCTETS = 64 * 1024;

/** A mail that came back; where it cannot be parsed whole, its header section. */
export function parseReturned(raw: Uint8Array): Entity | null {
  const blank = Buffer.from(raw.subarray(0, HEADER_OCTETS))
    .toString('latin1')
    .search(/\n\r?\n/);
  for (const octets of [raw, raw.subarray(0, blank < 0 ? HEADER_OCTETS : blank + 1)]) {
    try {
      return parseEntity(octets);
    } catch {
      // A stranger's mail: too deep, too many parts.
    }
  }
  return null;
}
