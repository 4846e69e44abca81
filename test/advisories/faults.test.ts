import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Advisory } from '../../src/advisories/advisory.ts';
import { faultsOf, isWebUrl } from '../../src/advisories/faults.ts';
import { full, minimal, samples } from './samples.ts';

const affected = (entry: object): Partial<Advisory> => ({ affected: [{ product: 'Orbit', versions: [], ...entry }] });

describe('an advisory', () => {
  it.each(Object.entries(samples))('has no fault: %s', (name, advisory) => {
    expect(faultsOf(advisory), name).toEqual([]);
  });

  it.each<[string, Partial<Advisory>, string]>([
    ['a blank title', { title: ' \n' }, 'it has no title'],
    ['a blank text', { description: '' }, 'it has no description'],
    ['a case id that is a path', { caseId: '../x' }, '../x is no case id'],
    ['what is no CVE id', { cve: 'CVE-26-1' }, 'CVE-26-1 is no CVE id'],
    ['a weakness that there is not', { cwes: ['CWE-79', 'CWE-99999'] }, 'CWE-99999 is no weakness of CWE 4.17'],
    ['a weakness that was withdrawn', { cwes: ['CWE-132'] }, 'CWE-132 is no weakness of CWE 4.17'],
    [
      'a vector without a metric',
      { severity: { vector: 'CVSS:3.1/AV:N', score: 1, base: 1, rating: 'low' } },
      'CVSS:3.1/AV:N is no vector',
    ],
    [
      'a vector with one twice',
      { severity: { vector: 'CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H/A:L', score: 8.8, base: 8.8, rating: 'high' } },
      'is no vector',
    ],
    [
      'a vector of CVSS 2',
      { severity: { vector: 'AV:N/AC:L/Au:N/C:P/I:P/A:P', score: 7.5, base: 7.5, rating: 'high' } },
      'is no vector',
    ],
    ['a score beyond 10', { severity: { vector: null, score: 10.1, base: 10.1, rating: 'high' } }, '10.1 is no score of CVSS'],
    [
      'a score that is no tenth',
      { severity: { vector: null, score: 8.85, base: 8.85, rating: 'high' } },
      '8.85 is no score of CVSS',
    ],
    ['a script for a link', { references: [{ url: 'javascript:alert(1)' }] }, 'javascript:alert(1) is no URL'],
    ['a patch whose link is no URL', { patches: [{ name: 'x', sha256: 'a'.repeat(64), url: 'x.patch' }] }, 'x.patch is no URL'],
    ['a hash that is none', { patches: [{ name: 'x', sha256: 'A'.repeat(64) }] }, 'is no SHA-256'],
    ['a version with a blank', affected({ versions: [{ fixed: '1.0 beta' }] }), '"1.0 beta" is no version of Orbit'],
    ['a version that reads like a range', affected({ versions: [{ fixed: '>=2' }] }), '">=2" is no version of Orbit'],
    ['a fix where the hole comes in', affected({ versions: [{ introduced: '1', fixed: '1' }] }), 'Orbit is fixed in 1'],
    ['commits of nowhere', affected({ versions: [{ fixed: 'a'.repeat(40) }] }), 'Orbit: commits need a repository'],
    [
      'a package URL with a version',
      affected({ package: { ecosystem: 'npm', name: 'o', purl: 'pkg:npm/o@1' } }),
      'pkg:npm/o@1 is no',
    ],
    [
      'a package URL that its type does not allow',
      affected({ package: { ecosystem: 'Maven', name: 'o', purl: 'pkg:maven/o' } }),
      'pkg:maven/o is no',
    ],
    ['a title of control characters', { title: '\u0000\u2028' }, 'it has no title'],
    ['a credit to nobody', { credits: [{ name: ' ', role: 'finder' }] }, 'a credit has no name'],
    ['no reason for its withdrawal', { withdrawn: { at: 0, reason: '' } }, 'it is withdrawn without a reason'],
  ])('has one, and says which: %s', (_, change, fault) => {
    expect(faultsOf({ ...minimal, ...change })).toEqual([expect.stringContaining(fault)]);
  });

  it('tells all of them at once', () => {
    expect(faultsOf({ ...full, title: '', cve: 'x', caseId: '' })).toHaveLength(3);
  });
});

describe('a URL of the web', () => {
  it.each(['https://a.example', 'http://a.example:80/b/%7Ec?d=e&f#g', 'https://xn--bcher-kva.example/'])('%s is one', (url) => {
    expect(isWebUrl(url)).toBe(true);
  });
  it.each([
    'HTTPS://a.example',
    'https://u@a.example/',
    'https://bücher.example',
    'https://a.example/ ',
    'https://a.example/"><b>',
    'https://a.example/%2',
    'https://a.example/\nx',
    '//a.example',
    'ftp://a.example',
    'https://',
    'https://a.example:99999/',
  ])('%j is none', (url) => {
    expect(isWebUrl(url)).toBe(false);
  });

  it('is one that browsers do not read otherwise', () => {
    const guess = fc
      .tuple(fc.constantFrom('https://', 'http://'), fc.constantFrom('/', ':1/', '?', '#'), fc.string({ unit: 'grapheme-ascii' }))
      .map(([scheme, path, rest]) => {
        return `${scheme}a.example${path}${rest}`;
      });
    fc.assert(
      fc.property(guess, (url) => {
        fc.pre(isWebUrl(url));
        expect(new URL(url).hostname).toBe('a.example');
      }),
    );
  });
});
