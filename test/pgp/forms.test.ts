import { deflateRawSync } from 'node:zlib';
import * as openpgp from 'openpgp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAY, HOUR, SECOND } from '../../src/clock.ts';
import { carriedParts } from '../../src/mail/carried.ts';
import { decodedBody, fileName, leaves, parseEntity } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import { armorCertificate, readCertificate } from '../../src/pgp/certificate.ts';
import { type OpenedMail, openMail } from '../../src/pgp/open.ts';
import { literal } from '../security/attack.ts';
import { packet } from '../support/costly.ts';
import { effort } from '../support/effort.ts';
import { absent, type GnuPG, openGnuPG } from '../support/gnupg.ts';
import { generate, makeParty, type Party } from '../support/party.ts';

const AT = Date.parse('2026-09-07T09:12:00Z');
const list = await makeParty('security@orbit.example');
const rae = await makeParty('rae@research.example');
const eve = await makeParty('eve@evil.example');
const secret = (await openpgp.readPrivateKey({ armoredKey: list.secret })).write();
const known = await readCertificate(rae.public);

const open = (raw: Buffer) =>
  openMail({ raw, secrets: [secret], at: AT }, async (ids) =>
    known.keys.some(({ keyId }) => ids.includes(keyId)) ? [known.data] : [],
  );
const seen = (opened: OpenedMail) => viewOf(parseEntity(opened.content));
const aside = (opened: OpenedMail) => opened.aside.map((part) => viewOf(parseEntity(part)).text.trim());

interface How {
  to?: Party;
  by?: Party | null;
}

async function encrypt(content: string | Uint8Array, how: How = {}): Promise<string> {
  return openpgp.encrypt(await sealing(content, how));
}

async function binary(content: string | Uint8Array, how: How = {}): Promise<Uint8Array> {
  return openpgp.encrypt({ ...(await sealing(content, how)), format: 'binary' });
}

async function sealing(content: string | Uint8Array, { to = list, by = rae }: How) {
  return {
    message: await openpgp.createMessage({ binary: new Uint8Array(Buffer.from(content)) }),
    encryptionKeys: await openpgp.readKey({ armoredKey: to.public }),
    ...(by ? { signingKeys: await openpgp.readPrivateKey({ armoredKey: by.secret }) } : {}),
    date: new Date(AT),
  };
}

const crlf = (text: string) => text.replaceAll(/\r?\n/g, '\r\n');
const mail = (...lines: string[]) =>
  Buffer.from(crlf(['From: rae@research.example', 'Subject: outside', ...lines, ''].join('\n')), 'latin1');
const text = (...lines: string[]) => ['Content-Type: text/plain; charset=utf-8', '', ...lines];
const file = (name: string, bytes: Uint8Array, type = 'application/octet-stream') => [
  `Content-Type: ${type}; name="${name}"`,
  `Content-Disposition: attachment; filename="${name}"`,
  'Content-Transfer-Encoding: base64',
  '',
  Buffer.from(bytes).toString('base64').replaceAll(/.{76}/g, '$&\n'),
];
const mixed = (...parts: string[][]) => [
  'Content-Type: multipart/mixed; boundary=m',
  '',
  ...parts.flatMap((part) => ['--m', ...part]),
  '--m--',
];
const pgpMime = (armored: string) => [
  'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=e',
  '',
  '--e',
  'Content-Type: application/pgp-encrypted',
  '',
  'Version: 1',
  '--e',
  'Content-Type: application/octet-stream',
  '',
  armored,
  '--e--',
];

describe('armor in text, as its way has left it', () => {
  const damage: readonly [string, (armored: string) => string][] = [
    ['as it was', (armored) => armored],
    ['without the empty line after its headers', (armored) => armored.replace('\n\n', '\n')],
    [
      'with a header that a client wrapped',
      (armored) =>
        armored.replace('\n\n', '\nVersion: GnuPG v2\nComment: Using GnuPG with Thunderbird, and a very\n long one\n\n'),
    ],
    [
      'with a header that a client wrapped before its last word',
      (armored) => armored.replace('\n\n', '\nComment: Using GnuPG with\nThunderbird\nVersion: GnuPG v2\n\n'),
    ],
    ['with headers', (armored) => armored.replace('\n\n', '\nVersion: GnuPG v2\nComment: https://x.example\n\n')],
    ['with an empty line between its lines', (armored) => armored.replaceAll('\n', '\n\n')],
    ['with blanks at the ends of its lines', (armored) => armored.replaceAll('\n', ' \n  ')],
    ['left quoted-printable', (armored) => armored.replaceAll('=', '=3D').replace(/^(.{60})(?=.)/gm, '$1=\n')],
    ['with a no-break space for the empty line', (armored) => armored.replace('\n\n', '\n\u00a0\n')],
    [
      'with no-break spaces in its lines and marks',
      (armored) => armored.replaceAll('\n', '\u00a0\n').replace('BEGIN PGP', 'BEGIN\u00a0PGP'),
    ],
    [
      'with what has no width',
      (armored) =>
        armored
          .replaceAll('\n', '\u200b\n')
          .replace('-----\u200b', '-----')
          .replace(/\u200b\n-----END/, '\n-----END')
          .replace(/-----\u200b\n$/, '-----\n'),
    ],
    ['on one line', (armored) => armored.trim().replaceAll('\n', ' ')],
    [
      'on one line with its headers',
      (armored) => armored.replace('\n\n', '\nVersion: GnuPG v2\nComment: by hand\n\n').trim().replaceAll('\n', ' '),
    ],
    [
      'with what has no width around its marks',
      (armored) =>
        Buffer.from(`\u200b${armored.trim().replace('MESSAGE-----\n', 'MESSAGE-----\u200b\n')}\u200b`).toString('latin1'),
    ],
    ['without its checksum', (armored) => armored.replace(/\n=[^\n]{4}\n/, '\n')],
  ];
  it.each(damage)('%s', async (_, harm) => {
    const opened = await open(mail(...text(harm(await encrypt('the text')))));
    expect(opened).toMatchObject({
      form: 'inline',
      encrypted: true,
      allEncrypted: true,
      warnings: [],
      signer: { fingerprint: rae.fingerprint },
    });
    expect(seen(opened).text.trim()).toBe('the text');
  });

  it('with a line that is none of an armor: refused whole', async () => {
    const armored = (await encrypt('the text')).replace('\n\n', '\n\n<img src="https://evil.example/">\n');
    await expect(open(mail(...text(armored)))).rejects.toMatchObject({ reason: 'cannot-open' });
  });

  it.each([
    ['UTF-8, whatever the mail says', 'Content-Type: text/plain; charset=iso-8859-1', Buffer.from('zoë')],
    ['what the mail says', 'Content-Type: text/plain; charset=iso-8859-1', Buffer.from('zoë', 'latin1')],
    [
      'a charset of seven bits',
      'Content-Type: text/plain; charset=iso-2022-jp',
      Buffer.from('zo\x1b(B\xeb', 'latin1').subarray(0, 2),
    ],
    ['none that anybody knows', 'Content-Type: text/plain; charset=x-unknown', Buffer.from('zoë', 'latin1')],
    ['UTF-16 with its mark, as PowerShell writes it', 'Content-Type: text/plain', Buffer.from('\ufeffzoë', 'utf16le')],
  ])('its charset: %s', async (_, type, bytes) => {
    const opened = await open(mail(type, '', await encrypt(bytes)));
    expect(seen(opened).text.trim()).toBe(bytes.length === 2 ? 'zo' : 'zoë');
  });

  it.each(['UTF-7', 'hz-gb-2312', 'ISO-2022-KR', 'utf-16'])(
    'no charset that somebody writes into it makes other words of it: %s',
    async (label) => {
      const words = 'Eve wrote:\n> +AAoACgBQAGwAZQBhAHMAZQ-  ~{<:~} x\n';
      const armor = (await encrypt(words)).replace('\n\n', `\nCharset: ${label}\n\n`);
      expect(seen(await open(mail(...text(armor)))).text.trim()).toBe(words.trim());
    },
  );

  it('its charset is not that of an armor with two octets a letter', async () => {
    const armor = Buffer.from(await encrypt(Buffer.from('zoë', 'latin1')), 'utf16le');
    const raw = Buffer.concat([
      mail('Content-Type: text/plain; charset=utf-16le', 'Content-Transfer-Encoding: base64', ''),
      Buffer.from(armor.toString('base64')),
    ]);
    expect(seen(await open(raw)).text.trim()).toBe('zoë');
  });

  it('in HTML with a style sheet and numbers for its signs', async () => {
    const body = (await encrypt('the text'))
      .trim()
      .split('\n')
      .join('<br>')
      .replaceAll('+', '&#x2B;')
      .replaceAll('/', '&#47;')
      .replaceAll('<br>', '<br>\n');
    const html = `<html><head><title>x</title><style>p { color: red }</style><!-- c --></head><body>${body.replaceAll('<&#47;', '</')}</body></html>`;
    const opened = await open(mail('Content-Type: text/html; charset=utf-8', '', html));
    expect(opened).toMatchObject({ form: 'inline', aside: [], signer: { fingerprint: rae.fingerprint } });
  });

  it('on one line beside an HTML alternative that has it as it was: opened once', async () => {
    const armored = (await encrypt('the text')).trim();
    const html = ['Content-Type: text/html', '', `<pre>${armored}</pre>`];
    const parts = mixed(text(armored.replaceAll('\n', ' ')), html).map((line) => line.replace('/mixed', '/alternative'));
    const opened = await open(mail(...parts));
    expect(opened).toMatchObject({ form: 'inline', allEncrypted: true, aside: [], signer: { fingerprint: rae.fingerprint } });
    expect(seen(opened)).toMatchObject({ text: 'the text', files: [] });
  });

  it.each([
    [
      'source that is broken at any blank',
      (lines: string[]) => lines.join('<br>').replace('BEGIN PGP MESSAGE', 'BEGIN PGP\nMESSAGE'),
    ],
    ['source whose lines are its lines', (lines: string[]) => lines.join('\n')],
    ['a rule before it', (lines: string[]) => `<span>CAUTION: external</span><hr>${lines.join('<br>')}`],
    ['a heading before it', (lines: string[]) => `<h3>CAUTION</h3>${lines.join('<br>')}`],
    ['a cell beside it', (lines: string[]) => `<table><tr><td>CAUTION</td><td>${lines.join('<br>')}</td></tr></table>`],
  ])('in HTML with %s', async (_, html) => {
    const lines = (await encrypt('the text')).trim().split('\n');
    const opened = await open(mail('Content-Type: text/html; charset=utf-8', '', `<html><body>${html(lines)}</body></html>`));
    expect(opened).toMatchObject({ form: 'inline', encrypted: true, signatures: [{ valid: true }] });
    expect(seen(opened).text.trim()).toBe('the text');
  });

  it('in HTML alone: opened, and nothing of the HTML is carried on', async () => {
    const lines = (await encrypt('the text')).trim().split('\n');
    const html = `<html><body><div>${lines.join('</div>\n<div>')}</div></body></html>`;
    const opened = await open(mail('Content-Type: text/html; charset=utf-8', '', html));
    expect(opened).toMatchObject({ form: 'inline', encrypted: true, aside: [], signer: { fingerprint: rae.fingerprint } });
    expect(Buffer.from(opened.content).toString()).not.toContain('<div>');
  });

  it('signed without being encrypted: verified, and not called encrypted', async () => {
    const armored = await openpgp.sign({
      message: await openpgp.createMessage({ binary: Buffer.from('the text') }),
      signingKeys: await openpgp.readPrivateKey({ armoredKey: rae.secret }),
      date: new Date(AT),
    });
    expect(await open(mail(...text(armored)))).toMatchObject({
      form: 'inline',
      encrypted: false,
      signer: { fingerprint: rae.fingerprint },
    });
    await expect(open(mail(...pgpMime(armored)))).rejects.toMatchObject({ reason: 'cannot-open' });
  });
});

