import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { installed } from '../support/installed.ts';
import type { Party } from '../support/party.ts';
import { freePort } from '../support/ports.ts';
import { type Running, start } from '../support/process.ts';

/** Why Thunderbird cannot be used here, or null. */
export const absent: string | null = needs('thunderbird') ?? needs('Xvfb');

function needs(program: string): string | null {
  return installed(program) ? null : `${program} is not installed`;
}

/** What stands in the window that shows a mail. */
export interface Shown {
  title: string;
  subject: string;
  /** The pieces of text below the header, in their order. */
  texts: string[];
  /** The names of the pictures that say what became of encryption and signature; empty where there is none. */
  encrypted: string;
  signed: string;
}

/** Thunderbird in an X server of its own, with a profile that has these keys and no account. */
export interface Thunderbird {
  show(mail: Uint8Array): Promise<Shown>;
  close(): Promise<void>;
}

const PATIENCE = 60_000;
const STEP = 250;

const PREFERENCES = {
  'app.donation.eoy.version.viewed': 999,
  'app.update.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'mail.accounthub.enabled': false,
  'mail.provider.suppress_dialog_on_startup': true,
  'mail.shell.checkDefaultClient': false,
  'mail.spotlight.firstRunDone': true,
  'mailnews.start_page.enabled': false,
  // It asks nobody outside for anything.
  'network.proxy.type': 1,
  'network.proxy.socks': '127.0.0.1',
  'network.proxy.socks_port': 9,
};

/** `trusted`: armored certificates that the reader has verified. */
export async function openThunderbird(reader: Party, trusted: readonly string[]): Promise<Thunderbird> {
  const home = mkdtempSync(join(tmpdir(), 'thunderbird-'));
  const profile = join(home, 'profile');
  mkdirSync(profile);
  const port = await freePort();
  const preferences = Object.entries({ ...PREFERENCES, 'marionette.port': port });
  writeFileSync(
    join(profile, 'user.js'),
    preferences.map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`).join(''),
  );
  const programs: Running[] = [];
  const close = async () => {
    for (const program of programs.reverse()) await program.kill();
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const display = start('Xvfb', ['-displayfd', '1', '-screen', '0', '1280x900x24', '-nolisten', 'tcp']);
    programs.push(display);
    const [number] = await display.line(/^\d+$/);
    const options = ['--no-remote', '--profile', profile, '--marionette', '--remote-allow-system-access'];
    const env = { HOME: home, TMPDIR: home, DISPLAY: `:${number}`, LC_ALL: 'C.UTF-8', MOZ_CRASHREPORTER_DISABLE: '1' };
    programs.push(start('thunderbird', options, { env }));
    const inside = await marionette(port);
    await inside(IMPORT, reader.secret, [...trusted]);
    return {
      show: async (mail) => {
        const file = join(home, 'copy.eml');
        writeFileSync(file, mail);
        return (await inside(SHOW, file)) as Shown;
      },
      close,
    };
  } catch (error) {
    const said = programs.map((program) => program.said()).join('\n');
    await close();
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${said}`);
  }
}

/** Runs what is given within Thunderbird, as its own code; the value that it returns. */
type Inside = (script: string, ...values: unknown[]) => Promise<unknown>;

