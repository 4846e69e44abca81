import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { absent as missing, openGnuPG, type Run, run } from '../support/gnupg.ts';
import { installed } from '../support/installed.ts';

/** Somebody's key, without a passphrase. Secret and certificate are binary unless the program that made them armors. */
export interface Key {
  /** Of the primary key, upper-case hex. */
  fingerprint: string;
  secret: Uint8Array;
  certificate: Uint8Array;
}

export type Public = Omit<Key, 'secret'>;

/**
 * One other OpenPGP program: a real process for everything, in a temporary home that `close` removes. What it does not do is an
 * Error with its exit code and its own words.
 */
export interface Peer {
  /** What it writes for the line ends of what it opened, where that is not what was encrypted. */
  lineEnds?: 'LF';
  /** A key as the program makes it when it is only told for whom. */
  generate(userId: string): Promise<Key>;
  /** Signed and encrypted, armored. */
  encrypt(content: Uint8Array, to: Public, by: Key): Promise<string>;
  /** Likewise, in an encryption packet with AEAD. */
  encryptAead(content: Uint8Array, to: Public, by: Key): Promise<string>;
  /** Detached, armored, over the very octets. */
  sign(content: Uint8Array, by: Key): Promise<string>;
  /** The cleartext signature framework (RFC 9580 §7). */
  clearsign(text: string, by: Key): Promise<string>;
  /** The content, where the program says that it is signed by `from`. */
  open(armored: string, own: Key, from: Public): Promise<Buffer>;
  close(): Promise<void>;
}

export interface Program {
  name: string;
  /** Why it cannot be used here, or null. */
  absent: string | null;
  version: string;
  open(): Peer;
}

export const programs: readonly Program[] = [
  { name: 'gpg', absent: missing.gpg, version: firstLine('gpg', '--version'), open: gnupg },
  { name: 'sq', absent: sequoiaAbsent(), version: firstLine('sq', '--version'), open: sequoia },
  { name: 'rnp', absent: needs('rnp') ?? needs('rnpkeys'), version: firstLine('rnp', '--version'), open: rnp },
  sop('sqop'),
  sop('gosop', { verifications: '--verify-out', lineEnds: 'LF' }),
  sop('pgpainless-cli', { env: { JDK_JAVA_OPTIONS: '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' } }),
];

function needs(program: string): string | null {
  return installed(program) ? null : `${program} is not installed`;
}

/** Empty where the program is not there. */
function firstLine(program: string, ...args: string[]): string {
  const { stdout } = spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return (stdout ?? '').split('\n', 1)[0]?.trim() ?? '';
}

/** Exit 0, or an Error that says which program and what it said last, on one line. */
async function must(program: string, args: string[], input: Uint8Array | string = '', env: Record<string, string> = {}) {
  const done = await run(program, args, input, env);
  if (done.code !== 0) throw failure(program, done);
  return done;
}

function failure(program: string, { code, err }: Pick<Run, 'code' | 'err'>): Error {
  return new Error(
    `${program}: exit ${code}: ${err
      .replace(/^NOTE: .*$/m, '')
      .trim()
      .replace(/\s+/g, ' ')
      .slice(0, 400)}`,
  );
}

