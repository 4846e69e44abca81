import { beforeEach, expect, test } from 'vitest';
import { csafDocument } from '../../src/advisories/csaf.ts';
import { describe as describeCase } from '../../src/cases/describe.ts';
import { noDetails } from '../../src/cases/details.ts';
import { severityOf } from '../../src/cases/severity.ts';
import { approve } from '../../src/embargo/approve.ts';
import { openContents } from '../../src/embargo/contents.ts';
import { proposedCase } from '../../src/embargo/proposal.ts';
import { advisoryOf, externalMail, mustBeValid, templateText } from '../../src/embargo/published.ts';
import { release } from '../../src/embargo/release.ts';
import { errorsOf } from '../advisories/csaf-validator.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing } from '../support/house.ts';
import { PROJECT } from '../support/project.ts';
import { unguarded } from '../support/unguarded.ts';
import { actor, arm, armed, caseOf, KNOWN, PUBLIC, reasonOf, scheduled } from './armed.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
  });

  test('what is known belongs to what two people approve: a change of it waits for two, and counts for nothing until then', async () => {
    const about = await armed(house);
    const { case: changed } = await describeCase(house, about.id, { mitigation: 'Switch it off.' });
    expect(changed).toMatchObject({ state: 'armed', patch_set: about.patch_set, bundle_hash: about.bundle_hash });
    const contents = await openContents(house, proposedCase(changed));
    expect([contents.hash, contents.details?.mitigation]).toEqual([changed.proposed_hash, 'Switch it off.']);
    await approve(house, about.id, changed.proposed_hash ?? '', await actor(house, house.team[0]));
    // The same words again are another version of them, and of one thing a second change keeps the first.
    const { case: again, details } = await describeCase(house, about.id, { title: 'Another' });
    expect(details.mitigation).toBe('Switch it off.');
    expect(again.proposed_hash).not.toBe(changed.proposed_hash);
    house.clock.moveTo(about.release_at ?? 0);
    expect(await release(house, about.id)).toMatchObject({ details_post_id: about.details_post_id });
  });

  test('a bundle of which a document would not be valid is not approved, and its patches are', async () => {
    const { id } = await scheduled(house);
    const { case: about } = await describeCase(house, id, {
      affected: [{ product: 'orbit', versions: [{ introduced: 'before 2', fixed: 'before 2' }] }],
    });
    const lena = await actor(house, house.team[0]);
    const refused = approve(house, id, about.bundle_hash ?? '', lena);
    await expect(refused).rejects.toMatchObject({
      reason: 'incomplete',
      hint: expect.stringContaining('"before 2" is no version'),
    });
    expect((await caseOf(house, id)).bundle_hash).toBe(about.bundle_hash);
    const { case: mended } = await describeCase(house, id, { affected: KNOWN.affected ?? [] });
    expect(await arm(house, mended)).toMatchObject({ state: 'armed' });
  });

  test('the database knows other details for another bundle, and no advisory of a case that is not released', async () => {
    const about = await armed(house);
    const other = await scheduled(house);
    const swap = house.db.updateTable('cases').set({ details_post_id: other.details_post_id }).where('id', '=', about.id);
    await expect(swap.execute()).rejects.toThrow('other details are another bundle');
    const row = { case_id: about.id, document: '{}', revision: 1, released_at: 1, updated_at: 1 };
    await expect(house.db.insertInto('advisories').values(row).execute()).rejects.toThrow('an advisory is of a released case');
    house.clock.moveTo(about.release_at ?? 0);
    await unguarded(house.db, (trx) =>
      trx.updateTable('cases').set({ details_post_id: other.details_post_id }).where('id', '=', about.id).execute(),
    );
    expect(await reasonOf(release(house, about.id))).toBe('approval-voided');
  });

  test('the advisory is filed with the release, of these fields and no others', async () => {
    const { id } = await scheduled(house);
    const reporter = { wishedAt: '2026-10-01T00:00:00Z', credit: 'Rita', anonymous: false };
    const { case: about } = await describeCase(house, id, { reporter, reason: 'A reason.', cwe: ['CWE-120'] });
    await arm(house, about);
    house.clock.moveTo(about.release_at ?? 0);
    await release(house, id);
    const { document } = await house.db.selectFrom('advisories').select('document').executeTakeFirstOrThrow();
    expect(JSON.parse(document)).toMatchObject({
      caseId: id,
      title: KNOWN.title,
      description: PUBLIC.text.trim(),
      releasedAt: about.release_at,
      cve: KNOWN.cve,
      severity: { score: 8.8, rating: 'high' },
      credits: [{ name: 'Rita', role: 'reporter' }],
      patches: [{ name: 'fix.patch', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }],
    });
    for (const secret of ['2026-10-01', 'A reason.', 'binaries', 'rita@example.org', 'wishedAt'])
      expect(document).not.toContain(secret);
  });
});

const publishing = { caseId: 'ORBIT-2026-0001', releasedAt: Date.UTC(2026, 8, 22, 16), draft: PUBLIC, patches: [] };

test.each(['', '/E:P/RL:O/RC:C', '/MAV:L', '/E:P/CR:H/MPR:H'])(
  'documents have the base score of a vector with %s, people that of all metrics',
  async (more) => {
    for (const version of ['3.0', '3.1']) {
      const cvss = `CVSS:${version}/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H${more}`;
      const advisory = advisoryOf({ ...publishing, details: { ...noDetails, ...KNOWN, cvss } });
      const document = csafDocument(advisory, PROJECT.site);
      expect(await errorsOf(document)).toEqual([]);
      expect(document.vulnerabilities).toMatchObject([{ scores: [{ cvss_v3: { baseScore: 8.8, baseSeverity: 'HIGH' } }] }]);
      expect(advisory.severity?.score).toBe(severityOf(cvss).score);
    }
  },
);

test('where nothing is known but a text, the advisory says that, and external addresses get it under the name of the project', () => {
  const draft = { subject: '[Security Advisory] CVE-2026-99001: Overflow', text: 'Update.\n' };
  const of = { ...publishing, details: null, draft };
  expect(advisoryOf(of)).toMatchObject({ title: 'Overflow', description: 'Update.' });
  expect(externalMail(of, PROJECT.site)).toEqual({ subject: '[orbit] ORBIT-2026-0001: Overflow', text: draft.text });
  expect(() => mustBeValid(of)).not.toThrow();
  expect(() => mustBeValid({ ...of, draft: { subject: '\u0001', text: '\u0001' } })).toThrow(
    'it has no title; it has no description',
  );
});

test('there is no text to begin with before enough is known', () => {
  expect(() => templateText({ ...publishing, details: null }, PROJECT.site)).toThrow('What lacks: title, summary');
});
