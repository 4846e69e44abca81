import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HOUR } from '../../src/clock.ts';
import { release } from '../../src/embargo/release.ts';
import { makeDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { outbox } from '../delivery/outbox.ts';
import { arm, armed, scheduled, subscribe } from '../embargo/armed.ts';
import { serving, type TestApi } from '../http/api.ts';
import { command } from '../support/command.ts';

const serve = serving();
let folder: string;
let api: TestApi;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'curfew-after-'));
  const config = { sqlite: ':memory:' };
  const db = makeDatabase(config);
  await migrate(db);
  api = await serve({ db, config });
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const curfew = (token: string, ...args: string[]) =>
  command(args, { cwd: folder, env: { CURFEW_TOKEN: token, CURFEW_URL: api.url } });

test('what comes after a release is done from the command line: retrospective, archive, end, statistics; and what is overdue is listed', async () => {
  const { house } = api;
  const lena = await house.token('team', 'lena@orbit.example');
  await subscribe(house);
  const { id, release_at } = await armed(house);
  const late = await scheduled(house);
  house.clock.moveTo(release_at ?? 0);
  await release(house, id);
  await outbox(house).drain();
  expect(await curfew(lena, 'case', 'close', id)).toMatchObject({
    code: 1,
    stderr: 'curfew: The retrospective is owed: curfew case retrospective (conflict)\n',
  });
  writeFileSync(join(folder, 'note.txt'), 'It went well.\n');
  expect((await curfew(lena, 'case', 'retrospective', id, '--file', 'note.txt')).stdout).toMatch(/, retrospective, revision/);
  expect((await curfew(lena, 'case', 'retrospective', id)).stdout).toContain('\nIt went well.\n');
  expect((await curfew(lena, 'case', 'archive', id)).stdout).toBe('');
  const shown = (await curfew(lena, 'case', 'archive', id, '--preview', '--without', 'crashes')).stdout;
  const [, hash = ''] = /\nHash: +([0-9a-f]{64})\n/.exec(shown) ?? [];
  expect(shown).toContain('It [left out].\n');
  expect(await curfew(lena, 'case', 'archive', id, '--make', hash)).toMatchObject({ code: 1 });
  const made = await curfew(lena, 'case', 'archive', id, '--make', hash, '--without', 'crashes');
  expect(made.stdout).toContain('It [left out].\n');
  expect((await curfew(lena, 'case', 'close', id)).stdout).toMatch(/, closed, revision/);

  const closed = JSON.parse((await curfew(lena, 'case', 'list', '--state', 'closed', '--json')).stdout);
  expect(closed).toMatchObject([{ id, state: 'closed' }]);
  expect(JSON.parse((await curfew(lena, 'case', 'list', '--state', 'received', '--json')).stdout)).toEqual([]);
  const overdue = JSON.parse((await curfew(lena, 'case', 'list', '--overdue', '--json')).stdout);
  expect(overdue).toMatchObject([{ id: late.id, overdue: true, overdueSince: new Date(release_at ?? 0).toISOString() }]);
  expect((await curfew(lena, 'case', 'show', late.id)).stdout).toMatch(/\nOVERDUE: +since /);
  expect((await curfew(lena, 'case', 'show', id)).stdout).not.toContain('OVERDUE');

  expect((await curfew(await house.token('auditor'), 'statistics')).stdout).toMatch(
    new RegExp(`Released: +1, of them 1 on time and 0 not\n[\\s\\S]*${id} +high +- +0.04 d +yes`),
  );
  const { stdout } = await curfew(lena, 'statistics', '--json', '--to', '2020-01-01T00:00:00Z');
  expect(JSON.parse(stdout)).toMatchObject({ reports: 0, cases: [] });
  await arm(house, late);
  await release(house, late.id);
  house.clock.moveTo(house.clock.now() + HOUR);
  expect((await curfew(lena, 'case', 'show', late.id)).stdout).toMatch(
    /\nOVERDUE: +since .*: the public does not have all of it/,
  );
  // Nobody's token reads no content.
  expect(await curfew(await house.token('team'), 'case', 'archive', id)).toMatchObject({ code: 1 });
});
