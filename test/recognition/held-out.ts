import { deflateRawSync, gzipSync } from 'node:zlib';
import { hunksIn } from '../../src/embargo/hunks.ts';
import type { Hit } from '../../src/embargo/recognise.ts';
import { base64Lines, crlf, file, mailOf, type Part, plain, quotedPrintable, zipOf } from './letter.ts';
import { NEAR } from './near.ts';
import type { Secret } from './secrets.ts';
import { escaped, paragraphs, type Transformation, wrapped } from './transformations.ts';

/*
 * Written when the recogniser was done, to see what it makes of what it was not made for. What it misses of these, it misses: nothing was changed for them.
 */

const wanting =
  (...wants: Hit['kind'][]) =>
  (name: string, mail: (secret: Secret) => Buffer): Transformation => ({ name, wants, mail });
const ofText = wanting('text');
const ofPatch = wanting('patch');
const ofId = wanting('id');

const asText = (body: string | Uint8Array, charset?: string) => mailOf({ content: plain(body, charset) });
const lines = (text: string, change: (line: string, at: number) => string) => text.split('\n').map(change).join('\n');
const html = (body: string): Part => ({ type: 'text/html; charset=utf-8', encoding: 'quoted-printable', body });
const diffOf = ({ patch }: Secret) => patch.bytes.toString();

/** As tar writes one file (POSIX ustar), without what a reader of words needs not. */
function tarOf(name: string, octets: Uint8Array): Buffer {
  const head = Buffer.alloc(512);
  head.write(name, 0);
  head.write('0000644', 100);
  head.write(octets.length.toString(8).padStart(11, '0'), 124);
  head.write('ustar\0', 257);
  return Buffer.concat([head, octets, Buffer.alloc(1536 - (octets.length % 512))]);
}

/** Two columns, as `diff -y` writes them. */
function sideBySide(diff: string): string {
  return hunksIn(diff)
    .hunks.map(({ before, after }) => {
      const [old, made] = [before.split('\n'), after.split('\n')];
      return Array.from({ length: Math.max(old.length, made.length) }, (_, at) =>
        `${(old[at] ?? '').replaceAll('\t', '    ').slice(0, 60).padEnd(62)}| ${made[at] ?? ''}`.trimEnd(),
      ).join('\n');
    })
    .join('\n');
}

/** As `diff` writes without options. */
function normalDiff(diff: string): string {
  return hunksIn(diff)
    .hunks.map(({ before, after }) => {
      const [old, made] = [before.split('\n'), after.split('\n')];
      const only = (lines: string[], others: string[], sign: string) =>
        lines.filter((line) => !others.includes(line)).map((line) => `${sign} ${line}`);
      return ['12,14c12,20', ...only(old, made, '<'), '---', ...only(made, old, '>')].join('\n');
    })
    .join('\n');
}

const long = NEAR.map(({ subject, text }) => `${subject}\n\n${text}`).join('\n\n');

