import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DAY, systemClock } from '../../src/clock.ts';
import { readCertificate } from '../../src/pgp/certificate.ts';
import { createListKey, type ListKey, openListKey } from '../../src/pgp/keyring.ts';
import { LARGE } from '../../src/pgp/memory.ts';
import { packetsOf } from '../../src/pgp/packets.ts';
import { openKept, sealForKeeping, sealTo, signDetached, signOnce } from '../../src/pgp/seal.ts';
import { openpgp } from '../../src/pgp/settings.ts';
import type { Shared } from '../../src/pgp/shared.ts';
import { absent, type GnuPG, openGnuPG, openSequoia, type Sequoia } from '../support/gnupg.ts';
import { sealSharedTo, sealSharedToAll } from '../support/seal-shared.ts';

const now = Math.floor((systemClock.now() - 10 * DAY) / 1000) * 1000;
const passphrase = 'x';
const entity = Buffer.from('Content-Type: text/plain; charset=utf-8\r\n\r\nThe patch, naïve – and final.\r\n');
/** What is given to OpenPGP.js piece by piece. */
const large = Buffer.concat([entity, Buffer.alloc(LARGE + 1_000_001, '+  if (length > left) return -EINVAL;\r\n')]);
let list: ListKey;
let other: ListKey;

beforeAll(async () => {
  const make = async (address: string) =>
    openListKey((await createListKey({ name: 'List', address, passphrase, now })).armored, passphrase);
  [list, other] = await Promise.all([make('list@orbit.example'), make('other@orbit.example')]);
});

async function roundTrip(bytes: Uint8Array): Promise<boolean> {
  return Buffer.from(await openKept(await sealForKeeping(bytes, list.certificate, now), [list.secret])).equals(bytes);
}

function bytesOf(armored: string): Uint8Array {
  const lines = armored.split(/\r?\n/).filter((line) => !line.startsWith('-----') && !line.startsWith('='));
  return Buffer.from(lines.join(''), 'base64');
}

/** Octets up to the end of the first partial length of the last packet (RFC 9580 §4.2.1.4). */
function partialEndIn(message: Uint8Array): number {
  const start = 2 + (message[1] ?? 0);
  const length = message[start + 1] ?? 0;
  if ((message[0] ?? 0) !== 0xc1 || message[start] !== 0xd2 || length < 224 || length === 255)
    throw new Error('no partial length');
  return start + 2 + 2 ** (length & 0x1f);
}

describe('what is kept', () => {
  test('opens to the same bytes, whatever they are', async () => {
    const kept = fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), (bytes) => roundTrip(bytes));
    await fc.assert(kept, { numRuns: 50, examples: [[new Uint8Array()]] });
    expect(await roundTrip(Buffer.alloc(3_000_000, 'a patch\r\n'))).toBe(true);
    for (const length of [LARGE, LARGE + 1, large.length]) expect(await roundTrip(large.subarray(0, length))).toBe(true);
  });

  test('is refused where it is large and was cut off or changed, and is not given in part', async () => {
    const kept = await sealForKeeping(large, list.certificate, now);
    // The last: where one of its partial lengths ends.
    for (const end of [kept.length - 1, 2_000_000, 1000, partialEndIn(kept)])
      await expect(openKept(kept.slice(0, end), [list.secret]), `cut off at ${end}`).rejects.toThrow();
    for (const at of [300, 2_000_000, kept.length - 1]) {
      const changed = Uint8Array.from(kept);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(openKept(changed, [list.secret]), `changed at ${at}`).rejects.toThrow();
    }
  });

  test('is for the list alone: one session key packet, nothing else in the clear', async () => {
    const kept = await sealForKeeping(entity, list.certificate, now);
    expect([...packetsOf(kept)].map(({ tag }) => tag)).toEqual([1, 18]);
    await expect(openKept(kept, [other.secret])).rejects.toThrow('sealed to none of the keys');
  });

  test('is refused where one bit of it changed, wherever', async () => {
    const kept = await sealForKeeping(entity, list.certificate, now);
    for (let at = 0; at < kept.length; at += 7) {
      const changed = Uint8Array.from(kept);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const opened = await openKept(changed, [list.secret]).catch(() => 'refused');
      if (opened !== 'refused') expect(Buffer.from(opened)).toEqual(entity); // A key id's spare bits, never the content.
    }
    await expect(openKept(kept.subarray(0, -1), [list.secret])).rejects.toThrow();
  });

  test('is kept also when the list key has expired, and before it was made', async () => {
    for (const at of [now + 5000 * DAY, now - DAY]) {
      const kept = await sealForKeeping(entity, list.certificate, at);
      expect(Buffer.from(await openKept(kept, [list.secret]))).toEqual(entity);
    }
  });
});

