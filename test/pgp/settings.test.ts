import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openpgp } from '../../src/pgp/settings.ts';

const { config, enums } = openpgp;
type Setting = keyof openpgp.Config;

/** All settings of the installed OpenPGP.js: a version that knows another one, or a line that is changed, is looked at here. */
const chosen: Record<Setting, unknown> = {
  maxDecompressedMessageSize: 67_108_864,
  maxArgon2MemoryExponent: 16,
  maxUserIDLength: 2048,
  allowUnauthenticatedMessages: false,
  allowUnauthenticatedStream: false,
  enforceGrammar: true,
  additionalAllowedPackets: [],
  ignoreUnsupportedPackets: true,
  ignoreMalformedPackets: false,
  enableParsingV5Entities: false,
  parseAEADEncryptedV4KeysAsLegacy: false,
  allowInsecureDecryptionWithSigningKeys: false,
  allowInsecureVerificationWithReformattedKeys: false,
  allowMissingKeyFlags: false,
  minRSABits: 2047,
  rejectPublicKeyAlgorithms: new Set([enums.publicKey.elgamal, enums.publicKey.dsa]),
  rejectCurves: new Set([enums.curve.secp256k1]),
  useEllipticFallback: true,
  rejectHashAlgorithms: new Set([enums.hash.md5, enums.hash.ripemd]),
  rejectMessageHashAlgorithms: new Set([enums.hash.md5, enums.hash.ripemd, enums.hash.sha1]),
  constantTimePKCS1Decryption: true,
  constantTimePKCS1DecryptionSupportedSymmetricAlgorithms: new Set([
    enums.symmetric.aes128,
    enums.symmetric.aes192,
    enums.symmetric.aes256,
  ]),
  preferredCompressionAlgorithm: enums.compression.uncompressed,
  preferredSymmetricAlgorithm: enums.symmetric.aes256,
  preferredHashAlgorithm: enums.hash.sha512,
  aeadProtect: false,
  preferredAEADAlgorithm: enums.aead.gcm,
  v6Keys: false,
  nonDeterministicSignaturesViaNotation: true,
  passwordCollisionCheck: false,
  showVersion: false,
  showComment: false,
  s2kType: enums.s2k.iterated,
  s2kIterationCountByte: 255,
  // As they are by default: nothing here uses them.
  aeadChunkSizeByte: 12,
  commentString: 'https://openpgpjs.org',
  knownNotations: [],
  s2kArgon2Params: { passes: 3, parallelism: 4, memoryExponent: 16 },
  versionString: expect.stringMatching(/^OpenPGP\.js /),
};

test('every setting has the value that was chosen for it', () => {
  expect({ ...config }).toEqual(chosen);
});

test('the settings cannot be changed by whoever comes later', () => {
  expect(() => {
    config.allowUnauthenticatedMessages = true;
  }).toThrow(TypeError);
});

const date = new Date('2026-09-01T00:00:00Z');
const alice = { name: 'Alice', email: 'alice@member.example' };
type Options = Parameters<typeof openpgp.generateKey>[0];

async function made(options: Partial<Options> = {}): Promise<openpgp.PrivateKey> {
  const { privateKey } = await openpgp.generateKey({ userIDs: alice, date, ...options, format: 'object' });
  return privateKey;
}
const text = (words = 'x') => openpgp.createMessage({ text: words });
const parsed = async (binaryMessage: Uint8Array) => openpgp.readMessage({ binaryMessage });
const opened = async (binary: Uint8Array, keys: openpgp.PrivateKey | null = null) =>
  openpgp.decrypt({ message: await parsed(binary), ...(keys ? { decryptionKeys: keys } : { passwords: 'x' }), date });
const withPassword = async (options: openpgp.PartialConfig = {}) =>
  openpgp.encrypt({ message: await text(), passwords: 'x', format: 'binary', date, config: options });
const sealedTo = async (encryptionKeys: openpgp.PrivateKey, options: openpgp.PartialConfig = {}) =>
  openpgp.encrypt({ message: await text(), encryptionKeys, format: 'binary', date, config: options });
const signedBy = async (signingKeys: openpgp.PrivateKey, at = date, options: openpgp.PartialConfig = {}) =>
  openpgp.sign({ message: await text(), signingKeys, format: 'binary', date: at, config: options });
