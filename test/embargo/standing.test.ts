import { describe, expect, test } from 'vitest';
import { describe as describeCase } from '../../src/cases/describe.ts';
import { linkDuplicate } from '../../src/cases/duplicate.ts';
import { previewNotice, sendNotice } from '../../src/cases/notices.ts';
import { overdueAmong } from '../../src/cases/overdue.ts';
import { claim, staff } from '../../src/cases/people.ts';
import { remind } from '../../src/cases/remind.ts';
import { createAlarm, DAY, HOUR, MINUTE } from '../../src/clock.ts';
import { approve } from '../../src/embargo/approve.ts';
import { decideLeak, leak, publicAlready } from '../../src/embargo/aside.ts';
import { presentPatchSet } from '../../src/embargo/contents.ts';
import { endLongest } from '../../src/embargo/dead-man.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { draftForthcoming } from '../../src/embargo/forthcoming.ts';
import { releaseLoop } from '../../src/embargo/loop.ts';
import { allPolicies } from '../../src/embargo/presets.ts';
import { proposedCase } from '../../src/embargo/proposal.ts';
import { release } from '../../src/embargo/release.ts';
import { dropProposal, retract, retractOfFormer } from '../../src/embargo/retract.ts';
import { addPatch, schedule, withdrawPatch } from '../../src/embargo/schedule.ts';
import { caseView } from '../../src/http/case-view.ts';
import { when } from '../../src/notices/templates.ts';
import { setContactActive } from '../../src/roster/contacts.ts';
import type { Project } from '../../src/seams.ts';
import * as audit from '../../src/store/audit.ts';
import * as cases from '../../src/store/cases.ts';
import { outbox, type Sent, silent } from '../delivery/outbox.ts';
import { listCertificate } from '../post/arrive.ts';
import { sealedReport } from '../post/sealed-report.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, type House, housing, LISTS } from '../support/house.ts';
import { makeParty, openCopy, type Party } from '../support/party.ts';
import { actor, arm, armed, caseOf, KNOWN, OUTSIDE, PATCH, PUBLIC, READER, reasonOf, scheduled, subscribe } from './armed.ts';
import { ORBIT } from './orbit.ts';

const CREDITED = { wishedAt: null, credit: 'Otto', anonymous: false };

