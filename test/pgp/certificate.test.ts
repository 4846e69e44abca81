import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DAY, systemClock } from '../../src/clock.ts';
import { armorCertificate, certificateText, readCertificate, usable } from '../../src/pgp/certificate.ts';
import { keyIdsIn, primaryFingerprint } from '../../src/pgp/certificate-bytes.ts';
import { renewCertificate } from '../../src/pgp/renewal.ts';
import { openpgp } from '../../src/pgp/settings.ts';
import { adopting } from '../support/bindings.ts';
import { costlyCertificate, packet } from '../support/costly.ts';
import { effort } from '../support/effort.ts';
import { absent, corpus, type GnuPG, type NewKey, openGnuPG } from '../support/gnupg.ts';

const now = Math.floor((systemClock.now() - 10 * DAY) / 1000) * 1000;
type Options = Parameters<typeof openpgp.generateKey>[0];

async function made(options: Partial<Options> = {}): Promise<openpgp.PrivateKey> {
  const { privateKey } = await openpgp.generateKey({
    userIDs: { name: 'Alice', email: 'Alice@Member.Example' },
    date: new Date(now),
    ...options,
    format: 'object',
  });
  return privateKey;
}

async function refusalOf(input: Uint8Array | string): Promise<string> {
  const error = await readCertificate(input).then(
    () => 'read',
    (thrown) => thrown,
  );
  expect(error).toMatchObject({ name: 'Refusal', reason: 'unusable-certificate' });
  return String(error.hint);
}

describe('a certificate file is made a text', () => {
  test('armor as it is, also below a byte order mark; binary armored', async () => {
    const key = (await made()).toPublic();
    const [armored, data] = [armorCertificate(key.write()), key.write()];
    const at = Buffer.concat([Buffer.from('x'), data]);
    expect(certificateText(Buffer.from(armored))).toBe(armored);
    expect(certificateText(Buffer.from(`\ufeff${armored}`))).toBe(`\ufeff${armored}`);
    expect([certificateText(data), certificateText(at.subarray(1))]).toEqual([armored, armored]);
    expect(certificateText(Buffer.from('no certificate'))).toBe('no certificate');
  });

  test('what is binary and not one certificate is refused', async () => {
    const [one, other] = [await made(), await made()];
    const several = Buffer.concat([one.toPublic().write(), other.toPublic().write()]);
    for (const [octets, why] of [
      [one.write(), 'That is a secret key'],
      [several, 'There are several certificates'],
      [Buffer.from('ffd8ffe000104a464946', 'hex'), 'The certificate is damaged'],
    ] as const)
      expect(() => certificateText(octets)).toThrow(why);
  });
});