describe('parts that are encrypted or signed each by itself', () => {
  const several = { form: 'inline', encrypted: true, signer: null, warnings: expect.arrayContaining(['protected-in-parts']) };

  it('several blocks in one text: each is a text of its own, and nobody is credited with their order', async () => {
    const opened = await open(mail(...text(await encrypt('one'), '', await encrypt('two'))));
    expect(opened).toMatchObject({
      ...several,
      allEncrypted: true,
      signatures: [{ valid: true, coversWholeContent: false }, { valid: true }],
    });
    expect(seen(opened).text).toBe('one\ntwo');
  });

  it.each([
    ['crash.pb', Buffer.from('0a05e9ff8061626312030001fe0d0a00', 'hex')],
    ['fix.patch', Buffer.from('\n--- a/x\n+++ b/x\n')],
    ['advisory.txt', Buffer.from('Subject: a hole\nDate: Mon, 7 Sep 2026 09:12:00 +0000\n\nA hole.\n')],
  ])('%s, sent alone and encrypted as a file, stays that file whatever it begins with', async (name, bytes) => {
    const opened = await open(mail(...mixed(text(''), file(`${name}.gpg`, await binary(bytes)))));
    expect(opened).toMatchObject({ form: 'pgp-mime', allEncrypted: true, signer: { fingerprint: rae.fingerprint } });
    expect(seen(opened).files.map((one) => [one.name, Buffer.from(one.bytes)])).toEqual([[name, bytes]]);
  });

  it('a text and files encrypted one by one: the files come out octet for octet, under the names that they had', async () => {
    const patch = Buffer.from([0, 255, 13, 10, 10, 45]);
    const raw = mail(
      ...mixed(
        text(await encrypt('the text')),
        file('fix.patch.gpg', await binary(patch)),
        file('notes.txt.asc', Buffer.from(await encrypt('notes'))),
      ),
    );
    const opened = await open(raw);
    expect(opened).toMatchObject({ ...several, allEncrypted: true });
    const { text: words, files } = seen(opened);
    expect(words.trim()).toBe('the text');
    expect(files.map(({ name, bytes }) => [name, Buffer.from(bytes)])).toEqual([
      ['fix.patch', patch],
      ['notes.txt', Buffer.from('notes')],
    ]);
  });

  it('an encrypted file beside a text in clear: some of it was encrypted, not all', async () => {
    const opened = await open(mail(...mixed(text('see the file'), file('a.pgp', await binary('secret')))));
    expect(opened).toMatchObject({ ...several, allEncrypted: false });
    expect(seen(opened)).toMatchObject({ text: 'see the file', files: [{ name: 'a', bytes: Buffer.from('secret') }] });
  });

  it('words around a block are put aside, and never merged with what was decrypted', async () => {
    const opened = await open(mail(...text('<img src="https://evil.example/?', await encrypt('the text'), '">')));
    expect(opened).toMatchObject({ allEncrypted: false, signer: null, warnings: ['unprotected-text', 'protected-in-parts'] });
    expect(Buffer.from(opened.content).toString()).not.toContain('evil.example');
    expect(Buffer.concat(opened.aside).toString()).not.toContain('the text');
  });

  it('what Exchange puts between files, without words, is no part of PGP/MIME', async () => {
    const between = (name: string) => file(name, Buffer.from('\n'), 'text/plain');
    const report = file('report.txt.gpg', await binary('the report'));
    const parts = [
      text('the words'),
      report,
      between('ATT00001.txt'),
      file('poc.elf.gpg', await binary('ELF')),
      between('ATT00002.txt'),
    ];
    const opened = await open(mail(...mixed(...parts)));
    expect(seen(opened)).toMatchObject({ text: expect.stringContaining('the words') });
    expect(seen(opened).files.filter(({ bytes }) => bytes.length > 1)).toMatchObject([
      { name: 'report.txt' },
      { name: 'poc.elf' },
    ]);
    const example = file('crash.txt', Buffer.from(await encrypt('x', { to: eve })), 'text/plain');
    expect(await open(mail(...mixed(text('it crashes'), between('ATT00001.txt'), example)))).toMatchObject({ encrypted: false });
    const empty = file('empty.pgp', Buffer.alloc(0), 'application/pgp-encrypted');
    expect(await open(mail(...mixed(text('see'), empty, file('crash.bin', Buffer.from('x')))))).toMatchObject({
      encrypted: false,
    });
  });

  it.each(['encrypted.gpg', 'message.asc', 'msg.pgp'])(
    'a file that is called %s is a file beside words, after a part without',
    async (name) => {
      const nothing = (called: string) => file(called, Buffer.from('\n'), 'text/plain');
      const poc = Buffer.from([0x50, 0x4b, 3, 4, 0, 0xff, 0xfe]);
      const first = file(name, await binary(poc));
      const second = file('poc2.bin.gpg', await binary('ELF'));
      const parts = [text('Two files, see them.'), nothing('ATT00001.txt'), first, nothing('ATT00002.txt'), second];
      const opened = seen(await open(mail(...mixed(...parts))));
      expect(opened.text).toContain('Two files, see them.');
      const whole = opened.files.filter(({ bytes }) => bytes.length > 1);
      expect(whole.map((one) => one.name)).toEqual([name.replace(/\.\w+$/, ''), 'poc2.bin']);
      expect(Buffer.from(whole[0]?.bytes ?? []).equals(poc)).toBe(true);
    },
  );

  it('a layer that cannot be opened takes nothing from who signed and encrypted it with his words', async () => {
    const toEve = pgpMime(await encrypt('for eve', { to: eve }));
    const nested = mixed(toEve, text('I could not open it')).map((line) =>
      line.replace(/^--m/, '--n').replace('boundary=m', 'boundary=n'),
    );
    const opened = await open(mail(...pgpMime(await encrypt(nested.join('\r\n')))));
    expect(opened).toMatchObject({ signer: { fingerprint: rae.fingerprint }, aside: [], allEncrypted: true });
  });

  it('one that is for somebody else stays as it is, and is told of', async () => {
    const opened = await open(mail(...mixed(text(await encrypt('the text')), file('b.pgp', await binary('x', { to: eve })))));
    expect(opened.warnings).toContain('part-not-opened');
    expect(seen(opened).files.map(({ name }) => name)).toEqual(['b.pgp']);
  });

  const armored = async () => encrypt('PoC');
  const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le');
  it.each<[string, string, string, () => Promise<Buffer>]>([
    ['with the mark of UTF-8', 'report.asc', 'report', async () => Buffer.from(`\ufeff${await armored()}`)],
    ['in UTF-16, as PowerShell writes it', 'report.asc', 'report', async () => utf16(await armored())],
    ['called a text', 'report.txt', 'report.txt', async () => Buffer.from(await armored())],
  ])('armor in a file %s is opened', async (_, name, shown, bytes) => {
    const type = name.endsWith('.txt') ? 'text/plain' : 'application/octet-stream';
    const opened = await open(mail(...mixed(text('see the file'), file(name, await bytes(), type))));
    expect(opened).toMatchObject({ ...several, allEncrypted: false });
    expect(seen(opened)).toMatchObject({ text: 'see the file', files: [{ name: shown, bytes: Buffer.from('PoC') }] });
  });

  it('armor in a file under a line of words: opened, and the words are kept aside', async () => {
    const raw = mail(...mixed(text('see'), file('report.asc', Buffer.from(`Here it is, Jürgen:\n${await armored()}`))));
    const opened = await open(raw);
    expect(opened.warnings).toEqual(['unprotected-text', 'protected-in-parts']);
    expect(seen(opened).files).toMatchObject([{ name: 'report', bytes: Buffer.from('PoC') }]);
    expect(opened.aside.map((part) => viewOf(parseEntity(part)).text.trim())).toEqual(['Here it is, Jürgen:']);
  });

  it.each(['Über uns:', 'Ä\tder Bericht', 'Émile', 'Übersicht\n\nzum Bericht'])(
    'armor in a file under words in Latin-1, of which the first letter may look like a packet: %j',
    async (words) => {
      const bytes = Buffer.concat([Buffer.from(`${words}\n`, 'latin1'), Buffer.from(await armored())]);
      const opened = await open(mail(...mixed(text('see'), file('report.asc', bytes))));
      expect(seen(opened).files).toMatchObject([{ name: 'report', bytes: Buffer.from('PoC') }]);
      expect(aside(opened)).toEqual([words]);
      const alone = await open(mail(...file('report.asc', bytes)));
      expect(alone).toMatchObject({
        encrypted: true,
        allEncrypted: false,
        warnings: expect.arrayContaining(['unprotected-text']),
      });
    },
  );

  it('a binary message in which the head of an armor stands is what it is', async () => {
    const message = await binary('PoC');
    // RFC 9580 §5.14: a padding packet, of which every program takes no notice.
    const quoted = Buffer.from(`\n${await armored()}`);
    const padding = Buffer.concat([Buffer.from([0xd5, 0xff]), Buffer.alloc(4), quoted]);
    padding.writeUInt32BE(quoted.length, 2);
    const opened = await open(mail(...mixed(text('see'), file('report.gpg', Buffer.concat([message, padding])))));
    expect(opened.aside).toEqual([]);
    expect(seen(opened).files).toMatchObject([{ name: 'report', bytes: Buffer.from('PoC') }]);
  });

  it.each<[string, string, string, () => Promise<string>]>([
    ['several messages in a file', 'both.asc', 'application/octet-stream', async () => `${await armored()}\n${await armored()}`],
    ['a text that shows a message', 'steps.txt', 'text/plain', async () => `Feed it this:\n${await armored()}`],
  ])('%s: it stays as it is', async (_, name, type, content) => {
    const bytes = Buffer.from(await content());
    const opened = await open(mail(...mixed(text('see'), file(name, bytes, type))));
    expect(seen(opened).files).toMatchObject([{ name, bytes }]);
  });

  it('a mail that was forwarded as an attachment stays closed, and is told of', async () => {
    const attached = (...lines: string[]) => ['Content-Type: message/rfc822', '', 'From: rita@b.example', ...lines];
    const inner = attached('Content-Type: text/plain', '', await encrypt('the text'));
    const several = mail(...mixed(text('see the mails'), inner, inner));
    const within = mail(...pgpMime(await encrypt(mixed(text('see the mail'), inner).join('\r\n'))));
    for (const raw of [several, within]) expect((await open(raw)).warnings).toEqual(['mail-not-opened']);
    const nested = (...parts: string[][]) =>
      mixed(...parts).map((line) => line.replace(/^--m/, '--n').replace('boundary=m', 'boundary=n'));
    const warningsOf = async (...lines: string[]) =>
      (await open(mail(...mixed(text('see the mails'), attached(...lines), attached('', 'x'))))).warnings;
    expect(await warningsOf('Content-Type: text/plain', '', 'Hello,', await encrypt('the text'))).toEqual(['mail-not-opened']);
    expect(await warningsOf(...nested(text('see'), file('a.gpg', await binary('x'))))).toEqual(['mail-not-opened']);
    expect(await warningsOf(...nested(pgpMime(await encrypt('x')), text('-- ', 'a footer')))).toEqual(['mail-not-opened']);
    expect(await warningsOf('Content-Type: application/pkcs7-mime; smime-type=enveloped-data', '', 'x')).toEqual([
      'mail-not-opened',
    ]);
    const signedAlone = await openpgp.sign({
      message: await openpgp.createMessage({ text: 'x' }),
      signingKeys: await openpgp.readPrivateKey({ armoredKey: rae.secret }),
      date: new Date(AT),
    });
    for (const words of ['Hello', signedAlone as string])
      expect(await warningsOf('Content-Type: text/plain', '', words)).toEqual([]);
  });

  it('what was signed in one step and encrypted in the next is one mail; an encrypted message in another one is not', async () => {
    const signedAlone = await openpgp.sign({
      message: await openpgp.createMessage({ text: 'the text' }),
      signingKeys: await openpgp.readPrivateKey({ armoredKey: rae.secret }),
      date: new Date(AT),
    });
    const opened = await open(mail(...text(await encrypt(signedAlone, { by: null }))));
    expect(opened).toMatchObject({ form: 'inline', allEncrypted: true, signer: { fingerprint: rae.fingerprint } });
    expect(seen(opened).text.trim()).toBe('the text');
    for (const quoting of [await encrypt(await encrypt('the text')), await encrypt(signedAlone as string)])
      expect(seen(await open(mail(...text(quoting)))).text).toContain('BEGIN PGP MESSAGE');
    const within = await open(mail(...pgpMime(await encrypt(`Content-Type: text/plain\n\n${signedAlone}`, { by: null }))));
    expect(within).toMatchObject({ signer: null });
  });

  it("a text that is somebody else's message is an example: it stays, is told of, and the mail is taken", async () => {
    const bytes = Buffer.from(await encrypt('x', { to: eve }));
    const opened = await open(mail(...mixed(text('Your parser crashes on this.'), file('crash.txt', bytes, 'text/plain'))));
    expect(opened).toMatchObject({ encrypted: false, warnings: ['part-not-opened'] });
    expect(seen(opened).files).toMatchObject([{ name: 'crash.txt', bytes }]);
  });

  it.each<[string, (one: string, two: string) => string[], string, string[]]>([
    ['a lone file', (one) => file('report.txt.asc', Buffer.from(`before\n${one}\nafter`)), '', ['before\n\n\nafter']],
    [
      'a file beside an empty text',
      (one) => mixed(text(''), file('report.txt.asc', Buffer.from(`before\n${one}`))),
      '',
      ['before'],
    ],
    ['the message of PGP/MIME', (one) => pgpMime(`before\n${one}\nafter`), 'one', ['before\n\n\nafter']],
    ['a certificate that is none', (one) => mixed(text(one), ['Content-Type: application/pgp-keys', '', 'words']), 'one', []],
  ])('words around armor in %s are kept, and then not all of it was encrypted', async (_, compose, words, around) => {
    const opened = await open(mail(...compose(await encrypt('one'), await encrypt('two'))));
    expect(opened).toMatchObject({ encrypted: true, allEncrypted: false, signer: null });
    expect(seen(opened).text.trim()).toBe(words);
    expect(aside(opened)).toEqual(around);
  });

  it('a lone file stays a file, octet for octet and by its name, also where its part is called a text', async () => {
    const octets = Buffer.from([0x81, 0xb6, 0xcb, 0xf0, 0, 13, 10, 10]);
    const lines = ['Content-Type: text/plain; name="poc.bin.asc"', 'Content-Disposition: inline; filename="poc.bin.asc"', ''];
    const opened = await open(mail(...lines, await openpgp.encrypt(await sealing(octets, {}))));
    expect(seen(opened).files).toMatchObject([{ name: 'poc.bin', bytes: octets }]);
  });

  it('words in another alphabet around armor in UTF-16 are what they were', async () => {
    const bytes = Buffer.from(`\ufeffПривет, всем\n${await armored()}`, 'utf16le');
    const opened = await open(mail(...mixed(text('see'), file('report.asc', bytes))));
    expect(aside(opened)).toEqual(['Привет, всем']);
  });

  it('a second message behind that of PGP/MIME is kept', async () => {
    const opened = await open(mail(...pgpMime(`${await encrypt('one')}\n${await encrypt('two')}`)));
    expect(opened).toMatchObject({ signer: null, warnings: ['unprotected-text'] });
    expect(aside(opened).join('')).toContain('BEGIN PGP MESSAGE');
  });

  const alternative = (...each: string[][]) =>
    mixed(...each).map((line) => line.replace(/^--m/, '--a').replace('mixed; boundary=m', 'alternative; boundary=a'));
  it('an HTML alternative with words beside the armor is no rendering of the armor alone', async () => {
    const armor = await encrypt('one');
    const opened = await open(
      mail(...alternative(text(armor), ['Content-Type: text/html', '', `<p>More</p><pre>${armor}</pre>`])),
    );
    expect(opened).toMatchObject({ allEncrypted: false, signer: null });
    expect(aside(opened)).toEqual(['More']);
    const same = await open(
      mail(...alternative(text('Hello,', armor), ['Content-Type: text/html', '', `<p>Hello,</p><pre>${armor}</pre>`])),
    );
    expect(seen(same).text.trim()).toBe('one');
    expect(aside(same)).toEqual(['Hello,']);
  });

  it('every text of the alternative that is shown is opened, and an HTML one with a picture is the same once', async () => {
    const [one, two] = [await encrypt('one'), await encrypt('two')];
    const page = ['Content-Type: text/html', '', `<pre>${one}</pre>`];
    const inner = (...each: string[][]) =>
      mixed(...each).map((line) => line.replace(/^--m/, '--n').replace('boundary=m', 'boundary=n'));
    const both = await open(mail(...alternative(inner(text(one), text(two)), page)));
    expect(seen(both).text.replace(/\s+/g, ' ').trim()).toBe('one two');
    const picture = ['Content-Type: image/png', 'Content-ID: <logo>', '', 'x'];
    const related = inner(page, picture).map((line) => line.replace('mixed', 'related'));
    const pictured = await open(mail(...alternative(text(one), related)));
    expect(seen(pictured).text.trim()).toBe('one');
    expect(seen(pictured).files.map(({ mediaType }) => mediaType)).toEqual(['image/png']);
    expect(Buffer.from(pictured.content).toString()).not.toContain('BEGIN PGP');
  });

  it('a text that is shown and has a name is a text', async () => {
    const lines = [
      'Content-Type: application/pgp; x-action=encrypt; format=text',
      'Content-Disposition: inline; filename="msg.pgp"',
    ];
    const opened = await open(mail(...lines, '', await encrypt('the text')));
    expect(opened).toMatchObject({ signer: { fingerprint: rae.fingerprint } });
    expect(seen(opened)).toMatchObject({ text: 'the text', files: [] });
  });

  it('a signed text beside an HTML rendering of it is the signed text', async () => {
    const signed = await openpgp.sign({
      message: await openpgp.createCleartextMessage({ text: 'I vouch.' }),
      signingKeys: await openpgp.readPrivateKey({ armoredKey: rae.secret }),
      date: new Date(AT),
    });
    const beside = (html: string) => mail(...alternative(text(signed), ['Content-Type: text/html', '', html]));
    const opened = await open(beside(`<pre>${signed.replaceAll('\n', '<br>')}</pre>`));
    expect(opened).toMatchObject({ form: 'cleartext-signed', signer: { fingerprint: rae.fingerprint } });
    expect(seen(opened).text.trim()).toBe('I vouch.');
    // Other words are not his, and are not hidden.
    const other = await open(beside('<b>I do not vouch.</b>'));
    expect(other.signer).toBeNull();
    expect(Buffer.concat([other.content, ...other.aside]).toString()).toContain('do not vouch');
  });

  it('flowing lines of a text flow on where it was encrypted inline, and not where anybody may change their ends', async () => {
    const flowed = ['Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes', ''];
    const opened = await open(mail(...flowed, await encrypt('one long  \nparagraph')));
    expect(seen(opened).text).toBe('one long paragraph');
    const plain = await open(mail(...text(await encrypt('one long \nparagraph'))));
    expect(seen(plain).text).toBe('one long \nparagraph');
  });

  it('none that opens: the mail cannot be opened', async () => {
    const raw = mail(...mixed(text('see the file'), file('b.pgp', await binary('x', { to: eve }))));
    await expect(open(raw)).rejects.toMatchObject({ reason: 'cannot-open' });
  });

  it('too many of them are too much', async () => {
    const one = file('a.pgp', await binary('x', { by: null }));
    await expect(open(mail(...mixed(...Array.from({ length: 51 }, () => one))))).rejects.toMatchObject({ reason: 'too-complex' });
  });
});

