import { describe, expect, it } from 'vitest';
import { offeredCertificates } from '../../src/mail/enclosed.ts';
import { recognise } from '../../src/mail/encrypted.ts';
import { parseMessage } from '../../src/mail/message.ts';
import { effort } from '../support/effort.ts';

const ARMOR = ['-----BEGIN PGP MESSAGE-----', '', 'abcd', '-----END PGP MESSAGE-----'];
const CLEARSIGNED = [
  '-----BEGIN PGP SIGNED MESSAGE-----',
  'Hash: SHA512',
  '',
  'hi',
  '-----BEGIN PGP SIGNATURE-----',
  '',
  'x',
  '-----END PGP SIGNATURE-----',
];
const mail = (...lines: string[]) => parseMessage(Buffer.from(['From: a@b.example', ...lines].join('\r\n')));
const parts = (type: string, ...each: string[][]) => [
  `Content-Type: multipart/${type}; boundary=x`,
  '',
  ...each.flatMap((part) => ['--x', ...part]),
  '--x--',
];
const text = (...lines: string[]) => ['Content-Type: text/plain', '', ...lines];

const control = ['Content-Type: application/pgp-encrypted', '', 'Version: 1'];
const data = ['Content-Type: application/octet-stream', '', ...ARMOR];
const signature = ['Content-Type: application/pgp-signature', '', 'sig'];
const html = (...lines: string[]) => ['Content-Type: text/html', '', ...lines];
const ARMOR_HTML = `<p>${ARMOR.join('<br>\r\n').replace('abcd', '&nbsp;ab<wbr>cd')}</p>`;

const P7M = (type: string, name: string) => [`Content-Type: ${type}; name=${name}`, 'Content-Disposition: attachment', '', 'x'];
const P7S = ['Content-Type: application/x-pkcs7-signature', '', 'x'];
/** With another boundary. */
const inner = (lines: string[]) => lines.map((line) => line.replace(/^--x/, '--y').replace('boundary=x', 'boundary=y'));

/** `beside`: how many parts stand next to what is protected. */
type Row = [what: string, lines: string[], form: ReturnType<typeof recognise>['form'], beside?: number];

