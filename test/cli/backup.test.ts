import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { newToken } from '../../src/clock.ts';
import { openDatabase } from '../../src/store/database.ts';
import * as posts from '../../src/store/posts.ts';
import * as restorations from '../../src/store/restorations.ts';
import { absent, run } from '../support/gnupg.ts';
import { type Ended, runCurfew, startCurfew } from '../support/process.ts';
import { initProject, type TestProject, temporaryFolder } from './project-folder.ts';

const folder = temporaryFolder();

const program = [process.execPath, join(import.meta.dirname, '..', '..', 'dist', 'src', 'cli', 'curfew.js')];

/** Runs the command line with what a pipe gives it. */
async function fed(input: Uint8Array, ...args: string[]): Promise<Pick<Ended, 'code' | 'stderr' | 'stdout'>> {
  const [node = '', ...curfew] = program;
  const { code, out, err } = await run(node, [...curfew, ...args], input);
  return { code, stdout: out.toString(), stderr: err };
}

describe.skipIf(absent.gpg)(`a backup${absent.gpg ? ` (absent: ${absent.gpg})` : ''}`, () => {
  let project: TestProject;
  let home: string;
  let certificate: string;
  const gpg = async (input: Uint8Array, ...args: string[]) => {
    const done = await run('gpg', ['--homedir', home, '--batch', '--quiet', ...args], input);
    if (done.code !== 0) throw new Error(done.err);
    return done.out;
  };
  const restored = (name: string) => join(folder, name, 'config.json');

  beforeAll(async () => {
    project = await initProject(folder, '--smtp-port', '0', '--http-port', '0');
    home = join(folder, 'gnupg');
    mkdirSync(home, { mode: 0o700 });
    await gpg(
      Buffer.alloc(0),
      '--passphrase',
      '',
      '--quick-generate-key',
      'Backup <backup@orbit.example>',
      'default',
      'default',
      'never',
    );
    certificate = join(folder, 'backup.asc');
    writeFileSync(certificate, await gpg(Buffer.alloc(0), '--armor', '--export', 'backup@orbit.example'));
  });

  /** Of 8000 octets each. */
  const addPosts = async (count: number) => {
    const db = openDatabase({ sqlite: join(project.dir, 'data', 'curfew.db') });
    const { id: list_id } = await db.selectFrom('lists').select('id').where('role', '=', 'intake').executeTakeFirstOrThrow();
    const row = { list_id, kind: 'notice', encrypted: 1, received_at: 1, size: 1 } as const;
    await db.transaction().execute(async (trx) => {
      for (let at = 0; at < count; at++) {
        const id = newToken();
        await posts.insert(trx, { ...row, id, digest: id, content: randomBytes(8000) });
      }
    });
    await db.destroy();
  };

  const backup = (out: string, ...flags: string[]) => project.curfew('backup', '--cert', certificate, '--out', out, ...flags);

  test('is opened by gpg and by nobody else, has no private key, and comes back under a server that runs', async () => {
    const out = join(folder, 'a.pgp');
    const serve = startCurfew(['serve', '--config', project.config]);
    await serve.line(/^ready$/, 30_000);
    const made = await backup(out, '--json');
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(made.stdout)).toMatchObject({ out, keys: false });
    expect(await serve.kill('SIGTERM')).toMatchObject({ code: 0 });
    expect(statSync(out).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);

    const packed = await gpg(readFileSync(out), '--decrypt');
    const text = gunzipSync(packed).toString();
    expect(text).toContain('"table":"lists"');
    expect(text).not.toContain('PRIVATE KEY');

    const sealed = await fed(readFileSync(out), 'restore', '-', '--config', restored('new'));
    expect(sealed).toMatchObject({ code: 1, stderr: expect.stringContaining('gpg --decrypt') });
    const came = await fed(packed, 'restore', '-', '--config', restored('new'));
    expect(came).toMatchObject({ code: 0, stderr: '' });
    expect(came.stdout).toContain(`Wrote ${restored('new')}`);
    expect(readFileSync(restored('new'), 'utf8')).toBe(readFileSync(project.config, 'utf8'));
    expect(existsSync(join(folder, 'new', 'keys'))).toBe(false);

    // Whoever keeps the keys elsewhere puts them back.
    for (const name of ['keys', 'passphrase']) await run('cp', ['-r', join(project.dir, name), join(folder, 'new', name)]);
    const again = startCurfew(['serve', '--config', restored('new')]);
    const [, port] = await again.line(/^http 127\.0\.0\.1:(\d+)$/, 30_000);
    await again.line(/^ready$/);
    const old = await fetch(`http://127.0.0.1:${port}/api/v1/restoration`, {
      headers: { authorization: `Bearer ${project.made.token}` },
    });
    expect(old.status).toBe(401);
    const token = await runCurfew(['token', 'create', '--name', 'new', '--role', 'admin', '--json', '--config', restored('new')]);
    const env = { CURFEW_URL: `http://127.0.0.1:${port}`, CURFEW_TOKEN: JSON.parse(token.stdout).token };
    const shown = await runCurfew(['restored', 'show'], { env });
    expect(shown.stdout).toMatch(/^The backup was taken: .*\nIt was restored: {6}.*\nCopies that are held since: 0 /);
    expect(await again.kill('SIGTERM')).toMatchObject({ code: 0 });
  });

  test('with the keys starts by itself where the passphrase is', async () => {
    const out = join(folder, 'b.pgp');
    expect(await backup(out, '--with-keys')).toMatchObject({ code: 0 });
    const packed = await gpg(readFileSync(out), '--decrypt');
    expect(
      gunzipSync(packed)
        .toString()
        .match(/BEGIN PGP PRIVATE KEY/g),
    ).toHaveLength(3);
    expect(await fed(packed, 'restore', '-', '--config', restored('keys'))).toMatchObject({ code: 0 });
    await run('cp', [join(project.dir, 'passphrase'), join(folder, 'keys', 'passphrase')]);
    const serve = startCurfew(['serve', '--config', restored('keys')]);
    await serve.line(/^ready$/, 30_000);
    expect(await serve.kill('SIGTERM')).toMatchObject({ code: 0 });
  });

  test('replaces no file and no database, and what is cut off leaves nothing', async () => {
    const out = join(folder, 'c.pgp');
    expect(await backup(out)).toMatchObject({ code: 0 });
    expect(await backup(out)).toMatchObject({ code: 1, stderr: expect.stringContaining('is there already') });
    const packed = await gpg(readFileSync(out), '--decrypt');
    const there = await fed(packed, 'restore', '-', '--config', project.config);
    expect(there).toMatchObject({ code: 1, stderr: expect.stringContaining('There is a database already') });
    const cut = await fed(packed.subarray(0, packed.length - 100), 'restore', '-', '--config', restored('cut'));
    expect(cut).toMatchObject({ code: 1, stderr: expect.stringContaining('cut off or damaged') });
    expect(existsSync(join(folder, 'cut', 'data', 'curfew.db'))).toBe(false);
    expect(await fed(Buffer.from('{}\n'), 'restore', '-', '--config', restored('cut'))).toMatchObject({
      code: 1,
      stderr: 'curfew: It is no backup of Curfew\n',
    });
    expect(await fed(packed, 'restore', '-', '--config', restored('cut'))).toMatchObject({ code: 0 });
  });

  test('into a folder that is not there, or onto a disk that is full, says so in one line and leaves nothing', async ({
    skip,
  }) => {
    // As its own process: what ended unseen would end that.
    const made = (out: string) => runCurfew(['backup', '--config', project.config, '--cert', certificate, '--out', out]);
    const nowhere = join(folder, 'nowhere');
    expect(await made(join(nowhere, 'a.pgp'))).toEqual({
      code: 1,
      signal: null,
      stdout: '',
      stderr: `curfew: There is no folder ${nowhere}: make it, or give another --out\n`,
    });
    expect(existsSync(nowhere)).toBe(false);
    const file = join(project.config, 'a.pgp');
    const noFolder = `curfew: A part of the path is no folder: ${file}\n`;
    expect(await made(file)).toEqual({ code: 1, signal: null, stdout: '', stderr: noFolder });

    const disk = join(folder, 'small');
    mkdirSync(disk);
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', disk]);
    skip(mount.status !== 0, 'nobody but root may mount a disk');
    try {
      writeFileSync(join(disk, 'other'), Buffer.alloc(64 * 1024));
      const full = `curfew: The disk is full: ${join(disk, 'a.pgp')} (make room on it, and try again)\n`;
      expect(await made(join(disk, 'a.pgp'))).toEqual({ code: 1, signal: null, stdout: '', stderr: full });
      expect(readdirSync(disk)).toEqual(['other']);
    } finally {
      spawnSync('umount', [disk]);
    }
  });

  test('to a name that is too long says so in one line, and the longest one is a name like any other', async () => {
    const into = join(folder, 'long');
    mkdirSync(into);
    const long = join(into, 'a'.repeat(256));
    const stderr = `curfew: The name is too long: ${long} (a file system takes 255 octets, or fewer: give a shorter one)\n`;
    expect(await backup(long)).toMatchObject({ code: 1, stdout: '', stderr });
    expect(readdirSync(into)).toEqual([]);
    expect(await backup(long.slice(0, -1))).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(into)).toEqual(['a'.repeat(255)]);
  });

  test.each(['', 'new/', 'new/.', '..'])('to "%s", which names no file, is not begun', async (name) => {
    const ended = await runCurfew(['backup', '--config', project.config, '--cert', certificate, '--out', name], { cwd: folder });
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toContain(`option '--out <file>' argument '${name}' is invalid. That names no file.`);
    expect(readdirSync(folder).filter((each) => each.endsWith('.part'))).toEqual([]);
  });

  test('where no file may become so large says which one, and what to do', async () => {
    await addPosts(20);
    const into = join(folder, 'limited');
    mkdirSync(into);
    const database = { sqlite: join(into, 'curfew.db') };
    copyFileSync(join(project.dir, 'data', 'curfew.db'), database.sqlite);
    const config = join(project.dir, 'limited.json');
    writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(project.config, 'utf8')), database }));
    const out = join(into, 'a.pgp');
    const limited = (kilobytes: number) =>
      run('bash', [
        '-c',
        `ulimit -f ${kilobytes} && exec "$0" "$@"`,
        ...program,
        'backup',
        '--config',
        config,
        '--cert',
        certificate,
        '--out',
        out,
      ]);
    // Less than what SQLite has beside the database.
    expect(await limited(20)).toMatchObject({
      code: 1,
      err: `curfew: The database cannot be read or written: ${database.sqlite} (look at its disk, and at how large a file may become: ulimit -f)\n`,
    });
    expect(await limited(64)).toMatchObject({
      code: 1,
      err: `curfew: The file may not become so large: ${out} (raise the limit of the process, ulimit -f, or take another file system)\n`,
    });
    expect(readdirSync(into).filter((name) => !name.startsWith('curfew.db'))).toEqual([]);
  });

  test('of much, onto a disk that is full, says so and leaves nothing', async ({ skip }) => {
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', disk]);
    skip(mount.status !== 0, 'nobody but root may mount a disk');
    try {
      await addPosts(600);
      const out = join(disk, 'full.pgp');
      const line = `curfew: The disk is full: ${out} (make room on it, and try again)\n`;
      expect(await backup(out)).toMatchObject({ code: 1, stdout: '', stderr: line });
      expect(readdirSync(disk)).toEqual([]);
    } finally {
      spawnSync('umount', [disk]);
    }
  });

  describe('begun twice at once', () => {
    /** A backup to `out` that stands still in the middle; what it has begun is in the folder. */
    const stopped = async (out: string, env = {}) => {
      const first = startCurfew(['backup', '--config', project.config, '--cert', certificate, '--out', out], { env });
      const begun = () => readdirSync(dirname(out)).find((name) => name.endsWith('.part'));
      while (begun() === undefined && !existsSync(out)) await pause(1);
      process.kill(first.pid, 'SIGSTOP');
      expect(readdirSync(dirname(out))).toEqual([expect.stringMatching(/^\.curfew-backup-\w+\.part$/)]);
      return first;
    };
    const among = (name: string) => {
      mkdirSync(join(folder, name));
      return join(folder, name, 'a.pgp');
    };
    beforeAll(() => addPosts(1000));

    test('whoever is done first has it, and the other one replaces nothing', async () => {
      const out = among('twice');
      const first = await stopped(out);
      expect(await backup(out)).toMatchObject({ code: 0, stderr: '' });
      const octets = readFileSync(out);
      process.kill(first.pid, 'SIGCONT');
      const stderr = `curfew: ${out} is there already: a backup replaces no file\n`;
      expect(await first.ended).toMatchObject({ code: 1, stdout: '', stderr });
      expect(readFileSync(out).equals(octets)).toBe(true);
      expect(gunzipSync(await gpg(octets, '--decrypt')).toString()).toContain('{"end":');
      expect(readdirSync(dirname(out))).toEqual(['a.pgp']);
    });

    test('what one leaves that was killed is in nobody’s way', async () => {
      const out = among('killed');
      const first = await stopped(out);
      await first.kill();
      const [left = ''] = readdirSync(dirname(out));
      const second = await backup(out);
      expect(second).toMatchObject({ code: 0, stderr: '' });
      expect(second.stdout).toContain(`no backup; remove it where no other backup runs: ${join(dirname(out), left)}\n`);
      expect(readdirSync(dirname(out))).toEqual([left, 'a.pgp']);
      const third = await backup(join(dirname(out), 'b.pgp'), '--json');
      expect(JSON.parse(third.stdout)).toMatchObject({ left: [join(dirname(out), left)] });
    });

    test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('one that %s ends leaves nothing, and is ended by it', async (signal) => {
      const out = among(signal);
      const first = await stopped(out);
      process.kill(first.pid, signal);
      process.kill(first.pid, 'SIGCONT');
      expect(await first.ended).toEqual({ code: null, signal, stdout: '', stderr: '' });
      expect(readdirSync(dirname(out))).toEqual([]);
    });

    test('on a disk that knows no second name for a file neither', async () => {
      // As FAT answers (link(2), EPERM).
      const refusing = `import fs from 'node:fs/promises'; import { syncBuiltinESMExports } from 'node:module';
        fs.link = async () => { throw Object.assign(new Error('EPERM: link'), { code: 'EPERM' }); }; syncBuiltinESMExports();`;
      const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(refusing)}` };
      const out = among('fat');
      const first = await stopped(out, env);
      const second = await runCurfew(['backup', '--config', project.config, '--cert', certificate, '--out', out], { env });
      expect(second).toMatchObject({ code: 0, stderr: '' });
      const octets = readFileSync(out);
      process.kill(first.pid, 'SIGCONT');
      expect(await first.ended).toMatchObject({ code: 1, stderr: expect.stringContaining('is there already') });
      expect(readFileSync(out).equals(octets)).toBe(true);
      expect(readdirSync(dirname(out))).toEqual(['a.pgp']);
      expect(statSync(out).mode & 0o777).toBe(0o600);
    });
  });

  test('to a certificate that cannot be encrypted to is not begun', async () => {
    await gpg(
      Buffer.alloc(0),
      '--passphrase',
      '',
      '--quick-generate-key',
      'Signer <signer@orbit.example>',
      'ed25519',
      'sign',
      'never',
    );
    const signer = join(folder, 'signer.asc');
    writeFileSync(signer, await gpg(Buffer.alloc(0), '--armor', '--export', 'signer@orbit.example'));
    const out = join(folder, 'd.pgp');
    const made = await project.curfew('backup', '--cert', signer, '--out', out);
    expect(made).toMatchObject({ code: 1, stderr: expect.stringContaining('no key to encrypt to') });
    expect(readdirSync(folder).filter((name) => name.includes('d.pgp'))).toEqual([]);
  });

  test('that was being restored when somebody ended it keeps the server from starting', async () => {
    const out = join(folder, 'e.pgp');
    expect(await backup(out, '--with-keys')).toMatchObject({ code: 0 });
    const packed = await gpg(readFileSync(out), '--decrypt');
    expect(await fed(packed, 'restore', '-', '--config', restored('half'))).toMatchObject({ code: 0 });
    await run('cp', [join(project.dir, 'passphrase'), join(folder, 'half', 'passphrase')]);
    const db = openDatabase({ sqlite: join(folder, 'half', 'data', 'curfew.db') });
    await restorations.insert(db, { id: 'half', taken_at: Date.now(), restored_at: Date.now() }).finally(() => db.destroy());
    const ended = await runCurfew(['serve', '--config', restored('half')]);
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('that was not finished') });
  });
});
