import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DAY, systemClock } from '../../src/clock.ts';
import { armorCertificate, readCertificate, usable } from '../../src/pgp/certificate.ts';
import { createListKey, type LockedKey, loadKeyring, openListKey, renewListKey, writeListKey } from '../../src/pgp/keyring.ts';
import { openKept, signOnce } from '../../src/pgp/seal.ts';
import { openpgp } from '../../src/pgp/settings.ts';
import { absent, type GnuPG, openGnuPG } from '../support/gnupg.ts';

/** Some whole second of the past, as GnuPG goes by the machine's clock. */
const now = Math.floor((systemClock.now() - 400 * DAY) / 1000) * 1000;
const passphrase = 'correct horse';
const dir = mkdtempSync(join(tmpdir(), 'keys-'));
let key: LockedKey;

beforeAll(async () => {
  key = await createListKey({ name: 'Orbit Security', address: 'security@orbit.example', passphrase, now });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function folder(name: string): string {
  return join(dir, name);
}

describe('a new list key', () => {
  test('is for the list, its -request and -owner, for two years, with one encryption subkey', async () => {
    const facts = await readCertificate(key.certificate);
    expect(facts).toMatchObject({
      fingerprint: key.fingerprint,
      userIds: ['Orbit Security <security@orbit.example>', '<security-request@orbit.example>', '<security-owner@orbit.example>'],
      addresses: ['security@orbit.example', 'security-request@orbit.example', 'security-owner@orbit.example'],
      createdAt: now,
      expiresAt: now + 730 * DAY,
    });
    expect(facts.keys).toHaveLength(2);
    expect(await usable(key.certificate, now)).toEqual({ usable: true, until: now + 730 * DAY });
    expect(await usable(key.certificate, now + 730 * DAY)).toEqual({ usable: false, reason: 'expired' });
  });

  test('is v4 in the legacy encoding, asks for AES-256 and SHA-512, and not for AEAD', async () => {
    const certificate = await openpgp.readKey({ binaryKey: key.certificate });
    expect(certificate.getKeys().map((each) => each.getAlgorithmInfo().algorithm)).toEqual(['eddsaLegacy', 'ecdh']);
    const { selfCertification } = await certificate.getPrimaryUser(new Date(now));
    expect(selfCertification.features?.[0]).toBe(1);
    expect(selfCertification.preferredSymmetricAlgorithms?.[0]).toBe(openpgp.enums.symmetric.aes256);
    expect(selfCertification.preferredHashAlgorithms?.[0]).toBe(openpgp.enums.hash.sha512);
  });

  test('is not made without a passphrase, or with a name that would change its user id', async () => {
    const make = (name: string, secret: string) => createListKey({ name, address: 'a@orbit.example', passphrase: secret, now });
    await expect(make('A', '')).rejects.toThrow('needs a passphrase');
    await expect(make('A <b@c.example>', 'x')).rejects.toThrow('brackets or control characters');
  });
});

describe('a stored list key', () => {
  test('is written with mode 0600 in a folder of mode 0700, and leaves no draft', async () => {
    const path = await writeListKey(folder('new'), key);
    expect(path).toBe(join(folder('new'), `${key.fingerprint}.asc`));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(folder('new')).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder('new'))).toEqual([`${key.fingerprint}.asc`]);
  });

  test('is never overwritten unless told', async () => {
    await writeListKey(folder('twice'), key);
    await expect(writeListKey(folder('twice'), { ...key, armored: 'other' })).rejects.toThrow(
      'exists already and is not replaced',
    );
    expect((await loadKeyring(folder('twice'), passphrase)).all()).toHaveLength(1);
    await writeListKey(folder('twice'), { ...key, armored: 'other' }, { replace: true });
    await expect(loadKeyring(folder('twice'), passphrase)).rejects.toThrow(key.fingerprint);
    expect(readdirSync(folder('twice'))).toHaveLength(1);
  });

  test('is found by fingerprint, open, with its address', async () => {
    await writeListKey(folder('ring'), key);
    const ring = await loadKeyring(folder('ring'), passphrase);
    expect(ring.find(key.fingerprint)).toMatchObject({
      address: 'security@orbit.example',
      certificate: key.certificate,
      expiresAt: now + 730 * DAY,
    });
    expect(ring.find('00')).toBeUndefined();
    const secret = ring.find(key.fingerprint)?.secret ?? new Uint8Array();
    expect((await openpgp.readPrivateKey({ binaryKey: secret })).isDecrypted()).toBe(true);
  });

  test('one line says which file cannot be used, why, what to do, and how many others', async () => {
    const refusal = (dir: string, given = passphrase) => loadKeyring(folder(dir), given).catch((error: Error) => error.message);
    const path = await writeListKey(folder('bad'), key);
    expect(await refusal('bad', 'wrong')).toBe(`${path}: the passphrase is wrong for this key`);
    const wide = await writeListKey(folder('wide'), key);
    chmodSync(wide, 0o640);
    expect(await refusal('wide')).toBe(`${wide} can be read by others (mode 640): chmod 600 it`);
    mkdirSync(folder('torn'));
    writeFileSync(join(folder('torn'), 'torn.asc'), key.armored.slice(0, 300), { mode: 0o600 });
    expect(await refusal('torn')).toContain('torn.asc: ');
    const other = await createListKey({ name: 'B', address: 'b@orbit.example', passphrase, now });
    await writeListKey(folder('bad'), other);
    expect(await refusal('bad', 'wrong')).toMatch(
      /^\S+\.asc: the passphrase is wrong for this key \(1 more keys cannot be used\)$/,
    );
  });

  test('without a passphrase of its own it is refused', async () => {
    const open = await openListKey(key.armored, passphrase);
    const armored = (await openpgp.readPrivateKey({ binaryKey: open.secret })).armor();
    await writeListKey(folder('open'), { fingerprint: key.fingerprint, armored });
    await expect(loadKeyring(folder('open'), passphrase)).rejects.toThrow('has no passphrase');
  });

  test('a folder that is not there is said', async () => {
    await expect(loadKeyring(folder('none'), passphrase)).rejects.toThrow(`${folder('none')} cannot be read (ENOENT)`);
  });
});

