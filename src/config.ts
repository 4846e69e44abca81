import { createPrivateKey } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Static } from 'typebox';
import { Value } from 'typebox/value';
import { ConfigFile } from './config-schema.ts';
import { jsonFault } from './json-fault.ts';
import { type Problem, problemsOf } from './schema-problems.ts';

type Frozen<T> = { readonly [K in keyof T]: Frozen<T[K]> };

/** Complete (defaults filled in), frozen throughout, all its paths absolute. */
export type Config = Frozen<Static<typeof ConfigFile>>;

/** Everything that is wrong with a configuration, not only the first of it; never with a secret value. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Somebody may have written the secret itself where its place was asked for. */
const SECRET: ReadonlySet<string> = new Set([
  'passphrase',
  'database',
  'relay.passwordFile',
  'dkim.key',
  'oidc.clientSecretFile',
]);

/** Where the configuration is looked for, unless --config says another place. */
export const CONFIG_HERE = './config.json';

/** Reads and checks the file at `path`. Throws ConfigError with every problem. */
export function loadConfig(path: string): Config {
  return checkConfig(parseJson(path), dirname(resolve(path)));
}

/** The configuration in a parsed file (or a literal) that lies in `folder`. Throws ConfigError with every problem. */
export function checkConfig(parsed: unknown, folder: string): Config {
  const written = Value.Default(ConfigFile, Value.Clone(parsed));
  const problems = [...problemsOf(ConfigFile, written, SECRET), ...crossProblems(written, folder)];
  if (problems.length > 0) throw new ConfigError(problems);
  // What `problemsOf` overlooks must not be refused without a word.
  if (!Value.Check(ConfigFile, written)) throw new Error(`the configuration does not fit its schema: ${misfits(written)}`);
  const config = absolute(written, folder);
  freeze(config);
  return config;
}

/** Paths and what is wrong there, without values: they may be secret. */
function misfits(written: unknown): string {
  return [...Value.Errors(ConfigFile, written)].map(({ instancePath, message }) => `${instancePath} ${message}`).join('; ');
}

function parseJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    const code = codeOf(error);
    const todo = ': give --config PATH, or run this in the folder where `curfew init` wrote it';
    const isElsewhere = path === CONFIG_HERE && code === 'ENOENT';
    throw new ConfigError([{ path: '', message: `${path} cannot be read (${code})${isElsewhere ? todo : ''}` }]);
  }
  const fault = jsonFault(text);
  if (fault) {
    const message = `${path} is not JSON: line ${fault.line}, column ${fault.column}`;
    throw new ConfigError([{ path: '', message }]);
  }
  return JSON.parse(text);
}

type Written = Static<typeof ConfigFile>;

/** Paths are meant from the folder of the file, wherever the command was started. */
function absolute(config: Written, folder: string): Written {
  const from = (path: string) => resolve(folder, path);
  const { passphrase, database, smtp, relay, dkim, oidc } = config;
  return {
    ...config,
    keys: from(config.keys),
    begun: config.begun && from(config.begun),
    passphrase: typeof passphrase === 'object' && 'file' in passphrase ? { file: from(passphrase.file) } : passphrase,
    notices: config.notices && from(config.notices),
    database: 'sqlite' in database ? { sqlite: from(database.sqlite) } : database,
    smtp: { ...smtp, tls: smtp.tls && { certificate: from(smtp.tls.certificate), key: from(smtp.tls.key) } },
    relay: {
      ...relay,
      passwordFile: relay.passwordFile && from(relay.passwordFile),
      authorityFile: relay.authorityFile && from(relay.authorityFile),
    },
    dkim: dkim && { ...dkim, key: from(dkim.key) },
    oidc: { ...oidc, clientSecretFile: oidc.clientSecretFile && from(oidc.clientSecretFile) },
  };
}