/** multipart/signed, by rae. */
async function signedMime(entity: string[]): Promise<string[]> {
  const signature = await openpgp.sign({
    message: await openpgp.createMessage({ binary: new Uint8Array(Buffer.from(crlf(entity.join('\n')))) }),
    signingKeys: await openpgp.readPrivateKey({ armoredKey: rae.secret }),
    detached: true,
    date: new Date(AT),
  });
  return [
    'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=s',
    '',
    '--s',
    ...entity,
    '--s',
    'Content-Type: application/pgp-signature',
    '',
    signature,
    '--s--',
    '',
  ];
}

it('a footer beside a signed part, both inside of one encryption: nobody is credited with it, and none of it came in clear', async () => {
  const inside = mixed(await signedMime(text('the text')), text('_______', 'a footer'));
  const opened = await open(mail(...pgpMime(await encrypt(crlf(inside.join('\n')), { by: null }))));
  expect(opened).toMatchObject({ allEncrypted: true, signer: null, warnings: expect.arrayContaining(['unprotected-text']) });
  expect(Buffer.concat(opened.aside).toString()).toContain('a footer');
});

it('a footer beside an encrypted mail that was forwarded as a part came in clear', async () => {
  const forwarded = mixed(pgpMime(await encrypt(crlf(text('the text').join('\n')))), text('a footer'));
  const opened = await open(mail(...mixed(text('see'), forwarded)));
  expect(opened).toMatchObject({ encrypted: true, allEncrypted: false, signer: null });
});

it.each([
  ['texts', async () => text(await encrypt('one', { by: null }), '', await encrypt('two', { by: null }))],
  ['files', async () => mixed(text('see'), file('a.pgp', await binary('x', { by: null })))],
  ['a part', async () => mixed(text('see'), pgpMime(await encrypt('Content-Type: text/plain\r\n\r\nx', { by: null })))],
])('who signs over ciphertexts (%s) is not credited with what is in them', async (_, compose) => {
  const opened = await open(mail(...(await signedMime(await compose()))));
  expect(opened).toMatchObject({ encrypted: true, signer: null });
  expect(opened.signatures[0]).toMatchObject({ valid: true, coversWholeContent: false });
});

