import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { entry } from '../roster/roster-file.ts';
import { command } from '../support/command.ts';
import { type IdentityProvider, identityProvider } from '../support/identity-provider.ts';
import { freePort } from '../support/ports.ts';
import { type Ended, type Running, runCurfew, startCurfew } from '../support/process.ts';
import { initProject, type TestProject, temporaryFolder } from './project-folder.ts';

const folder = temporaryFolder();
const open = identityProvider();
let project: TestProject;
let provider: IdentityProvider;
let server: Running;
let url: string;
afterAll(() => server?.kill());

beforeAll(async () => {
  provider = await open();
  project = await initProject(folder, '--smtp-port', '0', '--http-port', '0');
  const roster = join(folder, 'team.json');
  const team = { ...(await entry('Orbit', 'lena@orbit.example')), lists: ['security@orbit.example'] };
  writeFileSync(roster, JSON.stringify([team]));
  expect(await project.curfew('roster', 'import', roster, '--activate', '--reason', 'the team')).toMatchObject({ code: 0 });
  writeFileSync(join(project.dir, 'client-secret'), `${provider.clientSecret}\n`, { mode: 0o600 });
  const oidc = { issuer: provider.issuer, clientId: 'curfew', clientSecretFile: 'client-secret', admins: ['lena@orbit.example'] };
  writeFileSync(project.config, JSON.stringify({ ...JSON.parse(readFileSync(project.config, 'utf8')), oidc }));
  server = startCurfew(['serve', '--config', project.config]);
  await server.line(/^ready$/);
  url = `http://${(await server.line(/^http (.+)$/))[1]}`;
});

/** Runs `curfew login`, with a browser in which somebody has that account; what the browser shows at the end, and what else it did before. */
async function login(
  subject: string,
  args: string[] = [],
  first?: (url: URL) => Promise<void>,
): Promise<Ended & { page: string }> {
  provider.accounts.set('l-1', { email: 'lena@orbit.example', email_verified: true });
  const running = startCurfew(['login', '--url', url, ...args]);
  const [, to = ''] = await running.line(/^ {2}(http\S+)$/);
  const back = await provider.visit(to, subject);
  await first?.(back);
  const page = await (await fetch(back)).text();
  return { ...(await running.ended), page };
}

const withToken = (token: string, ...args: string[]) => command(args, { env: { CURFEW_TOKEN: token, CURFEW_URL: url } });

test('who signs in for the first time is told what an admin is to do, and then gets a token', async () => {
  expect(await login('l-1')).toMatchObject({
    code: 1,
    stdout: '',
    page: 'You are not signed in: the terminal says why.\n',
    stderr: expect.stringMatching(
      /\ncurfew: This account says that it is lena@orbit\.example\. An admin confirms it at the host: curfew identity confirm lena@orbit\.example l-1 \(identity-unconfirmed\)\n$/,
    ),
  });
  const list = () => project.curfew('identity', 'list');
  expect((await list()).stdout).toMatch(
    /^PERSON +STATE +SUBJECT +ISSUER +SIGNED IN\nlena@orbit\.example +waits +l-1 +http:\S+ +-\n$/,
  );
  expect(await project.curfew('identity', 'confirm', 'lena@orbit.example', 'other')).toMatchObject({
    code: 1,
    stderr: `curfew: No account other of ${provider.issuer} waits that says that it is lena@orbit.example\n`,
  });
  expect(await project.curfew('identity', 'confirm', 'lena@orbit.example', 'l-1')).toMatchObject({
    code: 0,
    stdout: 'lena@orbit.example signs in with that account from now on\n',
  });
  const done = await login('l-1');
  expect(done).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^curfew_[0-9a-z]{52}\n$/),
    page: 'You are signed in, and can close this page.\n',
    stderr: expect.stringMatching(/\nSigned in as lena@orbit\.example, role admin, until \d{4}-\S+Z\n$/),
  });
  expect((await list()).stdout).toMatch(/ confirmed +l-1 +http:\S+ +\d{4}-\d\d-\d\dT\d\d:\d\d\n$/);
  const token = done.stdout.trim();
  expect(await withToken(token, 'case', 'list')).toMatchObject({ code: 0 });
  expect(await withToken(token, 'logout')).toMatchObject({ code: 0, stdout: 'Signed out: the token is revoked\n' });
  expect(await withToken(token, 'case', 'list')).toMatchObject({ code: 1, stderr: expect.stringContaining('(unauthenticated)') });
});

