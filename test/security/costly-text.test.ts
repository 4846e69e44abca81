import { describe, expect, it, test } from 'vitest';
import { withoutFurniture } from '../../src/embargo/boilerplate.ts';
import { fingerprint, nameKey } from '../../src/embargo/fingerprint.ts';
import { hunksIn } from '../../src/embargo/hunks.ts';
import { embargoedIn, watch } from '../../src/embargo/recognise.ts';
import { parseMailboxes } from '../../src/mail/address.ts';
import { armoredLines, blocksIn, dearmor, htmlLines } from '../../src/mail/armor.ts';
import { automatic, isLoop } from '../../src/mail/automatic.ts';
import { carriedParts } from '../../src/mail/carried.ts';
import { encryptedFile, offeredCertificates } from '../../src/mail/enclosed.ts';
import { recognise } from '../../src/mail/encrypted.ts';
import { withoutLegacyDisplay } from '../../src/mail/legacy-display.ts';
import { type Entity, entityText, leaves, parseEntity, parseMessage } from '../../src/mail/message.ts';
import { multipart, textPart, words } from '../../src/mail/outgoing.ts';
import { effectiveField, protectedAddresses } from '../../src/mail/protected.ts';
import { deliveryReport } from '../../src/mail/report.ts';
import { isBlank, partsOfText, readable } from '../../src/mail/shown.ts';
import { charsetOf, decoderFor, octetsIn } from '../../src/mail/text.ts';
import { viewOf } from '../../src/mail/view.ts';
import type { OpenedMail } from '../../src/pgp/open.ts';
import { isApplication, parseApplication } from '../../src/post/application.ts';
import { parseRequest } from '../../src/post/commands.ts';
import { filesOf } from '../../src/post/look.ts';
import { Refusal } from '../../src/refusal.ts';
import { effort, processorTime } from '../support/effort.ts';

// biome-ignore format: lists to be read across
const UNITS = [
  ' ', '\t\n', ' \n', '\n', '\r\n \r\n', 'a\u00a0', '\u00a0', '\u3000 ', '\u200b', 'İ', 'ä\n', '@', 'list @', 'a@', '>', '> ', '- ', '-- \n', '-', ':', 'a: b\n',
  '<', '<a', '<p>', '<br', '<pre>', '<pre ', '<!--', '<!-->', '<style</style', '<style></style', '</title', '<script>', '&', '&#160;<p>', '<div class="header-protection-legacy-display',
  'begin 1 a\n', 'begin 1 ', '=ybegin name=', '-----BEGIN PGP', '-----BEGIN PGP MESSAGE-----\n', '-----BEGIN PGP MESSAGE----- ', '-----END PGP MESSAGE-----    ',
  '-----BEGIN PGP SIGNED MESSAGE-----\n', '-----BEGIN PGP MESSAGE-----\n\nA\n-----END PGP MESSAGE-----\n', 'A\n', '=41', '=\n', '=?', '=?utf-8?q?a?= ',
  `${'A'.repeat(40)}\n`, 'CVE-2026-9900', '99001 ', '> > @@ -1 +1 @@\n', 'begin 644 a\n#86)C\n',
  '(', '"', '"a" ', ',', ';', '; a=b', '\\', '\u001b$B', 'vouch for ', 'reject ', 'Subject: x\n', 'final-recipient: ', 'because\n', '550 5.1.1 ', '<a@b.example>: ', 'message ',
];

/** Characters: the parser refuses longer header sections. */
const LONGEST_FIELD = 250 * 1024;

const ARMOR = '-----BEGIN PGP MESSAGE-----\r\n\r\nA\r\n-----END PGP MESSAGE-----\r\n';
const part = (type: string, text: string) => `--m\r\nContent-Type: ${type}; charset=utf-8\r\n\r\n${text}\r\n`;
const several = (type: string, parts: readonly string[]) =>
  `Content-Type: multipart/${type}; boundary=m\r\n\r\n${parts.join('')}--m--\r\n`;
