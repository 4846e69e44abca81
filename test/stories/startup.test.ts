import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as audit from '../../src/store/audit.ts';
import * as cases from '../../src/store/cases.ts';
import { makeDatabase, openDatabase } from '../../src/store/database.ts';
import * as lists from '../../src/store/lists.ts';
import { migrate } from '../../src/store/migrate.ts';
import * as recipients from '../../src/store/recipients.ts';
import { initProject, type TestProject, temporaryFolder } from '../cli/project-folder.ts';
import { makeCertificate } from '../smtp/certificates.ts';
import { dial } from '../smtp/wire.ts';
import { type Ended, runCurfew, startCurfew } from '../support/process.ts';

const folder = temporaryFolder();
let project: TestProject;
let written: Record<string, object>;
let taken: Server;
let port: number;

beforeAll(async () => {
  project = await initProject(folder, '--smtp-port', '0', '--http-port', '0');
  written = JSON.parse(readFileSync(project.config, 'utf8'));
  taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  port = (taken.address() as AddressInfo).port;
});
afterAll(() => taken.close());

/** The number of the last line of its audit log. */
async function endOf(sqlite: string): Promise<number> {
  const db = openDatabase({ sqlite });
  return (await audit.end(db).finally(() => db.destroy())).seq;
}

/** Serves the project with other settings; what is never ready ends by itself. What it logged before is left out. */
async function serve(change: object, env: Record<string, string> = {}): Promise<Ended> {
  const config = join(project.dir, 'changed.json');
  writeFileSync(config, JSON.stringify({ ...written, ...change }));
  const ended = await runCurfew(['serve', '--config', config], { env });
  return { ...ended, stderr: ended.stderr.replaceAll(/^\{.*\}\n/gm, '') };
}

test('a bad configuration: every problem at once, each by its path with what is allowed, and exit 2', async () => {
  const ended = await serve({
    project: '1st',
    domain: 'Orbit',
    smtp: { host: '127.0.0.1', port: 70_000, limit: {} },
    relay: { host: 'mail.orbit.example', port: 25, tls: 'none' },
    workers: 0,
    log: 'loud',
  });
  expect([ended.code, ended.stdout]).toEqual([2, '']);
  const lines = ended.stderr.trimEnd().split('\n');
  const paths = lines.map((line) => /^curfew: ([\w.]+): \S/.exec(line)?.[1]);
  expect(paths.sort()).toEqual(['domain', 'log', 'project', 'relay.tls', 'smtp.limit', 'smtp.port', 'workers']);
  expect(ended.stderr).toContain('curfew: smtp.port: is 70000; must be a port, 0 to 65535 (0: any free one)\n');
  expect(ended.stderr).toContain('log: is "loud"; must be "trace", "debug", "info", "warn", "error" or "silent"\n');
  expect(ended.stderr).toContain('relay.tls: is "none" for mail.orbit.example; allowed to loopback only, else "starttls"');
});

test('a policy that a case is under is gone: the case and the policy, and exit 2', async () => {
  const path = join(project.dir, 'under-policy.db');
  copyFileSync(join(project.dir, 'data', 'curfew.db'), path);
  const db = openDatabase({ sqlite: path });
  const { id: list_id } = await db.selectFrom('lists').select('id').where('role', '=', 'intake').executeTakeFirstOrThrow();
  const row = { year: 2026, list_id, policies: 'mine', received_at: 1, updated_at: 1, revision: 1 };
  for (const number of [1, 2])
    await cases.insert(db, { ...row, id: `ORBIT-2026-${number}`, number, thread_token: `${number}`, state: 'received' });
  // What is rejected needs none.
  await db
    .updateTable('cases')
    .set({ aside: 'rejected' })
    .where('id', '=', 'ORBIT-2026-2')
    .execute()
    .finally(() => db.destroy());
  const ended = await serve({ database: { sqlite: path } });
  expect([ended.code, ended.stdout]).toEqual([2, '']);
  expect(ended.stderr).toMatch(
    /^curfew: embargo\.policies: lacks policies of cases that are not over: ORBIT-2026-1 \(mine\); .*\n$/,
  );
});

