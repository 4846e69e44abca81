import type { Instant } from '../clock.ts';
import { armorCertificate } from './certificate.ts';
import { dateAt, openpgp } from './settings.ts';

/** A person's key, open: for the demonstration, where everybody's keys are made. Secrets are binary. */
export interface PersonKey {
  fingerprint: string;
  /** Armored certificate. */
  armored: string;
  certificate: Uint8Array;
  secret: Uint8Array;
}

/** A new Ed25519/X25519 key that any OpenPGP program of today can use, made at `at`. */
export async function createPersonKey(person: { name: string; address: string }, at: Instant): Promise<PersonKey> {
  const { privateKey, publicKey } = await openpgp.generateKey({
    type: 'ecc',
    curve: 'curve25519Legacy',
    userIDs: [{ name: person.name, email: person.address }],
    date: dateAt(at),
    format: 'object',
  });
  const certificate = publicKey.write();
  return {
    fingerprint: publicKey.getFingerprint().toUpperCase(),
    armored: armorCertificate(certificate),
    certificate,
    secret: privateKey.write(),
  };
}
