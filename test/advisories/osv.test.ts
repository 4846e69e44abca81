import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { faultsOf } from '../../src/advisories/faults.ts';
import { osvDocument } from '../../src/advisories/osv.ts';
import { anyAdvisory, full, minimal, samples, site } from './samples.ts';
import { schemaAt } from './schemas.ts';

const schema = schemaAt('osv.json');
const of = (name: string) => osvDocument(samples[name] ?? minimal, site);

describe.skipIf(schema.absent !== null)(
  `an OSV document by the official schema${schema.absent ? ` (skipped: ${schema.absent})` : ''}`,
  () => {
    const faults = schema.absent === null ? schema.faultsOf : () => [];

    it('is looked at: a fault is found', () => {
      expect(faults({ ...osvDocument(full, site), id: 'ORBIT-2026-0001' })).not.toEqual([]);
      expect(faults({ ...osvDocument(full, site), published: 'yesterday' })).not.toEqual([]);
    });

    it.each(Object.entries(samples))('is valid: %s', (_, advisory) => {
      expect(faults(osvDocument(advisory, site))).toEqual([]);
    });

    it('is valid of whatever advisory has no faults', () => {
      fc.assert(
        fc.property(anyAdvisory, (advisory) => {
          fc.pre(faultsOf(advisory).length === 0);
          expect(faults(osvDocument(advisory, site))).toEqual([]);
        }),
      );
    });
  },
);

describe('an OSV document', () => {
  it('says what the advisory says', () => {
    expect(osvDocument(full, site)).toMatchObject({
      id: 'x_ORBIT-2026-0001',
      aliases: ['CVE-2026-99001'],
      published: '2026-09-22T16:00:00.000Z',
      modified: '2026-09-22T17:00:00.000Z',
      summary: 'Overflow in the parser',
      details: expect.stringMatching(
        /^A long header[\s\S]*A length is not checked\.[\s\S]*Am I vulnerable\?[\s\S]*Mitigation[\s\S]*Detection/,
      ),
      severity: [{ type: 'CVSS_V3', score: full.severity?.vector }],
      affected: [
        {
          package: { ecosystem: 'npm', name: '@orbit/gateway', purl: 'pkg:npm/%40orbit/gateway' },
          ranges: [
            { type: 'SEMVER', events: [{ introduced: '1.2.0' }, { fixed: '1.4.2' }] },
            { type: 'SEMVER', events: [{ introduced: '2.0.0' }, { fixed: '2.1.1' }] },
          ],
        },
        { database_specific: { product: 'Orbit Satellite', versions: ['up to 7'] } },
      ],
      references: [
        { type: 'ADVISORY', url: 'https://orbit.example/advisories/ORBIT-2026-0001' },
        { type: 'WEB' },
        { type: 'WEB' },
      ],
      credits: [
        { name: 'Rita Reporter', type: 'REPORTER' },
        { name: 'The Fuzzer', type: 'TOOL' },
        { name: 'Fynn', type: 'REMEDIATION_DEVELOPER' },
      ],
      database_specific: { case: 'ORBIT-2026-0001', cwe_ids: ['CWE-120', 'CWE-79'] },
    });
  });

  it('orders versions as the ecosystem does, and says nothing of one that OSV does not know', () => {
    const { affected = [] } = of('packages of several ecosystems');
    expect(affected.map((entry) => [entry.package?.ecosystem, entry.ranges?.[0]?.type])).toEqual([
      ['PyPI', 'ECOSYSTEM'],
      ['Debian:13', 'ECOSYSTEM'],
      ['Go', 'SEMVER'],
      [undefined, 'SEMVER'],
    ]);
  });

  it('has ranges of commits with their repository, and none of versions that nobody can order', () => {
    expect(of('commits').affected).toMatchObject([
      {
        ranges: [
          { type: 'GIT', repo: 'https://git.example/orbit.git', events: [{ introduced: '0' }, { fixed: expect.any(String) }] },
        ],
      },
      { ranges: [{ type: 'GIT', events: [{}, { last_affected: 'f'.repeat(40) }] }] },
    ]);
    expect(of('one version').affected).toEqual([{ database_specific: { product: 'Orbit', versions: ['1.0-rc2'] } }]);
  });

  it('never has both an end that is fixed and one that is affected', () => {
    const known = { product: 'Orbit', versions: [{ lastAffected: '1.3.0', fixed: '1.4.0' }] };
    expect(osvDocument({ ...minimal, affected: [known] }, site).affected?.[0]?.ranges).toEqual([
      { type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '1.4.0' }] },
    ]);
  });

  it('says when and why it was withdrawn', () => {
    expect(of('withdrawn')).toMatchObject({
      withdrawn: '2026-09-23T16:00:00.000Z',
      modified: '2026-09-23T16:00:00.000Z',
      details: expect.stringMatching(/^Withdrawn: It cannot be reached from outside\./),
    });
  });
});