/** The folder in which this node counts what it begins to read. */
export function begunFolder({ begun, database, keys }: Pick<Config, 'begun' | 'database' | 'keys'>): string {
  return begun ?? join(dirname('sqlite' in database ? database.sqlite : keys), 'begun');
}

/** 127.0.0.0/8, ::1 and `localhost`: what is said there does not leave the machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** What the schema cannot say. Each section is looked at as soon as it is well formed, whatever the others are. */
function crossProblems(written: unknown, folder: string): Problem[] {
  if (typeof written !== 'object' || written === null) return [];
  const { smtp, http, relay, dkim, oidc } = written as Record<string, unknown>;
  const form = ConfigFile.properties;
  const problems: Problem[] = [];
  if (Value.Check(form.relay, relay)) problems.push(...relayProblems(relay, folder));
  if (Value.Check(form.dkim, dkim)) problems.push(...dkimProblems(dkim, folder));
  if (Value.Check(form.oidc, oidc)) problems.push(...oidcProblems(oidc, folder));
  if (Value.Check(form.smtp, smtp)) {
    problems.push(...tlsProblems(smtp, folder));
    if (Value.Check(form.http, http)) problems.push(...sharedPort(smtp, http));
    if (Value.Check(form.relay, relay)) problems.push(...relayLoop(smtp, relay));
  }
  return problems;
}

function relayProblems(relay: Written['relay'], folder: string): Problem[] {
  const problems: Problem[] = [];
  if (relay.tls === 'none' && !isLoopback(relay.host))
    problems.push({
      path: 'relay.tls',
      message: `is "none" for ${relay.host}; allowed to loopback only, else "starttls" or "implicit"`,
    });
  if (relay.user !== null && relay.passwordFile === null)
    problems.push({ path: 'relay.passwordFile', message: 'is null; must be a path where relay.user is given' });
  if (relay.user === null && relay.passwordFile !== null)
    problems.push({ path: 'relay.user', message: 'is null; must be a user name where relay.passwordFile is given' });
  for (const path of ['passwordFile', 'authorityFile'] as const) {
    const file = relay[path];
    if (file !== null) problems.push(...unreadable(`relay.${path}`, resolve(folder, file)));
  }
  return problems;
}

/** Shorter ones count for nothing at some who read it (RFC 8301 §3.2). */
const SHORTEST_DKIM = 2048;

function dkimProblems(dkim: Written['dkim'], folder: string): Problem[] {
  if (!dkim) return [];
  const path = 'dkim.key';
  const file = resolve(folder, dkim.key);
  const problems = unreadable(path, file);
  if (problems.length > 0) return problems;
  const must = `must be an RSA key of ${SHORTEST_DKIM} bits or more as PEM, without a passphrase: openssl genrsa -out FILE ${SHORTEST_DKIM}`;
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPrivateKey(readFileSync(file));
    if (type === 'rsa' && (details?.modulusLength ?? 0) >= SHORTEST_DKIM) return [];
    return [{ path, message: `names a key that cannot be used (${type}, ${details?.modulusLength ?? '?'} bits); ${must}` }];
  } catch {
    return [{ path, message: `names a file that holds no such key; ${must}` }];
  }
}

function oidcProblems({ issuer, clientId, clientSecretFile }: Written['oidc'], folder: string): Problem[] {
  const problems = clientSecretFile === null ? [] : unreadable('oidc.clientSecretFile', resolve(folder, clientSecretFile));
  if (issuer !== null && clientId === null)
    problems.push({ path: 'oidc.clientId', message: 'is null; must be what the provider calls this client' });
  if (issuer === null) {
    if (clientId !== null) problems.push({ path: 'oidc.issuer', message: 'is null; must be a URL where oidc.clientId is given' });
  } else if (!isSafe(issuer)) problems.push({ path: 'oidc.issuer', message: `is ${issuer}; must be https, or http to loopback` });
  return problems;
}

function isSafe(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || isLoopback(hostname.replace(/^\[|\]$/g, ''));
}