test('the token goes to a file that its owner alone reads, in the place of what was there', async () => {
  const file = join(folder, 'token');
  writeFileSync(file, 'open to all\n', { mode: 0o644 });
  const done = await login('l-1', ['--token-file', file, '--json']);
  expect(done.code).toBe(0);
  expect(JSON.parse(done.stdout)).toEqual({
    id: expect.any(String),
    person: 'lena@orbit.example',
    role: 'admin',
    expiresAt: expect.any(String),
  });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const args = ['--url', url, '--token-file', file];
  expect(await runCurfew(['case', 'list', ...args])).toMatchObject({ code: 0 });
  expect(await project.curfew('identity', 'forget', 'lena@orbit.example')).toMatchObject({
    code: 0,
    stdout: '1 accounts are forgotten, 1 sign-ins ended\n',
  });
  expect(await runCurfew(['case', 'list', ...args])).toMatchObject({ code: 1 });
  expect(await project.curfew('identity', 'forget', 'lena@orbit.example')).toMatchObject({
    code: 1,
    stderr: 'curfew: There is no account of lena@orbit.example\n',
  });
});

test('what comes to the port without being the answer is not taken for it', async () => {
  const statuses: number[] = [];
  const done = await login('l-1', ['--port', String(await freePort())], async (back) => {
    for (const path of ['favicon.ico', '', '?code=evil', '?code=evil&state=evil', `x${back.search}`])
      statuses.push((await fetch(new URL(path, back.origin))).status);
    statuses.push((await fetch(back, { method: 'POST' })).status);
  });
  expect(statuses).toEqual([404, 404, 404, 404, 404, 404]);
  expect(done.stderr).toContain('(identity-unconfirmed)');
});

test('whoever denies, and a port that is taken, are said in a line', async () => {
  expect(await login('deny')).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/\ncurfew: The sign-in did not succeed; begin it again \(sign-in-failed\)\n$/),
  });
  const taken = new URL(url).port;
  expect(await runCurfew(['login', '--url', url, '--port', taken])).toMatchObject({
    code: 1,
    stderr: `curfew: Port ${taken} of 127.0.0.1 cannot be listened on (EADDRINUSE): choose another --port\n`,
  });
  expect(await runCurfew(['login', '--port', '0'])).toMatchObject({ code: 2, stdout: '' });
});

test('a token that was made otherwise is not ended by signing out', async () => {
  expect(await withToken(project.made.token, 'logout')).toMatchObject({
    code: 1,
    stderr: 'curfew: This token does not come of a sign-in: an admin ends it with `curfew token revoke` (conflict)\n',
  });
});

test('the log has no secret of all that', () => {
  for (const secret of [provider.clientSecret, 'curfew_', 'code=', 'state=', 'lena@'])
    expect(server.said()).not.toContain(secret);
});

test('a secret that others can read is refused at the start', async () => {
  writeFileSync(join(project.dir, 'open-secret'), 'x\n', { mode: 0o644 });
  const config = join(project.dir, 'open.json');
  const written = JSON.parse(readFileSync(project.config, 'utf8'));
  const database = { sqlite: 'data/other.db' };
  const oidc = { ...written.oidc, clientSecretFile: 'open-secret' };
  writeFileSync(config, JSON.stringify({ ...written, oidc, database }));
  writeFileSync(join(project.dir, 'data', 'other.db'), readFileSync(join(project.dir, 'data', 'curfew.db')));
  expect(await runCurfew(['serve', '--config', config])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(
      /(^|\n)curfew: oidc\.clientSecretFile: can be read by others; allow its owner alone \(chmod 600\)\n$/,
    ),
  });
});
