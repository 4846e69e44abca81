import { execFile } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { systemClock } from '../clock.ts';
import { type Config, ConfigError, loadConfig, readDkim, readPassphrase } from '../config.ts';
import { lateSince } from '../delivery/tell.ts';
import { lookAtCertificates, lookAtClock, lookAtDatabase, lookAtKeys, lookAtQueue } from '../doctor/data.ts';
import { exchangersOf, lookAtDns, type SigningKey } from '../doctor/dns.ts';
import { lookAtRelay, lookAtServer } from '../doctor/doors.ts';
import { type CheckName, type Finding, failed, ok, type Seen, type Standing, unknown } from '../doctor/finding.ts';
import { lookAtDisk, lookAtTls } from '../doctor/host.ts';
import { lookAtPermissions } from '../doctor/permissions.ts';
import { createLog } from '../log.ts';
import { loadKeyring } from '../pgp/keyring.ts';
import { createPgp } from '../pgp/pool.ts';
import { becomeUser } from '../privileges.ts';
import { type Database, namingFile, openToRead } from '../store/database.ts';
import { type LocalOptions, localCommand, print } from './local.ts';
import { printable } from './printable.ts';
import { progressBar } from './progress.ts';
import { askSecret, canAsk } from './prompt.ts';

interface DoctorOptions extends LocalOptions {
  dns?: string;
}

export function register(program: Command): void {
  localCommand(program, 'doctor', 'look at all that the server needs, and say what to do about what is wrong; changes nothing')
    .option('--dns <address>', 'ask this name server instead of those of the system, as in 9.9.9.9', nameServer)
    .action(doctor);
}

function nameServer(address: string): string {
  try {
    new Resolver().setServers([address]);
    return address;
  } catch {
    throw new InvalidArgumentError('An IP address, with :PORT where it is not 53.');
  }
}

async function doctor(options: DoctorOptions): Promise<void> {
  const findings = await examine(options);
  const lines = findings.flatMap(({ check, standing, what, todo }) => [
    `${MARK[standing]}  ${check.padEnd(12)}  ${what}`,
    ...(todo === null ? [] : [`${' '.repeat(MARK.ok.length + 16)}${todo}`]),
  ]);
  print(options, findings, lines.map(printable));
  if (findings.some(({ standing }) => standing === 'failed')) process.exitCode = 1;
}

const MARK: Readonly<Record<Standing, string>> = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ', unknown: '?      ' };

async function examine(options: DoctorOptions): Promise<Finding[]> {
  const findings: Finding[] = [];
  /** What breaks while it is looked at has failed; the others are looked at all the same. */
  const look: Look = async (check, at) => {
    const seen = await Promise.resolve()
      .then(at)
      .catch((error: unknown) => [brokenBy(error)]);
    findings.push(...seen.map((each) => ({ check, ...each })));
    return seen.every(({ standing }) => standing !== 'failed');
  };
  let config: Config;
  try {
    config = loadConfig(options.config);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ path, message }) => ({
      check: 'config',
      ...failed(path ? `${path}: ${message}` : message, `mend ${options.config}`),
    }));
  }
  const dns = new Resolver({ timeout: 3000, tries: 2 });
  if (options.dns) dns.setServers([options.dns]);
  await look('config', () => [ok(`${options.config} can be used`)]);
  const typed = () => readPassphrase(config, askSecret);
  // As `serve` does: with the rights that it was started with.
  const kept = config.passphrase === 'prompt' ? null : typed();
  kept?.catch(() => {});
  await look('permissions', () => {
    const other = runAsServer(config);
    return other ? [other] : lookAtPermissions(config, options.config);
  });
  await look('disk', () => lookAtDisk(config));
  await lookAtData(config, options, look, () => kept ?? typed());
  await look('tls', async () => lookAtTls(config, await exchangersOf(config.domain, dns), systemClock.now()));
  await look('dns', () => lookAtDns(config.domain, dns, signingKey(config)));
  await look('relay', () => lookAtRelay(config, createLog('silent')));
  await look('server', () => lookAtServer(config));
  return findings;
}

/** From here on all is looked at as the server would look at it; gives what is to be said where it cannot. */
function runAsServer({ user }: Config): Seen | null {
  try {
    becomeUser(user, createLog('silent')).drop();
    return null;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const what = `what ${user} may read and write is not to be seen from here`;
    return process.getuid?.() === 0 ? failed(error.message, 'mend user') : unknown(what, 'run this as root, or as that user');
  }
}

/** What belongs to the key that signs what goes out; null where none does. */
function signingKey(config: Config): SigningKey | null {
  const dkim = readDkim(config);
  if (!dkim) return null;
  const der = createPublicKey(dkim.key).export({ type: 'spki', format: 'der' });
  return { selector: dkim.selector, publicKey: der.toString('base64') };
}

/** False where it has failed. */
type Look = (check: CheckName, at: () => Promise<Seen[]> | Seen[]) => Promise<boolean>;

async function lookAtData(config: Config, options: DoctorOptions, look: Look, passphrase: () => Promise<string>): Promise<void> {
  let db: Database | undefined;
  const pgp = createPgp(config.workers);
  const bar = progressBar(options);
  const now = systemClock.now();
  try {
    const isWhole = await look('database', async () => {
      const opened = openToRead(config.database);
      db = opened;
      try {
        return await lookAtDatabase(opened, config.database);
      } catch (error) {
        throw namingFile(error, config.database);
      }
    });
    const data = db;
    if (data === undefined || !isWhole) return;
    await look('keys', async () => {
      if (config.passphrase === 'prompt' && !canAsk())
        return [
          unknown('the passphrase of the list keys is asked for, and nobody is there to type it', 'run this at a terminal'),
        ];
      return lookAtKeys(data, await loadKeyring(config.keys, await passphrase()), now);
    });
    await look('certificates', () =>
      lookAtCertificates(data, pgp, now, (...at) => bar.show('Looking at certificates', ...at)).finally(bar.clear),
    );
    await look('queue', () => lookAtQueue(data, lateSince(config.delivery, now)));
    await look('clock', async () => lookAtClock(data, systemClock, await isSynchronised()));
  } finally {
    await pgp.close();
    await db?.destroy();
  }
}

/** As systemd says, whoever keeps the time; null where it is not there. */
async function isSynchronised(): Promise<boolean | null> {
  const stdout = await new Promise<string>((resolve) => {
    execFile('timedatectl', ['show', '--property=NTPSynchronized', '--value'], { timeout: 5000 }, (_error, text) =>
      resolve(text),
    );
  });
  return { yes: true, no: false }[stdout.trim()] ?? null;
}

function brokenBy(error: unknown): Seen {
  return failed(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error), 'mend that, and look again');
}
