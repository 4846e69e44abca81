import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { runCurfew } from '../support/process.ts';
import { initProject, type TestProject, temporaryFolder } from './project-folder.ts';

const folder = temporaryFolder();
let project: TestProject;
beforeAll(async () => {
  project = await initProject(folder);
});

test('says its version and how it is used', async () => {
  const about: { version: string } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'));
  expect(await runCurfew(['--version'])).toMatchObject({ code: 0, stdout: `${about.version}\n` });
  expect(await runCurfew(['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('Usage: curfew') });
});

test.each([[[]], [['unknown']], [['token']], [['--unknown']]])('%j is a wrong use', async (args) => {
  expect(await runCurfew(args)).toMatchObject({ code: 2, stdout: '' });
});

test('public recipients are added, listed and removed', async () => {
  const list = 'announce@orbit.example';
  const added = await project.curfew('recipient', 'add', list, 'OSS@public.example', '--external', '--json');
  expect(JSON.parse(added.stdout)).toMatchObject({ list, address: 'oss@public.example', kind: 'external' });
  await project.curfew('recipient', 'add', list, 'reader@public.example');
  expect((await project.curfew('recipient', 'list', list)).stdout.split('\n').slice(1)).toEqual([
    'oss@public.example     external',
    'reader@public.example  subscriber',
    '',
  ]);
  expect((await project.curfew('recipient', 'remove', list, 'reader@public.example')).code).toBe(0);
  expect(await project.curfew('recipient', 'remove', list, 'reader@public.example')).toMatchObject({
    code: 1,
    stderr: `curfew: reader@public.example does not get ${list}\n`,
  });
});

test('an export of the log that proves nothing is not passed', async () => {
  const [log, key] = [join(folder, 'log.jsonl'), join(folder, 'security.asc')];
  writeFileSync(key, (await project.curfew('keys', 'export', 'security@orbit.example')).stdout);
  writeFileSync(log, '');
  const verify = () => runCurfew(['audit', 'verify', log, '--key', key]);
  const none = join(folder, 'none.jsonl');
  expect(await runCurfew(['audit', 'verify', none, '--key', key])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: `curfew: There is no such file: ${none}\n`,
  });
  expect(await project.curfew('audit', 'export', '--format', 'csv')).toMatchObject({ code: 2, stdout: '' });
  expect(await verify()).toMatchObject({ code: 1, stdout: expect.stringContaining('THERE IS NO LINE IN IT') });
  await project.curfew('audit', 'export', '--out', log);
  expect(await verify()).toMatchObject({ code: 1, stdout: expect.stringContaining('nothing signed covers it') });
});

test('what a failure quotes does not steer the terminal', async () => {
  expect(await project.curfew('keys', 'export', 'none\u202e\u001b[2J')).toMatchObject({
    code: 1,
    stderr: 'curfew: There is no list none\\u{202e}\\u{1b}[2J\n',
  });
});

test('notices can be looked at, and one that cannot be used is told of', async () => {
  const config = join(folder, 'words.json');
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(project.config, 'utf8')), notices: 'words' }));
  mkdirSync(join(folder, 'words'));
  writeFileSync(join(folder, 'words', 'applied.txt'), 'Subject: Welcome\n\nDear {{{organisation}}}');
  const shown = await runCurfew(['notice', 'show', 'applied', '--config', config]);
  expect(shown).toMatchObject({ code: 0, stdout: 'Subject: Welcome\n\nDear Gamma Linux\n' });
  const listed = await runCurfew(['notice', 'list', '--config', config]);
  expect(listed.stdout).toContain('prove-key.txt');
  writeFileSync(join(folder, 'words', 'applied.txt'), 'Subject: x\n\n{{{organization}}}');
  const refused = await runCurfew(['notice', 'list', '--config', config]);
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('applied.txt: there is no {{{organization}}}; there are'),
  });
});

describe('what is wrong around it is said in one line', () => {
  test('a configuration: every problem, exit 2', async () => {
    const config = join(folder, 'bad.json');
    writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(project.config, 'utf8')), log: 'loud', workers: 0 }));
    const { code, stderr } = await runCurfew(['token', 'list', '--config', config]);
    expect(code).toBe(2);
    expect(stderr).toBe(
      'curfew: workers: is 0; must be threads that open mail that comes in, and as many that seal what goes out, a whole number, 1 or more\n' +
        'curfew: log: is "loud"; must be "trace", "debug", "info", "warn", "error" or "silent"\n',
    );
  });

  test.each([
    [['token', 'list'], {}],
    [['serve'], {}],
    [['queue', 'list'], { CURFEW_TOKEN: 'x' }],
  ])('no configuration in the folder where %j runs: what to do, exit 2', async (args, env: Record<string, string>) => {
    const todo = 'give --config PATH, or run this in the folder where `curfew init` wrote it';
    expect(await runCurfew(args, { cwd: folder, env })).toMatchObject({
      code: 2,
      stderr: `curfew: ./config.json cannot be read (ENOENT): ${todo}\n`,
    });
  });

  test('no configuration where --config says: its path, exit 2', async () => {
    expect(await runCurfew(['token', 'list', '--config', 'other/config.json'], { cwd: folder })).toMatchObject({
      code: 2,
      stderr: 'curfew: other/config.json cannot be read (ENOENT)\n',
    });
  });

  async function withDatabase(name: string, content: string): Promise<string> {
    const config = join(folder, `${name}.json`);
    const database = { sqlite: `${name}.db` };
    writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(project.config, 'utf8')), database }));
    if (content !== 'absent') writeFileSync(join(folder, `${name}.db`), content);
    const { code, stderr } = await runCurfew(['token', 'list', '--config', config]);
    expect(code).toBe(1);
    return stderr;
  }

  test('a database that is not there is not made', async () => {
    expect(await withDatabase('absent', 'absent')).toBe(
      `curfew: There is no database ${folder}/absent.db: \`curfew init\` makes one\n`,
    );
  });

  test('a file that is no database', async () => {
    expect(await withDatabase('none', 'x'.repeat(5000))).toBe(
      `curfew: The file is no SQLite database: ${folder}/none.db (if it was one, keep a copy of it, and restore the last backup)\n`,
    );
  });

  test('a database without tables', async () => {
    expect(await withDatabase('empty', '')).toBe(
      `curfew: The database has no tables: ${folder}/empty.db (is it the right one? \`curfew init\` makes a project)\n`,
    );
  });

  test.skipIf(process.getuid?.() === 0)('a database that cannot be written', async () => {
    const other = await initProject(join(folder, 'readonly'));
    chmodSync(join(other.dir, 'data', 'curfew.db'), 0o400);
    chmodSync(join(other.dir, 'data'), 0o500);
    const { code, stderr } = await other.curfew('token', 'create', '--name', 'x', '--role', 'team');
    chmodSync(join(other.dir, 'data'), 0o700);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^curfew: The database cannot be (opened|written): \S+\/curfew\.db .*\n$/),
    ]);
  });

  test('a PostgreSQL that does not answer, and its password is not shown', async () => {
    const config = join(folder, 'postgres.json');
    const database = { postgres: 'postgres://curfew:hunter2@127.0.0.1:1/curfew' };
    writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(project.config, 'utf8')), database }));
    const { code, stderr } = await runCurfew(['token', 'list', '--config', config]);
    expect([code, stderr]).toEqual([1, 'curfew: Nobody answers: 127.0.0.1:1\n']);
  });
});
