import { describe, expect, test } from 'vitest';
import { readCleartext } from '../../src/pgp/cleartext.ts';
import { openpgp } from '../../src/pgp/settings.ts';

const { privateKey } = await openpgp.generateKey({ userIDs: [{ email: 'a@orbit.example' }], format: 'object' });
const signed = async (text: string) =>
  openpgp.sign({ message: await openpgp.createCleartextMessage({ text }), signingKeys: privateKey });

describe('the text in a cleartext signature is the one that OpenPGP.js reads', () => {
  test.each([
    ['an empty line', '\n'],
    ['empty lines around it', '\n\na\n\n'],
    ['blanks at the ends of lines', 'a  \nb\t \n \t\n\u00a0\nc '],
    ['dashes', '-\n--\n- a\n- - b\n-----BEGIN PGP SIGNATURE-----\n-----x-----\n -----y-----'],
    ['a carriage return in a line', 'a\rb\r\nc'],
    ['separators of other standards', 'a\u2028b\u2029\u0085c\n\u2028'],
    ['letters of two alphabets', 'ä€😀\n\ud83d'],
    ['more than is read at once', `${'ä- \n- x\n'.repeat(30_000)}`],
  ])('%s', async (_, text) => {
    const block = await signed(text);
    for (const form of [
      block,
      block.replace(/\r?\n/g, '\n'),
      block.replace(/\r?\n/g, '\r\n'),
      block.replace(/\r?\n/g, ' \t\r\n'),
    ])
      expect((await readCleartext(form)).text).toBe((await openpgp.readCleartextMessage({ cleartextMessage: form })).getText());
  });
});

describe('a frame that is damaged is refused', () => {
  test.each<[string, (block: string) => string]>([
    ['words among its headers', (block) => block.replace('Hash:', 'Pay him.\nHash:')],
    ['no empty line', (block) => block.replace(/\r?\n\r?\n/, '\n')],
    ['no signature', (block) => block.slice(0, block.indexOf('-----BEGIN PGP SIGNATURE'))],
    ['headers without end', (block) => block.replace('Hash:', `${'Hash: SHA512\n'.repeat(30_000)}Hash:`)],
  ])('%s', async (_, damage) => {
    await expect(readCleartext(damage(await signed('Pay nobody.')))).rejects.toMatchObject({ reason: 'malformed-mail' });
  });
});
