import type { Deed } from '../audit/entry.ts';
import type { Instant } from '../clock.ts';
import type { Renewal } from '../pgp/renewal.ts';
import * as admission from '../store/admission.ts';
import * as certificates from '../store/certificates.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import type { Certificate } from '../store/schema.ts';
import type { Waiting } from './shown.ts';

/**
 * Lets a renewal of a contact's or a reporter's certificate count, in the caller's transaction: from now on copies are sealed to it, or held
 * for what it says. Those that were held because it had expired go, once. Throws Refusal('conflict') where it changed meanwhile.
 */
export async function writeRenewal(db: Db, certificate: Certificate, renewal: Renewal, now: Instant): Promise<void> {
  await certificates.renew(db, certificate, renewal.facts);
  const { before, after } = renewal.encryptionKey;
  // Of the current one a person has approved the other key; here nobody has shown yet that its owner can read what is sealed to it.
  if (certificate.state !== 'current' && after !== null && before !== after) await admission.dropProofsOf(db, certificate.id);
  const isWrittenTo = certificate.state === 'current' || certificate.state === 'mail';
  if (!isWrittenTo || renewal.whyNot !== null) return;
  await deliveries.retryForCertificate(db, { contactId: certificate.contact_id, certificateId: certificate.id }, now);
}

/**
 * Whether it counts only when a person has approved it: another key would be encrypted to, and nothing but the word of whoever brings
 * it says that the owner of the certificate has that key. What takes away (`after` is null) does not wait.
 */
export function waitsForPerson({ state }: Certificate, { encryptionKey: { before, after } }: Renewal): boolean {
  return state === 'current' && after !== null && before !== after;
}

/** What waits then. `was`: what waited; `data`: of all of it together. */
export function waitingOf({ formerUsable }: Renewal, data: Uint8Array, was: Waiting | undefined): Waiting {
  return { data, holds: formerUsable && was?.holds !== 1 ? 0 : 1 };
}

/**
 * Lets a renewal wait, in the caller's transaction; what it revokes counts from the moment that it is known, whatever becomes of the rest.
 * Gives the certificate as it is meanwhile. Throws Refusal('conflict') where it changed.
 */
export async function writeWaiting(
  trx: Db,
  certificate: Certificate,
  { renewal: { revoked }, waiting: { data, holds } }: { renewal: Renewal; waiting: Waiting },
  now: Instant,
): Promise<Certificate> {
  if (Buffer.compare(revoked.data, certificate.data) !== 0) await certificates.renew(trx, certificate, revoked);
  await certificates.setRenewal(trx, { certificate_id: certificate.id, data, holds, created_at: now });
  return { ...certificate, data: revoked.data };
}

/** What the log says of either. */
export function renewalDeed(
  { id, fingerprint, contact_id }: Certificate,
  { encryptionKey, whyNot }: Renewal,
  waiting: Waiting | null,
): Deed {
  const more = waiting ? { holds: waiting.holds === 1 } : { whyNot };
  return {
    action: waiting ? 'certificate.propose-renewal' : 'certificate.renew',
    subject: `contact:${contact_id}`,
    detail: { certificate: id, fingerprint, ...encryptionKey, ...more },
  };
}
