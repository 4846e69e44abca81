import { describe, expect, test } from 'vitest';
import { acknowledge, remindSilent } from '../../src/cases/acknowledgements.ts';
import { describe as describeCase, detailsOf } from '../../src/cases/describe.ts';
import { linkDuplicate } from '../../src/cases/duplicate.ts';
import { type NoticeKind, type NoticeWish, previewNotice, sendNotice } from '../../src/cases/notices.ts';
import { stageOf } from '../../src/cases/state.ts';
import { DAY, HOUR, toIso } from '../../src/clock.ts';
import { approve } from '../../src/embargo/approve.ts';
import { decideLeak, leak, publicAlready } from '../../src/embargo/aside.ts';
import { sha256 } from '../../src/embargo/bundle.ts';
import { presentPatchSet } from '../../src/embargo/contents.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { release } from '../../src/embargo/release.ts';
import { retract } from '../../src/embargo/retract.ts';
import { addPatch, schedule, setText } from '../../src/embargo/schedule.ts';
import { fieldText, parseEntity } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import { remove } from '../../src/roster/admission.ts';
import { addContact, setContactActive } from '../../src/roster/contacts.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import * as acknowledgements from '../../src/store/acknowledgements.ts';
import * as audit from '../../src/store/audit.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as exposure from '../../src/store/exposure.ts';
import * as lists from '../../src/store/lists.ts';
import * as members from '../../src/store/members.ts';
import type { Acknowledged } from '../../src/store/schema.ts';
import { outbox } from '../delivery/outbox.ts';
import { actor, armed, caseOf, PATCH, reasonOf } from '../embargo/armed.ts';
import { listCertificate } from '../post/arrive.ts';
import { sealedReport } from '../post/sealed-report.ts';
import { admittedAgain } from '../roster/admitted-again.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, type House, housing, LISTS } from '../support/house.ts';
import { makeParty, openCopy, type Party } from '../support/party.ts';

const none: NoticeWish = { text: null, list: null };
const saying = (text: string): NoticeWish => ({ text, list: null });