async function verified(binary: Uint8Array, verificationKeys: openpgp.Key): Promise<unknown> {
  const message = await parsed(binary);
  const { signatures } = await openpgp.verify({ message, verificationKeys: verificationKeys.toPublic(), date });
  return signatures[0]?.verified;
}
const packetsOf = async (binary: Uint8Array, tag: number) => (await parsed(binary)).packets.filterByTag(tag);

/** A packet with a five-octet length (RFC 9580 §4.2.1.3). */
function packet(tag: number, body: Uint8Array): Buffer {
  const header = Buffer.from([0xc0 | tag, 255, 0, 0, 0, 0]);
  header.writeUInt32BE(body.length, 2);
  return Buffer.concat([header, body]);
}
const literal = packet(enums.packet.literalData, Buffer.from('b\0\0\0\0\0words', 'latin1'));

/** A session key for a key that was not made to decrypt with, and what it encrypts. */
async function forcedOn(key: openpgp.PrivateKey, algorithm: openpgp.enums.symmetric): Promise<Uint8Array> {
  const name = openpgp.enums.read(enums.symmetric, algorithm);
  const data = Buffer.alloc(algorithm === enums.symmetric.tripledes ? 24 : 32, 7);
  const forKey = Object.assign(new openpgp.PublicKeyEncryptedSessionKeyPacket(), {
    version: 3,
    publicKeyID: key.getKeyID(),
    publicKeyAlgorithm: key.keyPacket.algorithm,
    sessionKey: data,
    sessionKeyAlgorithm: algorithm,
  });
  await Reflect.apply(Reflect.get(forKey, 'encrypt'), forKey, [key.keyPacket]);
  const sessionKey = { data, algorithm: name as 'aes256' };
  const content = await openpgp.encrypt({ message: await text(), sessionKey, format: 'binary', date });
  return Buffer.concat([packet(enums.packet.publicKeyEncryptedSessionKey, forKey.write()), content]);
}

/** The one feature that a certificate for GnuPG 2.2 has (RFC 9580 §5.2.3.32). */
const SEIPD_V1 = 1;
const rsa = { type: 'rsa', rsaBits: 2048 } as const;

