import type { Instant } from '../clock.ts';
import type { CertificateFacts, Usable } from '../pgp/certificate.ts';
import { primaryFingerprint } from '../pgp/certificate-bytes.ts';
import type { Pgp } from '../pgp/pool.ts';
import type { Renewal } from '../pgp/renewal.ts';
import { Refusal } from '../refusal.ts';
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

/**
 * Kept certificates, in their order, with what was known to be revoked of them since, from whatever copy: it counts for each row of the
 * same certificate. Null: with that it cannot be read.
 */
export async function withRevoked(
  { db, pgp }: Pick<Knowing, 'db'> & { pgp: Pick<Pgp, 'readKnown'> },
  kept: readonly Uint8Array[],
): Promise<(Uint8Array | null)[]> {
  const fingerprints = kept.map(fingerprintOrNone);
  const revoked = await certificates.revokedAmong(db, fingerprints);
  if (revoked.size === 0) return [...kept];
  return Promise.all(
    kept.map(async (data, at) => {
      const fingerprint = fingerprints[at] ?? '';
      if (!revoked.has(fingerprint)) return data;
      return pgp.readKnown(data, await certificates.revocationsOf(db, fingerprint)).then(
        (facts) => facts.data,
        (error: unknown) => {
          if (error instanceof Refusal && error.reason === 'unusable-certificate') return null;
          throw error;
        },
      );
    }),
  );
}

/** As `pgp.usable` of one that is kept, with what is known to be revoked of it. */
export async function usableKept(
  { db, pgp }: Pick<Knowing, 'db'> & { pgp: Pick<Pgp, 'usable' | 'readKnown'> },
  kept: Uint8Array,
  at: Instant,
): Promise<Usable> {
  const [data] = await withRevoked({ db, pgp }, [kept]);
  return data ? pgp.usable(data, at) : { usable: false, reason: 'unreadable' };
}

/** Empty for what is no certificate any more: whoever seals to it says so. */
function fingerprintOrNone(data: Uint8Array): string {
  try {
    return primaryFingerprint(data);
  } catch {
    return '';
  }
}

/** As `pgp.renewCertificate` of one that is kept, with what is known to be revoked of it. */
export async function renewKnown(
  { db, pgp, clock }: Knowing,
  own: { fingerprint: string; data: Uint8Array },
  newer: string | Uint8Array,
): Promise<Renewal> {
  return pgp.renewCertificate(own.data, newer, clock.now(), await certificates.revocationsOf(db, own.fingerprint));
}
