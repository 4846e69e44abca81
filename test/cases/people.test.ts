import { expect, test } from 'vitest';
import { describe as describeCase, detailsOf } from '../../src/cases/describe.ts';
import { askToLead, claim, nameDeputy, staff, takeOver } from '../../src/cases/people.ts';
import { stageOf } from '../../src/cases/state.ts';
import { caseKnownTo } from '../../src/cases/step.ts';
import { DAY, HOUR } from '../../src/clock.ts';
import { approve } from '../../src/embargo/approve.ts';
import { presentPatchSet } from '../../src/embargo/contents.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { addPatch, schedule, setText } from '../../src/embargo/schedule.ts';
import * as cases from '../../src/store/cases.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as patchSets from '../../src/store/patch-sets.ts';
import { outbox } from '../delivery/outbox.ts';
import { actor, caseOf, KNOWN, PATCH, PUBLIC, reasonOf } from '../embargo/armed.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, housing, LISTS } from '../support/house.ts';

eachEngine((engine) => {
  const build = housing();
  const open = async () => build((await engine.open()).db);

  test('whoever claims a case leads it; one that is led is handed over, and that counts when the next one takes it', async () => {
    const house = await open();
    const [lena, dirk, ada] = house.team;
    const id = await house.report();
    expect(stageOf(await claim(as(house, lena), id, { deputy: dirk.contactId }))).toBe('led');
    expect(await reasonOf(claim(as(house, ada), id, {}))).toBe('conflict');
    expect(await reasonOf(askToLead(as(house, ada), id, ada.contactId))).toBe('forbidden');
    await askToLead(as(house, lena), id, ada.contactId);
    expect((await caseOf(house, id)).lead_id).toBe(lena.contactId);
    expect(await reasonOf(takeOver(as(house, house.members[0]), id))).toBe('forbidden');
    expect(await takeOver(as(house, ada), id)).toMatchObject({
      lead_id: ada.contactId,
      handover_id: null,
      deputy_id: dirk.contactId,
    });
    expect(await reasonOf(nameDeputy(as(house, lena), id, null))).toBe('forbidden');
    expect(await takeOver(as(house, dirk), id)).toMatchObject({ lead_id: dirk.contactId, deputy_id: null });
    expect(await reasonOf(nameDeputy(as(house, dirk), id, dirk.contactId))).toBe('invalid');
    expect(await reasonOf(nameDeputy(as(house, dirk), id, house.members[0].contactId))).toBe('invalid');
  });

  test('somebody else is named the lead by admins alone, and out of the team', async () => {
    const house = await open();
    const [lena, dirk] = house.team;
    const id = await house.report();
    expect(await reasonOf(claim(as(house, lena), id, { lead: dirk.contactId }))).toBe('forbidden');
    expect(await reasonOf(claim({ ...as(house, lena), role: 'admin' }, id, { lead: house.members[0].contactId }))).toBe(
      'invalid',
    );
    expect(await claim({ ...as(house, lena), role: 'admin' }, id, { lead: dirk.contactId })).toMatchObject({
      lead_id: dirk.contactId,
    });
  });

  test('a case that is staffed is for nobody else of the team: it is as if it were not there', async () => {
    const house = await open();
    const [lena, dirk, ada] = house.team;
    const id = await house.report();
    await claim(as(house, lena), id, {});
    await staff(as(house, lena), id, [dirk.contactId]);
    const other = await house.report({}, 'ron@example.org');
    for (const person of [lena, dirk]) expect((await caseKnownTo(house.db, as(house, person), id)).id).toBe(id);
    const missing = await caseKnownTo(house.db, as(house, ada), 'ORBIT-2026-9999').catch((error: Error) => error.message);
    const hidden = await caseKnownTo(house.db, as(house, ada), id).catch((error: Error) => error.message);
    expect(hidden).toBe(String(missing).replace('ORBIT-2026-9999', id));
    expect((await cases.page(house.db, { limit: 9, handlers: ada.contactId })).map((one) => one.id)).toEqual([other]);
    expect((await cases.page(house.db, { limit: 9, handlers: lena.contactId })).map((one) => one.id)).toEqual([other, id]);
    expect((await cases.page(house.db, { limit: 9, handlers: null })).map((one) => one.id)).toEqual([other]);
    for (const move of [
      () => schedule(as(house, ada), id, { releaseAt: house.clock.now() + DAY, ...PUBLIC }),
      () => addPatch(as(house, ada), id, PATCH),
      () => describeCase(as(house, ada), id, KNOWN),
      () => dispatch(as(house, ada), id, LISTS.distributors),
      () => actor(house, ada).then((one) => approve(as(house, ada), id, '0'.repeat(64), one)),
    ])
      expect(await reasonOf(move())).toBe('not-found');
    await staff(as(house, lena), id, []);
    expect((await caseKnownTo(house.db, as(house, ada), id)).id).toBe(id);
  });

  test('a copy that waits when its case is staffed is held for who is outside, and goes out when he is let in', async () => {
    const house = await open();
    const [lena, dirk, ada] = house.team;
    const id = await house.report();
    await claim(as(house, lena), id, {});
    await staff(as(house, lena), id, [dirk.contactId]);
    const ofTeam = async () =>
      (await outbox(house).drain()).map(({ to }) => to).filter((to) => house.team.some(({ address }) => address === to));
    expect((await ofTeam()).sort()).toEqual([dirk.address, lena.address]);
    const [waits] = await deliveries.page(house.db, { limit: 9, caseId: id, state: 'held' });
    expect(waits).toMatchObject({ contact_id: ada.contactId, reason: 'need-to-know' });
    await staff(as(house, lena), id, [ada.contactId]);
    expect(await ofTeam()).toEqual([ada.address]);
  });

  test('patches are approved by one, the instant by a second person, and a change of either voids that alone', async () => {
    const house = await open();
    const [lena, dirk] = house.team;
    const id = await house.report();
    await claim(as(house, lena), id, {});
    await describeCase(as(house, lena), id, KNOWN);
    const byLena = await actor(house, lena);
    const byDirk = await actor(house, dirk);
    await addPatch(as(house, lena), id, PATCH);
    const first = await presentPatchSet(house.db, id);
    const ready = await approve(as(house, dirk), id, first ?? '', byDirk);
    expect([stageOf(ready), ready.patch_set, ready.fix_ready_at]).toEqual(['fix_ready', first, house.clock.now()]);

    const planned = await schedule(as(house, lena), id, { releaseAt: house.clock.now() + DAY });
    expect(stageOf(planned)).toBe('fix_ready');
    expect(await reasonOf(dispatch(as(house, lena), id, LISTS.distributors))).toBe('not-approved');
    expect(await reasonOf(approve(as(house, lena), id, planned.schedule_hash ?? '', byLena))).toBe('approved-already');
    expect(stageOf(await approve(as(house, dirk), id, planned.schedule_hash ?? '', byDirk))).toBe('scheduled');

    house.clock.moveTo(house.clock.now() + HOUR);
    await addPatch(as(house, lena), id, { name: 'more.patch', bytes: Buffer.from('+more\n') });
    expect(await caseOf(house, id)).toMatchObject({ patch_set: null, scheduled_at: house.clock.now() - HOUR });
    expect(await reasonOf(dispatch(as(house, lena), id, LISTS.distributors))).toBe('not-approved');
    const second = await presentPatchSet(house.db, id);
    await approve(as(house, dirk), id, second ?? '', byDirk);
    expect((await patchSets.ofCase(house.db, id)).map(({ revision, hash }) => [revision, hash])).toEqual([
      [2, second],
      [1, first],
    ]);
    expect((await caseOf(house, id)).fix_ready_at).toBe(house.clock.now() - HOUR);
    expect(await dispatch(as(house, lena), id, LISTS.distributors)).toMatchObject({ copies: 2 });
    expect(await caseOf(house, id)).toMatchObject({ distributed_set: second, noticed_at: house.clock.now() });

    await setText(as(house, dirk), id, PUBLIC);
    const moved = await schedule(as(house, lena), id, { releaseAt: house.clock.now() + 2 * DAY });
    expect(moved).toMatchObject({ scheduled_at: null, patch_set: second });
    expect(await reasonOf(approve(as(house, dirk), id, planned.schedule_hash ?? '', byDirk))).toBe('approval-voided');
  });

  test('what leads to a release is for the lead, his deputy and admins; what is known of a case is the team’s', async () => {
    const house = await open();
    const [lena, dirk, ada] = house.team;
    const id = await house.report();
    await claim(as(house, lena), id, { deputy: dirk.contactId });
    const wish = { releaseAt: house.clock.now() + DAY };
    expect(await reasonOf(schedule(as(house, ada), id, wish))).toBe('forbidden');
    expect(await reasonOf(dispatch(as(house, ada), id, LISTS.distributors))).toBe('forbidden');
    expect(await reasonOf(schedule(as(house, dirk), id, wish))).toBe('done');
    expect(await reasonOf(schedule({ ...as(house, ada), role: 'admin' }, id, wish))).toBe('done');
    const { details } = await describeCase(as(house, ada), id, { title: 'A hole', cwe: ['CWE-79'] });
    expect(await detailsOf(house, await caseOf(house, id))).toEqual(details);
    const override = { rating: 'low', reason: 'Nobody uses it.' } as const;
    expect(await reasonOf(describeCase(as(house, ada), id, { override }))).toBe('forbidden');
    expect(await reasonOf(describeCase(as(house, lena), id, { override }))).toBe('done');
    const anonymous = { wishedAt: null, credit: null, anonymous: true };
    const hidden = { reporter: anonymous, credits: [{ name: 'Rita <RITA@example.org>', role: 'finder' as const }] };
    expect(await reasonOf(describeCase(as(house, ada), id, hidden))).toBe('invalid');
    expect(await reasonOf(describeCase(as(house, ada), id, { ...hidden, credits: [] }))).toBe('done');
    expect(await reasonOf(describeCase(as(house, ada), id, { cve: 'CVE-26-1' }))).toBe('invalid');
    expect(await reasonOf(describeCase(as(house, ada), id, { cvss: 'CVSS:3.1/AV:N' }))).toBe('invalid');
  });

  test('an instant that the policy does not allow is refused with all that is wrong, also at the dispatch', async () => {
    const house = await open();
    const [lena, dirk] = house.team;
    const id = await house.report();
    await describeCase(house, id, KNOWN);
    const under = { policies: ['k8s'] };
    const refused = await schedule(as(house, lena), id, { releaseAt: house.clock.now() + 3 * DAY, ...under }).catch(
      (error) => error,
    );
    expect(refused).toMatchObject({ reason: 'policy-violated', answer: { ok: false } });
    expect(refused.answer.violations.map(({ code }: { code: string }) => code)).toContain('NOTICE_TOO_SHORT');
    const { suggestion } = refused.answer;
    const planned = await schedule(as(house, lena), id, { releaseAt: Date.parse(suggestion), ...under });
    await approve(as(house, dirk), id, planned.schedule_hash ?? '', await actor(house, dirk));
    // The notice that would have been early enough when the instant was set is not any more.
    house.clock.moveTo(Date.parse(suggestion) - 7 * DAY + HOUR);
    expect(await reasonOf(dispatch(as(house, lena), id, LISTS.distributors))).toBe('policy-violated');
    house.clock.moveTo(Date.parse(suggestion) - 7 * DAY);
    expect(await reasonOf(dispatch(as(house, lena), id, LISTS.distributors))).toBe('done');
    expect(await reasonOf(schedule(as(house, lena), id, { releaseAt: Date.parse(suggestion), policies: ['no-such'] }))).toBe(
      'not-found',
    );
    // None of those is taken away that distributors were told under.
    for (const policies of [['xen'], []]) {
      const late = schedule(as(house, lena), id, { releaseAt: house.clock.now() + 700 * DAY, policies });
      expect((await late.catch((error) => error)).answer?.violations).toContainEqual(
        expect.objectContaining({ code: 'OVER_MAX', policy: 'k8s' }),
      );
    }
    expect((await caseOf(house, id)).policies).toBe('k8s');
  });
});