test('policies that leave no instant for any release: exit 2', async () => {
  const ended = await serve({ embargo: { policy: ['k8s', 'openstack'] } });
  expect([ended.code, ended.stdout]).toEqual([2, '']);
  expect(ended.stderr).toMatch(/^curfew: embargo\.policy: has k8s, openstack, and no instant would do for all of them/);
});

test('a server says whose key it lacks; it is not ready where somebody is on that list, or its lists are gone', async () => {
  const path = join(project.dir, 'bare.db');
  copyFileSync(join(project.dir, 'data', 'curfew.db'), path);
  const db = openDatabase({ sqlite: path });
  const made = { id: 'deep', address: 'deep@orbit.example', role: 'public', name: 'Deep', fingerprint: 'F' } as const;
  await lists.insert(db, { ...made, created_at: 1 });
  const config = join(project.dir, 'bare.json');
  writeFileSync(config, JSON.stringify({ ...written, database: { sqlite: path } }));
  const server = startCurfew(['serve', '--config', config]);
  const [, at] = await server.line(/^http 127\.0\.0\.1:(\d+)$/);
  await server.line(/^ready$/);
  expect(server.said()).toMatch(/"list":"deep@orbit\.example".*the key of the list is not in the folder/);
  const readiness = async () => {
    const answer = await fetch(`http://127.0.0.1:${at}/readyz`);
    return [answer.status, await answer.json()];
  };
  const missing = (words: string) => [503, { detail: expect.stringContaining(words) }];
  expect(await readiness()).toEqual([200, { status: 'ready' }]);
  const reader = { id: 'r', list_id: 'deep', address: 'rita@public.example', kind: 'subscriber', created_at: 1 } as const;
  await recipients.insert(db, reader);
  expect(await readiness()).toMatchObject(missing('the key of deep@orbit.example is not loaded'));
  await db.deleteFrom('recipients').execute();
  await db
    .deleteFrom('lists')
    .execute()
    .finally(() => db.destroy());
  expect(await readiness()).toMatchObject(missing('holds no lists'));
  await server.kill('SIGTERM');
});

test('a SIGHUP that comes before it is ready does not end it', async () => {
  const fifo = join(project.dir, 'fifo');
  spawnSync('mkfifo', ['-m', '600', fifo]);
  const config = join(project.dir, 'hangup.json');
  writeFileSync(config, JSON.stringify({ ...written, passphrase: { file: fifo } }));
  const running = startCurfew(['serve', '--config', config]);
  // Opened when it reads there, and then it waits.
  const passphrase = await open(fifo, 'w');
  process.kill(running.pid, 'SIGHUP');
  await pause(100);
  await passphrase.writeFile(readFileSync(join(project.dir, 'passphrase')));
  await passphrase.close();
  await running.line(/^ready$/);
  expect(await running.kill('SIGTERM')).toMatchObject({ code: 0 });
});

test('a SIGHUP that comes before its modules are loaded does not end it', async () => {
  // It comes when the first of them is asked for.
  const hook = `export async function resolve(name, context, next) {
    if (name === './program.js') process.kill(process.pid, 'SIGHUP');
    return next(name, context);
  }`;
  const inData = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;
  const before = `import { register } from 'node:module'; register(${JSON.stringify(inData(hook))});`;
  const running = startCurfew(['serve', '--config', project.config], { env: { NODE_OPTIONS: `--import ${inData(before)}` } });
  await running.line(/^ready$/);
  expect(await running.kill('SIGTERM')).toMatchObject({ code: 0 });
});

