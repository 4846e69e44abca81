import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DAY, MINUTE, toIso } from '../../src/clock.ts';
import { makeDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { KNOWN } from '../embargo/armed.ts';
import { regroup } from '../embargo/limited.ts';
import { serving, type TestApi } from '../http/api.ts';
import { NOW } from '../store/roster-rows.ts';
import { command } from '../support/command.ts';
import { freePort } from '../support/ports.ts';

const RELEASE = toIso(NOW + DAY);
const serve = serving();
let folder: string;
let api: TestApi;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'curfew-case-'));
  writeFileSync(join(folder, 'text.txt'), 'What the public reads.\nEvery line of it.\n');
  writeFileSync(join(folder, 'fix.patch'), '--- a\n+++ b\n');
  const config = { sqlite: ':memory:' };
  const db = makeDatabase(config);
  await migrate(db);
  api = await serve({ db, config });
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const tokenOf = (name: string) => api.house.token('team', `${name}@orbit.example`);

/** Runs `curfew case ...` in the folder as whoever has that token. */
function curfew(token: string, ...args: string[]) {
  return command(['case', ...args], { cwd: folder, env: { CURFEW_TOKEN: token, CURFEW_URL: api.url } });
}

test('two people bring a case to its release from the command line', async () => {
  const id = await api.house.report();
  const lena = await api.house.token('team', 'lena@orbit.example');
  const dirk = await api.house.token('team', 'dirk@orbit.example');
  const done = async (token: string, ...args: string[]) => {
    const { code, stdout, stderr } = await curfew(token, ...args);
    expect([code, stderr], args.join(' ')).toEqual([0, '']);
    return stdout;
  };
  expect(await done(lena, 'list')).toMatch(
    new RegExp(`^ID +STATE +RELEASE +RECEIVED\n${id} +received +- +2026-09-22T16:00:00.000Z\n$`),
  );
  writeFileSync(join(folder, 'known.json'), JSON.stringify(KNOWN));
  expect(await done(lena, 'describe', id, '--file', 'known.json')).toMatch(
    /^Title: +overflow in the frobnicator\n[\s\S]*Severity: +8\.8 high, CVSS:3\.1\/[\s\S]*Lacking: +nothing/,
  );
  await done(lena, 'schedule', id, '--release', RELEASE, '--subject', 'Fixed\u{202e}', '--text-file', 'text.txt');
  expect(await done(lena, 'patch', id, 'fix.patch')).toMatch(/^[0-9a-f]{64} {2}fix\.patch, 12 octets\n$/);
  writeFileSync(join(folder, 'a wrong.patch'), 'oops\n');
  for (const called of [(sum: string) => sum, () => 'a wrong.patch']) {
    const [sum = ''] = (await done(lena, 'patch', id, 'a wrong.patch')).split(' ');
    const left = await done(lena, 'withdraw-patch', id, called(sum));
    expect([...left.matchAll(/^Patch: .*, (\d+) octets$/gm)].map(([, size]) => size)).toEqual(['12']);
  }
  expect(await curfew(lena, 'withdraw-patch', id, 'fix.patch', 'a wrong.patch')).toMatchObject({
    code: 1,
    stderr: 'curfew: The case has no patch a wrong.patch\n',
  });
  const shown = await done(dirk, 'bundle', id);
  expect(shown).toMatch(
    /Subject: {3}Fixed\\u\{202e\}\n\nWhat the public reads\.\nEvery line of it\.\n\nHash: {6}[0-9a-f]{64}\n$/,
  );
  expect(shown).toContain('nobody is on announce@orbit.example: what is released there is on the pages alone\n');
  const { hash } = JSON.parse(await done(dirk, 'bundle', id, '--json'));
  await done(lena, 'approve', id, '--hash', hash);
  api.house.clock.moveTo(NOW + MINUTE);
  expect(await done(dirk, 'approve', id, '--hash', hash)).toMatch(
    /, armed, [\s\S]*Bundle: +[0-9a-f]{64} approved by lena@orbit\.example.*dirk@orbit\.example/,
  );
  expect(await done(lena, 'text', id, '--subject', 'Other', '--text-file', 'text.txt')).toMatch(
    new RegExp(
      `\nProposed: +[0-9a-f]{64}\n +another text, released ${RELEASE}: curfew case bundle ${id} --proposed, and case preview --proposed\n +What is armed stands`,
    ),
  );
  expect(await done(dirk, 'bundle', id, '--proposed')).toContain('\nSubject:   Other\n');
  expect(await done(dirk, 'preview', id, '--proposed')).toContain(`=== /advisories/${id}\n`);
  expect(await done(lena, 'retract', id, '--proposed')).not.toContain('Proposed');
  expect(await done(lena, 'dispatch', id, '--list', 'distributors@orbit.example')).toBe(
    '2 copies are on their way to distributors@orbit.example\n',
  );
  expect(await curfew(lena, 'dispatch', id, '--list', 'distributors@orbit.example')).toMatchObject({
    code: 1,
    stderr: `curfew: Everybody on distributors@orbit.example was sent this at ${toIso(NOW + MINUTE)}, and nothing changed since (conflict)\n`,
  });
  expect(await curfew(lena, 'patch', id, 'fix.patch')).toMatchObject({
    code: 1,
    stderr: 'curfew: The case has this very file already: fix.patch (conflict)\n',
  });
  expect(await done(lena, 'patch', id, 'fix.patch', '--replace')).toMatch(/fix\.patch, 12 octets\n$/);
  expect(await curfew(lena, 'patch', id, 'fix.patch', 'elsewhere/Fix.patch')).toMatchObject({ code: 2 });
  expect(await done(lena, 'deliveries', id)).toMatch(/contact +alpha@alpha\.example +queued +0\n/);

  const early = await curfew(lena, 'release', id);
  expect(early).toMatchObject({ code: 1, stdout: '', stderr: `curfew: The release instant is ${RELEASE} (not-released)\n` });
  const problem = JSON.parse((await curfew(lena, 'release', id, '--json')).stdout);
  expect(problem).toMatchObject({ code: 'not-released', status: 403, detail: `The release instant is ${RELEASE}` });
  api.house.clock.moveTo(NOW + DAY);
  expect(JSON.parse(await done(lena, 'release', id, '--json'))).toMatchObject({ id, state: 'released', releasedAt: RELEASE });
});