describe('a copy', () => {
  test('opens with its own key and no other, and carries the list’s signature made once', async () => {
    const signed = await signOnce(entity, list.secret, now);
    const copy = await sealTo(signed, other.certificate, now);
    const message = await openpgp.readMessage({ armoredMessage: copy });
    const keys = { decryptionKeys: await openpgp.readPrivateKey({ binaryKey: other.secret }), date: new Date(now) };
    const { data, signatures } = await openpgp.decrypt({
      message,
      ...keys,
      verificationKeys: await openpgp.readKey({ binaryKey: list.certificate }),
      format: 'binary',
    });
    expect(Buffer.from(data)).toEqual(entity);
    expect(signatures).toHaveLength(1);
    expect(await signatures[0]?.verified).toBe(true);
    await expect(openKept(bytesOf(copy), [list.secret])).rejects.toThrow('sealed to none of the keys');
  });

  test('has one session key packet, for the recipient’s subkey, and no version or comment line', async () => {
    const copy = await sealTo(await signOnce(entity, list.secret, now), other.certificate, now);
    expect(copy).toMatch(/^-----BEGIN PGP MESSAGE-----\n\n/);
    const { keys } = await readCertificate(other.certificate);
    const message = await openpgp.readMessage({ armoredMessage: copy });
    expect(message.getEncryptionKeyIDs().map((id) => id.toHex().toUpperCase())).toEqual([keys[1]?.keyId]);
    expect([...packetsOf(bytesOf(copy))].map(({ tag }) => tag)).toEqual([1, 18]);
  });

  test('is refused for a certificate that may not be encrypted to then, with the reason', async () => {
    const signed = await signOnce(entity, list.secret, now);
    const refusal = { name: 'Refusal', reason: 'unusable-certificate' };
    await expect(sealTo(signed, other.certificate, now + 731 * DAY)).rejects.toMatchObject({ ...refusal, detail: 'expired' });
    await expect(sealTo(signed, other.certificate, now - DAY)).rejects.toMatchObject({ ...refusal, detail: 'not-yet-valid' });
    await expect(sealTo(signed, entity, now)).rejects.toMatchObject({ ...refusal, detail: 'unreadable' });
  });

  test('is never made of what is not signed', async () => {
    const kept = await sealForKeeping(entity, list.certificate, now);
    await expect(sealTo(kept, other.certificate, now)).rejects.toThrow('not a message signed once');
  });

  test.each([
    { asks: 'GCM', aead: openpgp.enums.aead.gcm, version: 2 },
    { asks: 'OCB only', aead: openpgp.enums.aead.ocb, version: 1 },
  ])('for a v4 certificate that asks for AEAD with $asks is SEIPDv$version', async ({ aead, version }) => {
    const certificate = await thatAsksFor(aead);
    const copy = bytesOf(await sealTo(await signOnce(entity, list.secret, now), certificate.publicKey, now));
    const sealed = [...packetsOf(copy)].at(-1);
    expect(copy[sealed?.body ?? 0]).toBe(version);
    expect(Buffer.from(await openKept(copy, [certificate.secret]))).toEqual(entity);
    const signed = await signOnce(large, list.secret, now);
    for (const one of [await sealTo(signed, certificate.publicKey, now), await sealSharedTo(signed, certificate.publicKey, now)])
      expect(large.equals(await openKept(bytesOf(one), [certificate.secret]))).toBe(true);
  });
});

