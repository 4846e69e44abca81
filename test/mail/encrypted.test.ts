import { describe, expect, it } from 'vitest';
import { offeredCertificates, recognise } from '../../src/mail/encrypted.ts';
import { parseMessage } from '../../src/mail/message.ts';

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

describe('the form of a mail, before anything is decrypted', () => {
  it.each([
    [
      'PGP/MIME',
      parts(
        'encrypted',
        ['Content-Type: application/pgp-encrypted', '', 'Version: 1'],
        ['Content-Type: application/octet-stream', '', ...ARMOR],
      ),
      'pgp-mime',
      true,
    ],
    ['signed', parts('signed', text('hi'), ['Content-Type: application/pgp-signature', '', 'sig']), 'signed-mime', true],
    ['inline', text(...ARMOR), 'inline', true],
    ['inline with words around', text('Hello,', ...ARMOR, 'bye'), 'inline', false],
    ['inline beside an attachment', parts('mixed', text(...ARMOR), ['Content-Type: image/png', '', 'x']), 'inline', false],
    ['cleartext-signed', text(...CLEARSIGNED), 'cleartext-signed', true],
    ['cleartext-signed with words before', text('I say:', ...CLEARSIGNED), 'cleartext-signed', false],
    ['clear', text('hello'), 'clear', undefined],
    ['encrypted without its control part', parts('encrypted', text('x'), text('y')), 'clear', undefined],
    [
      'three parts that call themselves signed',
      parts('signed', text('a'), text('b'), ['Content-Type: application/pgp-signature', '', 's']),
      'clear',
      undefined,
    ],
    [
      'armor in an attachment only',
      parts('mixed', text('hi'), ['Content-Type: text/plain', 'Content-Disposition: attachment', '', ...ARMOR]),
      'clear',
      undefined,
    ],
  ])('%s', (_, lines, form, whole) => {
    const layer = recognise(mail(...lines));
    expect(layer.form).toBe(form);
    expect('whole' in layer ? layer.whole : undefined).toBe(whole);
  });

  it.each([
    ['heads without a tail', '-----BEGIN PGP MESSAGE-----\r\n'.repeat(200_000)],
    ['signed heads without a tail', '-----BEGIN PGP SIGNED MESSAGE-----\r\n'.repeat(200_000)],
    ['empty lines', `${'\r\n'.repeat(2_000_000)}x`],
  ])('looks once through a text of %s', (_, body) => {
    const begin = performance.now();
    expect(recognise(mail(...text(body))).form).toBe('clear');
    expect(performance.now() - begin).toBeLessThan(1000);
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
