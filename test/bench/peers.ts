import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installed } from '../support/installed.ts';
import { makeParty } from '../support/party.ts';
import { run } from '../support/process.ts';
import { between } from './measure.ts';

/** A program that is started for each copy, as scripts around mailing lists do. */
export interface Peer {
  name: string;
  /** Signs and encrypts that file to one certificate. */
  seal(file: string): Promise<void>;
  /** Opens what `seal` made of `file`, and verifies it. */
  open(file: string): Promise<void>;
}

export interface Peers {
  all: Peer[];
  /** A file of so many octets, and beside it what each peer made of it. */
  file(octets: number): Promise<string>;
  close(): Promise<void>;
}

interface Program {
  prepare: readonly (readonly string[])[];
  seal(file: string, out: string): readonly string[];
  open(sealed: string, out: string): readonly string[];
  /** What it does not write itself is what it says. */
  says?: boolean;
}

function programs(home: string): Record<string, Program> {
  const [secret, certificate] = [join(home, 'secret.asc'), join(home, 'certificate.asc')];
  const gpg = [
    '--homedir',
    home,
    '--batch',
    '--no-tty',
    '--yes',
    '--quiet',
    '--trust-model',
    'always',
    '--compress-algo',
    'none',
  ];
  const rnp = ['--homedir', join(home, 'rnp'), '--overwrite'];
  return {
    gpg: {
      prepare: [['gpg', ...gpg, '--import', secret]],
      seal: (file, out) => [
        ...gpg,
        '--armor',
        '--sign',
        '--local-user',
        WHO,
        '--recipient',
        WHO,
        '--output',
        out,
        '--encrypt',
        file,
      ],
      open: (sealed, out) => [...gpg, '--output', out, '--decrypt', sealed],
    },
    sq: {
      prepare: [],
      seal: (file, out) => ['--force', 'encrypt', '--signer-key', secret, '--recipient-cert', certificate, '--output', out, file],
      open: (sealed, out) => [
        '--force',
        'decrypt',
        '--recipient-key',
        secret,
        '--signer-cert',
        certificate,
        '--output',
        out,
        sealed,
      ],
    },
    gosop: {
      prepare: [],
      seal: () => ['encrypt', `--sign-with=${secret}`, certificate],
      open: () => ['decrypt', `--verify-with=${certificate}`, '--verify-out=/dev/null', secret],
      says: true,
    },
    rnp: {
      prepare: [['rnpkeys', '--homedir', join(home, 'rnp'), '--import-key', secret]],
      seal: (file, out) => [
        ...rnp,
        '--armor',
        '--sign',
        '-u',
        WHO,
        '--encrypt',
        '-r',
        WHO,
        '-z',
        '0',
        '--password',
        '',
        '--output',
        out,
        file,
      ],
      open: (sealed, out) => [...rnp, '--password', '', '--output', out, '--decrypt', sealed],
    },
  };
}

const WHO = 'peer@alpha.example';

/** How each program says its version, in the first line that has a digit. */
const VERSIONS: Readonly<Record<string, readonly string[]>> = {
  gpg: ['gpg', '--version'],
  sq: ['sq', '--version'],
  gosop: ['gosop', 'version', '--backend'],
  rnp: ['rnp', '--version'],
  postfix: ['postconf', '-h', 'mail_version'],
  schleuder: ['schleuder', 'version'],
};

/** Of those that are installed. */
export async function versions(): Promise<Record<string, string>> {
  const env = { PATH: `${process.env['PATH']}:/usr/sbin` };
  const said: Record<string, string> = {};
  for (const [name, [command = '', ...args]] of Object.entries(VERSIONS)) {
    if (!installed(command)) continue;
    const { stdout, stderr } = await run(command, args, { env });
    said[name] = `${stdout}\n${stderr}`.split('\n').find((line) => /\d/.test(line)) ?? '';
  }
  return said;
}

/** Those that are installed, with a key of their own. */
export async function openPeers(): Promise<Peers> {
  const home = mkdtempSync(join(tmpdir(), 'bench-'));
  mkdirSync(join(home, 'rnp'));
  const who = await makeParty(WHO);
  writeFileSync(join(home, 'secret.asc'), who.secret, { mode: 0o600 });
  writeFileSync(join(home, 'certificate.asc'), who.public);
  const all: Peer[] = [];
  const there = Object.entries(programs(home)).filter(([name]) => installed(name));
  for (const [name, program] of there) {
    for (const [command = '', ...args] of program.prepare) await must(command, args);
    const does = async (args: readonly string[], input: string, out: string) =>
      program.says ? must('sh', ['-c', `exec "$@" <"$0" >"${out}"`, input, name, ...args]) : must(name, args);
    all.push({
      name,
      seal: (file) => does(program.seal(file, `${file}.${name}`), file, `${file}.${name}`),
      open: (file) => does(program.open(`${file}.${name}`, `${file}.out`), `${file}.${name}`, `${file}.out`),
    });
  }
  return {
    all,
    async file(octets) {
      const path = join(home, String(octets));
      writeFileSync(path, 'what a patch is like\n'.repeat(Math.ceil(octets / 21)).slice(0, octets));
      for (const peer of all) await peer.seal(path);
      return path;
    },
    async close() {
      await run('gpgconf', ['--homedir', home, '--kill', 'all']);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function must(command: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${code}\n${stderr}`);
}

/** Milliseconds for one of so many of that, one after the other. */
export async function each(times: number, does: () => Promise<unknown>): Promise<number> {
  const begun = process.hrtime.bigint();
  for (let time = 0; time < times; time++) await does();
  return between(begun, process.hrtime.bigint()) / times;
}