it('inline text that looks like a mail goes on as text', async () => {
  const words = 'Content-Type: application/octet-stream; name=evil.exe\r\nSubject: x\r\n\r\nbody\r\n';
  const raw = mail(...text(await encrypt(words)));
  const lookup = async () => [known.data];
  const opened = await openMail({ raw, secrets: [secret], at: AT, withSignature: true }, lookup);
  expect(opened).toMatchObject({ signer: { fingerprint: rae.fingerprint }, signedAs: null });
  expect(seen(opened)).toMatchObject({ text: words.replaceAll('\r\n', '\n'), files: [] });
});

describe('what a gateway leaves of PGP/MIME', () => {
  const entity = 'Content-Type: text/plain; hp="cipher"\r\nSubject: inside\r\n\r\nthe text';
  const octets = (name: string | null, armored: string) => [
    `Content-Type: application/octet-stream${name === null ? '' : `; name="${name}"`}`,
    'Content-Transfer-Encoding: base64',
    '',
    Buffer.from(armored).toString('base64').replaceAll(/.{76}/g, '$&\n'),
  ];
  const control = ['Content-Type: application/octet-stream; name=ATT00001', '', 'Version: 1'];
  it.each<[string, (armored: string) => string[]]>([
    ['a part without a name', (armored) => mixed(text(''), octets(null, armored))],
    ['two parts of no type', (armored) => mixed(control, octets('ATT00002', armored))],
    ['two parts of no type, of which a filter emptied one', (armored) => mixed(control.slice(0, 2), octets('ATT00002', armored))],
    ...['', 'Version: 1.0', 'Version:1'].map((words): [string, (armored: string) => string[]] => [
      `a control part that says ${JSON.stringify(words)}`,
      (armored) => pgpMime(armored).map((line) => (line === 'Version: 1' ? words : line)),
    ]),
    ['one file', (armored) => octets('encrypted.asc', armored)],
    ['one file without a name', (armored) => octets(null, armored)],
    ['noname.asc', (armored) => mixed(text(' '), octets('noname.asc', armored))],
    ['a mark before its armor', (armored) => mixed(control, octets('ATT00002', `\ufeff${armored}`))],
    [
      'a comment in its transfer encoding',
      (armored) => octets('encrypted.asc', armored).map((line) => line.replace('base64', 'Base64 (as sent) ;')),
    ],
  ])('%s', async (_, compose) => {
    const opened = await open(mail(...compose(await encrypt(entity))));
    expect(opened).toMatchObject({ form: 'pgp-mime', subject: 'inside', signer: { fingerprint: rae.fingerprint } });
    expect(seen(opened).text).toBe('the text');
  });

  const emptied = ['Content-Type: application/pgp-encrypted', 'Content-Description: PGP/MIME version identification', '', ''];
  const nothing = file('ATT00001.txt', Buffer.alloc(0), 'text/plain');
  const disclaimer = text('This is confidential.');
  it.each<[string, (armored: string) => string[]]>([
    ['a control part that was emptied', (armored) => mixed(emptied, octets('encrypted.asc', armored), disclaimer)],
    ['one below a disclaimer', (armored) => mixed(disclaimer, emptied, octets('encrypted.asc', armored))],
    ['one that is an empty file', (armored) => mixed(nothing, octets('encrypted.asc', armored), disclaimer)],
  ])('%s, beside a disclaimer: it is the mail that it was, and no file', async (_, compose) => {
    const opened = await open(mail(...compose(await encrypt(entity))));
    expect(opened).toMatchObject({ form: 'pgp-mime', subject: 'inside', warnings: ['unprotected-text'] });
    expect([seen(opened), aside(opened)]).toEqual([{ text: 'the text', files: [] }, ['This is confidential.']]);
  });

  it.each<[string, string[]]>([
    ['words, attached', file('ATT00002.txt', Buffer.from('This is confidential.'), 'text/plain')],
    ['a card', file('rae.vcf', Buffer.from('BEGIN:VCARD'), 'text/vcard')],
    ['winmail.dat', file('winmail.dat', Buffer.from([0x78, 0x9f, 0x3e, 0x22]), 'application/ms-tnef')],
  ])('an emptied control part, and beside it what a server has added: %s', async (_, added) => {
    for (const control of [emptied, nothing]) {
      const opened = await open(mail(...mixed(control, octets('encrypted.asc', await encrypt(entity)), added)));
      expect(opened).toMatchObject({ form: 'pgp-mime', subject: 'inside', warnings: ['unprotected-text'] });
      expect(seen(opened)).toEqual({ text: 'the text', files: [] });
      expect(opened.aside.map((part) => Buffer.from(part).toString())).toEqual([crlf(added.join('\n'))]);
    }
  });

  it.each<[string, (armored: string) => string[]]>([
    ['shown, under the name of a body', (armored) => ['Content-Type: text/plain; name=msg.asc', '', armored]],
    ['a file of no name', (armored) => ['Content-Type: application/octet-stream', '', armored]],
    ['a file that is called as a body', (armored) => octets('message.asc', armored)],
  ])('behind an empty part a text without MIME is the text, with and without a disclaimer: %s', async (_, part) => {
    const armored = await encrypt('the text: zoë');
    for (const beside of [[], [disclaimer]]) {
      const opened = await open(mail(...mixed(nothing, part(armored), ...beside)));
      expect([seen(opened), aside(opened)]).toEqual([
        { text: 'the text: zoë', files: [] },
        beside.map(() => 'This is confidential.'),
      ]);
      expect(opened).toMatchObject({ form: 'pgp-mime', isFile: false });
    }
  });

  it.each([
    ['in the charset of its writer’s locale', Buffer.from('Grüße, es crasht', 'latin1'), 'Grüße, es crasht'],
    ['with colours of a terminal', Buffer.from('it says \x1b[31mpanic\x1b[0m'), 'it says \x1b[31mpanic\x1b[0m'],
  ])('behind an empty part a text is the text also %s', async (_, octetsOf, words) => {
    for (const beside of [[], [disclaimer]]) {
      const opened = await open(mail(...mixed(nothing, octets('encrypted.asc', await encrypt(octetsOf)), ...beside)));
      expect(seen(opened).text).toBe(words);
      expect(opened).toMatchObject({ form: 'pgp-mime', isFile: false });
    }
  });

  it('a file that is called as a body is a file where its writer put it behind his words, or nothing was emptied before it', async () => {
    const script = Buffer.from('#!/bin/sh\nexploit\n');
    const named = file('message.gpg', await binary(script));
    const words = mixed(text('It crashes on this.'), file('a.png', Buffer.from('PNG'), 'image/png'), nothing, named);
    const opened = await open(mail(...words));
    expect(opened).toMatchObject({ aside: [], warnings: ['protected-in-parts'] });
    expect(seen(opened).text.trim()).toBe('It crashes on this.');
    expect(seen(opened).files.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()])).toEqual([
      ['a.png', 'PNG'],
      ['ATT00001.txt', ''],
      ['message', script.toString()],
    ]);
    for (const lone of [named, mixed(text(' '), named)]) {
      const [{ name = '', bytes = Buffer.of() } = {}] = seen(await open(mail(...lone))).files;
      expect([name, Buffer.from(bytes)]).toEqual(['message', script]);
    }
  });

  it('behind an empty part what is neither stays a file, and the words beside it are the text', async () => {
    const poc = Buffer.from([0x50, 0x4b, 3, 4, 0, 0xff, 0xfe]);
    for (const named of [file('encrypted.gpg', await binary(poc)), file('msg.asc', Buffer.from(await encrypt(poc)))]) {
      const picture = file('screen.png', Buffer.from('PNG'), 'image/png');
      const opened = await open(mail(...mixed(text('It crashes on this.'), nothing, named, picture)));
      expect(opened).toMatchObject({ encrypted: true, signer: null, aside: [] });
      const { text: words, files } = seen(opened);
      expect(words.trim()).toBe('It crashes on this.');
      expect(files.find(({ name }) => ['encrypted', 'msg'].includes(name))).toMatchObject({ bytes: poc });
    }
  });

  it.each<[string, (armored: string) => string[]]>([
    ['PGP/MIME', (armored) => mixed(pgpMime(armored), nothing)],
    ['its two parts', (armored) => mixed(pgpMime(armored).slice(3, 6), octets('encrypted.asc', armored), nothing)],
    ['it, attached to another mail', (armored) => mixed(['Content-Type: message/rfc822', '', ...pgpMime(armored)], nothing)],
    ['armor', (armored) => mixed(text(armored), nothing)],
  ])('an empty part that Exchange put beside %s is nobody’s words', async (_, compose) => {
    const opened = await open(mail(...compose(await encrypt(entity))));
    expect(opened).toMatchObject({ allEncrypted: true, signer: { fingerprint: rae.fingerprint }, aside: [], warnings: [] });
  });

  it('a file that is no mail stays a file, and one that merely begins like OpenPGP is not touched', async () => {
    const opened = await open(mail(...mixed(text(''), file('doc.pgp', await binary(Buffer.from([0, 1, 2]))))));
    expect(seen(opened).files).toMatchObject([{ name: 'doc', mediaType: 'application/octet-stream' }]);
    const other = Buffer.from([0x85, 0x01, 0x0c, 0x09, 0x00, 0x00]);
    const left = await open(mail(...mixed(text('hi'), file('data.bin', other))));
    expect(left).toMatchObject({ form: 'clear', warnings: [] });
  });
});

