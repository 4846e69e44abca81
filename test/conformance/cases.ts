import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withCrlf } from '../../src/cli/inspect.ts';
import type { Instant } from '../../src/clock.ts';
import { ROOT } from '../support/root.ts';

/** When every mail of the corpora comes in: after the youngest of their keys was made. */
export const AT: Instant = Date.parse('2026-12-01T12:00:00Z');

/** What goes through the receiving route. Plain data: it crosses to another process. */
export interface Task {
  raw: Uint8Array;
  /** Envelope sender. */
  sender: string | null;
  /** The list's secret key, binary; null where any will do. */
  secret: Uint8Array | null;
  /** Certificates of the roster. */
  known: readonly Uint8Array[];
}

/** `automatic`: taken for the people behind the list, and distributed to nobody as a post. */
export type Outcome = 'distributed' | 'automatic' | 'refused';

/** What has to come out. What is not said is not asked. */
export interface Expected {
  outcome: readonly Outcome[];
  /** The reason of the refusal. */
  reason?: string;
  /** The one roster certificate that the mail is credited to, or nobody. */
  signer?: string | null;
  /** What the text has to contain, and must not. */
  text?: readonly string[];
  never?: readonly string[];
  /** The text is one of these, but for blanks at its ends. */
  onlyText?: readonly string[];
  /** Nothing of what a certificate is credited with matches it. */
  neverBy?: { signer: string; text: RegExp };
  subject?: { text: string; isProtected: boolean };
  /** Files by name, and their octets where they are known. */
  files?: readonly { name: string; sha256?: string }[];
  certificates?: readonly string[];
  /** The octets that were encrypted or signed. */
  payload?: Uint8Array;
}

export interface Case extends Task {
  corpus: string;
  file: string;
  /** In the corpus's own words. */
  class: string;
  expected: Expected;
  /** Whose key a test made for composing it: another one each time. */
  composedBy?: string;
  /** Came in clear: any other parser should read it in the same way. */
  clear?: boolean;
}

const { CURFEW_CORPORA = join(ROOT, '../shared/corpora') } = process.env;

/** Where a corpus is, and why it cannot be used, or null. */
export function corpusAt(name: string): { dir: string; absent: string | null } {
  const dir = join(CURFEW_CORPORA, name);
  return { dir, absent: existsSync(dir) ? null : `${dir} is absent: set CURFEW_CORPORA` };
}

/** Files below a folder, as paths from it, in order. */
export function filesIn(dir: string, pattern: RegExp): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name))
    .sort();
}

/** A mail of a file, with the line ends that it had on the wire. */
export function mailIn(path: string): Uint8Array {
  return withCrlf(readFileSync(path));
}

/** The envelope sender as the last server noted it, or else the address in From. */
export function senderOf(raw: Uint8Array): string | null {
  const [head = ''] = Buffer.from(raw).toString('latin1').split('\r\n\r\n', 1);
  const noted = /^Return-Path:\s*<?([^<>\r\n]*)>?/im.exec(head)?.[1]?.trim();
  if (noted !== undefined) return noted === '' ? null : noted;
  return /^From:[^\r\n]*?([^\s<>"]+@[^\s<>"]+)/im.exec(head)?.[1] ?? 'somebody@elsewhere.example';
}
