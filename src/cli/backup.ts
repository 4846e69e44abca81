import { createWriteStream, existsSync, lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { link, open, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { createGzip } from 'node:zlib';
import { type Command, InvalidArgumentError } from 'commander';
import { type KeptFile, writeArchive } from '../backup/archive.ts';
import { newToken, systemClock, toIso } from '../clock.ts';
import { type Config, loadConfig } from '../config.ts';
import { isListKeyFile } from '../pgp/keyring.ts';
import { sealStream } from '../pgp/seal.ts';
import { Refusal } from '../refusal.ts';
import { namingFile, openToRead } from '../store/database.ts';
import { certificatesIn } from './certificates.ts';
import { collect, type LocalOptions, localCommand, print } from './local.ts';

interface BackupOptions extends LocalOptions {
  out: string;
  cert: string[];
  withKeys?: true;
}

export function register(program: Command): void {
  localCommand(program, 'backup', 'write all that is kept to a file that only the holder of a key can open; the server may run')
    .requiredOption('--cert <file>', 'to whose certificate it is encrypted (repeat it for more)', collect)
    .requiredOption('--out <file>', 'where to write it; no file may be there', nameOfFile)
    .option('--with-keys', 'with the private keys of the lists, as they are kept: under their passphrase, which is not in it')
    .action((options: BackupOptions) => backup(options, program.version() ?? ''));
}

/** What ends in a slash, or is empty, could be given to a file only when all of it is written, and then not. */
function nameOfFile(path: string): string {
  if (/(^|\/)\.{0,2}$/.test(path)) throw new InvalidArgumentError('That names no file.');
  return path;
}

async function backup(options: BackupOptions, version: string): Promise<void> {
  const config = loadConfig(options.config);
  const certificates = (await Promise.all(options.cert.map(certificatesIn))).flat();
  const files = [configFile(options.config), ...(options.withKeys ? keyFiles(config) : [])];
  const takenAt = systemClock.now();
  const db = openToRead(config.database);
  const { project, domain } = config;
  const lines = writeArchive(db, { takenAt, program: version, project, domain }, files);
  // Where writing failed it was not read to its end, and a database that is being read cannot be closed.
  const close = () => lines.return(undefined).finally(() => db.destroy());
  try {
    await written(options.out, async (out) => {
      const sealed = async function* (packed: AsyncIterable<Uint8Array>) {
        const stream = Readable.toWeb(Readable.from(packed)) as ReadableStream<Uint8Array>;
        yield* await sealStream(
          stream,
          certificates.map(({ data }) => data),
          takenAt,
        );
      };
      // All of it in one pipeline, which says what failed first: what it ends then fails as well.
      await pipeline(lines, createGzip({ level: 1 }), sealed, out);
    });
  } catch (error) {
    // What failed first is what is said.
    await close().catch(() => {});
    throw namingFile(error, config.database);
  }
  await close();
  const to = certificates.map(({ fingerprint }) => fingerprint);
  const left = partsIn(dirname(resolve(options.out)));
  print(options, { out: resolve(options.out), takenAt: toIso(takenAt), to, keys: options.withKeys === true, left }, [
    `Wrote ${options.out}, as of ${toIso(takenAt)}, encrypted to ${to.join(', ')}.`,
    options.withKeys
      ? 'The private keys of the lists are in it; their passphrase is not: keep that elsewhere.'
      : 'The private keys of the lists are NOT in it: keep the folder of the keys, and their passphrase, elsewhere.',
    `To restore it: gpg --decrypt ${options.out} | curfew restore -`,
    ...(left.length > 0 ? [`Begun, and no backup; remove it where no other backup runs: ${left.join(', ')}`] : []),
  ]);
}

/** The configuration names files with secrets and holds none itself, but for a password in the URL of PostgreSQL. */
function configFile(path: string): KeptFile {
  return { file: 'config.json', text: readFileSync(path, 'utf8') };
}

function keyFiles({ keys }: Config): KeptFile[] {
  return readdirSync(keys)
    .filter(isListKeyFile)
    .sort()
    .map((name) => ({ file: `keys/${name}`, text: readFileSync(join(keys, name), 'utf8') }));
}

/** What backups into that folder have begun that were killed, or run yet. */
function partsIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /^\.curfew-backup-\w+\.part$/.test(name))
    .map((name) => join(folder, name));
}

/** What a terminal, a timer or a shutdown ends a program with. */
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Does `act`; where a signal ends the process meanwhile the file goes, and the process is ended by that signal all the same. */
async function removingAtSignal(path: string, act: () => Promise<void>): Promise<void> {
  const end = (signal: NodeJS.Signals) => {
    rmSync(path, { force: true });
    for (const each of ENDING) process.off(each, end);
    process.kill(process.pid, signal);
  };
  for (const signal of ENDING) process.on(signal, end);
  try {
    await act();
  } finally {
    for (const signal of ENDING) process.off(signal, end);
  }
}

/**
 * The file is there when all of it is on the disk, and not before; until then it has a name that nobody else has, which stays where this process is
 * killed by SIGKILL. Throws Refusal `conflict` where something of that name is there by then, which stays as it is.
 */
async function written(path: string, write: (out: NodeJS.WritableStream) => Promise<void>): Promise<void> {
  const folder = dirname(resolve(path));
  const begun = join(folder, `.curfew-backup-${newToken(10)}.part`);
  if (lstatSync(path, { throwIfNoEntry: false })) throw thereAlready(path);
  if (!existsSync(folder)) throw new Refusal('not-found', `There is no folder ${folder}: make it, or give another --out`);
  await removingAtSignal(begun, async () => {
    try {
      const out = createWriteStream(begun, { mode: 0o600, flags: 'wx', flush: true });
      // The system says what is wrong, and not with which file.
      out.once('error', (error) => Object.assign(error, { path }));
      await write(out);
      await name(begun, path);
      const named = await open(folder);
      await named.sync().finally(() => named.close());
    } finally {
      await rm(begun, { force: true });
    }
  });
}

/** Gives it that name, where nothing has it: two backups at once may be given the same. */
async function name(begun: string, path: string): Promise<void> {
  try {
    await link(begun, path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw thereAlready(path);
    // Nobody gave the name that it has until then.
    if (!WITHOUT_LINKS.includes(code)) throw Object.assign(error as Error, { path });
    await renameOntoOwn(begun, path);
  }
}

/** What the system says where a file cannot have two names: FAT (EPERM), and what is mounted from elsewhere. */
const WITHOUT_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

/** An empty file of this process keeps the name for that moment. */
async function renameOntoOwn(begun: string, path: string): Promise<void> {
  const own = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? thereAlready(path) : error;
  });
  await own.close();
  await rename(begun, path);
}

function thereAlready(path: string): Refusal {
  return new Refusal('conflict', `${path} is there already: a backup replaces no file`);
}
