import { expect, test } from 'vitest';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import type { Database } from '../../src/store/database.ts';
import { eachEngine } from '../support/dialects.ts';
import { addCertificate, addContact, addList, addMember, NOW } from './roster-rows.ts';

async function alpha(db: Database): Promise<string> {
  await addMember(db, 'Alpha', 'active', [
    await addList(db, 'a@orbit.example', 'private'),
    await addList(db, 'b@orbit.example', 'intake'),
  ]);
  return await addContact(db, 'Alpha', 'a@alpha.example');
}

eachEngine((engine) => {
  test('who may have signed is found by the key id of any of his keys, once', async () => {
    const { db } = await engine.open();
    const id = await addCertificate(db, await alpha(db), 'AAAA');
    await addMember(db, 'Bravo', 'suspended');
    await addCertificate(db, await addContact(db, 'Bravo', 'b@bravo.example'), 'BBBB');

    expect(await certificates.byKeyIds(db, ['aaaa-sub-id', 'AAAA-ID', 'none'])).toEqual([
      {
        id,
        fingerprint: 'AAAA',
        data: Buffer.from('AAAA'),
        contact: { id: 'a@alpha.example', address: 'a@alpha.example', name: null, active: true, proved: true },
        member: { id: 'Alpha', organisation: 'Alpha', state: 'active' },
        lists: ['a', 'b'],
      },
    ]);
    expect(await certificates.byKeyIds(db, ['BBBB-ID'])).toMatchObject([{ member: { state: 'suspended' }, lists: [] }]);
    expect(await certificates.byKeyIds(db, ['none'])).toEqual([]);
    expect(await certificates.byKeyIds(db, [])).toEqual([]);
  });

  test('whether the contact is active is said, not judged', async () => {
    const { db } = await engine.open();
    const contact = await alpha(db);
    await addCertificate(db, contact, 'AAAA');
    await contacts.setActive(db, contact, false);
    expect(await certificates.byKeyIds(db, ['AAAA-ID'])).toMatchObject([{ contact: { active: false } }]);
  });

  test('a contact has one current certificate', async () => {
    const { db } = await engine.open();
    const contact = await alpha(db);
    await addCertificate(db, contact, 'AAAA');
    await expect(addCertificate(db, contact, 'BBBB')).rejects.toMatchObject({ reason: 'conflict' });
    expect(await certificates.current(db, contact)).toMatchObject({ fingerprint: 'AAAA', state: 'current' });
    expect(await certificates.allCurrent(db)).toHaveLength(1);
  });

  test('a certificate from a mail proves nobody, and is kept once', async () => {
    const { db } = await engine.open();
    const said = { keys: [{ fingerprint: 'CCCC', keyId: 'CCCC-ID' }], revocations: [] };
    const first = await certificates.insertFromMail(
      db,
      { id: '1', fingerprint: 'CCCC', data: Buffer.from('one'), created_at: NOW },
      said,
    );
    const again = await certificates.insertFromMail(
      db,
      { id: '2', fingerprint: 'CCCC', data: Buffer.from('one'), created_at: NOW + 1 },
      said,
    );
    const newer = await certificates.insertFromMail(
      db,
      { id: '3', fingerprint: 'CCCC', data: Buffer.from('two'), created_at: NOW },
      said,
    );
    expect([first.id, again.id, newer.id]).toEqual(['1', '1', '3']);
    expect(await certificates.byId(db, '1')).toMatchObject({ state: 'mail', contact_id: null, created_at: NOW });
    expect(await certificates.byKeyIds(db, ['CCCC-ID'])).toEqual([]);
  });
});
