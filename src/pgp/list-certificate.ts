import type { Instant } from '../clock.ts';
import { fingerprintOf, instantOf, lastSigned } from './parse.ts';
import { openpgp } from './settings.ts';

/** The public part of a list's key. */
export interface ListCertificate {
  fingerprint: string;
  /** The list's, from the primary user id. */
  address: string;
  /** Binary. */
  certificate: Uint8Array;
  expiresAt: Instant | null;
}

/** Takes the certificate out of a stored list key; its secret part stays locked, so no passphrase is needed. */
export async function listCertificate(armored: string): Promise<ListCertificate> {
  const key = await openpgp.readPrivateKey({ armoredKey: armored });
  const { user } = await key.getPrimaryUser(lastSigned(key));
  return {
    fingerprint: fingerprintOf(key),
    address: user.userID?.email.toLowerCase() ?? '',
    certificate: key.toPublic().write(),
    expiresAt: instantOf(await key.getExpirationTime()),
  };
}
