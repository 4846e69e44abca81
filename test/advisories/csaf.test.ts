import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csafFileName } from '../../src/advisories/advisory.ts';
import { csafDocument } from '../../src/advisories/csaf.ts';
import { faultsOf } from '../../src/advisories/faults.ts';
import { weaknessName } from '../../src/advisories/weaknesses.ts';
import { errorsOf, MANDATORY, warningsOf } from './csaf-validator.ts';
import { anyAdvisory, full, minimal, samples, site } from './samples.ts';

const of = (name: string) => csafDocument(samples[name] ?? minimal, site);

describe('a CSAF document', () => {
  it('is asked all the mandatory tests of the standard, which do find faults', async () => {
    expect(MANDATORY).toBe(43);
    const { document, ...rest } = csafDocument(full, site);
    const { tracking } = document;
    expect(await errorsOf({ ...rest, document: { ...document, tracking: { ...tracking, version: '7' } } })).toContainEqual(
      expect.stringContaining('6_1_16'),
    );
    expect(await errorsOf({ ...rest, document: { ...document, colour: 'red' } })).toContainEqual(
      expect.stringContaining('must NOT have'),
    );
  });

  it.each(Object.entries(samples))('is valid: %s', async (_, advisory) => {
    expect(await errorsOf(csafDocument(advisory, site))).toEqual([]);
  });

  it('is valid of whatever advisory has no faults', async () => {
    await fc.assert(
      fc.asyncProperty(anyAdvisory, async (advisory) => {
        fc.pre(faultsOf(advisory).length === 0);
        expect(await errorsOf(csafDocument(advisory, site))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('names products by package URLs where it can, has its own address, and members in order', async () => {
    const packages = full.affected?.filter((entry) => entry.package !== undefined) ?? [];
    expect(await warningsOf(csafDocument({ ...full, affected: packages }, site), 11, 13, 16)).toEqual([]);
  });

  it('says what the advisory says', () => {
    const document = csafDocument(full, site);
    expect(document.document).toMatchObject({
      category: 'csaf_security_advisory',
      aggregate_severity: { text: 'High' },
      distribution: { tlp: { label: 'WHITE' } },
      publisher: { name: 'Orbit Security Team', namespace: 'https://orbit.example', contact_details: 'security@orbit.example' },
      tracking: {
        id: 'ORBIT-2026-0001',
        aliases: ['CVE-2026-99001'],
        status: 'final',
        version: '2',
        initial_release_date: '2026-09-22T16:00:00.000Z',
        current_release_date: '2026-09-22T17:00:00.000Z',
        revision_history: [
          { number: '1', summary: 'First release' },
          { number: '2', summary: 'Names the satellite too' },
        ],
      },
    });
    const [vulnerability] = document.vulnerabilities ?? [];
    expect(vulnerability).toMatchObject({
      cve: 'CVE-2026-99001',
      cwe: { id: 'CWE-120', name: "Buffer Copy without Checking Size of Input ('Classic Buffer Overflow')" },
      acknowledgments: [{ names: ['Rita Reporter'], summary: 'Reporter' }, {}, {}],
      product_status: {
        known_affected: ['CSAFPID-0001', 'CSAFPID-0002', 'CSAFPID-0005'],
        fixed: ['CSAFPID-0003', 'CSAFPID-0004'],
      },
      scores: [{ cvss_v3: { version: '3.1', baseScore: 8.8, baseSeverity: 'HIGH' }, products: expect.any(Array) }],
      remediations: [
        { category: 'mitigation', product_ids: ['CSAFPID-0001', 'CSAFPID-0002', 'CSAFPID-0005'] },
        {
          category: 'vendor_fix',
          product_ids: ['CSAFPID-0001', 'CSAFPID-0002'],
          details: expect.stringContaining('a'.repeat(64)),
        },
      ],
    });
    const [vendor] = document.product_tree?.branches ?? [];
    const [orbit, satellite] = vendor && 'branches' in vendor ? vendor.branches : [];
    expect(orbit).toMatchObject({
      name: 'Orbit (gateway)',
      branches: [
        { category: 'product_version_range', name: 'vers:npm/>=1.2.0|<1.4.2' },
        { category: 'product_version_range', name: 'vers:npm/>=2.0.0|<2.1.1' },
        {
          category: 'product_version',
          name: '1.4.2',
          product: { product_identification_helper: { purl: 'pkg:npm/%40orbit/gateway@1.4.2' } },
        },
        { category: 'product_version', name: '2.1.1' },
      ],
    });
    expect(satellite).toMatchObject({ branches: [{ name: 'vers:generic/<=7' }] });
  });

  it('tells a score of CVSS 4, for which it has no member, in a note', () => {
    const [vulnerability] = of('CVSS 4.0').vulnerabilities ?? [];
    expect(vulnerability).not.toHaveProperty('scores');
    expect(vulnerability?.notes).toContainEqual({
      category: 'general',
      title: 'Severity',
      text: 'Critical, 9.3 (CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N)',
    });
  });

  it('keeps the rating of the score beside the one that the team gave', () => {
    const { document, vulnerabilities } = of('a rating that a lead overrode');
    expect(document.aggregate_severity).toEqual({ text: 'High' });
    expect(vulnerabilities).toMatchObject([{ scores: [{ cvss_v3: { baseScore: 2.2, baseSeverity: 'LOW' } }] }]);
  });

  it.each(['withdrawn', 'withdrawn before its instant'])('%s: says why, and names no product and no vulnerability', (name) => {
    const { document, ...rest } = of(name);
    expect(rest).toEqual({});
    expect(document.category).toBe('csaf_base');
    expect(document.notes).toEqual([
      { category: 'description', title: 'Reasoning for Withdrawal', text: expect.stringMatching(/^It /) },
    ]);
    expect(document.tracking.revision_history.at(-1)?.summary).toBe('Withdrawn');
  });

  it('lets no version be taken for a sign of the range', () => {
    const { product_tree } = of('hostile text');
    expect(JSON.stringify(product_tree)).toContain('vers:generic/<1%7C2%2A%26%22%27%25');
  });

  it.each([
    ['ORBIT-2026-0001', 'orbit-2026-0001.json'],
    ['Some Co. #7 -+ ä', 'some_co_7_-+_.json'],
  ])('of %s is the file %s', (caseId, name) => {
    expect(csafFileName({ caseId })).toBe(name);
  });
});

it('the names of weaknesses are those of CWE', async () => {
  const { default: official }: { default: { weaknesses: { id: string; name: string }[] } } = await import(
    `@secvisogram/csaf-validator-lib/${'lib/shared/cwec.js'}`
  );
  const current = official.weaknesses.filter(({ name }) => !name.startsWith('DEPRECATED'));
  expect(current.length).toBeGreaterThan(900);
  expect(current.filter(({ id, name }) => weaknessName(id) !== name)).toEqual([]);
  expect(['CWE-0', 'CWE-079', 'CWE-toString', 'CWE-79 ', 'cwe-79'].map(weaknessName)).toEqual(Array(5).fill(undefined));
});
