import { newId } from '../../src/clock.ts';
import { readCertificate } from '../../src/pgp/certificate.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import type { House } from './house.ts';
import { makeParty } from './party.ts';

/** Brings a member as far as `key_proved`, as if each active contact of his had proved his key; one is made where he has none. */
export async function keyProved({ db, clock }: Pick<House, 'db' | 'clock'>, memberId: string): Promise<void> {
  await db.updateTable('members').set({ state: 'key_proved' }).where('id', '=', memberId).execute();
  if ((await contacts.ofMember(db, memberId)).length === 0) {
    const { address, public: armored } = await makeParty(`${memberId}@proved.example`);
    const facts = await readCertificate(armored);
    const { fingerprint, data } = facts;
    const contact = { id: newId(clock), member_id: memberId, address, name: null, active: 1, created_at: 1, proved_at: null };
    await contacts.insert(db, contact);
    const row = { id: newId(clock), contact_id: contact.id, fingerprint, data, state: 'current', created_at: 1 } as const;
    await certificates.insert(db, row, facts);
  }
  await db.updateTable('contacts').set({ proved_at: 1 }).where('member_id', '=', memberId).where('active', '=', 1).execute();
}