describe('a renewed list key', () => {
  const later = now + 700 * DAY;

  test('keeps fingerprint and user ids, and lives on', async () => {
    const renewed = await renewListKey({ armored: key.armored, passphrase, now: later, days: 365 });
    expect(renewed).toMatchObject({ fingerprint: key.fingerprint, expiresAt: later + 365 * DAY });
    expect((await readCertificate(renewed.certificate)).userIds).toEqual((await readCertificate(key.certificate)).userIds);
    expect(await usable(renewed.certificate, later + 364 * DAY)).toEqual({ usable: true, until: later + 365 * DAY });
    expect((await openListKey(renewed.armored, passphrase)).expiresAt).toBe(later + 365 * DAY);
  });

  test('still verifies what it signed before', async () => {
    const renewed = await renewListKey({ armored: key.armored, passphrase, now: later, days: 365 });
    const { secret } = await openListKey(key.armored, passphrase);
    const message = await openpgp.readMessage({ binaryMessage: await signOnce(Buffer.from('old'), secret, now + DAY) });
    const certificate = await openpgp.readKey({ binaryKey: renewed.certificate });
    const { signatures } = await openpgp.verify({
      message,
      verificationKeys: certificate,
      date: new Date(later),
      format: 'binary',
    });
    expect(await signatures[0]?.verified).toBe(true);
  });

  test('is renewed after its expiry too, and not with a clock that went back', async () => {
    const late = now + 1000 * DAY;
    const renewed = await renewListKey({ armored: key.armored, passphrase, now: late, days: 30 });
    expect(await usable(renewed.certificate, late)).toEqual({ usable: true, until: late + 30 * DAY });
    const back = renewListKey({ armored: renewed.armored, passphrase, now: late - DAY, days: 30 });
    await expect(back).rejects.toThrow('check the clock');
  });
});

describe.skipIf(absent.gpg)(`with GnuPG (${absent.gpg ?? 'here'})`, () => {
  let gpg: GnuPG;
  beforeAll(() => {
    gpg = openGnuPG();
  });
  afterAll(() => gpg.close());

  test('GnuPG imports the certificate and encrypts to it, and the list opens that', async () => {
    expect((await gpg.import(armorCertificate(key.certificate))).code).toBe(0);
    const { secret } = await openListKey(key.armored, passphrase);
    const { out } = await gpg.run(['--dearmor'], await gpg.encrypt('report', 'security@orbit.example'));
    expect(Buffer.from(await openKept(out, [secret])).toString()).toBe('report');
  });

  test('GnuPG takes the renewed certificate over the old one', async () => {
    await gpg.import(key.certificate);
    const renewed = await renewListKey({ armored: key.armored, passphrase, now: now + 10 * DAY, days: 3650 });
    expect((await gpg.import(renewed.certificate)).code).toBe(0);
    const { out } = await gpg.run(['--with-colons', '--list-keys', key.fingerprint]);
    const expiries = [...out.toString().matchAll(/^(?:pub|sub):(?:[^:]*:){5}(\d+)/gm)].map(
      ([, seconds]) => Number(seconds) * 1000,
    );
    expect(expiries).toEqual([now + 3660 * DAY, now + 3660 * DAY]);
  });

  test('GnuPG imports the locked secret key and opens with the passphrase, and with no other', async () => {
    const other = openGnuPG();
    try {
      expect((await other.import(key.armored, passphrase)).status).toContainEqual(expect.stringMatching(/^IMPORT_OK 17/));
      const armored = await other.encrypt('kept', key.fingerprint);
      expect((await other.decrypt(armored, 'wrong')).code).not.toBe(0);
      expect((await other.decrypt(armored, passphrase)).out.toString()).toBe('kept');
    } finally {
      await other.close();
    }
  });
});
