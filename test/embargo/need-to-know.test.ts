import { beforeEach, describe, expect, test } from 'vitest';
import { describe as say } from '../../src/cases/describe.ts';
import { HOUR } from '../../src/clock.ts';
import { holdCopy, retryCopy } from '../../src/delivery/by-hand.ts';
import { decideLeak, leak, publicAlready, withdraw } from '../../src/embargo/aside.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { tellLetIn } from '../../src/embargo/let-in.ts';
import { limitCase } from '../../src/embargo/need-to-know.ts';
import { release } from '../../src/embargo/release.ts';
import { waivedNow } from '../../src/embargo/rules.ts';
import { addPatch, schedule } from '../../src/embargo/schedule.ts';
import { when } from '../../src/notices/templates.ts';
import { decide, remove } from '../../src/roster/admission.ts';
import { hashNonce } from '../../src/roster/asking.ts';
import { setContactActive } from '../../src/roster/contacts.ts';
import { addMember } from '../../src/roster/enter.ts';
import { importRoster } from '../../src/roster/import.ts';
import { takeProof } from '../../src/roster/prove.ts';
import * as admission from '../../src/store/admission.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as members from '../../src/store/members.ts';
import * as needToKnow from '../../src/store/need-to-know.ts';
import { outbox, silent } from '../delivery/outbox.ts';
import { listCertificate } from '../post/arrive.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, type House, housing, LISTS } from '../support/house.ts';
import { openCopy } from '../support/party.ts';
import { arm, armed, caseOf, KNOWN, PATCH, PUBLIC, reasonOf, scheduled } from './armed.ts';
import { limitToAlpha, memberOf, regroup } from './limited.ts';