describe('the form of a mail, before anything is decrypted', () => {
  it.each<Row>([
    ['PGP/MIME', parts('encrypted', control, data), 'pgp-mime', 0],
    ['PGP/MIME that became multipart/mixed', parts('mixed', text(''), control, data), 'pgp-mime', 0],
    ['the same with a disclaimer', parts('mixed', control, data, text('This mail is confidential.')), 'pgp-mime', 1],
    [
      'PGP/MIME wrapped by a disclaimer',
      parts('mixed', parts('encrypted', control, data).join('\r\n').replaceAll('x', 'y').split('\r\n'), text('Confidential.')),
      'pgp-mime',
      1,
    ],
    ['PGP/MIME without its control part', parts('encrypted', data), 'pgp-mime', 0],
    [
      'the message alone, as a file',
      parts('mixed', text(' '), ['Content-Type: application/octet-stream; name=encrypted.asc', '', ...ARMOR]),
      'pgp-mime',
      0,
    ],
    ['signed', parts('signed', text('hi'), signature), 'signed-mime', 0],
    ['signed, with a footer', parts('signed', text('hi'), signature, text('-- list')), 'signed-mime', 1],
    ['signed, and made multipart/mixed', parts('mixed', text('hi'), signature), 'signed-mime', 0],
    [
      'a signed file',
      parts('mixed', ['Content-Type: text/x-patch', 'Content-Disposition: attachment', '', '+a'], signature),
      'clear',
    ],
    ['inline', text(...ARMOR), 'inline'],
    [
      'inline, indented and with no-break spaces',
      [
        'Content-Type: text/plain; charset=utf-8',
        'Content-Transfer-Encoding: base64',
        '',
        Buffer.from(ARMOR.map((line) => `\u00a0${line}\u00a0`).join('\r\n')).toString('base64'),
      ],
      'inline',
    ],
    ['inline, and as HTML too', parts('alternative', text(...ARMOR), html(ARMOR_HTML)), 'inline'],
    ['in HTML alone', html(ARMOR_HTML), 'inline'],
    ['inline with words around', text('Hello,', ...ARMOR, 'bye'), 'clear'],
    ['inline and quoted', text('> hi', ...ARMOR.map((line) => `> ${line}`)), 'clear'],
    ['two blocks', text(...ARMOR, ...ARMOR), 'clear'],
    ['inline beside an attachment', parts('mixed', text(...ARMOR), ['Content-Type: image/png', '', 'x']), 'clear'],
    ['inline beside an HTML text that says something else', parts('alternative', text(...ARMOR), html('<b>Pay me</b>')), 'clear'],
    ['cleartext-signed', text(...CLEARSIGNED), 'cleartext-signed'],
    ['cleartext-signed with words before', text('I say:', ...CLEARSIGNED), 'clear'],
    ['cleartext-signed in HTML', html(`<pre>${CLEARSIGNED.join('\n')}</pre>`), 'clear'],
    ['clear', text('hello'), 'clear'],
    ['encrypted without any message', parts('encrypted', text('x'), text('y')), 'clear'],
    ['three parts that call themselves signed', parts('signed', text('a'), text('b'), signature), 'clear'],
    [
      'armor in an attachment only',
      parts('mixed', text('hi'), ['Content-Type: text/plain', 'Content-Disposition: attachment', '', ...ARMOR]),
      'clear',
    ],
    ['S/MIME whose type a gateway took away', [...P7M('application/octet-stream', 'smime.p7m')], 's-mime'],
    ['S/MIME under a footer', parts('mixed', P7M('application/pkcs7-mime', 'smime.p7m'), text('Confidential.')), 's-mime'],
    [
      'a file of S/MIME beside a text',
      parts('mixed', text('It crashes on this.'), P7M('application/pkcs7-mime', 'crash.p7m')),
      'clear',
    ],
    [
      'S/MIME under a footer, by any name',
      parts('mixed', text('Confidential.'), P7M('application/pkcs7-mime; smime-type=enveloped-data', '"a message.p7m"')),
      's-mime',
    ],
    [
      'S/MIME in another mail',
      parts('mixed', text('[EXTERNAL]'), ['Content-Type: message/rfc822', '', ...P7M('application/pkcs7-mime', 'smime.p7m')]),
      's-mime',
    ],
    [
      'a mail that somebody forwards, signed in S/MIME',
      parts('mixed', text('see'), ['Content-Type: message/rfc822', '', ...inner(parts('signed', text('hi'), P7S))]),
      'clear',
    ],
    ['S/MIME, signed, without its protocol', parts('signed', text('hi'), P7S), 's-mime'],
    [
      'S/MIME, signed, as Outlook of old writes it',
      parts('signed; protocol="application/x-pkcs7-signature"', text('hi'), P7S),
      's-mime',
    ],
    [
      'S/MIME, signed, under a footer',
      parts('mixed', inner(parts('signed; protocol="application/pkcs7-signature"', text('hi'), P7S)), text('Confidential.')),
      's-mime',
    ],
    ['S/MIME, encrypted', ['Content-Type: application/pkcs7-mime; smime-type=enveloped-data', '', 'x'], 's-mime'],
    [
      'S/MIME, signed',
      parts('signed; protocol="application/pkcs7-signature"', text('hi'), [
        'Content-Type: application/x-pkcs7-signature',
        '',
        'x',
      ]),
      's-mime',
    ],
  ])('%s', (_, lines, form, beside) => {
    const layer = recognise(mail(...lines));
    expect(layer.form).toBe(form);
    const alone = form === 'inline' || form === 'cleartext-signed' ? 0 : undefined;
    expect('beside' in layer ? layer.beside.length : undefined).toBe(beside ?? alone);
  });

  it.each([
    ['heads without a tail', '-----BEGIN PGP MESSAGE-----\r\n'.repeat(200_000)],
    ['signed heads without a tail', '-----BEGIN PGP SIGNED MESSAGE-----\r\n'.repeat(200_000)],
    ['empty lines', `${'\r\n'.repeat(2_000_000)}x`],
  ])('looks once through a text of %s', (_, body) => {
    const spent = effort();
    expect(recognise(mail(...text(body))).form).toBe('clear');
    expect(spent()).toBeLessThan(1000);
  });

  it.each([
    ['the mark of UTF-8', Buffer.from('\ufeffkey')],
    ['UTF-16', Buffer.from('\ufeffkey', 'utf16le')],
  ])('finds a certificate in a file with %s', (_, octets) => {
    const part = ['Content-Type: application/pgp-keys', 'Content-Transfer-Encoding: base64', '', octets.toString('base64')];
    expect(offeredCertificates(mail(...part)).map((data) => Buffer.from(data).toString())).toEqual(['key']);
  });

  it('finds certificates that are attached and in Autocrypt', () => {
    const key = Buffer.from('certificate').toString('base64');
    const found = offeredCertificates(
      mail(
        `Autocrypt: addr=a@b.example; prefer-encrypt=mutual; keydata=${key.slice(0, 8)}`,
        ` ${key.slice(8)}`,
        ...parts('mixed', text('hi'), ['Content-Type: application/pgp-keys', '', 'attached']),
      ),
    );
    expect(found.map((data) => Buffer.from(data).toString())).toEqual(['attached', 'certificate']);
  });
});