export const HELD_OUT: readonly Transformation[] = [
  ofText('in the middle of a long mail on the same program', ({ text }) =>
    asText(`${long}\n\n${paragraphs(text).reduce((longest, one) => (one.length > longest.length ? one : longest))}\n\n${long}`),
  ),
  ofText('two sentences', ({ text }) => {
    const sentences = text
      .replace(/\s+/g, ' ')
      .split(/(?<=\.) /)
      .filter((one) => one.length > 70);
    return asText(`Somebody told me this: ${sentences.slice(1, 3).join(' ')} Is it true?`);
  }),
  ofText('every third line left out', ({ text }) =>
    asText(
      text
        .split('\n')
        .filter((_, at) => at % 3 !== 1)
        .join('\n'),
    ),
  ),
  ofText('a typing error in every tenth word', ({ text }) => {
    let count = 0;
    return asText(text.replace(/[a-z]{4,}/gi, (word) => (++count % 10 === 0 ? word.slice(0, 2) + word.slice(3) : word)));
  }),
  ofText('articles left out', ({ text }) => asText(text.replace(/\b(the|a|an) /gi, ''))),
  ofText('title case', ({ text }) => asText(text.replace(/\b[a-z]/g, (letter) => letter.toUpperCase()))),
  ofText('divided at line ends', ({ text }) => asText(wrapped(text, 50).replace(/([a-z]{4})([a-z]{4,})\n/g, '$1-\n$2 '))),
  ofText('soft hyphens', ({ text }) => asText(text.replace(/([a-z]{3})([a-z]{3})/g, '$1\u00ad$2'))),
  ofText('full-width letters', ({ text }) =>
    asText(text.replace(/[!-~]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0))),
  ),
  ofText('ligatures, as of a PDF', ({ text }) => asText(text.replaceAll('fi', '\ufb01').replaceAll('fl', '\ufb02'))),
  ofText('emphasised words', ({ text }) => asText(text.replace(/\b([a-z]{6,})\b/g, '*$1*'))),
  ofText('a list of points', ({ text }) => asText(text.replace(/(?<=\.)\s+/g, '\n\n  * '))),
  ofText('quoted by Outlook', ({ text, subject }) =>
    asText(
      `FYI\n\n-----Original Message-----\nFrom: Lena\nSent: Monday\nTo: distributors\nSubject: ${subject}\n\n${lines(text, (line) => `\t${line}  `)}`,
    ),
  ),
  ofText('old Mac line ends', ({ text }) => asText(Buffer.from(text.replaceAll('\n', '\r')))),
  ofText('JSON', ({ text }) => asText(JSON.stringify({ note: text }))),
  ofText('JSON in a file', ({ text }) =>
    mailOf({ content: [plain('x'), file('a.json', JSON.stringify([{ t: text }], null, 2), 'application/json')] }),
  ),
  ofText('a calendar entry', ({ text }) => {
    const folded = (`DESCRIPTION:${text.replaceAll(',', '\\,').replaceAll('\n', '\\n')}`.match(/.{1,74}/g) ?? []).join('\r\n ');
    return mailOf({ content: [plain('x'), { type: 'text/calendar', body: `BEGIN:VCALENDAR\r\n${folded}\r\nEND:VCALENDAR` }] });
  }),
  ofText('shell comments', ({ text }) => asText(lines(text, (line) => `# ${line}`))),
  ofText('log lines with times', ({ text }) =>
    asText(lines(text, (line, at) => `Sep 16 11:00:${at % 60} host irc[812]: <bob> ${line}`)),
  ),
  ofText('UTF-16, high octet first, without a mark', ({ text }) =>
    mailOf({ content: { ...plain(Buffer.from(text, 'utf16le').swap16(), 'utf-16be'), encoding: 'base64' } }),
  ),
  ofText('ISO-8859-15 that says ASCII', ({ text }) =>
    asText(Buffer.from(text.replaceAll(' - ', ' \xbb '), 'latin1'), 'us-ascii'),
  ),
  ofText('an unknown charset', ({ text }) => asText(text, 'x-klingon')),
  ofText('KOI8-R', ({ text }) =>
    asText(Buffer.concat([Buffer.from([0xf0, 0xd2, 0xc9, 0xd7, 0xc5, 0xd4, 10, 10]), Buffer.from(text)]), 'koi8-r'),
  ),
  ofText('format=flowed that breaks words, quoted', ({ text }) =>
    asText(
      (wrapped(text, 1e6).match(/.{1,60}|\n/g) ?? []).map((line) => (line === '\n' ? '>' : `> ${line} `)).join('\n'),
      'utf-8; format=flowed; delsp=yes',
    ),
  ),
  ofText('a table in HTML', ({ text }) =>
    mailOf({
      content: html(
        `<table>${paragraphs(text)
          .map((one, at) => `<tr><td>${at}<td>${escaped(one).replaceAll('\n', '<br>')}`)
          .join('')}</table>`,
      ),
    }),
  ),
  ofText('HTML, every word in a span', ({ text }) =>
    mailOf({ content: html(escaped(text).replace(/\S+/g, '<span class="c1">$&</span>')) }),
  ),
  ofText('HTML, in the text for a picture', ({ text }) =>
    mailOf({ content: html(`<img src="cid:1" alt="${escaped(text).replaceAll('"', '&quot;')}">`) }),
  ),
  ofText('HTML, as data in an address', ({ text }) =>
    mailOf({ content: html(`<a href="data:text/plain;base64,${Buffer.from(text).toString('base64')}">x</a>`) }),
  ),
  ofText('HTML, in UTF-16', ({ text }) =>
    mailOf({
      content: {
        type: 'text/html; charset=utf-16le',
        encoding: 'base64',
        body: Buffer.from(`<p>${escaped(text)}</p>`, 'utf16le'),
      },
    }),
  ),
  ofText('HTML in a file that says it is something else', ({ text }) =>
    mailOf({ content: [plain('x'), file('a.dat', `<html><p>${escaped(text).replace(/e/g, '&#101;')}</p></html>`)] }),
  ),
  ofText('around the parts of a mail', ({ text }) => mailOf({ preamble: crlf(text), content: [plain('Hello')] })),
  ofText('a field of the header', ({ text }) =>
    mailOf({ fields: [`Comments: ${text.replace(/\s*\n\s*/g, '\r\n  ')}`], content: plain('Hello') }),
  ),
  ofText('paragraph by paragraph in files', ({ text }) =>
    mailOf({ content: paragraphs(text).map((one, at) => file(`${at}.txt`, one, 'text/plain')) }),
  ),
  ofText('a document of an office', ({ text }) => {
    const xml = `<?xml version="1.0"?><w:document>${paragraphs(text)
      .map((one) => `<w:p><w:r><w:t>${escaped(one)}</w:t></w:r></w:p>`)
      .join('')}</w:document>`;
    return mailOf({ content: [plain('x'), file('a.docx', zipOf('word/document.xml', Buffer.from(xml), deflateRawSync(xml)))] });
  }),
  ofText('a tar file, gzipped', ({ text }) =>
    mailOf({ content: [plain('x'), file('a.tgz', gzipSync(tarOf('a.txt', Buffer.from(text))))] }),
  ),
  ofText('a gzip file in a zip file', ({ text }) => {
    const inner = gzipSync(text);
    return mailOf({ content: [plain('x'), file('a.zip', zipOf('a.gz', inner, deflateRawSync(inner)))] });
  }),
  ofText('a gzip file as base64 in the text, quoted', ({ text }) =>
    asText(lines(base64Lines(gzipSync(text), 64), (line) => `> ${line}`)),
  ),
  ofText('a mail in a mail in a mail', ({ text, subject }) => {
    const inner = mailOf({ subject, content: { ...plain(text), encoding: 'quoted-printable' } });
    const middle = mailOf({ content: [plain('x'), { type: 'message/rfc822', encoding: '7bit', body: inner }] });
    return mailOf({ content: [plain('x'), { type: 'message/rfc822', encoding: '7bit', body: middle }] });
  }),
  ofText('a whole mail in the text', ({ text, subject }) =>
    asText(mailOf({ subject, content: { ...plain(text), encoding: 'base64' } }).toString()),
  ),
  ofText('a whole mail in the text, quoted-printable and quoted', ({ text }) =>
    asText(lines(quotedPrintable(Buffer.from(crlf(text))), (line) => `> ${line}`)),
  ),
  ofText('a clear signed text', ({ text }) =>
    asText(
      `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n${text.replace(/^-/gm, '- -')}\n-----BEGIN PGP SIGNATURE-----\n\niQEz\n=abcd\n-----END PGP SIGNATURE-----`,
    ),
  ),
  ofText('letters of other alphabets that look the same', ({ text }) =>
    asText(text.replaceAll('a', '\u0430').replaceAll('o', '\u043e')),
  ),
  ofText('letters apart', ({ text }) => asText(text.replace(/\S/g, '$& '))),
  ofText('other words for every sixth', ({ text }) => {
    let count = 0;
    return asText(text.replace(/\S+/g, (word) => (++count % 6 === 0 ? 'thing' : word)));
  }),
  ofId('an id without dashes', ({ ids: [id = ''] }) => asText(`Is ${id.replaceAll('-', '')} known?`)),
  ofId('an id with dashes of typesetters', ({ ids: [id = ''] }) => asText(`(${id.replaceAll('-', ' \u2013 ')})`)),
  ofId('an id in bold numbers', ({ ids: [id = ''] }) => mailOf({ content: html(`<p>${id.replace(/\d+/g, '<b>$&</b>')}</p>`) })),
  ofId('an id after a slash', ({ ids: [id = ''] }) => asText(`CVE-2026-98000/${id.replace(/.*-/, '')}`)),
  ofId('an id in an address, escaped', ({ ids: [id = ''] }) => asText(`https://x.example/?q=${id.replaceAll('-', '%2D')}`)),
  ofId('an id in a References field', ({ ids: [id = ''] }) =>
    mailOf({ fields: [`References: <${id.toLowerCase()}.1@orbit.example>`], content: plain('x') }),
  ),
  ofId('an id in the name of a file, encoded', ({ ids: [id = ''] }) =>
    mailOf({
      content: [
        plain('x'),
        { ...file('x', 'x'), fields: [`Content-Disposition: attachment; filename*=utf-8''${id.replaceAll('-', '%2D')}.txt`] },
      ],
    }),
  ),
  ofId('an id in a file in a zip file', ({ ids: [id = ''] }) =>
    mailOf({ content: [plain('x'), file('a.zip', zipOf(`fix-${id}.c`, Buffer.from('x'), deflateRawSync('x')))] }),
  ),
  ofId('an id in UTF-16', ({ ids: [id = ''] }) =>
    mailOf({ content: [plain('x'), file('a.txt', Buffer.from(`\ufeff${id}`, 'utf16le'))] }),
  ),
  ofPatch('a patch, side by side', (secret) => asText(sideBySide(diffOf(secret)))),
  ofPatch('a patch as a normal diff', (secret) => asText(normalDiff(diffOf(secret)))),
  ofPatch('a patch that a program wrapped', (secret) => asText(diffOf(secret).replace(/^(.{66}\S*) /gm, '$1\n'))),
  ofPatch('a patch whose blanks were lost', (secret) => asText(diffOf(secret).replace(/[ \t]+/g, ' '))),
  ofPatch('the lines that a patch adds', (secret) =>
    asText(
      diffOf(secret)
        .split('\n')
        .filter((line) => line.startsWith('+'))
        .join('\n'),
    ),
  ),
  ofPatch('the first half of a patch', (secret) => asText(diffOf(secret).slice(0, Math.ceil(diffOf(secret).length * 0.6)))),
  ofPatch('a patch in HTML with no-break spaces and smart quotes', (secret) =>
    mailOf({
      content: html(
        lines(
          escaped(diffOf(secret)).replaceAll('"', '&rdquo;').replaceAll("'", '&rsquo;').replace(/[ \t]/g, '&nbsp;'),
          (line) => `<div>${line}</div>`,
        ),
      ),
    }),
  ),
  ofPatch('a patch with the variables named anew', (secret) =>
    asText(diffOf(secret).replace(/\b(slot|label|saved)\b/g, 'entry')),
  ),
  ofPatch('a patch in a file in a tar file', (secret) =>
    mailOf({ content: [plain('x'), file('a.tgz', gzipSync(tarOf('p.diff', secret.patch.bytes)))] }),
  ),
  ofPatch('a patch reviewed line by line', (secret) =>
    asText(lines(diffOf(secret), (line, at) => (at % 5 === 4 ? `> ${line}\n\nLooks right to me.\n` : `> ${line}`))),
  ),
  ofPatch('a patch as base64 in the text', (secret) => asText(base64Lines(secret.patch.bytes))),
  ofPatch('a patch against another version', (secret) =>
    asText(lines(diffOf(secret), (line) => (line.startsWith(' ') ? ` other(${line.length});` : line))),
  ),
];
