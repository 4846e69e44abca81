import { chmod, link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DAY, type Instant, newToken, SECOND } from '../clock.ts';
import { roleAddress } from '../mail/address.ts';
import { collectBuffers, octetsInBuffers } from './memory.ts';
import { fingerprintOf, instantOf, lastSigned } from './parse.ts';
import { dateAt, openpgp } from './settings.ts';

/** A list's key, open: it lives in memory only. */
export interface ListKey {
  fingerprint: string;
  /** The list's address, from the primary user id. */
  address: string;
  /** Binary. */
  certificate: Uint8Array;
  /** Transferable secret key, unlocked, binary. Never written anywhere. */
  secret: Uint8Array;
  expiresAt: Instant | null;
  /** Fingerprints of the primary key and its subkeys. */
  keys: string[];
}

/** A list's key as it may be stored: the secret part under the passphrase. */
export interface LockedKey {
  fingerprint: string;
  armored: string;
  /** Binary. */
  certificate: Uint8Array;
}

export interface Keyring {
  /** By the primary key's fingerprint, upper-case hexadecimal. */
  find(fingerprint: string): ListKey | undefined;
  /**
   * The key of that fingerprint first, then all others of its list: what it had before, and is to have next. What is encrypted
   * to any of them is opened; none of these signs. Empty where it is not there.
   */
  family(fingerprint: string): ListKey[];
  all(): ListKey[];
  /** A key that was made, or renewed under the same fingerprint, meanwhile. */
  add(key: ListKey): void;
}

const DEFAULT_DAYS = 730;

/**
 * A new key for the list `address`, named `name`, also for its -request and -owner addresses, valid for `days` from `now`.
 * v4 with EdDSA and ECDH in their legacy encoding (RFC 9580 §9.2.1), the only Curve25519 that GnuPG 2.2 can read.
 */
export async function createListKey(o: {
  name: string;
  address: string;
  passphrase: string;
  now: Instant;
  days?: number;
}): Promise<LockedKey> {
  if (/[<>()\p{Cc}]/u.test(o.name))
    throw new Error(`the name of ${o.address} has brackets or control characters, which a user ID cannot have`);
  const { privateKey } = await openpgp.generateKey({
    type: 'ecc',
    curve: 'curve25519Legacy',
    userIDs: [
      { name: o.name, email: o.address },
      { email: roleAddress(o.address, 'request') },
      { email: roleAddress(o.address, 'owner') },
    ],
    keyExpirationTime: ((o.days ?? DEFAULT_DAYS) * DAY) / SECOND,
    date: dateAt(o.now),
    format: 'object',
  });
  return lock(privateKey, o.passphrase);
}

/**
 * The same key with a new expiry `days` after `now`, on its user ids and on its subkeys. The older signatures stay beside the
 * new ones: by them alone can be told that the key was valid when it signed what it signed before.
 * @throws Error where the passphrase is wrong, or the key says of itself that it was made or renewed after `now`.
 */
export async function renewListKey(o: {
  armored: string;
  passphrase: string;
  now: Instant;
  days: number;
}): Promise<LockedKey & { expiresAt: Instant | null }> {
  const old = await unlock(await openpgp.readPrivateKey({ armoredKey: o.armored }), o.passphrase);
  if (lastSigned(old) > dateAt(o.now))
    throw new Error(`the key was renewed at ${lastSigned(old).toISOString()}, which is still to come: check the clock`);
  const { privateKey: signedAnew } = await openpgp.reformatKey({
    privateKey: old,
    userIDs: old.users.flatMap(({ userID }) =>
      userID ? [{ name: userID.name, email: userID.email, comment: userID.comment }] : [],
    ),
    keyExpirationTime: Math.floor((o.now + o.days * DAY - old.getCreationTime().getTime()) / SECOND),
    date: dateAt(o.now),
    format: 'object',
  });
  const renewed = await signedAnew.update(old, dateAt(o.now));
  return { ...(await lock(renewed, o.passphrase)), expiresAt: instantOf(await renewed.getExpirationTime()) };
}

/**
 * Writes `DIR/FINGERPRINT.asc`, mode 0600 in a folder of mode 0700, whole or not at all, and synced. A key that is there already is replaced only where
 * `replace` says so (a renewal): a lost list key cannot be had back.
 */