/** A folder of files that a program can be given by name. */
function folder(prefix: string) {
  const dir = mkdtempSync(join(tmpdir(), prefix));
  const written = new Map<string, string>();
  let count = 0;
  const fresh = () => join(dir, String(++count));
  const file = (content: Uint8Array | string) => {
    const path = fresh();
    writeFileSync(path, content);
    return path;
  };
  return {
    dir,
    /** A name that is not there yet. */
    fresh,
    file,
    /** As `file`, and the same one for the same content again. */
    kept: (content: Uint8Array) => {
      const digest = Buffer.from(content).toString('base64');
      const path = written.get(digest) ?? file(content);
      written.set(digest, path);
      return path;
    },
    close: async () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Does `act` once for each different certificate or key. */
function once(act: (bytes: Uint8Array) => Promise<unknown>): (bytes: Uint8Array) => Promise<void> {
  const done = new Map<string, Promise<unknown>>();
  return async (bytes) => {
    const digest = Buffer.from(bytes).toString('base64');
    const doing = done.get(digest) ?? act(bytes);
    done.set(digest, doing);
    await doing;
  };
}

async function fingerprintIn(certificate: Uint8Array): Promise<string> {
  const text = Buffer.from(certificate).toString('latin1');
  const armored = text.startsWith('-----');
  const key = await (armored ? openpgp.readKey({ armoredKey: text }) : openpgp.readKey({ binaryKey: certificate }));
  return key.getFingerprint().toUpperCase();
}

function gnupg(): Peer {
  const home = openGnuPG();
  const gpg = async (args: string[], input: Uint8Array | string = '') => {
    const done = await home.run(args, input);
    if (done.code !== 0) throw failure('gpg', done);
    return done;
  };
  const known = once((key) => gpg(['--import'], key));
  const encrypt = async (content: Uint8Array, to: Public, by: Key, ...options: string[]) => {
    await known(to.certificate);
    await known(by.secret);
    const who = ['--local-user', by.fingerprint, '--recipient', to.fingerprint];
    return (await gpg([...options, '--armor', '--encrypt', '--sign', ...who], content)).out.toString();
  };
  const sign = async (how: string, content: Uint8Array | string, by: Key) => {
    await known(by.secret);
    return (await gpg(['--armor', '--local-user', by.fingerprint, how], content)).out.toString();
  };
  return {
    generate: async (userId) => {
      const { status } = await gpg(['--quick-generate-key', userId]);
      const fingerprint = status.find((line) => line.startsWith('KEY_CREATED'))?.split(' ')[2] ?? '';
      return { fingerprint, secret: await home.secret(fingerprint), certificate: await home.certificate(fingerprint) };
    },
    encrypt,
    // The option of GnuPG 2.3 and newer.
    encryptAead: (content, to, by) => encrypt(content, to, by, '--force-ocb'),
    sign: (content, by) => sign('--detach-sign', content, by),
    clearsign: (text, by) => sign('--clearsign', text, by),
    open: async (armored, own, from) => {
      await known(own.secret);
      await known(from.certificate);
      const { out, err, status } = await gpg(['--decrypt'], armored);
      const signer = status
        .find((line) => line.startsWith('VALIDSIG'))
        ?.split(' ')
        .at(-1);
      if (signer !== from.fingerprint) throw failure('gpg', { code: 0, err });
      return out;
    },
    close: home.close,
  };
}

/** From 1.0 on sq keeps keys in a store, and its command line is another one. */
function sequoiaAbsent(): string | null {
  return missing.sq ?? (/^sq 0\./.test(firstLine('sq', '--version')) ? null : 'sq is not one of the 0.x series');
}

function sequoia(): Peer {
  const files = folder('sq-');
  const sq = (args: string[], input: Uint8Array | string = '') => must('sq', args, input);
  const encrypt = async (content: Uint8Array, to: Public, by: Key, ...options: string[]) => {
    const who = ['--recipient-cert', files.kept(to.certificate), '--signer-key', files.kept(by.secret)];
    return (await sq(['encrypt', ...options, ...who], content)).out.toString();
  };
  const sign = async (how: string, content: Uint8Array | string, by: Key) =>
    (await sq(['sign', how, '--signer-key', files.kept(by.secret)], content)).out.toString();
  return {
    generate: async (userId) => {
      const path = files.fresh();
      await sq(['key', 'generate', '--userid', userId, '--export', path]);
      const certificate = (await sq(['key', 'extract-cert', '--binary', path])).out;
      return { fingerprint: await fingerprintIn(certificate), secret: readFileSync(path), certificate };
    },
    encrypt,
    // The option of newer ones.
    encryptAead: (content, to, by) => encrypt(content, to, by, '--profile', 'rfc9580'),
    sign: (content, by) => sign('--detached', content, by),
    clearsign: (text, by) => sign('--cleartext-signature', text, by),
    open: async (armored, own, from) => {
      const keys = ['--recipient-key', files.kept(own.secret), '--signer-cert', files.kept(from.certificate)];
      const { out, err } = await sq(['decrypt', ...keys], armored);
      if (!/good signature/i.test(err)) throw failure('sq', { code: 0, err });
      return out;
    },
    close: files.close,
  };
}

function rnp(): Peer {
  const files = folder('rnp-');
  const options = ['--homedir', files.dir, '--password', '', '--notty'];
  const command = (args: string[], input: Uint8Array | string = '') => must('rnp', [...options, ...args, '--output', '-'], input);
  const known = once((key) => must('rnpkeys', [...options, '--import-keys', files.file(key)]));
  const encrypt = async (content: Uint8Array, to: Public, by: Key, ...more: string[]) => {
    await known(to.certificate);
    await known(by.secret);
    const who = ['--recipient', to.fingerprint, '--userid', by.fingerprint];
    return (await command(['--encrypt', '--sign', '--armor', ...more, ...who], content)).out.toString();
  };
  const sign = async (how: string[], content: Uint8Array | string, by: Key) => {
    await known(by.secret);
    return (await command([...how, '--armor', '--userid', by.fingerprint], content)).out.toString();
  };
  return {
    generate: async (userId) => {
      await must('rnpkeys', [...options, '--generate-key', '--userid', userId]);
      const certificate = (await must('rnpkeys', [...options, '--export-key', userId])).out;
      const secret = (await must('rnpkeys', [...options, '--export-key', '--secret', userId])).out;
      return { fingerprint: await fingerprintIn(certificate), secret, certificate };
    },
    encrypt,
    encryptAead: (content, to, by) => encrypt(content, to, by, '--aead=OCB'),
    sign: (content, by) => sign(['--sign', '--detach'], content, by),
    clearsign: (text, by) => sign(['--clearsign'], text, by),
    open: async (armored, own, from) => {
      await known(own.secret);
      await known(from.certificate);
      const { out, err } = await command(['--decrypt'], armored);
      const signer = /Good signature made .*\s+using \w+ key ([0-9a-f]{16})/i.exec(err)?.[1]?.toUpperCase();
      if (!signer || !from.fingerprint.endsWith(signer)) throw failure('rnp', { code: 0, err });
      return out;
    },
    close: files.close,
  };
}

interface Dialect {
  verifications?: '--verify-out';
  lineEnds?: 'LF';
  env?: Record<string, string>;
}

/** A program with the Stateless OpenPGP command line (draft-dkg-openpgp-stateless-cli). */
function sop(name: string, dialect: Dialect = {}): Program {
  const absent = needs(name);
  const version = absent ? '' : `${firstLine(name, 'version')} (${firstLine(name, 'version', '--backend')})`;
  return { name, absent, version, open: () => stateless(name, dialect) };
}

function stateless(name: string, { verifications, lineEnds, env }: Dialect): Peer {
  const files = folder(`${name}-`);
  const command = (args: string[], input: Uint8Array | string = '') => must(name, args, input, env);
  const encrypt = async (content: Uint8Array, to: Public, by: Key, ...options: string[]) => {
    const args = [...options, `--sign-with=${files.kept(by.secret)}`, files.kept(to.certificate)];
    return (await command(['encrypt', ...args], content)).out.toString();
  };
  return {
    ...(lineEnds ? { lineEnds } : {}),
    generate: async (userId) => {
      const secret = (await command(['generate-key', userId])).out;
      const certificate = (await command(['extract-cert'], secret)).out;
      return { fingerprint: await fingerprintIn(certificate), secret, certificate };
    },
    encrypt,
    // A profile is how later versions of the draft ask for it.
    encryptAead: (content, to, by) => encrypt(content, to, by, '--profile=rfc9580'),
    sign: async (content, by) => (await command(['sign', files.kept(by.secret)], content)).out.toString(),
    clearsign: async (text, by) =>
      (await command(['inline-sign', '--as=clearsigned', files.kept(by.secret)], text)).out.toString(),
    open: async (armored, own, from) => {
      const verified = files.fresh();
      const args = [
        `${verifications ?? '--verifications-out'}=${verified}`,
        `--verify-with=${files.kept(from.certificate)}`,
        files.kept(own.secret),
      ];
      const { out, err } = await command(['decrypt', ...args], armored);
      // A line a signature: when, by which key, of which certificate.
      const signer = readFileSync(verified, 'utf8').split(/\s+/)[2];
      if (signer?.toUpperCase() !== from.fingerprint) throw failure(name, { code: 0, err: `no valid signature. ${err}` });
      return out;
    },
    close: files.close,
  };
}