describe('one line and exit 1', () => {
  const one = (line: string | RegExp) => ({ code: 1, stdout: '', stderr: expect.stringMatching(line) });

  test.each(['smtp', 'http'])('where the port of %s is in use', async (door) => {
    const ended = await serve({ [door]: { ...written[door], port } });
    expect(ended).toMatchObject(one(/^curfew: .*port is in use.*\n$/));
    expect(ended.stderr).toContain(`127.0.0.1:${port}`);
  });

  test('where a part of the path of the database is a file', async () => {
    const ended = await serve({ database: { sqlite: 'config.json/curfew.db' } });
    expect(ended).toMatchObject(one(/^curfew: A part of the path is no folder: \S+config\.json\/curfew\.db\n$/));
  });

  test('where there is no database: none is made, and nobody is told that his address does not exist', async () => {
    const path = join(project.dir, 'unmounted', 'curfew.db');
    const line = one(new RegExp(`^curfew: There is no database ${path}: \`curfew init\` makes one\n$`));
    expect(await serve({ database: { sqlite: path } })).toMatchObject(line);
    const config = join(project.dir, 'changed.json');
    for (const command of [
      ['keys', 'list'],
      ['token', 'list'],
      ['roster', 'export'],
      ['recipient', 'list', 'announce@orbit.example'],
    ])
      expect(await runCurfew([...command, '--config', config])).toMatchObject(line);
    expect(existsSync(join(project.dir, 'unmounted'))).toBe(false);
  });

  test('where the database holds no lists, and nothing is written to it', async () => {
    const path = join(project.dir, 'empty.db');
    writeFileSync(path, '');
    const line = one(/^curfew: The database \S+\/empty\.db holds no lists: .*`curfew init` makes a project\n$/);
    expect(await serve({ database: { sqlite: path } })).toMatchObject(line);
    expect(await tablesOf(path)).toEqual([]);
    const db = makeDatabase({ sqlite: path });
    await migrate(db).finally(() => db.destroy());
    expect(await serve({ database: { sqlite: path } })).toMatchObject(line);
  });

  test('where a newer Curfew wrote the database, or it is damaged, and nothing is sent from it', async () => {
    const path = join(project.dir, 'unsound.db');
    copyFileSync(join(project.dir, 'data', 'curfew.db'), path);
    const db = openDatabase({ sqlite: path });
    const later = { name: '9999_later', timestamp: new Date().toISOString() };
    await db
      .insertInto('kysely_migration' as never)
      .values(later as never)
      .execute()
      .finally(() => db.destroy());
    const newer = one(/^curfew: The database was written by a newer Curfew \(9999_later\), .*: start that one\n$/);
    expect(await serve({ database: { sqlite: path } })).toMatchObject(newer);

    copyFileSync(join(project.dir, 'data', 'curfew.db'), path);
    const octets = readFileSync(path);
    // A page in the middle; which one decides on what is noticed first.
    octets.fill(0xa5, octets.length / 2, octets.length / 2 + 4096);
    writeFileSync(path, octets);
    const damaged = one(/^curfew: The database is damaged: \S+\/unsound\.db .*restore the last backup\)?\n$/);
    expect(await serve({ database: { sqlite: path } })).toMatchObject(damaged);
  });

  test('where the database lost what guards it, or what it was to hold', async () => {
    const path = join(project.dir, 'altered.db');
    const altered = async (statement: string) => {
      copyFileSync(join(project.dir, 'data', 'curfew.db'), path);
      const db = openDatabase({ sqlite: path });
      await sql
        .raw(statement)
        .execute(db)
        .finally(() => db.destroy());
      return serve({ database: { sqlite: path } });
    };
    const lacks = (what: string) =>
      one(
        `curfew: The database ${path} is not as Curfew makes it: ${what}. Keep a copy of it, with what is beside it, and restore the last backup into a new one\n`,
      );
    const trigger = 'the trigger deliveries_public_insert is missing';
    expect(await altered('drop trigger deliveries_public_insert')).toMatchObject(lacks(trigger));
    expect(await altered('drop table audit')).toMatchObject(lacks('the table audit is missing'));
    expect(await altered('alter table lists rename to listen')).toMatchObject(
      one(/^curfew: The database .* the table lists is missing, .*, .*, and \d+ more\. Keep a copy .*\n$/),
    );
  });

  test('where the log of a database was removed, until it is back: what it had is noted beside it', async () => {
    const path = join(project.dir, 'cut.db');
    copyFileSync(join(project.dir, 'data', 'curfew.db'), path);
    const config = join(project.dir, 'cut.json');
    writeFileSync(config, JSON.stringify({ ...written, database: { sqlite: path } }));
    const serving = () => startCurfew(['serve', '--config', config]);
    const before = await endOf(path);
    const killed = serving();
    await killed.line(/^ready$/);
    const made = await runCurfew(['token', 'create', '--name', 'one', '--role', 'admin', '--config', config]);
    expect(made.code).toBe(0);
    while (!(existsSync(`${path}-end`) && JSON.parse(readFileSync(`${path}-end`, 'utf8')).seq > before)) await pause(50);
    await killed.kill('SIGKILL');
    renameSync(`${path}-wal`, `${path}-wal.aside`);
    rmSync(`${path}-shm`);
    const lacks = one(
      /^curfew: The database lacks what was in it: line \d+ of its audit log, .*cut\.db-wal\) was cut or removed,/,
    );
    expect(await serve({ database: { sqlite: path } })).toMatchObject(lacks);
    renameSync(`${path}-wal.aside`, `${path}-wal`);
    const whole = serving();
    await whole.line(/^ready$/);
    expect(await whole.kill('SIGTERM')).toMatchObject({ code: 0 });
    expect(JSON.parse(readFileSync(`${path}-end`, 'utf8')).seq).toBe(await endOf(path));
  });

  test('where the file is no database', async () => {
    const path = join(project.dir, 'config.json');
    const line = one(
      /^curfew: The file is no SQLite database: \S+\/config\.json \(if it was one, .* restore the last backup\)\n$/,
    );
    expect(await serve({ database: { sqlite: path } })).toMatchObject(line);
    expect(await runCurfew(['token', 'list', '--config', join(project.dir, 'changed.json')])).toMatchObject(line);
  });

  test('where a folder stands in the place of the database', async () => {
    mkdirSync(join(project.dir, 'folder.db'));
    expect(await serve({ database: { sqlite: 'folder.db' } })).toMatchObject(
      one(/^curfew: A folder is where a file should be: \S+\/folder\.db\n$/),
    );
  });

  test('where the database cannot be written', async ({ skip }) => {
    const path = join(project.dir, 'locked.db');
    copyFileSync(join(project.dir, 'data', 'curfew.db'), path);
    const unlock = lock(path);
    skip(unlock === null, 'root may write to every file here');
    try {
      expect(await serve({ database: { sqlite: path } })).toMatchObject(
        one(/^curfew: The database cannot be written: \S+\/locked\.db .*\n$/),
      );
    } finally {
      unlock?.();
    }
  });

  test('where the passphrase is wrong', async () => {
    const wrong = { CURFEW_WRONG: 'not this one' };
    const ended = await serve({ passphrase: { env: 'CURFEW_WRONG' } }, wrong);
    expect(ended).toMatchObject(one(/^curfew: .*passphrase.*\n$/));
    expect(ended.stderr).not.toContain('not this one');
  });

  test('where another process serves the same database', async () => {
    const first = startCurfew(['serve', '--config', project.config]);
    await first.line(/^ready$/);
    const ended = await serve({});
    expect(ended).toMatchObject(one(/^curfew: Another `curfew serve` runs on the database \S+\/curfew\.db\n$/));
    expect(await first.kill('SIGTERM')).toMatchObject({ code: 0 });
    rmSync(join(project.dir, 'changed.json'));
  });
});

