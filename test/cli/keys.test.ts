import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { beforeAll, describe, expect, test } from 'vitest';
import { headStatement } from '../../src/audit/heads.ts';
import { DAY, systemClock } from '../../src/clock.ts';
import { loadConfig } from '../../src/config.ts';
import { openListKey } from '../../src/pgp/keyring.ts';
import { signDetached } from '../../src/pgp/seal.ts';
import { openDatabase } from '../../src/store/database.ts';
import { command } from '../support/command.ts';
import { generate } from '../support/party.ts';
import { run } from '../support/process.ts';
import { unlogged } from '../support/unlogged.ts';
import { initProject, type TestProject, temporaryFolder } from './project-folder.ts';

const LIST = 'security@orbit.example';
const folder = temporaryFolder();
let project: TestProject;
beforeAll(async () => {
  project = await initProject(folder);
});

const passphraseOf = ({ dir }: TestProject) => readFileSync(join(dir, 'passphrase'), 'utf8').trim();

interface Key {
  address: string;
  role: string;
  fingerprint: string;
  expires: string;
  state: string;
}

async function keyOf(address: string): Promise<Key | undefined> {
  const { stdout } = await project.curfew('keys', 'list', '--json');
  return (JSON.parse(stdout) as Key[]).find((key) => key.address === address);
}

test('the keys of all lists are listed', async () => {
  const { code, stdout } = await project.curfew('keys', 'list');
  expect(code).toBe(0);
  expect(stdout.split('\n').map((line) => line.split(/\s+/)[0])).toEqual([
    'ADDRESS',
    'announce@orbit.example',
    'distributors@orbit.example',
    LIST,
    '',
  ]);
  expect(await keyOf(LIST)).toMatchObject({ role: 'intake', fingerprint: project.made.lists[0]?.fingerprint, state: 'valid' });
});

test('gpg takes the exported certificate, with the list and its -request and -owner addresses, and no secret', async () => {
  const { stdout } = await project.curfew('keys', 'export', 'Security@orbit.example');
  expect(stdout).toMatch(/^-----BEGIN PGP PUBLIC KEY BLOCK-----\n[\s\S]*-----END PGP PUBLIC KEY BLOCK-----\n$/);
  const home = mkdtempSync(join(folder, 'gnupg-'));
  const shown = await run('gpg', ['--homedir', home, '--batch', '--with-colons', '--show-keys'], { input: stdout });
  expect(shown.stdout).toContain(`:${project.made.lists[0]?.fingerprint}:`);
  for (const address of [LIST, 'security-request@orbit.example', 'security-owner@orbit.example'])
    expect(shown.stdout).toContain(`<${address}>`);
  expect(shown.stdout).not.toMatch(/^(sec|ssb):/m);
});

test('export as JSON names address and fingerprint', async () => {
  const { stdout } = await project.curfew('keys', 'export', LIST, '--json');
  expect(JSON.parse(stdout)).toMatchObject({ address: LIST, fingerprint: project.made.lists[0]?.fingerprint });
});