describe('copies that share what is encrypted', () => {
  const v6 = async () => {
    const of = { userIDs: { email: 'a@b.example' }, date: new Date(now), format: 'object' } as const;
    const { privateKey } = await openpgp.generateKey({ ...of, config: { v6Keys: true, aeadProtect: true } });
    return { publicKey: privateKey.toPublic().write(), secret: privateKey.write() };
  };
  const ofCopy = (copy: string) => {
    const octets = bytesOf(copy);
    const packets = [...packetsOf(octets)];
    const body = packets.at(-1);
    return { octets, tags: packets.map(({ tag }) => tag), body: Buffer.from(octets.subarray(body?.start)).toString('base64') };
  };

  test('open each with its own key and no other, and share it with those whose certificates ask for the same', async () => {
    const [gcm, six] = [await thatAsksFor(openpgp.enums.aead.gcm), await v6()];
    const keys = [
      { publicKey: list.certificate, secret: list.secret },
      { publicKey: other.certificate, secret: other.secret },
      ...[gcm, six],
    ];
    const signed = await signOnce(entity, list.secret, now);
    const certificates = keys.map(({ publicKey }) => publicKey);
    const shared: Shared = { bodies: new Map(), lines: new Map() };
    const copies = [
      ...(await sealSharedToAll(signed, certificates.slice(0, 1), now, shared)),
      ...(await sealSharedToAll(signed, certificates.slice(1), now, shared)),
    ].map(ofCopy);
    for (const [at, { octets, tags }] of copies.entries()) {
      expect(tags).toEqual([1, 18]);
      const [own, another] = [keys[at], keys[(at + 1) % keys.length]];
      expect(Buffer.from(await openKept(octets, [own?.secret ?? octets]))).toEqual(entity);
      await expect(openKept(octets, [another?.secret ?? octets])).rejects.toThrow('sealed to none of the keys');
    }
    expect(copies[0]?.body).toBe(copies[1]?.body);
    // What is of another version is never by the same session key.
    expect(copies[2]?.body).toBe(copies[3]?.body);
    expect([...shared.bodies.keys()].sort()).toEqual(['aes256 -', 'aes256 gcm']);
    const secrets = [...shared.bodies.values()].map(({ sessionKey }) => Buffer.from(sessionKey.data).toString('hex'));
    expect(new Set(secrets).size).toBe(2);
    // Of another mail, and of the same one when it is opened anew, nothing is the same.
    const [again = ''] = await sealSharedToAll(signed, certificates, now);
    expect(ofCopy(again).body).not.toBe(copies[0]?.body);
  });

  test('are armored as OpenPGP.js would do it, whatever their length', async () => {
    const long = Buffer.alloc(10_000, 'In frame.c, the length is not checked.\r\n');
    for (let length = 9_000; length < 9_100; length += 7) {
      const signed = await signOnce(long.subarray(0, length), list.secret, now);
      const copy = await sealSharedTo(signed, other.certificate, now);
      const armored = openpgp.armor(openpgp.enums.armor.message, bytesOf(copy), undefined, undefined, undefined, true);
      const checksum = /^=[^\s]{4}$/m;
      expect(checksum.exec(copy)?.[0]).toBe(checksum.exec(armored)?.[0]);
      expect(copy).toMatch(/^-----BEGIN PGP MESSAGE-----\r\n\r\n(?:[A-Za-z0-9+/=]{1,76}\r\n)+-----END PGP MESSAGE-----\r\n$/);
    }
  });

  test('have no checksum where the standard forbids it', async () => {
    const { publicKey } = await thatAsksFor(openpgp.enums.aead.gcm);
    expect(await sealSharedTo(await signOnce(entity, list.secret, now), publicKey, now)).not.toMatch(/^=/m);
  });
});

/** A v4 key whose self-signature lists AES-256 with this AEAD mode, and no other suite. */
async function thatAsksFor(mode: number): Promise<{ publicKey: Uint8Array; secret: Uint8Array }> {
  const { privateKey } = await openpgp.generateKey({
    userIDs: { email: 'a@b.example' },
    date: new Date(now),
    format: 'object',
    config: { aeadProtect: true },
  });
  const { keyPacket: key, users } = privateKey;
  const signature = users[0]?.selfCertifications[0];
  if (!signature) throw new Error('no self-signature');
  Object.assign(signature, { preferredCipherSuites: [[openpgp.enums.symmetric.aes256, mode]], rawNotations: [] });
  const signed = { userID: users[0]?.userID, key };
  // The types leave out the last two parameters (detached, config).
  await Reflect.apply(signature.sign, signature, [key, signed, new Date(now), false, openpgp.config]);
  return { publicKey: privateKey.toPublic().write(), secret: privateKey.write() };
}

describe('a detached signature', () => {
  test('tells its micalg, and is made over CRLF lines only', async () => {
    const { armored, micalg } = await signDetached(entity, list.secret, now);
    expect(micalg).toBe('pgp-sha512');
    expect(armored).toMatch(/^-----BEGIN PGP SIGNATURE-----/);
    await expect(signDetached(Buffer.from('a\nb\r\n'), list.secret, now)).rejects.toThrow('other than CRLF');
    await expect(signDetached(Buffer.from('a\rb\r\n'), list.secret, now)).rejects.toThrow('other than CRLF');
  });

  test('an expired list key signs nothing, and says what to do', async () => {
    const expired = new RegExp(`list key ${list.fingerprint} cannot sign: .*expired.* curfew keys renew`);
    await expect(signDetached(entity, list.secret, now + 731 * DAY)).rejects.toThrow(expired);
    await expect(signOnce(entity, list.secret, now + 731 * DAY)).rejects.toThrow(expired);
  });
});

