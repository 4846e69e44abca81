import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { createGunzip } from 'node:zlib';
import type { Command } from 'commander';
import { type Archive, type KeptFile, openArchive } from '../backup/archive.ts';
import { type Restored, restore } from '../backup/restore.ts';
import { systemClock, toIso } from '../clock.ts';
import { type Config, checkConfig, loadConfig } from '../config.ts';
import { Refusal } from '../refusal.ts';
import { type DatabaseConfig, makeDatabase, namingFile } from '../store/database.ts';
import { lockDatabase } from '../store/lock.ts';
import { linesOf } from './lines.ts';
import { atHost, type LocalOptions, localCommand, print } from './local.ts';
import { ADVICE } from './restored.ts';

export function register(program: Command): void {
  localCommand(program, 'restore', 'put a backup into a new database; nothing goes out until an admin confirms it')
    .argument('<backup>', 'the file, decrypted; - for standard input, as in: gpg --decrypt FILE | curfew restore -')
    .action(restoreFrom);
}

/** Octets of a line: a post of 25 MiB, sealed and in base64, with room. */
const LONGEST = 128 * 1024 * 1024;

async function restoreFrom(path: string, options: LocalOptions): Promise<void> {
  // Opened first: a stream of a file that is not there fails before anybody listens to it.
  const input = path === '-' ? process.stdin : (await open(path)).createReadStream();
  const archive = await openArchive(linesOf(unpacked(input), LONGEST));
  const kept = existsSync(options.config) ? undefined : archive.files.find(({ file }) => file === 'config.json');
  const config = kept ? checkConfig(JSON.parse(kept.text), dirname(resolve(options.config))) : loadConfig(options.config);
  mustBeOf(archive, config);
  const keys = missingKeys(archive.files, config);
  const restored = await restoreInto(config.database, archive);
  // Last: what was refused has written nothing.
  const files = [...(kept ? [{ name: options.config, text: kept.text }] : []), ...keys];
  for (const { name, text } of files) {
    mkdirSync(dirname(resolve(name)), { recursive: true, mode: 0o700 });
    writeFileSync(name, text, { mode: 0o600, flag: 'wx' });
  }
  tell(
    options,
    restored,
    files.map(({ name }) => name),
  );
}

/** gpg gives the packed text. */
async function* unpacked(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  let first = true;
  const feeding = (async () => {
    for await (const chunk of input) {
      if (first) mustBePacked(chunk);
      first = false;
      if (!gunzip.write(chunk)) await new Promise((resolve) => gunzip.once('drain', resolve));
    }
    gunzip.end();
  })().catch((error: unknown) => void gunzip.destroy(error instanceof Error ? error : new Error(String(error))));
  try {
    yield* gunzip;
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal('invalid', 'The backup is cut off or damaged: it cannot be unpacked');
  } finally {
    gunzip.destroy();
  }
  await feeding;
}

/** The two octets that gzip begins with (RFC 1952 §2.3.1); the first bit of an OpenPGP packet is set (RFC 9580 §4.2). */
function mustBePacked(chunk: Uint8Array): void {
  if (chunk[0] === 0x1f && chunk[1] === 0x8b) return;
  const sealed = ((chunk[0] ?? 0) & 0x80) !== 0;
  throw new Refusal(
    'invalid',
    sealed ? 'The backup is encrypted: gpg --decrypt FILE | curfew restore -' : 'It is no backup of Curfew',
  );
}

function mustBeOf({ head }: Archive, { project, domain }: Config): void {
  if (head.project === project && head.domain === domain) return;
  throw new Refusal(
    'invalid',
    `The backup is of ${head.project} (${head.domain}), and the configuration of ${project} (${domain}): give the one that belongs to it`,
  );
}

/** Private keys that the backup has and the folder of the keys does not. */
function missingKeys(files: readonly KeptFile[], { keys }: Config): { name: string; text: string }[] {
  const kept = files.filter(({ file }) => file.startsWith('keys/'));
  return kept
    .map(({ file, text }) => ({ name: join(keys, file.slice('keys/'.length)), text }))
    .filter(({ name }) => !existsSync(name));
}

/** Of a SQLite file that it made nothing stays where it fails. */
async function restoreInto(config: DatabaseConfig, archive: Archive): Promise<Restored> {
  if ('sqlite' in config && existsSync(config.sqlite))
    throw new Refusal(
      'conflict',
      `There is a database already: ${config.sqlite}. A backup replaces none: move it away, with what is beside it`,
    );
  const db = makeDatabase(config);
  const unlock = 'sqlite' in config ? lockDatabase(config.sqlite) : () => {};
  try {
    const restored = await restore({ db, clock: systemClock, by: atHost() }, archive);
    await db.destroy();
    return restored;
  } catch (error) {
    await db.destroy();
    if ('sqlite' in config) for (const end of ['', '-wal', '-shm', '-lock']) rmSync(`${config.sqlite}${end}`, { force: true });
    throw namingFile(error, config);
  } finally {
    unlock();
  }
}

function tell(options: LocalOptions, { takenAt, copies, cases, tokens }: Restored, files: readonly string[]): void {
  print(options, { takenAt: toIso(takenAt), copies, cases, tokens, files }, [
    `Restored what there was at ${toIso(takenAt)}.`,
    ...files.map((file) => `Wrote ${file}`),
    `Copies that waited, and are held now: ${copies}`,
    `Cases whose approvals count no more: ${cases.length === 0 ? 'none' : cases.join(', ')}`,
    `Tokens that are revoked: ${tokens}. Make an admin token for a person: curfew token create --name N --role admin --person ADDRESS`,
    '',
    'Start the server. Until an admin confirms it (curfew restored confirm), nothing is released, and nobody but the team is written to.',
    ...ADVICE,
  ]);
}
