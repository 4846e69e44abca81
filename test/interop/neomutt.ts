import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { absent as missing, openGnuPG } from '../support/gnupg.ts';
import { installed } from '../support/installed.ts';
import type { Party } from '../support/party.ts';
import { run } from '../support/process.ts';

/** Why neomutt cannot be used here, or null. */
export const absent: string | null = missing.gpg ?? needs('neomutt') ?? needs('tmux');

function needs(program: string): string | null {
  return installed(program) ? null : `${program} is not installed`;
}

/** Somebody at a terminal, with gpg, and with the keys that he was given. */
export interface Reader {
  /** Opens a mail, the only one in his mailbox; what stands on the screen as soon as `until` does. */
  read(mail: Uint8Array, until: RegExp): Promise<string>;
  /** Answers the mail that he reads, signed and encrypted, with `text` below what is quoted; the mail that leaves him. */
  answer(text: string): Promise<Buffer>;
  close(): Promise<void>;
}

const SIZE = { columns: 120, lines: 60 };
/** Until a screen is there that is waited for. */
const PATIENCE = 30_000;
const STEP = 100;
/** As people have it; elsewhere in the tests gpg trusts everything. */
const TRUST = ['--trust-model', 'pgp'];

/** `trusted`: armored certificates that he has verified, beside his own. */
export async function openReader(party: Party, trusted: readonly Pick<Party, 'fingerprint' | 'public'>[]): Promise<Reader> {
  const gnupg = openGnuPG();
  const home = mkdtempSync(join(tmpdir(), 'mutt-'));
  const file = (name: string) => join(home, name);
  for (const key of [party.secret, ...trusted.map((one) => one.public)]) await gnupg.run([...TRUST, '--import'], key);
  const trust = [party, ...trusted].map(({ fingerprint }) => `${fingerprint}:6:`);
  await gnupg.run([...TRUST, '--import-ownertrust'], `${trust.join('\n')}\n`);

  writeFileSync(file('sendmail'), `#!/bin/sh\ncat > ${file('leaving')} && mv ${file('leaving')} ${file('sent')}\n`);
  writeFileSync(file('editor'), `#!/bin/sh\ncat ${file('words')} >> "$1"\n`);
  for (const program of ['sendmail', 'editor']) chmodSync(file(program), 0o700);
  writeFileSync(file('muttrc'), muttrc(party, file));

  const tmux = (...args: string[]) => run('tmux', ['-S', file('tmux'), '-f', '/dev/null', ...args]);
  const screen = async () => (await tmux('capture-pane', '-p', '-t', 'mutt')).stdout.trimEnd();
  const until = async (there: () => boolean | Promise<boolean>, what: string) => {
    for (let waited = 0; !(await there()); waited += STEP) {
      if (waited > PATIENCE) throw new Error(`${what} did not come:\n${await screen()}`);
      await pause(STEP);
    }
  };
  return {
    read: async (mail, pattern) => {
      await tmux('kill-server');
      rmSync(file('mail'), { recursive: true, force: true });
      for (const folder of ['new', 'cur', 'tmp']) mkdirSync(join(file('mail'), folder), { recursive: true });
      writeFileSync(join(file('mail'), 'cur', '1.curfew.example:2,'), mail);
      const environment = Object.entries({ GNUPGHOME: gnupg.home, HOME: home, LC_ALL: 'C.UTF-8', TZ: 'UTC', TMPDIR: home });
      const started = await tmux(
        ...['new-session', '-d', '-s', 'mutt', '-x', String(SIZE.columns), '-y', String(SIZE.lines)],
        ...['env', ...environment.map(([name, value]) => `${name}=${value}`)],
        ...['neomutt', '-n', '-F', file('muttrc'), '-f', file('mail'), '-e', 'push <display-message>'],
      );
      if (started.code !== 0) throw new Error(started.stderr);
      await until(async () => pattern.test(await screen()), String(pattern));
      return screen();
    },
    answer: async (text) => {
      rmSync(file('sent'), { force: true });
      writeFileSync(file('words'), text);
      await tmux('send-keys', '-t', 'mutt', 'r');
      await until(async () => /^-- NeoMutt: Compose/m.test(await screen()), 'the mail to be sent');
      // What is typed while it still reads the editor's work is thrown away.
      await until(async () => {
        await tmux('send-keys', '-t', 'mutt', 'y');
        return existsSync(file('sent'));
      }, 'the answer');
      return Buffer.from(readFileSync(file('sent'), 'latin1').replaceAll(/\r?\n/g, '\r\n'), 'latin1');
    },
    close: async () => {
      await tmux('kill-server');
      await gnupg.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** What somebody sets who reads and writes encrypted mail, and who wants to be asked nothing. */
function muttrc({ name, address }: Party, file: (name: string) => string): string {
  const settings = {
    from: `${name} <${address}>`,
    realname: name,
    sendmail: file('sendmail'),
    editor: file('editor'),
    folder: file(''),
    tmpdir: file(''),
    crypt_use_gpgme: 'yes',
    crypt_protected_headers_read: 'yes',
    crypt_protected_headers_write: 'yes',
    crypt_reply_encrypt: 'yes',
    crypt_reply_sign_encrypted: 'yes',
    crypt_use_pka: 'no',
    fast_reply: 'yes',
    include: 'yes',
    copy: 'no',
    abort_unmodified: 'no',
    header_cache: '',
    wait_key: 'no',
    beep: 'no',
    help: 'no',
    markers: 'no',
    timeout: '1',
  };
  const lines = Object.entries(settings).map(([option, value]) => `set ${option} = "${value}"`);
  return [...lines, 'ignore *', 'unignore from to subject', 'hdr_order from to subject', ''].join('\n');
}
