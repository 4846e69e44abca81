import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { certificatesIn, type LooseCertificate } from '../pgp/certificate-bytes.ts';
import { Refusal } from '../refusal.ts';

/** As many as a command line has room for, and as few as are surely in memory at once. */
const TOGETHER = 500;
const MOST_BYTES = 256 * 1024 * 1024;

/**
 * The public certificates with these fingerprints (hex) that are in a GnuPG home; what is not there is left out. The `gpg` of
 * this machine reads the keyring with a home of its own: nothing is written into that one, no agent is started, and no secret
 * key is looked at.
 * Throws Refusal where there is no gpg or no keyring, and where gpg fails.
 */
export async function certificatesAt(
  home: string,
  fingerprints: readonly string[],
  progress: (done: number) => void,
): Promise<LooseCertificate[]> {
  const keyrings = keyringsOf(home).flatMap((file) => ['--keyring', file]);
  const own = mkdtempSync(join(tmpdir(), 'curfew-gpg-'));
  const found: LooseCertificate[] = [];
  try {
    for (let from = 0; from < fingerprints.length; from += TOGETHER) {
      const some = fingerprints.slice(from, from + TOGETHER);
      const wanted = some.map((fingerprint) => `0x${fingerprint}`);
      found.push(...certificatesIn(await gpg(['--homedir', own, ...QUIETLY, ...keyrings, '--export', '--', ...wanted])));
      progress(some.length);
    }
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
  return found;
}

const QUIETLY = [
  '--batch',
  '--no-tty',
  '--no-options',
  '--no-autostart',
  '--lock-never',
  '--no-random-seed-file',
  '--no-auto-check-trustdb',
  '--trust-model=always',
  '--no-default-keyring',
];

/** The files of a home that hold public keys: GnuPG 2.0 wrote the second, and what is younger reads it still. */
function keyringsOf(home: string): string[] {
  const files = ['pubring.kbx', 'pubring.gpg'].map((name) => resolve(home, name)).filter((file) => existsSync(file));
  if (files.length > 0) return files;
  if (existsSync(join(home, 'public-keys.d')))
    throw new Refusal('invalid', `The keys in ${home} are kept by keyboxd, which is not read: there is no pubring.kbx`);
  throw new Refusal('not-found', `${home} is no GnuPG home: there is no pubring.kbx`);
}

const ABSENT =
  'gpg (GnuPG) is not on the PATH. Schleuder keeps the certificates in GnuPG homes, and nothing else reads those: install it';

function gpg(args: readonly string[]): Promise<Buffer> {
  const env = { ...process.env, LC_ALL: 'C', LANGUAGE: 'C' };
  return new Promise((resolve, reject) => {
    execFile('gpg', args, { encoding: 'buffer', maxBuffer: MOST_BYTES, env }, (error, stdout, stderr) => {
      if (error?.code === 'ENOENT') return reject(new Refusal('not-found', ABSENT));
      // Some versions call it a failure where none of the keys is there.
      if (!error || stderr.includes('nothing exported')) return resolve(stdout);
      reject(new Refusal('invalid', `gpg cannot export: ${stderr.toString('latin1').trim().split('\n').at(-1)}`));
    });
  });
}