/** What is in a SQLite file. */
async function tablesOf(sqlite: string): Promise<string[]> {
  const db = openDatabase({ sqlite });
  const tables = await db.introspection.getTables().finally(() => db.destroy());
  return tables.map(({ name }) => name);
}

/** Makes a file read-only, for root too where the file system can; null where it cannot. Gives what undoes it. */
function lock(path: string): (() => void) | null {
  if (process.getuid?.() !== 0) {
    chmodSync(path, 0o400);
    return () => chmodSync(path, 0o600);
  }
  const chattr = (flag: string) => spawnSync('chattr', [flag, path]).status === 0;
  return chattr('+i') ? () => chattr('-i') : null;
}

describe.skipIf(process.getuid?.() !== 0)('started as root (skipped where the tests are not)', () => {
  const idsOf = (pid: number) =>
    [...readFileSync(`/proc/${pid}/status`, 'utf8').matchAll(/^(?:Uid|Gid|Groups):\s*(.*)$/gm)].map(([, ids]) =>
      ids?.trim().split(/\s+/),
    );

  test('it runs as whom the configuration names: with a port that is root’s, and never root again', async () => {
    const own = temporaryFolder();
    const { dir, config } = await initProject(own, '--smtp-port', '0', '--http-port', '0');
    const low = await freeBelow1024();
    const http = { host: '127.0.0.1', port: low };
    writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), http, user: 'nobody:nogroup' }));
    chmodSync(own, 0o755);
    spawnSync('chown', ['-R', 'nobody:nogroup', dir]);
    const running = startCurfew(['serve', '--config', config]);
    await running.line(/^ready$/);
    const [uid, gid, groups] = idsOf(running.pid);
    expect(new Set(uid).size).toBe(1);
    expect([uid, gid, groups].flat()).not.toContain('0');
    expect((await fetch(`http://127.0.0.1:${low}/healthz`)).status).toBe(200);
    expect(spawnSync('find', [dir, '-user', 'root'], { encoding: 'utf8' }).stdout).toBe('');
    expect((await running.kill('SIGTERM')).code).toBe(0);
  });

  test('it begins with no TLS key that it could not read again as that user, and takes the next one at SIGHUP', async () => {
    const own = temporaryFolder();
    const { dir, config } = await initProject(own, '--smtp-port', '0', '--http-port', '0');
    const place = (name: string) => {
      const made = makeCertificate(name);
      for (const what of ['certificate', 'key'] as const) copyFileSync(made[what], join(dir, `${what}.pem`));
    };
    place('old.example');
    const before = JSON.parse(readFileSync(config, 'utf8'));
    const smtp = { ...before.smtp, tls: { certificate: 'certificate.pem', key: 'key.pem' } };
    writeFileSync(config, JSON.stringify({ ...before, smtp, user: 'nobody:nogroup' }));
    chmodSync(own, 0o755);
    spawnSync('chown', ['-R', 'nobody:nogroup', dir]);
    const key = join(dir, 'key.pem');
    chownSync(key, 0, 0);
    const refused = await runCurfew(['serve', '--config', config]);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain(`curfew: the TLS key of SMTP cannot be read: ${key} (EACCES); let the user that the server`);
    spawnSync('chown', ['nobody:nogroup', key]);
    const running = startCurfew(['serve', '--config', config]);
    const [, at] = await running.line(/^smtp 127\.0\.0\.1:(\d+)$/);
    await running.line(/^ready$/);
    const shown = async () => {
      const wire = await dial(Number(at));
      await wire.reply();
      await wire.ask('EHLO a.example');
      await wire.ask('STARTTLS');
      return (await wire.startTls()).getPeerCertificate().subject.CN;
    };
    expect(await shown()).toBe('old.example');
    place('new.example');
    process.kill(running.pid, 'SIGHUP');
    await expect.poll(shown, { timeout: 10_000 }).toBe('new.example');
    expect((await running.kill('SIGTERM')).code).toBe(0);
  });

  test('without one it says that it need not, and a user who is not there is a bad configuration', async () => {
    const running = startCurfew(['serve', '--config', project.config]);
    await running.line(/it runs as root, and need not/);
    await running.kill('SIGTERM');
    const ended = await serve({ user: 'nobody-of-that-name' });
    expect([ended.code, ended.stderr]).toEqual([2, expect.stringContaining('curfew: user: is "nobody-of-that-name"')]);
  });
});

/** Of those that nothing listens on. */
async function freeBelow1024(): Promise<number> {
  for (let tried = 1023; tried > 900; tried--) {
    const probe = createServer().listen(tried, '127.0.0.1');
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false,
    );
    probe.close();
    if (isFree) return tried;
  }
  throw new Error('every port from 901 to 1023 is taken');
}
