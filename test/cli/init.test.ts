import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { loadKeyring } from '../../src/pgp/keyring.ts';
import { hashToken } from '../../src/roster/tokens.ts';
import { openDatabase } from '../../src/store/database.ts';
import * as lists from '../../src/store/lists.ts';
import * as tokens from '../../src/store/tokens.ts';
import { runCurfew } from '../support/process.ts';
import { initProject, temporaryFolder } from './project-folder.ts';

const folder = temporaryFolder();
const FLAGS = ['--project', 'orbit', '--domain', 'orbit.example', '--yes'];
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('init', () => {
  test('makes a project that opens', async () => {
    const { dir, config, made } = await initProject(
      join(folder, 'whole'),
      '--smtp-port',
      '0',
      '--http-port',
      '0',
      '--relay',
      '127.0.0.1:2626',
    );
    expect(made.config).toBe(config);
    expect(made.lists.map(({ address, role }) => [address, role])).toEqual([
      ['security@orbit.example', 'intake'],
      ['distributors@orbit.example', 'private'],
      ['announce@orbit.example', 'public'],
    ]);
    const loaded = loadConfig(config);
    expect(loaded).toMatchObject({
      smtp: { host: '127.0.0.1', port: 0, tls: null },
      http: { port: 0 },
      relay: { host: '127.0.0.1', port: 2626, tls: 'none' },
    });

    const passphrase = readFileSync(join(dir, 'passphrase'), 'utf8').trim();
    const keyring = await loadKeyring(loaded.keys, passphrase);
    expect(made.lists.map(({ fingerprint }) => keyring.find(fingerprint)?.address)).toEqual(
      made.lists.map(({ address }) => address),
    );

    const db = openDatabase(loaded.database);
    expect((await lists.all(db)).map(({ address, fingerprint }) => [address, fingerprint]).sort()).toEqual(
      made.lists.map(({ address, fingerprint }) => [address, fingerprint]).sort(),
    );
    expect(await tokens.byHash(db, hashToken(made.token))).toMatchObject({ name: 'admin', role: 'admin', expires_at: null });
    await db.destroy();
  });

  test('leaves to others no way in, and no more than the project in its folder', async () => {
    const { dir, made } = await initProject(join(folder, 'modes'));
    expect(readdirSync(dir).sort()).toEqual(['config.json', 'data', 'keys', 'passphrase']);
    expect(['config.json', 'data', 'keys', 'passphrase'].map((part) => mode(join(dir, part)))).toEqual([
      '600',
      '700',
      '700',
      '600',
    ]);
    for (const key of readdirSync(join(dir, 'keys'))) expect(mode(join(dir, 'keys', key))).toBe('600');
    const { stdout } = spawnSync('grep', ['-rlaF', '--', made.token, dir], { encoding: 'utf8' });
    expect(stdout).toBe('');
  });

  test('tells a person what to do next, and the passphrase never', async () => {
    const dir = join(folder, 'told');
    const { code, stdout, stderr } = await runCurfew(['init', '--dir', dir, ...FLAGS, '--relay', 'mail.orbit.example:587']);
    expect(code).toBe(0);
    const passphrase = readFileSync(join(dir, 'passphrase'), 'utf8').trim();
    expect(stdout + stderr).not.toContain(passphrase);
    expect(stdout).toContain(`curfew serve --config ${dir}/config.json`);
    expect(stdout).toContain(`The passphrase of the list keys was made in ${dir}/passphrase`);
    expect(stdout).toMatch(/STARTTLS:\s+set smtp\.tls/);
    expect(stdout.match(/curfew_[0-9a-z]{52}/g)).toHaveLength(1);
    expect(loadConfig(join(dir, 'config.json')).relay).toMatchObject({ host: 'mail.orbit.example', port: 587, tls: 'starttls' });
  });

  test.each([
    ['[::1]:25', { host: '::1', port: 25, tls: 'none' }],
    ['mail.orbit.example:465', { host: 'mail.orbit.example', port: 465, tls: 'implicit' }],
  ])('understands the relay %s', async (relay, expected) => {
    const { config } = await initProject(join(folder, `relay${expected.port}`), '--relay', relay);
    expect(loadConfig(config).relay).toMatchObject(expected);
  });

  test('uses the passphrase in a file, also one in the new folder', async () => {
    const dir = join(folder, 'given');
    mkdirSync(dir);
    writeFileSync(join(dir, 'passphrase'), 'correct horse\n', { mode: 0o600 });
    const { code } = await runCurfew(['init', '--dir', dir, ...FLAGS, '--passphrase-file', join(dir, 'passphrase')]);
    expect(code).toBe(0);
    expect(JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8'))).toMatchObject({ passphrase: { file: 'passphrase' } });
    expect((await loadKeyring(join(dir, 'keys'), 'correct horse')).all()).toHaveLength(3);
  });
});

describe('init is refused', () => {
  test('where nobody is there to ask: it names the flags that are missing', async () => {
    const dir = join(folder, 'asked');
    const { code, stderr } = await runCurfew(['init', '--dir', dir, '--project', 'orbit', '--http-port', '0']);
    expect(code).toBe(2);
    expect(stderr).toContain('missing --domain, --smtp-port, --relay, --passphrase-file (');
    expect((await runCurfew(['init', '--yes'])).stderr).toContain('missing --dir, --project, --domain (');
    expect(existsSync(dir)).toBe(false);
  });

  test.each(['config.json', 'data', 'keys', 'passphrase'])('in a folder that holds %s', async (part) => {
    const dir = join(folder, `holds-${part}`);
    mkdirSync(dir);
    writeFileSync(join(dir, part), 'mine');
    const { code, stderr } = await runCurfew(['init', '--dir', dir, ...FLAGS]);
    expect([code, stderr]).toEqual([1, `curfew: ${dir} holds a project already, or a part of one: ${part}\n`]);
    expect(readdirSync(dir)).toEqual([part]);
    expect(readFileSync(join(dir, part), 'utf8')).toBe('mine');
  });

  test('for bad answers, all of them at once, and leaves nothing', async () => {
    const dir = join(folder, 'bad', 'deeper');
    const answers = ['--project', '9', '--domain', 'localhost', '--relay', '127.0.0.1:2525', '--yes'];
    const { code, stderr } = await runCurfew(['init', '--dir', dir, ...answers]);
    expect(code).toBe(2);
    expect(
      stderr
        .trimEnd()
        .split('\n')
        .map((line) => line.split(':')[1]),
    ).toEqual([' project', ' domain', ' relay.port']);
    expect(existsSync(join(folder, 'bad'))).toBe(false);
  });

  test.each(['--smtp-port=x', '--http-port=65536', '--relay=host', '--relay=host:0', '--colour=red'])('for %s', async (flag) => {
    const { code, stderr } = await runCurfew(['init', '--dir', join(folder, 'flag'), ...FLAGS, flag]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: /);
    expect(existsSync(join(folder, 'flag'))).toBe(false);
  });

  test('for a passphrase that others can read, and leaves nothing', async () => {
    const file = join(folder, 'readable');
    writeFileSync(file, 'secret\n');
    chmodSync(file, 0o644);
    const { code, stderr } = await runCurfew(['init', '--dir', join(folder, 'open'), ...FLAGS, '--passphrase-file', file]);
    expect(code).toBe(2);
    expect(stderr).toBe('curfew: passphrase.file: can be read by others; allow its owner alone (chmod 600)\n');
    expect(existsSync(join(folder, 'open'))).toBe(false);
  });

  test('where the folder cannot be made, in one line', async () => {
    writeFileSync(join(folder, 'file'), '');
    const { code, stderr } = await runCurfew(['init', '--dir', join(folder, 'file', 'orbit'), ...FLAGS]);
    expect([code, stderr]).toEqual([1, `curfew: A part of the path is no folder: ${folder}/file/orbit\n`]);
  });
});
