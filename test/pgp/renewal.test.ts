import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DAY, systemClock } from '../../src/clock.ts';
import { readCertificate, usable } from '../../src/pgp/certificate.ts';
import { readKnown, renewCertificate } from '../../src/pgp/renewal.ts';
import { openpgp } from '../../src/pgp/settings.ts';
import { effort } from '../support/effort.ts';
import { absent, type GnuPG, openGnuPG } from '../support/gnupg.ts';
import { forged } from '../support/party.ts';

const BORN = Math.floor((systemClock.now() - 100 * DAY) / 1000) * 1000;
const NOW = BORN + 50 * DAY;
const at = (day: number) => new Date(BORN + day * DAY);

async function made(days = 0): Promise<openpgp.PrivateKey> {
  const { privateKey } = await openpgp.generateKey({
    userIDs: { email: 'alice@member.example' },
    date: at(0),
    keyExpirationTime: days * 86_400,
    format: 'object',
  });
  return privateKey;
}

/** The same key with another expiry, as its owner makes it; nothing of the older signatures is in it. */
async function extended(key: openpgp.PrivateKey, days: number, day: number): Promise<openpgp.PrivateKey> {
  const { privateKey } = await openpgp.reformatKey({
    privateKey: key,
    userIDs: { email: 'alice@member.example' },
    date: at(day),
    keyExpirationTime: days * 86_400,
    format: 'object',
  });
  return privateKey;
}

async function revokedKey(key: openpgp.PrivateKey, flag: number, day: number): Promise<openpgp.PublicKey> {
  return (await openpgp.revokeKey({ key, reasonForRevocation: { flag }, date: at(day), format: 'object' })).publicKey;
}

const kept = async (key: openpgp.PublicKey) => (await readCertificate(key.toPublic().write())).data;
const [SUPERSEDED, COMPROMISED] = [1, 2];

/** What anybody can add to a copy of a certificate: up to each limit, so that no word of its owner would find room beside it. */
const padding: [string, (certificate: openpgp.PublicKey) => void][] = [
  ['forged self-signatures', ({ users }) => users[0]?.selfCertifications.push(...forgeries(users[0]?.selfCertifications, 246))],
  ['forged bindings', ({ subkeys }) => subkeys[0]?.bindingSignatures.push(...forgeries(subkeys[0]?.bindingSignatures, 246))],
  [
    'forged signatures over the key',
    (certificate) => {
      const signatures = forgeries(certificate.users[0]?.selfCertifications, 246, openpgp.enums.signature.key);
      Object.assign(certificate, { directSignatures: signatures });
    },
  ],
  ['its own signatures again', ({ users }) => users[0]?.selfCertifications.push(...again(users[0]?.selfCertifications, 240))],
  [
    'user IDs that it did not sign',
    (certificate) => {
      const others = Array.from({ length: 49 }, (_, n) => openpgp.UserIDPacket.fromObject({ email: `${n}@evil.example` }));
      certificate.users.push(...others.map((userID) => bare(certificate, { userID })));
    },
  ],
  ['its own user ID again', ({ users }) => users.push(...again(users, 49))],
  ['its own subkeys again', ({ subkeys }) => subkeys.push(...again(subkeys, 100))],
  [
    'what stands beside the signed octets',
    ({ users, subkeys }) => {
      const body = Buffer.alloc(20_000);
      const signed = [...users.flatMap((one) => one.selfCertifications), ...subkeys.flatMap((one) => one.bindingSignatures)];
      for (const { unhashedSubpackets } of signed)
        for (const type of [100, 20]) unhashedSubpackets.unshift({ type, critical: false, body });
    },
  ],
  [
    'an agreement of a subkey that is none',
    ({ users: [user], subkeys: [subkey] }) => {
      const [forgery] = forgeries(user?.selfCertifications, 1, openpgp.enums.signature.keyBinding);
      forgery?.unhashedSubpackets.push({ type: 100, critical: false, body: Buffer.alloc(40_000) });
      const body = forgery?.write() ?? new Uint8Array();
      subkey?.bindingSignatures[0]?.unhashedSubpackets.push({ type: 32, critical: false, body });
    },
  ],
];

