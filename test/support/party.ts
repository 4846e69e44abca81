import * as openpgp from 'openpgp';
import { type Instant, systemClock } from '../../src/clock.ts';

/** Somebody with an OpenPGP key, outside of Curfew. */
export interface Party {
  address: string;
  name: string;
  /** Armored, without a passphrase. */
  secret: string;
  /** Armored certificate. */
  public: string;
  /** Upper-case hex. */
  fingerprint: string;
}

/** 2025-01-01: before every instant that tests and stories happen at. */
const BORN: Instant = 1_735_689_600_000;

const parties = new Map<string, Promise<Party>>();

/** The party of that address: the same key again within this process. The key is one that GnuPG takes as well. */
export function makeParty(address: string, name = address.split('@', 1)[0] ?? address): Promise<Party> {
  const party = parties.get(address) ?? generate(address, name, {});
  parties.set(address, party);
  return party;
}

/** A fresh key each time, for those that expire (`lifetime` in seconds from `born`). */
export async function generate(address: string, name: string, of: { born?: Instant; lifetime?: number }): Promise<Party> {
  const { privateKey, publicKey } = await openpgp.generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs: [{ name, email: address }],
    date: new Date(of.born ?? BORN),
    keyExpirationTime: of.lifetime ?? 0,
    format: 'object',
  });
  const fingerprint = publicKey.getFingerprint().toUpperCase();
  return { address, name, secret: privateKey.armor(), public: publicKey.armor(), fingerprint };
}

export interface OpenedCopy {
  /** The decrypted MIME entity, octet for octet. */
  entity: Buffer;
  /** Fingerprint of the certificate in `by` whose signature over the whole entity is valid, upper case; null where there is none. */
  signer: string | null;
  /** Key ids of the packets that let somebody decrypt it, upper-case hex. */
  encryptedTo: string[];
}

/** Opens a copy with the key of a party. Rejects where that key does not open it, and where a signature said to be `by` somebody is not. */
export async function openCopy(raw: Buffer, party: Party, by?: string, at: Instant = systemClock.now()): Promise<OpenedCopy> {
  const armored = /-----BEGIN PGP MESSAGE-----[\s\S]*?-----END PGP MESSAGE-----/.exec(raw.toString('latin1'))?.[0];
  if (!armored) throw new Error(`no OpenPGP message in: ${raw.toString('latin1', 0, 300)}`);
  const message = await openpgp.readMessage({ armoredMessage: armored });
  const verificationKeys = by ? [await openpgp.readKey({ armoredKey: by })] : [];
  const { data, signatures } = await openpgp.decrypt({
    message,
    decryptionKeys: await openpgp.readPrivateKey({ armoredKey: party.secret }),
    verificationKeys,
    format: 'binary',
    date: new Date(at),
  });
  const encryptedTo = message.getEncryptionKeyIDs().map((id) => id.toHex().toUpperCase());
  if (by) for (const { verified } of signatures) await verified;
  const signer = by && signatures.length > 0 ? (verificationKeys[0]?.getFingerprint().toUpperCase() ?? null) : null;
  return { entity: Buffer.from(data), signer, encryptedTo };
}

/** What a party makes of his key at `at`. */
export type Change = { lifetime: number } | { revoked: true } | { subkey: true };

/** The certificate of a party, armored, after he extended it (`lifetime` in seconds from its making), revoked it, or added an encryption subkey. */
export async function changed(party: Party, at: Instant, change: Change): Promise<string> {
  const date = new Date(at);
  const key = await openpgp.readPrivateKey({ armoredKey: party.secret });
  if ('revoked' in change) return (await openpgp.revokeKey({ key, date, format: 'object' })).publicKey.armor();
  if ('subkey' in change) return (await key.addSubkey({ date })).toPublic().armor();
  const userIDs = [{ name: party.name, email: party.address }];
  const of = { privateKey: key, userIDs, keyExpirationTime: change.lifetime, date, format: 'object' } as const;
  return (await openpgp.reformatKey(of)).publicKey.armor();
}

/** As many revocations of a revoked key as that, none of which its owner made; those of another `copy` are others. */
export function forged(
  { revocationSignatures: [real] }: openpgp.PublicKey,
  many: number,
  copy: number,
): openpgp.SignaturePacket[] {
  if (!real) throw new Error('the key is not revoked');
  return Array.from({ length: many }, (_, n) => {
    const body = real.write();
    for (const [from, mask] of [n + 1, copy + 1].entries())
      body[body.length - 1 - from] = (body[body.length - 1 - from] ?? 0) ^ mask;
    const signature = new openpgp.SignaturePacket();
    signature.read(body);
    return signature;
  });
}

/** The octets of an armored certificate. */
export async function binary(armored: string): Promise<Uint8Array> {
  return (await openpgp.readKey({ armoredKey: armored })).write();
}
