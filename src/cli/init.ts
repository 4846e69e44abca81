import { type Command, InvalidArgumentError } from 'commander';
import { systemClock } from '../clock.ts';
import { print } from './local.ts';
import { makeProject, type Project, type ProjectAnswers } from './project.ts';
import { ask, canAsk } from './prompt.ts';

interface InitOptions {
  dir?: string;
  project?: string;
  domain?: string;
  smtpPort?: number;
  httpPort?: number;
  relay?: ProjectAnswers['relay'];
  passphraseFile?: string;
  postgres?: string;
  yes?: true;
  json?: true;
}

const SMTP_PORT = 2525;
const HTTP_PORT = 8080;
/** The machine's own MTA: what is said to it does not leave the machine. */
const RELAY = '127.0.0.1:25';

export function register(program: Command): void {
  const init = program
    .command('init')
    .description('make a project: configuration, database, list keys, the first admin token')
    .option('--dir <folder>', 'where; made if it is not there')
    .option('--project <name>', 'its name: case ids begin with it')
    .option('--domain <domain>', 'of the list addresses')
    .option('--smtp-port <port>', `where mail comes in (with --yes ${SMTP_PORT})`, port)
    .option('--http-port <port>', `where the API listens (with --yes ${HTTP_PORT})`, port)
    .option('--relay <host:port>', `where mail goes out (with --yes ${RELAY}); loopback without TLS, else with it`, hostPort)
    .option('--passphrase-file <file>', 'with the passphrase of the list keys (with --yes one is made)')
    .option('--postgres <url>', 'keep the database there, and not in SQLite: postgres://user@host/name, new or empty')
    .option('--yes', 'take the defaults for what is not said')
    .option('--json', 'print JSON')
    .action(async (options: InitOptions) => {
      const answers = await complete(options);
      if (Array.isArray(answers))
        init.error(`error: missing ${answers.join(', ')} (--yes takes defaults for ports, relay and passphrase)`);
      else tell(options, await makeProject(answers, systemClock), answers);
    });
}

/** The answers, asked for where a flag is missing and a person is there; else the flags that are missing. */
async function complete(options: InitOptions): Promise<ProjectAnswers | string[]> {
  const missing = Object.entries({
    '--dir': options.dir,
    '--project': options.project,
    '--domain': options.domain,
    '--smtp-port': options.smtpPort ?? options.yes,
    '--http-port': options.httpPort ?? options.yes,
    '--relay': options.relay ?? options.yes,
    '--passphrase-file': options.passphraseFile ?? options.yes,
  }).flatMap(([flag, value]) => (value === undefined ? [flag] : []));
  if (missing.length > 0 && !canAsk()) return missing;
  /** A default is taken unasked with --yes; what has none is asked for in any case. */
  const or = async <T>(given: T | undefined, question: string, initial: string, read: (text: string) => T): Promise<T> =>
    given ?? read(options.yes && initial !== '' ? initial : await answer(question, initial, read));
  return {
    dir: await or(options.dir, 'Folder of the project', '', String),
    project: await or(options.project, 'Name of the project', '', String),
    domain: await or(options.domain, 'Domain of the list addresses', '', String),
    smtpPort: await or(options.smtpPort, 'Port where mail comes in', String(SMTP_PORT), port),
    httpPort: await or(options.httpPort, 'Port of the API', String(HTTP_PORT), port),
    relay: await or(options.relay, 'Relay where mail goes out', RELAY, hostPort),
    passphraseFile: options.passphraseFile ?? (options.yes ? null : await askPassphraseFile()),
    postgres: options.postgres ?? null,
  };
}

/** Asks until the answer can be read. */
async function answer(question: string, initial: string, read: (text: string) => unknown): Promise<string> {
  for (;;) {
    const text = await ask(question, initial);
    try {
      read(text);
      if (text !== '') return text;
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      process.stderr.write(`${error.message}\n`);
    }
  }
}

async function askPassphraseFile(): Promise<string | null> {
  return (await ask('File with the passphrase of the list keys (empty: make one)')) || null;
}

function port(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new InvalidArgumentError('A port is a number, 0 to 65535.');
  return Number(text);
}

/** `mail.orbit.example:587`, `[::1]:25`. */
function hostPort(text: string): ProjectAnswers['relay'] {
  const found = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  const host = found?.[1] ?? found?.[2];
  if (host === undefined || Number(found?.[3]) < 1) throw new InvalidArgumentError('It must be HOST:PORT, as in 127.0.0.1:25.');
  return { host, port: port(found?.[3] ?? '') };
}

function tell(options: InitOptions, { config, token, lists, passphraseFile }: Project, answers: ProjectAnswers): void {
  const shown = lists.map(({ address, role, fingerprint }) => ({ address, role, fingerprint }));
  const width = Math.max(...shown.map(({ address }) => address.length));
  const relay = `${answers.relay.host}:${answers.relay.port}`;
  print(options, { config, token, lists: shown }, [
    `Made ${config}`,
    '',
    ...shown.map(({ address, role, fingerprint }) => `  ${address.padEnd(width)}  ${role.padEnd(7)}  ${fingerprint}`),
    '',
    'Admin token, shown this once:',
    `  ${token}`,
    '',
    answers.passphraseFile === null
      ? `The passphrase of the list keys was made in ${passphraseFile}. Keep a copy of it, and of the keys, elsewhere:`
      : `The passphrase of the list keys is read from ${passphraseFile}. Keep a copy of it, and of the keys, elsewhere:`,
    'without both, nothing that was sent to the lists can be read.',
    '',
    'Next:',
    `  1. Start it:       curfew serve --config ${config}`,
    `  2. The team:       curfew roster import TEAM.json --activate --reason WHY --config ${config}`,
    `                     Who is on ${shown[0]?.address} is the response team.`,
    `  3. Mail in:        let your MTA hand @${answers.domain} to 127.0.0.1:${answers.smtpPort} ("lmtp" in smtp.protocol where it speaks that),`,
    '                     or set smtp.host and smtp.port to where the world delivers.',
    '     STARTTLS:       set smtp.tls to {"certificate": PEM file, "key": PEM file}; until then none is offered.',
    `  4. Mail out:       goes to ${relay}; relay.user and relay.passwordFile where it asks who you are.`,
    `  5. The public:     curfew recipient add ${shown[2]?.address} ADDRESS [--external] --config ${config}`,
  ]);
  if (!options.json || answers.passphraseFile !== null) return;
  process.stderr.write(`The passphrase of the list keys was made in ${passphraseFile}: keep a copy elsewhere.\n`);
}