eachEngine((engine) => {
  const build = housing();
  const open = async () => build((await engine.open()).db);
  /** What came to that person since the last time, opened with his key. */
  const mailsTo = async (
    house: House,
    to: Party,
    list: string,
    sent?: Awaited<ReturnType<ReturnType<typeof outbox>['drain']>>,
  ) => {
    const all = sent ?? (await outbox(house).drain());
    return Promise.all(
      all
        .filter((mail) => mail.to === to.address)
        .map(async ({ raw }) => {
          const { entity } = await openCopy(raw, to, listCertificate(house, list), house.clock.now());
          const parsed = parseEntity(entity);
          return { subject: fieldText(parsed, 'subject'), text: viewOf(parsed).text };
        }),
    );
  };

  describe('to the reporter', () => {
    test('a person acknowledges, asks, and says where it stands: what was shown is what arrives, under his key', async () => {
      const house = await open();
      const [lena] = house.team;
      const rita = await makeParty('rita@example.org');
      const id = await sealedReport(house, rita);
      await outbox(house).drain();
      const shown = await previewNotice(as(house, lena), id, 'acknowledgement', saying('We can see it.'));
      expect(shown.mails).toMatchObject([
        { list: LISTS.security, to: [{ address: rita.address, fingerprint: rita.fingerprint }], files: [] },
      ]);
      expect([(await caseOf(house, id)).acknowledged_at, await outbox(house).drain()]).toEqual([null, []]);
      const { case: read } = await sendNotice(as(house, lena), id, 'acknowledgement', saying('We can see it.'));
      expect(read).toMatchObject({ acknowledged_at: house.clock.now() });
      const [mail, ...more] = await mailsTo(house, rita, LISTS.security);
      expect([mail?.subject, more]).toEqual([shown.mails[0]?.subject, []]);
      expect(mail?.text).toContain(shown.mails[0]?.text);
      expect(mail?.text).toContain('We can see it.');
      expect(await reasonOf(sendNotice(as(house, lena), id, 'acknowledgement', none))).toBe('conflict');
      expect(await reasonOf(sendNotice(as(house, lena), id, 'needs-info', none))).toBe('invalid');
      expect(stageOf((await sendNotice(as(house, lena), id, 'needs-info', saying('Which version?'))).case)).toBe('needs_info');
      await sendNotice(as(house, lena), id, 'status', none);
      const told = (await mailsTo(house, rita, LISTS.security)).map(({ text }) => text).join('\n');
      expect(told).toContain('Which version?');
      expect(told).toContain('no date of release yet');
    });

    test('who has no certificate gets fixed words that say nothing, once a day', async () => {
      const house = await open();
      const [lena] = house.team;
      const id = await house.report();
      await outbox(house).drain();
      const shown = await sendNotice(as(house, lena), id, 'needs-info', saying('Does the frobnicator crash?'));
      expect(shown.mails.map(({ to }) => to.length)).toEqual([1, 0]);
      const [mail, ...more] = await outbox(house).drain();
      expect(more).toEqual([]);
      expect(mail?.raw.toString()).toContain('Subject: Your mail to security@orbit.example');
      expect(mail?.raw.toString()).not.toMatch(/frobnicator|ORBIT-2026|vulnerab|report/i);
      const again = await sendNotice(as(house, lena), id, 'not-a-vulnerability', saying('It is meant to.'));
      expect(again.mails).toMatchObject([{ to: [], text: expect.stringContaining('It is meant to.') }]);
      expect(again.without).toEqual([{ address: 'rita@example.org', why: 'no-certificate' }]);
      expect(stageOf(again.case)).toBe('rejected');
      expect(await outbox(house).drain()).toEqual([]);
    });

    test('a second report of the same ends in the first; each reporter sees his own, and both are credited', async () => {
      const house = await open();
      const [lena] = house.team;
      const first = await house.report();
      const ron = await makeParty('ron@example.org');
      const second = await sealedReport(house, ron);
      await describeCase(house, second, { reporter: { wishedAt: null, credit: 'Ron', anonymous: false } });
      await outbox(house).drain();
      expect(await reasonOf(linkDuplicate(as(house, lena), second, { of: second, text: null }))).toBe('invalid');
      expect(await reasonOf(linkDuplicate(as(house, lena), second, { of: 'ORBIT-2026-9999', text: null }))).toBe('not-found');
      const linked = await linkDuplicate(as(house, lena), second, { of: first, text: null });
      expect([linked.credited, linked.case.duplicate_of, stageOf(linked.case)]).toEqual(['Ron', first, 'rejected']);
      const sent = await outbox(house).drain();
      expect(sent.map(({ to }) => to)).toEqual(['ron@example.org']);
      const [mail] = await mailsTo(house, ron, LISTS.security, sent);
      expect(mail?.text).toContain('We know of this already');
      expect(`${mail?.subject}${mail?.text}`).not.toMatch(new RegExp(`${first}|rita`, 'i'));
      expect((await detailsOf(house, await caseOf(house, first))).credits).toEqual([{ name: 'Ron', role: 'reporter' }]);
      expect(await reasonOf(linkDuplicate(as(house, lena), first, { of: second, text: null }))).toBe('conflict');
    });

    test.each(['a duplicate', 'no vulnerability'])(
      'who reported %s is told so, though time goes on while it is written',
      async (what) => {
        const house = await open();
        const first = await house.report();
        const ron = await makeParty('ron@example.org');
        const second = await sealedReport(house, ron);
        await outbox(house).drain();
        const now = () => {
          house.clock.moveTo(house.clock.now() + 1);
          return house.clock.now();
        };
        const lena = as({ ...house, clock: { ...house.clock, now } }, house.team[0]);
        if (what === 'a duplicate') await linkDuplicate(lena, second, { of: first, text: null });
        else await sendNotice(lena, second, 'not-a-vulnerability', saying('It is meant to.'));
        expect((await outbox(house).drain()).map(({ to }) => to)).toEqual(['ron@example.org']);
      },
    );

    test('of two cases that are linked to each other at once one goes on', async () => {
      const house = await open();
      const [lena, dirk] = house.team;
      const [one, other] = [await house.report(), await house.report({}, 'ron@example.org')];
      const both = [
        linkDuplicate(as(house, lena), one, { of: other, text: null }),
        linkDuplicate(as(house, dirk), other, { of: one, text: null }),
      ];
      expect((await Promise.all(both.map(reasonOf))).sort()).toEqual(['conflict', 'done']);
      const asides = [(await caseOf(house, one)).aside, (await caseOf(house, other)).aside];
      expect(asides.sort()).toEqual([null, 'rejected']);
    });
  });

  describe('to distributors', () => {
    /** A case that they were sent, and nothing that waits. */
    const sent = async (house: House) => {
      const { id } = await armed(house, house.clock.now() + 7 * DAY);
      await dispatch(house, id, LISTS.distributors);
      await outbox(house).drain();
      return id;
    };

    test('a dispatch is shown before with its files, and with those who do not get it', async () => {
      const house = await open();
      const [alpha, beta] = house.members;
      const { id } = await armed(house);
      await house.db.updateTable('contacts').set({ proved_at: null }).where('id', '=', beta.contactId).execute();
      const { mails, without } = await previewNotice(house, id, 'dispatch', { text: null, list: LISTS.distributors });
      expect(mails).toMatchObject([
        {
          list: LISTS.distributors,
          to: [{ address: alpha.address, fingerprint: alpha.fingerprint }],
          files: [
            { name: PATCH.name, size: PATCH.bytes.length },
            { name: 'acknowledge.txt', sha256: null },
          ],
        },
      ]);
      expect(mails[0]?.text).toContain('EMBARGOED until');
      expect(without).toEqual([{ address: beta.address, why: 'unproved' }]);
      expect((await caseOf(house, id)).noticed_at).toBeNull();
    });

    test('a dispatch brings each the files that were shown, and of that with his link one of his own', async () => {
      const house = await open();
      const { id } = await armed(house);
      const shown = await previewNotice(house, id, 'dispatch', { text: null, list: LISTS.distributors });
      await dispatch(house, id, LISTS.distributors);
      const sent = await outbox(house).drain();
      const files = await Promise.all(
        house.members.map(async (member) => {
          const raw = sent.find(({ to }) => to === member.address)?.raw ?? Buffer.alloc(0);
          const { entity } = await openCopy(raw, member, listCertificate(house, LISTS.distributors), house.clock.now());
          return viewOf(parseEntity(entity)).files.map(({ name, bytes }) => ({ name, size: bytes.length, hash: sha256(bytes) }));
        }),
      );
      const [mine, other] = files;
      for (const one of files)
        expect(shown.mails[0]?.files).toEqual(
          one.map(({ name, size, hash }) => ({ name, size, sha256: name === 'acknowledge.txt' ? null : hash })),
        );
      expect(mine?.[1]?.hash).not.toBe(other?.[1]?.hash);
    });

    test('of a dispatch those members are named of whom nobody is reached, and why', async () => {
      const house = await open();
      const [, beta] = house.members;
      const { id } = await armed(house);
      const distributors = (await lists.byAddress(house.db, LISTS.distributors))?.id ?? '';
      await contacts.unsubscribe(house.db, beta.contactId, distributors, house.clock.now());
      const plan = async () => (await previewNotice(house, id, 'dispatch', { text: null, list: LISTS.distributors })).without;
      const byName = async (name: string) => (await members.byOrganisation(house.db, name))?.id;
      expect(await plan()).toEqual([{ address: 'Beta', why: 'unsubscribed' }]);
      await contacts.setActive(house.db, beta.contactId, false);
      expect(await plan()).toEqual([{ address: 'Beta', why: 'no-contact' }]);
      const gone = { organisation: 'Beta', memberId: await byName('Beta'), why: 'no-contact' };
      expect(await dispatch(house, id, LISTS.distributors)).toMatchObject({ copies: 1, unreached: [gone] });
      const row = await audit.last(house.db, 'case.dispatch');
      expect(JSON.parse(row?.line ?? '').detail).toMatchObject({ unreached: [gone.memberId] });
    });

    test('other patches are a revision that says which one it supersedes', async () => {
      const house = await open();
      const [alpha] = house.members;
      const id = await sent(house);
      house.clock.moveTo(house.clock.now() + HOUR);
      await addPatch(house, id, { name: 'more.patch', bytes: Buffer.from('--- a\n+++ b\n') });
      const set = await presentPatchSet(house.db, id);
      await approve(house, id, set ?? '', await actor(house, house.team[0]));
      await dispatch(house, id, LISTS.distributors);
      const [mail] = await mailsTo(house, alpha, LISTS.distributors);
      expect(mail?.subject).toContain('Revision 2: ');
      expect(mail?.text).toContain('revision 2. It supersedes revision 1');
      const receipts = await acknowledgements.ofCase(house.db, id);
      expect(receipts.map(({ address, revision }) => `${address} ${revision}`)).toEqual(
        house.members.flatMap(({ address }) => [`${address} 2`, `${address} 1`]),
      );
    });

    test('the second notice carries the final text, and counts for that one alone', async () => {
      const house = await open();
      const [lena] = house.team;
      const id = await sent(house);
      await retract(as(house, lena), id);
      await setText(house, id, { subject: 'Frobnicator', text: 'The very last words.\n' });
      const { case: told, mails } = await sendNotice(as(house, lena), id, 'second-notice', none);
      expect(mails.flatMap(({ to }) => to.map(({ address }) => address)).sort()).toEqual(house.members.map((one) => one.address));
      expect(stageOf(told)).toBe('prenoticed');
      const copies = await outbox(house).drain();
      for (const member of house.members) {
        const [mail] = await mailsTo(house, member, LISTS.distributors, copies);
        expect(mail?.text).toContain('> The very last words.');
      }
      expect(stageOf(await setText(house, id, { subject: 'Frobnicator', text: 'Or not.\n' }))).toBe('distributed');
    });

    test('nobody is told a second time who was not told before, nor who may not know any more', async () => {
      const house = await open();
      const [lena] = house.team;
      const [alpha, beta] = house.members;
      const { id: fresh } = await armed(house);
      expect(await reasonOf(sendNotice(as(house, lena), fresh, 'second-notice', none))).toBe('incomplete');
      const id = await sent(house);
      await house.db.updateTable('members').set({ state: 'suspended' }).where('organisation', '=', 'Beta').execute();
      const { mails, without } = await sendNotice(as(house, lena), id, 'second-notice', none);
      expect(mails.flatMap(({ to }) => to.map(({ address }) => address))).toEqual([alpha.address]);
      expect(without).toEqual([{ address: beta.address, why: 'not-active' }]);
    });

    test('who says nothing for a day is asked once; to say that one is not affected is something else', async () => {
      const house = await open();
      const [alpha, beta] = house.members;
      const id = await sent(house);
      const [signer] = await certificates.byKeyIds(house.db, [alpha.fingerprint.slice(-16)]);
      if (!signer) throw new Error('alpha has no certificate');
      const say = (status: Acknowledged) => acknowledge(house, signer, id, { status, signedAt: house.clock.now() });
      await say('acknowledged');
      house.clock.moveTo(house.clock.now() + DAY - 1);
      expect(await remindSilent(house)).toBe(false);
      house.clock.moveTo(house.clock.now() + 1);
      expect(await remindSilent(house)).toBe(true);
      const copies = await outbox(house).drain();
      expect(copies.map(({ to }) => to)).toEqual([beta.address]);
      const [mail] = await mailsTo(house, beta, LISTS.distributors, copies);
      expect(mail?.text).toContain(`acknowledge ${id} not affected`);
      house.clock.moveTo(house.clock.now() + 7 * HOUR);
      expect(await remindSilent(house)).toBe(false);
      const states = async () => (await acknowledgements.ofCase(house.db, id)).map(({ status }) => status);
      expect(await states()).toEqual(['acknowledged', null]);
      await say('not_affected');
      await say('acknowledged');
      expect(await states()).toEqual(['not_affected', null]);
      await say('problem');
      expect((await outbox(house).drain()).map(({ to }) => to).sort()).toEqual(house.team.map(({ address }) => address).sort());
    });

    /** Alpha is removed by two, applies with the certificate that it had, and is active on the list again. Gives its id. */
    const comeBack = async (house: House) => {
      const [lena, dirk] = house.team;
      const rules = { project: 'orbit', criteria: CRITERIA, terms: null };
      const memberId = (await members.byOrganisation(house.db, 'Alpha'))?.id ?? '';
      for (const { contactId } of [lena, dirk]) await remove(house, rules, memberId, contactId, 'leaked');
      house.clock.moveTo(house.clock.now() + HOUR);
      await admittedAgain(house, memberId);
      await outbox(house).drain();
      return memberId;
    };
    /** Whom what was sent meanwhile goes to, but for ourselves. */
    const beyondUs = async (house: House) =>
      (await outbox(house).drain()).map(({ to }) => to).filter((to) => !to.endsWith('@orbit.example'));

    test('nor for who was removed, and is a member again: of what he is sent from then on he is asked, and told', async () => {
      const house = await open();
      const [lena] = house.team;
      const [alpha, beta] = house.members;
      const id = await sent(house);
      const memberId = await comeBack(house);
      const gone = () => beyondUs(house);

      house.clock.moveTo(house.clock.now() + DAY);
      expect(await remindSilent(house)).toBe(true);
      expect(await gone()).toEqual([beta.address]);
      const { without } = await previewNotice(as(house, lena), id, 'second-notice', none);
      expect(without).toEqual([{ address: alpha.address, why: 'let-go' }]);
      // What he had is known still.
      expect(await exposure.ofMember(house.db, memberId)).toMatchObject([{ caseId: id, delivery: 'delivered' }]);
      expect((await acknowledgements.ofCase(house.db, id)).map(({ address }) => address)).toContain(alpha.address);

      const { id: fresh } = await armed(house, house.clock.now() + 7 * DAY);
      await dispatch(house, fresh, LISTS.distributors);
      await gone();
      house.clock.moveTo(house.clock.now() + DAY);
      await remindSilent(house);
      expect((await gone()).sort()).toEqual([alpha.address, beta.address]);
      for (const [about, to] of [
        [id, [beta.address]],
        [fresh, [alpha.address, beta.address]],
      ] as const) {
        house.clock.moveTo(Math.max(house.clock.now(), (await caseOf(house, about)).release_at ?? 0));
        await release(house, about);
        const lifted = house.db
          .selectFrom('deliveries')
          .innerJoin('posts', 'posts.id', 'deliveries.post_id')
          .select('deliveries.address')
          .where('posts.kind', '=', 'lifted')
          .where('deliveries.case_id', '=', about)
          .orderBy('deliveries.address');
        expect((await lifted.execute()).map(({ address }) => address)).toEqual(to);
      }
    });

    test('who is a member again can be sent what runs still, and follows it from then on', async () => {
      const house = await open();
      const [lena] = house.team;
      const [alpha, beta] = house.members;
      const id = await sent(house);
      await comeBack(house);
      const wish = { text: null, list: LISTS.distributors };
      const { mails } = await previewNotice(as(house, lena), id, 'dispatch', wish);
      expect(mails.flatMap(({ to }) => to.map(({ address }) => address))).toEqual([alpha.address]);
      expect(await dispatch(house, id, LISTS.distributors)).toMatchObject({ copies: 1 });
      expect(await beyondUs(house)).toEqual([alpha.address]);
      // Nobody is sent it twice.
      expect(await reasonOf(dispatch(house, id, LISTS.distributors))).toBe('conflict');
      house.clock.moveTo(house.clock.now() + DAY);
      await remindSilent(house);
      expect((await beyondUs(house)).sort()).toEqual([alpha.address, beta.address]);
      expect((await previewNotice(as(house, lena), id, 'second-notice', none)).without).toEqual([]);
    });

    test.each(['whose address is another member’s by now', 'whose organisation was removed'] as const)(
      'nothing is made any more of a case for a contact %s',
      async (who) => {
        const house = await open();
        const [lena, dirk] = house.team;
        const [alpha, beta] = house.members;
        const rules = { project: 'orbit', criteria: CRITERIA, terms: null };
        const id = await sent(house);
        const idOf = async (name: string) => (await members.byOrganisation(house.db, name))?.id ?? '';
        if (who === 'whose organisation was removed') {
          for (const { contactId } of [lena, dirk]) await remove(house, rules, await idOf('Alpha'), contactId, 'leaked');
        } else {
          await setContactActive(house, alpha.contactId, false, 'goes to Beta');
          const moved = { address: alpha.address, name: null, certificate: alpha.public };
          await addContact(house, rules, await idOf('Beta'), moved);
        }
        await outbox(house).drain();
        const receipts = (await acknowledgements.ofCase(house.db, id)).map(({ organisation, address }) => [
          organisation,
          address,
        ]);
        expect(receipts).toEqual([
          ['Alpha', alpha.address],
          ['Beta', beta.address],
        ]);
        house.clock.moveTo(house.clock.now() + DAY);
        expect(await remindSilent(house)).toBe(true);
        // Before the release: nobody is asked after it.
        await outbox(house).drain();
        const { without } = await previewNotice(as(house, lena), id, 'second-notice', none);
        expect(without).toEqual([{ address: alpha.address, why: 'not-active' }]);
        // After the release nobody would be sent the reminder any more.
        await outbox(house).drain();
        house.clock.moveTo((await caseOf(house, id)).release_at ?? 0);
        await release(house, id);
        await outbox(house).drain();
        const made = await house.db
          .selectFrom('deliveries')
          .innerJoin('posts', 'posts.id', 'deliveries.post_id')
          .select(['deliveries.contact_id', 'deliveries.state', 'posts.kind'])
          .where('deliveries.contact_id', 'in', [alpha.contactId, beta.contactId])
          .where('deliveries.case_id', '=', id)
          .execute();
        expect(made.filter(({ contact_id }) => contact_id === alpha.contactId).map(({ kind }) => kind)).toEqual(['dispatch']);
        expect(made.filter(({ contact_id }) => contact_id === beta.contactId)).toHaveLength(3);
        expect(made.filter(({ state }) => state !== 'delivered')).toEqual([]);
      },
    );

    test('for who is suspended, and may be let in again, it waits', async () => {
      const house = await open();
      const [alpha] = house.members;
      const id = await sent(house);
      await house.db.updateTable('members').set({ state: 'suspended' }).where('organisation', '=', 'Alpha').execute();
      house.clock.moveTo(house.clock.now() + DAY);
      await remindSilent(house);
      await outbox(house).drain();
      const held = house.db.selectFrom('deliveries').select(['address', 'reason']).where('state', '=', 'held');
      expect(await held.where('case_id', '=', id).execute()).toEqual([{ address: alpha.address, reason: 'not-active' }]);
    });

    test('a reminder tells the instant that members were told, whatever one person has set since', async () => {
      const house = await open();
      const [lena] = house.team;
      const [alpha] = house.members;
      const id = await sent(house);
      const told = toIso((await caseOf(house, id)).release_at ?? 0).slice(0, 10);
      await retract(as(house, lena), id);
      const other = house.clock.now() + 2 * DAY;
      await schedule(as(house, lena), id, { releaseAt: other });
      house.clock.moveTo(house.clock.now() + DAY);
      await remindSilent(house);
      const [mail] = await mailsTo(house, alpha, LISTS.distributors);
      expect(mail?.text).toContain(`It is released at ${told}`);
      const said = async (kind: 'reminder' | 'status') =>
        (await previewNotice(as(house, lena), id, kind, none)).mails.map(({ text }) => text).join('\n');
      expect(await said('status')).toContain(`It will be public at:  ${told}`);
      await leak(as(house, lena), id, 'on a forum');
      await decideLeak(as(house, lena), id, { decision: 'release', reason: 'it is out' });
      const hasNone = async () => {
        expect(await said('reminder')).toContain(`acknowledge ${id}`);
        expect(await said('reminder')).not.toContain('It is released at');
        expect(await said('status')).toContain('no date of release yet');
      };
      await hasNone();
      await publicAlready(as(house, lena), id, 'on a blog');
      await hasNone();
      await decideLeak(as(house, lena), id, { decision: 'keep', reason: 'it is not that' });
      await hasNone();
      await leak(as(house, lena), id, 'on a forum');
      await decideLeak(as(house, lena), id, { decision: 'keep', reason: 'it is none' });
      expect(await said('reminder')).toContain(`It is released at ${told}`);
    });

    test('of what is to be released at once a reporter is told no instant, though it is armed for one', async () => {
      const house = await open();
      const [lena] = house.team;
      const id = await sent(house);
      const said = async () =>
        (await previewNotice(as(house, lena), id, 'status', none)).mails.map(({ text }) => text).join('\n');
      expect(await said()).toContain('It will be public at:');
      await leak(as(house, lena), id, 'on a forum');
      expect(await said()).toContain('It will be public at:');
      const about = await decideLeak(as(house, lena), id, { decision: 'release', reason: 'it is out' });
      expect([about.state, await said()]).toEqual(['armed', expect.stringContaining('no date of release yet')]);
    });

    test('an instant that has passed without a release is told to nobody', async () => {
      const house = await open();
      const [lena] = house.team;
      const id = await sent(house);
      await addPatch(house, id, { name: 'more.patch', bytes: Buffer.from('--- a\n+++ b\n') });
      await approve(house, id, (await presentPatchSet(house.db, id)) ?? '', await actor(house, lena));
      const { release_at: told } = await caseOf(house, id);
      house.clock.moveTo((told ?? 0) + HOUR);
      const said = async (kind: NoticeKind, list: string | null = null) =>
        (await previewNotice(as(house, lena), id, kind, { text: null, list })).mails.map(({ text }) => text).join('\n');
      expect(await said('reminder')).toContain(`acknowledge ${id}`);
      expect(await said('status')).toContain('no date of release yet');
      expect(await said('dispatch', LISTS.distributors)).toContain('EMBARGOED until you are told that it is lifted.');
      await dispatch(house, id, LISTS.distributors);
      expect(await said('second-notice')).toContain(`Case ${id} is released as soon as it is approved, to`);
      for (const kind of ['reminder', 'status', 'second-notice'] as const)
        expect(await said(kind)).not.toContain(toIso(told ?? 0).slice(11, 19));
      expect(await caseOf(house, id)).toMatchObject({ told_release_at: told });
    });

    test('whose copy of a revision failed is still asked for what he has', async () => {
      const house = await open();
      const [alpha, beta] = house.members;
      const id = await sent(house);
      house.clock.moveTo(house.clock.now() + DAY - HOUR);
      await addPatch(house, id, { name: 'more.patch', bytes: Buffer.from('--- a\n+++ b\n') });
      await approve(house, id, (await presentPatchSet(house.db, id)) ?? '', await actor(house, house.team[0]));
      await dispatch(house, id, LISTS.distributors);
      const relay = outbox(house);
      relay.answers = ({ to }) =>
        to === alpha.address
          ? { state: 'failed', reason: 'rejected', response: '550 5.1.1 nobody' }
          : { state: 'delivered', response: '250 2.0.0 taken' };
      await relay.drain();
      house.clock.moveTo(house.clock.now() + HOUR);
      await remindSilent(house);
      const copies = await outbox(house).drain();
      const [mail] = await mailsTo(house, alpha, LISTS.distributors, copies);
      expect(mail?.text).toContain(`acknowledge ${id} not affected`);
      expect(copies.map(({ to }) => to)).not.toContain(beta.address);
    });

    test('a problem of one who has no copy yet is told to the team, and not noted of what he has not', async () => {
      const house = await open();
      const { id } = await armed(house, house.clock.now() + 7 * DAY);
      await dispatch(house, id, LISTS.distributors);
      const [signer] = await certificates.byKeyIds(house.db, [house.members[0].fingerprint.slice(-16)]);
      if (!signer) throw new Error('alpha has no certificate');
      const said = await acknowledge(house, signer, id, { status: 'problem', signedAt: house.clock.now() });
      expect(said).toEqual({ noted: 0, missing: 1 });
      expect((await acknowledgements.ofCase(house.db, id)).map(({ status }) => status)).toEqual([null, null]);
      const alerts = await house.db.selectFrom('posts').select('id').where('kind', '=', 'alert').execute();
      expect(alerts).toHaveLength(1);
    });
  });
});