const marked = (type: string, text: string) =>
  `Subject: x\r\nContent-Type: ${type}; charset=utf-8; hp="cipher"; hp-legacy-display=1\r\n\r\n${text}`;

/** Where a mail has the text. */
const SHAPES: Readonly<Record<string, (text: string) => string>> = {
  'plain text': (text) => `Content-Type: text/plain; charset=utf-8\r\n\r\n${text}`,
  HTML: (text) => `Content-Type: text/html; charset=utf-8\r\n\r\n${text}`,
  'text without a charset': (text) => `Content-Transfer-Encoding: quoted-printable\r\n\r\n${text}`,
  'flowed text': (text) => `Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\r\n\r\n${text}`,
  'HTML with a mark of armor': (text) => `Content-Type: text/html\r\n\r\n-----BEGIN PGP\r\n${text}`,
  'a text with its renderings': (text) =>
    several('alternative', [
      part('text/plain', ARMOR + text),
      ...Array.from({ length: Math.ceil(text.length / 2000) }, () => part('text/html', `<p>x</p>${ARMOR}`)),
    ]),
  'renderings of a text': (text) =>
    several('alternative', [part('text/plain', `x${ARMOR}`), part('text/html', ARMOR + text), part('text/html', text)]),
  'what repeats fields': (text) => marked('text/plain', `Subject: x${text}y\r\n\r\nz`),
  'what repeats fields line by line': (text) => marked('text/plain', `Subject: x\r\n${text}\r\n\r\nz`),
  'what repeats fields, in HTML': (text) =>
    marked('text/html', `<div class="header-protection-legacy-display">Subject: x${text}</div>`),
  'a report': (text) =>
    several('report', [part('text/plain', text), part('message/delivery-status', text), part('message/rfc822', text)]),
  'a file': (text) => `Content-Type: application/octet-stream; name=a.asc\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n${text}`,
  'a field': (text) => `Subject: ${text.replace(/\n/g, '\n ').slice(0, LONGEST_FIELD)}\r\nMessage-ID: <a@b>\r\n\r\nx`,
};

const WATCHED = watch([
  fingerprint('ORBIT-2026-0001', {
    ids: ['CVE-2026-99001', 'x'],
    texts: ['a mail begins with a great many marks of quotation, and then nothing else comes'],
    patches: [
      { name: 'a.patch', bytes: Buffer.from('@@ -1 +1 @@\n-one line of it goes away\n+another line of it comes in place\n') },
    ],
  }),
]);

/** What the way of a mail in does with it. */
const LOOKS: Readonly<Record<string, (mail: Entity) => unknown>> = {
  recognise: (mail) => recognise(mail, { onItsWay: true }),
  readable: (mail) => readable(mail).map((leaf) => [partsOfText(leaf), isBlank(leaf), encryptedFile(leaf)]),
  viewOf,
  carriedParts,
  withoutLegacyDisplay,
  offeredCertificates,
  filesOf: ({ raw }) => filesOf({ content: raw, aside: [] } as unknown as OpenedMail),
};

/** What is done before a mail is opened, of its first words and its fields. */
const OUTSIDE: typeof LOOKS = {
  automatic: (mail) => [automatic(mail, ''), automatic(mail, 'a@b.example'), isLoop(mail, ['a.b'])],
  deliveryReport,
  'the outside': ({ raw }) => effectiveField('subject', parseMessage(raw), { entity: parseEntity(raw), encrypted: true }),
};
const FROM_OUTSIDE = ['plain text', 'HTML', 'a report', 'a field'];

