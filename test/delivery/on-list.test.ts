import * as openpgp from 'openpgp';
import { beforeEach, describe, expect, test } from 'vitest';
import { DAY, HOUR, SECOND } from '../../src/clock.ts';
import { letInsidersHave } from '../../src/delivery/need-to-know.ts';
import { approve } from '../../src/embargo/approve.ts';
import { presentPatchSet } from '../../src/embargo/contents.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { limitCase } from '../../src/embargo/need-to-know.ts';
import { addPatch } from '../../src/embargo/schedule.ts';
import { keyIdOf } from '../../src/pgp/key-packets.ts';
import { acts } from '../../src/post/acts.ts';
import { Refusal } from '../../src/refusal.ts';
import { remove } from '../../src/roster/admission.ts';
import { addCertificate } from '../../src/roster/contacts.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { hearAll } from '../../src/roster/known.ts';
import { changeMember } from '../../src/roster/members.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as lists from '../../src/store/lists.ts';
import * as members from '../../src/store/members.ts';
import { actor, armed, PATCH, reasonOf } from '../embargo/armed.ts';
import { admittedAgain } from '../roster/admitted-again.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { changed } from '../support/party.ts';
import { OPTIONS, type Outbox, outbox } from './outbox.ts';

const rules = { project: 'orbit', criteria: CRITERIA, terms: null };

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let box: Outbox;
  let caseId: string;
  /** Of the member "Alpha". */
  let memberId: string;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    memberId = (await members.byOrganisation(house.db, 'Alpha'))?.id ?? '';
    caseId = (await armed(house, house.clock.now() + 30 * DAY)).id;
    box = outbox(house);
    await box.drain();
  });

  /** The relay takes nothing for now: the copies are deferred. */
  const dispatchLater = async () => {
    const taking = box.answers;
    box.answers = () => ({ state: 'deferred', reason: 'try-later', response: '451 later' });
    await dispatch(house, caseId, LISTS.distributors);
    await box.drain();
    box.answers = taking;
    house.clock.moveTo(house.clock.now() + HOUR);
  };
  const copiesOf = (contactId: string) =>
    house.db
      .selectFrom('deliveries')
      .innerJoin('posts', 'posts.id', 'deliveries.post_id')
      .select(['deliveries.state', 'deliveries.reason'])
      .where('posts.kind', '=', 'dispatch')
      .where('contact_id', '=', contactId)
      .orderBy('deliveries.id')
      .execute();
  const delivered = () =>
    house.db
      .selectFrom('deliveries')
      .innerJoin('posts', 'posts.id', 'deliveries.post_id')
      .select(['deliveries.id', 'deliveries.address'])
      .where('deliveries.state', '=', 'delivered')
      .where('posts.kind', '<>', 'membership')
      .execute();
  /** To whom something went, but the word of which lists he is on. */
  const gone = async () => {
    const before = new Set((await delivered()).map(({ id }) => id));
    await box.drain();
    return (await delivered()).flatMap(({ id, address }) => (before.has(id) ? [] : [address])).sort();
  };
  const toMembers = async () => (await gone()).filter((to) => !to.endsWith('@orbit.example'));

  describe('a copy that was made while its contact was on the list', () => {
    test('is held where he was taken off it, and goes when he is put on it again', async () => {
      const [alpha, beta] = house.members;
      await dispatchLater();
      await changeMember(house, memberId, { lists: [] });
      expect(await toMembers()).toEqual([beta.address]);
      expect(await copiesOf(alpha.contactId)).toEqual([{ state: 'held', reason: 'not-on-list' }]);
      await changeMember(house, memberId, { lists: [LISTS.distributors] });
      expect(await toMembers()).toEqual([alpha.address]);
    });

    test('is held where he has unsubscribed, and stays so until he is back', async () => {
      const [alpha, beta] = house.members;
      await dispatchLater();
      await contacts.unsubscribe(house.db, alpha.contactId, 'distributors', house.clock.now());
      expect(await toMembers()).toEqual([beta.address]);
      expect(await letInsidersHave(house.db, house.clock, { memberId })).toEqual({ released: 0, superseded: 0 });
      const list = await lists.byAddress(house.db, LISTS.distributors);
      const [roster] = await certificates.byKeyIds(house.db, [keyIdOf(alpha.fingerprint)]);
      if (!list || !roster) throw new Error('a list and a certificate');
      await acts.subscribe(
        {
          seams: house,
          list,
          roster,
          team: false,
          project: 'orbit',
          signedAt: house.clock.now(),
          enclosed: [],
          room: 0,
          mail: { postId: '', file: async () => {} },
        },
        {
          name: 'subscribe',
        } as never,
      );
      expect(await toMembers()).toEqual([alpha.address]);
    });

    test('ends with his removal: who comes again gets nothing of before', async () => {
      const [alpha] = house.members;
      await dispatchLater();
      await contacts.unsubscribe(house.db, alpha.contactId, 'distributors', house.clock.now());
      for (const { contactId } of house.team.slice(0, 2)) await remove(house, rules, memberId, contactId, 'leaked');
      expect(await copiesOf(alpha.contactId)).toEqual([{ state: 'failed', reason: 'let-go' }]);
      await admittedAgain(house, memberId);
      await box.drain();
      expect(await copiesOf(alpha.contactId)).toEqual([{ state: 'failed', reason: 'let-go' }]);
      // Nor is he unsubscribed as he was.
      expect(await dispatch(house, caseId, LISTS.distributors)).toMatchObject({ copies: 1 });
    });
  });

  test('what was reported goes to nobody who has left the team meanwhile', async () => {
    const [lena] = house.team;
    await house.report();
    await changeMember(house, memberId, { lists: [LISTS.security] });
    await changeMember(house, (await members.byOrganisation(house.db, 'Orbit'))?.id ?? '', { lists: [LISTS.distributors] });
    expect(await gone()).not.toContain(lena.address);
    const held = house.db.selectFrom('deliveries').select('reason').where('contact_id', '=', lena.contactId);
    expect(await held.where('state', '=', 'held').execute()).toEqual([{ reason: 'not-on-list' }]);
  });

  describe('a dispatch in whose place a later one was sent', () => {
    test('ends for who may have it at last, and he is sent the newest in its place', async () => {
      const [alpha, beta] = house.members;
      await dispatchLater();
      await limitCase(house, caseId, { groups: [], members: [memberId] });
      expect(await toMembers()).toEqual([alpha.address]);
      await addPatch(house, caseId, { name: 'better.patch', bytes: PATCH.bytes });
      await approve(house, caseId, (await presentPatchSet(house.db, caseId)) ?? '', await actor(house, house.team[0]));
      await dispatch(house, caseId, LISTS.distributors);
      expect(await toMembers()).toEqual([alpha.address]);
      await limitCase(house, caseId, null);
      expect(await copiesOf(beta.contactId)).toEqual([
        { state: 'failed', reason: 'superseded' },
        { state: 'queued', reason: null },
      ]);
      expect(await toMembers()).toEqual([beta.address]);
      expect(await reasonOf(dispatch(house, caseId, LISTS.distributors))).toBe('conflict');
    });
  });

  describe('while his copy is in a batch', () => {
    /** Does it when the relay is handed the copy before his. */
    const meanwhile = async (what: () => Promise<unknown>) => {
      box = outbox(house, { ...OPTIONS, connections: 1 });
      await dispatch(house, caseId, LISTS.distributors);
      const [alpha, beta] = house.members;
      // One after the other, and his is the last.
      await house.db
        .updateTable('deliveries')
        .set({ id: 'z'.repeat(26) })
        .where('contact_id', '=', alpha.contactId)
        .execute();
      let done = false;
      box.answers = async ({ to }) => {
        if (!done && to === beta.address) {
          done = true;
          expect(await copiesOf(alpha.contactId)).toEqual([{ state: 'leased', reason: null }]);
          await what();
        }
        return { state: 'delivered', response: '250 ok' };
      };
      await box.drain();
      // What is to be sealed anew waits for a second.
      house.clock.moveTo(house.clock.now() + SECOND);
      await box.drain();
      return copiesOf(alpha.contactId);
    };

    test('who is removed gets nothing of it', async () => {
      const removing = async () => {
        for (const { contactId } of house.team.slice(0, 2)) await remove(house, rules, memberId, contactId, 'leaked');
      };
      expect(await meanwhile(removing)).toEqual([{ state: 'held', reason: 'not-active' }]);
    });

    test('nor does who is taken off the list', async () => {
      const taken = () => changeMember(house, memberId, { lists: [] });
      expect(await meanwhile(taken)).toEqual([{ state: 'held', reason: 'not-on-list' }]);
    });

    test('nothing goes to a key that is revoked meanwhile', async () => {
      const [alpha] = house.members;
      const revoked = async () =>
        addCertificate(house, alpha.contactId, await changed(alpha, house.clock.now(), { revoked: true }));
      expect(await meanwhile(revoked)).toEqual([{ state: 'held', reason: 'revoked' }]);
    });

    test('nor to one that is known to be, by a copy of it that somebody else brought', async () => {
      const [alpha] = house.members;
      const heard = async () => hearAll(house, [await changed(alpha, house.clock.now(), { revoked: true })]);
      expect(await meanwhile(heard)).toEqual([{ state: 'held', reason: 'revoked' }]);
    });

    test('and where that cannot be asked now, it is asked later', async () => {
      const [alpha] = house.members;
      const busy = async () => {
        await hearAll(house, [await changed(alpha, house.clock.now(), { revoked: true })]);
        house.pgp = { ...house.pgp, layRevocations: () => Promise.reject(new Refusal('busy')) };
      };
      expect(await meanwhile(busy)).toEqual([{ state: 'deferred', reason: 'busy' }]);
    });

    test('and who has extended his by then has it sealed to that', async () => {
      const [alpha] = house.members;
      const extended = async () =>
        addCertificate(house, alpha.contactId, await changed(alpha, house.clock.now(), { lifetime: 900 * 24 * 3600 }));
      expect(await meanwhile(extended)).toEqual([{ state: 'delivered', reason: null }]);
      const tried = house.db
        .selectFrom('delivery_attempts')
        .select(['state', 'reason'])
        .where('delivery_id', '=', 'z'.repeat(26));
      expect(await tried.orderBy('number').execute()).toEqual([
        { state: 'deferred', reason: 'interrupted' },
        { state: 'delivered', reason: null },
      ]);
    });

    test('and who could not be sealed to, and can be by then, has it', async () => {
      const [alpha] = house.members;
      const born = (await openpgp.readKey({ armoredKey: alpha.public })).getCreationTime().getTime();
      const lifetime = (house.clock.now() - born) / SECOND + 600;
      const ending = await changed(alpha, house.clock.now(), { lifetime });
      const expired = (await openpgp.readKey({ armoredKey: ending })).write();
      house.clock.moveTo(house.clock.now() + HOUR);
      const set = { data: Buffer.from(expired) };
      await house.db.updateTable('certificates').set(set).where('contact_id', '=', alpha.contactId).execute();
      const extended = async () =>
        addCertificate(house, alpha.contactId, await changed(alpha, house.clock.now(), { lifetime: 900 * 24 * 3600 }));
      expect(await meanwhile(extended)).toEqual([{ state: 'delivered', reason: null }]);
    });

    test('and who is put back on it has it then', async () => {
      const [alpha] = house.members;
      const box2 = outbox(house, { ...OPTIONS, connections: 1 });
      await dispatch(house, caseId, LISTS.distributors);
      await house.db
        .updateTable('deliveries')
        .set({ id: 'z'.repeat(26) })
        .where('contact_id', '=', alpha.contactId)
        .execute();
      await changeMember(house, memberId, { lists: [] });
      let back = false;
      box2.answers = async ({ to }) => {
        // It was composed without him by now, and is not settled.
        if (!back && to === house.members[1].address) {
          back = true;
          await changeMember(house, memberId, { lists: [LISTS.distributors] });
        }
        return { state: 'delivered', response: '250 ok' };
      };
      await box2.drain();
      expect(back).toBe(true);
      expect(await copiesOf(alpha.contactId)).toEqual([{ state: 'delivered', reason: null }]);
    });

    test('and whose copy is held is named where nobody else is left to dispatch to', async () => {
      const [alpha] = house.members;
      const id = (await certificates.current(house.db, alpha.contactId))?.id ?? '';
      await certificates.retire(house.db, id);
      await dispatch(house, caseId, LISTS.distributors);
      await box.drain();
      const said = expect.stringContaining(`; copies are held of: ${alpha.address}`);
      await expect(dispatch(house, caseId, LISTS.distributors)).rejects.toMatchObject({ reason: 'conflict', message: said });
    });
  });
});
