import { newId } from '../../src/clock.ts';
import * as admission from '../../src/store/admission.ts';
import type { House } from './house.ts';

/** As if the owner of a certificate had sent the words back that were sealed to it: how he does is tested by itself. */
export async function proveCertificate({ db, clock }: House, contactId: string, certificateId: string): Promise<void> {
  const [id, now] = [newId(clock), clock.now()];
  const proof = { id, contact_id: contactId, certificate_id: certificateId, nonce_hash: id, created_at: now, proved_at: now };
  await admission.insertProof(db, proof);
}