test('a case is led, handed over and staffed from the command line', async () => {
  const id = await api.house.report();
  const [lena, dirk, ada] = [await tokenOf('lena'), await tokenOf('dirk'), await tokenOf('ada')];
  expect((await curfew(lena, 'lead', id, '--deputy', 'dirk@orbit.example')).stdout).toMatch(
    new RegExp(`^${id}, led, [\\s\\S]*Lead: +lena@orbit\\.example, deputy dirk@orbit\\.example\n`),
  );
  expect(await curfew(dirk, 'lead', id)).toMatchObject({
    code: 1,
    stderr: 'curfew: The case has a lead: hand it over (conflict)\n',
  });
  expect((await curfew(lena, 'hand-over', id, '--to', 'ada@orbit.example')).stdout).toMatch(
    /ada@orbit\.example is asked to take over/,
  );
  expect((await curfew(ada, 'take-over', id)).stdout).toMatch(/Lead: +ada@orbit\.example, deputy dirk@orbit\.example\n/);
  expect((await curfew(ada, 'deputy', id)).stdout).toMatch(/Lead: +ada@orbit\.example\n/);
  expect((await curfew(ada, 'team', id, 'dirk@orbit.example')).stdout).toMatch(/with dirk@orbit\.example alone\n/);
  expect(await curfew(lena, 'show', id)).toMatchObject({ code: 1, stderr: `curfew: There is no case ${id} (not-found)\n` });
  expect(await curfew(ada, 'team', id)).toMatchObject({
    code: 2,
    stderr: 'curfew: Who works on it? Name people, or --everyone\n',
  });
  expect((await curfew(ada, 'severity', id, '--vector', 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H')).stdout).toMatch(
    /Severity: +9\.8 critical/,
  );
});

test('who alone may know of a case is said from the command line', async () => {
  const id = await api.house.report();
  const lena = await api.house.token('team', 'lena@orbit.example');
  const limit = (...args: string[]) => curfew(lena, 'need-to-know', id, ...args);
  expect((await curfew(lena, 'show', id)).stdout).toMatch(/Known to: +everybody on the lists that it is sent to\n/);
  expect(await limit('--group', 'cloud')).toMatchObject({
    code: 1,
    stderr: 'curfew: No active member is in the group cloud. No member is in any group yet (invalid)\n',
  });
  await regroup(api.house, api.house.members[0], 'cloud');
  const limited = await limit('--group', 'cloud', '--member', 'Beta');
  expect([limited.code, limited.stderr]).toEqual([0, '']);
  expect(limited.stdout).toMatch(/Known to: +group cloud, "Beta" and the response team alone\n/);
  expect(JSON.parse((await limit('--member', 'Alpha', '--json')).stdout)).toMatchObject({
    case: { id, needToKnow: { groups: [], members: [{ organisation: 'Alpha' }] } },
    seenBy: [],
  });
  expect((await limit('--everyone')).stdout).toMatch(/Known to: +everybody/);
  for (const args of [[], ['--everyone', '--group', 'cloud']])
    expect(await limit(...args)).toMatchObject({
      code: 2,
      stderr: 'curfew: Who may know of it? Name each --group and --member, or --everyone\n',
    });
  expect(await limit('--member', 'Bet')).toMatchObject({ code: 1, stderr: expect.stringContaining('there is "Beta"') });
});

test('before there is a bundle, a patch is withdrawn by what the case shows of it', async () => {
  const id = await api.house.report();
  const lena = await api.house.token('team', 'lena@orbit.example');
  const [sum = ''] = (await curfew(lena, 'patch', id, 'fix.patch')).stdout.split(' ');
  expect(await curfew(lena, 'withdraw-patch', id, 'fix.patch')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('names are shown once there is a bundle'),
  });
  expect((await curfew(lena, 'withdraw-patch', id, sum)).stdout).toMatch(/^Patches: +-$/m);
});

test('the subject may stand in the file, out of sight of ps', async () => {
  const id = await api.house.report();
  const lena = await api.house.token('team', 'lena@orbit.example');
  writeFileSync(join(folder, 'draft.txt'), 'Subject: Fixed \n\nWhat the public reads.\n');
  expect(await curfew(lena, 'schedule', id, '--release', RELEASE, '--text-file', 'draft.txt')).toMatchObject({ code: 0 });
  const { stdout } = await curfew(lena, 'bundle', id, '--json');
  expect(JSON.parse(stdout)).toMatchObject({ subject: 'Fixed', text: 'What the public reads.\n' });
  expect(await curfew(lena, 'schedule', id, '--release', RELEASE, '--text-file', 'text.txt')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('There is no subject'),
  });
});