describe('renewal', () => {
  test('moves the expiry and keeps the key', async () => {
    const before = await keyOf(LIST);
    const renewed = await project.curfew('keys', 'renew', LIST, '--days', '1000', '--json');
    expect(renewed.code).toBe(0);
    const after = await keyOf(LIST);
    expect(after?.fingerprint).toBe(before?.fingerprint);
    expect(JSON.parse(renewed.stdout)).toEqual({ address: LIST, fingerprint: after?.fingerprint, expires: after?.expires });
    expect(Math.abs(Date.parse(after?.expires ?? '') - systemClock.now() - 1000 * DAY)).toBeLessThan(DAY);
    expect(statSync(join(project.dir, 'keys', `${after?.fingerprint}.asc`)).mode & 0o777).toBe(0o600);
  });

  test('makes no key end sooner', async () => {
    const { code, stderr } = await project.curfew('keys', 'renew', LIST, '--days', '20');
    expect([code, stderr]).toEqual([1, expect.stringContaining('it is not made to end sooner')]);
  });

  test('with a wrong passphrase is refused in one line, and the key file stays', async () => {
    const other = await initProject(join(folder, 'other'));
    writeFileSync(join(other.dir, 'passphrase'), 'wrong\n');
    const file = join(other.dir, 'keys', `${other.made.lists[0]?.fingerprint}.asc`);
    const before = readFileSync(file);
    expect(await other.curfew('keys', 'renew', LIST)).toMatchObject({
      code: 1,
      stderr: 'curfew: the passphrase is wrong for this key\n',
    });
    expect(readFileSync(file)).toEqual(before);
  });

  test('that cannot be logged is none: the key file stays as it was, and no other key is made', async () => {
    const other = await initProject(join(folder, 'unlogged'));
    const keys = join(other.dir, 'keys');
    const before = readdirSync(keys).map((name) => readFileSync(join(keys, name), 'utf8'));
    const db = openDatabase(loadConfig(other.config).database);
    await unlogged(db, async () => {
      for (const verb of ['renew', 'rotate']) {
        const { code, stderr } = await other.curfew('keys', verb, LIST, '--days', '1000');
        expect([code, stderr], verb).toEqual([1, expect.stringContaining('the log is full')]);
      }
    }).finally(() => db.destroy());
    expect(readdirSync(keys).map((name) => readFileSync(join(keys, name), 'utf8'))).toEqual(before);
  });

  test('with a prompt and no terminal is refused', async () => {
    const other = await initProject(join(folder, 'prompt'));
    const config = readFileSync(other.config, 'utf8').replace(/"passphrase": \{[^}]*\}/, '"passphrase": "prompt"');
    writeFileSync(other.config, config);
    const { code, stderr } = await other.curfew('keys', 'renew', LIST);
    expect([code, stderr]).toEqual([2, expect.stringContaining('passphrase: is "prompt", and there is no terminal')]);
  });

  test.each(['0', '-1', '1.5', 'x'])('for %s days is a wrong use', async (days) => {
    expect((await project.curfew('keys', 'renew', LIST, `--days=${days}`)).code).toBe(2);
  });
});

test('another key is made beside the one that signs, under the same passphrase, and one at a time', async () => {
  const other = await initProject(join(folder, 'rotate'));
  const { code, stdout } = await other.curfew('keys', 'rotate', LIST, '--after', '7', '--json');
  expect(code).toBe(0);
  const { before, after, from } = JSON.parse(stdout);
  expect(before).toBe(other.made.lists[0]?.fingerprint);
  expect(Math.abs(Date.parse(from) - systemClock.now() - 7 * DAY)).toBeLessThan(DAY);
  expect(statSync(join(other.dir, 'keys', `${after}.asc`)).mode & 0o777).toBe(0o600);
  const listed = JSON.parse((await other.curfew('keys', 'list', '--json')).stdout);
  expect(listed).toContainEqual(
    expect.objectContaining({ address: LIST, fingerprint: before, next: { fingerprint: after, from } }),
  );
  expect(await other.curfew('keys', 'rotate', LIST)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`${LIST} is to have the key ${after}`),
  });
  writeFileSync(join(other.dir, 'passphrase'), 'wrong\n');
  const refused = await other.curfew('keys', 'rotate', 'distributors@orbit.example');
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('the passphrase is wrong') });
});

