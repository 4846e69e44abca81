import { newId } from '../clock.ts';
import { armorCertificate, type CertificateFacts } from '../pgp/certificate.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as members from '../store/members.ts';
import type { Certificate, Contact } from '../store/schema.ts';
import { takenCertificate, unfitAddress } from './plan.ts';
import { standingOf } from './standing.ts';
import { isOut } from './state.ts';

export interface NewContact {
  address: string;
  name: string | null;
  /** Armored. */
  certificate: string;
}

/**
 * Adds a contact, whose certificate is the current one at once.
 * Throws Refusal: not-found, unusable-certificate; conflict where the address or the certificate is somebody's already.
 */
export async function addContact(
  seams: Seams,
  memberId: string,
  { address: written, name, certificate }: NewContact,
): Promise<{ contact: Contact; certificate: Certificate }> {
  const { db, clock } = seams;
  const facts = await usableCertificate(seams, certificate);
  const address = written.toLowerCase();
  return db.transaction().execute(async (trx) => {
    const member = await members.byId(trx, memberId);
    if (!member) throw new Refusal('not-found', `There is no member ${memberId}`);
    if (isOut(member.state)) throw new Refusal('conflict', `"${member.organisation}" is ${member.state}`);
    const standing = await standingOf(trx);
    const problem = unfitAddress(standing, address) ?? takenCertificate(standing.keys, facts, address);
    if (problem !== undefined) throw new Refusal('conflict', problem);
    const contact = { id: newId(clock), member_id: memberId, address, name, active: 1, created_at: clock.now() };
    await contacts.insert(trx, contact);
    return { contact, certificate: await insert(seams, trx, contact.id, facts, 'current') };
  });
}

/**
 * Gives a contact a certificate: his first is the current one; any other is proposed and changes nothing until it is approved.
 * Throws Refusal: not-found, unusable-certificate; conflict where it is his, or somebody else's, already.
 */
export async function addCertificate(seams: Seams, contactId: string, armored: string): Promise<Certificate> {
  const facts = await usableCertificate(seams, armored);
  return seams.db.transaction().execute(async (trx) => {
    const contact = await contacts.byId(trx, contactId);
    if (!contact) throw new Refusal('not-found', `There is no contact ${contactId}`);
    const all = await certificates.ofContact(trx, contactId);
    if (all.some(({ fingerprint }) => fingerprint === facts.fingerprint))
      throw new Refusal('conflict', `${contact.address} has the certificate ${facts.fingerprint} already`);
    const taken = takenCertificate(await certificates.heldKeys(trx), facts, contact.address);
    if (taken !== undefined) throw new Refusal('conflict', taken);
    return insert(seams, trx, contactId, facts, all.length === 0 ? 'current' : 'proposed');
  });
}

/**
 * Puts a certificate in the place of the one that a contact has, by his own word: signed with the one that he had. The old one is
 * retired. Throws as `addCertificate` does.
 */
export async function replaceCertificate(seams: Seams, contactId: string, data: Uint8Array): Promise<void> {
  const given = await addCertificate(seams, contactId, armorCertificate(data));
  if (given.state === 'proposed') await seams.db.transaction().execute((trx) => certificates.promote(trx, contactId, given.id));
}

async function usableCertificate({ pgp, clock }: Seams, armored: string): Promise<CertificateFacts> {
  const facts = await pgp.readCertificate(armored);
  const state = await pgp.usable(facts.data, clock.now());
  if (!state.usable)
    throw new Refusal('unusable-certificate', `The certificate ${facts.fingerprint} cannot be used: ${state.reason}`);
  return facts;
}

async function insert(
  { clock }: Seams,
  db: Db,
  contactId: string,
  { fingerprint, data, keys }: CertificateFacts,
  state: 'current' | 'proposed',
): Promise<Certificate> {
  const row = { id: newId(clock), contact_id: contactId, fingerprint, data, state, created_at: clock.now() };
  await certificates.insert(db, row, keys);
  return row;
}
