import { deflateRawSync, gzipSync } from 'node:zlib';
import { type Hunk, hunksIn } from '../../src/embargo/hunks.ts';
import type { Hit } from '../../src/embargo/recognise.ts';
import { base64Lines, crlf, file, mailOf, plain, quotedPrintable, zipOf } from './letter.ts';
import type { Secret } from './secrets.ts';

/** How somebody might pass on what is under embargo. */
export interface Transformation {
  name: string;
  /** What has to be recognised, any of them. An id is what the most obvious leak has, and is not enough where words are passed on. */
  wants: readonly Hit['kind'][];
  mail(secret: Secret): Buffer;
}

const INTRODUCTION = 'Hi all,\n\nI thought that this might be of interest to some of you, please see below.\n\n';

const text = (name: string, change: (text: string) => string): Transformation => ({
  name,
  wants: ['text'],
  mail: (secret) => mailOf({ content: plain(INTRODUCTION + change(secret.text)) }),
});
const textMail = (name: string, mail: (text: string, secret: Secret) => Buffer): Transformation => ({
  name,
  wants: ['text'],
  mail: (secret) => mail(secret.text, secret),
});
const patch = (name: string, change: (diff: string) => string): Transformation => ({
  name,
  wants: ['patch'],
  mail: ({ patch }) => mailOf({ content: plain(INTRODUCTION + change(patch.bytes.toString())) }),
});
const patchMail = (name: string, wants: Hit['kind'][], mail: (patch: Secret['patch']) => Buffer): Transformation => ({
  name,
  wants,
  mail: ({ patch }) => mail(patch),
});
const id = (name: string, change: (id: string) => string): Transformation => ({
  name,
  wants: ['id'],
  mail: ({ ids: [id = ''] }) => mailOf({ content: plain(`Hello,\n\nis anything known about ${change(id)} yet?\n\nBob\n`) }),
});

const hexOf = (letter: string, digits: number) => letter.charCodeAt(0).toString(16).padStart(digits, '0');
const inWide = (text: string) => text.replace(/[!-~]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0));
const everyLine = (text: string, change: (line: string, at: number) => string) => text.split('\n').map(change).join('\n');
export const paragraphs = (text: string) => text.split(/\n\n+/);

export function wrapped(text: string, width: number): string {
  return paragraphs(text)
    .map((paragraph) => {
      const lines = [''];
      for (const word of paragraph.split(/\s+/)) {
        if ((lines.at(-1) ?? '').length + word.length >= width) lines.push('');
        lines[lines.length - 1] = `${lines.at(-1)} ${word}`.trim();
      }
      return lines.join('\n');
    })
    .join('\n\n');
}

export const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const html = (body: string) => ({ type: 'text/html; charset=utf-8', body: `<html><body>${body}</body></html>` });

function uuencoded(octets: Uint8Array): string {
  const letter = (six: number) => String.fromCharCode(six === 0 ? 96 : six + 32);
  const lines = ['begin 644 notes.txt'];
  for (let at = 0; at < octets.length; at += 45) {
    const line = octets.subarray(at, at + 45);
    let out = letter(line.length);
    for (let from = 0; from < line.length; from += 3) {
      const [a = 0, b = 0, c = 0] = line.subarray(from, from + 3);
      out += letter(a >> 2) + letter(((a & 3) << 4) | (b >> 4)) + letter(((b & 15) << 2) | (c >> 6)) + letter(c & 63);
    }
    lines.push(out);
  }
  return [...lines, '`', 'end'].join('\n');
}

/** As `diff -c` has it, without the numbers. */
function contextDiff(diff: string): string {
  const side = ({ before, after }: Hunk, of: 'before' | 'after') => {
    const [own, other] = of === 'before' ? [before, after] : [after, before];
    const there = new Set(other.split('\n'));
    return everyLine(own, (line) => (there.has(line) ? `  ${line}` : `! ${line}`));
  };
  const hunks = hunksIn(diff).hunks.map(
    (hunk) => `***************\n*** 1,9 ****\n${side(hunk, 'before')}\n--- 1,9 ----\n${side(hunk, 'after')}`,
  );
  return `*** a/file\n--- b/file\n${hunks.join('\n')}\n`;
}

const reversed = (diff: string) =>
  everyLine(diff, (line) => (/^[-+]{3} /.test(line) ? line : line.replace(/^[-+]/, (sign) => (sign === '+' ? '-' : '+'))));

/** With no line around what changes. */
const bareDiff = (diff: string) =>
  everyLine(diff, (line) => (line.startsWith(' ') ? '@@ -1 +1 @@' : line)).replace(/(@@ -1 \+1 @@\n)+/g, '@@ -1 +1 @@\n');