test('a refusal is one line with its reason, and exit 1', async () => {
  const token = await api.house.token('auditor');
  expect(await curfew(token, 'show', 'ORBIT-2026-0007')).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'curfew: There is no case ORBIT-2026-0007 (not-found)\n',
  });
  expect(await curfew('curfew_wrong', 'list')).toMatchObject({
    code: 1,
    stderr: 'curfew: A valid bearer token is needed (unauthenticated)\n',
  });
  const naive = ['--release', '2026-09-30T00:00:00', '--subject', 's', '--text-file', 'text.txt'];
  const team = await api.house.token('team');
  expect(await curfew(team, 'schedule', await api.house.report(), ...naive)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^curfew: The instant needs its offset from UTC.*\(no-utc-offset\)\n$/),
  });
});

test('a folder in the place of a file is named', async () => {
  const id = await api.house.report();
  const lena = await api.house.token('team', 'lena@orbit.example');
  const line = { code: 1, stderr: `curfew: A folder is where a file should be: ${folder}\n` };
  expect(await curfew(lena, 'patch', id, folder)).toMatchObject(line);
  expect(await curfew(lena, 'schedule', id, '--release', RELEASE, '--text-file', folder)).toMatchObject(line);
});

test('a server that does not answer is one line, and exit 1', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const ended = await command(['case', 'list', '--url', url], { env: { CURFEW_TOKEN: 'x' } });
  expect(ended).toMatchObject({
    code: 1,
    stdout: '',
    stderr: `curfew: ${url} cannot be reached (ECONNREFUSED): is \`curfew serve\` running there?\n`,
  });
});

test('what is missing or misused on the command line is exit 2', async () => {
  const line = async (args: string[], env: Record<string, string> = {}) => {
    const { code, stderr } = await command(['case', ...args], { cwd: folder, env: { CURFEW_TOKEN: '', ...env } });
    return [code, stderr.split('\n', 1)[0]];
  };
  expect(await line(['approve', 'X'])).toEqual([2, "error: required option '--hash <hash>' not specified"]);
  expect(await line(['list', '--url', api.url])).toEqual([
    2,
    'curfew: A token is needed: in CURFEW_TOKEN, or in the file that --token-file names',
  ]);
  expect(await line(['list', '--url', 'http://curfew.example'], { CURFEW_TOKEN: 'x' })).toEqual([
    2,
    'curfew: http://curfew.example is not https: on the way to another machine the token could be read',
  ]);
  expect(await line(['list'], { CURFEW_TOKEN: 'x' })).toEqual([
    2,
    'curfew: ./config.json cannot be read (ENOENT): give --config PATH, or run this in the folder where `curfew init` wrote it',
  ]);
});

test('a token comes from a file that is its owner’s alone', async () => {
  const file = join(folder, 'token');
  writeFileSync(file, `${await api.house.token('auditor')}\n`, { mode: 0o600 });
  const list = () => command(['case', 'list', '--json', '--url', api.url, '--token-file', file], { env: { CURFEW_TOKEN: '' } });
  expect(await list()).toMatchObject({ code: 0, stdout: '[]\n' });
  chmodSync(file, 0o644);
  expect(await list()).toMatchObject({ code: 2, stderr: `curfew: ${file} can be read by others: chmod 600 it\n` });
});