describe('a certificate is read', () => {
  test('armored, binary and as armored bytes, to the same facts', async () => {
    const key = await made({ keyExpirationTime: 86_400 * 30 });
    const data = key.toPublic().write();
    const facts = await readCertificate(data);
    expect(facts).toMatchObject({
      fingerprint: key.getFingerprint().toUpperCase(),
      userIds: ['Alice <Alice@Member.Example>'],
      addresses: ['alice@member.example'],
      createdAt: now,
      expiresAt: now + 30 * DAY,
    });
    expect(facts.keys.map(({ fingerprint, keyId }) => fingerprint.endsWith(keyId))).toEqual([true, true]);
    for (const armored of [key.toPublic().armor(), armorCertificate(data), `Hi,\n\n${armorCertificate(data)}\nbye`]) {
      expect(await readCertificate(armored)).toEqual(facts);
      expect(await readCertificate(Buffer.from(armored.replaceAll('\n', '\r\n')))).toEqual(facts);
    }
  });

  test('without what others signed, without pictures, without subkeys that it does not vouch for', async () => {
    const [alice, bob] = await Promise.all([made(), made({ userIDs: { email: 'bob@member.example' } })]);
    const certified = (await alice.toPublic().signAllUsers([bob], new Date(now))).write();
    const clean = alice.toPublic().write();
    expect(certified.length).toBeGreaterThan(clean.length);
    const [bobsSubkey] = bob.toPublic().subkeys;
    const strangers = packet(14, bobsSubkey?.keyPacket.write() ?? Buffer.of());
    const picture = packet(17, Buffer.alloc(50_000, 1));
    const facts = await readCertificate(Buffer.concat([certified, strangers, picture]));
    expect(Buffer.from(facts.data)).toEqual(Buffer.from(clean));
    expect(facts.keys).toHaveLength(2);
  });

  test('with its revocation, which is kept', async () => {
    const { publicKey } = await openpgp.revokeKey({ key: await made(), date: new Date(now), format: 'object' });
    const { data } = await readCertificate(publicKey.write());
    expect(await usable(data, now)).toEqual({ usable: false, reason: 'revoked' });
  });

  test('with whom its owner named to revoke it, also when it comes again', async () => {
    const key = await made();
    const { publicKeyAlgorithm, hashAlgorithm } = key.users[0]?.selfCertifications[0] ?? {};
    const naming = Object.assign(new openpgp.SignaturePacket(), { publicKeyAlgorithm, hashAlgorithm });
    const revoker = {
      revocationKeyClass: 0x80,
      revocationKeyAlgorithm: 22,
      revocationKeyFingerprint: new Uint8Array(20).fill(7),
    };
    Object.assign(naming, { signatureType: openpgp.enums.signature.key, ...revoker });
    const sign = naming.sign.bind(naming) as unknown as (...given: unknown[]) => Promise<void>;
    await sign(key.keyPacket, { key: key.keyPacket }, new Date(now), false, openpgp.config);
    const certificate = Object.assign(key.toPublic(), { directSignatures: [naming] }).write();
    const { data } = await readCertificate(certificate);
    const read = (await openpgp.readKey({ binaryKey: data })) as unknown as { directSignatures: openpgp.SignaturePacket[] };
    expect(read.directSignatures).toMatchObject([revoker]);
    expect((await renewCertificate(data, certificate, now)).changed).toBe(false);
    expect(await usable(data, now)).toMatchObject({ usable: true });
  });

  test('with a user id that is no UTF-8, byte for byte, so that its signature still holds', async () => {
    const key = await made();
    const [user] = key.users;
    const [signature] = user?.selfCertifications ?? [];
    if (!user?.userID || !signature) throw new Error('no user id');
    const latin1 = Buffer.from('B\xfcro <buero@member.example>', 'latin1');
    Object.assign(user.userID, { write: () => latin1 });
    Object.assign(signature, { rawNotations: [] });
    // The types leave out the last two parameters (detached, config).
    const signed = { userID: user.userID, key: key.keyPacket };
    await Reflect.apply(signature.sign, signature, [key.keyPacket, signed, new Date(now), false, openpgp.config]);
    const facts = await readCertificate(key.toPublic().write());
    expect(facts.addresses).toEqual(['buero@member.example']);
    expect(Buffer.from(facts.data).includes(latin1)).toBe(true);
    expect(await usable(facts.data, now)).toEqual({ usable: true, until: null });
  });
});