export const TRANSFORMATIONS: readonly Transformation[] = [
  text('as it is', (text) => text),
  text('quoted', (text) => everyLine(text, (line) => `> ${line}`)),
  text(
    'quoted three times',
    (text) => `On Monday, Al wrote:\n${everyLine(text, (line, at) => `${at % 2 ? '>>> ' : '> > > '}${line}`)}`,
  ),
  text('quoted with bars', (text) => everyLine(text, (line) => `| ${line}`)),
  text('quoted with initials', (text) => everyLine(text, (line) => `RH> ${line}`)),
  text('wrapped at 60', (text) => wrapped(text, 60)),
  text('wrapped at 40 and quoted', (text) => everyLine(wrapped(text, 40), (line) => `> ${line}`)),
  text('a line for each paragraph', (text) => wrapped(text, 1e9)),
  text('upper case', (text) => text.toUpperCase()),
  text('smart quotes and dashes', (text) =>
    text
      .replace(/"([^"]*)"/g, '“$1”')
      .replace(/'/g, '’')
      .replace(/-/g, '‑'),
  ),
  text('tabs for blanks', (text) => text.replaceAll(' ', '\t')),
  text('an empty line after each', (text) => text.replaceAll('\n', '\n\n')),
  text('paragraphs in reverse order', (text) => paragraphs(text).reverse().join('\n\n')),
  text('a third of it', (text) => {
    const lines = text.split('\n');
    return lines.slice(Math.floor(lines.length / 3), Math.ceil((2 * lines.length) / 3)).join('\n');
  }),
  text('one paragraph', (text) => paragraphs(text).reduce((longest, one) => (one.length > longest.length ? one : longest))),
  text('zero-width spaces in words', (text) => text.replace(/([a-z]{3})([a-z])/g, '$1\u200b$2')),
  text('no-break spaces', (text) => text.replaceAll(' ', '\u00a0')),
  text('line numbers', (text) => everyLine(text, (line, at) => `${String(at + 1).padStart(4)}  ${line}`)),
  text('a comment in C', (text) => `/*\n${everyLine(text, (line) => ` * ${line}`)}\n */`),
  text('answered line by line', (text) =>
    everyLine(wrapped(text, 72), (line, at) => (at % 3 === 2 ? `> ${line}\n\nOh. I see.\n` : `> ${line}`)),
  ),
  text('base64 in the text', (text) => base64Lines(Buffer.from(text))),
  text('base64 in the text, quoted', (text) => everyLine(base64Lines(Buffer.from(text), 64), (line) => `> ${line}`)),
  text('uuencode in the text', (text) => uuencoded(Buffer.from(text))),
  textMail('base64', (text) => mailOf({ content: { ...plain(text), encoding: 'base64' } })),
  textMail('quoted-printable', (text) => mailOf({ content: { ...plain(text), encoding: 'quoted-printable' } })),
  textMail('quoted-printable, and nobody says so', (text) =>
    mailOf({ content: plain(quotedPrintable(Buffer.from(crlf(text)))) }),
  ),
  textMail('UTF-16', (text) =>
    mailOf({ content: { ...plain(Buffer.from(`\ufeff${text}`, 'utf16le'), 'utf-16'), encoding: 'base64' } }),
  ),
  textMail('UTF-16 in a file that does not say so', (text) =>
    mailOf({ content: [plain('See file.'), file('a.txt', Buffer.from(text, 'utf16le'))] }),
  ),
  textMail('Windows-1252 with smart quotes', (text) =>
    mailOf({ content: plain(Buffer.from(text.replace(/"([^"]*)"/g, '\x93$1\x94'), 'latin1'), 'windows-1252') }),
  ),
  textMail('format=flowed', (text) =>
    mailOf({ content: plain(wrapped(text, 60).replace(/([^\n])\n([^\n])/g, '$1 \n$2'), 'utf-8; format=flowed') }),
  ),
  textMail('HTML', (text) =>
    mailOf({
      content: html(
        paragraphs(text)
          .map((one) => `<p>${escaped(one)}</p>`)
          .join(''),
      ),
    }),
  ),
  textMail('HTML with markup inside of words', (text) =>
    mailOf({ content: html(escaped(text).replace(/([a-z])([a-z])/g, '$1<b></b>$2')) }),
  ),
  textMail('HTML, in numbers', (text) =>
    mailOf({ content: html(text.replace(/[a-z]/gi, (letter) => `&#${letter.charCodeAt(0)};`)) }),
  ),
  textMail('HTML, in a comment', (text) => mailOf({ content: html(`<p>Hello</p><!-- ${text.replaceAll('--', '')} -->`) })),
  textMail('HTML beside an innocent text', (text) =>
    mailOf({ subtype: 'alternative', content: [plain('Hello'), html(`<div style="display:none">${escaped(text)}</div>`)] }),
  ),
  textMail('a text file', (text) => mailOf({ content: [plain('See file.'), file('notes.txt', text, 'text/plain')] })),
  textMail('an enclosed mail', (text, { subject }) =>
    mailOf({
      content: [
        plain('FYI'),
        { type: 'message/rfc822', encoding: '7bit', body: mailOf({ subject, content: { ...plain(text), encoding: 'base64' } }) },
      ],
    }),
  ),
  textMail('a mail as a file', (text, { subject }) =>
    mailOf({ content: [plain('FYI'), file('m.eml', mailOf({ subject, content: { ...plain(text), encoding: 'base64' } }))] }),
  ),
  textMail('a gzip file', (text) => mailOf({ content: [plain('See file.'), file('notes.gz', gzipSync(text))] })),
  textMail('a zip file', (text) =>
    mailOf({ content: [plain('See file.'), file('notes.zip', zipOf('a.txt', Buffer.from(text), deflateRawSync(text)))] }),
  ),
  {
    name: 'its subject alone, in a subject',
    wants: ['text'],
    mail: ({ subject }) =>
      mailOf({
        subject: `Re: [orbit] ${subject.replace(/^CVE[-\d]+: /, '').toUpperCase()}`,
        content: plain('What is this about?'),
      }),
  },
  id('an id', (id) => id),
  id('an id with blanks, in lower case', (id) => id.toLowerCase().replaceAll('-', ' ')),
  id('an id with odd dashes', (id) => id.replaceAll('-', '\u2011')),
  id('an id with zero-width spaces', (id) => id.replaceAll('-', '\u200b-\u200b').replace('9', '9\u200b')),
  id('an id that a quotation breaks', (id) => id.replace(/-(?=\d+$)/, '-\n> ')),
  id('an id in a list', (id) => `CVE-2026-98000, 98001 and ${id.replace(/.*-/, '')}`),
  id('an id in full-width letters', (id) => inWide(id)),
  id('an id in letters of mathematics', (id) =>
    id.replace(/[A-Z]/g, (letter) => String.fromCodePoint(letter.charCodeAt(0) - 65 + 0x1d400)),
  ),
  text('letters of mathematics', (text) =>
    text.replace(/[a-z]/g, (letter) => String.fromCodePoint(letter.charCodeAt(0) - 97 + 0x1d5ba)),
  ),
  text('encoded for a URL', (text) => `https://paste.example/?text=${encodeURIComponent(text)}`),
  text('every letter encoded for a URL', (text) => text.replace(/[\s\S]/g, (letter) => `%${hexOf(letter, 2)}`)),
  text('escaped as programs do it', (text) => JSON.stringify(text).replace(/[\s\S]/g, (letter) => `\\u${hexOf(letter, 4)}`)),
  patch('a patch encoded for a URL', (diff) => encodeURIComponent(diff)),
  id('an id in the address of a page', (id) => `https://cve.example/?id=${id}&x=1`),
  {
    name: 'an id in a subject',
    wants: ['id'],
    mail: ({ ids: [id = ''] }) => mailOf({ subject: `=?utf-8?Q?About_${id.replaceAll('-', '=2D')}?=`, content: plain('?') }),
  },
  {
    name: 'an id in the name of a file',
    wants: ['id'],
    mail: ({ ids: [id = ''] }) => mailOf({ content: [plain('See file.'), file(`${id.toLowerCase()}_v2.bin`, 'x')] }),
  },
  {
    name: "the case's id",
    wants: ['id'],
    mail: ({ caseId }) => mailOf({ content: plain(`This is ${caseId.replaceAll('-', '_')}.`) }),
  },
  patch('a patch', (diff) => diff),
  patch('a patch, quoted', (diff) => everyLine(diff, (line) => `> ${line}`)),
  patch('a patch, reversed', reversed),
  patch('a patch as a context diff', contextDiff),
  patch('a patch without context', bareDiff),
  patch('what a patch makes, without marks', (diff) =>
    hunksIn(diff)
      .hunks.map(({ after }) => after)
      .join('\n'),
  ),
  patch('a patch with blanks for tabs', (diff) => diff.replaceAll('\t', '    ')),
  patchMail('a patch as a file of its name', ['file', 'patch'], ({ name, bytes }) =>
    mailOf({ content: [plain('See file.'), file(name, bytes)] }),
  ),
  patchMail('a patch as a file of another name, with other line ends', ['patch'], ({ bytes }) =>
    mailOf({ content: [plain('See file.'), file('x.txt', crlf(bytes.toString()))] }),
  ),
  patchMail('a patch in a gzip file', ['file', 'patch'], ({ bytes }) =>
    mailOf({ content: [plain('See file.'), file('x.gz', gzipSync(bytes))] }),
  ),
  patchMail('a patch in preformatted HTML', ['patch'], ({ bytes }) =>
    mailOf({ content: html(`<pre>${escaped(bytes.toString())}</pre>`) }),
  ),
];
