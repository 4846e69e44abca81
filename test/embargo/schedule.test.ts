import { beforeEach, describe, expect, test } from 'vitest';
import { describe as describeCase } from '../../src/cases/describe.ts';
import { DAY, HOUR } from '../../src/clock.ts';
import { approve } from '../../src/embargo/approve.ts';
import { openContents } from '../../src/embargo/contents.ts';
import { release } from '../../src/embargo/release.ts';
import { dropProposal, retract } from '../../src/embargo/retract.ts';
import { addPatch, schedule, setText, withdrawPatch } from '../../src/embargo/schedule.ts';
import * as cases from '../../src/store/cases.ts';
import * as posts from '../../src/store/posts.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { actor, arm, armed, caseOf, PATCH, PUBLIC, reasonOf, scheduled } from './armed.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let releaseAt: number;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    releaseAt = house.clock.now() + HOUR;
  });

  test('a case is scheduled with an instant, a text and every public list, and its draft is kept sealed', async () => {
    const id = await house.report();
    const about = await schedule(house, id, { releaseAt, ...PUBLIC });
    expect(about).toEqual(await caseOf(house, id));
    expect(about).toMatchObject({ state: 'scheduled', release_at: releaseAt, channels: LISTS.announce, revision: 2 });
    const draft = await posts.byId(house.db, about.draft_post_id ?? '');
    expect(draft?.kind).toBe('draft');
    expect(Buffer.from(draft?.content ?? []).toString('latin1')).not.toContain('Update now');
    expect(await openContents(house, about)).toMatchObject({ draft: { subject: PUBLIC.subject }, hash: about.bundle_hash });
  });

  test('a patch is kept byte for byte under the last segment of its name', async () => {
    const id = await house.report();
    const { patch } = await addPatch(house, id, { ...PATCH, name: '../../etc\\cron.d/фикс "1".patch' });
    expect(patch.name).toBe('фикс "1".patch');
    const about = await schedule(house, id, { releaseAt, ...PUBLIC });
    const { patches } = await openContents(house, about);
    expect(patches.map(({ name, bytes }) => [name, Buffer.from(bytes)])).toEqual([['фикс "1".patch', PATCH.bytes]]);
    const [row] = await cases.patches(house.db, id);
    expect(Buffer.from(row?.content ?? []).toString('latin1')).not.toContain('+++ b/x');
  });

  test.each(['One.\nTwo.\n', 'One.\r\nTwo.\r\n', 'One.\rTwo.'])('a text reads with LF line ends (%j)', async (text) => {
    const about = await schedule(house, await house.report(), { releaseAt, ...PUBLIC, text });
    expect((await openContents(house, about)).draft.text).toBe('One.\nTwo.\n');
  });

  test('a patch comes before the schedule as well: the case waits in its state', async () => {
    const { case: about } = await addPatch(house, await house.report(), PATCH);
    expect(about).toMatchObject({ state: 'received', bundle_hash: null, revision: 2 });
  });

  describe('what one person changes of an armed release waits beside it, until two approve it', () => {
    const changes: [string, (id: string) => Promise<unknown>][] = [
      ['another instant', (id) => schedule(house, id, { releaseAt: releaseAt + 1, ...PUBLIC })],
      ['another subject', (id) => schedule(house, id, { releaseAt, ...PUBLIC, subject: 'Another' })],
      ['another text', (id) => schedule(house, id, { releaseAt, ...PUBLIC, text: 'Another.\n' })],
      ['the very same schedule, set again', (id) => schedule(house, id, { releaseAt, ...PUBLIC })],
      ['another title', (id) => describeCase(house, id, { title: 'Another' })],
      [
        'another instant, and back',
        async (id) => {
          await schedule(house, id, { releaseAt: releaseAt + 1, ...PUBLIC });
          await schedule(house, id, { releaseAt, ...PUBLIC });
        },
      ],
    ];
    test.each(changes)('%s', async (_, change) => {
      const before = await armed(house, releaseAt);
      await change(before.id);
      const { proposal, proposed_hash, proposed_at, revision, updated_at, ...stands } = await caseOf(house, before.id);
      expect(before).toMatchObject(stands);
      expect([proposed_at, proposed_hash === before.bundle_hash]).toEqual([house.clock.now(), false]);
      const [lena, dirk] = [await actor(house, house.team[0]), await actor(house, house.team[1])];
      await approve(house, before.id, proposed_hash ?? '', lena);
      expect(await caseOf(house, before.id)).toMatchObject({ state: 'armed', bundle_hash: before.bundle_hash, proposal });
      expect(await approve(house, before.id, proposed_hash ?? '', dirk)).toMatchObject({
        ...{ state: 'armed', bundle_hash: proposed_hash, proposal: null, proposed_hash: null },
        ...JSON.parse(proposal ?? ''),
        scheduled_at: house.clock.now(),
      });
      house.clock.moveTo(releaseAt + HOUR);
      expect((await release(house, before.id)).state).toBe('released');
    });

    test('and what was approved goes out at its instant', async () => {
      const { id, bundle_hash, draft_post_id } = await armed(house, releaseAt);
      await setText(house, id, { subject: 'Another', text: 'Another.\n' });
      const { proposed_hash } = await schedule(house, id, { releaseAt: releaseAt + DAY });
      await approve(house, id, proposed_hash ?? '', await actor(house, house.team[2]));
      house.clock.moveTo(releaseAt);
      expect(await release(house, id)).toMatchObject({ bundle_hash, draft_post_id, release_at: releaseAt, proposal: null });
    });

    test('and is what stands where what was armed is taken back; by itself it is taken back alone', async () => {
      const { id, bundle_hash } = await armed(house, releaseAt);
      expect(await reasonOf(dropProposal(house, id))).toBe('conflict');
      await setText(house, id, { subject: 'Another', text: 'Another.\n' });
      expect(await dropProposal(house, id)).toMatchObject({ state: 'armed', bundle_hash, proposal: null, proposed_hash: null });
      await setText(house, id, { subject: 'Another', text: 'Another.\n' });
      const back = await retract(house, id);
      expect(back).toMatchObject({ state: 'scheduled', proposal: null, disarmed_at: house.clock.now() });
      expect((await openContents(house, back)).draft.subject).toBe('Another');
    });
  });

  describe('whatever changes the patches voids the approvals, and the same people can arm the case again', () => {
    const changes: [string, (id: string) => Promise<unknown>][] = [
      ['another patch', (id) => addPatch(house, id, { name: 'more.patch', bytes: Buffer.from('more') })],
      [
        'a patch less',
        async (id) => {
          const [patch] = await cases.patches(house.db, id);
          await withdrawPatch(house, id, patch?.id ?? '');
        },
      ],
      [
        'another patch, taken out again',
        async (id) => {
          const { patch } = await addPatch(house, id, { name: 'more.patch', bytes: Buffer.from('more') });
          await withdrawPatch(house, id, patch.id);
        },
      ],
    ];
    test.each(changes)('%s', async (_, change) => {
      const before = await armed(house, releaseAt);
      expect(before.state).toBe('armed');
      await change(before.id);
      const after = await caseOf(house, before.id);
      expect(after.state).toBe('scheduled');
      expect(after.bundle_hash).not.toBe(before.bundle_hash);
      house.clock.moveTo(releaseAt + HOUR);
      expect(await reasonOf(release(house, before.id))).toBe('not-approved');
      expect(await reasonOf(approve(house, before.id, before.bundle_hash ?? '', await actor(house, house.team[0])))).toBe(
        'approval-voided',
      );
      expect((await arm(house, after)).state).toBe('armed');
      expect((await release(house, before.id)).state).toBe('released');
    });
  });

  describe('is refused', () => {
    test.each<[string, Partial<Parameters<typeof schedule>[2]>, string]>([
      ['an instant that has come', { releaseAt: 0 }, 'past-instant'],
      ['an empty text', { text: ' \u0001\n' }, 'invalid'],
      ['an empty subject', { subject: '\t' }, 'invalid'],
      ['a channel that is no list', { channels: ['nowhere@orbit.example'] }, 'invalid'],
      ['a channel that is not public', { channels: [LISTS.announce, LISTS.distributors] }, 'invalid'],
      ['no channel', { channels: [] }, 'invalid'],
    ])('%s, and the case stays as it was', async (_, change, reason) => {
      const before = await armed(house, releaseAt);
      expect(await reasonOf(schedule(house, before.id, { releaseAt, ...PUBLIC, ...change }))).toBe(reason);
      expect(await caseOf(house, before.id)).toEqual(before);
    });

    test('this very instant, and one a millisecond later is not', async () => {
      const id = await house.report();
      const now = house.clock.now();
      expect(await reasonOf(schedule(house, id, { releaseAt: now, ...PUBLIC }))).toBe('past-instant');
      expect((await schedule(house, id, { releaseAt: now + 1, ...PUBLIC })).release_at).toBe(now + 1);
    });

    test('the very same patch a second time; under another name, or taken out before, it is another', async () => {
      const { id, revision, bundle_hash } = await scheduled(house);
      const again = addPatch(house, id, { ...PATCH, name: `elsewhere/${PATCH.name}` });
      await expect(again).rejects.toMatchObject({
        reason: 'conflict',
        hint: `The case has this very file already: ${PATCH.name}`,
      });
      expect(await caseOf(house, id)).toMatchObject({ revision, bundle_hash });
      const { patch } = await addPatch(house, id, { ...PATCH, name: 'another.patch' });
      await withdrawPatch(house, id, patch.id);
      await addPatch(house, id, { ...PATCH, name: 'another.patch' });
      expect(await cases.patches(house.db, id)).toHaveLength(2);
    });

    test('another patch of the same name, in whatever case, unless it takes its place', async () => {
      const before = await armed(house, releaseAt);
      const { id } = before;
      const [old] = await cases.patches(house.db, id);
      const mended = { name: 'FIX.patch', bytes: Buffer.from('+mended\n') };
      await expect(addPatch(house, id, mended)).rejects.toMatchObject({
        reason: 'conflict',
        hint: expect.stringContaining(`another ${PATCH.name}, with the SHA-256 ${old?.sha256}`),
      });
      expect((await addPatch(house, id, { ...PATCH, replace: true })).patch.id).toBe(old?.id);
      expect(await caseOf(house, id)).toEqual(before);
      const { case: about, patch } = await addPatch(house, id, { ...mended, replace: true });
      expect(about.state).toBe('scheduled');
      const { patches, hash } = await openContents(house, about);
      expect(patches.map(({ id: one, name }) => [one, name])).toEqual([[patch.id, 'FIX.patch']]);
      expect(hash).toBe(about.bundle_hash);
    });

    test('an empty patch, an unknown one, one of another case, and one that was taken out before', async () => {
      const { id } = await scheduled(house);
      const other = await addPatch(house, await house.report({ text: 'Another.\n' }), PATCH);
      const { patch } = await addPatch(house, id, { name: 'more.patch', bytes: Buffer.from('more') });
      await withdrawPatch(house, id, patch.id);
      expect(await reasonOf(addPatch(house, id, { name: 'x', bytes: Buffer.alloc(0) }))).toBe('invalid');
      for (const unknown of ['nothing', other.patch.id, patch.id])
        expect(await reasonOf(withdrawPatch(house, id, unknown))).toBe('not-found');
      expect((await cases.patches(house.db, other.case.id)).map(({ id: kept }) => kept)).toEqual([other.patch.id]);
    });

    test('a change of what somebody else changed meanwhile', async () => {
      const { id, revision } = await scheduled(house);
      const [patch] = await cases.patches(house.db, id);
      const stale = [
        schedule(house, id, { releaseAt, ...PUBLIC }, revision - 1),
        addPatch(house, id, PATCH, revision - 1),
        withdrawPatch(house, id, patch?.id ?? '', revision - 1),
      ];
      expect(await Promise.all(stale.map(reasonOf))).toEqual(['stale', 'stale', 'stale']);
      expect(await caseOf(house, id)).toMatchObject({ revision });
    });

    test('one of two changes at once, whole', async () => {
      const { id } = await scheduled(house);
      const added = await Promise.all(
        ['one', 'two'].map((name) => reasonOf(addPatch(house, id, { name, bytes: Buffer.from(name) }))),
      );
      expect(added.sort()).toEqual(['done', 'stale']);
      const about = await caseOf(house, id);
      expect(await cases.patches(house.db, id)).toHaveLength(2);
      expect((await openContents(house, about)).hash).toBe(about.bundle_hash);
    });

    test('anything about a case that is released, or that is not there', async () => {
      const { id } = await armed(house, releaseAt);
      const [patch] = await cases.patches(house.db, id);
      house.clock.moveTo(releaseAt);
      await release(house, id);
      const later = { releaseAt: releaseAt + DAY, ...PUBLIC };
      const moves = (caseId: string) =>
        Promise.all(
          [schedule(house, caseId, later), addPatch(house, caseId, PATCH), withdrawPatch(house, caseId, patch?.id ?? '')].map(
            reasonOf,
          ),
        );
      expect(new Set(await moves(id))).toEqual(new Set(['already-released']));
      expect(new Set(await moves('ORBIT-2026-9999'))).toEqual(new Set(['not-found']));
    });
  });
});