function sharedPort(smtp: Written['smtp'], http: Written['http']): Problem[] {
  if (http.port === 0 || http.port !== smtp.port || !sameHost(http.host, smtp.host)) return [];
  return [{ path: 'http.port', message: `is ${http.port}; must not be that of smtp (${smtp.host}:${smtp.port})` }];
}

function relayLoop(smtp: Written['smtp'], relay: Written['relay']): Problem[] {
  if (relay.port !== smtp.port || !sameHost(relay.host, smtp.host)) return [];
  return [{ path: 'relay.port', message: `is ${relay.port}; must not lead to Curfew itself (${smtp.host}:${smtp.port})` }];
}

const anyHost = (host: string) => host === '0.0.0.0' || host === '::';
/** Whether a connection to `a` may reach what listens at `b`; a name is not looked up. */
const sameHost = (a: string, b: string) =>
  a === b || (isLoopback(a) && isLoopback(b)) || (anyHost(a) && (anyHost(b) || isLoopback(b))) || (anyHost(b) && isLoopback(a));

function tlsProblems({ tls }: Written['smtp'], folder: string): Problem[] {
  if (!tls) return [];
  const certificate = resolve(folder, tls.certificate);
  const key = resolve(folder, tls.key);
  const problems = [...unreadable('smtp.tls.certificate', certificate), ...unreadable('smtp.tls.key', key)];
  if (problems.length > 0) return problems;
  try {
    createSecureContext({ cert: readFileSync(certificate), key: readFileSync(key) });
    return [];
  } catch (error) {
    return [{ path: 'smtp.tls', message: `cannot be used (${codeOf(error)}); must be a PEM certificate and its own PEM key` }];
  }
}

function unreadable(path: string, file: string): Problem[] {
  try {
    accessSync(file, constants.R_OK);
    return statSync(file).isDirectory() ? [{ path, message: 'names a folder; must name a file' }] : [];
  } catch (error) {
    return [{ path, message: `names a file that cannot be read (${codeOf(error)})` }];
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

function freeze(value: object): void {
  for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) freeze(member);
  Object.freeze(value);
}

/**
 * The passphrase of the list keys, from where the configuration says it is. A file loses one newline at its end.
 * Throws ConfigError where there is none, or where others than the file's owner may read or change it.
 */
export async function readPassphrase(config: Config, prompt: (question: string) => Promise<string>): Promise<string> {
  const from = config.passphrase;
  if (from === 'prompt') return filled(await prompt('Passphrase of the list keys: '), 'passphrase', 'passphrase');
  if ('env' in from) return filled(process.env[from.env] ?? '', 'passphrase.env', 'passphrase');
  return readSecret(from.file, 'passphrase.file', 'passphrase');
}

/** The secret of the client at the OpenID provider, read as a passphrase is; null where it has none. */
export function readClientSecret({ oidc }: Config): string | null {
  return oidc.clientSecretFile === null ? null : readSecret(oidc.clientSecretFile, 'oidc.clientSecretFile', 'secret');
}

/** What goes out is signed by it; null where the relay does that. Read as a passphrase is. */
export function readDkim({ dkim, domain }: Config): { domain: string; selector: string; key: string } | null {
  return dkim && { domain, selector: dkim.selector, key: readSecret(dkim.key, 'dkim.key', 'key') };
}

function readSecret(file: string, path: string, what: string): string {
  const problems = unreadable(path, file);
  if (problems.length > 0) throw new ConfigError(problems);
  if ((statSync(file).mode & 0o077) !== 0)
    throw new ConfigError([{ path, message: 'can be read by others; allow its owner alone (chmod 600)' }]);
  return filled(readFileSync(file, 'utf8').replace(/\r?\n$/, ''), path, what);
}

function filled(secret: string, path: string, what: string): string {
  if (secret === '') throw new ConfigError([{ path, message: `gives an empty ${what}` }]);
  return secret;
}