/** What people stand behind, and what becomes of it when something changes under them. */
eachEngine((engine) => {
  const build = housing();
  const open = async (project: Partial<Project> = {}): Promise<House> => {
    const house = await build((await engine.open()).db);
    return { ...house, project: { ...house.project, ...project } };
  };
  /** Whom a mail with these words came to, opened. */
  const toldOf = async (
    house: House,
    words: string,
    people: readonly Party[],
    list: string = LISTS.distributors,
    sent?: readonly Sent[],
  ) => {
    const mails = sent ?? (await outbox(house).drain());
    const told: string[] = [];
    for (const person of people)
      for (const { raw } of mails.filter(({ to }) => to === person.address)) {
        const { entity } = await openCopy(raw, person, listCertificate(house, list), house.clock.now()).catch(() =>
          openCopy(raw, person, undefined, house.clock.now()),
        );
        if (entity.toString().replaceAll(/\s+/g, ' ').includes(words)) told.push(person.address);
      }
    return told.sort();
  };
  const sortedOf = (people: readonly Party[]) => people.map(({ address }) => address).sort();

  describe('the policy is asked again by whoever approves', () => {
    test('a clock that began since the instant was set', async () => {
      const house = await open({ usual: ['kernel'] });
      const [lena, dirk] = house.team;
      const id = await house.report();
      await claim(as(house, lena), id, {});
      await describeCase(as(house, lena), id, KNOWN);
      const late = await schedule(as(house, lena), id, { releaseAt: house.clock.now() + 60 * DAY, ...PUBLIC });
      // No fix is there yet: nothing runs.
      await approve(house, id, late.schedule_hash ?? '', await actor(house, dirk));
      await addPatch(as(house, lena), id, PATCH);
      const error = await arm(house, await caseOf(house, id)).catch((thrown) => thrown);
      expect(error).toMatchObject({ reason: 'policy-violated' });
      expect(error.answer.violations).toMatchObject([{ code: 'OVER_MAX', policy: 'kernel' }]);
      // The fix is ready: from now on everybody is told that the instant is too late.
      await approve(house, id, (await presentPatchSet(house.db, id)) ?? '', await actor(house, dirk));
      house.clock.moveTo(house.clock.now() + 7 * DAY);
      await outbox(house).drain();
      await endLongest(house, silent);
      expect(await toldOf(house, 'Set the present instant', house.team, LISTS.security)).toEqual(sortedOf(house.team));
      // At once is the only instant that is left.
      expect(await reasonOf(schedule(as(house, lena), id, { releaseAt: house.clock.now() + HOUR }))).toBe('policy-violated');
      const now = await schedule(as(house, lena), id, { releaseAt: house.clock.now() });
      await arm(house, now);
      expect((await release(house, id)).state).toBe('released');
    });

    test('distributors who can still be told in time, and no longer where nothing else is left or nobody is there', async () => {
      const house = await open({ usual: ['k8s'] });
      const id = await house.report();
      await describeCase(house, id, KNOWN);
      const past = await schedule(house, id, { releaseAt: house.clock.now() - MINUTE, ...PUBLIC }).catch((error) => error);
      expect(past.answer.violations.map(({ code }: { code: string }) => code)).toEqual(['PAST', 'BAD_SLOT', 'NOTICE_TOO_SHORT']);
      const refused = await schedule(house, id, { releaseAt: house.clock.now() + 3 * DAY, ...PUBLIC }).catch((error) => error);
      expect(past.answer.suggestion).toBe(refused.answer.suggestion);
      const planned = await schedule(house, id, { releaseAt: Date.parse(refused.answer.suggestion), ...PUBLIC });
      house.clock.moveTo((planned.release_at ?? 0) - HOUR);
      const error = await arm(house, planned).catch((thrown) => thrown);
      expect(error.answer.violations).toMatchObject([{ code: 'NOTICE_TOO_SHORT', policy: 'k8s' }]);
      await house.db.updateTable('members').set({ state: 'suspended' }).where('organisation', '!=', 'Orbit').execute();
      expect((await arm(house, planned)).state).toBe('armed');
    });

    test('a stricter policy beside that of the project takes no time from distributors', async () => {
      const policies = allPolicies({ policies: { orbit: ORBIT }, holidays: [] });
      const house = await open({ policies, usual: ['orbit'] });
      const id = await house.report();
      await addPatch(house, id, PATCH);
      await approve(house, id, (await presentPatchSet(house.db, id)) ?? '', await actor(house, house.team[1]));
      house.clock.moveTo(house.clock.now() + HOUR);
      const releaseAt = Date.parse('2026-09-24T16:00:00Z');
      for (const name of ['kernel', 'envoy', 'xen']) {
        const error = await schedule(house, id, { releaseAt, ...PUBLIC, policies: [name] }).catch((thrown) => thrown);
        expect(error).toMatchObject({ reason: 'policy-violated', message: expect.stringContaining(`orbit, ${name} together`) });
      }
      const both = await schedule(house, id, { releaseAt: Date.parse('2026-10-05T16:00:00Z'), ...PUBLIC, policies: ['k8s'] });
      expect(both.policies).toBe('orbit k8s');
    });

    test('what is left of the time of distributors is taken by no policy beside that of the project', async () => {
      const policies = allPolicies({ policies: { orbit: ORBIT }, holidays: [] });
      const house = await open({ policies, usual: ['orbit'] });
      const id = await house.report();
      const reported = house.clock.now();
      house.clock.moveTo(reported + 9 * DAY);
      await addPatch(house, id, PATCH);
      await approve(house, id, (await presentPatchSet(house.db, id)) ?? '', await actor(house, house.team[1]));
      // No seven days are left of the 21: the last of them is what distributors get.
      house.clock.moveTo(reported + 15 * DAY);
      const soon = { releaseAt: Date.parse('2026-10-08T16:00:00Z'), ...PUBLIC };
      const refused = await schedule(house, id, soon).catch((thrown) => thrown);
      const last = Date.parse(refused.answer.suggestion);
      expect(last - soon.releaseAt).toBeGreaterThan(3 * DAY);
      const error = await schedule(house, id, { ...soon, policies: ['kernel'] }).catch((thrown) => thrown);
      const message = expect.stringContaining('orbit, kernel together distributors get less time');
      expect(error).toMatchObject({ reason: 'policy-violated', message });
      const both = await schedule(house, id, { ...soon, releaseAt: last, policies: ['k8s'] });
      expect(both).toMatchObject({ policies: 'orbit k8s', release_at: last });
    });

    test('where the longest embargo leaves distributors no time, they get less', async () => {
      const house = await open({ usual: ['openstack'] });
      const id = await house.report();
      await describeCase(house, id, KNOWN);
      house.clock.moveTo(house.clock.now() + 84 * DAY);
      const refused = await schedule(house, id, { releaseAt: house.clock.now() + 60 * DAY, ...PUBLIC }).catch((error) => error);
      expect(refused.answer.violations.map(({ code }: { code: string }) => code)).toContain('OVER_REPORT_MAX');
      const releaseAt = Date.parse(refused.answer.suggestion);
      const planned = await schedule(house, id, { releaseAt, ...PUBLIC });
      expect(planned.release_at).toBe(releaseAt);
      expect(JSON.parse((await audit.last(house.db, 'case.schedule'))?.line ?? '').detail.waived).toEqual(['NOTICE_TOO_SHORT']);
      expect((await caseView(house, planned)).waived).toEqual(['NOTICE_TOO_SHORT']);
    });
  });

  test('other patches than distributors have are not armed; those that they have stand approved when they are there again', async () => {
    const house = await open();
    const [lena] = house.team;
    const { id } = await armed(house);
    await dispatch(house, id, LISTS.distributors);
    const { patch } = await addPatch(house, id, { name: 'oops.patch', bytes: Buffer.from('oops') });
    expect(await reasonOf(arm(house, await caseOf(house, id)))).toBe('not-distributed');
    await withdrawPatch(house, id, patch.id);
    const back = await caseOf(house, id);
    expect(back.patch_set).toBe(back.distributed_set);
    expect((await arm(house, back)).state).toBe('armed');
    expect(lena.contactId).not.toBe('');
  });

  test('who was told another instant is told the new one when two people stand behind it, and the team until then', async () => {
    const house = await open();
    const [lena, dirk] = house.team;
    const { id, release_at: first } = await armed(house);
    await dispatch(house, id, LISTS.distributors);
    await outbox(house).drain();
    const moved = proposedCase(await schedule(as(house, lena), id, { releaseAt: (first ?? 0) + DAY }));
    expect(moved.channels).toBe(LISTS.announce);
    await remind(house, silent);
    expect(await toldOf(house, 'a change of what is armed is proposed', house.team, LISTS.security)).toEqual(
      sortedOf(house.team),
    );
    await approve(house, id, moved.proposed_hash ?? '', await actor(house, lena));
    expect(await toldOf(house, 'The release is at another instant', house.members)).toEqual([]);
    await approve(house, id, moved.proposed_hash ?? '', await actor(house, dirk));
    expect(await toldOf(house, 'The release is at another instant', house.members)).toEqual(sortedOf(house.members));
    expect(await caseOf(house, id)).toMatchObject({ told_release_at: moved.release_at, release_at: (first ?? 0) + DAY });
    await remind(house, silent);
    expect(await toldOf(house, 'another instant', [...house.members, ...house.team])).toEqual([]);
  });

  test('a reporter who was told an instant is told the new one, also where nobody else was', async () => {
    const house = await open();
    const [lena, dirk] = house.team;
    const rita = await makeParty('rita@example.org');
    const { id } = await scheduled(house, house.clock.now() + 3 * DAY, await sealedReport(house, rita));
    const agree = async (releaseAt: number) => {
      const { schedule_hash } = await schedule(as(house, lena), id, { releaseAt });
      await remind(house, silent);
      await approve(house, id, schedule_hash ?? '', await actor(house, dirk));
    };
    const moved = house.clock.now() + 7 * DAY;
    await agree(house.clock.now() + 3 * DAY);
    await sendNotice(as(house, lena), id, 'status', { text: null, list: null });
    expect(await toldOf(house, 'It will be public at: 2026-09-25 16:00:00 UTC', [rita], LISTS.security)).toEqual([rita.address]);
    await agree(moved);
    const sent = await outbox(house).drain();
    expect(
      await toldOf(house, 'members, the reporter or the public were told another', house.team, LISTS.security, sent),
    ).toEqual(sortedOf(house.team));
    const words = 'released at 2026-09-29 16:00:00 UTC, and not at 2026-09-25 16:00:00 UTC';
    expect(await toldOf(house, words, [rita], LISTS.security, sent)).toEqual([rita.address]);
    expect(await caseOf(house, id)).toMatchObject({ reporter_release_at: moved, told_release_at: null });
  });

  test('of a dispatch that is still on its way the new instant is told after it', async () => {
    const house = await open();
    const { id, release_at } = await armed(house);
    await dispatch(house, id, LISTS.distributors);
    house.clock.moveTo(house.clock.now() + MINUTE);
    await arm(house, await schedule(as(house, house.team[0]), id, { releaseAt: (release_at ?? 0) + DAY }));
    const kinds = house.db.selectFrom('posts').select(['id', 'kind']);
    const kindOf = new Map((await kinds.execute()).map((post) => [post.id, post.kind]));
    const copies = house.db
      .selectFrom('deliveries')
      .select(['post_id', 'message_id'])
      .where('address', '=', house.members[0].address);
    const rows = await copies.execute();
    const sent = (await outbox(house).drain())
      .filter(({ to }) => to === house.members[0].address)
      .map(({ raw }) => raw.toString());
    const order = sent.map((raw) =>
      kindOf.get(rows.find(({ message_id }) => raw.includes(`\r\nMessage-ID: ${message_id}\r\n`))?.post_id ?? ''),
    );
    expect(order).toEqual(['dispatch', 'notice']);
  });

  test('an instant that two people agreed on is overdue when it comes, whatever one of them has set since', async () => {
    const house = await open();
    const [lena, dirk] = house.team;
    const { id, release_at } = await armed(house);
    await claim(as(house, lena), id, {});
    await retract(as(house, lena), id);
    await schedule(as(house, lena), id, { releaseAt: (release_at ?? 0) + DAY });
    house.clock.moveTo(release_at ?? 0);
    await outbox(house).drain();
    await endLongest(house, silent);
    expect(await toldOf(house, 'Two people agreed on that instant', house.team, LISTS.security)).toEqual(sortedOf(house.team));
    const { schedule_hash } = await caseOf(house, id);
    const agreed = await approve(house, id, schedule_hash ?? '', await actor(house, dirk));
    expect((await overdueAmong(house, [agreed])).size).toBe(0);
  });

  describe('an approval', () => {
    test('is taken back by whoever gave it or leads, and everybody of the case is told', async () => {
      const house = await open();
      const [lena, dirk, ada] = house.team;
      const { id, bundle_hash: was, release_at } = await armed(house);
      await claim(as(house, lena), id, {});
      expect(await reasonOf(retract(as(house, ada), id))).toBe('forbidden');
      const back = await retract(as(house, dirk), id);
      expect(back).toMatchObject({ state: 'scheduled', release_at, patch_set: back.patch_set });
      expect(back.bundle_hash).not.toBe(was);
      await outbox(house).drain();
      await remind(house, silent);
      expect(await toldOf(house, 'it was armed, and is not any more', house.team, LISTS.security)).toEqual(sortedOf(house.team));
      expect(await reasonOf(retract(as(house, lena), id))).toBe('conflict');
      expect((await arm(house, back)).state).toBe('armed');
    });

    test('of somebody who has left the team counts no more', async () => {
      const house = await open();
      const [lena, dirk, ada] = house.team;
      const { id, release_at, bundle_hash } = await armed(house);
      const [first, second] = await cases.approvals(house.db, id);
      expect([first?.person_id, second?.person_id].sort()).toEqual([lena.contactId, dirk.contactId].sort());
      expect(await retractOfFormer(house)).toBe(false);
      await setContactActive(as(house, ada), dirk.contactId, false, 'his token was stolen');
      house.clock.moveTo(release_at ?? 0);
      expect(await reasonOf(release(house, id))).toBe('not-approved');
      expect(await retractOfFormer(house)).toBe(true);
      const disarmed = await caseOf(house, id);
      expect(disarmed).toMatchObject({ state: 'scheduled', disarmed_at: house.clock.now() });
      expect(disarmed.bundle_hash).not.toBe(bundle_hash);
      expect(await retractOfFormer(house)).toBe(false);
    });

    test('of what somebody wrote down who has left the team needs two others', async () => {
      const house = await open();
      await subscribe(house);
      const [lena, dirk, ada] = house.team;
      const first = await scheduled(house);
      const { id, schedule_hash } = await schedule(as(house, lena), first.id, { releaseAt: house.clock.now() + HOUR });
      const other = await scheduled(house);
      const planned = await schedule(as(house, ada), other.id, { releaseAt: house.clock.now() + HOUR });
      await approve(house, other.id, planned.schedule_hash ?? '', await actor(house, dirk));
      const { hash } = await draftForthcoming(as(house, lena), other.id, null);
      await setContactActive(as(house, ada), lena.contactId, false, 'her token was stolen');
      expect(await approve(house, id, schedule_hash ?? '', await actor(house, dirk))).toMatchObject({ scheduled_at: null });
      expect(await approve(house, other.id, hash, await actor(house, dirk))).toMatchObject({ forthcoming_at: null });
      await outbox(house).drain();
      expect((await approve(house, id, schedule_hash ?? '', await actor(house, ada))).scheduled_at).toBe(house.clock.now());
      expect((await approve(house, other.id, hash, await actor(house, ada))).forthcoming_at).toBe(house.clock.now());
      expect((await outbox(house).drain()).map(({ to }) => to).sort()).toEqual([OUTSIDE, READER].sort());
    });

    test('of an instant stays when those who gave it have left; nothing is released by it without two of the team', async () => {
      const house = await open();
      const [lena, dirk, ada] = house.team;
      const first = await scheduled(house);
      const releaseAt = house.clock.now() + HOUR;
      const { id, schedule_hash } = await schedule(as(house, lena), first.id, { releaseAt });
      const { bundle_hash } = await approve(house, id, schedule_hash ?? '', await actor(house, dirk));
      await approve(house, id, (await presentPatchSet(house.db, id)) ?? '', await actor(house, dirk));
      await approve(house, id, bundle_hash ?? '', await actor(house, dirk));
      for (const { contactId } of [lena, dirk]) await setContactActive(as(house, ada), contactId, false, 'he left');
      await dispatch(as(house, ada), id, LISTS.distributors);
      const sent = await outbox(house).drain();
      const told = await toldOf(house, when(releaseAt), house.members, LISTS.distributors, sent);
      expect(told).toEqual(sortedOf(house.members));
      expect((await approve(house, id, bundle_hash ?? '', await actor(house, ada))).state).toBe('scheduled');
      house.clock.moveTo(releaseAt);
      expect(await reasonOf(release(house, id))).toBe('not-approved');
    });

    test('is not taken away by a duplicate whose reporter wishes to be named: those who handle the case are told', async () => {
      const house = await open();
      const { id } = await armed(house);
      const other = await house.report({}, 'otto@example.org');
      await describeCase(house, other, { reporter: CREDITED });
      await outbox(house).drain();
      expect(await linkDuplicate(as(house, house.team[0]), other, { of: id, text: null })).toMatchObject({
        credited: null,
        toCredit: 'Otto',
      });
      expect((await caseOf(house, id)).state).toBe('armed');
      expect(await toldOf(house, 'wishes to be credited', house.team, LISTS.security)).toEqual(sortedOf(house.team));
    });
  });

  test('what was decided of a leak is not undone in silence: everybody is told, and it stays overdue', async () => {
    const house = await open({ usual: ['k8s-2017'] });
    const [lena, dirk, ada] = house.team;
    const later = house.clock.now() + 15 * DAY;
    const id = await house.report();
    await claim(as(house, lena), id, {});
    await armed(house, later, id);
    await leak(as(house, lena), id, 'a post on a forum');
    const decided = await decideLeak(as(house, lena), id, { decision: 'release', reason: 'it is out' });
    await expect(dropProposal(as(house, ada), id)).rejects.toMatchObject({
      reason: 'forbidden',
      hint: expect.stringContaining('for those who have approved it'),
    });
    await approve(house, id, decided.proposed_hash ?? '', await actor(house, dirk));
    await endLongest(house, silent);
    await outbox(house).drain();
    await dropProposal(as(house, dirk), id);
    const dropped = `${dirk.address} has taken back what was proposed`;
    expect(await toldOf(house, dropped, house.team, LISTS.security)).toEqual(sortedOf(house.team));
    const since = decided.leak_decided_at ?? 0;
    expect(await overdueAmong(house, [await caseOf(house, id)])).toEqual(new Map([[id, since]]));
    house.clock.moveTo(since + DAY);
    await endLongest(house, silent);
    expect(await toldOf(house, 'it was decided to release it at once', house.team, LISTS.security)).toEqual(sortedOf(house.team));
    const { proposed_hash } = await schedule(as(house, lena), id, { releaseAt: later + HOUR });
    expect((await overdueAmong(house, [await caseOf(house, id)])).size).toBe(1);
    const agreed = await arm(house, { id, bundle_hash: null, proposed_hash });
    expect((await overdueAmong(house, [agreed])).size).toBe(0);
  });

  test('who ends a case that others count on does not do so in silence, whether he rejects or links it', async () => {
    const house = await open();
    const [lena] = house.team;
    const other = await house.report();
    const { id } = await armed(house);
    const junk = await house.report();
    await outbox(house).drain();
    const no = { text: 'It is meant to.', list: null };
    await sendNotice(as(house, lena), junk, 'not-a-vulnerability', no);
    expect(await toldOf(house, 'has rejected it', house.team, LISTS.security)).toEqual([]);
    await sendNotice(as(house, lena), id, 'not-a-vulnerability', no);
    expect(await toldOf(house, `${lena.address} has rejected it`, house.team, LISTS.security)).toEqual(sortedOf(house.team));
    const second = await armed(house);
    await outbox(house).drain();
    await linkDuplicate(as(house, lena), second.id, { of: other, text: null });
    const words = `a duplicate of ${other}. With that it is over, and nothing of it is released. Two people had agreed`;
    expect(await toldOf(house, words, house.team, LISTS.security)).toEqual(sortedOf(house.team));
  });

  test('who may not know of a case is not told that another one is its duplicate', async () => {
    const house = await open();
    const [lena, dirk] = house.team;
    const other = await house.report();
    await staff(as(house, lena), other, [lena.contactId]);
    const { id } = await armed(house);
    await outbox(house).drain();
    await linkDuplicate(as(house, lena), id, { of: other, text: null });
    const sent = await outbox(house).drain();
    expect(await toldOf(house, 'a duplicate of another case.', house.team, LISTS.security, sent)).toEqual(sortedOf(house.team));
    expect(await toldOf(house, other, [dirk], LISTS.security, sent)).toEqual([]);
  });

  describe('the word that a fix will come', () => {
    const planned = async () => {
      const house = await open();
      await subscribe(house);
      const { id } = await scheduled(house, house.clock.now() + 2 * HOUR);
      const { schedule_hash } = await schedule(as(house, house.team[0]), id, { releaseAt: house.clock.now() + 2 * HOUR });
      await approve(house, id, schedule_hash ?? '', await actor(house, house.team[1]));
      return { house, id };
    };
    const publicly = async (house: House) =>
      (await outbox(house).drain()).filter(({ to }) => to === READER || to === OUTSIDE).map(({ raw }) => raw.toString());

    test('is shown as it was drafted to whoever is to approve it', async () => {
      const { house, id } = await planned();
      const drafted = await draftForthcoming(as(house, house.team[0]), id, 'Switch the exporter off.');
      const { mails } = await previewNotice(as(house, house.team[1]), id, 'forthcoming', { text: null, list: null });
      expect(mails[0]?.text).toContain('Switch the exporter off.');
      await approve(house, id, drafted.hash, await actor(house, house.team[1]));
      for (const mail of await publicly(house)) expect(mail).toContain('Switch the exporter off.');
    });

    test.each<[string, object, string]>([
      ['tells of the case by now', { affected: [{ product: 'orbit', component: 'exporter', versions: [] }] }, 'invalid'],
      ['says another severity', { cvss: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H' }, 'approval-voided'],
    ])('does not go out where it %s', async (_, fields, reason) => {
      const { house, id } = await planned();
      const { hash } = await draftForthcoming(as(house, house.team[0]), id, 'Switch the exporter off.');
      await describeCase(house, id, fields);
      await house.db.updateTable('cases').set({ scheduled_at: house.clock.now() }).where('id', '=', id).execute();
      expect(await reasonOf(approve(house, id, hash, await actor(house, house.team[1])))).toBe(reason);
      expect(await publicly(house)).toEqual([]);
    });

    test('once it is out, a case is withdrawn and not rejected', async () => {
      const { house, id } = await planned();
      const { hash } = await draftForthcoming(as(house, house.team[0]), id, null);
      await approve(house, id, hash, await actor(house, house.team[1]));
      const reject = sendNotice(as(house, house.team[0]), id, 'not-a-vulnerability', { text: 'No.', list: null });
      expect(await reasonOf(reject)).toBe('conflict');
    });
  });

  test('an instant that passes without a text is overdue aloud', async () => {
    const house = await open();
    const id = await house.report();
    await claim(as(house, house.team[0]), id, {});
    await schedule(as(house, house.team[0]), id, { releaseAt: house.clock.now() + DAY });
    house.clock.moveTo(house.clock.now() + DAY);
    await outbox(house).drain();
    const stopping = new AbortController();
    await releaseLoop(house, createAlarm(house.clock), () => stopping.abort(), silent, stopping.signal);
    expect(await toldOf(house, 'There is no text for the public', house.team, LISTS.security)).toEqual(sortedOf(house.team));
  });

  test('what somebody says to be public already sends nothing to the public but what two people approve', async () => {
    const house = await open({ usual: ['k8s-2017'] });
    await subscribe(house);
    const id = await house.report();
    await claim(as(house, house.team[0]), id, {});
    await publicAlready(as(house, house.team[0]), id, 'https://forum.example/1');
    await outbox(house).drain();
    house.clock.moveTo(house.clock.now() + 10 * MINUTE);
    await endLongest(house, silent);
    expect((await outbox(house).drain()).filter(({ to }) => to === READER || to === OUTSIDE)).toEqual([]);
  });
});
