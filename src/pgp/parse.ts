import { createHash } from 'node:crypto';
import type { Instant } from '../clock.ts';
import { openpgp } from './settings.ts';

/** A user id as it was signed: OpenPGP.js replaces bytes that are no UTF-8, and then its signature no longer verifies. */
class ExactUserId extends openpgp.UserIDPacket {
  #signed: Uint8Array = new Uint8Array();

  override read(bytes: Uint8Array): void {
    super.read(bytes);
    this.#signed = Uint8Array.from(bytes);
  }

  override write(): Uint8Array {
    return this.#signed;
  }
}

/** Parses the binary certificate that `readCertificate` let in; nothing is judged. */
export function parseCertificate(data: Uint8Array): Promise<openpgp.PublicKey> {
  return openpgp.readKey({ binaryKey: data, config: { additionalAllowedPackets: [ExactUserId] } });
}

/** Parses a binary transferable secret key. */
export function parseSecret(data: Uint8Array): Promise<openpgp.PrivateKey> {
  return openpgp.readPrivateKey({ binaryKey: data });
}

/**
 * Keeps what the last inputs of `parse` gave, of `most` octets together: a key costs 1 to 2 ms to parse and verify, and the same
 * are used for every copy. In memory it takes some twenty times its octets. What is parsed holds no judgement about a time; that is made anew at each use.
 */
export function remembering<Key>(parse: (data: Uint8Array) => Promise<Key>, most: number): (data: Uint8Array) => Promise<Key> {
  const known = new Map<string, { key: Key; octets: number }>();
  let octets = 0;
  const forget = (digest: string) => {
    octets -= known.get(digest)?.octets ?? 0;
    known.delete(digest);
  };
  return async (data) => {
    const digest = createHash('sha256').update(data).digest('base64');
    const key = known.get(digest)?.key ?? (await parse(data));
    forget(digest);
    known.set(digest, { key, octets: data.length });
    octets += data.length;
    for (const oldest of known.keys()) {
      if (octets <= most) break;
      forget(oldest);
    }
    return key;
  };
}

/** The few secret keys of the lists. */
export const secretOf = remembering(parseSecret, 128 * 1024);

/** Upper-case hexadecimal, as everywhere in Curfew. */
export function fingerprintOf(key: openpgp.Key | openpgp.Subkey): string {
  return key.getFingerprint().toUpperCase();
}

/** OpenPGP.js says Infinity for `never`, and null where no valid signature says anything. */
export function instantOf(date: Date | number | null): Instant | null {
  return date instanceof Date ? date.getTime() : null;
}

/**
 * The moment of the newest of these signatures, the one at which they can be judged without asking for the time: later
 * they may have expired, earlier they were not made.
 */
export function newest(signatures: openpgp.SignaturePacket[]): Date {
  return new Date(Math.max(0, ...signatures.map(({ created }) => created?.getTime() ?? 0)));
}

/** When a key was last made or renewed, by its own word: then it was valid, whatever has expired since. */
export function lastSigned(key: openpgp.Key): Date {
  return newest([
    ...key.users.flatMap((user) => user.selfCertifications),
    ...key.subkeys.flatMap((subkey) => subkey.bindingSignatures),
  ]);
}