describe('a mail that a gateway put into another one', () => {
  const inner = async (by: Party | null = rae) =>
    pgpMime(await encrypt('Content-Type: text/plain; hp="cipher"\r\nSubject: inside\r\n\r\nthe text', { by }));
  const attached = (lines: string[]) => [
    'Content-Type: message/rfc822',
    '',
    'From: rae@research.example',
    'Subject: ...',
    ...lines,
  ];
  it.each<[string, () => Promise<string[]>, boolean]>([
    ['a banner above it', async () => mixed(text('[EXTERNAL] Take care.'), await inner()), true],
    ['a page above it', async () => mixed(['Content-Type: text/html', '', '<b>[EXTERNAL]</b>'], await inner()), true],
    ['it is attached below a disclaimer', async () => mixed(text('Confidential.'), attached(await inner())), true],
    ['it is attached above one', async () => mixed(attached(await inner()), text('Confidential.')), true],
    ['it is all that the other one has', async () => attached(await inner()), false],
    [
      'twice',
      async () =>
        mixed(
          attached(mixed(text('One.'), attached(await inner())).map((line) => line.replace(/^--m|(?<=boundary=)m/, '$&n'))),
          text('Two.'),
        ),
      true,
    ],
  ])('%s', async (_, compose, beside) => {
    const opened = await open(mail(...(await compose())));
    expect(opened).toMatchObject({ form: 'pgp-mime', encrypted: true, subject: 'inside', subjectProtected: true });
    expect(seen(opened)).toEqual({ text: 'the text', files: [] });
    // What stands beside it is nobody's, and neither is the whole with it.
    expect([opened.allEncrypted, opened.aside.length > 0, opened.signer === null]).toEqual([!beside, beside, beside]);
  });

  const logo = ['Content-Type: image/png; name=logo.png', 'Content-ID: <logo>', '', 'x'];
  const page = ['Content-Type: text/html', '', '<b>Confidential</b>'];
  const inOne = (type: string, ...each: string[][]) =>
    mixed(...each).map((line) => line.replace(/^--m/, '--d').replace('mixed; boundary=m', `${type}; boundary=d`));
  const untyped = async () => [
    ['Content-Type: application/octet-stream; name=ATT00001.bin', '', 'Version: 1'],
    [
      'Content-Type: application/octet-stream; name=encrypted.asc',
      '',
      await encrypt('Content-Type: text/plain; hp="cipher"\r\nSubject: inside\r\n\r\nthe text'),
    ],
  ];
  it.each<[string, () => Promise<string[]>]>([
    ['in two renderings', async () => mixed(await inner(), inOne('alternative', text('Confidential.'), page))],
    ['that is a picture', async () => mixed(await inner(), logo)],
    ['with a logo, above it', async () => mixed(inOne('related', page, logo), await inner())],
    ['above parts that have lost their types', async () => mixed(text('[EXTERNAL]'), ...(await untyped()))],
  ])('a disclaimer %s stands beside it', async (_, compose) => {
    const opened = await open(mail(...(await compose())));
    expect(opened).toMatchObject({ form: 'pgp-mime', subject: 'inside', subjectProtected: true, warnings: ['unprotected-text'] });
    expect(seen(opened)).toEqual({ text: 'the text', files: [] });
    expect(opened.aside).toHaveLength(1);
  });

  it('inside of an encryption it is what its writer sends along', async () => {
    const forwarded = mixed(text('see below'), attached(await inner(eve)));
    const opened = await open(mail(...pgpMime(await encrypt(crlf(forwarded.join('\n'))))));
    expect(opened).toMatchObject({ signer: { fingerprint: rae.fingerprint }, warnings: ['mail-not-opened'] });
    expect(seen(opened).text).toBe('see below');
  });

  it('a hundred deep is left as it is, in no time', async () => {
    let lines = await inner();
    for (let depth = 0; depth < 100; depth++) lines = attached(lines);
    expect(await open(mail(...lines))).toMatchObject({ form: 'clear' });
  });
});

it('a signature that a gateway has made application/octet-stream is one', async () => {
  const lines = (await signedMime(text('the text'))).map((line) =>
    line === 'Content-Type: application/pgp-signature' ? 'Content-Type: application/octet-stream; name=signature.asc' : line,
  );
  expect(await open(mail(...lines))).toMatchObject({ form: 'signed-mime', signer: { fingerprint: rae.fingerprint } });
});

it('what a key signed after it had expired is credited to nobody', async () => {
  const privateKey = await openpgp.readPrivateKey({ armoredKey: (await generate('s@research.example', 's', {})).secret });
  const message = await openpgp.createMessage({ binary: Buffer.from('the text') });
  const armored = await openpgp.sign({ message, signingKeys: privateKey, date: new Date(AT) });
  // The same key, as its owner bound it the day before: for an hour.
  const { publicKey } = await openpgp.reformatKey({
    privateKey,
    userIDs: [{ email: 's@research.example' }],
    keyExpirationTime: (AT - DAY + HOUR - privateKey.getCreationTime().getTime()) / SECOND,
    date: new Date(AT - DAY),
    format: 'object',
  });
  const opened = await openMail({ raw: mail(...text(armored)), secrets: [secret], at: AT }, async () => [publicKey.write()]);
  expect(opened.signatures).toMatchObject([{ valid: false, reason: 'expired' }]);
  expect(opened.signer).toBeNull();
});

describe('a wholly encrypted mail', () => {
  it('that holds text and no MIME: none of it is taken for a header', async () => {
    const opened = await open(mail(...pgpMime(await encrypt('Note: this\nis text.\n'))));
    expect(seen(opened).text).toBe('Note: this\nis text.\n');
  });

  it('beside a disclaimer: read, and credited to nobody with what others added', async () => {
    const opened = await open(
      mail(...mixed(pgpMime(await encrypt('Content-Type: text/plain\r\n\r\nthe text')), text('Confidential.'))),
    );
    expect(opened).toMatchObject({ form: 'pgp-mime', allEncrypted: false, signer: null, warnings: ['unprotected-text'] });
    expect(seen(opened).text.trim()).toBe('the text');
    expect(Buffer.concat(opened.aside).toString()).toContain('Confidential.');
  });

  const signedByGateway = (...within: string[]) =>
    mail(
      'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=s',
      '',
      ...['--s', ...within, '--s', 'Content-Type: application/pkcs7-signature; name=smime.p7s', '', 'MIIB', '--s--'],
    );
  it.each([
    ['PGP/MIME', async () => pgpMime(await encrypt('Content-Type: text/plain\n\nthe text'))],
    ['armor', async () => text(await encrypt('the text'))],
  ])('around %s, by S/MIME, of which its writer does not know: it is read without that', async (_, within) => {
    const opened = await open(signedByGateway(...(await within())));
    expect(opened).toMatchObject({ allEncrypted: true, signer: { fingerprint: rae.fingerprint }, warnings: [] });
    expect(seen(opened).text.trim()).toBe('the text');
  });

  it('around whatever is encrypted or signed in OpenPGP, and under a footer, it is passed over, and nothing is lost', async () => {
    const armor = await encrypt('the text');
    const parts = await open(signedByGateway(...mixed(text(armor), file('poc.pgp', await binary('PoC')))));
    expect(parts).toMatchObject({ allEncrypted: true, warnings: ['protected-in-parts'] });
    expect(seen(parts)).toMatchObject({ text: 'the text', files: [{ name: 'poc', bytes: Buffer.from('PoC') }] });
    const disclaimed = await open(signedByGateway(...text(armor, '', 'Confidential.')));
    expect([seen(disclaimed).text.trim(), aside(disclaimed)]).toEqual(['the text', ['Confidential.']]);
    const fields = /^(?:From|Subject): .*\r\n/gm;
    const lines = signedByGateway(...pgpMime(await encrypt('Content-Type: text/plain\n\nthe text')))
      .toString('latin1')
      .replace(fields, '');
    const footed = await open(mail(...mixed(lines.split('\r\n'), text('-- ', 'This e-mail is confidential.'))));
    expect([seen(footed).text.trim(), aside(footed)]).toEqual(['the text', [expect.stringContaining('confidential')]]);
    expect(footed).toMatchObject({ allEncrypted: false, signer: null });
  });

  it('by one gateway after the other: read without any of them', async () => {
    const lines = (raw: Buffer) => raw.toString('latin1').replace(/^(?:From|Subject): .*\r\n/gm, '');
    const once = lines(signedByGateway(...pgpMime(await encrypt('Content-Type: text/plain\n\nthe text'))));
    const opened = await open(signedByGateway(...once.replace(/^--s|(?<=boundary=)s/gm, '$&1').split('\r\n')));
    expect(opened).toMatchObject({ allEncrypted: true, signer: { fingerprint: rae.fingerprint } });
    expect(seen(opened).text.trim()).toBe('the text');
  });

  it.each([
    ['encrypted', mail('Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m', '', 'MIIB')],
    ['as a file', mail(...mixed(text('hi'), ['Content-Type: application/x-pkcs7-mime; name=smime.p7m', '', 'MIIB']))],
    ['as a file of no type', mail('Content-Type: application/octet-stream; name=smime.p7m', '', 'MIIB')],
    ['signed', signedByGateway(...text('hi'))],
  ])('by S/MIME, %s: refused with what to do', async (_, raw) => {
    await expect(open(raw)).rejects.toMatchObject({ reason: 's-mime', message: expect.stringContaining('PGP') });
  });
});

