import { expect, test } from 'vitest';
import * as contacts from '../../src/store/contacts.ts';
import { eachEngine } from '../support/dialects.ts';
import { addCertificate, addContact, addList, addMember } from './roster-rows.ts';

eachEngine((engine) => {
  test('a list reaches the active contacts of its active members, each with the current certificate', async () => {
    const { db } = await engine.open();
    const list = await addList(db, 'distributors@orbit.example', 'private');
    const other = await addList(db, 'security@orbit.example', 'intake');
    for (const [organisation, state, on] of [
      ['Alpha', 'active', [list, other]],
      ['Delta', 'suspended', [list]],
      ['Echo', 'key_proved', [list]],
      ['Team', 'active', [other]],
    ] as const)
      await addMember(db, organisation, state, [...on]);
    await addContact(db, 'Alpha', 'without@alpha.example');
    const certificate = await addCertificate(db, await addContact(db, 'Alpha', 'a@alpha.example'), 'AAAA');
    await contacts.setActive(db, await addContact(db, 'Alpha', 'gone@alpha.example'), false);
    for (const organisation of ['Delta', 'Echo', 'Team']) await addContact(db, organisation, `x@${organisation}.example`);

    const found = await contacts.activeOfList(db, list);
    expect(found).toEqual([
      {
        id: 'a@alpha.example',
        address: 'a@alpha.example',
        name: null,
        memberId: 'Alpha',
        organisation: 'Alpha',
        certificate: { id: certificate, fingerprint: 'AAAA', data: Buffer.from('AAAA') },
      },
      expect.objectContaining({ address: 'without@alpha.example', certificate: null }),
    ]);
    expect((await contacts.activeOfList(db, other)).map(({ address }) => address)).toEqual([
      'a@alpha.example',
      'without@alpha.example',
      'x@team.example',
    ]);
  });

  test('a retired certificate is not what copies are sealed to', async () => {
    const { db } = await engine.open();
    const list = await addList(db, 'distributors@orbit.example', 'private');
    await addMember(db, 'Alpha', 'active', [list]);
    const retired = await addCertificate(db, await addContact(db, 'Alpha', 'a@alpha.example'), 'AAAA');
    await db.updateTable('certificates').set({ state: 'retired' }).where('id', '=', retired).execute();
    expect(await contacts.activeOfList(db, list)).toMatchObject([{ address: 'a@alpha.example', certificate: null }]);
  });

  test('an address belongs to one contact, in whatever case it is written', async () => {
    const { db } = await engine.open();
    await addMember(db, 'Alpha', 'active');
    await addMember(db, 'Bravo', 'active');
    await addContact(db, 'Alpha', 'A@Alpha.example');
    await expect(addContact(db, 'Bravo', 'a@alpha.EXAMPLE')).rejects.toMatchObject({
      reason: 'conflict',
      hint: 'The contact a@alpha.example is there already',
    });
    expect(await contacts.byAddress(db, 'a@ALPHA.example')).toMatchObject({ id: 'A@Alpha.example', address: 'a@alpha.example' });
    expect(await contacts.byId(db, 'A@Alpha.example')).toMatchObject({ member_id: 'Alpha' });
  });

  test('a contact is switched off once', async () => {
    const { db } = await engine.open();
    await addMember(db, 'Alpha', 'active');
    const id = await addContact(db, 'Alpha', 'a@alpha.example');
    expect([await contacts.setActive(db, id, false), await contacts.setActive(db, id, false)]).toEqual([true, false]);
    expect(await contacts.setActive(db, id, true)).toBe(true);
  });
});
