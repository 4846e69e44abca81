import type { Instant } from '../clock.ts';
import type { CertificateFacts } from '../pgp/certificate.ts';
import type { Pgp } from '../pgp/pool.ts';
import type { Renewal } from '../pgp/renewal.ts';
import type { Seams } from '../seams.ts';
import * as certificates from '../store/certificates.ts';

type Knowing = Pick<Seams, 'db' | 'pgp' | 'clock'>;

/**
 * As `pgp.readCertificate`, with what every copy that was ever kept revokes. What was known once holds for good: whoever brings a copy
 * without it, and whosever the certificate was before.
 */
export async function readKnown(seams: Knowing, newer: string | Uint8Array): Promise<CertificateFacts> {
  return asKnown(seams, await seams.pgp.readCertificate(newer));
}

/** The same of one that was read. Throws Refusal `unusable-certificate` where it is too large with what is known. */
export async function asKnown({ db, pgp, clock }: Knowing, facts: CertificateFacts): Promise<CertificateFacts> {
  return withRevocations(pgp, facts, await certificates.copiesOf(db, facts.fingerprint), clock.now());
}

/** As `pgp.renewCertificate` of one that is kept, with what the other copies revoke. */
export async function renewKnown(
  { db, pgp, clock }: Knowing,
  own: { fingerprint: string; data: Uint8Array },
  newer: string | Uint8Array,
): Promise<Renewal> {
  const now = clock.now();
  const { data } = await withRevocations(pgp, own, await certificates.copiesOf(db, own.fingerprint), now);
  const renewal = await pgp.renewCertificate(data, newer, now);
  return { ...renewal, changed: Buffer.compare(renewal.facts.data, own.data) !== 0 };
}

/** `copies`: all that is kept of the certificate. Takes nothing from them but revocations. */
export async function withRevocations<Known extends { data: Uint8Array }>(
  pgp: Pick<Pgp, 'renewCertificate'>,
  certificate: Known,
  copies: readonly Uint8Array[],
  now: Instant,
): Promise<Known | CertificateFacts> {
  let known: Known | CertificateFacts = certificate;
  for (const copy of copies)
    if (Buffer.compare(copy, certificate.data) !== 0) known = (await pgp.renewCertificate(known.data, copy, now)).revoked;
  return known;
}