/** The same of a text. */
const READS: Readonly<Record<string, (text: string) => unknown>> = {
  blocksIn: (text) => blocksIn(text),
  htmlLines,
  armoredLines,
  'dearmor, its data': (text) => dearmor(`-----BEGIN PGP MESSAGE-----\n\n${text}\n-----END PGP MESSAGE-----`),
  'dearmor, its headers': (text) => dearmor(`-----BEGIN PGP MESSAGE-----\n${text}\n\nA===\n-----END PGP MESSAGE-----`),
  parseRequest,
  'parseRequest, a list': (text) => parseRequest(`list ${text} x`),
  'parseRequest, a vouch': (text) => parseRequest(`list a@b.example\nvouch for ${text}`),
  'parseRequest, a rejection': (text) => parseRequest(`reject 01m34xgw00dtmsdx2p84zdyymk ${text}`),
  isApplication: (text) => [isApplication(text), isApplication(`list ${text} x`)],
  parseApplication: (text) =>
    parseApplication(`apply\nalias: ${text}\norganisation: x`, { criteria: [{ id: 'alias', text: '' }] }),
  parseMailboxes: (text) => parseMailboxes(text.slice(0, LONGEST_FIELD)),
  protectedAddresses: (text) =>
    protectedAddresses({
      entity: {
        ...parseEntity(Buffer.from('Content-Type: text/plain; hp="cipher"\r\n\r\n')),
        fields: [{ name: 'To', value: text.slice(0, LONGEST_FIELD) }],
      },
      encrypted: true,
    }),
  charsetOf: (text) => charsetOf(Buffer.from(text), 'windows-1252'),
  'octetsIn, for a signature': (text) => [octetsIn(text, 'iso-2022-jp'), octetsIn(text, 'iso-8859-15')],
  'windows-1252': (text) => decoderFor('windows-1252')?.decode(Buffer.from(text)),
  'what is embargoed': (text) => [withoutFurniture(text), hunksIn(text), nameKey(text)],
  ...Object.fromEntries(
    ['text/plain\n\n', 'text/plain\n\n@@ -1 +1 @@\n', 'text/html\n\n', 'text/plain; format=flowed; delsp=yes\n\n'].map((head) => [
      `embargoedIn, ${JSON.stringify(head)}`,
      (text: string) => embargoedIn(parseEntity(Buffer.from(`Content-Type: ${head}${text}`)), WATCHED),
    ]),
  ),
  textPart: (text) => textPart(text),
  words,
};

const LARGE = 512 * 1024;
/** Milliseconds. What costs less, whatever it is, costs nobody anything. */
const FLOOR = 200;
/** Linear is 4, quadratic 16. */
const FACTOR = 8;

