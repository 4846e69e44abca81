import { beforeEach, describe, expect, test } from 'vitest';
import { close as closeCase } from '../../src/cases/after.ts';
import { dueIn, withoutPolicy } from '../../src/cases/clocks.ts';
import { describe as describeCase } from '../../src/cases/describe.ts';
import { linkDuplicate } from '../../src/cases/duplicate.ts';
import { previewNotice, sendNotice } from '../../src/cases/notices.ts';
import { overdueAmong } from '../../src/cases/overdue.ts';
import { claim, staff } from '../../src/cases/people.ts';
import { owed } from '../../src/cases/reminders.ts';
import { stageOf } from '../../src/cases/state.ts';
import { DAY, HOUR, type Instant, MINUTE } from '../../src/clock.ts';
import { approve } from '../../src/embargo/approve.ts';
import { decideLeak, leak, publicAlready, reopen, withdraw } from '../../src/embargo/aside.ts';
import { openContents } from '../../src/embargo/contents.ts';
import { endLongest } from '../../src/embargo/dead-man.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { draftForthcoming } from '../../src/embargo/forthcoming.ts';
import { allPolicies, policyNamed } from '../../src/embargo/presets.ts';
import { proposedCase } from '../../src/embargo/proposal.ts';
import { release } from '../../src/embargo/release.ts';
import { retract } from '../../src/embargo/retract.ts';
import { addPatch, schedule, setText } from '../../src/embargo/schedule.ts';
import { when } from '../../src/notices/templates.ts';
import { addRecipient } from '../../src/roster/recipients.ts';
import { watchedCases } from '../../src/store/embargoed.ts';
import type { Case } from '../../src/store/schema.ts';
import { outbox, type Sent, silent } from '../delivery/outbox.ts';
import { openStage, round } from '../faults/all-at-once.ts';
import { faultOfLog } from '../faults/log-holds.ts';
import { openTwoOn } from '../faults/nodes.ts';
import { listCertificate } from '../post/arrive.ts';
import { sealedReport } from '../post/sealed-report.ts';
import { eachEngine, type OpenedDatabase } from '../support/dialects.ts';
import { as, type House, housing, LISTS, type Person } from '../support/house.ts';
import { makeParty, openCopy } from '../support/party.ts';
import { actor, arm, caseOf, KNOWN, OUTSIDE, PATCH, PUBLIC, READER, reasonOf, subscribe } from './armed.ts';
import { ORBIT } from './orbit.ts';

const EVIDENCE = 'A post on a forum has the patch.';