describe('what is no single certificate is refused, saying what to send', () => {
  test('a secret key, armored or not', async () => {
    const key = await made();
    expect(await refusalOf(key.armor())).toMatch(/^That is a secret key: it must never be given away/);
    expect(await refusalOf(key.write())).toMatch(/^That is a secret key/);
  });

  test('none, several, damaged, cut off', async () => {
    const [one, two] = await Promise.all([made(), made()]);
    const armored = one.toPublic().armor();
    const message = await openpgp.encrypt({
      message: await openpgp.createMessage({ text: 'x' }),
      encryptionKeys: one,
      date: new Date(now),
    });
    for (const none of ['', 'hello', message, new Uint8Array(), Buffer.from(message)])
      expect(await refusalOf(none)).toMatch(/^There is no OpenPGP/);
    expect(await refusalOf(armored + two.toPublic().armor())).toMatch(/^There are several/);
    expect(await refusalOf(Buffer.concat([one.toPublic().write(), two.toPublic().write()]))).toMatch(/^There are several/);
    expect(await refusalOf(one.toPublic().write().subarray(0, -3))).toMatch(/damaged or cut off/);
    expect(await refusalOf(armored.slice(0, 200))).toMatch(/END line is missing/);
    expect(await refusalOf(packet(6, Buffer.alloc(300, 3)))).toMatch(/cannot be read/);
  });

  test('one whose user ids nobody signed', async () => {
    const key = (await made()).toPublic();
    for (const user of key.users) user.selfCertifications = [];
    expect(await refusalOf(key.write())).toMatch(/^No user ID of the certificate can be verified/);
  });

  test('one with 50,000 signatures, in under a second', async () => {
    const certificate = (await made()).toPublic().write();
    const small = packet(2, Buffer.alloc(10, 4));
    const spent = effort();
    expect(await refusalOf(Buffer.concat([certificate, ...Array<Buffer>(50_000).fill(small)]))).toMatch(
      /more than 1000 packets.*export-minimal/,
    );
    const real = packet(2, Buffer.alloc(100, 4));
    expect(await refusalOf(Buffer.concat([certificate, ...Array<Buffer>(50_000).fill(real)]))).toMatch(
      /larger than 1 MiB.*export-minimal/,
    );
    expect(await refusalOf('-----BEGIN PGP PUBLIC KEY BLOCK-----\n'.repeat(28_000))).toMatch(/several/);
    expect(spent()).toBeLessThan(1000);
  });

  test('one whose signatures multiply: 490 self-signatures, 490 revocations, none of them valid', async () => {
    const key = await made();
    const [user] = key.users;
    const revoked = await user?.revoke(key.keyPacket as openpgp.SecretKeyPacket, undefined, new Date(now));
    const signatures = [user?.selfCertifications[0], revoked?.revocationSignatures[0]].flatMap((signature) => {
      const bytes = signature?.write() ?? new Uint8Array();
      return Array.from({ length: 490 }, (_, i) =>
        packet(
          2,
          bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ (1 + (i % 255)) : byte)),
        ),
      );
    });
    const [primary, userId] = [key.toPublic().keyPacket.write(), user?.userID?.write() ?? new Uint8Array()];
    const certificate = Buffer.concat([packet(6, primary), packet(13, userId), ...signatures]);
    const spent = effort();
    expect(await refusalOf(certificate)).toMatch(/more than 250 signatures of its own key.*export-minimal/);
    expect(await usable(certificate, now)).toEqual({ usable: false, reason: 'unreadable' });
    expect(spent()).toBeLessThan(5000);
  });

  test.each([
    ['16,000-bit modulus and exponent', { modulus: 16_000, exponent: 16_000 }],
    ['16,000-bit modulus', { modulus: 16_000, exponent: 17 }],
    ['65-bit exponent', { modulus: 2048, exponent: 65 }],
  ])('one with an RSA key of a %s, before anything is calculated', async (_, key) => {
    const started = performance.now();
    expect(await refusalOf(costlyCertificate('evil@evil.example', key).data)).toMatch(/^A key of the certificate is too long/);
    expect(performance.now() - started).toBeLessThan(500);
  });

  test('an RSA key of 8192 bits is calculated with', async () => {
    expect(await refusalOf(costlyCertificate('e@evil.example', { modulus: 8192, exponent: 64 }).data)).toMatch(/^No user ID/);
  });

  test('one with a DSA, an ElGamal and an elliptic key of numbers that nobody has', async () => {
    const certificate = (await made()).toPublic().write();
    const number = (bits: number) => Buffer.concat([Buffer.of(bits >> 8, bits & 0xff), Buffer.alloc(Math.ceil(bits / 8), 0xff)]);
    const curve = Buffer.from('082a8648ce3d030107', 'hex');
    for (const [algorithm, numbers] of [
      [16, [number(9000), number(8), number(9000)]],
      [17, [number(2048), number(600), number(2048), number(2048)]],
      [19, [curve, number(8000)]],
    ] as const) {
      const key = Buffer.concat([Buffer.of(4, 0, 0, 0, 0, algorithm), ...numbers]);
      expect(await refusalOf(Buffer.concat([certificate, packet(14, key)]))).toMatch(/^A key of the certificate is too long/);
    }
  });

  test('one with more than 50 user ids', async () => {
    const userIDs = Array.from({ length: 51 }, (_, i) => ({ email: `a${i}@member.example` }));
    expect(await refusalOf((await made({ userIDs })).toPublic().write())).toMatch(/more than 50 user IDs.*export-minimal/);
    expect((await readCertificate((await made({ userIDs: userIDs.slice(1) })).toPublic().write())).userIds).toHaveLength(50);
  });

  test('one with a modulus of 500,000 bits', async () => {
    const certificate = (await made()).toPublic().write();
    expect(await refusalOf(Buffer.concat([certificate, packet(14, Buffer.alloc(62_500, 4))]))).toMatch(/too long/);
  });
});