test('the certificates of all keys of a list are exported, and a log is verified with the file', async () => {
  const other = await initProject(join(folder, 'all'));
  const { before, after } = JSON.parse((await other.curfew('keys', 'rotate', LIST, '--json')).stdout);
  const exported = JSON.parse((await other.curfew('keys', 'export', LIST, '--all', '--json')).stdout) as (Key & {
    certificate: string;
  })[];
  expect(exported.map(({ address, fingerprint }) => [address, fingerprint])).toEqual([
    [LIST, before],
    [LIST, after],
  ]);
  const { stdout } = await other.curfew('keys', 'export', LIST, '--all');
  expect(stdout.match(/-----BEGIN PGP PUBLIC KEY BLOCK-----/g)).toHaveLength(2);
  const [log, key, head] = [join(other.dir, 'audit.jsonl'), join(other.dir, 'all.asc'), join(other.dir, 'audit-head-1.txt')];
  writeFileSync(key, stdout);
  await other.curfew('audit', 'export', '--out', log);
  const [first = ''] = readFileSync(log, 'utf8').split('\n');
  const statement = headStatement('orbit', { seq: 1, hash: createHash('sha256').update(first).digest('hex') }, systemClock.now());
  writeFileSync(head, statement);
  // As the list will sign once its new key is the one.
  const { secret } = await openListKey(readFileSync(join(other.dir, 'keys', `${after}.asc`), 'utf8'), passphraseOf(other));
  writeFileSync(`${head}.asc`, (await signDetached(Buffer.from(statement), secret, systemClock.now())).armored);
  const verifying = (certificate: string) => command(['audit', 'verify', log, '--key', certificate, '--head', head]);
  const verify = async (certificate: string) => (await verifying(certificate)).stdout;
  expect(await verify(key)).toContain('1 signed heads hold');
  const alone = join(other.dir, 'one.asc');
  writeFileSync(alone, (await other.curfew('keys', 'export', LIST)).stdout);
  expect(await verify(alone)).toContain(`${head}: it is signed with a key that was not given`);

  // As gpg --export writes them: binary, and with one armor around all; and among keys of others that cannot be read.
  const both = await Promise.all(exported.map(({ certificate }) => openpgp.readKey({ armoredKey: certificate })));
  const octets = Buffer.concat(both.map((one) => one.write()));
  const stranger = (await generate('mallory@evil.example', 'Mallory', {})).public;
  const binaryOf = async (armored: string) => Buffer.from((await openpgp.readKey({ armoredKey: armored })).write());
  const unreadable = (await binaryOf(stranger)).fill(0xff, 3, 40);
  for (const [kind, content] of [
    ['binary', octets],
    ['one armor', openpgp.armor(openpgp.enums.armor.publicKey, octets)],
    ['CRLF', stdout.replaceAll('\n', '\r\n')],
    ['many', `${stranger.repeat(101)}${stdout}`],
    ['words around each', stdout.replaceAll('-----BEGIN', 'pub  ed25519\n\n-----BEGIN')],
    ['a keyring', Buffer.concat([unreadable, await binaryOf(stranger), octets])],
  ] as const) {
    const file = join(other.dir, `${kind}.key`);
    writeFileSync(file, content);
    const { stdout: said, stderr } = await verifying(file);
    expect(said, kind).toContain('1 signed heads hold');
    expect(stderr, kind).toMatch(
      kind === 'a keyring' ? /^curfew: 1 of the certificates in .*a keyring\.key cannot be read, and is left out: .+\n$/ : /^$/,
    );
  }
  for (const [kind, content] of [
    ['nothing', ''],
    ['unreadable', unreadable],
    ['secret', readFileSync(join(other.dir, 'keys', `${after}.asc`))],
  ] as const) {
    const file = join(other.dir, `${kind}.key`);
    writeFileSync(file, content);
    const { code, stderr } = await verifying(file);
    expect([code, stderr.trim().split('\n')], kind).toEqual([1, [expect.stringMatching(/certificate|secret key/)]]);
  }
});

test('a list that there is not is refused', async () => {
  const { code, stderr } = await project.curfew('keys', 'export', 'none@orbit.example');
  expect([code, stderr]).toEqual([1, 'curfew: There is no list none@orbit.example\n']);
});

test('a key whose file is gone is listed as missing', async () => {
  const other = await initProject(join(folder, 'missing'));
  const file = join(other.dir, 'keys', `${other.made.lists[0]?.fingerprint}.asc`);
  renameSync(file, join(folder, 'away.asc'));
  const { stdout } = await other.curfew('keys', 'list', '--json');
  expect((JSON.parse(stdout) as Key[]).map(({ address, state }) => [address, state])).toContainEqual([LIST, 'missing']);
  expect(await other.curfew('keys', 'export', LIST)).toMatchObject({
    code: 1,
    stderr: `curfew: There is no such file: ${file}\n`,
  });
});
