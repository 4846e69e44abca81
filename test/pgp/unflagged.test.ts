import { beforeAll, describe, expect, test } from 'vitest';
import { DAY, systemClock } from '../../src/clock.ts';
import { readCertificate, usable } from '../../src/pgp/certificate.ts';
import { createListKey, openListKey } from '../../src/pgp/keyring.ts';
import { sealTo, signOnce } from '../../src/pgp/seal.ts';
import { openpgp } from '../../src/pgp/settings.ts';
import { ofDetached, verify } from '../../src/pgp/verify.ts';
import { withoutFlags } from '../support/unflagged.ts';

const now = Math.floor((systemClock.now() - 10 * DAY) / 1000) * 1000;
const content = Buffer.from('Content-Type: text/plain\r\n\r\nThe report.\r\n');
type Options = Parameters<typeof openpgp.generateKey>[0];

async function made(options: Partial<Options> = {}): Promise<openpgp.PrivateKey> {
  const userIDs = { name: 'Olga', email: 'olga@member.example' };
  const { privateKey } = await openpgp.generateKey({
    type: 'rsa',
    rsaBits: 2048,
    userIDs,
    date: new Date(now),
    ...options,
    format: 'object',
  });
  return privateKey;
}

const judged = async (key: openpgp.PrivateKey, at = now) => usable((await readCertificate(key.toPublic().write())).data, at);

describe('a certificate without key flags is encrypted to', () => {
  let old: openpgp.PrivateKey;
  beforeAll(async () => {
    old = await withoutFlags(await made(), new Date(now));
  });

  test('with its subkey', async () => {
    const key = await openpgp.readKey({ binaryKey: old.toPublic().write() });
    expect([key.users[0]?.selfCertifications[0]?.keyFlags, key.subkeys[0]?.bindingSignatures[0]?.keyFlags]).toEqual([null, null]);
    expect(await judged(old)).toEqual({ usable: true, until: null });
    const passphrase = 'x';
    const { armored } = await createListKey({ name: 'List', address: 'list@orbit.example', passphrase, now });
    const list = await openListKey(armored, passphrase);
    const copy = await sealTo(await signOnce(content, list.secret, now), old.toPublic().write(), now);
    const message = await openpgp.readMessage({ armoredMessage: copy });
    expect(message.getEncryptionKeyIDs()).toEqual([old.subkeys[0]?.getKeyID()]);
    const config = { allowMissingKeyFlags: true };
    const opened = await openpgp.decrypt({ message, decryptionKeys: old, date: new Date(now), format: 'binary', config });
    expect(Buffer.from(opened.data)).toEqual(content);
  });

  test('never with its primary key', async () => {
    const key = await withoutFlags(await made({ subkeys: [] }), new Date(now));
    expect(await judged(key)).toEqual({ usable: false, reason: 'no-encryption-subkey' });
  });

  test('never with a subkey that signs, which it says by its signature over the primary key', async () => {
    const key = await withoutFlags(await made({ subkeys: [{ sign: true }] }), new Date(now));
    const read = await openpgp.readKey({ binaryKey: key.toPublic().write() });
    expect(read.subkeys[0]?.bindingSignatures[0]).toMatchObject({ keyFlags: null, embeddedSignature: expect.anything() });
    expect(await judged(key)).toEqual({ usable: false, reason: 'no-encryption-subkey' });
  });

  test('not where a subkey has flags, which is used though it is older', async () => {
    const flagged = await made();
    const [first] = flagged.subkeys;
    const both = await flagged.addSubkey({ type: 'rsa', rsaBits: 2048, date: new Date(now + DAY) });
    const [, second] = both.subkeys;
    const key = await withoutFlags(both, new Date(now + DAY), { subkeys: second ? [second] : [] });
    const recipient = await recipientOf(key, now + 2 * DAY);
    expect(recipient).toBe(first?.getKeyID().toHex());
  });

  test('not by self-signatures with SHA-1, not after its expiry, not when it is revoked', async () => {
    const sha1 = await withoutFlags(await made(), new Date(now), { hash: openpgp.enums.hash.sha1 });
    expect(await judged(sha1)).toEqual({ usable: false, reason: 'weak' });
    const brief = await withoutFlags(await made({ subkeys: [{ keyExpirationTime: 86_400 }] }), new Date(now));
    expect(await judged(brief)).toEqual({ usable: true, until: now + DAY });
    expect(await judged(brief, now + DAY)).toEqual({ usable: false, reason: 'expired' });
    const [subkey] = old.subkeys;
    if (!subkey) throw new Error('no subkey');
    const gone = await subkey.revoke(old.keyPacket as openpgp.SecretKeyPacket, undefined, new Date(now));
    const revoked = await openpgp.readPrivateKey({ binaryKey: old.write() });
    revoked.subkeys = [gone];
    expect(await judged(revoked)).toEqual({ usable: false, reason: 'revoked' });
  });
});

async function recipientOf(key: openpgp.PrivateKey, at: number): Promise<string | undefined> {
  const { armored } = await createListKey({ name: 'List', address: 'list@orbit.example', passphrase: 'x', now });
  const { secret } = await openListKey(armored, 'x');
  const copy = await sealTo(await signOnce(content, secret, at), key.toPublic().write(), at);
  return (await openpgp.readMessage({ armoredMessage: copy })).getEncryptionKeyIDs()[0]?.toHex();
}

describe('a signature', () => {
  async function verdictOn(key: openpgp.PrivateKey, by = key): Promise<boolean | undefined> {
    const signature = await openpgp.sign({
      message: await openpgp.createMessage({ binary: content }),
      signingKeys: by,
      signingKeyIDs: [by.getKeyID()],
      date: new Date(now),
      detached: true,
      config: { allowMissingKeyFlags: true },
    });
    const signed = await ofDetached(content, Buffer.from(signature));
    const { data } = await readCertificate(key.toPublic().write());
    return (await verify(signed, [], async () => [data], now))[0]?.valid;
  }

  test('of a primary key without flags is believed', async () => {
    expect(await verdictOn(await withoutFlags(await made(), new Date(now)))).toBe(true);
  });

  test('of a primary key whose flags do not let it sign is not', async () => {
    const key = await made();
    const certifying = await openpgp.readPrivateKey({ binaryKey: key.write() });
    const [user] = certifying.users;
    const signature = user?.selfCertifications[0];
    if (!signature) throw new Error('no self-signature');
    Object.assign(signature, { keyFlags: Uint8Array.of(openpgp.enums.keyFlags.certifyKeys), rawNotations: [] });
    const signed = { userID: user?.userID, key: certifying.keyPacket };
    await Reflect.apply(signature.sign, signature, [certifying.keyPacket, signed, new Date(now), false, openpgp.config]);
    expect(await verdictOn(key)).toBe(true);
    expect(await verdictOn(certifying, key)).toBe(false);
  });
});