describe('the keys of a certificate', () => {
  test('are those of OpenPGP.js by their framing alone, version 4 and 6', async () => {
    for (const options of [{}, { config: { v6Keys: true } }, { type: 'rsa', rsaBits: 2048 }] as Partial<Options>[]) {
      const key = (await made(options)).toPublic();
      const ids = key.getKeys().map((each) => each.getKeyID().toHex().toUpperCase());
      expect(keyIdsIn(key.write())).toEqual(ids);
      expect(keyIdsIn(Buffer.from(key.armor()))).toEqual(ids);
      expect(primaryFingerprint(key.armor())).toBe(key.getFingerprint().toUpperCase());
    }
    expect(keyIdsIn(Buffer.from('nothing'))).toEqual([]);
  });

  test('sign for it where they agreed to be its: the primary key, and a subkey with a back-signature', async () => {
    const key = await made({ subkeys: [{ sign: true }, {}] });
    const { keys, claimed } = await readCertificate(key.toPublic().write());
    expect([keys.map(({ signs }) => signs), claimed]).toEqual([[true, true, false], []]);
  });

  test('are not what it claims: a signing subkey without a back-signature is left off, and told', async () => {
    const victim = await made();
    const { keys, claimed, data } = await readCertificate(await adopting('evil@evil.example', victim.toPublic().armor()));
    expect(keys.map(({ signs }) => signs)).toEqual([true, false]);
    expect(claimed).toEqual([victim.getFingerprint().toUpperCase()]);
    expect(keyIdsIn(data)).not.toContain(victim.getKeyID().toHex().toUpperCase());
  });
});

