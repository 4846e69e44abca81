import { type Dirent, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Chance } from '../support/chance.ts';
import { file, mailOf, plain } from './letter.ts';
import { NEAR } from './near.ts';

/** A mail that anybody may send anywhere. */
export interface Ordinary {
  /** Where its words are from. */
  source: string;
  mail: Buffer;
}

export function shuffled<Item>(items: readonly Item[], chance: Chance): Item[] {
  const mixed = [...items];
  for (let at = mixed.length - 1; at > 0; at--) {
    const other = Math.floor(chance() * (at + 1));
    [mixed[at], mixed[other]] = [mixed[other] as Item, mixed[at] as Item];
  }
  return mixed;
}

const FOOTER = `_______________________________________________
announce mailing list -- announce@orbit.example
To unsubscribe send an email to announce-leave@orbit.example
`;

/** What a mail with these words looks like on a list. */
const FORMS: readonly ((subject: string, text: string) => Buffer)[] = [
  (subject, text) => mailOf({ subject, content: plain(text) }),
  (subject, text) => mailOf({ subject, content: { ...plain(`${text}\n${FOOTER}`), encoding: 'quoted-printable' } }),
  (subject, text) => mailOf({ subject, content: { ...plain(text), encoding: 'base64' } }),
  (subject, text) =>
    mailOf({
      subject: `Re: ${subject}`,
      content: plain(`On Mon, Al wrote:\n${text.replace(/^/gm, '> ')}\n\nThanks, that helps.\n\n-- \nBob\n`),
    }),
  (subject, text) =>
    mailOf({ subject, content: [plain('Hello,\n\nsee the attached file.\n'), file('notes.txt', text, 'text/plain')] }),
  (subject, text) =>
    mailOf({
      subject,
      content: {
        type: 'text/html; charset=utf-8',
        body: `<html><pre>${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</pre></html>`,
      },
    }),
];

export function inForm(subject: string, text: string, chance: Chance): Buffer {
  const line = subject.replace(/[^ -~]+/g, ' ').slice(0, 70);
  const form = FORMS[Math.floor(chance() * FORMS.length)] as (typeof FORMS)[number];
  return form(line, text);
}

/** What is written of the same programs, in every form. */
export function near(): Ordinary[] {
  return NEAR.flatMap(({ subject, text }) => FORMS.map((form) => ({ source: `near: ${subject}`, mail: form(subject, text) })));
}

const READ =
  /^(readme|changelog|changes|history|news|license|licence|copyright|authors|contributing|security|upgrading|notice)\b|\.(md|txt|\d|\dpm|pod|rst)(\.gz)?$/i;
const SOURCE = /\.(c|h|js|ts|go|py|sh|pl|rb|java|mjs|cjs)$/i;

/** Files below a folder that have words in them, in the order of their names; a folder that is not there has none. */
export function filesBelow(root: string, most = 50_000): string[] {
  const found: string[] = [];
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined && found.length < most; folder = folders.pop())
    for (const entry of entriesOf(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile() && (READ.test(entry.name) || SOURCE.test(entry.name))) found.push(path);
    }
  return found.sort();
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

export function textOf(path: string): string {
  const octets = readFileSync(path);
  return (extname(path) === '.gz' ? gunzipSync(octets) : octets).toString();
}

/** An excerpt as long as people's mails are: 30 to 300 lines, now and then all of it. */
export function excerpt(text: string, chance: Chance): string {
  const lines = text.split('\n');
  const length = chance() < 0.05 ? lines.length : 30 + Math.floor(chance() * 270);
  const from = Math.floor(chance() * Math.max(1, lines.length - length));
  return lines
    .slice(from, from + length)
    .join('\n')
    .slice(0, 300_000);
}

/** A source file with some lines changed, as a diff. */
export function patchTo(name: string, source: string, chance: Chance): string {
  const lines = source.split('\n').filter((line) => line.length < 500);
  const hunks = Array.from({ length: 1 + Math.floor(chance() * 4) }, () => {
    const at = 3 + Math.floor(chance() * Math.max(1, lines.length - 8));
    const [other = ''] = [lines[Math.floor(chance() * lines.length)]];
    const before = lines.slice(at - 3, at);
    const old = lines.slice(at, at + 2);
    const after = lines.slice(at + 2, at + 5);
    const made = [...old.map((line) => line.replace(/\b(\w+)\b(?=\W*$)/, 'checked_$1')), other];
    const marked = (sign: string, of: readonly string[]) => of.map((line) => sign + line);
    const counts = `@@ -${at - 2},${before.length + old.length + after.length} +${at - 2},${before.length + made.length + after.length} @@`;
    return [counts, ...marked(' ', before), ...marked('-', old), ...marked('+', made), ...marked(' ', after)].join('\n');
  });
  return `Subject: [PATCH] ${name}: check what is read\n\nIt may be longer than it says.\n---\n--- a/${name}\n+++ b/${name}\n${hunks.join('\n')}\n-- \n2.47.1\n`;
}

/** One mail of a file: its words, or where it is a source a patch to it. */
export function mailOfFile(path: string, source: string, chance: Chance): Ordinary {
  const text = textOf(path);
  const name = path.split('/').slice(-2).join('/');
  const words = SOURCE.test(path) ? patchTo(name, text, chance) : excerpt(text, chance);
  return { source, mail: inForm(`About ${name}`, words, chance) };
}
