import type { CertificateFacts } from '../pgp/certificate.ts';
import { primaryFingerprint } from '../pgp/certificate-bytes.ts';
import type { Renewal } from '../pgp/renewal.ts';
import type { Seams } from '../seams.ts';
import * as certificates from '../store/certificates.ts';

type Knowing = Pick<Seams, 'db' | 'pgp' | 'clock'>;

/**
 * As `pgp.readCertificate`, with what every copy that was ever kept revoked. What was known once holds for good: whoever brings a copy
 * without it, and whosever the certificate was before. Throws Refusal `unusable-certificate`, also where it is too large with what is known.
 */
export async function readKnown({ db, pgp }: Omit<Knowing, 'clock'>, newer: string | Uint8Array): Promise<CertificateFacts> {
  return pgp.readKnown(newer, await certificates.revocationsOf(db, primaryFingerprint(newer)));
}

/** As `pgp.renewCertificate` of one that is kept, with what is known to be revoked of it. */
export async function renewKnown(
  { db, pgp, clock }: Knowing,
  own: { fingerprint: string; data: Uint8Array },
  newer: string | Uint8Array,
): Promise<Renewal> {
  return pgp.renewCertificate(own.data, newer, clock.now(), await certificates.revocationsOf(db, own.fingerprint));
}
