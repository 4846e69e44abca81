import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import type { Database } from '../../src/store/database.ts';
import * as lists from '../../src/store/lists.ts';
import * as members from '../../src/store/members.ts';
import type { ListRole, MemberState } from '../../src/store/schema.ts';

export const NOW = 1_790_092_800_000;

/** The id of a new list is its local part. */
export async function addList(db: Database, address: string, role: ListRole): Promise<string> {
  const id = address.split('@', 1)[0] ?? address;
  await lists.insert(db, { id, address, role, name: id, fingerprint: id.toUpperCase(), created_at: NOW });
  return id;
}

/** The id of a new member is its organisation. */
export async function addMember(db: Database, organisation: string, state: MemberState, onLists: string[] = []): Promise<string> {
  const row = { id: organisation, organisation, product: null, state, reason: null };
  await members.insert(db, { ...row, created_at: NOW, updated_at: NOW });
  for (const list of onLists) await members.addToList(db, organisation, list);
  return organisation;
}

/** The id of a new contact is its address, as written. */
export async function addContact(db: Database, memberId: string, address: string): Promise<string> {
  await contacts.insert(db, {
    id: address,
    member_id: memberId,
    address,
    name: null,
    active: 1,
    created_at: NOW,
    proved_at: NOW,
  });
  return address;
}

/** A current certificate with a primary key and a subkey: fingerprints `F` and `F-SUB`, key ids `F-ID` and `F-SUB-ID`. */
export async function addCertificate(db: Database, contactId: string, fingerprint: string): Promise<string> {
  const row = { id: `${contactId} ${fingerprint}`, contact_id: contactId, fingerprint, data: Buffer.from(fingerprint) };
  const keys = [fingerprint, `${fingerprint}-SUB`].map((key) => ({ fingerprint: key, keyId: `${key}-ID` }));
  await certificates.insert(db, { ...row, state: 'current', created_at: NOW }, { keys, revocations: [] });
  return row.id;
}
