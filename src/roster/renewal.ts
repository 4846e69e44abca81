import type { Instant } from '../clock.ts';
import type { Renewal } from '../pgp/renewal.ts';
import * as certificates from '../store/certificates.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import type { Certificate } from '../store/schema.ts';

/**
 * Lets a renewal of a contact's or a reporter's certificate count, in the caller's transaction: from now on copies are sealed to it, or held
 * for what it says. Those that were held because it had expired go, once. Throws Refusal('conflict') where it changed meanwhile.
 */
export async function writeRenewal(db: Db, certificate: Certificate, renewal: Renewal, now: Instant): Promise<void> {
  await certificates.renew(db, certificate, renewal.facts.data, renewal.facts.keys);
  const isWrittenTo = certificate.state === 'current' || certificate.state === 'mail';
  if (!isWrittenTo || renewal.whyNot !== null) return;
  await deliveries.retryForCertificate(db, { contactId: certificate.contact_id, certificateId: certificate.id }, now);
}