describe('may it be encrypted to', () => {
  const judged = async (key: openpgp.PrivateKey, at = now) => usable((await readCertificate(key.toPublic().write())).data, at);

  test('only from its making to its expiry; the earlier one of primary key and subkey counts', async () => {
    const key = await made({ keyExpirationTime: 86_400 * 30, subkeys: [{ keyExpirationTime: 86_400 * 10 }] });
    expect(await judged(key, now - 1000)).toEqual({ usable: false, reason: 'not-yet-valid' });
    expect(await judged(key)).toEqual({ usable: true, until: now + 10 * DAY });
    expect(await judged(key, now + 10 * DAY - 1)).toEqual({ usable: true, until: now + 10 * DAY });
    expect(await judged(key, now + 10 * DAY)).toEqual({ usable: false, reason: 'expired' });
    expect(await judged(key, now + 30 * DAY)).toEqual({ usable: false, reason: 'expired' });
  });

  test('not where it can only sign', async () => {
    expect(await judged(await made({ subkeys: [] }))).toEqual({ usable: false, reason: 'no-encryption-subkey' });
    expect(await judged(await made({ subkeys: [{ sign: true }] }))).toEqual({ usable: false, reason: 'no-encryption-subkey' });
  });

  test('not where the only encryption subkey is revoked, and again where another one was added', async () => {
    const key = await made();
    const [subkey] = key.subkeys;
    if (!subkey) throw new Error('no subkey');
    key.subkeys = [await subkey.revoke(key.keyPacket as openpgp.SecretKeyPacket, undefined, new Date(now))];
    expect(await judged(key)).toEqual({ usable: false, reason: 'revoked' });
    expect(await judged(await key.addSubkey({ date: new Date(now) }))).toEqual({ usable: true, until: null });
  });

  test.each([
    ['that it is superseded counts from then on', 1, { usable: true, until: null }],
    ['that it was compromised counts for the past too', 2, { usable: false, reason: 'revoked' }],
  ])('a revocation saying %s', async (_, flag, before) => {
    const key = await made();
    const options = { key, reasonForRevocation: { flag }, date: new Date(now + DAY), format: 'object' } as const;
    const { privateKey } = await openpgp.revokeKey(options);
    expect(await judged(privateKey, now)).toEqual(before);
    expect(await judged(privateKey, now + DAY)).toEqual({ usable: false, reason: 'revoked' });
    expect(await judged(privateKey, now)).toEqual(before);
  });

  test('not by its SHA-1 self-signatures, yet a revocation by SHA-1 counts', async () => {
    const sha1 = { preferredHashAlgorithm: openpgp.enums.hash.sha1, nonDeterministicSignaturesViaNotation: false };
    const rsa = { type: 'rsa', rsaBits: 2048 } as const;
    expect(await judged(await made({ ...rsa, config: sha1 }))).toEqual({ usable: false, reason: 'weak' });
    const sound = await made(rsa);
    expect(await judged(sound)).toEqual({ usable: true, until: null });
    const [subkey] = sound.subkeys;
    const config = { ...openpgp.config, ...sha1 };
    const { privateKey } = await openpgp.revokeKey({ key: sound, date: new Date(now), format: 'object', config: sha1 });
    expect(privateKey.revocationSignatures[0]?.hashAlgorithm).toBe(openpgp.enums.hash.sha1);
    expect(await judged(privateKey)).toEqual({ usable: false, reason: 'revoked' });
    if (!subkey) throw new Error('no subkey');
    sound.subkeys = [await subkey.revoke(sound.keyPacket as openpgp.SecretKeyPacket, undefined, new Date(now), config)];
    expect(sound.subkeys[0]?.revocationSignatures[0]?.hashAlgorithm).toBe(openpgp.enums.hash.sha1);
    expect(await judged(sound)).toEqual({ usable: false, reason: 'revoked' });
  });

  test('not what cannot be read', async () => {
    expect(await usable(Buffer.from('nothing'), now)).toEqual({ usable: false, reason: 'unreadable' });
  });
});

describe.skipIf(absent.gpg)(`certificates made by GnuPG (${absent.gpg ?? 'here'})`, () => {
  let gpg: GnuPG;
  beforeAll(() => {
    gpg = openGnuPG();
  });
  afterAll(() => gpg.close());

  const userId = 'Bob <bob@member.example>';
  const cases: [string, NewKey, object][] = [
    ['a common one', { userId }, { usable: true, until: null }],
    ['an RSA one', { userId, algorithm: 'rsa2048', encryption: 'rsa2048' }, { usable: true, until: null }],
    ['an expired one', { userId, at: '20200101T000000', expires: '30d' }, { usable: false, reason: 'expired' }],
    ['one whose subkey expired', { userId, at: '20200101T000000', subkeyExpires: '30d' }, { usable: false, reason: 'expired' }],
    ['one that only signs', { userId, encryption: null }, { usable: false, reason: 'no-encryption-subkey' }],
    ['one for DSA and ElGamal', { userId, algorithm: 'dsa2048', encryption: 'elg2048' }, { usable: false, reason: 'weak' }],
    ['a short RSA one', { userId, algorithm: 'rsa1024', encryption: 'rsa1024' }, { usable: false, reason: 'weak' }],
  ];
  test.each(cases)('%s', async (_, key, expected) => {
    const { data, addresses } = await readCertificate(await gpg.certificate(await gpg.generate(key)));
    expect(addresses).toEqual(['bob@member.example']);
    expect(await usable(data, systemClock.now())).toEqual(expected);
  });

  test('one that was revoked', async () => {
    const fingerprint = await gpg.generate({ userId });
    await gpg.revoke(fingerprint);
    const { data } = await readCertificate(await gpg.certificate(fingerprint));
    expect(await usable(data, systemClock.now())).toEqual({ usable: false, reason: 'revoked' });
  });
});

