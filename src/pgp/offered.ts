import { createHash } from 'node:crypto';
import { enclosedCertificates, offeredCertificates } from '../mail/enclosed.ts';
import type { Entity } from '../mail/message.ts';
import { eachCertificate } from './certificate-bytes.ts';

const MOST_OFFERED = 3;
/** Octets. OpenPGP.js compares all self-signatures of a certificate with each other: a flooded one of a stranger is not tried. */
export const LARGEST_OFFERED = 64 * 1024;

/** Of one mail: each is looked at for the keys in it, and none after these. */
const MOST_APART = 100;

/** Certificates that came with the mail in any way, each by itself. Nobody has looked at them yet. */
export function offeredIn(entity: Entity): Uint8Array[] {
  return eachAlone(offeredCertificates(entity));
}

/** Those that lie in it as files. */
export function enclosedIn(entity: Entity): Uint8Array[] {
  return eachAlone(enclosedCertificates(entity));
}

function eachAlone(files: readonly Uint8Array[]): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const file of files) {
    if (found.length >= MOST_APART) break;
    found.push(...eachCertificate(file));
  }
  return found.slice(0, MOST_APART);
}

/** Of what a stranger sends along, as much as anybody will look at. */
export function offerable(offered: readonly Uint8Array[]): Uint8Array[] {
  const small = offered.filter((data) => data.length <= LARGEST_OFFERED);
  return [...new Map(small.map((data) => [createHash('sha256').update(data).digest('hex'), data])).values()].slice(
    0,
    MOST_OFFERED,
  );
}
