import { randomBytes } from 'node:crypto';
import * as openpgp from 'openpgp';
import type { RosterEntry } from '../../src/roster/entries.ts';

/** What a member's certificate encrypts with. */
export type Kind = 'x25519' | 'rsa3072' | 'rsa4096' | 'v6';

const BORN = new Date(1_735_689_600_000);

/** Of the domain of the kind, so that the sink can tell them apart. */
export async function member(kind: Kind, number: number, lists: string[]): Promise<RosterEntry> {
  const address = `security@m${number}.${kind}.example`;
  return { organisation: `m${number}.${kind}`, lists, contacts: [{ address, certificate: await certificateOf(kind, address) }] };
}

/** To make them takes longer than much that is measured: in a run that asks for the same member again he has the same one. */
const made = new Map<string, Promise<string>>();

function certificateOf(kind: Kind, email: string): Promise<string> {
  const certificate = made.get(email) ?? makeCertificate(kind, email);
  made.set(email, certificate);
  return certificate;
}

async function makeCertificate(kind: Kind, email: string): Promise<string> {
  const of = { userIDs: [{ email }], date: BORN, format: 'object' as const };
  if (kind === 'v6')
    return (await openpgp.generateKey({ ...of, type: 'curve25519', config: { v6Keys: true } })).publicKey.armor();
  const { privateKey } = await openpgp.generateKey({ ...of, type: 'ecc', curve: 'ed25519Legacy' });
  return kind === 'x25519' ? privateKey.toPublic().armor() : withRsa(privateKey, kind === 'rsa3072' ? 3072 : 4096);
}

/** What OpenPGP.js has and does not tell of. */
interface RawSubkey {
  version: number;
  created: Date;
  algorithm: number;
  publicParams: { n: Uint8Array; e: Uint8Array };
  computeFingerprintAndKeyID(): Promise<void>;
}

/**
 * The certificate with an RSA subkey of that length in the place of its own. Its modulus is an odd number by chance: to encrypt to it
 * costs what it costs to encrypt to any other, nobody can decrypt it, and to make it costs nothing.
 */
async function withRsa(key: openpgp.PrivateKey, bits: number): Promise<string> {
  const n = new Uint8Array(randomBytes(bits / 8));
  n[0] = (n[0] ?? 0) | 0x80;
  n[n.length - 1] = (n[n.length - 1] ?? 0) | 1;
  const subkey = new openpgp.PublicSubkeyPacket() as unknown as RawSubkey;
  Object.assign(subkey, {
    version: 4,
    algorithm: openpgp.enums.publicKey.rsaEncryptSign,
    publicParams: { n, e: Uint8Array.of(1, 0, 1) },
  });
  await subkey.computeFingerprintAndKeyID();
  const binding = Object.assign(new openpgp.SignaturePacket(), {
    signatureType: openpgp.enums.signature.subkeyBinding,
    publicKeyAlgorithm: key.keyPacket.algorithm,
    hashAlgorithm: openpgp.enums.hash.sha512,
    keyFlags: Uint8Array.of(openpgp.enums.keyFlags.encryptCommunication | openpgp.enums.keyFlags.encryptStorage),
  });
  const signed = { key: key.keyPacket, bind: subkey };
  await Reflect.apply(binding.sign, binding, [key.keyPacket, signed, BORN, false, openpgp.config]);
  const certificate = key.toPublic();
  certificate.subkeys = [];
  const packets = certificate.toPacketList();
  packets.push(subkey as unknown as openpgp.PublicSubkeyPacket, binding);
  return new openpgp.PublicKey(packets as unknown as openpgp.PacketList<openpgp.AnyPacket>).armor();
}
