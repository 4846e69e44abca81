import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { ORBIT } from '../embargo/orbit.ts';
import { command } from '../support/command.ts';

import { initProject, type TestProject, temporaryFolder } from './project-folder.ts';

const folder = temporaryFolder();
const empty = join(folder, 'empty');
let project: TestProject;
beforeAll(async () => {
  project = await initProject(folder);
  const config: unknown = JSON.parse(await readFile(project.config, 'utf8'));
  await writeFile(project.config, JSON.stringify({ ...(config as object), embargo: { policies: { orbit: ORBIT } } }));
  await mkdir(empty);
});

const check = (...args: string[]) => command(['policy', 'check', ...args], { cwd: empty });

test('exit 0 where a release may be then', async () => {
  const { code, stdout: out } = await check(
    '--policy',
    'k8s',
    '--release',
    '2026-09-22T18:00:00+02:00',
    '--now',
    '2026-09-01T00:00:00Z',
  );
  expect(code).toBe(0);
  expect(out.split('\n')[0]).toBe('The release may be then.');
});

test('exit 1 with every violated rule, and what would do', async () => {
  const { code, stdout: out } = await check(
    ...['--policy', 'linux-distros', '--first-post', '2026-06-21T13:42:06Z', '--release', '2026-09-19T13:42:06Z'],
    ...['--now', '2026-06-21T14:00:00Z', '--json'],
  );
  expect(code).toBe(1);
  expect(JSON.parse(out)).toEqual({
    ok: false,
    violations: [
      {
        code: 'OVER_MAX',
        policy: 'linux-distros',
        message: '90.00 days from the first post: at most 14 days',
        latest: '2026-07-05T13:42:06.000Z',
      },
      {
        code: 'WEEKEND',
        policy: 'linux-distros',
        message: '2026-09-19 (sat): not at the weekend',
        nearest: '2026-09-18T13:42:06.000Z',
      },
    ],
    suggestion: '2026-07-03T13:42:06.000Z',
    unchecked: [],
  });
});

test('two policies at once, and why it may be longer', async () => {
  const dates = ['--fix-ready', '2026-09-07T09:00:00Z', '--release', '2026-09-18T09:00:00Z', '--now', '2026-09-07T09:00:00Z'];
  const both = await check('--policy', 'kernel', '--policy', 'k8s', ...dates);
  expect(both.stdout).toMatch(/^OVERRIDE_NEEDS_REASON by kernel: .*\nBAD_WEEKDAY by k8s: .*\nBAD_SLOT by k8s: /);
  const alone = await check('--policy', 'kernel', ...dates, '--reason', 'the vendors need it');
  expect(alone.code).toBe(0);
});

test.each(['9am PT', '2026-09-22T16:00:00', '2026-09-22T16:00:00-00:00', '2026-09-22 16:00'])(
  '%s has no offset from UTC',
  async (release) => {
    const { code, stdout: out } = await check('--policy', 'xen', '--release', release, '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ ok: false, violations: [{ code: 'NO_UTC_OFFSET' }] });
    const shown = (await check('--policy', 'xen', '--release', release)).stdout.trim().split('\n');
    expect(shown).toEqual([expect.stringMatching(/^NO_UTC_OFFSET: /)]);
  },
);

test.each([
  [['--policy', 'xen', '--release', '2026-13-22T16:00:00Z'], '--release: "2026-13-22T16:00:00Z" is no instant'],
  [['--policy', 'xen', '--release', '2026-09-22T16:00:00Z', '--report', 'yesterday'], '--report: "yesterday" is no instant'],
])('what is no instant is a fault of usage: %j', async (args, words) => {
  const { code, stderr: err } = await check(...args);
  expect(code).toBe(2);
  expect(err).toContain(words);
});

test('an unknown policy is refused with those that there are', async () => {
  const { code, stderr: err } = await check('--policy', 'orbit', '--release', '2026-09-22T16:00:00Z');
  expect(code).toBe(1);
  expect(err).toContain('There is no policy orbit; there are k8s-2017, k8s, linux-distros, kernel, openstack, xen, envoy');
});

test("the project's own stand beside the presets, and what is shown can be written into a configuration", async () => {
  const own = ['--config', project.config, '--json'];
  const release = ['--release', '2026-09-25T16:00:00Z', '--now', '2026-09-01T00:00:00Z'];
  const { stdout: out } = await command(['policy', 'check', '--policy', 'orbit', ...release, ...own]);
  expect(JSON.parse(out)).toMatchObject({ ok: false, violations: [{ code: 'BAD_WEEKDAY', policy: 'orbit' }] });
  const shown = await command(['policy', 'show', 'k8s', ...own]);
  const config: unknown = JSON.parse(await readFile(project.config, 'utf8'));
  const other = join(project.dir, 'other.json');
  await writeFile(other, JSON.stringify({ ...(config as object), embargo: { policies: { mine: JSON.parse(shown.stdout) } } }));
  const list = await command(['policy', 'list', '--config', other]);
  expect(list.stdout).toMatch(/^mine +notice +7 days +28 days +- +16:00 UTC mon tue wed thu$/m);
  expect(list.stdout).toMatch(/^kernel +fix-ready +0 days +7 days \(14 days with a reason\) +-/m);
  expect(list.stdout).toMatch(/^k8s-2017 +report +within 14 days of the report +21 days +-/m);
});

test('a policy that is none is named by its place in the configuration', async () => {
  const config: unknown = JSON.parse(await readFile(project.config, 'utf8'));
  const bad = join(project.dir, 'bad.json');
  const mine = { clock: 'noon', embargo: { weeks: 2 }, slot: { time: '25:00' } };
  await writeFile(bad, JSON.stringify({ ...(config as object), embargo: { policies: { mine, 'Not a name': {} } } }));
  const { code, stderr: err } = await command(['policy', 'list', '--config', bad]);
  expect(code).toBe(2);
  for (const path of ['clock', 'embargo', 'slot.time']) expect(err).toContain(`embargo.policies.mine.${path}`);
  expect(err).toContain('embargo.policies.Not a name: is no name here');
});
