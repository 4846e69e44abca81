import { beforeEach, describe, expect, test } from 'vitest';
import { MINUTE, toIso } from '../../src/clock.ts';
import { approve } from '../../src/embargo/approve.ts';
import { presentPatchSet } from '../../src/embargo/contents.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { addPatch } from '../../src/embargo/schedule.ts';
import { decodedBody, entityText, fieldText, fileName, leaves, parseEntity } from '../../src/mail/message.ts';
import * as cases from '../../src/store/cases.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as lists from '../../src/store/lists.ts';
import * as members from '../../src/store/members.ts';
import { outbox } from '../delivery/outbox.ts';
import { listCertificate } from '../post/arrive.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { openCopy } from '../support/party.ts';
import { actor, arm, armed, caseOf, KNOWN, PATCH, PUBLIC, reasonOf, scheduled } from './armed.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
  });

  test('every member gets the text and the patches, byte for byte, under his own key, and the instant', async () => {
    const { id } = await armed(house);
    await outbox(house).drain();
    expect(await dispatch(house, id, LISTS.distributors)).toMatchObject({ copies: 2 });
    const sent = await outbox(house).drain();
    expect(sent.map(({ to }) => to).sort()).toEqual(house.members.map(({ address }) => address));
    for (const member of house.members) {
      const mail = sent.find(({ to }) => to === member.address);
      const certificate = listCertificate(house, LISTS.distributors);
      const { entity } = await openCopy(mail?.raw ?? Buffer.alloc(0), member, certificate, house.clock.now());
      const [text, file, link, ...more] = leaves(parseEntity(entity));
      if (!text || !file || !link || more.length > 0) throw new Error('a dispatch is a text, one patch and a link');
      expect(entityText(link)).toMatch(/^https:\/\/orbit\.example\/acknowledge\/[0-9a-z]{26}[0-9a-f]{32}\r?$/m);
      expect(fieldText(parseEntity(entity), 'subject')).toBe(`[EMBARGOED] [${id}] ${KNOWN.cve}: ${KNOWN.title}`);
      const words = entityText(text).replaceAll('\r\n', '\n');
      expect(words).toMatch(/EMBARGOED until 2026-09-22 17:00:00 UTC\.[\s\S]*\nCVE: +CVE-2026-99001\n/);
      expect(words).toContain(`> ${PUBLIC.subject}\n>\n> Update now.\n`);
      expect([fileName(file), Buffer.from(decodedBody(file))]).toEqual([PATCH.name, PATCH.bytes]);
      expect(mail?.raw.toString()).not.toContain(PUBLIC.subject);
    }
    expect((await caseOf(house, id)).dispatched_at).toBe(house.clock.now());
  });

  test('who is suspended or inactive gets nothing', async () => {
    const { id } = await armed(house);
    await house.db.updateTable('members').set({ state: 'suspended' }).where('organisation', '=', 'Alpha').execute();
    const { postId, copies } = await dispatch(house, id, LISTS.distributors);
    const addresses = (await deliveries.page(house.db, { limit: 9, postId })).map(({ address }) => address);
    expect([copies, addresses]).toEqual([1, [house.members[1].address]]);
  });

  describe('a second time', () => {
    const again = (id: string) => dispatch(house, id, LISTS.distributors);
    const addressees = async (postId: string) =>
      (await deliveries.page(house.db, { limit: 9, postId })).map(({ address }) => address).sort();

    test('of what did not change, it is refused with the instant of the first', async () => {
      const { id } = await armed(house);
      await again(id);
      const first = toIso(house.clock.now());
      house.clock.moveTo(house.clock.now() + MINUTE);
      await expect(again(id)).rejects.toMatchObject({
        reason: 'conflict',
        hint: `Everybody on ${LISTS.distributors} was sent this at ${first}, and nothing changed since`,
      });
      expect(await caseOf(house, id)).toMatchObject({ dispatched_at: house.clock.now() - MINUTE });
    });

    test('it goes to who came later, and to nobody twice', async () => {
      const { id } = await armed(house);
      const [alpha, beta] = house.members;
      await house.db.updateTable('contacts').set({ active: 0 }).where('id', '=', beta.contactId).execute();
      expect(await addressees((await again(id)).postId)).toEqual([alpha.address]);
      await house.db.updateTable('contacts').set({ active: 1 }).where('id', '=', beta.contactId).execute();
      expect(await addressees((await again(id)).postId)).toEqual([beta.address]);
      expect(await reasonOf(again(id))).toBe('conflict');
    });

    test('it goes to whose copy failed', async () => {
      const { id } = await armed(house);
      const [alpha] = house.members;
      await outbox(house).drain();
      await again(id);
      const box = outbox(house);
      box.answers = ({ to }) =>
        to === alpha.address
          ? { state: 'failed', reason: 'rejected', response: '550 nobody' }
          : { state: 'delivered', response: '250' };
      await box.drain();
      expect(await addressees((await again(id)).postId)).toEqual([alpha.address]);
    });

    test('what changed goes to everybody, and to another list goes what did not', async () => {
      const { id } = await armed(house);
      await again(id);
      await addPatch(house, id, { name: 'more.patch', bytes: Buffer.from('more') });
      const changed = await caseOf(house, id);
      expect(await arm(house, changed).catch((error) => error.reason)).toBe('not-distributed');
      await approve(house, id, (await presentPatchSet(house.db, id)) ?? '', await actor(house, house.team[0]));
      expect(await again(id)).toMatchObject({ copies: 2 });
      await arm(house, await caseOf(house, id));
      expect(await reasonOf(again(id))).toBe('conflict');
      const second = { id: 'inner', address: 'inner@orbit.example', role: 'private', name: 'inner', created_at: 1 } as const;
      const [list] = await house.db.selectFrom('lists').selectAll().where('id', '=', 'distributors').execute();
      await lists.insert(house.db, { ...second, fingerprint: list?.fingerprint ?? '' });
      const alpha = await members.byOrganisation(house.db, 'Alpha');
      await members.addToList(house.db, alpha?.id ?? '', second.id);
      expect(await dispatch(house, id, second.address)).toMatchObject({ copies: 1, behind: [] });
      // Each list that has any of it has to have the patches that are released.
      await addPatch(house, id, { name: 'last.patch', bytes: Buffer.from('last') });
      await approve(house, id, (await presentPatchSet(house.db, id)) ?? '', await actor(house, house.team[0]));
      expect(await again(id)).toMatchObject({ behind: [second.address] });
      expect(await arm(house, await caseOf(house, id)).catch((error) => error.reason)).toBe('not-distributed');
      expect(await dispatch(house, id, second.address)).toMatchObject({ behind: [] });
      expect((await arm(house, await caseOf(house, id))).state).toBe('armed');
    });
  });

  describe('is refused', () => {
    test('of a case that is not armed', async () => {
      const { id } = await scheduled(house);
      for (const caseId of [id, await house.report({ text: 'Another.\n' })])
        expect(await reasonOf(dispatch(house, caseId, LISTS.distributors))).toBe('not-approved');
    });

    test('to a list that is not private or not there, or has nobody on it', async () => {
      const { id } = await armed(house);
      for (const list of [LISTS.announce, LISTS.security, 'nowhere@orbit.example'])
        expect(await reasonOf(dispatch(house, id, list))).toBe('invalid');
      await house.db.updateTable('members').set({ state: 'suspended' }).where('organisation', '!=', 'Orbit').execute();
      expect(await reasonOf(dispatch(house, id, LISTS.distributors))).toBe('invalid');
      expect(await caseOf(house, id)).toMatchObject({ dispatched_at: null });
    });

    test('of contents that are not what was approved', async () => {
      const { id } = await armed(house);
      const [patch] = await cases.patches(house.db, id);
      const other = await scheduled(house);
      const [another] = await cases.patches(house.db, other.id);
      const draft = await house.db
        .selectFrom('posts')
        .select('content')
        .where('id', '=', other.draft_post_id)
        .executeTakeFirstOrThrow();
      await house.db
        .updateTable('patches')
        .set({ content: draft.content })
        .where('id', '=', patch?.id ?? '')
        .execute();
      expect(await reasonOf(dispatch(house, id, LISTS.distributors))).toBe('approval-voided');
      await house.db
        .updateTable('patches')
        .set({ content: another?.content })
        .where('id', '=', patch?.id ?? '')
        .execute();
      expect(await reasonOf(dispatch(house, id, LISTS.distributors))).toBe('done');
    });

    test('the second of two at once', async () => {
      const { id } = await armed(house);
      const answers = await Promise.all([1, 2].map(() => reasonOf(dispatch(house, id, LISTS.distributors))));
      expect(answers.sort()).toEqual(['conflict', 'done']);
      const copies = await deliveries.page(house.db, { limit: 99, caseId: id });
      expect(copies.filter(({ list_id }) => list_id === 'distributors')).toHaveLength(2);
    });
  });
});