/** Binds its subkeys anew, the one that signs as gpg does: what it agrees by stands beside the signed octets, where anybody can leave it off. */
async function boundAnew(key: openpgp.PrivateKey, day: number, flags: number[]): Promise<openpgp.PublicKey> {
  const certificate = await openpgp.readKey({ binaryKey: key.toPublic().write() });
  for (const [index, subkey] of certificate.subkeys.entries()) {
    const [former] = subkey.bindingSignatures;
    const binding = new openpgp.SignaturePacket();
    const { publicKeyAlgorithm, hashAlgorithm, embeddedSignature: agreement } = former ?? {};
    const keyFlags = Uint8Array.of(flags[index] ?? 0);
    Object.assign(binding, { signatureType: openpgp.enums.signature.subkeyBinding, publicKeyAlgorithm, hashAlgorithm, keyFlags });
    const about = { key: key.keyPacket, bind: subkey.keyPacket };
    const sign = binding.sign.bind(binding) as unknown as (...given: unknown[]) => Promise<void>;
    await sign(key.keyPacket, about, at(day), false, openpgp.config);
    if (agreement) binding.unhashedSubpackets.push({ type: 32, critical: false, body: agreement.write() });
    subkey.bindingSignatures = [binding];
  }
  return openpgp.readKey({ binaryKey: certificate.write() });
}

async function cutOff(certificate: openpgp.PublicKey): Promise<openpgp.PublicKey> {
  const copy = await openpgp.readKey({ binaryKey: certificate.write() });
  for (const binding of copy.subkeys.flatMap(({ bindingSignatures }) => bindingSignatures))
    binding.unhashedSubpackets = binding.unhashedSubpackets.filter(({ type }) => type !== 32);
  return openpgp.readKey({ binaryKey: copy.write() });
}

/** A signature of the key over itself; with `revoker`, a fingerprint, it names who else may revoke it. */
async function directKey(key: openpgp.PrivateKey, day: number, { revoker }: { revoker?: Uint8Array }) {
  const signature = new openpgp.SignaturePacket();
  const { publicKeyAlgorithm, hashAlgorithm } = key.users[0]?.selfCertifications[0] ?? {};
  const signatureType = openpgp.enums.signature.key;
  Object.assign(signature, { signatureType, publicKeyAlgorithm, hashAlgorithm, rawNotations: [] });
  if (revoker)
    Object.assign(signature, { revocationKeyClass: 0x80, revocationKeyAlgorithm: 22, revocationKeyFingerprint: revoker });
  const sign = signature.sign.bind(signature) as unknown as (...given: unknown[]) => Promise<void>;
  await sign(key.keyPacket, { key: key.keyPacket }, at(day), false, openpgp.config);
  return signature;
}

/** Any signature; with `revokers`, it names all of these in its one list, as sq does. */
async function signedBy(
  by: openpgp.PrivateKey,
  signatureType: number,
  about: object,
  day: number,
  revokers: readonly openpgp.PrivateKey[] = [],
): Promise<openpgp.SignaturePacket> {
  const signature = new openpgp.SignaturePacket();
  const { publicKeyAlgorithm, hashAlgorithm } = by.users[0]?.selfCertifications[0] ?? {};
  Object.assign(signature, { signatureType, publicKeyAlgorithm, hashAlgorithm, rawNotations: [] });
  const subpackets = revokers.map((one) => Buffer.from(`170c8016${one.getFingerprint()}`, 'hex'));
  const own = signature as unknown as { writeHashedSubPackets(): Uint8Array };
  const write = own.writeHashedSubPackets.bind(own);
  own.writeHashedSubPackets = () => {
    const area = Buffer.concat([...subpackets, write().subarray(2)]);
    return Buffer.concat([Buffer.of(area.length >> 8, area.length & 0xff), area]);
  };
  const sign = signature.sign.bind(signature) as unknown as (...given: unknown[]) => Promise<void>;
  await sign(by.keyPacket, about, at(day), false, openpgp.config);
  return signature;
}

function bare(certificate: openpgp.PublicKey, parts: object): openpgp.User {
  const [user] = certificate.users;
  if (!user) throw new Error('no user id');
  return Object.assign(user.clone(), { selfCertifications: [], ...parts });
}

function again<Part>([first]: Part[] = [], many: number): Part[] {
  return Array.from({ length: many }, () => first as Part);
}

function forgeries([real]: openpgp.SignaturePacket[] = [], many: number, type?: number): openpgp.SignaturePacket[] {
  return Array.from({ length: many }, (_, n) => {
    const body = Uint8Array.from(real?.write() ?? []);
    body[body.length - 1] = (body.at(-1) ?? 0) ^ (n + 1);
    if (type !== undefined) body[1] = type;
    const signature = new openpgp.SignaturePacket();
    signature.read(body);
    return signature;
  });
}