describe.skipIf(absent.gpg)(`for GnuPG (${absent.gpg ?? 'here'})`, () => {
  let gpg: GnuPG;
  let recipient: Uint8Array;
  beforeAll(async () => {
    gpg = openGnuPG();
    const fingerprint = await gpg.generate({ userId: 'Alice <alice@member.example>' });
    recipient = (await readCertificate(await gpg.certificate(fingerprint))).data;
    await gpg.import(list.certificate);
  });
  afterAll(() => gpg.close());

  test('a copy opens, with a good signature of the list over the same bytes', async () => {
    const at = systemClock.now();
    const copy = await sealTo(await signOnce(entity, list.secret, at), recipient, at);
    const { out, status } = await gpg.decrypt(copy);
    expect(out).toEqual(entity);
    expect(status).toContainEqual(expect.stringMatching(/^GOODSIG .* <list@orbit\.example>$/));
    expect(status).toContainEqual(expect.stringMatching(new RegExp(`^VALIDSIG ${list.fingerprint} `)));
    expect(status).toContain('GOODMDC');
    expect(status).toContainEqual(expect.stringMatching(/^PLAINTEXT 62 0 $/)); // Binary, no date, no name.
  });

  test('a copy that shares what is encrypted opens as well, whatever its length', async () => {
    const at = systemClock.now();
    for (const more of ['', '.', '..']) {
      const text = Buffer.from(`${entity.toString()}${more}\r\n`);
      const { out, status, code } = await gpg.decrypt(await sealSharedTo(await signOnce(text, list.secret, at), recipient, at));
      expect(out).toEqual(text);
      expect(status).toContainEqual(expect.stringMatching(new RegExp(`^VALIDSIG ${list.fingerprint} `)));
      expect(code).toBe(0);
    }
  });

  test('a large copy opens as well, which has partial lengths', async () => {
    const at = systemClock.now();
    const signed = await signOnce(large, list.secret, at);
    for (const copy of [await sealTo(signed, recipient, at), await sealSharedTo(signed, recipient, at)]) {
      const { out, status, code } = await gpg.decrypt(copy);
      expect(out.equals(large)).toBe(true);
      expect(status).toContainEqual(expect.stringMatching(new RegExp(`^VALIDSIG ${list.fingerprint} `)));
      expect(status).toContain('GOODMDC');
      expect(code).toBe(0);
    }
  });

  test('a copy for another does not open', async () => {
    const copy = await sealTo(await signOnce(entity, list.secret, now), other.certificate, now);
    const { out, status } = await gpg.decrypt(copy);
    expect(out).toHaveLength(0);
    expect(status).toContain('DECRYPTION_FAILED');
  });

  test('a detached signature is good', async () => {
    const { armored } = await signDetached(entity, list.secret, systemClock.now());
    const message = await gpg.verifyDetached(armored, entity);
    expect(message.status).toContainEqual(expect.stringMatching(new RegExp(`^VALIDSIG ${list.fingerprint} .* 10 00 `)));
  });
});

describe.skipIf(absent.sq)(`for Sequoia (${absent.sq ?? 'here'})`, () => {
  let sq: Sequoia;
  beforeAll(() => {
    sq = openSequoia();
  });
  afterAll(() => sq.close());

  test('a copy opens with a valid signature, and for another it does not open', async () => {
    const [mine, theirs] = await Promise.all([sq.generate('<bob@member.example>'), sq.generate('<eve@member.example>')]);
    const at = systemClock.now() + 1000;
    const { data } = await readCertificate(mine.certificate);
    const copy = await sealTo(await signOnce(entity, list.secret, now), data, at);
    const opened = await sq.decrypt(copy, mine.secret, list.certificate);
    expect(opened).toMatchObject({ code: 0, out: entity });
    const whole = await sq.decrypt(
      await sealSharedTo(await signOnce(large, list.secret, now), data, at),
      mine.secret,
      list.certificate,
    );
    expect(whole.code).toBe(0);
    expect(large.equals(whole.out)).toBe(true);
    expect((await sq.decrypt(copy, theirs.secret)).code).not.toBe(0);
  });

  test('what sq encrypts to the list’s certificate, the list opens', async () => {
    const armored = (await sq.encrypt('report', list.certificate)).toString();
    expect(Buffer.from(await openKept(bytesOf(armored), [list.secret])).toString()).toBe('report');
  });

  test('a detached signature is valid', async () => {
    const { armored } = await signDetached(entity, list.secret, now);
    expect((await sq.verifyDetached(armored, entity, list.certificate)).code).toBe(0);
    expect((await sq.verifyDetached(armored, Buffer.from('other'), list.certificate)).code).not.toBe(0);
  });
});