describe('what an encrypted mail carries', () => {
  const clearsigned = async (damage = (text: string) => text) =>
    damage(
      await openpgp.sign({
        message: await openpgp.createCleartextMessage({ text: 'forged words' }),
        signingKeys: await openpgp.readPrivateKey({ armoredKey: eve.secret }),
        date: new Date(AT),
      }),
    );

  it.each<[string, () => Promise<string>]>([
    ['a signed text of somebody else', () => clearsigned()],
    ['a damaged one', () => clearsigned((text) => text.replace('Hash: ', 'Hush: '))],
    ['a message to the list itself', () => encrypt('an old secret')],
  ])('%s among its words takes nothing from them, nor from its writer', async (_, quoted) => {
    const words = ['Content-Type: text/plain; charset=utf-8', '', 'Do not believe this:', await quoted(), 'It is a forgery.'];
    const opened = await open(mail(...pgpMime(await encrypt(crlf(words.join('\n'))))));
    expect(opened).toMatchObject({ form: 'pgp-mime', warnings: [], signer: { fingerprint: rae.fingerprint } });
    expect(seen(opened).text).toMatch(/^Do not believe this:[\s\S]*It is a forgery\.$/);
  });

  it.each<[string, (lines: string[]) => Promise<string[]>]>([
    ['encrypted', async (lines) => pgpMime(await encrypt(crlf(lines.join('\n'))))],
    ['signed in clear', (lines) => signedMime(lines)],
  ])('a text that somebody else signed, as all that a mail %s has: it goes on as its signer signed it', async (_, around) => {
    const message = await openpgp.createCleartextMessage({ text: 'Publish at once.' });
    const signingKeys = await openpgp.readPrivateKey({ armoredKey: eve.secret });
    const lines = (await openpgp.sign({ message, signingKeys, date: new Date(AT) })).trim().split(/\r?\n/);
    const opened = await openMail(
      { raw: mail(...(await around(text(...lines)))), secrets: [secret], at: AT, withSignature: true },
      async (ids) => (known.keys.some(({ keyId }) => ids.includes(keyId)) ? [known.data] : []),
    );
    expect(opened).toMatchObject({ signer: { fingerprint: rae.fingerprint }, signatures: [{ valid: true }] });
    expect(seen(opened).text.trim().split('\n')).toEqual(lines);
    expect(opened.signedAs).not.toBeNull();
  });

  it.each<[string, Party | null, string[]]>([
    ['all that there is, by somebody unknown', eve, []],
    ['all that there is, by nobody', null, []],
    ['among his words, by somebody unknown', eve, ['Do not believe this:']],
    ['among his words, by himself', rae, ['Do not believe this:']],
  ])('text that gpg packed up as it was signed, in what somebody signed in clear: %s', async (_, by, above) => {
    const message = await openpgp.createMessage({ text: 'Publish at once.' });
    const packed = by
      ? await openpgp.sign({
          message,
          signingKeys: await openpgp.readPrivateKey({ armoredKey: by.secret }),
          date: new Date(AT),
        })
      : await openpgp.armor(openpgp.enums.armor.message, message.write());
    const lines = [...above, ...packed.trim().split(/\r?\n/)];
    const html = ['Content-Type: text/html', '', `<pre>${lines.join('\n')}</pre>`];
    const both = mixed(text(...lines), html).map((line) => line.replace('/mixed', '/alternative'));
    for (const whole of [text(...lines), both]) {
      const opened = await openMail(
        { raw: mail(...(await signedMime(whole))), secrets: [secret], at: AT, withSignature: true },
        async (ids) => (known.keys.some(({ keyId }) => ids.includes(keyId)) ? [known.data] : []),
      );
      expect(opened).toMatchObject({ signer: { fingerprint: rae.fingerprint }, warnings: ['signed-quotation'] });
      expect(seen(opened).text.trim().split('\n')).toEqual(lines);
      expect([opened.signedAs !== null, aside(opened)]).toEqual([true, ['Publish at once.']]);
    }
  });

  it.each<[string, 'armored' | 'binary', (packed: Buffer) => string[]]>([
    ['in armor', 'armored', (packed) => file('advisory.txt.asc', packed, 'text/plain')],
    [
      'in armor, shown with the words',
      'armored',
      (packed) => ['Content-Type: text/plain; name=advisory.txt.asc', '', `${packed}`],
    ],
    ['in packets', 'binary', (packed) => file('advisory.txt.gpg', packed)],
  ])('a file that somebody else packed up as he signed it, %s, in what somebody signed in clear', async (_, format, attached) => {
    const message = await openpgp.createMessage({ text: 'Publish at once.' });
    const signing = { message, signingKeys: await openpgp.readPrivateKey({ armoredKey: eve.secret }), date: new Date(AT) };
    const packed = Buffer.from(
      format === 'binary' ? await openpgp.sign({ ...signing, format }) : (await openpgp.sign({ ...signing, format })).trim(),
    );
    for (const whole of [attached(packed), mixed(text('See what Eve says.'), attached(packed))]) {
      const opened = await openMail(
        { raw: mail(...(await signedMime(whole))), secrets: [secret], at: AT, withSignature: true },
        async (ids) => (known.keys.some(({ keyId }) => ids.includes(keyId)) ? [known.data] : []),
      );
      expect(opened).toMatchObject({ signer: { fingerprint: rae.fingerprint }, warnings: ['signed-quotation'] });
      expect(opened.signedAs).not.toBeNull();
      const octets = leaves(parseEntity(opened.content)).map((part) => Buffer.from(decodedBody(part)).toString('latin1').trim());
      expect(octets.at(-1)?.replaceAll('\r', '')).toBe(packed.toString('latin1').trim().replaceAll('\r', ''));
      expect(opened.aside.map((part) => seen({ ...opened, content: part }).files)).toEqual([
        [expect.objectContaining({ name: 'advisory.txt', bytes: Buffer.from('Publish at once.') })],
      ]);
    }
  });

  describe('packed texts in what somebody signed in clear', () => {
    const armorOf = (octets: Uint8Array) =>
      openpgp.armor(openpgp.enums.armor.message, octets, undefined, undefined, undefined, false).trim();

    it('are not read where there are more of them than may be', async () => {
      const raw = mail(...(await signedMime(text(`${armorOf(literal('x'))}\n`.repeat(120_000)))));
      const spent = effort();
      await expect(open(raw)).rejects.toMatchObject({ reason: 'too-complex' });
      expect(spent()).toBeLessThan(2_000);
    });

    it('are unpacked once, in however many renderings they stand', async () => {
      const bomb = packet(8, Buffer.concat([Buffer.of(1), deflateRawSync(literal(Buffer.alloc(2 ** 20)))]));
      const armors = `${armorOf(bomb)}\n`.repeat(20);
      const pages = Array.from({ length: 50 }, () => ['Content-Type: text/html', '', `<pre>${armors}</pre>`]);
      const all = mixed(text(armors), ...pages).map((line) => line.replace('/mixed', '/alternative'));
      const raw = mail(...(await signedMime(all)));
      const spent = effort();
      expect(await open(raw)).toMatchObject({ signer: { fingerprint: rae.fingerprint }, warnings: ['signed-quotation'] });
      expect(spent()).toBeLessThan(2_000);
    });
  });

  it('nor does somebody else’s armor from the words of one who signed in clear', async () => {
    const theirs = (await encrypt('not for the list', { to: eve })).trim().split('\n');
    const words = ['Content-Type: text/plain; charset=utf-8', '', 'What is this?', '', ...theirs, '', 'They sent it to me.'];
    const opened = await open(mail(...(await signedMime(words))));
    expect(opened).toMatchObject({ form: 'signed-mime', encrypted: false, signer: { fingerprint: rae.fingerprint } });
    expect(seen(opened).text).toContain('They sent it to me.');
  });

  it('the same field twice is one', async () => {
    const opened = await open(
      mail('Content-Transfer-Encoding: 7bit', 'Content-Transfer-Encoding: 7BIT', ...pgpMime(await encrypt('the text'))),
    );
    expect(opened).toMatchObject({ form: 'pgp-mime', encrypted: true });
  });

  it('a damaged signed text alone is its text', async () => {
    const words = ['Content-Type: text/plain; charset=utf-8', '', await clearsigned((text) => text.replace('Hash: ', 'Hush: '))];
    const opened = await open(mail(...pgpMime(await encrypt(crlf(words.join('\n'))))));
    expect(opened.signer?.fingerprint).toBe(rae.fingerprint);
    expect(seen(opened).text).toContain('forged words');
  });
});

describe('certificates beside a text that is encrypted or signed inline', () => {
  const keys = (data: string | Uint8Array, type = 'application/pgp-keys') => file('keys.asc', Buffer.from(data), type);
  const clearsigned = async () =>
    openpgp.sign({
      message: await openpgp.createCleartextMessage({ text: 'the text' }),
      signingKeys: await openpgp.readPrivateKey({ armoredKey: rae.secret }),
      date: new Date(AT),
    });
  const utf16 = Buffer.from(`\ufeff${rae.public}`, 'utf16le');

  it.each<[string, (key: string[]) => Promise<string[]>]>([
    [
      'armor and an encrypted file',
      async (key) => mixed(text(await encrypt('the text')), file('b.pgp', await binary('PoC')), key),
    ],
    ['files encrypted one by one', async (key) => mixed(file('a.pgp', await binary('x')), file('b.pgp', await binary('y')), key)],
    ['PGP/MIME', async (key) => mixed(pgpMime(await encrypt('Content-Type: text/plain\n\nthe text')), key)],
  ])('that a client adds in clear to %s: all words of people came encrypted', async (_, lines) => {
    expect(await open(mail(...(await lines(keys(rae.public)))))).toMatchObject({ encrypted: true, allEncrypted: true });
    const more = await lines(keys(`${rae.public}\nand words`));
    expect(await open(mail(...more))).toMatchObject({ encrypted: true, allEncrypted: false });
  });

  it.each<[string, string[]]>([
    ['its writer’s', keys(rae.public)],
    ['somebody else’s', keys(eve.public)],
    ['in octets, under no type', keys(known.data, 'application/octet-stream')],
    ['in UTF-16', keys(utf16)],
    ['several, in a block each', keys(`${eve.public}\n\n${rae.public}`)],
  ])('%s: told of, carried on as they came, and the text is credited whole', async (_, part) => {
    for (const words of [await encrypt('the text'), await clearsigned()]) {
      const opened = await open(mail(...mixed(text(words), part)));
      expect(opened).toMatchObject({ signer: { fingerprint: rae.fingerprint }, warnings: ['unprotected-key'] });
      expect([opened.allEncrypted, opened.offered.length > 0, opened.enclosed]).toEqual([opened.encrypted, true, []]);
      expect(seen(opened)).toEqual({ text: expect.stringMatching(/^the text\s*$/), files: [] });
      expect(opened.aside.map((one) => Buffer.from(one).toString())).toEqual([crlf(part.join('\n'))]);
    }
  });

  const armored = armorCertificate(known.data);
  const literal = Buffer.from(packet(11, Buffer.from('b\0\0\0\0\0Pay me.')));
  it.each<[string, string | Uint8Array]>([
    ['words behind it', `${armored}\nPay me.`],
    ['words between two of them', `${armored}\nPay me.\n${armored}`],
    ['words in its armor', armored.replace('\n\n', '\n\nPay me.\n')],
    ['an armor that does not end', armored.replace('-----END', 'Pay me.')],
    ['other data behind it', Buffer.concat([known.data, literal])],
    ['other octets behind it', Buffer.concat([known.data, Buffer.from('Pay me.')])],
  ])('with %s: kept whole, and nobody is credited with it', async (_, data) => {
    const part = keys(data, 'application/octet-stream');
    const opened = await open(mail(...mixed(text(await encrypt('the text')), part)));
    expect(opened).toMatchObject({ signer: null, allEncrypted: false, warnings: ['unprotected-text'] });
    expect(opened.aside.map((one) => Buffer.from(one).toString())).toEqual([crlf(part.join('\n'))]);
  });

  it.each<[string, (key: string[]) => Promise<string[]>]>([
    ['PGP/MIME', async (key) => mixed(pgpMime(await encrypt('Content-Type: text/plain\n\nthe text')), key)],
    [
      'PGP/MIME that has lost its types',
      async (key) =>
        mixed(text(' '), file('encrypted.asc', Buffer.from(await encrypt('Content-Type: text/plain\n\nthe text'))), key),
    ],
    ['a signed mail', async (key) => mixed(await signedMime(text('the text')), key)],
  ])('beside %s: told of, and its signer is credited; with words in it he is not', async (_, compose) => {
    const opened = await open(mail(...(await compose(keys(rae.public)))));
    expect(opened).toMatchObject({ signer: { fingerprint: rae.fingerprint }, warnings: ['unprotected-key'] });
    expect(seen(opened)).toEqual({ text: expect.stringMatching(/^the text\s*$/), files: [] });
    expect(await open(mail(...(await compose(keys(`${rae.public}\nand words`)))))).toMatchObject({ signer: null });
  });

  it('in a part that is encrypted by itself: told of there too', async () => {
    const part = mixed(text(await clearsigned()), keys(eve.public)).map((line) => line.replace(/^--m|(?<=boundary=)m/, '$&n'));
    const opened = await open(mail(...mixed(text('hi'), pgpMime(await encrypt(crlf(part.join('\n')))))));
    expect(opened.warnings).toContain('unprotected-key');
    expect(Buffer.concat(opened.aside).toString()).toContain('keys.asc');
  });
});

