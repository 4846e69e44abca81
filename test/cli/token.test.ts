import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { entry } from '../roster/roster-file.ts';
import { initProject, type TestProject, temporaryFolder } from './project-folder.ts';

const folder = temporaryFolder();
let project: TestProject;
beforeAll(async () => {
  project = await initProject(folder);
});

interface Row {
  name: string;
  state: string;
}

test('a token is shown once, as the only thing on standard output', async () => {
  const { code, stdout, stderr } = await project.curfew('token', 'create', '--name', 'plain', '--role', 'auditor');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^curfew_[0-9a-z]{52}\n$/);
  expect(stderr).toContain('cannot be shown again');
  const json = await project.curfew('token', 'create', '--name', 'json', '--role', 'team', '--expires', '30', '--json');
  expect(JSON.parse(json.stdout)).toEqual({ token: expect.stringMatching(/^curfew_/) });
  const listed = (await project.curfew('token', 'list', '--json')).stdout;
  expect(JSON.parse(listed)).toMatchObject([
    { name: 'admin', role: 'admin', scopes: null },
    { name: 'plain', expires: null, lastUsed: null },
    { name: 'json', state: 'valid' },
  ]);
  expect(listed).not.toContain(stdout.trim());
});

test('a token can have less than its role', async () => {
  const scopes = ['--scope', 'delivery', '--scope', 'read'];
  expect((await project.curfew('token', 'create', '--name', 'narrow', '--role', 'admin', ...scopes)).code).toBe(0);
  const { stdout } = await project.curfew('token', 'list');
  expect(stdout).toMatch(/ROLE +SCOPES +PERSON/);
  expect(stdout).toMatch(/admin +admin +all +-/);
  expect(stdout).toMatch(/narrow +admin +read delivery +-/);
});

test('a token can belong to a person of the team', async () => {
  const file = join(folder, 'team.json');
  writeFileSync(file, JSON.stringify([{ ...(await entry('Team', 'lead@orbit.example')), lists: ['security@orbit.example'] }]));
  const create = () => project.curfew('token', 'create', '--name', 'lead', '--role', 'team', '--person', 'lead@orbit.example');
  expect(await create()).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'curfew: lead@orbit.example is no active contact of an active member on an intake list\n',
  });
  await project.curfew('roster', 'import', file, '--activate', '--reason', 'the team');
  expect((await create()).code).toBe(0);
  expect(JSON.parse((await project.curfew('token', 'list', '--json')).stdout)).toContainEqual(
    expect.objectContaining({ name: 'lead', person: 'lead@orbit.example' }),
  );
});

test('a token is revoked by its name, once', async () => {
  await project.curfew('token', 'create', '--name', 'gone', '--role', 'team');
  expect(await project.curfew('token', 'revoke', 'gone')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^"gone" is revoked since /),
  });
  expect(await project.curfew('token', 'revoke', 'gone')).toMatchObject({
    code: 1,
    stderr: 'curfew: The token "gone" is revoked already\n',
  });
  const rows: Row[] = JSON.parse((await project.curfew('token', 'list', '--json')).stdout);
  expect(rows.find(({ name }) => name === 'gone')).toMatchObject({ state: 'revoked' });
});

test.each([
  [['create', '--role', 'team']],
  [['create', '--name', 'x']],
  [['create', '--name', 'x', '--role', 'root']],
  [['create', '--name', 'x', '--role', 'team', '--expires', '0']],
  [['create', '--name', 'x', '--role', 'team', '--scope', 'all']],
  [['revoke']],
])('token %j is a wrong use', async (args) => {
  const { code, stdout, stderr } = await project.curfew('token', ...args);
  expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(/^error: /)]);
});
