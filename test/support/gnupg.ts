import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a program said. */
export interface Run {
  code: number | null;
  out: Buffer;
  err: string;
  /** gpg's machine-readable lines (`GOODSIG ...`), without their prefix; none from other programs. */
  status: string[];
}

/** Why a program cannot be used here, or null; for `describe.skipIf(...)`. */
export const absent = { gpg: missing('gpg', '--version'), sq: missing('sq', '--version') };

function missing(program: string, ...args: string[]): string | null {
  const { error, status } = spawnSync(program, args, { stdio: 'ignore' });
  if (error) return `${program} is not installed`;
  return status === 0 ? null : `${program} does not run`;
}

/** Runs a program with `input` on its standard input and `env` beside our own; never rejects for what it answers. */
export function run(
  program: string,
  args: string[],
  input: Uint8Array | string = '',
  env: Record<string, string> = {},
): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    const heard: Buffer[][] = [[], [], [], []];
    for (const fd of [1, 2, 3]) child.stdio[fd]?.on('data', (chunk: Buffer) => heard[fd]?.push(chunk));
    const said = (fd: number) => Buffer.concat(heard[fd] ?? []);
    child.on('error', reject);
    child.on('close', (code) => {
      const status = said(3).toString('latin1').split('\n');
      resolve({ code, out: said(1), err: said(2).toString(), status: status.map((line) => line.replace('[GNUPG:] ', '')) });
    });
    child.stdin.on('error', () => {}); // It may have answered and gone before it read everything.
    child.stdin.end(input);
  });
}

/** As `run`, for what must succeed. */
async function must(program: string, args: string[], input?: Uint8Array | string): Promise<Run> {
  const done = await run(program, args, input);
  if (done.code !== 0) throw new Error(`${program} ${args.join(' ')}: exit ${done.code}\n${done.err}`);
  return done;
}

export interface NewKey {
  /** `Name <address>` */
  userId: string;
  /** The primary key's; `rsa2048`, `ed25519` (default), `dsa1024`. */
  algorithm?: string;
  /** The encryption subkey's, or null for none; `cv25519` by default. */
  encryption?: string | null;
  /** As gpg takes it: `never` (default), `1d`, `2y`, `2021-01-01`. */
  expires?: string;
  subkeyExpires?: string;
  /** When gpg is told that it is, `20200101T000000`; its own clock by default. */
  at?: string;
  /** More options, such as `--cert-digest-algo SHA1`. */
  options?: string[];
}

/** A GnuPG home of its own, with no passphrases. `close` stops its agent and removes it. */
export interface GnuPG {
  home: string;
  run(args: string[], input?: Uint8Array | string): Promise<Run>;
  /** Makes a key and returns its fingerprint. */
  generate(key: NewKey): Promise<string>;
  revoke(fingerprint: string): Promise<void>;
  import(key: Uint8Array | string, passphrase?: string): Promise<Run>;
  certificate(fingerprint: string): Promise<Buffer>;
  secret(fingerprint: string): Promise<Buffer>;
  encrypt(plaintext: Uint8Array | string, recipient: string, signer?: string): Promise<Buffer>;
  decrypt(message: Uint8Array | string, passphrase?: string): Promise<Run>;
  verifyDetached(signature: Uint8Array | string, data: Uint8Array): Promise<Run>;
  close(): Promise<void>;
}

const QUIET = ['--batch', '--no-tty', '--yes', '--pinentry-mode', 'loopback', '--trust-model', 'always', '--status-fd', '3'];