describe('protected header fields', () => {
  const payload = (type: string, ...lines: string[]) => encrypt(crlf([`Content-Type: ${type}`, ...lines].join('\n')));

  it.each([
    ['RFC 9788', 'text/plain; hp="cipher"', true],
    ['the drafts before it', 'text/plain; protected-headers="v1"', true],
    ['a Subject alone at the root of what was encrypted, as early mutt', 'text/plain', true],
  ])('%s', async (_, type, isProtected) => {
    const opened = await open(mail(...pgpMime(await payload(type, 'Subject: inside', 'To: <Security@Orbit.example>', '', 'x'))));
    expect(opened).toMatchObject({ subject: 'inside', outerSubject: 'outside', subjectProtected: isProtected });
    expect(opened.signer?.addressedTo).toEqual(type === 'text/plain' ? [] : ['security@orbit.example']);
  });

  const fields = ['From: rae@inside.example', 'To: <Security@Orbit.example>', 'Subject: inside'];
  const wrapped = ['Content-Type: message/rfc822; forwarded=no', '', ...fields, ...text('the text')];

  it.each<[string, () => Promise<string[]>]>([
    ['encrypted and signed', async () => pgpMime(await encrypt(crlf(wrapped.join('\n'))))],
    ['signed', () => signedMime(wrapped)],
    [
      'signed, and then encrypted',
      async () => pgpMime(await encrypt(crlf((await signedMime(wrapped)).join('\n')), { by: null })),
    ],
    [
      'with letters outside of ASCII (RFC 6532)',
      () => signedMime(wrapped.map((line) => line.replace(/message.*/, 'message/global; forwarded="NO"'))),
    ],
  ])('of a whole mail that the payload carries, %s', async (_, compose) => {
    const opened = await open(mail(...(await compose())));
    expect(opened).toMatchObject({ subject: 'inside', subjectProtected: true, from: { address: 'rae@inside.example' } });
    expect(opened.signer).toMatchObject({ fingerprint: rae.fingerprint, addressedTo: ['security@orbit.example'] });
    expect(seen(opened)).toEqual({ text: expect.stringMatching(/^the text\s*$/), files: [] });
  });

  it('a key in the mail that the payload carries is found for its signature', async () => {
    const inside = mixed(text('hi'), file('rae.asc', Buffer.from(rae.public), 'application/pgp-keys'));
    const raw = mail(...pgpMime(await encrypt(crlf([...wrapped.slice(0, 5), ...inside].join('\n')))));
    const opened = await openMail({ raw, secrets: [secret], at: AT }, async () => []);
    expect(opened).toMatchObject({ signer: { fingerprint: rae.fingerprint }, enclosed: [expect.anything()] });
  });

  it.each<[string, string | null, string, () => Promise<string[]>]>([
    [
      'that may be forwarded',
      rae.fingerprint,
      'outside',
      () => signedMime(wrapped.map((line) => line.replace('; forwarded=no', ''))),
    ],
    ['that was forwarded', rae.fingerprint, 'outside', () => signedMime(wrapped.map((line) => line.replace('=no', '=yes')))],
    ['below the root', rae.fingerprint, 'outside', () => signedMime(mixed(text('see'), wrapped))],
    ['that nobody signed', null, 'outside', async () => wrapped],
    [
      'under a signature that does not hold',
      null,
      'outside',
      async () => (await signedMime(wrapped)).map((line) => line.replace('the text', 'x')),
    ],
    [
      'that somebody else put around what was signed',
      null,
      'inside',
      async () => {
        const around = [...wrapped.slice(0, 5), ...(await signedMime(text('x')))];
        return pgpMime(await encrypt(crlf(around.join('\n')), { by: null }));
      },
    ],
  ])('a mail %s says nothing of whom its signer wrote to', async (_, signer, subject, compose) => {
    const opened = await open(mail(...(await compose())));
    expect([opened.signer?.fingerprint ?? null, opened.subject]).toEqual([signer, subject]);
    expect(opened.signer?.addressedTo ?? []).toEqual([]);
  });

  it.each<[string, () => Promise<Buffer>]>([
    ['in a mail that nobody encrypted or signed', async () => mail('Content-Type: text/plain; hp="clear"', '', 'x')],
    [
      'in a part below the root',
      async () => {
        const part = ['--m', 'Content-Type: text/plain; hp="cipher"', 'Subject: phony', '', 'x', '--m--'];
        return mail(...pgpMime(await payload('multipart/mixed; boundary=m', '', ...part)));
      },
    ],
    [
      'that stand twice',
      async () => mail(...pgpMime(await payload('text/plain; hp="cipher"', 'Subject: phony', 'Subject: other', '', 'x'))),
    ],
  ])('are not believed %s', async (_, compose) => {
    expect(await open(await compose())).toMatchObject({ subject: 'outside', subjectProtected: false });
  });

  it('under a signature that does not hold are not believed', async () => {
    const signature = await openpgp.sign({
      message: await openpgp.createMessage({ text: 'other' }),
      signingKeys: await openpgp.readPrivateKey({ armoredKey: rae.secret }),
      detached: true,
      date: new Date(AT),
    });
    const raw = mail(
      'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=m',
      '',
      '--m',
      'Content-Type: text/plain; hp="clear"',
      'Subject: phony',
      '',
      'x',
      '--m',
      'Content-Type: application/pgp-signature',
      '',
      signature,
      '--m--',
    );
    expect(await open(raw)).toMatchObject({ subject: 'outside', subjectProtected: false, signatures: [{ reason: 'invalid' }] });
  });

  const shown = async (...lines: string[]) =>
    seen(await open(mail(...pgpMime(await payload(lines[0] ?? '', ...lines.slice(1)))))).text.trim();

  it('are not shown a second time: legacy display of RFC 9788', async () => {
    const part = 'text/plain; hp-legacy-display="1"';
    expect(await shown(`${part}; hp="cipher"`, 'Subject: inside', '', 'Subject: inside', '', 'body')).toBe('body');
    expect(
      await shown(
        'multipart/mixed; hp="cipher"; boundary=m',
        'Subject: inside',
        '',
        '--m',
        `Content-Type: ${part}`,
        '',
        'Subject: inside',
        '',
        'body',
        '--m--',
      ),
    ).toBe('body');
  });

  it('what is marked as a second showing and is none stays', async () => {
    const part = 'text/plain; hp-legacy-display="1"; hp="cipher"';
    expect(await shown(part, 'Subject: inside', '', 'Important: this first.', '', 'body')).toContain('Important');
    for (const words of [
      'A paragraph.',
      'Subject: inside, and the exploit is public',
      'Subject: inside\n and more of it',
      'To: reproduce, run it',
    ])
      expect(await shown(part, 'Subject: inside', '', ...words.split('\n'), '', 'body'), words).toContain(
        words.split('\n').at(-1),
      );
    const html = '<body><div class="header-protection-legacy-display">A paragraph.</div>body</body>';
    expect(await shown('text/html; hp="cipher"; hp-legacy-display="1"', 'Subject: inside', '', html)).toContain('A paragraph');
  });

  it('are not shown a second time in HTML, whatever is nested in their element', async () => {
    const display = '<div class="header-protection-legacy-display"><div><pre>Subject: inside</pre></div></div>';
    const type = 'text/html; hp="cipher"; hp-legacy-display="1"';
    expect(await shown(type, 'Subject: inside', '', `<body>${display}<div>body</div></body>`)).toBe('body');
    expect(await shown(type, 'Subject: inside', '', `<body>${display.slice(0, -6)}body`)).toContain('body');
  });

  it('are not shown a second time: the part of the drafts', async () => {
    for (const type of ['text/plain', 'text/rfc822-headers'])
      expect(
        await shown(
          'multipart/mixed; protected-headers="v1"; boundary=m',
          'Subject: inside',
          '',
          '--m',
          `Content-Type: ${type}; protected-headers="v1"`,
          '',
          'Subject: inside',
          '--m',
          'Content-Type: text/plain',
          '',
          'body',
          '--m--',
        ),
      ).toBe('body');
  });

  it('a mark of legacy display hides nothing where no fields are protected', async () => {
    const part = 'text/plain; hp-legacy-display="1"';
    expect(seen(await open(mail(`Content-Type: ${part}`, '', 'first', '', 'body'))).text).toContain('first');
    expect(
      await shown(`multipart/mixed; boundary=m`, '', '--m', `Content-Type: ${part}`, '', 'first', '', 'body', '--m--'),
    ).toContain('first');
  });
});

describe('certificates that came with a mail', () => {
  it.each([
    ['as application/pgp-keys', file('k.asc', Buffer.from(rae.public), 'application/pgp-keys')],
    ['as a file of no type', file('rae.asc', Buffer.from(rae.public))],
    ['as a binary file under a wrong type', file('rae.pgp', known.data, 'application/pgp-encrypted')],
    ['as text', text('my key:', rae.public)],
  ])('%s', async (_, part) => {
    const { offered } = await open(mail(...mixed(text('hi'), part)));
    expect(await Promise.all(offered.map(async (data) => (await readCertificate(data)).fingerprint))).toEqual([rae.fingerprint]);
  });
});

describe('certificates of several people in one file', async () => {
  const both = Buffer.concat([(await readCertificate(eve.public)).data, known.data]);
  const binary = file('keys.gpg', both);
  const keyring = file('keys.asc', Buffer.from(armorCertificate(both)), 'application/pgp-keys');
  const blocks = file('keys.asc', Buffer.from(`Eve:\n${eve.public}\nRae:\n${rae.public}`), 'application/pgp-keys');

  it.each([
    ['one behind the other', binary],
    ['in one armored block', keyring],
    ['in a block each', blocks],
    ['in a block in the text', text('our keys:', ...armorCertificate(both).split('\n'))],
  ])('%s: each is read, and a signature finds its own', async (_, part) => {
    const sealed = await encrypt(crlf(mixed(text('hi'), part).join('\n')));
    const raw = mail(...pgpMime(sealed));
    const opened = await openMail({ raw, secrets: [secret], at: AT }, async () => []);
    expect(opened.signer).toMatchObject({ fingerprint: rae.fingerprint, certificateKnown: false });
    expect(await Promise.all(opened.offered.map(async (data) => (await readCertificate(data)).fingerprint))).toEqual([
      rae.fingerprint,
      eve.fingerprint,
    ]);
  });

  it('a text of hundreds of thousands of them costs little more than any other of its size', async () => {
    const block = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n-----END PGP PUBLIC KEY BLOCK-----\n';
    const raw = mail(...text(block.repeat(150_000)));
    const spent = effort();
    expect(await open(raw)).toMatchObject({ form: 'clear', signer: null });
    expect(spent()).toBeLessThan(2_000);
  });

  it('as many as a mail may bring, and looking for them costs little', async () => {
    const tiny = packet(6, Buffer.of(4, 0, 0, 0, 0, 22));
    const many = (count: number) => Buffer.concat(Array.from({ length: count }, () => tiny));
    const block = armorCertificate(many(2));
    const spent = effort();
    const files = [many(900), many(100_000), Buffer.from(block.repeat(Math.floor((1024 * 1024) / block.length)))];
    const { offered } = await open(
      mail(...mixed(text('hi'), ...files.map((data) => file('k.asc', data, 'application/pgp-keys')))),
    );
    expect(offered.length).toBeLessThanOrEqual(3);
    expect(spent()).toBeLessThan(800);
  });
});

describe('a signature that cannot be read', () => {
  const signing = async () => ({ signingKeys: await openpgp.readPrivateKey({ armoredKey: rae.secret }), date: new Date(AT) });
  const detached = async () =>
    Buffer.from(
      await openpgp.sign({
        ...(await signing()),
        message: await openpgp.createMessage({ text: 'x' }),
        detached: true,
        format: 'binary',
      }),
    );
  const multipartSigned = (signature: Uint8Array) =>
    mail(
      'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=m',
      '',
      ...['--m', ...text('hi'), '--m', 'Content-Type: application/pgp-signature', 'Content-Transfer-Encoding: base64', ''],
      Buffer.from(signature).toString('base64').replaceAll(/.{76}/g, '$&\n'),
      '--m--',
    );
  /** The signature's own octets begin behind the header of its packet. */
  const changed = (signature: Buffer, at: number, octet: number) => {
    const copy = Buffer.from(signature);
    copy[((copy[1] ?? 0) < 192 ? 2 : 3) + at] = octet;
    return copy;
  };

  it('of a version that nobody knows says nothing', async () => {
    expect(await open(multipartSigned(changed(await detached(), 0, 9)))).toMatchObject({ signatures: [], signer: null });
  });

  it.each([
    ['of a type', 1],
    ['by a key', 2],
    ['with a hash', 3],
  ])('%s that nobody knows is no failure of ours', async (_, at) => {
    const opened = await open(multipartSigned(changed(await detached(), at, 99)));
    expect(opened.signer).toBeNull();
    expect(opened.signatures.some(({ valid }) => valid)).toBe(false);
  });

  it('in clear, over a text that was changed: refused, and its sender told what to do', async () => {
    const signed = await openpgp.sign({ ...(await signing()), message: await openpgp.createCleartextMessage({ text: 'pay 1' }) });
    const raw = mail(...text(signed.replace('pay 1', 'pay 9')));
    await expect(open(raw)).rejects.toMatchObject({ reason: 'malformed-mail', hint: expect.stringContaining('PGP/MIME') });
    const quoted = await open(mail(...text('look:', signed.replace('pay 1', 'pay\f1'))));
    expect(quoted).toMatchObject({ form: 'cleartext-signed', signer: null, warnings: ['part-not-opened'] });
    const inside = await open(mail(...pgpMime(await encrypt(signed.replace('pay 1', 'pay 9'), { by: null }))));
    expect(inside).toMatchObject({ encrypted: true, signer: null });
    expect(seen(inside).text).toContain('BEGIN PGP SIGNED MESSAGE');
  });
});