export async function writeListKey(
  dir: string,
  key: { fingerprint: string; armored: string },
  { replace = false }: { replace?: boolean } = {},
): Promise<string> {
  const path = join(dir, `${key.fingerprint}.asc`);
  const draft = join(dir, `.${key.fingerprint}.${newToken(5)}`);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await chmod(dir, 0o700);
  try {
    await writeSynced(draft, key.armored);
    if (replace) await rename(draft, path);
    else await link(draft, path);
    await sync(dir);
  } catch (error) {
    throw isErrno(error, 'EEXIST') ? new Error(`${path} exists already and is not replaced`) : error;
  } finally {
    await rm(draft, { force: true });
  }
  return path;
}

/**
 * Opens every `*.asc` of `dir`.
 * @throws Error with one line: what is wrong with the first key that cannot be used, what to do, and how many others are.
 */
export async function loadKeyring(dir: string, passphrase: string): Promise<Keyring> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${dir} cannot be read (${error.code}): that is where the list keys are; curfew init makes them`);
  });
  const paths = names.filter(isListKeyFile).map((name) => join(dir, name));
  const keys: ListKey[] = [];
  const failures: string[] = [];
  // One after the other: each is hashed in memory, 65 MB of it for each of its secret parts (settings.ts).
  for (const path of paths) {
    await loadListKey(path, passphrase).then(
      (key) => keys.push(key),
      (error: unknown) => failures.push(messageOf(error)),
    );
    if (octetsInBuffers() > HASHED) collectBuffers();
  }
  const [first, ...others] = failures;
  if (first !== undefined) throw new Error(others.length === 0 ? first : `${first} (${others.length} more keys cannot be used)`);
  return keyringOf(keys);
}

/** Octets: the buffer that a passphrase was hashed in is larger, where a key was made to be slow to open. */
const HASHED = 32 * 1024 * 1024;

/** Whether a file of that name in the folder of the keys is one; what systems and editors put beside it is not. */
export function isListKeyFile(name: string): boolean {
  return name.endsWith('.asc') && !name.startsWith('.');
}

export function keyringOf(keys: ListKey[]): Keyring {
  const byFingerprint = new Map(keys.map((key) => [key.fingerprint, key]));
  return {
    find: (fingerprint) => byFingerprint.get(fingerprint),
    family: (fingerprint) => {
      const key = byFingerprint.get(fingerprint);
      const others = [...byFingerprint.values()].filter((one) => one !== key && one.address === key?.address);
      return key ? [key, ...others] : [];
    },
    all: () => [...byFingerprint.values()],
    add: (key) => void byFingerprint.set(key.fingerprint, key),
  };
}

/** Opens one stored list key. */
export async function openListKey(armored: string, passphrase: string): Promise<ListKey> {
  const key = await unlock(await openpgp.readPrivateKey({ armoredKey: armored }), passphrase);
  const { user } = await key.getPrimaryUser(lastSigned(key));
  return {
    fingerprint: fingerprintOf(key),
    address: user.userID?.email.toLowerCase() ?? '',
    certificate: key.toPublic().write(),
    secret: key.write(),
    expiresAt: instantOf(await key.getExpirationTime()),
    keys: key.getKeys().map(fingerprintOf),
  };
}

async function loadListKey(path: string, passphrase: string): Promise<ListKey> {
  const { mode } = await stat(path);
  if (mode & 0o077) throw new Error(`${path} can be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600 it`);
  const armored = await readFile(path, 'utf8');
  const key = await openListKey(armored, passphrase).catch((error) => {
    throw new Error(`${path}: ${messageOf(error)}`);
  });
  if (!path.endsWith(`${key.fingerprint}.asc`))
    throw new Error(`${path} holds the key ${key.fingerprint}: rename it to ${key.fingerprint}.asc`);
  return key;
}

/** Under the passphrase by an iterated S2K (settings.ts), which GnuPG 2.2 can import. */
async function lock(key: openpgp.PrivateKey, passphrase: string): Promise<LockedKey> {
  if (passphrase === '') throw new Error('a list key needs a passphrase that is not empty');
  const locked = await openpgp.encryptKey({ privateKey: key, passphrase });
  return { fingerprint: fingerprintOf(key), armored: locked.armor(), certificate: key.toPublic().write() };
}

async function unlock(key: openpgp.PrivateKey, passphrase: string): Promise<openpgp.PrivateKey> {
  if (key.isDecrypted())
    throw new Error('the secret key in it has no passphrase: protect it (gpg --edit-key FINGERPRINT passwd)');
  return openpgp.decryptKey({ privateKey: key, passphrase }).catch((error: Error) => {
    if (error.message.includes('Incorrect key passphrase')) throw new Error('the passphrase is wrong for this key');
    throw error;
  });
}

/** `wx`: never through a file or link that somebody else put there. */
async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Until the folder is synced, a power loss can take the new name away. */
async function sync(dir: string): Promise<void> {
  const folder = await open(dir);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
