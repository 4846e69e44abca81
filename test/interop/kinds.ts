import * as openpgp from 'openpgp';
import { systemClock } from '../../src/clock.ts';
import type { GnuPG, NewKey } from '../support/gnupg.ts';
import { withoutFlags } from '../support/unflagged.ts';
import type { Key } from './peers.ts';

/** A kind of key that people have. All programs are given the same one, but for `its own`, which each makes for itself. */
export interface Kind {
  name: string;
  /** Null where each program makes one by its own defaults. */
  make: ((gpg: GnuPG) => Promise<Key>) | null;
  /**
   * What is measured beside mail to Curfew and copies: signed mail that is not encrypted, and once every form there is. The
   * other kinds of a family differ in nothing that these depend on.
   */
  more?: 'signed mail' | 'every form';
}

export const USER_ID = 'Pat Peer <pat@peer.example>';

/** In the order in which they are measured: what takes GnuPG seconds to make comes last. */
export const kinds: readonly Kind[] = [
  { name: 'its own', make: null, more: 'signed mail' },
  { ...byGnuPG('Ed25519, X25519', { algorithm: 'ed25519', encryption: 'cv25519' }), more: 'every form' },
  { name: 'Ed25519, X25519 of RFC 9580, v4', make: () => byOpenpgpJs({}) },
  { name: 'Ed25519, X25519, v6', make: () => byOpenpgpJs({ v6Keys: true }) },
  { ...onCurve('NIST P-256', 'nistp256'), more: 'signed mail' },
  onCurve('NIST P-384', 'nistp384'),
  onCurve('NIST P-521', 'nistp521'),
  { ...onCurve('Brainpool P-256', 'brainpoolP256r1'), more: 'signed mail' },
  onCurve('Brainpool P-384', 'brainpoolP384r1'),
  onCurve('Brainpool P-512', 'brainpoolP512r1'),
  byGnuPG('RSA-1024', { algorithm: 'rsa1024', encryption: 'rsa1024' }),
  byGnuPG('RSA-2048, SHA-1', { algorithm: 'rsa2048', encryption: 'rsa2048', options: ['--cert-digest-algo', 'SHA1'] }),
  { name: 'RSA-2048, no key flags', make: unflagged, more: 'signed mail' },
  { ...byGnuPG('RSA-3072', { algorithm: 'rsa3072', encryption: 'rsa3072' }), more: 'signed mail' },
  byGnuPG('RSA-4096', { algorithm: 'rsa4096', encryption: 'rsa4096' }),
  byGnuPG('DSA, ElGamal', { algorithm: 'dsa2048', encryption: 'elg2048' }),
];

function byGnuPG(name: string, key: Omit<NewKey, 'userId'>): Kind {
  return { name, make: (gpg) => generate(gpg, key) };
}

function onCurve(name: string, curve: string): Kind {
  return byGnuPG(name, { algorithm: curve, encryption: curve });
}

async function generate(gpg: GnuPG, key: Omit<NewKey, 'userId'>): Promise<Key> {
  const fingerprint = await gpg.generate({ userId: USER_ID, ...key });
  return { fingerprint, secret: await gpg.secret(fingerprint), certificate: await gpg.certificate(fingerprint) };
}

/** None of the programs that were measured makes these. */
async function byOpenpgpJs(config: openpgp.PartialConfig): Promise<Key> {
  const userIDs = { name: 'Pat Peer', email: 'pat@peer.example' };
  const { privateKey } = await openpgp.generateKey({ type: 'curve25519', userIDs, config, format: 'object' });
  return keyOf(privateKey);
}

async function unflagged(gpg: GnuPG): Promise<Key> {
  const { secret } = await generate(gpg, { algorithm: 'rsa2048', encryption: 'rsa2048' });
  return keyOf(await withoutFlags(await openpgp.readPrivateKey({ binaryKey: secret }), new Date(systemClock.now())));
}

function keyOf(key: openpgp.PrivateKey): Key {
  return { fingerprint: key.getFingerprint().toUpperCase(), secret: key.write(), certificate: key.toPublic().write() };
}