describe('a text signed in clear says in its signature what it was made with', () => {
  const { hash, signature } = openpgp.enums;
  /** OpenPGP.js itself chooses no hash but those that the key prefers. */
  const signedWith = async (hashAlgorithm: openpgp.enums.hash, headers: string, { keyPacket }: openpgp.PrivateKey) => {
    const { packets: words } = await openpgp.createMessage({ text: 'the text' });
    const { algorithm: publicKeyAlgorithm } = keyPacket;
    const made = Object.assign(new openpgp.SignaturePacket(), {
      signatureType: signature.text,
      publicKeyAlgorithm,
      hashAlgorithm,
    });
    // The settings are not in its types.
    await Reflect.apply(made.sign, made, [keyPacket, words[0], new Date(AT), true, openpgp.config]);
    const packets = new openpgp.PacketList<openpgp.SignaturePacket>();
    packets.push(made);
    const armored = new openpgp.Signature(packets).armor();
    return mail(...text('-----BEGIN PGP SIGNED MESSAGE-----', headers, '', 'the text', armored));
  };
  const ofRae = () => openpgp.readPrivateKey({ armoredKey: rae.secret });

  it.each([
    ['SHA3-256', hash.sha3_256, 'Hash: SHA3-256'],
    ['SHA3-512', hash.sha3_512, 'Hash: SHA3-512 '],
    ['SHA-512, and names another one', hash.sha512, 'Hash: SHA256'],
    ['SHA-512, and names several', hash.sha512, 'Hash: SHA3-256, RIPEMD160\nHash: SHA224,SHA512'],
  ])('%s: it is read and credited', async (_, algorithm, headers) => {
    expect(await open(await signedWith(algorithm, headers, await ofRae()))).toMatchObject({
      form: 'cleartext-signed',
      signer: { fingerprint: rae.fingerprint },
    });
  });

  it.each(['Hash: PAY9', 'Hash: SHA512, pay 9', 'Hash: SHA512 pay 9', 'Hash:', 'hash: SHA512', 'Hash: SHA512\nCharset: x'])(
    '%j is no header of that kind: refused as damaged',
    async (headers) => {
      const raw = await signedWith(hash.sha512, headers, await ofRae());
      await expect(open(raw)).rejects.toMatchObject({ reason: 'malformed-mail' });
    },
  );
});

describe.skipIf(absent.gpg)(`a text that GnuPG signed in clear over a hash that is weak (${absent.gpg ?? 'here'})`, () => {
  let gpg: GnuPG;
  let signer: string;
  beforeAll(async () => {
    gpg = openGnuPG();
    // Elliptic curves sign no hash as short as these.
    signer = await gpg.generate({ userId: 'rsa@research.example', algorithm: 'rsa2048', encryption: null });
  });
  afterAll(() => gpg.close());

  it.each([
    ['RIPEMD160', 'RIPEMD160'],
    ['SHA1', 'SHA1'],
    ['SHA1', 'SHA512'],
  ])('%s, said to be %s: it is read, and credits nobody', async (algorithm, header) => {
    const { out, err } = await gpg.run(['--local-user', signer, '--digest-algo', algorithm, '--clearsign'], 'the text\n');
    expect(out.toString(), err).toContain(`\nHash: ${algorithm}\n`);
    const raw = mail(...text(out.toString().replace(`Hash: ${algorithm}`, `Hash: ${header}`)));
    const certificate = await gpg.certificate(signer);
    expect(await openMail({ raw, secrets: [secret], at: Date.now() }, async () => [certificate])).toMatchObject({
      form: 'cleartext-signed',
      signer: null,
      signatures: [{ valid: false, reason: 'weak' }],
    });
  });
});

describe('a text signed in clear that quotes marks of armor', () => {
  const signed = async (words: string) => {
    const message = await openpgp.createCleartextMessage({ text: words });
    return openpgp.sign({ message, signingKeys: await openpgp.readPrivateKey({ armoredKey: rae.secret }), date: new Date(AT) });
  };

  it.each([
    ['an end of a signature', 'see\n -----END PGP SIGNATURE-----\nthere'],
    ['one behind a no-break space', 'see\n\u00a0-----END PGP SIGNATURE-----\nthere'],
    ['a whole signature', 'see\n  -----BEGIN PGP SIGNATURE-----\n\n  iHUE\n  -----END PGP SIGNATURE-----\nthere'],
    ['one at the beginning of lines', 'see\n-----BEGIN PGP SIGNATURE-----\n\niHUE\n-----END PGP SIGNATURE-----\nthere'],
  ])('%s: credited whole', async (_, words) => {
    const opened = await open(mail(...text(await signed(words)).map((line) => Buffer.from(line).toString('latin1'))));
    expect(opened).toMatchObject({ form: 'cleartext-signed', signer: { fingerprint: rae.fingerprint }, warnings: [] });
    expect(seen(opened).text.trimEnd().replaceAll('\r', '')).toBe(words);
  });
});

describe.skipIf(absent.gpg)(`a text that GnuPG signed in the octets of another charset (${absent.gpg ?? 'here'})`, () => {
  let gpg: GnuPG;
  beforeAll(async () => {
    gpg = openGnuPG();
    await gpg.import(rae.secret);
  });
  afterAll(() => gpg.close());

  /** Signed by `gpg --clearsign`, or as said, as it came out, in a part of that charset. */
  const signedIn = async (octets: Buffer, charset: string, then = (out: string) => out, how = ['--clearsign']) => {
    const { out, err } = await gpg.run(['--local-user', rae.fingerprint, ...how], octets);
    if (!/BEGIN PGP (SIGNED )?MESSAGE/.test(out.toString('latin1'))) throw new Error(err);
    return mail(`Content-Type: text/plain; charset=${charset}`, '', then(out.toString('latin1')));
  };
  const now = (raw: Buffer) => openMail({ raw, secrets: [secret], at: Date.now() }, async () => [known.data]);

  it.each([
    ['iso-8859-1', Buffer.from('Gr\xfc\xdfe, na\xefve\n', 'latin1'), 'Grüße, naïve'],
    ['windows-1252', Buffer.from('5 \x80\n', 'latin1'), '5 €'],
    ['koi8-r', Buffer.from('\xf0\xd2\xc9\xd7\xc5\xd4\n', 'latin1'), 'Привет'],
    ['shift_jis', Buffer.from('93fa967b0a', 'hex'), '日本'],
    ['gbk', Buffer.from('44c4e3bac3440a', 'hex'), 'D你好D'],
    ['iso-2022-jp', Buffer.from('\x1b$B%F%9%H\x1b(B test\n\x1b$B%F\x1b(B\n', 'latin1'), 'テスト test\nテ'],
    ['utf-8', Buffer.from('Grüße\n'), 'Grüße'],
  ])('%s: it holds, and is carried on as the text that it is', async (charset, octets, words) => {
    const opened = await now(await signedIn(octets, charset));
    expect(opened).toMatchObject({ form: 'cleartext-signed', signer: { fingerprint: rae.fingerprint } });
    expect(seen(opened).text.trim()).toBe(words);
  });

  it.each([
    ['big5', 'Der Schl\xfcssel ist f\xe4lschbar\n', 'Der Schlüssel ist fälschbar'],
    ['gbk', 'ge\xf6ffnet\n', 'geöffnet'],
    ['shift_jis', '\x93\xfa\x96\x7b\n', '日本'],
    ['koi8-r', '\xf0\xd2\xc9\xd7\xc5\xd4 a\n', 'Привет a'],
  ])(
    'in armor alone, under the name of %s, which nothing covers: no letter of ASCII is half of another',
    async (charset, octets, words) => {
      const raw = await signedIn(Buffer.from(octets, 'latin1'), charset, undefined, ['--armor', '--sign']);
      const opened = await now(raw);
      expect(opened).toMatchObject({ signer: { fingerprint: rae.fingerprint } });
      expect(seen(opened).text.trim()).toBe(words);
    },
  );

  it.each([
    ['shift_jis', Buffer.from('838a837c815b83670a', 'hex'), true],
    ['big5', Buffer.from('b35ca5690a', 'hex'), true],
    ['koi8-r', Buffer.from('f0d2c90a', 'hex'), false],
  ])('in armor alone, in %s: what cannot be believed is attached as it came', async (charset, octets, isAttached) => {
    const opened = await now(await signedIn(octets, charset, undefined, ['--armor', '--sign']));
    const files = carriedParts(parseEntity(opened.content))
      .map((part) => parseEntity(part))
      .filter((part) => fileName(part));
    expect(files.map((file) => Buffer.from(decodedBody(file)))).toEqual(isAttached ? [octets] : []);
  });

  it.each([
    ...['gbk', 'gb18030', 'big5', 'shift_jis', 'euc-kr'].map((charset): [string, Buffer, string, (out: string) => string] => [
      `umlauts under the name of ${charset}, which takes the letter behind each for its half`,
      Buffer.from('Der Schl\xfcssel ist f\xe4lschbar\n', 'latin1'),
      charset,
      (out) => out,
    ]),
    ['UTF-8 under the name of another charset', Buffer.from('Grüße\n'), 'koi8-r', (out: string) => out],
    [
      'a sign that the charset lacks in the place of a question mark',
      Buffer.from('\xfc pay?\n', 'latin1'),
      'iso-8859-1',
      (out: string) => out.replace('pay?', 'pay\x81'),
    ],
    [
      'another sign of ISO-2022-JP',
      Buffer.from('\x1b$B%F%9%H\x1b(B\n', 'latin1'),
      'iso-2022-jp',
      (out: string) => out.replace('%F', '%G'),
    ],
    ['UTF-8 under the name of ISO-2022-JP', Buffer.from('Grüße\n'), 'iso-2022-jp', (out: string) => out],
    ['one letter changed', Buffer.from('\xfc pay 1\n', 'latin1'), 'iso-8859-1', (out: string) => out.replace('pay 1', 'pay 9')],
  ])('%s: it does not hold', async (_, octets, charset, then) => {
    await expect(now(await signedIn(octets, charset, then))).rejects.toMatchObject({ reason: 'malformed-mail' });
  });
});
