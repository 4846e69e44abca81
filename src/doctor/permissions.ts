import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { begunFolder, type Config } from '../config.ts';
import { isListKeyFile } from '../pgp/keyring.ts';
import { failed, ok, type Seen, warning } from './finding.ts';

/** A file or folder of which others than its owner are to have nothing. */
interface Kept {
  path: string;
  what: string;
  /** Its folder keeps it: nobody comes at what lies where he may not enter. */
  inside?: true;
}

/** What holds a secret, or what is under embargo. `file`: the configuration itself. */
function keptOf(config: Config, file: string): Kept[] {
  const { database, passphrase, smtp, relay, dkim, oidc, keys } = config;
  return [
    { path: keys, what: 'the folder of the list keys' },
    ...namesIn(keys).map((name) => ({ path: join(keys, name), what: 'a list key', inside: true as const })),
    ...(typeof passphrase === 'object' && 'file' in passphrase ? [{ path: passphrase.file, what: 'the passphrase' }] : []),
    ...('sqlite' in database
      ? ['', '-wal', '-shm', '-end'].map((end) => ({
          path: `${database.sqlite}${end}`,
          what: 'the database',
          inside: true as const,
        }))
      : [{ path: file, what: 'the configuration, with the password of the database' }]),
    ...(smtp.tls ? [{ path: smtp.tls.key, what: 'the TLS key' }] : []),
    ...(relay.passwordFile ? [{ path: relay.passwordFile, what: 'the password of the relay' }] : []),
    ...(dkim ? [{ path: dkim.key, what: 'the key for DKIM' }] : []),
    ...(oidc.clientSecretFile ? [{ path: oidc.clientSecretFile, what: 'the secret of the OpenID client' }] : []),
  ];
}

const isThere = ({ path }: { path: string }) => statSync(path, { throwIfNoEntry: false }) !== undefined;

/** What the server itself opens: all but the configuration and the passphrase, which are read by whoever starts it. */
interface Needed {
  path: string;
  what: string;
  /** For accessSync. */
  to: number;
}

const READ = constants.R_OK;
const CHANGE = constants.R_OK | constants.W_OK;
const LIST = constants.R_OK | constants.X_OK;
const FILL = CHANGE | constants.X_OK;

function neededOf(config: Config): Needed[] {
  const { database, smtp, relay, dkim, oidc, keys, notices } = config;
  const folder = (path: string, what: string, inside: string, isRead: (name: string) => boolean): Needed[] => [
    { path, what, to: LIST },
    ...namesIn(path)
      .filter(isRead)
      .map((name) => ({ path: join(path, name), what: inside, to: READ })),
  ];
  const file = (path: string | null | undefined, what: string): Needed[] => (path ? [{ path, what, to: READ }] : []);
  return [
    ...folder(keys, 'the folder of the list keys', 'a list key', isListKeyFile),
    ...(notices ? folder(notices, 'the folder of the notices', 'a notice', (name) => name.endsWith('.txt')) : []),
    ...('sqlite' in database
      ? [
          { path: dirname(database.sqlite), what: 'the folder of the database', to: FILL },
          ...['', '-wal', '-shm', '-end', '-lock']
            .map((end) => ({ path: `${database.sqlite}${end}`, what: 'the database', to: CHANGE }))
            .filter((one) => mayAccess(dirname(one.path), constants.X_OK) && isThere(one)),
        ]
      : []),
    { path: firstThere(begunFolder(config)), what: 'the folder of what is begun', to: FILL },
    ...file(smtp.tls?.certificate, 'the TLS certificate'),
    ...file(smtp.tls?.key, 'the TLS key'),
    ...file(relay.passwordFile, 'the password of the relay'),
    ...file(relay.authorityFile, 'who certified the relay'),
    ...file(dkim?.key, 'the key for DKIM'),
    ...file(oidc.clientSecretFile, 'the secret of the OpenID client'),
  ];
}

/** A folder that is made when it is needed is made in the next one above it. */
function firstThere(path: string): string {
  return codeOf(path, constants.F_OK) === 'ENOENT' ? firstThere(dirname(path)) : path;
}

/** Why this process may not do that; null where it may. */
function codeOf(path: string, to: number): string | null {
  try {
    accessSync(path, to);
    return null;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  }
}

const mayAccess = (path: string, to: number) => codeOf(path, to) === null;

/** Of what is in a folder; none where this process may not look. */
const namesIn = (folder: string) => (mayAccess(folder, LIST) ? readdirSync(folder) : []);

/** The first folder on the way to it that this process may not enter. */
function closedOn(path: string): string | null {
  const above = dirname(path);
  if (above === path) return null;
  return closedOn(above) ?? (codeOf(above, constants.X_OK) === 'EACCES' ? above : null);
}

/** What this process, which runs as the server will, may not read or write. */
function lacking(config: Config): Seen[] {
  const user = config.user ?? 'who looks';
  const seen = new Map<string, Seen>();
  for (const { path, what, to } of neededOf(config)) {
    const code = codeOf(path, to);
    if (code === null) continue;
    const closed = closedOn(path);
    const say = closed
      ? failed(`${user} may not enter ${closed}, and needs what is there`, `chown or chmod it so that the server may`)
      : failed(
          `${user} may not ${to & constants.W_OK ? 'write' : 'read'} ${what}: ${path} (${code})`,
          code === 'EACCES'
            ? `${config.user === null ? 'chmod u+rwX' : `chown ${user}`} ${path}`
            : 'have it there and writable, or name another one in the configuration',
        );
    seen.set(closed ?? path, seen.get(closed ?? path) ?? say);
  }
  return [...seen.values()];
}

/** The server runs where it may only read the list keys; what makes or renews one does not. */
function unwritableKeys({ keys, user }: Config): Seen[] {
  const code = codeOf(keys, FILL);
  // What it may not even read is told of as such.
  if (code === null || !mayAccess(keys, LIST)) return [];
  const todo = code === 'EACCES' ? `${user === null ? '' : `chown ${user} ${keys} && `}chmod 700 ${keys}` : 'have it writable';
  return [
    warning(
      `${user ?? 'who looks'} may not write the folder of the list keys: ${keys} (${code})`,
      `${todo}: list create, keys renew and keys rotate write a key there`,
    ),
  ];
}

/**
 * Whether others than their owner may read or write what is secret, and whether the server may do what it needs to. This process runs as the
 * user of the configuration where there is one. `file`: the configuration.
 */
export function lookAtPermissions(config: Config, file: string): Seen[] {
  const open: Seen[] = [];
  const me = process.getuid?.() ?? 0;
  let isOthers = false;
  for (const { path, what, inside } of keptOf(config, file)) {
    // What lies where the server may not look is told of below.
    if (closedOn(path) || !isThere({ path })) continue;
    const found = statSync(path);
    const { mode, uid } = found;
    const isKept = inside === true && (statSync(dirname(path)).mode & 0o011) === 0;
    if ((mode & 0o077) !== 0 && !isKept)
      open.push(failed(`others may read or change ${what}: ${path}`, `chmod ${found.isDirectory() ? '700' : '600'} ${path}`));
    if (config.user !== null || uid === me || me === 0) continue;
    isOthers = true;
    open.push(
      warning(
        `${what} belongs to another user than the one who looks (uid ${uid}): ${path}`,
        `run this as the user of the server`,
      ),
    );
  }
  const seen = isOthers ? open : [...open, ...lacking(config), ...unwritableKeys(config)];
  return seen.length > 0 ? seen : [ok('what is secret is its owner’s alone, and the server may do what it needs to')];
}