eachEngine((engine) => {
  const build = housing();
  let database: OpenedDatabase;
  let house: House;

  beforeEach(async () => {
    database = await engine.open();
    house = await build(database.db);
    house.project = { ...house.project, policies: allPolicies({ policies: { orbit: ORBIT }, holidays: [] }), usual: ['orbit'] };
    await subscribe(house);
  });

  /** Under the policy of the story: a release that distributors know of, at its first slot. */
  async function distributed(of?: string): Promise<Case> {
    const caseId = of ?? (await house.report());
    const releaseAt = slotAfter(house.clock.now() + 7 * DAY);
    await describeCase(house, caseId, KNOWN);
    await addPatch(house, caseId, PATCH);
    const about = await schedule(house, caseId, { releaseAt, ...PUBLIC });
    await arm(house, about);
    await dispatch(house, caseId, LISTS.distributors);
    await outbox(house).drain();
    return caseOf(house, caseId);
  }

  /** One person has scheduled it for its first slot, and nobody else knows of it. */
  async function report(): Promise<Case> {
    const caseId = await house.report();
    return schedule(as(house, house.team[0]), caseId, { releaseAt: slotAfter(house.clock.now() + 7 * DAY), ...PUBLIC });
  }

  function slotAfter(instant: Instant): Instant {
    let at = Math.ceil((instant - 16 * HOUR) / DAY) * DAY + 16 * HOUR;
    while (![1, 2, 3, 4].includes(new Date(at).getUTCDay())) at += DAY;
    return at;
  }

  const to = (sent: readonly Sent[], address: string) => sent.filter((mail) => mail.to === address);
  const read = async (sent: readonly Sent[], person: Person, list: string) => {
    const [mail] = to(sent, person.address);
    if (!mail) throw new Error(`no mail to ${person.address}`);
    return (await openCopy(mail.raw, person, listCertificate(house, list), house.clock.now())).entity.toString();
  };

  describe('a case that was rejected, and is opened again,', () => {
    const WHY = 'She sent an exploit that works.';
    const rejected = async (id: string) =>
      sendNotice(as(house, house.team[0]), id, 'not-a-vulnerability', { text: 'It is meant to.', list: null });

    test('is a report that nobody has accepted: its lead is asked first, everybody of it is told, and the reason is kept sealed', async () => {
      const [lena, dirk, ada] = house.team;
      const id = await house.report();
      expect(await reasonOf(reopen(as(house, lena), id, WHY))).toBe('conflict');
      await claim(as(house, lena), id, {});
      await staff(as(house, lena), id, [dirk.contactId]);
      const { received_at } = (await rejected(id)).case;
      await closeCase(as(house, lena), id);
      await outbox(house).drain();
      expect(await reasonOf(reopen(as(house, dirk), id, WHY))).toBe('forbidden');
      house.clock.moveTo(house.clock.now() + DAY);
      const about = await reopen(as(house, lena), id, WHY);
      expect([stageOf(about), about.received_at, about.closed_at, about.lead_id]).toEqual([
        'acknowledged',
        received_at,
        null,
        null,
      ]);
      expect(dueIn(house.project, about).release?.at).toBe(received_at + 21 * DAY);
      const sent = await outbox(house).drain();
      expect(sent.map((mail) => mail.to).sort()).toEqual([dirk.address, lena.address]);
      expect(await read(sent, dirk, LISTS.security)).toContain(WHY);
      expect(JSON.stringify(await house.db.selectFrom('audit').select('line').execute())).not.toContain('exploit');
      expect(await reasonOf(claim(as(house, ada), id, {}))).toBe('not-found');
      expect(stageOf(await claim(as(house, lena), id, {}))).toBe('led');
    });

    test('is not spoken of in public, however late it is, before somebody has accepted it for an hour, and the team is told so', async () => {
      const [lena, dirk] = house.team;
      const WARNING = 'an hour after somebody accepts it the public is told';
      const id = await house.report();
      await claim(as(house, lena), id, {});
      await rejected(id);
      house.clock.moveTo(house.clock.now() + 30 * DAY);
      await outbox(house).drain();
      await reopen(as(house, lena), id, WHY);
      expect(await read(await outbox(house).drain(), dirk, LISTS.security)).toContain(WARNING);
      await endLongest(house, silent);
      const paged = await outbox(house).drain();
      expect(to(paged, READER)).toEqual([]);
      expect(await read(paged, dirk, LISTS.security)).toContain(WARNING);
      await claim(as(house, lena), id, {});
      const later = house.clock.now() + HOUR;
      house.clock.moveTo(later - 1);
      await endLongest(house, silent);
      expect(to(await outbox(house).drain(), READER)).toEqual([]);
      house.clock.moveTo(later);
      await endLongest(house, silent);
      expect(to(await outbox(house).drain(), READER)).toHaveLength(1);
    });

    test('has its approvals and a past instant to be given anew', async () => {
      const caseId = await house.report();
      const releaseAt = slotAfter(house.clock.now() + 7 * DAY);
      await describeCase(house, caseId, KNOWN);
      await addPatch(house, caseId, PATCH);
      expect(await arm(house, await schedule(house, caseId, { releaseAt, ...PUBLIC }))).toMatchObject({ state: 'armed' });
      await rejected(caseId);
      expect(await reopen(house, caseId, WHY)).toMatchObject({ state: 'scheduled', release_at: releaseAt });
      await rejected(caseId);
      house.clock.moveTo(releaseAt + HOUR);
      const reopened = await reopen(house, caseId, WHY);
      expect(reopened).toMatchObject({ state: 'received', release_at: null, scheduled_at: null });
      expect((await overdueAmong(house, [reopened])).size).toBe(0);
      expect(await reasonOf(release(house, caseId))).toBe('not-approved');
    });

    test('is overdue at an instant that two people agreed on before, where one of them alone puts it off after', async () => {
      const [lena, dirk] = house.team;
      const { id, schedule_hash, release_at } = await report();
      const agreed = release_at ?? 0;
      await approve(house, id, schedule_hash ?? '', await actor(house, dirk));
      await rejected(id);
      expect(await reopen(house, id, WHY)).toMatchObject({ release_at, agreed_release_at: release_at });
      await claim(as(house, lena), id, {});
      await schedule(as(house, lena), id, { releaseAt: slotAfter(agreed + 1) });
      house.clock.moveTo(agreed);
      expect((await overdueAmong(house, [await caseOf(house, id)])).get(id)).toBe(agreed);
    });

    test('has a schedule that one has approved to be approved anew: another one alone makes it none that people agreed on', async () => {
      const [, dirk, ada] = house.team;
      const releaseAt = slotAfter(house.clock.now() + 7 * DAY);
      for (const isProposed of [false, true]) {
        const id = await house.report();
        if (isProposed) await arm(house, await schedule(house, id, { releaseAt: slotAfter(releaseAt + 1), ...PUBLIC }));
        const { schedule_hash, proposed_hash } = await schedule(house, id, { releaseAt, ...PUBLIC });
        await approve(house, id, (isProposed ? proposed_hash : schedule_hash) ?? '', await actor(house, dirk));
        await rejected(id);
        const about = await reopen(house, id, WHY);
        expect(about).toMatchObject({ state: 'scheduled', release_at: releaseAt, scheduled_at: null });
        expect(about.schedule_hash).not.toBe(schedule_hash);
        await approve(house, id, about.schedule_hash ?? '', await actor(house, ada));
        expect((await caseOf(house, id)).scheduled_at).toBeNull();
        await approve(house, id, about.schedule_hash ?? '', await actor(house, dirk));
        expect((await caseOf(house, id)).scheduled_at).not.toBeNull();
      }
    });

    test('has no schedule of what it was set aside for', async () => {
      const [lena] = house.team;
      const id = await house.report();
      await leak(house, id, EVIDENCE);
      await arm(house, await schedule(as(house, lena), id, { releaseAt: house.clock.now() + DAY, ...PUBLIC }));
      await rejected(id);
      const reopened = await reopen(house, id, WHY);
      expect(reopened).toMatchObject({ aside: null, release_at: null, scheduled_at: null, agreed_release_at: null });
    });

    test('has one that was proposed in the place of an armed one, and has passed, to be given anew', async () => {
      const caseId = await house.report();
      const proposed = slotAfter(house.clock.now() + 7 * DAY);
      const releaseAt = slotAfter(proposed + HOUR);
      await arm(house, await schedule(house, caseId, { releaseAt, ...PUBLIC }));
      await schedule(house, caseId, { releaseAt: proposed });
      house.clock.moveTo(releaseAt - HOUR);
      await rejected(caseId);
      house.clock.moveTo(releaseAt);
      const about = await reopen(house, caseId, WHY);
      expect(about).toMatchObject({ state: 'received', release_at: null, proposal: null, agreed_release_at: null });
      house.clock.moveTo(releaseAt + 1);
      expect((await overdueAmong(house, [await claim(as(house, house.team[0]), caseId, {})])).size).toBe(0);
    });

    test('has the schedule that two people agreed on before it was set aside, and is overdue when it comes', async () => {
      const [lena, dirk] = house.team;
      const agreed = await report();
      await approve(house, agreed.id, agreed.schedule_hash ?? '', await actor(house, dirk));
      const armed = await report();
      await arm(house, armed);
      await leak(house, agreed.id, EVIDENCE);
      // Of what is armed that it is to be released now is proposed; and so it is of a leak that is said to be public.
      await leak(house, armed.id, EVIDENCE);
      await publicAlready(house, armed.id, 'https://example.org/post');
      for (const { id, schedule_hash, release_at } of [agreed, armed]) {
        await rejected(id);
        await outbox(house).drain();
        const about = await reopen(as(house, lena), id, WHY);
        const stands = { schedule_hash, release_at, agreed_release_at: release_at, set_aside: null, accepted_at: null };
        expect(about).toMatchObject({ state: 'scheduled', ...stands });
        expect(about.scheduled_at).not.toBeNull();
        const told = await read(await outbox(house).drain(), dirk, LISTS.security);
        expect(told).toContain(`Its instant, ${when(release_at ?? 0)}, stands`);
      }
      house.clock.moveTo(agreed.release_at ?? 0);
      expect((await overdueAmong(house, [await caseOf(house, agreed.id), await caseOf(house, armed.id)])).size).toBe(2);
    });

    test('is under no policy that the configuration has no more, and stands in the way of nothing', async () => {
      const [lena] = house.team;
      const later = house.project;
      const mine = { name: 'mine', policy: policyNamed(later.policies, 'orbit').policy };
      house.project = { ...later, policies: [...later.policies, mine] };
      const id = await house.report();
      const releaseAt = slotAfter(house.clock.now() + 7 * DAY);
      await schedule(house, id, { releaseAt, policies: ['mine', 'k8s-2017'], ...PUBLIC });
      await rejected(id);
      house.project = later;
      const about = await reopen(as(house, lena), id, WHY);
      expect(about).toMatchObject({ policies: 'orbit k8s-2017', release_at: null, scheduled_at: null, bundle_hash: null });
      expect(withoutPolicy(later, [about])).toEqual([]);
      expect((await overdueAmong(house, [about])).size).toBe(0);
      expect((await schedule(as(house, lena), id, { releaseAt })).release_at).toBe(releaseAt);
    });

    test('is no duplicate any more, and those who handle the other case are told whom it goes on crediting', async () => {
      const [lena, dirk] = house.team;
      const [first, second] = [await house.report(), await house.report({ text: 'Another.\n' })];
      await staff(as(house, lena), first, [lena.contactId]);
      await describeCase(house, second, { reporter: { wishedAt: null, credit: 'Rita Reporter', anonymous: false } });
      await linkDuplicate(as(house, house.team[0]), second, { of: first, text: null });
      await outbox(house).drain();
      expect(await reopen(house, second, WHY)).toMatchObject({ aside: null, duplicate_of: null });
      const sent = await outbox(house).drain();
      const readAll = async (person: Person) =>
        (await Promise.all(to(sent, person.address).map((mail) => read([mail], person, LISTS.security)))).join('\n');
      expect(await readAll(lena)).toContain(`Case ${first} credits Rita Reporter`);
      const his = await readAll(dirk);
      expect(his).toContain(second);
      expect(his).not.toContain(first);
      expect((await linkDuplicate(as(house, house.team[0]), first, { of: second, text: null })).case.duplicate_of).toBe(second);
    });
  });

  describe('a leak', () => {
    test('is told to everybody of the case at once, keeps its evidence sealed, and is to be decided on within two hours', async () => {
      const { id } = await distributed();
      const now = house.clock.now();
      const about = await leak(house, id, EVIDENCE);
      expect(about).toMatchObject({ aside: 'leaked', aside_at: now, state: 'armed' });
      expect(dueIn(house.project, about)['leak-decision']).toEqual({ at: now + 2 * HOUR, policy: 'leaked' });
      const sent = await outbox(house).drain();
      for (const person of house.team) expect(await read(sent, person, LISTS.security)).toContain(EVIDENCE);
      for (const person of house.members) {
        const text = await read(sent, person, LISTS.distributors);
        expect(text).toContain('has leaked');
        expect(text).not.toContain('forum');
      }
      expect(to(sent, READER)).toEqual([]);
      const rows = JSON.stringify(await house.db.selectFrom('audit').select('line').execute());
      expect(rows).not.toContain('forum');
    });

    test('is released early by two people, past the rules that give people time, and members are told why', async () => {
      const { id, release_at } = await distributed();
      await leak(house, id, EVIDENCE);
      const about = await decideLeak(house, id, { decision: 'release', reason: 'It is out.' });
      // What two people approved stands until two approve the other.
      expect(about).toMatchObject({ aside: 'leaked', release_at, state: 'armed' });
      expect(proposedCase(about)).toMatchObject({ release_at: house.clock.now(), original_at: release_at });
      expect(await reasonOf(release(house, id))).toBe('not-released');
      await outbox(house).drain();
      await endLongest(house, silent);
      expect(await read(await outbox(house).drain(), house.team[0], LISTS.security)).toContain('released at once is proposed');
      await arm(house, about);
      await outbox(house).drain();
      expect(await release(house, id)).toMatchObject({ state: 'released' });
      const sent = await outbox(house).drain();
      expect(sent.slice(0, 3).map((mail) => mail.to)).toEqual([READER, OUTSIDE, 'rita@example.org']);
      const text = await read(sent, house.members[0], LISTS.distributors);
      expect(text).toContain('Embargo lifted early');
      expect(text).toContain('The issue had leaked.');
    });

    test('that is none leaves the embargo as it was, and members are told so', async () => {
      const { id, release_at } = await distributed();
      expect(await reasonOf(decideLeak(house, id, { decision: 'keep', reason: 'None.' }))).toBe('conflict');
      await leak(house, id, EVIDENCE);
      await outbox(house).drain();
      const kept = await decideLeak(house, id, { decision: 'keep', reason: 'An old patch.' });
      expect(kept).toMatchObject({ aside: null, state: 'armed', release_at, leak_decision: 'keep' });
      expect(dueIn(house.project, kept)['leak-decision']).toBeUndefined();
      const sent = await outbox(house).drain();
      expect(await read(sent, house.members[1], LISTS.distributors)).toContain('the embargo of this case stands');
      expect(await reasonOf(decideLeak(house, id, { decision: 'release', reason: 'Late.' }))).toBe('conflict');
    });

    test('gives nobody more time than the longest embargo', async () => {
      const { id } = await distributed();
      await leak(house, id, EVIDENCE);
      const late = { releaseAt: house.clock.now() + 15 * DAY };
      await expect(schedule(house, id, late)).rejects.toMatchObject({
        reason: 'policy-violated',
        hint: expect.stringMatching(/OVER_MAX/),
      });
      // At 17:00, with an hour of notice.
      const soon = house.clock.now() + HOUR;
      expect(proposedCase(await schedule(house, id, { releaseAt: soon }))).toMatchObject({ release_at: soon });
    });
  });

  test('after the dispatch two people bring a release forward; nobody moves it past the longest embargo', async () => {
    const { id, release_at } = await distributed();
    const instant = release_at ?? 0;
    expect(await reasonOf(schedule(house, id, { releaseAt: slotAfter(house.clock.now() + 14 * DAY + 1) }))).toBe(
      'policy-violated',
    );
    const earlier = house.clock.now() + 2 * DAY;
    const [lena, dirk] = house.team;
    const about = await schedule({ ...house, by: { type: 'person', id: lena.contactId, name: lena.address, via: null } }, id, {
      releaseAt: earlier,
    });
    expect(about).toMatchObject({ release_at: instant, state: 'armed' });
    expect(proposedCase(about)).toMatchObject({ release_at: earlier, original_at: instant });
    house.clock.moveTo(earlier);
    await approve(house, id, about.proposed_hash ?? '', await actor(house, lena));
    expect(await reasonOf(release(house, id))).toBe('not-released');
    await approve(house, id, about.proposed_hash ?? '', await actor(house, dirk));
    await outbox(house).drain();
    await release(house, id);
    const text = await read(await outbox(house).drain(), house.members[0], LISTS.distributors);
    expect(text).toContain('brought the release forward');
  });

  test('who was told of a later instant is told of that when it is released before', async () => {
    const { id, release_at } = await distributed();
    const [before, later] = [slotAfter((release_at ?? 0) + 1), slotAfter((release_at ?? 0) + DAY + 1)];
    await arm(house, await schedule(house, id, { releaseAt: later }));
    const about = await schedule(house, id, { releaseAt: before });
    // It has come when it is approved: nobody is told of it first.
    house.clock.moveTo(before);
    await arm(house, about);
    await outbox(house).drain();
    await release(house, id);
    const text = await read(await outbox(house).drain(), house.members[0], LISTS.distributors);
    expect(text).toContain(`it was to be at ${when(later)}`);
  });

  describe('a withdrawal', () => {
    test('shuts the gate, tells members and the reporter, and owes the public a note at the instant, of two people', async () => {
      const { id, release_at } = await distributed();
      const instant = release_at ?? 0;
      const before = await caseOf(house, id);
      const about = await withdraw(house, id, 'It is no vulnerability.');
      expect(about).toMatchObject({ aside: 'withdrawn', state: 'scheduled', release_at, schedule_hash: null });
      expect(about.bundle_hash).not.toBe(before.bundle_hash);
      const contents = await openContents(house, about);
      expect(contents).toMatchObject({ note: true, patches: [], details: null, hash: about.bundle_hash });
      for (const secret of [id, 'CVE', 'frobnicator', PUBLIC.subject, 'no vulnerability'])
        expect(`${contents.draft.subject} ${contents.draft.text}`).not.toContain(secret);
      const told = await outbox(house).drain();
      for (const person of house.members)
        expect(await read(told, person, LISTS.distributors)).toContain('It is no vulnerability.');
      expect(to(told, 'rita@example.org')).toHaveLength(1);
      expect(await reasonOf(setText(house, id, PUBLIC))).toBe('conflict');
      house.clock.moveTo(instant);
      expect(await reasonOf(release(house, id))).toBe('not-approved');
      await arm(house, about);
      house.clock.moveTo(instant + 1);
      await outbox(house).drain();
      await release(house, id);
      const sent = await outbox(house).drain();
      expect(sent.map((mail) => mail.to).sort()).toEqual([OUTSIDE, READER]);
      for (const { raw } of sent) {
        expect(raw.toString()).toContain('No security release at');
        for (const secret of [id, 'CVE', 'frobnicator', PATCH.name]) expect(raw.toString()).not.toContain(secret);
      }
      expect(await house.db.selectFrom('advisories').select('case_id').execute()).toEqual([]);
    });

    test('owes the note at the instant that people were told, whatever one person has set since', async () => {
      const [lena, dirk] = house.team;
      const { id, told_release_at: told } = await distributed();
      await retract(house, id);
      await schedule(house, id, { releaseAt: slotAfter((told ?? 0) + 1) });
      const about = await withdraw(house, id, 'It is no vulnerability.');
      expect(about).toMatchObject({ release_at: told });
      expect((await openContents(house, about)).draft.text).toContain(when(told ?? 0));

      // Of another one the public was told alone.
      const releaseAt = slotAfter(house.clock.now() + 7 * DAY);
      const other = await house.report();
      const { schedule_hash } = await schedule(as(house, lena), other, { releaseAt, ...PUBLIC });
      await approve(house, other, schedule_hash ?? '', await actor(house, dirk));
      const { hash } = await draftForthcoming(as(house, lena), other, null);
      await approve(house, other, hash, await actor(house, dirk));
      await schedule(as(house, lena), other, { releaseAt: slotAfter(releaseAt + 1) });
      expect(await withdraw(house, other, 'Nor this.')).toMatchObject({ release_at: releaseAt });
    });

    test('owes the note at the instant that the public was told, whatever two people have agreed on since', async () => {
      const [lena, dirk] = house.team;
      /** The public knows of it, and it is led. */
      const announced = async () => {
        const about = await report();
        await approve(house, about.id, about.schedule_hash ?? '', await actor(house, dirk));
        await claim(as(house, lena), about.id, {});
        const { hash } = await draftForthcoming(as(house, lena), about.id, null);
        await approve(house, about.id, hash, await actor(house, dirk));
        return about;
      };
      const moved = await announced();
      const told = moved.release_at ?? 0;
      const { schedule_hash } = await schedule(as(house, lena), moved.id, { releaseAt: slotAfter(told + 1) });
      const before = await caseOf(house, moved.id);
      expect(owed(before, {}, house.clock.now()).map(({ what }) => what)).toContain('move');
      await approve(house, moved.id, schedule_hash ?? '', await actor(house, dirk));
      // It waits for the older instant, and who leads the case is reminded that another word is owed.
      const late = owed(await caseOf(house, moved.id), {}, house.clock.now()).find(({ what }) => what === 'forthcoming');
      expect(late).toMatchObject({ dueAt: told - 2 * HOUR, level: 0 });
      const about = await withdraw(house, moved.id, 'It is no vulnerability.');
      expect(about).toMatchObject({ release_at: told });
      expect((await openContents(house, about)).draft.text).toContain(when(told));

      const mistaken = await announced();
      const now = await publicAlready(as(house, lena), mistaken.id, 'https://example.org/post');
      await approve(house, mistaken.id, now.schedule_hash ?? '', await actor(house, dirk));
      expect(await withdraw(house, mistaken.id, 'Nor this.')).toMatchObject({ release_at: mistaken.release_at });

      const twice = await announced();
      const later = await schedule(as(house, lena), twice.id, { releaseAt: slotAfter(told + 1) });
      await approve(house, twice.id, later.schedule_hash ?? '', await actor(house, dirk));
      const { hash } = await draftForthcoming(as(house, lena), twice.id, null);
      await approve(house, twice.id, hash, await actor(house, dirk));
      const again = await caseOf(house, twice.id);
      expect(owed(again, {}, house.clock.now()).map(({ what }) => what)).not.toContain('forthcoming');
      expect(await withdraw(house, twice.id, 'Nor that.')).toMatchObject({ release_at: later.release_at });
    });

    test('is in no way held up, nor is another instant, where the address of the reporter became an external one', async () => {
      const { id, told_release_at } = await distributed();
      await addRecipient(house, { list: LISTS.announce, address: 'rita@example.org', kind: 'external' });
      let last: Sent[] = [];
      const told = async () => {
        last = await outbox(house).drain();
        return [...new Set(last.map((mail) => mail.to))].sort();
      };
      const team = house.team.map(({ address }) => address);
      const untold = 'Its reporter is not told: his address is one that the public or a list reads by now.';
      const members = house.members.map(({ address }) => address).sort();
      await retract(house, id);
      await outbox(house).drain();
      await arm(house, await schedule(house, id, { releaseAt: slotAfter((told_release_at ?? 0) + 1) }));
      expect(await told()).toEqual([...members, ...team].sort());
      expect(await read(last, house.team[0], LISTS.security)).toContain(untold);
      expect((await caseOf(house, id)).reporter_release_at).toBeNull();
      await withdraw(house, id, 'It is no vulnerability.');
      const withdrawn = await told();
      expect(await read(last, house.team[0], LISTS.security)).toContain(untold);
      expect(withdrawn).toEqual(expect.arrayContaining(members));
      expect(withdrawn).not.toContain('rita@example.org');
    });

    test('of what nobody was told of owes nothing, and is never overdue', async () => {
      const caseId = await house.report();
      const about = await withdraw(house, caseId, 'Sent by mistake.');
      expect(about).toMatchObject({ aside: 'withdrawn', state: 'received', bundle_hash: null, release_at: null });
      expect(await reasonOf(release(house, caseId))).toBe('not-approved');
      expect(await reasonOf(withdraw(house, caseId, 'Again.'))).toBe('conflict');
    });
  });

  test('what is public already is due at once, and goes out as soon as two people approve it', async () => {
    const caseId = await house.report();
    const now = house.clock.now();
    const about = await publicAlready(house, caseId, 'https://example.org/post');
    expect(about).toMatchObject({ aside: 'public_already', release_at: now, bundle_hash: null });
    const due = dueIn(house.project, about);
    expect([due.release?.at, due.acknowledge?.at, due.forthcoming?.at]).toEqual([now, now, now]);
    // Nothing leaks that is public: a leak that is none would take that back.
    expect(await reasonOf(leak(house, caseId, EVIDENCE))).toBe('conflict');
    const texted = await setText(house, caseId, PUBLIC);
    await arm(house, texted);
    expect(await release(house, caseId)).toMatchObject({ state: 'released', release_at: now });
  });

  describe('what was taken for public by mistake', () => {
    const keep = { decision: 'keep', reason: 'It is another hole.' } as const;

    test('is armed as it was, and secret, and everybody is told', async () => {
      const about = await distributed();
      await publicAlready(house, about.id, 'https://example.org/post');
      expect(await reasonOf(decideLeak(house, about.id, { ...keep, decision: 'release' }))).toBe('conflict');
      await outbox(house).drain();
      const kept = await decideLeak(house, about.id, keep);
      const { release_at, bundle_hash } = about;
      expect(kept).toMatchObject({ aside: null, state: 'armed', release_at, bundle_hash, proposal: null, leak_decision: null });
      expect((await watchedCases(house.db, 10)).map(({ id }) => id)).toEqual([about.id]);
      expect((await overdueAmong(house, [kept])).size).toBe(0);
      const sent = await outbox(house).drain();
      expect(await read(sent, house.members[0], LISTS.distributors)).toContain('the embargo of this case stands');
      expect(await read(sent, house.team[1], LISTS.security)).toContain(keep.reason);
      expect(await reasonOf(decideLeak(house, about.id, keep))).toBe('conflict');
    });

    test('has the instant that people were told to be approved anew, and none where they agreed on none', async () => {
      const { id, told_release_at } = await distributed();
      await retract(house, id);
      await publicAlready(house, id, 'https://example.org/post');
      const kept = await decideLeak(house, id, keep);
      expect(kept).toMatchObject({ aside: null, state: 'scheduled', release_at: told_release_at, scheduled_at: null });
      expect(await arm(house, kept)).toMatchObject({ state: 'armed', release_at: told_release_at });

      const other = await house.report();
      await publicAlready(house, other, 'https://example.org/post');
      expect(await decideLeak(house, other, keep)).toMatchObject({ aside: null, release_at: null, schedule_hash: null });

      await retract(house, id);
      await publicAlready(house, id, 'https://example.org/post');
      house.clock.moveTo(told_release_at ?? 0);
      const late = await decideLeak(house, id, keep);
      expect(late).toMatchObject({ aside: null, state: 'received', release_at: null, told_release_at });
      // Who has the case was told of an instant that has passed.
      expect(owed(late, dueIn(house.project, late), house.clock.now()).map(({ what }) => what)).toContain('move');
    });

    test('has it too where two people approved meanwhile that it is released at once, and is armed for that no more', async () => {
      const [lena, dirk] = house.team;
      const told = await distributed();
      await arm(house, await publicAlready(house, told.id, 'https://example.org/post'));
      await outbox(house).drain();
      const { release_at } = told;
      const kept = await decideLeak(house, told.id, keep);
      expect(kept).toMatchObject({ aside: null, state: 'scheduled', release_at, scheduled_at: null });
      expect(await reasonOf(release(house, told.id))).toBe('not-approved');
      const sent = await outbox(house).drain();
      expect(await read(sent, house.members[0], LISTS.distributors)).toContain('to be agreed on anew');

      const agreed = await report();
      await approve(house, agreed.id, agreed.schedule_hash ?? '', await actor(house, dirk));
      const { schedule_hash } = await publicAlready(as(house, lena), agreed.id, 'https://example.org/post');
      await approve(house, agreed.id, schedule_hash ?? '', await actor(house, dirk));
      const { release_at: instant } = agreed;
      expect(await decideLeak(house, agreed.id, keep)).toMatchObject({ release_at: instant, agreed_release_at: instant });
    });

    test('has leaked where it had leaked before, and is to be decided on as it was', async () => {
      const [undecided, decided] = [await distributed(), await distributed()];
      const since = house.clock.now();
      await leak(house, undecided.id, EVIDENCE);
      await retract(house, decided.id);
      await leak(house, decided.id, EVIDENCE);
      await decideLeak(house, decided.id, { decision: 'release', reason: 'It is out.' });
      house.clock.moveTo(since + HOUR);
      for (const { id } of [undecided, decided]) await publicAlready(house, id, 'https://example.org/post');
      await outbox(house).drain();
      const leaked = await decideLeak(house, undecided.id, keep);
      expect(leaked).toMatchObject({ aside: 'leaked', state: 'armed', leak_decision: null, proposal: null });
      expect(dueIn(house.project, leaked)['leak-decision']?.at).toBe(since + 2 * HOUR);
      const sent = await outbox(house).drain();
      expect(await read(sent, house.members[0], LISTS.distributors)).toContain('That it has leaked');
      expect(await read(sent, house.team[1], LISTS.security)).toContain('That it has leaked stands');
      const due = await decideLeak(house, decided.id, keep);
      expect(due).toMatchObject({ aside: 'leaked', leak_decision: 'release', leak_decided_at: since });
      expect((await overdueAmong(house, [due])).get(decided.id)).toBe(since);
      expect(due).toMatchObject({ release_at: house.clock.now(), scheduled_at: null, told_release_at: decided.told_release_at });
      const again = await outbox(house).drain();
      expect(await read(again, house.team[1], LISTS.security)).toContain('It is to be released at once');
      expect(await read(again, house.team[1], LISTS.security)).not.toContain('as it was before');
      expect(await read(again, house.members[0], LISTS.distributors)).not.toContain(when(decided.told_release_at ?? 0));
      await approve(house, due.id, due.schedule_hash ?? '', await actor(house, house.team[0]));
      await approve(house, due.id, due.schedule_hash ?? '', await actor(house, house.team[1]));
      const approved = await caseOf(house, due.id);
      expect((await overdueAmong(house, [approved])).has(due.id)).toBe(true);
      const none = { decision: 'keep', reason: 'An old patch.' } as const;
      expect(await decideLeak(house, undecided.id, none)).toMatchObject({ aside: null, state: 'armed' });
    });
  });

  describe('a leak that was to be released at once, and was taken for public by mistake,', () => {
    const keep = { decision: 'keep', reason: 'It is another hole.' } as const;
    const atOnce = { decision: 'release', reason: 'It is out.' } as const;

    test('is armed for that where two people had armed it', async () => {
      const { id } = await distributed();
      await leak(house, id, EVIDENCE);
      const armed = await arm(house, await decideLeak(house, id, atOnce));
      house.clock.moveTo(house.clock.now() + HOUR);
      await publicAlready(house, id, 'https://example.org/post');
      const { bundle_hash, release_at } = armed;
      expect(await decideLeak(house, id, keep)).toMatchObject({ aside: 'leaked', state: 'armed', bundle_hash, release_at });
      expect((await release(house, id)).state).toBe('released');
    });

    test('has that proposed again beside what two people had armed for its instant', async () => {
      const { id, release_at, bundle_hash } = await distributed();
      await leak(house, id, EVIDENCE);
      const { proposed_hash } = await decideLeak(house, id, atOnce);
      house.clock.moveTo(house.clock.now() + HOUR);
      await publicAlready(house, id, 'https://example.org/post');
      const kept = await decideLeak(house, id, keep);
      expect(kept).toMatchObject({ aside: 'leaked', state: 'armed', release_at, bundle_hash });
      expect(kept.proposed_hash).not.toBe(proposed_hash);
      expect(await arm(house, kept)).toMatchObject({ state: 'armed', release_at: house.clock.now() });
    });

    test('has the instant that two people agreed on after that to be approved anew, and is to be decided on anew', async () => {
      const [lena, dirk] = house.team;
      const { id } = await distributed();
      await retract(house, id);
      await leak(house, id, EVIDENCE);
      const leaked = house.clock.now();
      await decideLeak(house, id, atOnce);
      house.clock.moveTo(house.clock.now() + HOUR);
      const releaseAt = house.clock.now() + DAY;
      const { schedule_hash } = await schedule(as(house, lena), id, { releaseAt });
      await approve(house, id, schedule_hash ?? '', await actor(house, dirk));
      await publicAlready(house, id, 'https://example.org/post');
      await outbox(house).drain();
      const kept = await decideLeak(house, id, keep);
      expect(kept).toMatchObject({ aside: 'leaked', leak_decision: null, leak_decided_at: null });
      expect(kept).toMatchObject({ release_at: releaseAt, scheduled_at: null, agreed_release_at: releaseAt });
      expect((await overdueAmong(house, [kept])).size).toBe(0);
      const sent = await outbox(house).drain();
      const told = await read(sent, dirk, LISTS.security);
      expect(told).toContain(`Decide by ${when(leaked + 2 * HOUR)}`);
      expect(told).toContain(`Its instant is ${when(releaseAt)}, as it was before`);
      expect(told).not.toContain('It is to be released at once');
      expect(await read(sent, house.members[0], LISTS.distributors)).toContain(`released at ${when(releaseAt)}`);
      // What was decided, or agreed on, last holds.
      const decided = await decideLeak(house, id, atOnce);
      expect((await overdueAmong(house, [decided])).get(id)).toBe(house.clock.now());
    });

    test('is to be released at once too where two people had agreed on that, and nobody had decided it', async () => {
      const [lena, dirk] = house.team;
      const { id } = await distributed();
      await retract(house, id);
      await leak(house, id, EVIDENCE);
      const now = house.clock.now();
      const { schedule_hash } = await schedule(as(house, lena), id, { releaseAt: now });
      await approve(house, id, schedule_hash ?? '', await actor(house, dirk));
      house.clock.moveTo(now + HOUR);
      await publicAlready(house, id, 'https://example.org/post');
      const kept = await decideLeak(house, id, keep);
      expect(kept).toMatchObject({ aside: 'leaked', release_at: now + HOUR, scheduled_at: null, agreed_release_at: now });
    });
  });

  test('of what is to be released at once nobody is told an instant, and so it is when two people have agreed on that', async () => {
    const [lena, dirk] = house.team;
    for (const how of ['leak', 'public']) {
      const { id, told_release_at } = await distributed();
      await retract(house, id);
      if (how === 'leak') await leak(house, id, EVIDENCE);
      const { schedule_hash } =
        how === 'leak'
          ? await decideLeak(as(house, lena), id, { decision: 'release', reason: 'It is out.' })
          : await publicAlready(as(house, lena), id, 'https://example.org/post');
      house.clock.moveTo(house.clock.now() + MINUTE);
      for (const agreed of [false, true]) {
        if (agreed) await approve(house, id, schedule_hash ?? '', await actor(house, dirk));
        const status = await previewNotice(as(house, lena), id, 'status', { text: 'Hello.', list: null });
        const reminder = await previewNotice(as(house, lena), id, 'reminder', { text: null, list: LISTS.distributors });
        const texts = [...status.mails, ...reminder.mails].map(({ text }) => text);
        expect(texts.length).toBeGreaterThan(1);
        expect(texts.join()).not.toContain(when(told_release_at ?? 0));
      }
    }
  });

  test('so it is with what was armed for one: a second notice and a dispatch name none, and members hear of it when it stands again', async () => {
    const [lena] = house.team;
    for (const how of ['leak', 'public']) {
      const isOut = async (id: string) => {
        if (how === 'public') return publicAlready(house, id, 'https://example.org/post');
        await leak(house, id, EVIDENCE);
        return decideLeak(house, id, { decision: 'release', reason: 'It is out.' });
      };
      const mailOf = async () => read(await outbox(house).drain(), house.members[0], LISTS.distributors);
      const noticed = await distributed();
      await isOut(noticed.id);
      await outbox(house).drain();
      await sendNotice(as(house, lena), noticed.id, 'second-notice', { text: null, list: null });
      const second = await mailOf();
      expect(second).toContain(`Case ${noticed.id} is released as soon as it is approved`);
      expect(second).not.toContain(when(noticed.release_at ?? 0));

      const { id, release_at } = await report();
      await describeCase(house, id, KNOWN);
      await addPatch(house, id, PATCH);
      await arm(house, await caseOf(house, id));
      await isOut(id);
      await dispatch(house, id, LISTS.distributors);
      expect(await caseOf(house, id)).toMatchObject({ told_release_at: null, told_none_at: house.clock.now() });
      const first = await mailOf();
      expect(first).toContain('EMBARGOED until you are told that it is lifted.');
      expect(first).not.toContain(when(release_at ?? 0));
      if (how === 'leak') {
        // That is decided anew: what was armed is released at its instant, and members would have heard of none.
        await leak(house, id, EVIDENCE);
        expect(await mailOf()).toContain(`released at ${when(release_at ?? 0)}`);
      }
      await outbox(house).drain();
      const kept = await decideLeak(house, id, { decision: 'keep', reason: 'An old patch.' });
      expect(kept).toMatchObject({ state: 'armed', release_at, told_release_at: release_at });
      expect(await mailOf()).toContain(`released at ${when(release_at ?? 0)}`);
    }
  });

  test('who was told that it is released as soon as it is approved, or no instant, is told the one that two people agree on then', async () => {
    const [lena, dirk] = house.team;
    const agree = async (id: string, releaseAt: Instant) => {
      await outbox(house).drain();
      const { schedule_hash } = await schedule(as(house, lena), id, { releaseAt, ...PUBLIC });
      await approve(house, id, schedule_hash ?? '', await actor(house, dirk));
      const told = await read(await outbox(house).drain(), house.members[0], LISTS.distributors);
      expect(told).toContain(`Case ${id} will be released at ${when(releaseAt)}.`);
      expect(told).not.toContain('as you were told');
    };
    const had = await distributed();
    await retract(house, had.id);
    await publicAlready(house, had.id, 'https://example.org/post');
    house.clock.moveTo(house.clock.now() + MINUTE);
    await agree(had.id, had.told_release_at ?? 0);

    const { id } = await report();
    await describeCase(house, id, KNOWN);
    await addPatch(house, id, PATCH);
    await arm(house, await caseOf(house, id));
    await leak(house, id, EVIDENCE);
    await decideLeak(as(house, lena), id, { decision: 'release', reason: 'It is out.' });
    await dispatch(house, id, LISTS.distributors);
    await retract(house, id);
    house.clock.moveTo(house.clock.now() + HOUR);
    await agree(id, house.clock.now() + DAY);
  });

  describe('what was scheduled, proposed and approved of a leak that is none', () => {
    const none = { decision: 'keep', reason: 'An old patch.' } as const;
    /** Decided to be released at once, approved by one, and reported again. */
    async function nearlyReleased(id: string): Promise<string> {
      await leak(house, id, EVIDENCE);
      const { proposed_hash, bundle_hash } = await decideLeak(house, id, { decision: 'release', reason: 'It is out.' });
      const hash = proposed_hash ?? bundle_hash ?? '';
      await approve(house, id, hash, await actor(house, house.team[0]));
      house.clock.moveTo(house.clock.now() + HOUR);
      await leak(house, id, EVIDENCE);
      await outbox(house).drain();
      return hash;
    }

    test('is gone, and what was armed before is released at its instant', async () => {
      const { id, release_at, bundle_hash } = await distributed();
      const hash = await nearlyReleased(id);
      const kept = await decideLeak(house, id, none);
      expect(kept).toMatchObject({ aside: null, state: 'armed', release_at, bundle_hash, proposal: null });
      const told = await read(await outbox(house).drain(), house.members[0], LISTS.distributors);
      expect(told).toContain('and so does its instant');
      house.clock.moveTo(house.clock.now() + DAY);
      expect(await reasonOf(approve(house, id, hash, await actor(house, house.team[1])))).toBe('approval-voided');
      expect(await reasonOf(release(house, id))).toBe('not-released');
    });

    test('is gone of one that was not armed, and the instant that people were told is to be approved anew', async () => {
      const { id, release_at } = await distributed();
      await retract(house, id);
      const hash = await nearlyReleased(id);
      const kept = await decideLeak(house, id, none);
      expect(kept).toMatchObject({ aside: null, state: 'scheduled', release_at, scheduled_at: null, original_at: null });
      expect((await overdueAmong(house, [kept])).size).toBe(0);
      const sent = await outbox(house).drain();
      const told = await read(sent, house.members[0], LISTS.distributors);
      expect(told).toContain('to be agreed on anew');
      expect(told).toContain(`released at ${when(release_at ?? 0)}`);
      expect(await read(sent, house.team[1], LISTS.security)).toContain('is to be approved anew');
      expect(await reasonOf(approve(house, id, hash, await actor(house, house.team[1])))).toBe('approval-voided');
    });

    test('gives distributors no less time than is theirs', async () => {
      const [lena] = house.team;
      const id = await house.report();
      await describeCase(house, id, KNOWN);
      await addPatch(house, id, PATCH);
      const soon = { releaseAt: slotAfter(house.clock.now() + 2 * HOUR), ...PUBLIC };
      expect(await reasonOf(schedule(house, id, soon))).toBe('policy-violated');
      await leak(house, id, EVIDENCE);
      expect(await arm(house, await schedule(as(house, lena), id, soon))).toMatchObject({ state: 'armed' });
      const kept = await decideLeak(house, id, none);
      expect(kept).toMatchObject({ aside: null, state: 'received', release_at: null, agreed_release_at: null });
      house.clock.moveTo(soon.releaseAt);
      expect(await reasonOf(release(house, id))).toBe('not-approved');
    });

    test('is no policy: the instant that people were told is approved under those of before', async () => {
      const [lena] = house.team;
      for (const isArmed of [false, true]) {
        const { id, policies, channels, release_at } = await distributed();
        if (!isArmed) await retract(house, id);
        await leak(house, id, EVIDENCE);
        const other = await schedule(as(house, lena), id, { releaseAt: house.clock.now() + DAY, policies: ['kernel'] });
        if (isArmed) await arm(house, other);
        expect(proposedCase(await caseOf(house, id)).policies).toBe('orbit kernel');
        const kept = await decideLeak(house, id, none);
        expect(kept).toMatchObject({ state: 'scheduled', policies, channels, release_at });
        expect(await arm(house, kept)).toMatchObject({ state: 'armed', release_at });
      }
    });

    test('takes no policy away under which distributors were told meanwhile', async () => {
      const [lena] = house.team;
      const { id } = await report();
      await describeCase(house, id, KNOWN);
      await addPatch(house, id, PATCH);
      await leak(house, id, EVIDENCE);
      await arm(house, await schedule(as(house, lena), id, { releaseAt: house.clock.now() + DAY, policies: ['kernel'] }));
      await dispatch(house, id, LISTS.distributors);
      expect((await decideLeak(house, id, none)).policies).toBe('orbit kernel');
    });

    test('is nothing that makes what two people had armed too late to be armed: it is released at its instant', async () => {
      const { id, release_at } = await report();
      const releaseAt = release_at ?? 0;
      await describeCase(house, id, KNOWN);
      await addPatch(house, id, PATCH);
      const { bundle_hash } = await arm(house, await caseOf(house, id));
      house.clock.moveTo(releaseAt - 3 * DAY);
      await leak(house, id, EVIDENCE);
      expect(await decideLeak(house, id, none)).toMatchObject({ state: 'armed', release_at, bundle_hash });
      house.clock.moveTo(releaseAt);
      expect(await release(house, id)).toMatchObject({ state: 'released', release_at });
    });

    test('is no dispatch that came too late: the team is told what is against its instant, and the nearest that is not', async () => {
      const { id, release_at } = await report();
      await describeCase(house, id, KNOWN);
      await addPatch(house, id, PATCH);
      await arm(house, await caseOf(house, id));
      house.clock.moveTo((release_at ?? 0) - 3 * DAY);
      await leak(house, id, EVIDENCE);
      await dispatch(house, id, LISTS.distributors);
      await outbox(house).drain();
      const kept = await decideLeak(house, id, none);
      expect(kept).toMatchObject({ state: 'scheduled', release_at, scheduled_at: null });
      const told = await read(await outbox(house).drain(), house.team[1], LISTS.security);
      expect(told.replaceAll(/\s+/g, ' ')).toMatch(
        /cannot be approved any more\. NOTICE_TOO_SHORT .*nearest that is allowed: 2026-/,
      );
      expect(await reasonOf(arm(house, kept))).toBe('policy-violated');
    });

    test('counts for no schedule of before, nor accepts its case', async () => {
      const [lena, dirk, ada] = house.team;
      const id = await house.report();
      const alone = await schedule(house, id, { releaseAt: slotAfter(house.clock.now() + 7 * DAY), ...PUBLIC });
      await leak(house, id, EVIDENCE);
      await approve(house, id, alone.schedule_hash ?? '', await actor(house, dirk));
      const { release_at } = alone;
      const kept = await decideLeak(house, id, none);
      expect(kept).toMatchObject({ release_at, scheduled_at: null, agreed_release_at: null, accepted_at: null });
      await approve(house, id, kept.schedule_hash ?? '', await actor(house, ada));
      expect((await caseOf(house, id)).scheduled_at).toBeNull();
      await approve(house, id, kept.schedule_hash ?? '', await actor(house, dirk));
      expect((await caseOf(house, id)).scheduled_at).not.toBeNull();

      // Two people had agreed on it only while it was said to have leaked.
      const other = await report();
      await leak(house, other.id, EVIDENCE);
      await approve(house, other.id, other.schedule_hash ?? '', await actor(house, dirk));
      const set = await decideLeak(as(house, lena), other.id, none);
      expect(set).toMatchObject({ release_at: other.release_at, scheduled_at: null, agreed_release_at: null, accepted_at: null });
    });

    test('is no word of anybody who accepts the case: the public is told nothing of it before somebody does', async () => {
      const [lena, dirk] = house.team;
      const claimed = await house.report();
      await publicAlready(house, claimed, 'https://example.org/post');
      const { accepted_at } = await claim(as(house, lena), claimed, {});
      expect(await decideLeak(house, claimed, none)).toMatchObject({ accepted_at });
      await withdraw(house, claimed, 'It was none.');

      const unread = await house.report();
      const { schedule_hash } = await publicAlready(as(house, lena), unread, 'https://example.org/post');
      await approve(house, unread, schedule_hash ?? '', await actor(house, dirk));
      expect(await decideLeak(as(house, lena), unread, none)).toMatchObject({ accepted_at: null });
      await outbox(house).drain();
      for (const isAccepted of [false, true]) {
        if (isAccepted) await claim(as(house, lena), unread, {});
        house.clock.moveTo(house.clock.now() + 22 * DAY);
        await endLongest(house, silent);
        expect(to(await outbox(house).drain(), READER)).toHaveLength(isAccepted ? 1 : 0);
      }
    });

    test('is told to the reporter too, who was told another instant of it', async () => {
      const rita = await makeParty('rita@example.org');
      const { id, release_at } = await distributed(await sealedReport(house, rita));
      await retract(house, id);
      await leak(house, id, EVIDENCE);
      await arm(house, await schedule(house, id, { releaseAt: house.clock.now() + DAY }));
      expect(await caseOf(house, id)).toMatchObject({ reporter_release_at: house.clock.now() + DAY });
      await outbox(house).drain();
      expect(await decideLeak(house, id, none)).toMatchObject({ release_at, reporter_release_at: release_at });
      const [mail, ...more] = to(await outbox(house).drain(), rita.address);
      const opened = await openCopy(mail?.raw ?? Buffer.of(), rita, listCertificate(house, LISTS.security), house.clock.now());
      expect(opened.entity.toString().replaceAll(/\s+/g, ' ')).toContain(`it is released at ${when(release_at ?? 0)}`);
      expect(more).toEqual([]);

      await leak(house, id, EVIDENCE);
      await arm(house, await schedule(house, id, { releaseAt: house.clock.now() + DAY }));
      await addRecipient(house, { list: LISTS.announce, address: rita.address, kind: 'external' });
      await outbox(house).drain();
      const kept = await decideLeak(house, id, none);
      expect(kept.reporter_release_at).toBe(house.clock.now() + DAY);
      expect(to(await outbox(house).drain(), rita.address)).toEqual([]);
      // He still goes by that: the team is to move it.
      expect(owed(kept, dueIn(house.project, kept), house.clock.now()).map(({ what }) => what)).toContain('move');
    });

    test('is no instant that anybody goes by who was told that one alone: members and the reporter hear that it is to be agreed on anew', async () => {
      const [lena] = house.team;
      const rita = await makeParty('rita@example.org');
      for (const isSet of [false, true]) {
        const id = await sealedReport(house, rita);
        await describeCase(house, id, KNOWN);
        await addPatch(house, id, PATCH);
        if (isSet) await schedule(as(house, lena), id, { releaseAt: slotAfter(house.clock.now() + 8 * DAY), ...PUBLIC });
        await leak(house, id, EVIDENCE);
        const releaseAt = house.clock.now() + DAY;
        await arm(house, await schedule(as(house, lena), id, { releaseAt, ...PUBLIC }));
        await dispatch(house, id, LISTS.distributors);
        await sendNotice(as(house, lena), id, 'status', { text: null, list: null });
        await outbox(house).drain();
        const kept = await decideLeak(as(house, lena), id, none);
        // Whoever was told it is told the next one.
        expect(kept).toMatchObject({ agreed_release_at: null, told_release_at: releaseAt, reporter_release_at: releaseAt });
        expect(owed(kept, dueIn(house.project, kept), house.clock.now()).map(({ what }) => what)).toContain('move');
        const sent = await outbox(house).drain();
        const [mail] = to(sent, rita.address);
        const his = await openCopy(mail?.raw ?? Buffer.of(), rita, listCertificate(house, LISTS.security), house.clock.now());
        for (const told of [await read(sent, house.members[0], LISTS.distributors), his.entity.toString()]) {
          expect(told).toContain('Its instant is to be agreed on anew.');
          expect(told).not.toContain(when(releaseAt));
        }
        for (const kind of ['status', 'reminder'] as const) {
          const { mails } = await previewNotice(as(house, lena), id, kind, { text: null, list: null });
          expect(mails.map(({ text }) => text).join()).not.toContain(when(releaseAt));
        }
        await leak(house, id, EVIDENCE);
        expect((await decideLeak(as(house, lena), id, none)).release_at).toBe(kept.release_at);
      }
    });

    test('is told to members and the reporter when it is agreed on anew, be it the instant that they were told before', async () => {
      const [lena, dirk] = house.team;
      const rita = await makeParty('rita@example.org');
      for (const isSet of [false, true]) {
        const id = await sealedReport(house, rita);
        await describeCase(house, id, KNOWN);
        await addPatch(house, id, PATCH);
        const releaseAt = slotAfter(house.clock.now() + 8 * DAY);
        const set = async () => schedule(as(house, lena), id, { releaseAt, ...PUBLIC });
        const before = isSet ? await set() : null;
        await leak(house, id, EVIDENCE);
        await arm(house, before ?? (await set()));
        await dispatch(house, id, LISTS.distributors);
        await sendNotice(as(house, lena), id, 'status', { text: null, list: null });
        const kept = await decideLeak(as(house, lena), id, none);
        expect(owed(kept, dueIn(house.project, kept), house.clock.now()).map(({ what }) => what)).toContain('move');
        await outbox(house).drain();
        const anew = isSet ? kept : await set();
        await approve(house, id, anew.schedule_hash ?? '', await actor(house, dirk));
        const sent = await outbox(house).drain();
        const [mail] = to(sent, rita.address);
        const his = await openCopy(mail?.raw ?? Buffer.of(), rita, listCertificate(house, LISTS.security), house.clock.now());
        for (const told of [await read(sent, house.members[0], LISTS.distributors), his.entity.toString()]) {
          expect(told).toContain(`Case ${id} will be released at ${when(releaseAt)}.`);
          expect(told).not.toContain('as you were told');
        }
      }
    });

    test('is told to the reporter, who was told meanwhile that it has no date', async () => {
      const [lena] = house.team;
      const rita = await makeParty('rita@example.org');
      for (const again of ['leak', 'keep']) {
        const { id, release_at } = await distributed(await sealedReport(house, rita));
        const status = () => sendNotice(as(house, lena), id, 'status', { text: null, list: null });
        await status();
        if (again === 'leak') {
          await leak(house, id, EVIDENCE);
          await decideLeak(as(house, lena), id, { decision: 'release', reason: 'It is out.' });
        } else await publicAlready(house, id, 'https://example.org/post');
        await status();
        expect(await caseOf(house, id)).toMatchObject({ reporter_release_at: release_at, reporter_none_at: house.clock.now() });
        await outbox(house).drain();
        if (again === 'leak') await leak(house, id, EVIDENCE);
        else await decideLeak(as(house, lena), id, none);
        expect(await caseOf(house, id)).toMatchObject({ reporter_release_at: release_at, reporter_none_at: null });
        const [mail] = to(await outbox(house).drain(), rita.address);
        const his = await openCopy(mail?.raw ?? Buffer.of(), rita, listCertificate(house, LISTS.security), house.clock.now());
        expect(his.entity.toString().replaceAll(/\s+/g, ' ')).toContain(`released at ${when(release_at ?? 0)}`);
      }
    });

    test('is told to members, who were told another instant of it', async () => {
      const { id, told_release_at } = await distributed();
      await leak(house, id, EVIDENCE);
      await arm(house, await schedule(house, id, { releaseAt: house.clock.now() + DAY }));
      await outbox(house).drain();
      expect(await caseOf(house, id)).toMatchObject({ told_release_at: house.clock.now() + DAY });
      const kept = await decideLeak(house, id, none);
      expect(kept).toMatchObject({ state: 'scheduled', release_at: told_release_at, told_release_at });
      const told = await read(await outbox(house).drain(), house.members[0], LISTS.distributors);
      expect(told).toContain(`released at ${when(told_release_at ?? 0)}`);
    });

    test('is no schedule that two people agreed on before: that stands, and its bundle is approved anew', async () => {
      const [lena, dirk] = house.team;
      const { id, schedule_hash, release_at } = await report();
      await approve(house, id, schedule_hash ?? '', await actor(house, dirk));
      const { bundle_hash } = await leak(house, id, EVIDENCE);
      await approve(house, id, bundle_hash ?? '', await actor(house, lena));
      const kept = await decideLeak(house, id, none);
      expect(kept).toMatchObject({ state: 'scheduled', schedule_hash, release_at, agreed_release_at: release_at });
      expect(kept.scheduled_at).not.toBeNull();
      expect(await reasonOf(approve(house, id, bundle_hash ?? '', await actor(house, dirk)))).toBe('approval-voided');
    });

    test('puts off no instant that two people agreed on before, and for which one of them had set a later one', async () => {
      const [lena, dirk] = house.team;
      for (const passes of ['in the leak', 'after it']) {
        const { id, schedule_hash, release_at } = await report();
        const agreed = release_at ?? 0;
        await approve(house, id, schedule_hash ?? '', await actor(house, dirk));
        const { release_at: later } = await schedule(as(house, lena), id, { releaseAt: slotAfter(agreed + 5 * DAY) });
        await leak(house, id, EVIDENCE);
        if (passes === 'in the leak') house.clock.moveTo(agreed + HOUR);
        await outbox(house).drain();
        const kept = await decideLeak(as(house, lena), id, none);
        expect(kept).toMatchObject({ release_at: later, scheduled_at: null, agreed_release_at: agreed });
        const told = (await read(await outbox(house).drain(), dirk, LISTS.security)).replaceAll(/\s+/g, ' ');
        const words = `Two people agreed on ${when(agreed)}, which has passed`;
        expect(told.includes(words)).toBe(passes === 'in the leak');
        house.clock.moveTo(agreed + HOUR);
        expect((await overdueAmong(house, [await caseOf(house, id)])).get(id)).toBe(agreed);
        await endLongest(house, silent);
        expect(await read(await outbox(house).drain(), dirk, LISTS.security)).toContain('Two people agreed on that instant');
      }
    });

    test('is no text: that is proposed as it was written, and approved anew', async () => {
      const { id, release_at } = await distributed();
      await leak(house, id, EVIDENCE);
      await setText(house, id, { ...PUBLIC, text: 'Update today.\n' });
      const { proposed_hash, proposal } = await schedule(house, id, { releaseAt: house.clock.now() + HOUR });
      await approve(house, id, proposed_hash ?? '', await actor(house, house.team[0]));
      await outbox(house).drain();
      const kept = await decideLeak(house, id, none);
      expect([kept.state, proposedCase(kept).release_at]).toEqual(['armed', release_at]);
      expect(kept.proposed_hash).not.toBe(proposed_hash);
      expect(proposedCase(kept).draft_post_id).toBe(JSON.parse(proposal ?? '').draft_post_id);
      expect(await read(await outbox(house).drain(), house.team[1], LISTS.security)).toContain('No instant is proposed');
      expect(await reasonOf(approve(house, id, proposed_hash ?? '', await actor(house, house.team[1])))).toBe('approval-voided');
      expect(await arm(house, kept)).toMatchObject({ state: 'armed', release_at, proposal: null });
    });
  });

  if (engine.name === 'postgres') {
    test('released, retracted, extended, reworded and approved at once through two processes, a case has one outcome', async () => {
      const { config } = await engine.open();
      const stage = await openStage((setting) => openTwoOn(config, setting));
      try {
        for (const seed of [1, 2]) {
          const { seen, ...outcome } = await round(stage, seed);
          expect(outcome).toMatchObject({ early: 0, lost: 0, duplicates: 0, faults: [] });
          const done = Object.keys(seen ?? {}).join();
          for (const deed of ['release', 'retract', 'extend', 'reword', 'approve']) expect(done).toContain(`${deed} `);
        }
        expect(await faultOfLog(stage.all[0])).toBeNull();
      } finally {
        await stage.close();
      }
    }, 120_000);

    test('released, extended, withdrawn and approved at once through two connections, a case has one outcome', async () => {
      const other = database.elsewhere();
      const elsewhere = { ...house, db: other };
      const about = await distributed();
      const instant = about.release_at ?? 0;
      house.clock.moveTo(instant);
      const later = slotAfter(instant + 1);
      const ada = await actor(house, house.team[2]);
      const [first, second, withdrawn, extended, approved] = await Promise.all([
        reasonOf(release(house, about.id)),
        reasonOf(release(elsewhere, about.id)),
        reasonOf(withdraw(elsewhere, about.id, 'No.')),
        reasonOf(schedule(house, about.id, { releaseAt: later })),
        reasonOf(approve(elsewhere, about.id, about.bundle_hash ?? '', ada)),
      ]);
      const end = await caseOf(house, about.id);
      const isOut = end.state === 'released';
      expect([first, second].filter((reason) => reason === 'done')).toHaveLength(isOut ? 1 : 0);
      expect(withdrawn === 'done').toBe(end.aside === 'withdrawn');
      // One person alone puts nothing off.
      expect([end.release_at, isOut && withdrawn === 'done']).toEqual([instant, false]);
      expect(isOut || withdrawn === 'done' || extended === 'done').toBe(true);
      const refused = /^(done|stale|already-released|conflict|approval-voided|not-approved|not-released|withdrawn)$/;
      for (const reason of [first, second, withdrawn, extended, approved]) expect(reason).toMatch(refused);
      const copies = await house.db.selectFrom('deliveries').select('id').where('audience', '=', 'public').execute();
      expect(copies).toHaveLength(isOut ? 2 : 0);
      const log = await house.db.selectFrom('audit').select('seq').where('action', '=', 'case.release').execute();
      expect(log).toHaveLength(isOut ? 1 : 0);
    });
  }
});