describe('a newer copy of a certificate', () => {
  test('that has another expiry makes it usable again, encrypted to the same key', async () => {
    const key = await made(30);
    const known = await kept(key);
    expect(await usable(known, NOW)).toEqual({ usable: false, reason: 'expired' });
    const { facts, revoked, ...renewal } = await renewCertificate(known, (await extended(key, 200, 40)).toPublic().armor(), NOW);
    // No revocation came with it.
    expect(Buffer.compare(revoked.data, known)).toBe(0);
    const encryption = key.subkeys[0]?.getFingerprint().toUpperCase();
    expect(renewal).toEqual({
      changed: true,
      whyNot: null,
      expiredSubkey: null,
      encryptionKey: { before: encryption, after: encryption },
      formerUsable: true,
    });
    expect(facts).toMatchObject({ fingerprint: key.getFingerprint().toUpperCase(), expiresAt: BORN + 200 * DAY });
    expect(await usable(facts.data, NOW)).toMatchObject({ usable: true });
  });

  test('is told apart: what it takes away, without what it adds', async () => {
    const key = await made();
    const known = await kept(key);
    const grown = await key.addSubkey({ date: at(10) });
    const flag = openpgp.enums.reasonForRevocation.keyCompromised;
    const [former] = grown.subkeys;
    const gone = await former?.revoke(grown.keyPacket as openpgp.SecretKeyPacket, { flag }, at(20));
    if (gone) grown.subkeys[0] = gone;
    const { revoked, facts } = await renewCertificate(known, grown.toPublic().armor(), NOW);
    expect(await usable(facts.data, NOW)).toMatchObject({ usable: true });
    expect(await usable(revoked.data, NOW)).toMatchObject({ usable: false });
    expect(revoked.keys).toEqual((await readCertificate(known)).keys);
    // Of the whole certificate, too.
    const all = await renewCertificate(known, (await revokedKey(key, COMPROMISED, 30)).armor(), NOW);
    expect(await usable(all.revoked.data, NOW)).toEqual({ usable: false, reason: 'revoked' });
  });

  test('that brings a subkey which a kept copy revokes brings it revoked', async () => {
    const key = await made();
    const known = await kept(key);
    const more = await key.addSubkey({ date: at(10) });
    const newer = await kept(more);
    const [first, second] = more.subkeys;
    if (!first || !second) throw new Error('a key has two subkeys');
    more.subkeys = [first, await second.revoke(more.keyPacket as openpgp.SecretKeyPacket, { flag: COMPROMISED }, at(20))];
    const revoked = await kept(more);
    const former = first.getFingerprint().toUpperCase();
    expect((await renewCertificate(known, newer, NOW)).encryptionKey.after).not.toBe(former);
    expect((await renewCertificate(known, newer, NOW, [revoked])).encryptionKey.after).toBe(former);
  });

  test('hands on what others revoke of what it lacks, and gains nothing by it', async () => {
    const userIDs = [{ email: 'alice@member.example' }, { email: 'former@member.example' }];
    const { privateKey: key } = await openpgp.generateKey({ userIDs, date: at(0), format: 'object' });
    const primary = key.keyPacket as openpgp.SecretKeyPacket;
    const more = await (await key.addSubkey({ date: at(10) })).addSubkey({ sign: true, date: at(10) });
    const [[alice, former], [first, second, third]] = [more.users, more.subkeys];
    if (!alice || !former || !first || !second || !third) throw new Error('it has two user ids and three subkeys');
    more.users = [alice];
    more.subkeys = [first];
    const less = await kept(more);
    more.users = [alice, former];
    more.subkeys = [second, third];
    const rest = await kept(more);
    const gone = { flag: SUPERSEDED };
    more.users = [alice, await former.revoke(primary, gone, at(20))];
    more.subkeys = [await second.revoke(primary, gone, at(20)), await third.revoke(primary, gone, at(20))];
    const revoked = await kept(more);

    const { data, revocations, ...facts } = await readKnown(less, [revoked]);
    expect({ ...facts, data: less, revocations: [] }).toEqual(await readCertificate(less));
    expect(await readCertificate(data)).toEqual({ ...facts, data, revocations });
    expect(revocations).toHaveLength(3);
    expect(await usable(data, NOW)).toEqual(await usable(less, NOW));
    expect(await usable(rest, NOW)).toMatchObject({ usable: true });
    for (const known of [await readKnown(rest, [data]), (await renewCertificate(data, rest, NOW)).facts]) {
      expect(known.addresses).toEqual(['alice@member.example']);
      const key = await openpgp.readKey({ binaryKey: known.data });
      for (const subkey of [second, third]) {
        const found = key.getSubkeys(subkey.getKeyID());
        expect(found.map((one) => [one.bindingSignatures.length, one.revocationSignatures.length])).toEqual([[1, 1]]);
      }
    }
    expect(await usable((await readKnown(rest, [data])).data, NOW)).toEqual({ usable: false, reason: 'revoked' });
    const used = first.getFingerprint().toUpperCase();
    expect((await renewCertificate(data, rest, NOW)).encryptionKey).toEqual({ before: used, after: used });
  });

  test('is known with what all copies that are kept of it revoke, and with nothing that they add', async () => {
    const key = await made();
    const known = await kept(key);
    const longer = await kept(await extended(key, 200, 10));
    const copies = [SUPERSEDED, COMPROMISED].map(async (flag) => kept(await revokedKey(key, flag, 30 + flag)));
    const revoked = await Promise.all(copies);
    const facts = await readCertificate(known);
    expect(await readKnown(known, [known, longer])).toEqual(facts);
    for (const all of [[longer, ...revoked], revoked.toReversed(), revoked.slice(1)]) {
      const read = await readKnown(known, all);
      expect(read).toMatchObject({ fingerprint: facts.fingerprint, keys: facts.keys, expiresAt: facts.expiresAt });
      expect(await usable(read.data, NOW)).toEqual({ usable: false, reason: 'revoked' });
      expect(await renewCertificate(known, known, NOW, all)).toMatchObject({ whyNot: 'revoked', changed: true });
    }
    expect(await renewCertificate(known, known, NOW, [longer])).toMatchObject({ changed: false });
  });

  test('keeps no revocation that its owner did not make, and of his those that say most: who adds others makes no work of it', async () => {
    const key = await made();
    const known = await kept(key);
    const [soft, hard] = [await revokedKey(key, SUPERSEDED, 30), await revokedKey(key, COMPROMISED, 31)];
    const flooded = (copy: number, ...real: openpgp.PublicKey[]) => {
      const bare = key.toPublic();
      const others = forged(copy % 2 ? soft : hard, 240, copy);
      const his = real.flatMap(({ revocationSignatures }) => revocationSignatures);
      bare.revocationSignatures = [...others.slice(0, 120), ...his, ...others.slice(120)];
      return bare.write();
    };
    for (let copy = 0; copy < 4; copy++) expect((await readCertificate(flooded(copy))).data).toEqual(known);
    const renewed = await renewCertificate(known, flooded(0), NOW);
    expect([renewed.changed, renewed.whyNot, renewed.revoked.data]).toEqual([false, null, known]);
    for (const own of [[soft], [hard], [soft, hard], [hard, soft]]) {
      const alone = await kept(own.includes(hard) ? hard : soft);
      const read = await readCertificate(flooded(1, ...own));
      expect(read.data).toEqual(alone);
      expect(await readKnown(known, [alone, known, read.data])).toMatchObject({ data: alone });
      expect(await renewCertificate(known, flooded(2, ...own), NOW)).toMatchObject({ whyNot: 'revoked', facts: { data: alone } });
    }
  });

  test.each(padding)('is kept without %s', async (_, pad) => {
    const key = await made();
    const signing = await key.addSubkey({ sign: true, date: at(1) });
    const known = await kept(signing);
    const padded = signing.toPublic();
    pad(padded);
    expect(padded.write().length).toBeGreaterThan(known.length + 900);
    expect(Buffer.compare((await readCertificate(padded.write())).data, known)).toBe(0);
    const revoked = (await revokedKey(key, COMPROMISED, 40)).write();
    expect(await renewCertificate(padded.write(), revoked, NOW)).toMatchObject({ changed: true, whyNot: 'revoked' });
    const copied = await renewCertificate(known, padded.write(), NOW);
    expect([copied.changed, copied.revoked.data]).toEqual([false, known]);
  });

  test.each([
    ['signs', 2],
    ['signs and encrypts', 14],
  ])('takes no subkey that %s by a binding of which what it agrees by was cut off', async (_, flags) => {
    const key = await (await made()).addSubkey({ sign: true, date: at(1) });
    const signing = key.subkeys[1]?.getFingerprint().toUpperCase() ?? '';
    const known = await kept(await boundAnew(key, 10, [12, flags]));
    const extended = await boundAnew(key, 20, [12, flags]);
    const cut = await cutOff(extended);
    const signs = ({ keys }: { keys: { fingerprint: string; signs: boolean }[] }) =>
      keys.some((one) => one.fingerprint === signing && one.signs);
    expect(signs(await readCertificate(extended.write()))).toBe(true);
    expect(signs(await readCertificate(cut.write()))).toBe(false);
    // What came cut off, a newer one, and both, in either order.
    const renewed = await renewCertificate(known, cut.write(), NOW);
    expect([renewed.changed, signs(renewed.facts), signs(renewed.revoked)]).toEqual([true, true, true]);
    const whole = await openpgp.readKey({ binaryKey: renewed.facts.data });
    expect((await whole.getSigningKey(whole.subkeys[1]?.getKeyID(), new Date(NOW))).getFingerprint().toUpperCase()).toBe(signing);
    expect((await renewCertificate(renewed.facts.data, extended.write(), NOW)).changed).toBe(false);
    for (const bindings of [
      [cut, extended],
      [extended, cut],
    ]) {
      const both = await openpgp.readKey({ binaryKey: extended.write() });
      for (const [index, subkey] of both.subkeys.entries())
        subkey.bindingSignatures = bindings.flatMap(({ subkeys }) => subkeys[index]?.bindingSignatures ?? []);
      const read = await readCertificate(both.write());
      expect([signs(read), read.claimed]).toEqual([true, []]);
    }
    // One that was known cut off is made whole by the true one.
    const healed = await renewCertificate(await kept(cut), extended.write(), NOW);
    expect([healed.changed, signs(healed.facts)]).toEqual([true, true]);
  });

  test('takes no subkey by what is no agreement beside one that its primary key signed', async () => {
    const key = await (await made()).addSubkey({ sign: true, date: at(1) });
    const known = await kept(key);
    const forgery = await openpgp.readKey({ binaryKey: known });
    const [binding] = forgery.subkeys[1]?.bindingSignatures ?? [];
    const body = Uint8Array.from(binding?.embeddedSignature?.write() ?? []);
    body[body.length - 1] = (body.at(-1) ?? 0) ^ 1;
    binding?.unhashedSubpackets.push({ type: 32, critical: false, body });
    expect(await readCertificate(forgery.write())).toEqual(await readCertificate(known));
    expect((await renewCertificate(known, forgery.write(), NOW)).changed).toBe(false);
  });

  test('of an owner who extended it again and again is kept with his last words, and costs as much as one of his', async () => {
    const userIDs = Array.from({ length: 10 }, (_, n) => ({ email: `${n}@member.example` }));
    const { privateKey: key } = await openpgp.generateKey({ type: 'curve448', userIDs, date: at(0), format: 'object' });
    const [all, older] = [key.toPublic(), await openpgp.readKey({ binaryKey: key.toPublic().write() })];
    for (let day = 1; day < 20; day++) {
      const options = { privateKey: key, userIDs, date: at(day), keyExpirationTime: (100 + day) * 86_400 };
      const { privateKey: next } = await openpgp.reformatKey({ ...options, format: 'object' });
      for (const one of day < 3 ? [all, older] : [all]) {
        for (const [n, { selfCertifications }] of next.users.entries())
          one.users[n]?.selfCertifications.push(...selfCertifications);
        one.subkeys[0]?.bindingSignatures.push(...(next.subkeys[0]?.bindingSignatures ?? []));
      }
    }
    const whole = all.write();
    const former = await kept(older);
    const revoked = await revokedKey(key, COMPROMISED, 40);
    const { revocationSignatures } = revoked;
    const spent = effort();
    const { data, expiresAt } = await readCertificate(whole);
    expect(expiresAt).toBe(BORN + 119 * DAY);
    expect(spent()).toBeLessThan(2000 / 3);
    all.revocationSignatures = revocationSignatures;
    for (const known of [data, former])
      for (const copy of [revoked.write(), all.write()]) {
        const spent = effort();
        expect(await renewCertificate(known, copy, NOW)).toMatchObject({ changed: true, whyNot: 'revoked' });
        expect(spent()).toBeLessThan(2000 / 3);
      }
    expect((await renewCertificate(data, whole, NOW)).changed).toBe(false);
    expect((await renewCertificate(former, whole, NOW)).facts.data.length).toBe(data.length);
  });

  test('has a user ID that was revoked, certified anew and revoked again with the last word on it, and the first', async () => {
    const userIDs = [{ email: 'alice@member.example' }, { email: 'former@member.example' }];
    const { privateKey: key } = await openpgp.generateKey({ userIDs, date: at(0), format: 'object' });
    const former = key.users[1];
    const anew = await openpgp.reformatKey({ privateKey: key, userIDs, date: at(20), format: 'object' });
    const certificate = key.toPublic();
    const [user] = certificate.users.slice(1);
    if (!former || !user) throw new Error('it has two user ids');
    user.selfCertifications.push(...(anew.privateKey.users[1]?.selfCertifications ?? []));
    const primary = key.keyPacket as openpgp.SecretKeyPacket;
    const flag = openpgp.enums.reasonForRevocation.userIDInvalid;
    const days = [10, 15, 30];
    const revoked = await Promise.all(days.map((day) => former.revoke(primary, { flag }, at(day))));
    const words = revoked.flatMap(({ revocationSignatures }) => revocationSignatures);
    const made = async (data: Uint8Array) =>
      (await openpgp.readKey({ binaryKey: data })).users[1]?.revocationSignatures.map(({ created }) => created);
    user.revocationSignatures = words.slice(0, 2);
    const known = await readCertificate(certificate.write());
    user.revocationSignatures = words.toReversed();
    const { facts, changed } = await renewCertificate(known.data, certificate.write(), NOW);
    expect([changed, await made(facts.data)]).toEqual([true, [at(10), at(30)]]);
    expect(facts.addresses).toEqual(['alice@member.example']);
    expect((await renewCertificate(facts.data, known.data, NOW)).changed).toBe(false);
    // What ends says less than what does not, however hard it is meant.
    const good = words[0]?.write();
    const ending = await former.revoke(primary, { flag: COMPROMISED }, at(5));
    const [one] = ending.revocationSignatures;
    if (!good || !one) throw new Error('it is not revoked');
    one.signatureNeverExpires = false;
    Object.assign(one, { signatureExpirationTime: 86_400, rawNotations: [] });
    const sign = one.sign.bind(one) as unknown as (...given: unknown[]) => Promise<void>;
    await sign(primary, { key: primary, userID: former.userID }, at(5), false, openpgp.config);
    user.revocationSignatures = [one, ...words.slice(0, 1)];
    expect(await made((await readCertificate(certificate.write())).data)).toEqual([at(5), at(10)]);
  });

  test.each([
    ['twice for no reason', [0, 0]],
    ['for no reason, then as not valid', [0, 32]],
  ])('has a user ID that was revoked %s, and certified anew between, with the last word on it', async (_, flags) => {
    const userIDs = [{ email: 'alice@member.example' }, { email: 'former@member.example' }];
    const { privateKey: key } = await openpgp.generateKey({ userIDs, date: at(0), format: 'object' });
    const anew = await openpgp.reformatKey({ privateKey: key, userIDs, date: at(20), format: 'object' });
    const certificate = key.toPublic();
    const [user, former] = [certificate.users[1], key.users[1]];
    if (!user || !former) throw new Error('it has two user ids');
    user.selfCertifications.push(...(anew.privateKey.users[1]?.selfCertifications ?? []));
    for (const [n, flag] of flags.entries()) {
      const { revocationSignatures } = await former.revoke(key.keyPacket as openpgp.SecretKeyPacket, { flag }, at(10 + 20 * n));
      user.revocationSignatures.push(...revocationSignatures);
    }
    const { data } = await readCertificate(certificate.write());
    const [, known] = (await openpgp.readKey({ binaryKey: data })).users;
    expect(known?.revocationSignatures.map(({ created }) => created)).toEqual([at(10), at(30)]);
  });

  test('of an owner whose clock was ahead again and again still counts by what he said before', async () => {
    const key = await made();
    const all = key.toPublic();
    for (let day = 1000; day < 1006; day++) {
      const ahead = await extended(key, 5000, day);
      all.users[0]?.selfCertifications.push(...(ahead.users[0]?.selfCertifications ?? []));
      all.subkeys[0]?.bindingSignatures.push(...(ahead.subkeys[0]?.bindingSignatures ?? []));
    }
    const known = await kept(key);
    expect(await usable(await kept(all), NOW)).toMatchObject({ usable: true });
    expect(await renewCertificate(known, all.write(), NOW)).toMatchObject({ whyNot: null });
  });

  test('keeps all whom its owner named who may revoke it, each once, and its own words beside them', async () => {
    const key = await made();
    const certificate = key.toPublic() as openpgp.PublicKey & { directSignatures: openpgp.SignaturePacket[] };
    const named = (n: number, day: number) => directKey(key, day, { revoker: Buffer.alloc(20, n) });
    for (let n = 1; n < 8; n++) certificate.directSignatures.push(await named(n, n));
    for (let day = 10; day < 16; day++) certificate.directSignatures.push(await directKey(key, day, {}));
    const known = await kept(certificate);
    const read = (await openpgp.readKey({ binaryKey: known })) as typeof certificate;
    const revokers = read.directSignatures.map(({ revocationKeyFingerprint: revoker }) => Buffer.from(revoker ?? [])[0]);
    expect(revokers).toEqual([1, 2, 3, 4, 5, 6, 7, undefined, undefined, undefined, undefined]);
    expect((await renewCertificate(known, certificate.write(), NOW)).changed).toBe(false);
  });

  type Whole = openpgp.PublicKey & { directSignatures: openpgp.SignaturePacket[] };
  const revocationBy = async (other: openpgp.PrivateKey, key: openpgp.PrivateKey) =>
    signedBy(other, openpgp.enums.signature.keyRevocation, { key: key.keyPacket }, 20);
  const named = async (by: openpgp.PrivateKey, key: openpgp.PrivateKey, revokers: readonly openpgp.PrivateKey[]) =>
    signedBy(by, openpgp.enums.signature.key, { key: key.keyPacket }, 1, revokers);

  test('to which somebody else added that his key may revoke it, and has, is taken as its owner made it', async () => {
    const [key, eve] = [await made(), await made()];
    const known = await kept(key);
    const { publicKey: gone } = await openpgp.revokeKey({ key, date: at(20), format: 'object' });
    for (const copy of [(await extended(key, 200, 40)).toPublic(), gone] as Whole[]) {
      copy.directSignatures.push(await named(eve, key, [eve]));
      copy.revocationSignatures.push(await revocationBy(eve, key));
      const { facts, changed } = await renewCertificate(known, copy.write(), NOW);
      expect(changed).toBe(true);
      expect(await readCertificate(copy.write())).toMatchObject({ revocations: facts.revocations });
      expect(facts.revocations).toHaveLength(copy === gone ? 1 : 0);
    }
  });

  test('which its owner has revoked, and another one whom he named, is revoked', async () => {
    const [key, other] = [await made(), await made()];
    const known = await kept(key);
    const { publicKey } = await openpgp.revokeKey({ key, date: at(20), format: 'object' });
    const copy = publicKey as Whole;
    copy.directSignatures.push(await named(key, key, [other]));
    copy.revocationSignatures.unshift(await revocationBy(other, key));
    expect((await renewCertificate(known, copy.write(), NOW)).whyNot).toBe('revoked');
    expect(await usable((await readCertificate(copy.write())).data, NOW)).toEqual({ usable: false, reason: 'revoked' });
  });

  test.each([
    ['first', 0],
    ['last', 1],
  ])('revoked by the one who is named %s of two in one signature is refused', async (_, who) => {
    const [key, ...others] = [await made(), await made(), await made()];
    const copy = key.toPublic() as Whole;
    copy.directSignatures.push(await named(key, key, others));
    const taken = await readCertificate(copy.write());
    expect((await readCertificate(taken.data)).revocations).toEqual([]);
    const other = others[who] ?? key;
    copy.revocationSignatures.push(await revocationBy(other, key));
    const REFUSED = { reason: 'unusable-certificate', message: expect.stringContaining(other.getFingerprint().toUpperCase()) };
    await expect(readCertificate(copy.write())).rejects.toMatchObject(REFUSED);
  });

  test('in which a key that it names as one that may has revoked it is refused, and not taken as if that were not said', async () => {
    const key = await made();
    const other = await made();
    const revoker = Buffer.from(other.getFingerprint(), 'hex');
    const certificate = key.toPublic() as openpgp.PublicKey & { directSignatures: openpgp.SignaturePacket[] };
    certificate.directSignatures.push(await directKey(key, 1, { revoker }));
    const known = await kept(certificate);
    const { revocationSignatures } = await revokedKey(other, COMPROMISED, 2);
    certificate.revocationSignatures = revocationSignatures;
    const refused = { reason: 'unusable-certificate', message: expect.stringContaining(other.getFingerprint().toUpperCase()) };
    await expect(readCertificate(certificate.write())).rejects.toMatchObject(refused);
    await expect(renewCertificate(known, certificate.write(), NOW)).rejects.toMatchObject(refused);
    const nothing = { message: expect.stringContaining('nothing is encrypted to it') };
    await expect(readCertificate(certificate.write())).rejects.toMatchObject(nothing);
    const goesOn = { message: expect.stringMatching(/goes on being so, .* contact revoke/) };
    await expect(renewCertificate(known, certificate.write(), NOW)).rejects.toMatchObject(goesOn);
    // Of a key that it does not name it is nobody's word, unless the one that is kept names that.
    certificate.directSignatures = [];
    await expect(renewCertificate(known, certificate.write(), NOW)).rejects.toMatchObject(refused);
    expect(await usable((await readCertificate(certificate.write())).data, NOW)).toMatchObject({ usable: true });
  });

  test('that says nothing new changes nothing, nor does an older one', async () => {
    const key = await made(30);
    const older = await kept(key);
    const { facts } = await renewCertificate(older, (await extended(key, 200, 40)).toPublic().write(), NOW);
    for (const copy of [older, facts.data]) {
      const again = await renewCertificate(facts.data, copy, NOW);
      expect([again.changed, Buffer.from(again.facts.data)]).toEqual([false, Buffer.from(facts.data)]);
    }
  });

  test('that has another encryption subkey shows which copies are encrypted to from then on', async () => {
    const key = await made();
    const known = await kept(key);
    const [old] = key.subkeys;
    const more = await key.addSubkey({ date: at(40) });
    const renewal = await renewCertificate(known, more.toPublic().write(), NOW);
    expect(renewal.encryptionKey).toEqual({
      before: old?.getFingerprint().toUpperCase(),
      after: more.subkeys[1]?.getFingerprint().toUpperCase(),
    });
    expect(renewal.facts.keys).toHaveLength(3);
  });

  test('that is revoked makes it so, and a copy without the revocation does not take that back', async () => {
    const key = await made();
    const known = await kept(key);
    const { facts, whyNot, encryptionKey } = await renewCertificate(known, (await revokedKey(key, COMPROMISED, 40)).write(), NOW);
    expect([whyNot, encryptionKey.after]).toEqual(['revoked', null]);
    const stripped = await renewCertificate(facts.data, (await extended(key, 200, 45)).toPublic().write(), NOW);
    expect([stripped.changed, stripped.whyNot]).toEqual([true, 'revoked']);
  });

  test('that is revoked a second time, for good, is revoked for the past too', async () => {
    const key = await made();
    const { facts } = await renewCertificate(await kept(key), (await revokedKey(key, SUPERSEDED, 40)).write(), NOW);
    expect(await usable(facts.data, at(39).getTime())).toMatchObject({ usable: true });
    const again = await renewCertificate(facts.data, (await revokedKey(key, COMPROMISED, 45)).write(), NOW);
    expect(again.changed).toBe(true);
    expect(await usable(again.facts.data, at(39).getTime())).toEqual({ usable: false, reason: 'revoked' });
  });

  test('that is revoked by a clock ahead of ours loses nothing', async () => {
    const key = await made();
    const { facts } = await renewCertificate(await kept(key), (await revokedKey(key, SUPERSEDED, 40)).write(), NOW);
    const again = await renewCertificate(facts.data, (await revokedKey(key, COMPROMISED, 51)).write(), NOW);
    expect(await usable(again.facts.data, at(39).getTime())).toEqual({ usable: false, reason: 'revoked' });
  });

  test('whose only user id or only encryption subkey is revoked is taken for what it is', async () => {
    const key = await made();
    const known = await kept(key);
    const primary = key.keyPacket as openpgp.SecretKeyPacket;
    const [user, subkey] = [key.users[0], key.subkeys[0]];
    if (!user || !subkey) throw new Error('no user id or subkey');
    key.subkeys = [await subkey.revoke(primary, undefined, at(40))];
    expect(await renewCertificate(known, key.toPublic().write(), NOW)).toMatchObject({ changed: true, whyNot: 'revoked' });
    key.subkeys = [subkey];
    key.users = [await user.revoke(primary, undefined, at(40))];
    const without = await renewCertificate(known, key.toPublic().write(), NOW);
    expect(without).toMatchObject({ changed: true, whyNot: 'revoked', facts: { userIds: [] } });
  });

  test('without any user id, as key servers give it, still renews', async () => {
    const key = await made();
    const known = await kept(key);
    const bare = await revokedKey(key, COMPROMISED, 40);
    bare.users = [];
    expect(await renewCertificate(known, bare.write(), NOW)).toMatchObject({ changed: true, whyNot: 'revoked' });
  });

  test('brings no forged signatures along', async () => {
    const key = await made(30);
    const known = await kept(key);
    const longer = (await extended(key, 200, 40)).toPublic();
    const altered = longer.write();
    altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1; // The binding of its subkey.
    const renewal = await renewCertificate(known, altered, NOW);
    longer.subkeys = [];
    const without = await renewCertificate(known, longer.write(), NOW);
    expect(Buffer.compare(renewal.facts.data, without.facts.data)).toBe(0);
    expect(renewal.facts.keys).toEqual((await readCertificate(known)).keys);
  });

  test('of another key is none', async () => {
    const [one, two] = await Promise.all([made(), made()]);
    await expect(renewCertificate(await kept(one), two.toPublic().write(), NOW)).rejects.toThrow('fingerprints must be equal');
  });
});

describe.skipIf(absent.gpg)(`certificates renewed by GnuPG (${absent.gpg ?? 'here'})`, () => {
  let gpg: GnuPG;
  beforeAll(() => {
    gpg = openGnuPG();
  });
  afterAll(() => gpg.close());

  test('an expiry that was extended, then a revocation', async () => {
    const fingerprint = await gpg.generate({ userId: 'Bob <bob@member.example>', expires: '10d' });
    const { data } = await readCertificate(await gpg.certificate(fingerprint));
    const later = systemClock.now() + 20 * DAY;
    expect(await usable(data, later)).toEqual({ usable: false, reason: 'expired' });
    await gpg.run(['--batch', '--passphrase', '', '--quick-set-expire', fingerprint, '1y']);
    await gpg.run(['--batch', '--passphrase', '', '--quick-set-expire', fingerprint, '1y', '*']);
    const renewed = await renewCertificate(data, await gpg.certificate(fingerprint), later);
    expect(renewed).toMatchObject({ changed: true, whyNot: null });
    await gpg.revoke(fingerprint);
    const ended = await renewCertificate(renewed.facts.data, await gpg.certificate(fingerprint), later);
    expect(ended).toMatchObject({ changed: true, whyNot: 'revoked' });
  });
});
