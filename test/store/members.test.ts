import { expect, test } from 'vitest';
import * as members from '../../src/store/members.ts';
import { eachEngine } from '../support/dialects.ts';
import { addCertificate, addContact, addList, addMember, NOW } from './roster-rows.ts';

eachEngine((engine) => {
  test('all members come with their lists, contacts and current certificates', async () => {
    const { db } = await engine.open();
    const list = await addList(db, 'distributors@orbit.example', 'private');
    await addMember(db, 'Bravo', 'applied');
    await addMember(db, 'Alpha', 'active', [list]);
    await addContact(db, 'Alpha', 'b@alpha.example');
    await addCertificate(db, await addContact(db, 'Alpha', 'a@alpha.example'), 'AAAA');

    const [alpha, bravo] = await members.all(db);
    expect(alpha).toMatchObject({ organisation: 'Alpha', lists: [list] });
    expect(alpha?.contacts).toMatchObject([
      { address: 'a@alpha.example', certificate: { fingerprint: 'AAAA', data: Buffer.from('AAAA') } },
      { address: 'b@alpha.example', certificate: null },
    ]);
    expect(bravo).toMatchObject({ organisation: 'Bravo', contacts: [], lists: [] });
    expect(await members.byOrganisation(db, 'Alpha')).toMatchObject({ id: 'Alpha', state: 'active' });
    expect(await members.byId(db, 'Bravo')).toMatchObject({ organisation: 'Bravo' });
    expect(await members.listsOf(db, 'Alpha')).toEqual([list]);
  });

  test('a second member of the organisation is refused', async () => {
    const { db } = await engine.open();
    await addMember(db, 'Alpha', 'active');
    const again = members.insert(db, {
      id: 'x',
      organisation: 'Alpha',
      product: null,
      state: 'applied',
      reason: null,
      created_at: 0,
      updated_at: 0,
    });
    await expect(again).rejects.toMatchObject({ reason: 'conflict', hint: 'The member "Alpha" is there already' });
  });

  test('a member is put on a list once', async () => {
    const { db } = await engine.open();
    const list = await addList(db, 'distributors@orbit.example', 'private');
    await addMember(db, 'Alpha', 'active', [list, list]);
    expect(await members.listsOf(db, 'Alpha')).toEqual([list]);
  });

  test('a state is changed only from the state that the change was made for', async () => {
    const { db } = await engine.open();
    await addMember(db, 'Alpha', 'active');
    expect(await members.setState(db, 'Alpha', { from: 'applied', to: 'suspended', reason: 'no', now: NOW + 1 })).toBe(false);
    expect(await members.byId(db, 'Alpha')).toMatchObject({ state: 'active', reason: null, updated_at: NOW });
    expect(await members.setState(db, 'Alpha', { from: 'active', to: 'suspended', reason: 'yes', now: NOW + 1 })).toBe(true);
    expect(await members.byId(db, 'Alpha')).toMatchObject({ state: 'suspended', reason: 'yes', updated_at: NOW + 1 });
  });
});
