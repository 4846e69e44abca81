import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cveRecord } from '../../src/advisories/cve.ts';
import { faultsOf } from '../../src/advisories/faults.ts';
import { anyAdvisory, full, minimal, samples, site } from './samples.ts';
import { schemaAt } from './schemas.ts';

const schema = schemaAt('cve-record-5.1.1.json');
const CVE = 'CVE-2026-99001';
const of = (name: string) => cveRecord({ ...(samples[name] ?? minimal), cve: CVE }, site);

describe.skipIf(schema.absent !== null)(
  `a CVE record by the official schema${schema.absent ? ` (skipped: ${schema.absent})` : ''}`,
  () => {
    const faults = schema.absent === null ? schema.faultsOf : () => [];

    it('is looked at: a fault is found', () => {
      expect(faults({ ...cveRecord(full, site), dataVersion: '4.0' })).not.toEqual([]);
      expect(faults(cveRecord(full, { ...site, cna: { orgId: 'orbit' } }))).not.toEqual([]);
    });

    it.each(Object.entries(samples))('is valid: %s', (_, advisory) => {
      expect(faults(cveRecord({ ...advisory, cve: CVE }, site))).toEqual([]);
    });

    it('is valid of whatever advisory has no faults', () => {
      fc.assert(
        fc.property(anyAdvisory, (advisory) => {
          fc.pre(faultsOf(advisory).length === 0);
          expect(faults(cveRecord({ ...advisory, cve: CVE }, site))).toEqual([]);
        }),
        { numRuns: 60 },
      );
    });
  },
);

describe('a CVE record', () => {
  it('is none without an id, and none of a project that is no CNA', () => {
    expect(cveRecord(minimal, site)).toBeNull();
    expect(cveRecord({ ...full, cve: null }, site)).toBeNull();
    expect(cveRecord(full, { ...site, cna: null })).toBeNull();
  });

  it('says what the advisory says', () => {
    expect(cveRecord(full, site)).toMatchObject({
      dataType: 'CVE_RECORD',
      cveMetadata: { cveId: CVE, state: 'PUBLISHED', assignerOrgId: site.cna?.orgId, datePublished: '2026-09-22T16:00:00.000Z' },
      containers: {
        cna: {
          providerMetadata: { orgId: site.cna?.orgId, shortName: 'orbit' },
          title: 'Overflow in the parser',
          descriptions: [{ lang: 'en', value: expect.stringContaining('A length is not checked.') }],
          affected: [
            {
              vendor: 'Orbit Security Team',
              product: 'Orbit',
              modules: ['gateway'],
              packageName: '@orbit/gateway',
              defaultStatus: 'unaffected',
              versions: [
                { version: '1.2.0', status: 'affected', versionType: 'semver', lessThan: '1.4.2' },
                { version: '2.0.0', status: 'affected', versionType: 'semver', lessThan: '2.1.1' },
              ],
            },
            { versions: [{ version: '0', status: 'affected', versionType: 'custom', lessThanOrEqual: '7' }] },
          ],
          problemTypes: [{ descriptions: [{ cweId: 'CWE-120' }] }, { descriptions: [{ cweId: 'CWE-79' }] }],
          metrics: [{ cvssV3_1: { version: '3.1', baseScore: 8.8, baseSeverity: 'HIGH' } }],
          workarounds: [{ value: 'Set max_header = 4096.' }],
          solutions: [{ value: 'Orbit (gateway): fixed in 1.4.2, 2.1.1' }],
          credits: [{ value: 'Rita Reporter', type: 'reporter' }, {}, { type: 'remediation developer' }],
          references: [{ url: 'https://orbit.example/advisories/ORBIT-2026-0001', tags: ['vendor-advisory'] }, {}, {}],
        },
      },
    });
  });

  it.each([
    ['CVSS 3.0', { cvssV3_0: { baseScore: 9.8, baseSeverity: 'CRITICAL' } }],
    ['CVSS 4.0', { cvssV4_0: { baseScore: 9.3, baseSeverity: 'CRITICAL' } }],
    ['a rating without a vector', { other: { type: 'Severity', content: { rating: 'Medium' } } }],
    ['a rating that a lead overrode', { cvssV3_1: { baseScore: 2.2, baseSeverity: 'LOW' } }],
  ])('has the score in its place: %s', (name, metric) => {
    expect(of(name)).toMatchObject({ containers: { cna: { metrics: [metric] } } });
  });

  it('says of a product that nobody has named that nothing is known', () => {
    expect(of('title and text')).toMatchObject({
      containers: { cna: { affected: [{ vendor: 'Orbit Security Team', product: 'orbit', defaultStatus: 'unknown' }] } },
    });
  });

  it('has no end where none is known, and all versions where none is named', () => {
    expect(of('a version without an end')).toMatchObject({
      containers: { cna: { affected: [{ versions: [{ lessThan: '*' }] }] } },
    });
    expect(of('all versions of a product')).toMatchObject({ containers: { cna: { affected: [{ defaultStatus: 'affected' }] } } });
  });

  it('rejects its id when the advisory is withdrawn, and says why', () => {
    const record = of('withdrawn');
    expect(record).toMatchObject({ cveMetadata: { state: 'REJECTED', dateRejected: '2026-09-23T16:00:00.000Z' } });
    expect(record?.containers.cna).toEqual({
      providerMetadata: expect.any(Object),
      rejectedReasons: [{ lang: 'en', value: 'It cannot be reached from outside.' }],
    });
  });
});