/** What each setting does, as far as it can be seen from outside. */
const shown: Partial<Record<Setting, () => Promise<unknown>>> = {
  maxDecompressedMessageSize: async () => {
    const message = await openpgp.createMessage({ binary: new Uint8Array(65 * 1024 * 1024) });
    const zlib = { preferredCompressionAlgorithm: enums.compression.zlib };
    const bomb = await openpgp.encrypt({ message, passwords: 'x', format: 'binary', config: zlib });
    expect(bomb.length).toBeLessThan(200_000);
    await expect(opened(bomb).then(({ data }) => data.length)).rejects.toThrow('Maximum decompressed message size exceeded');
  },
  maxArgon2MemoryExponent: async () => {
    const s2kArgon2Params = { passes: 1, parallelism: 1, memoryExponent: 10 };
    const small = Buffer.from(await withPassword({ s2kType: enums.s2k.argon2, s2kArgon2Params }));
    expect((await opened(small)).data).toBe('x');
    // Type 4, 16 octets of salt, passes, parallelism, exponent (RFC 9580 §3.7.1.4).
    const at = small.indexOf(Buffer.from([1, 1, 10]));
    expect(small[at - 17]).toBe(enums.s2k.argon2);
    small[at + 2] = 17;
    await expect(opened(small)).rejects.toThrow(/exceeds `config.maxArgon2MemoryExponent`/);
  },
  maxUserIDLength: async () => {
    const named = async (length: number) => {
      const key = (await made()).toPublic();
      const [primary, rest] = [key.keyPacket.write(), packet(enums.packet.userID, Buffer.alloc(length, 97))];
      const binaryKey = Buffer.concat([packet(enums.packet.publicKey, primary), rest]);
      return (await openpgp.readKey({ binaryKey })).users;
    };
    expect(await named(2048)).toHaveLength(1);
    await expect(named(2049)).rejects.toThrow(/User ID string is too long/);
  },
  allowUnauthenticatedMessages: async () => {
    const sessionKey = { data: Buffer.alloc(32, 7), algorithm: 'aes256' as const };
    const forPassword = await openpgp.encryptSessionKey({ ...sessionKey, passwords: 'x', format: 'binary', date });
    const bare = new openpgp.SymmetricallyEncryptedDataPacket();
    Object.assign(bare, { packets: (await text()).packets });
    await Reflect.apply(Reflect.get(bare, 'encrypt'), bare, [enums.symmetric.aes256, sessionKey.data, config]);
    const message = Buffer.concat([forPassword, packet(enums.packet.symmetricallyEncryptedData, bare.write() as Uint8Array)]);
    await expect(opened(message)).rejects.toThrow(/not authenticated/);
  },
  enforceGrammar: async () => {
    await expect(parsed(Buffer.concat([literal, literal])).then((read) => read.getText())).rejects.toThrow(
      /Unexpected packet 11/,
    );
  },
  additionalAllowedPackets: async () => {
    await expect(parsed(packet(enums.packet.userID, Buffer.from('Alice')))).rejects.toThrow(/not allowed in this context/);
  },
  ignoreUnsupportedPackets: async () => {
    const key = (await made()).toPublic();
    const future = packet(enums.packet.publicSubkey, Buffer.concat([Buffer.of(99), Buffer.alloc(40)]));
    expect((await openpgp.readKey({ binaryKey: Buffer.concat([key.write(), future]) })).subkeys).toHaveLength(1);
  },
  ignoreMalformedPackets: async () => {
    const key = (await made()).toPublic();
    const damaged = packet(enums.packet.signature, Buffer.from([4, 0x18, 22, 10, 0, 99]));
    await expect(openpgp.readKey({ binaryKey: Buffer.concat([key.write(), damaged]) })).rejects.toThrow(
      /Parsing SignaturePacket failed/,
    );
  },
  enableParsingV5Entities: async () => {
    const { keyPacket } = (await made()).toPublic();
    const four = Buffer.from(keyPacket.write());
    const material = four.subarray(6);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(material.length);
    const five = Buffer.concat([Buffer.of(5), four.subarray(1, 6), length, material]);
    const binaryKey = packet(enums.packet.publicKey, five);
    await expect(openpgp.readKey({ binaryKey })).rejects.toThrow('No key packet found');
    expect((await openpgp.readKey({ binaryKey, config: { enableParsingV5Entities: true } })).keyPacket.version).toBe(5);
  },
  allowInsecureDecryptionWithSigningKeys: async () => {
    const key = await made({ ...rsa, subkeys: [] });
    await expect(opened(await forcedOn(key, enums.symmetric.aes256), key)).rejects.toThrow(/No decryption key packets found/);
  },
  allowInsecureVerificationWithReformattedKeys: async () => {
    const born = new Date('2026-01-01T00:00:00Z');
    const key = await made({ date: born });
    const early = await signedBy(key, new Date('2026-02-01T00:00:00Z'));
    const again = { userIDs: alice, privateKey: key, format: 'object', date: new Date('2026-03-01T00:00:00Z') } as const;
    const { publicKey } = await openpgp.reformatKey(again);
    await expect(verified(early, publicKey)).rejects.toThrow(/not find valid self-signature|in the future/i);
  },
  minRSABits: async () => {
    const key = await made({ type: 'rsa', rsaBits: 1024, config: { minRSABits: 1024 } });
    await expect(sealedTo(key)).rejects.toThrow(/shorter than 2047 bits/);
  },
  rejectCurves: async () => {
    const options = { rejectCurves: new Set<openpgp.enums.curve>() };
    const key = await made({ type: 'ecc', curve: 'secp256k1' as 'nistP256', config: options });
    await expect(sealedTo(key)).rejects.toThrow(/support for .*secp256k1/i);
    await expect(verified(await signedBy(key, date, options), key)).rejects.toThrow(/secp256k1/);
  },
  rejectHashAlgorithms: async () => {
    const options = { preferredHashAlgorithm: enums.hash.md5, nonDeterministicSignaturesViaNotation: false };
    const key = await made({ ...rsa, config: { ...options, rejectHashAlgorithms: new Set() } });
    await expect(sealedTo(key)).rejects.toThrow(/Insecure hash algorithm: MD5/);
  },
  rejectMessageHashAlgorithms: async () => {
    const options = { preferredHashAlgorithm: enums.hash.sha1, nonDeterministicSignaturesViaNotation: false };
    const key = await made({ ...rsa, config: options });
    const bySha1 = await signedBy(key, date, { ...options, rejectMessageHashAlgorithms: new Set() });
    await expect(verified(bySha1, key)).rejects.toThrow(/Insecure message hash algorithm: SHA1/);
  },
  constantTimePKCS1DecryptionSupportedSymmetricAlgorithms: async () => {
    const key = await made({ ...rsa, subkeys: [] });
    const anything = { ...config, allowInsecureDecryptionWithSigningKeys: true };
    const open = async (algorithm: openpgp.enums.symmetric) =>
      openpgp.decrypt({ message: await parsed(await forcedOn(key, algorithm)), decryptionKeys: key, date, config: anything });
    expect((await open(enums.symmetric.aes256)).data).toBe('x');
    await expect(open(enums.symmetric.tripledes)).rejects.toThrow(/Session key decryption failed|Error decrypting/);
  },
  preferredCompressionAlgorithm: async () => {
    const key = await made({ config: { preferredCompressionAlgorithm: enums.compression.zlib } });
    const message = await (await parsed(await sealedTo(key))).decrypt([key], undefined, undefined, date);
    expect(message.packets.map((one) => one.constructor.name)).toEqual(['LiteralDataPacket']);
  },
  preferredSymmetricAlgorithm: async () => {
    const [forPassword] = await openpgp.decryptSessionKeys({ message: await parsed(await withPassword()), passwords: 'x', date });
    expect(forPassword?.algorithm).toBe('aes256');
  },
  preferredHashAlgorithm: async () => {
    const signing = { message: await text(), signingKeys: await made(rsa), detached: true, date } as const;
    const { packets } = await openpgp.sign({ ...signing, format: 'object' });
    expect(packets[0]).toMatchObject({ hashAlgorithm: enums.hash.sha512 });
  },
  aeadProtect: async () => {
    const [user] = (await made()).users;
    expect([...(user?.selfCertifications[0]?.features ?? [])]).toEqual([SEIPD_V1]);
  },
  preferredAEADAlgorithm: async () => {
    const [data] = await packetsOf(await withPassword({ aeadProtect: true }), enums.packet.symEncryptedIntegrityProtectedData);
    expect(data).toMatchObject({ version: 2, aeadAlgorithm: enums.aead.gcm });
  },
  v6Keys: async () => expect((await made()).keyPacket.version).toBe(4),
  nonDeterministicSignaturesViaNotation: async () => {
    const key = await made();
    const [one, other] = await Promise.all([signedBy(key), signedBy(key)]);
    expect(Buffer.from(one)).not.toEqual(Buffer.from(other));
  },
  showVersion: async () => {
    const key = await made();
    const armored = [key.armor(), await openpgp.encrypt({ message: await text(), encryptionKeys: key, date })];
    // `showComment` as well: an armor header is a name, a colon and a blank (RFC 9580 §6.2).
    for (const one of armored) expect(one).not.toMatch(/^[A-Za-z]+: /m);
  },
  s2kType: async () => {
    const { keyPacket } = await openpgp.encryptKey({ privateKey: await made(), passphrase: 'x' });
    expect(keyPacket).toMatchObject({ s2k: { type: 'iterated', c: 255 } });
  },
};