function costOf(read: (text: string) => unknown, unit: string, size: number): number {
  const text = unit.repeat(Math.ceil(size / unit.length));
  const spent = processorTime();
  try {
    read(text);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  return spent();
}

/**
 * Whether four times as much costs about four times as much. Small sizes go first: what is badly quadratic takes minutes for a large
 * one, and what costs next to nothing for a small one stays below the floor even if it is quadratic.
 */
function isLinear(read: (text: string) => unknown, unit: string): boolean {
  for (const size of [LARGE / 64, LARGE / 16, LARGE / 4, LARGE]) {
    const cost = costOf(read, unit, size);
    if (cost * (LARGE / size) ** 2 < FLOOR) return true;
    if (cost < FLOOR) continue;
    const quarter = Math.max(1, costOf(read, unit, size / 4), costOf(read, unit, size / 4));
    if (Math.min(cost, costOf(read, unit, size)) >= Math.max(FLOOR, FACTOR * quarter)) return false;
  }
  return true;
}

test('a text that holds more files than anybody sends is refused, and not gone through', () => {
  const content = (count: number) => Buffer.from(`Content-Type: text/plain\r\n\r\n${'begin 644 a.exe\n'.repeat(count)}`);
  const names = (count: number) => filesOf({ content: content(count), aside: [] } as unknown as OpenedMail);
  expect(names(100)).toHaveLength(100);
  expect(() => names(101)).toThrow(expect.objectContaining({ reason: 'too-complex' }));
});

test('what has hardly a letter in a line is no armor', () => {
  const armor = (lines: number) => `-----BEGIN PGP MESSAGE-----\n\n${'AAAA\n'.repeat(lines)}-----END PGP MESSAGE-----`;
  expect(dearmor(armor(900))).toHaveLength(2700);
  expect(() => dearmor(armor(100_000))).toThrow(expect.objectContaining({ reason: 'cannot-open' }));
});

describe('a charset costs what its octets cost, whatever its name', () => {
  const part = (charset: string, body: string, ...more: string[]) =>
    Buffer.from([`Content-Type: text/plain; charset=${charset}`, ...more, '', body].join('\r\n'), 'latin1');

  test.each(['utf-7', 'UNICODE-1-1-UTF-7', 'u.tf_7', 'cesu-8', 'utf-32', 'gb18030', 'iso-2022-jp', 'cp850'])('%s', (charset) => {
    for (const piece of ['+AGE-', '+', '\xed\xa0\xbd', '\0\0\0a']) {
      const raw = part(charset, piece.repeat((4 * 1024 * 1024) / piece.length));
      const spent = effort();
      expect(entityText(parseEntity(raw)).length).toBeGreaterThan(0);
      filesOf({ content: raw, aside: [] } as unknown as OpenedMail);
      expect(spent()).toBeLessThan(2000);
    }
  });

  test('UTF-7 (RFC 2152) is read whole, in however many parts it stands', () => {
    const read = (text: string) => entityText(parseEntity(part('utf-7', text)));
    for (const [text, words] of [
      ['Hi Mom -+Jjo--!', 'Hi Mom -\u263a-!'],
      ['A+ImIDkQ.', 'A\u2262\u0391.'],
      ['1 +- 1 +AD0 2+--x +2D3eAA-+AOs', '1 + 1 = 2+-x \ud83d\ude00\u00eb'],
      ['', ''],
    ] as const)
      expect(read(text)).toBe(words);
    expect(read('+AGE-'.repeat(20_000))).toBe('a'.repeat(20_000));
    const parts = Array.from({ length: 390 }, () => part('utf-7', '+AGE-'.repeat(12_600)));
    const mail = parseEntity(multipart('mixed', parts));
    const spent = effort();
    expect(leaves(mail).map(entityText).join('').trim()).toHaveLength(390 * 12_600);
    expect(spent()).toBeLessThan(4000);
  });

  test.each(['cesu-8', 'base64', 'ba-se64', 'h-ex', 'utf-7-imap', 'u-tf7imap', '_internal', 'binary'])('%s is none', (label) => {
    expect(decoderFor(label)).toBeUndefined();
  });

  test.each(['utf-7', 'utf7', 'u_tf7', 'UNICODE-1-1-UTF-7', 'u.tf-32'])('%s makes no other words of plain ASCII', (label) => {
    expect(charsetOf(Buffer.from('pay +AGEAYg-'), label)).toBe('utf-8');
    expect(octetsIn('zo\xeb +AGEAYg-', label)?.length).toBe(label === 'u.tf-32' ? undefined : 'zoe +AGEAYg-'.length);
  });

  test('a signed text is not tried in other charsets where that would take all memory', () => {
    expect(octetsIn('\u30c6\r\n'.repeat(100), 'iso-2022-jp')?.length).toBe(1000);
    expect(octetsIn('\u30c6\r\n'.repeat(400_000), 'iso-2022-jp')).toBeUndefined();
  });
});

describe('what a stranger writes is read in the time that its size takes', () => {
  const slow = (read: (text: string) => unknown) => UNITS.filter((unit) => !isLinear(read, unit));

  it.each(Object.entries(READS))('%s', (_, read) => {
    expect(slow(read)).toEqual([]);
  });

  describe.each(Object.entries(SHAPES))('%s', (name, shape) => {
    const looks = FROM_OUTSIDE.includes(name) ? { ...LOOKS, ...OUTSIDE } : LOOKS;
    it.each(Object.entries(looks))('%s', (_, look) => {
      expect(slow((text) => look(parseEntity(Buffer.from(`From: a@b.example\r\n${shape(text)}`))))).toEqual([]);
    });
  });
});
