import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  /** The pieces of text below the header that can be seen, in their order. */
  texts: string[];
  /** The names of the pictures that say what became of encryption and signature; empty where there is none. */
  encrypted: string;
  signed: string;
}

/** Thunderbird in an X server of its own, with a profile that has these keys, and an account that reaches no server. */
export interface Thunderbird {
  /** Puts a mail into a local folder and opens it. */
  show(mail: Uint8Array): Promise<Shown>;
  /** Answers the mail that is shown, as it proposes to without being told anything; the mail that leaves him. */
  answer(): Promise<Buffer>;
  close(): Promise<void>;
}

const PATIENCE = 60_000;
const STEP = 250;

const PREFERENCES = {
  'app.donation.eoy.version.viewed': 999,
  'app.update.enabled': false,
  // Not so by default; older ones, and SeaMonkey, do it.
  'mail.inline_attachments.text': true,
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
    await inside(PREPARE, reader, [...trusted]);
    return {
      show: async (mail) => {
        const stored = Buffer.from(mail).toString('latin1').replaceAll('\r\n', '\n');
        return (await inside(SHOW, `From - Thu Jan  1 00:00:00 1970\n${stored}`)) as Shown;
      },
      answer: async () => asSent(readFileSync((await inside(ANSWER)) as string, 'latin1')),
      close,
    };
  } catch (error) {
    const said = programs.map((program) => program.said()).join('\n');
    await close();
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${said}`);
  }
}

/** Of what waits to be sent: without the fields that are for Thunderbird itself. */
function asSent(mailbox: string): Buffer {
  const [, ...lines] = mailbox.replaceAll('\r\n', '\n').split('\n');
  const mail = lines.join('\n').replace(/^(?:X-Mozilla-[\w-]+|X-Identity-Key|Fcc):.*\n(?:[ \t].*\n)*/gm, '');
  return Buffer.from(mail.replaceAll('\n', '\r\n'), 'latin1');
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
const PREPARE = `
  const [reader, trusted] = values;
  const { RNP } = ChromeUtils.importESModule('chrome://openpgp/content/modules/RNP.sys.mjs');
  const { EnigmailCore } = ChromeUtils.importESModule('chrome://openpgp/content/modules/core.sys.mjs');
  const { EnigmailKeyRing } = ChromeUtils.importESModule('chrome://openpgp/content/modules/keyRing.sys.mjs');
  const { PgpSqliteDb2 } = ChromeUtils.importESModule('chrome://openpgp/content/modules/sqliteDb.sys.mjs');
  const { MailServices } = ChromeUtils.importESModule('resource:///modules/MailServices.sys.mjs');
  EnigmailCore.init();
  const window = Services.wm.getMostRecentWindow('mail:3pane');
  const imports = [await RNP.importSecKeyBlockImpl(window, () => '', false, reader.secret)];
  for (const certificate of trusted) imports.push(await RNP.importPubkeyBlockAutoAcceptImpl(window, certificate, 'verified'));
  const failed = imports.find(({ exitCode }) => exitCode !== 0);
  if (failed) throw new Error(failed.errorMsg);
  await PgpSqliteDb2.acceptAsPersonalKey(reader.fingerprint);
  EnigmailKeyRing.clearCache();

  const { accounts, outgoingServer } = MailServices;
  const identity = accounts.createIdentity();
  identity.email = reader.address;
  identity.fullName = reader.name;
  identity.setUnicharAttribute('openpgp_key_id', reader.fingerprint.slice(-16));
  const smtp = outgoingServer.createServer('smtp');
  outgoingServer.defaultServer = smtp;
  identity.smtpServerKey = smtp.key;
  const account = accounts.createAccount();
  account.incomingServer = accounts.createIncomingServer(reader.name, 'mail.invalid', 'pop3');
  account.addIdentity(identity);
  accounts.createLocalMailAccount();
  accounts.localFoldersServer.rootFolder.QueryInterface(Ci.nsIMsgLocalMailFolder).createLocalSubfolder('Copies');
`;

const LATER = `
  const { setTimeout } = ChromeUtils.importESModule('resource://gre/modules/Timer.sys.mjs');
  const later = async (given) => {
    for (;;) {
      const value = given();
      if (value) return value;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
  const { MailServices } = ChromeUtils.importESModule('resource:///modules/MailServices.sys.mjs');
  const folder = (name) => MailServices.accounts.localFoldersServer.rootFolder.subFolders.find((one) => one.name === name);
  const window = Services.wm.getMostRecentWindow('mail:3pane');
`;

/** What a tab shows of a mail, once it says what became of encryption and signature. */
const SHOW = `${LATER}
  const copies = folder('Copies').QueryInterface(Ci.nsIMsgLocalMailFolder);
  const message = copies.addMessage(values[0]);
  const tabs = window.document.getElementById('tabmail');
  tabs.openTab('mailMessageTab', { messageURI: copies.getUriForMsg(message) });
  return later(() => {
    const about = tabs.currentAboutMessage;
    const body = about?.getMessagePaneBrowser?.().contentDocument;
    const nodes = [...(body?.querySelectorAll('.moz-text-plain, .moz-text-flowed, .moz-text-html') ?? [])];
    const texts = nodes.filter((node) => node.getClientRects().length > 0).map((node) => node.textContent.trim());
    const picture = (id) => about?.document.getElementById(id)?.src?.split('/').at(-1) ?? '';
    const [encrypted, signed] = [picture('encryptedHdrIcon'), picture('signedHdrIcon')];
    const subject = about?.document.getElementById('expandedsubjectBox')?.textContent.replace(/^Subject:/, '');
    if (texts.length === 0 || !encrypted || !signed) return null;
    return { title: window.document.title, subject, texts: texts.filter((text) => text !== ''), encrypted, signed };
  });
`;

/** Reply, then Send Later once it has decided on encryption, which takes it a moment; the file of what waits to be sent. */
const ANSWER = `${LATER}
  window.goDoCommand('cmd_reply');
  const composing = await later(() => Services.wm.getMostRecentWindow('msgcompose'));
  const quoted = () => composing.document.getElementById('messageEditor')?.contentDocument?.body?.textContent.includes('wrote:');
  const decided = () => composing.gSendEncrypted && composing.gSendSigned && composing.gEncryptSubject;
  await later(() => composing.gMsgCompose && quoted() && decided());
  composing.goDoCommand('cmd_sendLater');
  const asked = () => [...Services.wm.getEnumerator(null)].find((one) => one.location.href.includes('commonDialog'));
  const end = await later(() => (folder('Unsent Messages')?.getTotalMessages(false) ? 'sent' : asked()));
  if (end !== 'sent') throw new Error(end.document.getElementById('infoBody')?.textContent);
  await later(() => composing.closed);
  return folder('Unsent Messages').filePath.path;
`;