export function openGnuPG(): GnuPG {
  // The agent's socket is in the home, and the name of a socket has at most 108 bytes.
  const home = mkdtempSync(join(tmpdir(), 'gpg-'));
  const options = (passphrase = '') => ['--homedir', home, ...QUIET, '--passphrase', passphrase];
  const gpg = (args: string[], input?: Uint8Array | string) => must('gpg', [...options(), ...args], input);
  return {
    home,
    run: (args, input) => run('gpg', [...options(), ...args], input),
    generate: (key) => generate(gpg, key),
    revoke: async (fingerprint) => {
      const saved = readFileSync(join(home, 'openpgp-revocs.d', `${fingerprint}.rev`), 'utf8');
      await gpg(['--import'], saved.replace(':-----BEGIN', '-----BEGIN'));
    },
    import: (key, passphrase) => run('gpg', [...options(passphrase), '--import'], key),
    certificate: async (fingerprint) => (await gpg(['--export', fingerprint])).out,
    secret: async (fingerprint) => (await gpg(['--export-secret-keys', fingerprint])).out,
    encrypt: async (plaintext, recipient, signer) => {
      const signing = signer ? ['--sign', '--local-user', signer] : [];
      return (await gpg(['--armor', '--encrypt', ...signing, '--recipient', recipient], plaintext)).out;
    },
    decrypt: (message, passphrase) => run('gpg', [...options(passphrase), '--decrypt'], message),
    verifyDetached: (signature, data) => {
      const file = join(home, 'detached.sig');
      writeFileSync(file, signature);
      return run('gpg', [...options(), '--verify', file, '-'], data);
    },
    close: async () => {
      await run('gpgconf', ['--homedir', home, '--kill', 'all']);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function generate(gpg: (args: string[]) => Promise<Run>, key: NewKey): Promise<string> {
  const when = [...(key.at ? ['--faked-system-time', `${key.at}!`] : []), ...(key.options ?? [])];
  const expires = key.expires ?? 'never';
  const made = await gpg([...when, '--quick-generate-key', key.userId, key.algorithm ?? 'ed25519', 'sign', expires]);
  const fingerprint = made.status.find((line) => line.startsWith('KEY_CREATED'))?.split(' ')[2];
  if (!fingerprint) throw new Error(`gpg made no key: ${made.err}`);
  if (key.encryption !== null)
    await gpg([...when, '--quick-add-key', fingerprint, key.encryption ?? 'cv25519', 'encr', key.subkeyExpires ?? expires]);
  return fingerprint;
}

/** Sequoia's sq 0.27 keeps nothing: keys are files, here in a folder that `close` removes. */
export interface Sequoia {
  /** Binary transferable secret key with signing and encryption subkeys, and its certificate. */
  generate(userId: string): Promise<{ secret: Buffer; certificate: Buffer }>;
  encrypt(plaintext: Uint8Array | string, certificate: Uint8Array, signer?: Uint8Array): Promise<Buffer>;
  /** Where `signer` is given, exit 0 means that its signature is there and valid. */
  decrypt(message: Uint8Array | string, secret: Uint8Array, signer?: Uint8Array): Promise<Run>;
  verifyDetached(signature: Uint8Array | string, data: Uint8Array, signer: Uint8Array): Promise<Run>;
  close(): void;
}

export function openSequoia(): Sequoia {
  const dir = mkdtempSync(join(tmpdir(), 'sq-'));
  let files = 0;
  const file = (content: Uint8Array | string) => {
    const path = join(dir, String(++files));
    writeFileSync(path, content);
    return path;
  };
  const keyOption = (option: string, key: Uint8Array | undefined) => (key ? [option, file(key)] : []);
  return {
    generate: async (userId) => {
      const path = join(dir, `${++files}.key`);
      await must('sq', ['key', 'generate', '--userid', userId, '--export', path]);
      const { out } = await must('sq', ['key', 'extract-cert', '--binary', path]);
      const secret = await must('sq', ['dearmor', path]);
      return { secret: secret.out, certificate: out };
    },
    encrypt: async (plaintext, certificate, signer) =>
      (await must('sq', ['encrypt', '--recipient-cert', file(certificate), ...keyOption('--signer-key', signer)], plaintext)).out,
    decrypt: (message, secret, signer) =>
      run('sq', ['decrypt', '--recipient-key', file(secret), ...keyOption('--signer-cert', signer)], message),
    verifyDetached: (signature, data, signer) =>
      run('sq', ['verify', '--signer-cert', file(signer), '--detached', file(signature), file(data)]),
    close: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** The shared corpora (CURFEW_CORPORA, or beside the repository), or why they are not here. */
export function corpus(name: string): { dir: string; absent: string | null } {
  const { CURFEW_CORPORA = join(import.meta.dirname, '../../../shared/corpora') } = process.env;
  const dir = join(CURFEW_CORPORA, name);
  return { dir, absent: existsSync(dir) ? null : `${dir} is absent: set CURFEW_CORPORA` };
}