const keys = corpus('schleuder/keys');
describe.skipIf(keys.absent)(`certificates of real life (${keys.absent ?? 'here'})`, () => {
  const at = Date.parse('2026-03-01T00:00:00Z');
  const verdicts: Record<string, object> = {
    'FB18AE292FCEEBCE3BB3FBA14286EE574B92FA0A-abcde_example_org.pub': { usable: true, until: 1_794_755_803_000 },
    'bla_foo_key.txt': { usable: false, reason: 'weak' },
    'broken_utf8_uid_key.txt': { usable: false, reason: 'weak' },
    'default_list_key.txt': { usable: false, reason: 'weak' },
    'encapsulated-sender.pub': { usable: false, reason: 'weak' },
    'example_key.txt': { usable: false, reason: 'weak' },
    'example_key_binary.pgp': { usable: false, reason: 'weak' },
    'expired_key.txt': { usable: false, reason: 'expired' },
    'expired_key_extended.txt': { usable: false, reason: 'expired' },
    'expiring_key.txt': { usable: true, until: 2_132_462_209_000 },
    'olduid_key.txt': { usable: true, until: null },
    'olduid_key_with_newuid.txt': { usable: true, until: null },
    'openpgpkey_52507B0163A8D9F0094FFE03B1A36F08069E55DE.asc': { usable: true, until: null },
    'partially_expired_key.txt': { usable: false, reason: 'expired' },
    'public-key-with-third-party-signature.txt': { usable: false, reason: 'weak' },
    'revoked_key.txt': { usable: false, reason: 'revoked' },
    'schleuder_at_example_public_key.txt': { usable: false, reason: 'weak' },
    'schleuder_at_example_public_key_minimal.gpg': { usable: false, reason: 'weak' },
    'signonly_key.txt': { usable: false, reason: 'no-encryption-subkey' },
  };
  test.each(Object.entries(verdicts))('%s', async (name, verdict) => {
    const { data } = await readCertificate(readFileSync(join(keys.dir, name)));
    expect(await usable(data, at)).toEqual(verdict);
  });

  const secrets = [
    'FB18AE292FCEEBCE3BB3FBA14286EE574B92FA0A.sec.pgp',
    'encapsulated-list.sec.pgp',
    'list-421C19AF8B9C33B8B62D76EBDB2F7E271D773073.sec.pgp',
    'list-59C71FB38AEE22E091C78259D06350440F759BD3.sec.pgp',
  ];
  test.each(secrets)('%s: a secret key is never taken for a certificate', async (name) => {
    expect(await refusalOf(readFileSync(join(keys.dir, name)))).toMatch(/^That is a secret key/);
  });

  /** What stands in an Autocrypt field; GnuPG does not read it from a file either. */
  const bare = 'schleuder_at_example_public_key_minimal_base64.txt';
  test('bare base64 is no certificate, and the answer says what to send', async () => {
    expect(await refusalOf(readFileSync(join(keys.dir, bare)))).toMatch(/Send the public key \(`gpg --armor --export ADDRESS`\)/);
  });

  test('the signatures of others are dropped', async () => {
    const read = async (name: string) => (await readCertificate(readFileSync(join(keys.dir, name)))).data;
    expect(await read('public-key-with-third-party-signature.txt')).toEqual(await read('bla_foo_key.txt'));
  });

  test('none was left out', () => {
    expect([...Object.keys(verdicts), ...secrets, bare].sort()).toEqual(readdirSync(keys.dir).sort());
  });
});