/** Those of which a test here would show nothing, and why. */
const notShown: Partial<Record<Setting, string>> = {
  allowUnauthenticatedStream: 'what is opened is octets, never a stream',
  allowMissingKeyFlags: 'shown by unflagged.test.ts',
  parseAEADEncryptedV4KeysAsLegacy: 'secret keys of a draft, which nothing here can make',
  rejectPublicKeyAlgorithms: 'OpenPGP.js makes no such keys; certificate.test.ts has them made by GnuPG',
  useEllipticFallback: 'the platform has the curves',
  constantTimePKCS1Decryption: 'a matter of time; what it refuses besides is shown with the algorithms that it supports',
  passwordCollisionCheck: 'two passwords that fit are one chance in 2^16 messages',
  showComment: 'shown with showVersion',
  s2kIterationCountByte: 'shown with s2kType',
  aeadChunkSizeByte: 'the default',
  commentString: 'not written',
  knownNotations: 'the default: a critical notation is not understood',
  s2kArgon2Params: 'the default; list keys do not use Argon2',
  versionString: 'not written',
};

describe('what the settings do', () => {
  test.each(Object.entries(shown))('%s', { timeout: 30_000 }, async (_, vector) => {
    await vector();
  });

  test('each is shown here, or it is said why not', () => {
    expect([...Object.keys(shown), ...Object.keys(notShown)].sort()).toEqual(Object.keys(chosen).sort());
  });
});

test('only settings.ts imports the package itself', () => {
  const src = new URL('../../src', import.meta.url).pathname;
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const importers = files.filter((name) => /^import (?!type\b).*from 'openpgp'/m.test(readFileSync(join(src, name), 'utf8')));
  expect(importers).toEqual(['pgp/settings.ts']);
});
