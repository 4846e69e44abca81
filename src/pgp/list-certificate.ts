import type { Instant } from '../clock.ts';
import { fingerprintOf, instantOf } from './parse.ts';
import { openpgp } from './settings.ts';

/** The public part of a list's key. */
export interface ListCertificate {
  fingerprint: string;
  /** Binary. */
  certificate: Uint8Array;
  expiresAt: Instant | null;
}

/** Takes the certificate out of a stored list key; its secret part stays locked, so no passphrase is needed. */
export async function listCertificate(armored: string): Promise<ListCertificate> {
  const key = await openpgp.readPrivateKey({ armoredKey: armored });
  return {
    fingerprint: fingerprintOf(key),
    certificate: key.toPublic().write(),
    expiresAt: instantOf(await key.getExpirationTime()),
  };
}
