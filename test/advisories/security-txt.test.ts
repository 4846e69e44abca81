import { describe, expect, it } from 'vitest';
import { mailtoOf, type SecurityTxt, securityTxt } from '../../src/advisories/security-txt.ts';

const fields: SecurityTxt = {
  contacts: [mailtoOf('security@orbit.example'), 'https://orbit.example/report'],
  expiresAt: Date.UTC(2027, 0, 1),
  encryption: ['https://orbit.example/keys/security@orbit.example.asc', 'openpgp4fpr:D3B5A1C0FFEE00D3B5A1C0FFEE00D3B5A1C0FFEE'],
  acknowledgments: ['https://orbit.example/advisories'],
  languages: ['en', 'de-AT'],
  canonical: ['https://orbit.example/.well-known/security.txt'],
  policy: ['https://orbit.example/policy'],
  csaf: ['https://orbit.example/csaf/provider-metadata.json'],
};

/** RFC 9116 §4, and RFC 3339 §5.6 for the date: what each field may hold. */
const VALUES: Readonly<Record<string, RegExp>> = {
  Contact: /^(https|mailto|tel):\S+$/,
  Expires: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/,
  Encryption: /^(https|dns|openpgp4fpr):\S+$/,
  Acknowledgments: /^https:\S+$/,
  'Preferred-Languages': /^[a-z]{2,8}(-[A-Za-z0-9]{1,8})*(, [a-z]{2,8}(-[A-Za-z0-9]{1,8})*)*$/,
  Canonical: /^https:\S+$/,
  Policy: /^https:\S+$/,
  CSAF: /^https:\S+$/,
};

describe('security.txt', () => {
  it('has lines of a field, a colon, a blank and a value, each ended, in ASCII', () => {
    const lines = securityTxt(fields).split('\n');
    expect(lines.pop()).toBe('');
    const read = lines.map((line) => /^([A-Za-z-]+): ([ -~]+)$/.exec(line)?.slice(1) ?? [line]);
    for (const [name = '', value] of read) expect(value, name).toMatch(VALUES[name] ?? /^there is no such field$/);
    const count = (field: string) => read.filter(([name]) => name === field).length;
    expect([count('Contact'), count('Expires'), count('Preferred-Languages'), count('Encryption')]).toEqual([2, 1, 1, 2]);
  });

  it('is short where little is given', () => {
    expect(securityTxt({ contacts: ['mailto:security@orbit.example'], expiresAt: Date.UTC(2027, 0, 1), languages: [] })).toBe(
      'Contact: mailto:security@orbit.example\nExpires: 2027-01-01T00:00:00.000Z\n',
    );
  });

  it.each<[string, Partial<SecurityTxt>]>([
    ['a second line', { contacts: ['mailto:a@b.example\nContact: mailto:c@d.example'] }],
    ['a carriage return', { policy: ['https://orbit.example/\r'] }],
    ['an address that is no URI', { contacts: ['security@orbit.example'] }],
    ['the web without TLS', { canonical: ['http://orbit.example/.well-known/security.txt'] }],
    ['letters outside of ASCII', { policy: ['https://bücher.example/'] }],
    ['no language', { languages: ['english, please'] }],
  ])('is not made of %s', (_, wrong) => {
    expect(() => securityTxt({ ...fields, ...wrong })).toThrow(/^security\.txt: ".*" is no/);
  });

  it.each([
    ['security@orbit.example', 'mailto:security@orbit.example'],
    ["o'hara+x?y&z%@orbit.example", 'mailto:o%27hara%2Bx%3Fy%26z%25@orbit.example'],
  ])('the address %s is the URI %s', (address, uri) => {
    expect(mailtoOf(address)).toBe(uri);
  });
});