const PROJECT = { project: 'orbit' };

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let id: string;
  let alpha: string;
  let beta: string;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha, beta] = [await memberOf(house, house.members[0]), await memberOf(house, house.members[1])];
    ({ id } = await armed(house));
    await outbox(house).drain();
  });

  const messageOf = (promise: Promise<unknown>) =>
    promise.then(
      () => 'done',
      (error: Error & { reason: string }) => `${error.reason}: ${error.message}`,
    );
  const limited = () => needToKnow.ofCase(house.db, id);
  const logged = async () => {
    const rows = await house.db.selectFrom('audit').select('line').where('action', '=', 'case.limit').orderBy('seq').execute();
    return rows.map(({ line }) => JSON.parse(line).detail);
  };

  test('a case is for groups and single members, as last said, until it is for everybody again; each is in the log', async () => {
    expect(await limited()).toBeNull();
    await regroup(house, house.members[0], 'kernel', 'cloud');
    await limitCase(house, id, { groups: ['kernel', 'cloud', 'kernel'], members: [beta] });
    expect(await limited()).toEqual({ groups: ['cloud', 'kernel'], members: [{ id: beta, organisation: 'Beta' }] });
    await limitCase(house, id, { groups: [], members: [alpha] });
    expect(await limited()).toEqual({ groups: [], members: [{ id: alpha, organisation: 'Alpha' }] });
    const { revision } = await caseOf(house, id);
    await limitCase(house, id, null);
    expect(await limited()).toBeNull();
    const everybody = { groups: null, members: null };
    const both = { groups: ['cloud', 'kernel'], members: [beta] };
    const single = { groups: [], members: [alpha] };
    expect(await logged()).toMatchObject([
      { ...both, groupsBefore: null, membersBefore: null },
      { ...single, groupsBefore: both.groups, membersBefore: both.members },
      { ...everybody, groupsBefore: [], membersBefore: [alpha], revision: revision + 1 },
    ]);
  });

  test('where it is led, its lead, his deputy and admins say so: nobody else of the team lets more people know of it', async () => {
    const [lena, dirk, ada] = house.team;
    await house.db
      .updateTable('cases')
      .set({ lead_id: lena.contactId, deputy_id: dirk.contactId })
      .where('id', '=', id)
      .execute();
    await limitCase(as(house, lena), id, { groups: [], members: [alpha] });
    expect(await reasonOf(limitCase(as(house, ada), id, null))).toBe('forbidden');
    expect(await reasonOf(limitCase(as(house, ada), id, { groups: [], members: [alpha, beta] }))).toBe('forbidden');
    expect(await limited()).toMatchObject({ members: [{ id: alpha }] });
    await limitCase(as(house, dirk), id, { groups: [], members: [beta] });
    await limitCase({ ...as(house, ada), role: 'admin' }, id, null);
    expect(await limited()).toBeNull();
  });

  test('it goes up a revision, and is no part of what was approved: an armed case stays armed', async () => {
    const before = await caseOf(house, id);
    const { case: after } = await limitCase(house, id, { groups: [], members: [alpha] }, before.revision);
    expect(after).toEqual({ ...before, revision: before.revision + 1, updated_at: house.clock.now() });
    expect(await caseOf(house, id)).toEqual(after);
    expect(await reasonOf(limitCase(house, id, null, before.revision))).toBe('stale');
    expect(await dispatch(house, id, LISTS.distributors)).toMatchObject({ copies: 1 });
  });

  test('what was armed while no distributor might know of it is approved anew where some may, and are not told in time', async () => {
    const under = { ...house, project: { ...house.project, usual: ['k8s'] } };
    const slot = Date.parse('2026-09-30T16:00:00Z');
    const { id, bundle_hash } = await scheduled(under, slot);
    house.clock.moveTo(slot - HOUR);
    expect(await reasonOf(arm(under, { id, bundle_hash }))).toBe('policy-violated');
    const orbit = (await members.byOrganisation(house.db, 'Orbit'))?.id ?? '';
    await limitCase(under, id, { groups: [], members: [orbit] });
    const armed = await arm(under, { id, bundle_hash });
    expect([armed.state, await waivedNow(under, armed)]).toEqual(['armed', ['NOTICE_TOO_SHORT']]);
    expect((await limitCase(under, id, { groups: [], members: [orbit] })).case.state).toBe('armed');
    expect((await limitCase(under, id, null)).case).toMatchObject({ state: 'scheduled', disarmed_at: house.clock.now() });
    expect(await reasonOf(release(under, id))).toBe('not-approved');
  });

  test('so is what was armed before a leak that is none; what is armed for the leak goes out all the same', async () => {
    const under = { ...house, project: { ...house.project, usual: ['k8s'] } };
    const slot = Date.parse('2026-09-30T16:00:00Z');
    const { id, bundle_hash } = await scheduled(under, slot);
    house.clock.moveTo(slot - HOUR);
    const orbit = (await members.byOrganisation(house.db, 'Orbit'))?.id ?? '';
    await limitCase(under, id, { groups: [], members: [orbit] });
    const { scheduled_at } = await arm(under, { id, bundle_hash });
    await leak(under, id, 'A post on a forum.');
    await publicAlready(under, id, 'https://forum.example/1');
    // While it is out, no rule gives anybody time.
    expect((await limitCase(under, id, null)).case.state).toBe('armed');
    const keep = { decision: 'keep', reason: 'An old patch.' } as const;
    const leaked = await decideLeak(under, id, keep);
    expect(leaked).toMatchObject({ aside: 'leaked', state: 'armed', bundle_hash });
    const kept = await decideLeak(under, id, keep);
    expect(kept).toMatchObject({ aside: null, state: 'scheduled', release_at: slot, scheduled_at });
    expect(await reasonOf(arm(under, kept))).toBe('policy-violated');
    house.clock.moveTo(slot);
    expect(await reasonOf(release(under, id))).toBe('not-approved');
  });

  test('who is outside and has something of it is told of, and it stays his', async () => {
    await dispatch(house, id, LISTS.distributors);
    await outbox(house).drain();
    await regroup(house, house.members[0], 'cloud');
    const { seenBy } = await limitCase(house, id, { groups: ['cloud'], members: [] });
    const [, { contactId, address }] = house.members;
    const his = { memberId: beta, organisation: 'Beta', contactId, address, copies: 1, lastAt: house.clock.now() };
    expect(seenBy).toEqual([his]);
    expect((await logged()).at(-1)).toMatchObject({ seenBy: [contactId] });
    expect((await limitCase(house, id, null)).seenBy).toEqual([]);
  });

  test('what was not handed over is not what somebody has seen', async () => {
    await dispatch(house, id, LISTS.distributors);
    expect((await limitCase(house, id, { groups: [], members: [alpha] })).seenBy).toEqual([]);
    await house.db
      .updateTable('deliveries')
      .set({ state: 'leased', lease: 'x', lease_until: 1 })
      .where('case_id', '=', id)
      .execute();
    expect((await limitCase(house, id, { groups: [], members: [alpha] })).seenBy).toMatchObject([
      { memberId: beta, lastAt: null },
    ]);
  });

  test('a dispatch again says that everybody has it who may, and goes to those who are added', async () => {
    await limitToAlpha(house, id);
    await dispatch(house, id, LISTS.distributors);
    expect(await messageOf(dispatch(house, id, LISTS.distributors))).toMatch(/^conflict: Everybody who may know of it on /);
    await limitCase(house, id, { groups: ['cloud'], members: [beta] });
    await outbox(house).drain();
    expect(await dispatch(house, id, LISTS.distributors)).toMatchObject({ copies: 1 });
    expect((await outbox(house).drain()).map(({ to }) => to)).toEqual([house.members[1].address]);
  });

  test('who had it, was kept from it and may know of it again is told which instant counts, and nobody else', async () => {
    const [a, b] = house.members;
    await dispatch(house, id, LISTS.distributors);
    await outbox(house).drain();
    await limitCase(house, id, { groups: [], members: [alpha] });
    const later = house.clock.now() + 2 * HOUR;
    await arm(house, await schedule(house, id, { releaseAt: later }));
    expect((await outbox(house).drain()).filter(({ to }) => to === b.address)).toEqual([]);
    await limitCase(house, id, null);
    const sent = (await outbox(house).drain()).filter(({ to }) => [a, b].some(({ address }) => address === to));
    expect(sent.map(({ to }) => to)).toEqual([b.address]);
    const { entity } = await openCopy(sent[0]?.raw ?? Buffer.alloc(0), b, listCertificate(house, LISTS.distributors));
    expect(entity.toString()).toContain(`It will be released at ${when(later)}`);
    await limitCase(house, id, { groups: [], members: [alpha, beta] });
    expect(await outbox(house).drain()).toEqual([]);
  });

  describe('what somebody missed while he might not know of it', () => {
    const later = () => house.clock.now() + 12 * HOUR;
    const toBeta = async () => {
      const [, b] = house.members;
      const own = (await outbox(house).drain()).filter(({ to, from }) => to === b.address && from?.startsWith('distributors'));
      const opened = own.map(({ raw }) => openCopy(raw, b, listCertificate(house, LISTS.distributors), house.clock.now()));
      return (await Promise.all(opened)).map(({ entity }) => entity.toString());
    };
    const keptOut = async () => {
      await limitCase(house, id, { groups: [], members: [alpha] });
      await toBeta();
    };
    const move = async (releaseAt: number) => arm(house, await schedule(house, id, { releaseAt }));
    const again = (releaseAt: number) => expect.stringContaining(`It will be released at ${when(releaseAt)}`);

    test('is told with a dispatch that was held until then', async () => {
      await dispatch(house, id, LISTS.distributors);
      await keptOut();
      const instant = later();
      await move(instant);
      await limitCase(house, id, null);
      const first = await toBeta();
      expect(await tellLetIn(house, silent)).toBe(true);
      const second = await toBeta();
      expect([first, second]).toEqual([[expect.stringContaining('EMBARGOED until')], [again(instant)]]);
    });

    test('is told to whoever may know of it by a group that he is put into, in a minute', async () => {
      await regroup(house, house.members[0], 'cloud');
      await dispatch(house, id, LISTS.distributors);
      await toBeta();
      await limitCase(house, id, { groups: ['cloud'], members: [] });
      const instant = later();
      await move(instant);
      expect([await tellLetIn(house, silent), await toBeta()]).toEqual([false, []]);
      await regroup(house, house.members[1], 'cloud');
      expect([await tellLetIn(house, silent), await toBeta()]).toEqual([true, [again(instant)]]);
      expect([await tellLetIn(house, silent), await toBeta()]).toEqual([false, []]);
    });

    test('is told as it stands: that it leaked, that no instant stands, or that it is withdrawn', async () => {
      await dispatch(house, id, LISTS.distributors);
      await toBeta();
      await keptOut();
      await leak(house, id, 'It was seen on a forum');
      await limitCase(house, id, null);
      expect(await toBeta()).toEqual([expect.stringContaining('has leaked')]);
      await keptOut();
      await withdraw(house, id, 'It is none');
      await limitCase(house, id, null);
      const texts = await toBeta();
      expect(texts).toEqual([expect.stringContaining('nothing of it will be released')]);
      expect(texts.join()).not.toContain('will be released at');
    });

    test('is told as it stands: no instant, where that which he was told was for a leak that is none', async () => {
      id = await house.report();
      await say(house, id, KNOWN);
      await addPatch(house, id, PATCH);
      await leak(house, id, 'It was seen on a forum');
      await arm(house, await schedule(house, id, { releaseAt: later(), ...PUBLIC }));
      await dispatch(house, id, LISTS.distributors);
      await toBeta();
      await keptOut();
      await decideLeak(house, id, { decision: 'keep', reason: 'It was another one' });
      await limitCase(house, id, null);
      expect(await toBeta()).toEqual([expect.stringContaining('No instant stands for its release')]);
    });

    test('is nothing of a case that is released', async () => {
      await dispatch(house, id, LISTS.distributors);
      await toBeta();
      await keptOut();
      await move(house.clock.now() + 2 * HOUR);
      house.clock.moveTo(house.clock.now() + 2 * HOUR);
      await release(house, id);
      await limitCase(house, id, null);
      expect((await toBeta()).join()).not.toContain('sent to you again');
    });

    test('while he was suspended is sent to him when he is back', async () => {
      await dispatch(house, id, LISTS.distributors);
      await toBeta();
      await decide(house, PROJECT, beta, 'suspend', { reason: 'away' });
      const instant = later();
      await move(instant);
      expect(await toBeta()).toEqual([]);
      await decide(house, PROJECT, beta, 'reinstate', { reason: 'back' });
      expect((await toBeta()).filter((text) => text.includes(when(instant)))).toHaveLength(1);
    });
  });

  describe('who had to wait for what tells of a case reads last how it stands:', () => {
    /** What he reads of the case, in its order, once what was held is out and the duty has run. */
    const toBeta = async () => {
      const [, b] = house.members;
      const sent = [];
      for (const _ of ['what was held', 'how it stands']) {
        const mails = await outbox(house).drain();
        sent.push(...mails.filter(({ to, from }) => to === b.address && from?.startsWith('distributors')));
        await tellLetIn(house, silent);
      }
      const certificate = listCertificate(house, LISTS.distributors);
      const texts = await Promise.all(
        sent.map(async ({ raw }) => (await openCopy(raw, b, certificate, house.clock.now())).entity.toString()),
      );
      return texts.filter((text) => [DISPATCH, AGAIN, MOVED, NEXT].some((words) => text.includes(words)));
    };
    const DISPATCH = 'EMBARGOED until';
    const AGAIN = 'You have it again';
    const MOVED = 'The release is at another instant';
    const NEXT = 'The instant of the release';
    const move = async () => {
      const releaseAt = house.clock.now() + 20 * HOUR;
      await arm(house, await schedule(house, id, { releaseAt }));
      return `It will be released at ${when(releaseAt)}`;
    };
    const contains = (...texts: string[]) => texts.map((text) => expect.stringContaining(text));

    test('who left the group by which he might know of it, and is in it again', async () => {
      await regroup(house, house.members[1], 'cloud');
      await limitToAlpha(house, id);
      await dispatch(house, id, LISTS.distributors);
      await toBeta();
      await regroup(house, house.members[1]);
      const later = await move();
      expect(await toBeta()).toEqual([]);
      await regroup(house, house.members[1], 'cloud');
      await tellLetIn(house, silent);
      expect(await toBeta()).toEqual(contains(later));
    });

    test('who is put into such a group by an import', async () => {
      await dispatch(house, id, LISTS.distributors);
      await toBeta();
      await limitToAlpha(house, id);
      const later = await move();
      const entries = [{ organisation: 'Beta', lists: [], contacts: [], groups: ['cloud'] }];
      expect(await importRoster(house, entries, { activate: { reason: 'known' }, dryRun: false })).toMatchObject({
        written: true,
      });
      await tellLetIn(house, silent);
      expect(await toBeta()).toEqual(contains(later));
    });

    const his = () => house.members[1].contactId;
    const unproved = () => house.db.updateTable('contacts').set({ proved_at: null }).where('id', '=', his()).execute();
    const proves = async () => {
      const [{ id: certificate_id } = { id: '' }] = await certificates.ofContact(house.db, his());
      const row = { id: 'proof', contact_id: his(), certificate_id, created_at: house.clock.now(), proved_at: null };
      await admission.insertProof(house.db, { ...row, nonce_hash: hashNonce('words') });
      await takeProof(house, PROJECT, { contactId: his(), certificateId: certificate_id, nonce: 'words' });
    };
    const named = async () => {
      const [, { address, public: certificate }] = house.members;
      const contacts = [{ address, certificate }];
      const entry = { organisation: 'Beta', lists: [], groups: [], contacts };
      const report = await importRoster(house, [entry], { activate: { reason: 'known' }, dryRun: false });
      expect(report).toMatchObject({ written: true, vouched: [{ organisation: 'Beta', address }] });
    };

    test.each<[string, () => Promise<unknown>, () => Promise<unknown>]>([
      [
        'was suspended, and is back',
        () => decide(house, PROJECT, beta, 'suspend', { reason: 'away' }),
        () => decide(house, PROJECT, beta, 'reinstate', { reason: 'back' }),
      ],
      [
        'was retired, and is a contact again',
        () => setContactActive(house, his(), false, 'left'),
        () => setContactActive(house, his(), true, 'back'),
      ],
      ['had not proved his key, and does', unproved, proves],
      ['had not proved his key, and is vouched for by an import', unproved, named],
    ])('who %s', async (_, away, back) => {
      await dispatch(house, id, LISTS.distributors);
      await away();
      const later = await move();
      expect(await toBeta()).toEqual([]);
      await back();
      const texts = await toBeta();
      expect(texts.slice(0, -1).sort()).toEqual(contains(DISPATCH, MOVED));
      expect(texts.at(-1)).toContain(later);
      expect(texts.at(-1)).toContain(AGAIN);
      expect(await toBeta()).toEqual([]);
    });

    test('who was suspended, and is kept from the case when he is back, when he may know of it', async () => {
      await dispatch(house, id, LISTS.distributors);
      await decide(house, PROJECT, beta, 'suspend', { reason: 'away' });
      expect(await toBeta()).toEqual([]);
      await limitToAlpha(house, id);
      await decide(house, PROJECT, beta, 'reinstate', { reason: 'back' });
      expect(await toBeta()).toEqual([]);
      await limitCase(house, id, null);
      expect(await toBeta()).toEqual(contains(DISPATCH, AGAIN));
      const lines = await house.db.selectFrom('audit').select('line').where('action', '=', 'member.reinstate').execute();
      expect(lines.map(({ line }) => JSON.parse(line).detail)).toEqual([expect.objectContaining({ released: 0 })]);
    });

    test('whose certificate had expired, and is renewed', async () => {
      const [, { contactId }] = house.members;
      await dispatch(house, id, LISTS.distributors);
      const own = await certificates.current(house.db, contactId);
      await house.db
        .updateTable('certificates')
        .set({ state: 'retired' })
        .where('id', '=', own?.id ?? '')
        .execute();
      const later = await move();
      expect(await toBeta()).toEqual([]);
      await house.db
        .updateTable('certificates')
        .set({ state: 'current' })
        .where('id', '=', own?.id ?? '')
        .execute();
      expect(
        await deliveries.retryForCertificate(house.db, { contactId, certificateId: own?.id ?? '' }, house.clock.now()),
      ).toBeGreaterThan(1);
      const texts = await toBeta();
      expect(texts.at(-1)).toContain(later);
      expect(texts.at(-1)).toContain(AGAIN);
    });

    test('whose copy of the dispatch a person held, and sends', async () => {
      await dispatch(house, id, LISTS.distributors);
      const copies = await deliveries.page(house.db, { limit: 99, caseId: id });
      const copyId = copies.find(({ contact_id }) => contact_id === house.members[1].contactId)?.id ?? '';
      await holdCopy(house, copyId, 'wait');
      const later = await move();
      expect(await toBeta()).toEqual(contains(MOVED));
      await retryCopy(house, copyId);
      expect(await toBeta()).toEqual(contains(DISPATCH, later));
      expect(await toBeta()).toEqual([]);
    });

    test('not before a notice that was held is out', async () => {
      const [, b] = house.members;
      await dispatch(house, id, LISTS.distributors);
      await toBeta();
      await move();
      await limitCase(house, id, { groups: [], members: [alpha] });
      expect(await toBeta()).toEqual([]);
      await limitCase(house, id, null);
      const box = outbox(house);
      box.answers = ({ to }) =>
        to === b.address
          ? { state: 'deferred', reason: 'try-later', response: '451 later' }
          : { state: 'delivered', response: '250' };
      await box.drain();
      expect(await tellLetIn(house, silent)).toBe(false);
      house.clock.moveTo(house.clock.now() + HOUR);
      expect(await toBeta()).toEqual(contains(MOVED, AGAIN));
    });

    test('that it is public already', async () => {
      await dispatch(house, id, LISTS.distributors);
      await toBeta();
      await limitCase(house, id, { groups: [], members: [alpha] });
      await publicAlready(house, id, 'seen');
      await limitCase(house, id, null);
      const [text] = await toBeta();
      expect(text).toContain('was published by others');
      expect(text).not.toContain('leaked');
      expect(text).toContain('No instant stands for its release');
      expect(text).toContain('Until you are told that it is lifted its embargo stands');
    });

    test('that no instant stands; then all are told the next one, be it the same, and only then', async () => {
      const releaseAt = house.clock.now() + 20 * HOUR;
      await arm(house, await schedule(house, id, { releaseAt }));
      await dispatch(house, id, LISTS.distributors);
      await toBeta();
      await limitCase(house, id, { groups: [], members: [alpha] });
      await leak(house, id, 'seen');
      await decideLeak(house, id, { decision: 'release', reason: 'seen' });
      await toBeta();
      const before = await caseOf(house, id);
      expect([before.told_release_at, before.told_none_at]).toEqual([releaseAt, null]);
      await limitCase(house, id, null);
      expect(await toBeta()).toEqual(contains('No instant stands for its release'));
      expect(await caseOf(house, id)).toMatchObject({ told_release_at: releaseAt, told_none_at: house.clock.now() });
      await arm(house, await schedule(house, id, { releaseAt }));
      expect(await toBeta()).toEqual(contains(NEXT));
    });
  });

  describe('is refused', () => {
    test.each<[string, (of: { alpha: string }) => { groups: string[]; members: string[] }, string]>([
      ['nobody', () => ({ groups: [], members: [] }), 'invalid: Name at least one group or member who may know of it'],
      [
        'a group that nobody is in',
        () => ({ groups: ['cloud', 'clowd'], members: [] }),
        'invalid: No active member is in the group clowd. There are: cloud, kernel',
      ],
      [
        'a group of members who get nothing',
        ({ alpha }) => ({ groups: ['desktop'], members: [alpha] }),
        'invalid: No active member is in the group desktop. There are: cloud, kernel',
      ],
      ['a member who is not there', () => ({ groups: [], members: ['none'] }), 'invalid: There is no member none'],
    ])('%s', async (_, wish, message) => {
      await regroup(house, house.members[0], 'cloud', 'kernel');
      await addMember(house, { organisation: 'Gamma', product: null, lists: [], groups: ['desktop'] });
      expect(await messageOf(limitCase(house, id, wish({ alpha })))).toBe(message);
      expect(await limited()).toBeNull();
    });

    test('any group while nobody is in one, a member who is out, and of a case that is not there', async () => {
      expect(await messageOf(limitCase(house, id, { groups: ['cloud'], members: [] }))).toBe(
        'invalid: No active member is in the group cloud. No member is in any group yet',
      );
      for (const { contactId } of house.team.slice(0, 2)) await remove(house, PROJECT, beta, contactId, 'criterion users');
      expect(await messageOf(limitCase(house, id, { groups: [], members: [beta] }))).toBe('invalid: "Beta" is removed');
      expect(await reasonOf(limitCase(house, 'ORBIT-2026-9999', null))).toBe('not-found');
    });
  });

  test('with nobody left who may know of it on a list, nothing is sent there, and not to everybody', async () => {
    await limitToAlpha(house, id);
    await regroup(house, house.members[0]);
    expect(await messageOf(dispatch(house, id, LISTS.distributors))).toBe(
      `invalid: Nobody who is active on ${LISTS.distributors} may know of ${id}`,
    );
    for (const by of house.team.slice(0, 2)) await remove(house, PROJECT, alpha, by.contactId, 'criterion users');
    await limitCase(house, id, { groups: [], members: [beta] });
    for (const by of house.team.slice(0, 2)) await remove(house, PROJECT, beta, by.contactId, 'criterion users');
    expect(await limited()).toMatchObject({ members: [{ organisation: 'Beta' }] });
    expect((await needToKnow.insiders(house.db, id))?.has(alpha)).toBe(false);
  });

  test('who comes again after he was out is in no group, and knows nothing of the cases that he might know of', async () => {
    await limitToAlpha(house, id);
    await limitCase(house, id, { groups: ['cloud'], members: [alpha] });
    for (const { contactId } of house.team.slice(0, 2)) await remove(house, PROJECT, alpha, contactId, 'criterion users');
    const out = await house.db.selectFrom('member_groups').selectAll().execute();
    expect(out).toEqual([]);
    // As `apply` does with an organisation that is there.
    await house.db.updateTable('members').set({ state: 'key_proved', round: 2 }).where('id', '=', alpha).execute();
    await house.db.updateTable('contacts').set({ active: 1 }).where('member_id', '=', alpha).execute();
    await decide(house, PROJECT, alpha, 'activate', { reason: 'again', lists: [LISTS.distributors] });
    expect((await needToKnow.insiders(house.db, id))?.has(alpha)).toBe(false);
    await decide(house, PROJECT, alpha, 'suspend', { reason: 'x' });
    expect(await reasonOf(decide(house, PROJECT, alpha, 'reinstate', { reason: 'x', groups: ['cloud'] }))).toBe('invalid');
    await decide(house, PROJECT, alpha, 'reinstate', { reason: 'x' });
    await limitCase(house, id, { groups: [], members: [alpha] });
    expect((await needToKnow.insiders(house.db, id))?.has(alpha)).toBe(true);
  });

  test('a released case can be limited too: its thread goes on', async () => {
    house.clock.moveTo((await caseOf(house, id)).release_at ?? 0);
    await release(house, id);
    await limitCase(house, id, { groups: [], members: [alpha] });
    expect([(await caseOf(house, id)).state, await limited()]).toMatchObject(['released', { members: [{ id: alpha }] }]);
  });

  test('who is suspended keeps his groups, and gets nothing until he is back', async () => {
    await limitToAlpha(house, id);
    await decide(house, PROJECT, alpha, 'suspend', { reason: 'x' });
    expect(await reasonOf(dispatch(house, id, LISTS.distributors))).toBe('invalid');
    await decide(house, PROJECT, alpha, 'reinstate', { reason: 'x' });
    expect(await dispatch(house, id, LISTS.distributors)).toMatchObject({ copies: 1 });
  });

  test('a dispatch and a change at once are one after the other: who is outside gets nothing that the answer does not tell of', async () => {
    for (let turn = 0; turn < 4; turn++) {
      const about = turn === 0 ? id : (await armed(house, undefined, await house.report({ text: `${turn}\n` }))).id;
      await outbox(house).drain();
      const [sent, changed] = await Promise.all([
        reasonOf(dispatch(house, about, LISTS.distributors)),
        limitCase(house, about, { groups: [], members: [alpha] }),
      ]);
      expect(sent).toBeOneOf(['done', 'stale']);
      const mails = await outbox(house).drain();
      expect(mails.filter(({ to }) => to === house.members[1].address)).toEqual([]);
      expect(changed.seenBy).toEqual([]);
    }
  });
});