/** The protocol is JSON, each message behind its length: `[0, id, command, parameters]`, `[1, id, error, result]`. */
async function marionette(port: number): Promise<Inside> {
  const socket = await reached(port);
  const next = messages(socket);
  await next(); // It says who it is.
  let id = 0;
  const command = async (name: string, parameters: object) => {
    const request = JSON.stringify([0, ++id, name, parameters]);
    socket.write(`${Buffer.byteLength(request)}:${request}`);
    const [, , error, result] = await next();
    if (error) throw new Error(`${name}: ${JSON.stringify(error)}`);
    return result as { value: unknown };
  };
  await command('WebDriver:NewSession', {});
  await command('WebDriver:SetTimeouts', { script: PATIENCE });
  await command('Marionette:SetContext', { value: 'chrome' });
  return async (script, ...args) => {
    const whole = `const done = arguments[arguments.length - 1];
      (async (...values) => { ${script} })(...arguments).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const { value } = await command('WebDriver:ExecuteAsyncScript', { script: whole, args, sandbox: 'system', newSandbox: true });
    const answer = value as { value?: unknown; error?: string };
    if (answer.error !== undefined) throw new Error(`within Thunderbird: ${answer.error}`);
    return answer.value;
  };
}

async function reached(port: number): Promise<Socket> {
  for (let waited = 0; ; waited += STEP) {
    const socket = connect(port, '127.0.0.1');
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    if (open) return socket;
    if (waited > PATIENCE) throw new Error('Thunderbird did not start');
    await pause(STEP);
  }
}

function messages(socket: Socket): () => Promise<unknown[]> {
  let heard = Buffer.alloc(0);
  let ended = false;
  let look = () => {};
  socket.on('data', (chunk: Buffer) => {
    heard = Buffer.concat([heard, chunk]);
    look();
  });
  socket.on('close', () => {
    ended = true;
    look();
  });
  socket.on('error', () => {}); // Its close follows.
  const take = () => {
    const colon = heard.indexOf(':');
    const length = Number(heard.toString('latin1', 0, Math.max(colon, 0)));
    if (colon < 0 || heard.length < colon + 1 + length) return null;
    const message = heard.toString('utf8', colon + 1, colon + 1 + length);
    heard = heard.subarray(colon + 1 + length);
    return message;
  };
  return () =>
    new Promise((resolve, reject) => {
      look = () => {
        const message = take();
        if (message !== null) resolve([JSON.parse(message)].flat());
        else if (ended) reject(new Error('Thunderbird closed the connection'));
      };
      look();
    });
}

/** Thunderbird's keyring is its own (RNP, and a database of what was accepted); this is what its key manager does. */
const IMPORT = `
  const [secret, trusted] = values;
  const { RNP } = ChromeUtils.importESModule('chrome://openpgp/content/modules/RNP.sys.mjs');
  const { EnigmailCore } = ChromeUtils.importESModule('chrome://openpgp/content/modules/core.sys.mjs');
  const { EnigmailKeyRing } = ChromeUtils.importESModule('chrome://openpgp/content/modules/keyRing.sys.mjs');
  EnigmailCore.init();
  const window = Services.wm.getMostRecentWindow('mail:3pane');
  const imports = [await RNP.importSecKeyBlockImpl(window, () => '', false, secret)];
  for (const certificate of trusted) imports.push(await RNP.importPubkeyBlockAutoAcceptImpl(window, certificate, 'verified'));
  const failed = imports.find(({ exitCode }) => exitCode !== 0);
  if (failed) throw new Error(failed.errorMsg);
  EnigmailKeyRing.clearCache();
`;

/** As a double click on the file does, in a tab; then what the tab shows, once it says what became of the encryption. */
const SHOW = `
  const [path] = values;
  const { MailUtils } = ChromeUtils.importESModule('resource:///modules/MailUtils.sys.mjs');
  const { setTimeout } = ChromeUtils.importESModule('resource://gre/modules/Timer.sys.mjs');
  const window = Services.wm.getMostRecentWindow('mail:3pane');
  const file = Cc['@mozilla.org/file/local;1'].createInstance(Ci.nsIFile);
  file.initWithPath(path);
  MailUtils.openEMLFile(window, file, Services.io.newFileURI(file));
  const picture = (about, id) => about.document.getElementById(id)?.src?.split('/').at(-1) ?? '';
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const about = window.document.getElementById('tabmail').currentAboutMessage;
    const body = about?.getMessagePaneBrowser?.().contentDocument;
    const texts = [...(body?.querySelectorAll('.moz-text-plain, .moz-text-flowed') ?? [])].map((node) => node.textContent);
    if (texts.length > 0 && picture(about, 'encryptedHdrIcon') && picture(about, 'signedHdrIcon'))
      return {
        title: window.document.title,
        subject: about.document.getElementById('expandedsubjectBox').textContent.replace(/^Subject:/, ''),
        texts: texts.map((text) => text.trim()).filter((text) => text !== ''),
        encrypted: picture(about, 'encryptedHdrIcon'),
        signed: picture(about, 'signedHdrIcon'),
      };
  }
`;
