import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { beforeAll, expect, test } from 'vitest';
import { DAY, systemClock } from '../../src/clock.ts';
import { loadConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/store/database.ts';
import { entry } from '../roster/roster-file.ts';
import { binary, changed, generate, makeParty } from '../support/party.ts';
import { initProject, type TestProject, temporaryFolder } from './project-folder.ts';

const folder = temporaryFolder();
let project: TestProject;
beforeAll(async () => {
  project = await initProject(folder);
});

function written(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content));
  return path;
}

test('a roster goes in, and comes out in the same form', async () => {
  const roster = [{ ...(await entry('Alpha', 'a@alpha.example')), product: 'Alpha OS' }, await entry('Bravo', 'b@bravo.example')];
  const file = written('roster.json', roster);
  const first = await project.curfew('roster', 'import', file, '--activate', '--reason', 'known for years');
  expect(first).toMatchObject({
    code: 0,
    stdout: 'Imported: 2 new members, 2 new contacts, 2 activated, 0 renewed, 0 unchanged\n',
    stderr: '',
  });
  const db = openDatabase(loadConfig(project.config).database);
  const posts = () => db.selectFrom('posts').select('kind').execute();
  expect(await posts()).toEqual([{ kind: 'membership' }, { kind: 'membership' }]);
  const quiet = written('quiet.json', [await entry('Quebec', 'q@quebec.example')]);
  expect((await project.curfew('roster', 'import', quiet, '--activate', '--reason', 'known', '--quiet')).code).toBe(0);
  expect(await posts()).toHaveLength(2);
  await db.destroy();
  const again = await project.curfew('roster', 'import', file, '--json');
  expect(JSON.parse(again.stdout)).toEqual({
    written: true,
    members: 0,
    contacts: 0,
    activated: 0,
    renewed: 0,
    waiting: 0,
    unchanged: 2,
    vouched: [],
    putOnLists: [],
    putIntoGroups: [],
    renewals: [],
    problems: [],
  });

  const exported = await project.curfew('roster', 'export');
  expect(JSON.parse(exported.stdout)).toMatchObject([
    {
      organisation: 'Alpha',
      product: 'Alpha OS',
      lists: ['distributors@orbit.example'],
      contacts: [{ address: 'a@alpha.example' }],
    },
    { organisation: 'Bravo', contacts: [{ address: 'b@bravo.example' }] },
    { organisation: 'Quebec', contacts: [{ address: 'q@quebec.example' }] },
  ]);
});

test('a certificate that was extended is renewed, and the encryption key is shown', async () => {
  const party = await generate('e@echo.example', 'e', { lifetime: 10 * 365 * 86_400 });
  const roster = (certificate: string) => [
    { organisation: 'Echo', lists: [], contacts: [{ address: 'e@echo.example', certificate }] },
  ];
  expect((await project.curfew('roster', 'import', written('echo.json', roster(party.public)))).code).toBe(0);
  const later = written('later.json', roster(await changed(party, systemClock.now() - DAY, { lifetime: 20 * 365 * 86_400 })));
  const counts = '0 new members, 0 new contacts, 0 activated, 1 renewed, 0 unchanged';
  const dry = await project.curfew('roster', 'import', later, '--dry-run');
  expect(dry.stdout).toMatch(new RegExp(`^Would import: ${counts}\n  e@echo.example: encrypted to [0-9A-F]{40}, as before\n$`));
  const json = await project.curfew('roster', 'import', later, '--json');
  expect(JSON.parse(json.stdout)).toMatchObject({ renewed: 1, renewals: [{ address: 'e@echo.example', whyNot: null }] });
  const revoked = written('revoked.json', roster(await changed(party, systemClock.now() - DAY, { revoked: true })));
  expect(await project.curfew('roster', 'import', revoked)).toMatchObject({
    code: 0,
    stdout: `Imported: ${counts}\n  e@echo.example: the certificate cannot be used now (revoked): copies are held\n`,
  });
});

test('a certificate with another encryption key is shown, and waits unless it is said to be right', async () => {
  const party = await generate('f@foxtrot.example', 'f', { lifetime: 10 * 365 * 86_400 });
  const roster = (certificate: string) => [
    { organisation: 'Foxtrot', lists: [], contacts: [{ address: 'f@foxtrot.example', certificate }] },
  ];
  expect((await project.curfew('roster', 'import', written('foxtrot.json', roster(party.public)))).code).toBe(0);
  const swapped = written('swapped.json', roster(await changed(party, systemClock.now() - DAY, { subkey: true })));
  const counts = '0 new members, 0 new contacts, 0 activated, 0 renewed, 1 waiting for approval, 0 unchanged';
  const line = `  f@foxtrot.example \\(Foxtrot\\): waits for approval, encrypted to [0-9A-F]{40} until then; would be encrypted to [0-9A-F]{40}: curfew contact approve f@foxtrot.example ${party.fingerprint}`;
  for (const [args, word] of [
    [['--dry-run'], 'Would import'],
    [[], 'Imported'],
  ] as const) {
    const { code, stdout } = await project.curfew('roster', 'import', swapped, ...args);
    expect([code, stdout]).toEqual([0, expect.stringMatching(new RegExp(`^${word}: ${counts}\n${line}\n$`))]);
  }
  const accepted = await project.curfew('roster', 'import', swapped, '--accept-changed-certificates', '--json');
  expect(JSON.parse(accepted.stdout)).toMatchObject({ written: true, renewed: 1, waiting: 0, renewals: [{ waits: false }] });
});

test('a CSV takes its certificates from the folder beside it', async () => {
  mkdirSync(join(folder, 'certificates'));
  written('certificates/c.asc', (await makeParty('c@charlie.example')).public);
  const csv =
    'organisation,product,lists,address,name,certificate\nCharlie,,distributors@orbit.example,c@charlie.example,Carla,c.asc\n';
  const file = written('charlie.csv', csv);
  const looked = await project.curfew('roster', 'import', file, '--certificates', join(folder, 'certificates'), '--dry-run');
  expect(looked).toMatchObject({
    code: 0,
    stdout: 'Would import: 1 new members, 1 new contacts, 0 activated, 0 renewed, 0 unchanged\n',
  });
  expect((await project.curfew('roster', 'import', written('certificates/charlie.csv', csv))).code).toBe(0);
});

test('who is left out of an export is told on standard error', async () => {
  const { code, stdout, stderr } = await project.curfew('roster', 'export');
  expect(code).toBe(0);
  expect(stderr).toContain('"Charlie" is left out: it is applied\n');
  expect(stderr).toContain('"Foxtrot" is left out: it is applied\n');
  expect(JSON.parse(stdout).map(({ organisation }: { organisation: string }) => organisation)).toEqual([
    'Alpha',
    'Bravo',
    'Quebec',
  ]);
});

test('a CSV takes a binary certificate, as gpg exports it, and says where one is none', async () => {
  const party = await makeParty('g@golf.example');
  written('g.gpg', Buffer.from(await binary(party.public)));
  written('secret.gpg', Buffer.from((await openpgp.readPrivateKey({ armoredKey: party.secret })).write()));
  const csv = (file: string) =>
    `organisation,product,lists,address,name,certificate\nGolf,,distributors@orbit.example,g@golf.example,Gia,${file}\n`;
  const secret = await project.curfew('roster', 'import', written('secret.csv', csv('secret.gpg')));
  expect([secret.code, secret.stderr]).toEqual([
    1,
    expect.stringContaining('  line 2, "Golf", g@golf.example: That is a secret key'),
  ]);
  expect(await project.curfew('roster', 'import', written('golf.csv', csv('g.gpg')))).toMatchObject({
    code: 0,
    stdout: 'Imported: 1 new members, 1 new contacts, 0 activated, 0 renewed, 0 unchanged\n',
  });
});

test('a bad roster is refused with one line a problem, exit 1, and nothing on standard output', async () => {
  const roster = [{ ...(await entry('Dora', 'd@dora.example')), lists: ['announce@orbit.example'] }, { organisation: 5 }];
  const file = written('bad.json', roster);
  const { code, stdout, stderr } = await project.curfew('roster', 'import', file);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr.split('\n')).toEqual([
    `curfew: Nothing was imported: 4 problems in ${file}`,
    'curfew:   entry 0, "Dora": announce@orbit.example is public: it has recipients, no members',
    'curfew:   entry 1: organisation is 5; must be a text of 1 to 200 characters without control characters and line separators',
    'curfew:   entry 1: lists is missing; must be an array of list addresses',
    'curfew:   entry 1: contacts is missing; must be an array of {address, name?, certificate}',
    '',
  ]);
  const { stdout: json, code: refused } = await project.curfew('roster', 'import', file, '--json');
  expect(refused).toBe(1);
  expect(JSON.parse(json)).toMatchObject({ written: false, problems: [{ entry: 0 }, { entry: 1 }, { entry: 1 }, { entry: 1 }] });
});

test('of a file with something wrong in it, what is right is taken where that is asked for, and the rest told', async () => {
  const hotel = await entry('Hotel', 'h@hotel.example', 'gone@hotel.example');
  for (const contact of hotel.contacts) if (contact.address.startsWith('gone')) contact.certificate = 'none';
  const file = written('rest.json', [hotel, { ...(await entry('India', 'i@india.example')), lists: ['none@orbit.example'] }]);
  expect(await project.curfew('roster', 'import', file)).toMatchObject({ code: 1, stdout: '' });
  const { code, stdout, stderr } = await project.curfew('roster', 'import', file, '--leave-out');
  expect([code, stdout]).toEqual([0, 'Imported: 1 new members, 1 new contacts, 0 activated, 0 renewed, 0 unchanged\n']);
  expect(stderr.split('\n')).toEqual([
    expect.stringMatching(/^Left out: entry 0, "Hotel", gone@hotel\.example: /),
    expect.stringMatching(/^Left out: entry 1, "India": There is no list none@orbit\.example/),
    '',
  ]);
  const again = await project.curfew('roster', 'import', file, '--leave-out', '--json');
  expect(JSON.parse(again.stdout)).toMatchObject({ unchanged: 1, leftOut: [{ entry: 0 }, { entry: 1, organisation: 'India' }] });
  const gone = written('gone.json', [{ ...hotel, lists: ['security@orbit.example'], contacts: hotel.contacts.slice(1) }]);
  expect((await project.curfew('roster', 'import', gone, '--leave-out')).stderr.split('\n')).toEqual([
    expect.stringMatching(/^Left out: entry 0, "Hotel", gone@hotel\.example: /),
    'Left out: entry 0, "Hotel": Nothing of it is taken, for what is wrong with its contacts',
    '',
  ]);
  const none = written('none.json', { no: 1 });
  expect(await project.curfew('roster', 'import', none, '--leave-out')).toMatchObject({
    code: 1,
    stderr: `curfew: Nothing was imported: 1 problem in ${none}\ncurfew: A roster is a JSON array of members\n`,
  });
});

test('a file that is no JSON is told of by its place', async () => {
  const file = written('broken.json', '[\n  {"organisation": Alpha}\n]');
  expect(await project.curfew('roster', 'import', file)).toMatchObject({
    code: 1,
    stderr: `curfew: ${file} is not JSON: line 2, column 20\n`,
  });
});

test('a file is UTF-8, with a byte order mark or without: of any other the letters would be lost', async () => {
  const header = 'organisation,product,lists,address,name,certificate\n';
  const latin = written('latin.csv', Buffer.from(`${header}M\u00fcller Linux,,,m@mueller.example,,m.asc\n`, 'latin1'));
  const refused = await project.curfew('roster', 'import', latin);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(`${latin} is not UTF-8`)]);
  const marked = written('marked.json', `\ufeff${JSON.stringify([await entry('M\u00fcller', 'm@mueller.example')])}`);
  const taken = await project.curfew('roster', 'import', marked, '--dry-run');
  expect(taken.stdout).toContain('Would import: 1 new members');
});

test.each([[['--activate']], [['--reason', 'why']]])('import with %j alone is a wrong use', async (flags) => {
  const { code, stderr } = await project.curfew('roster', 'import', 'any.json', ...flags);
  expect(code).toBe(2);
  expect(stderr).toContain('error: --activate and --reason belong together');
});

test('who was retired or suspended is brought back on the host, for a reason that is recorded', async () => {
  const file = written('romeo.json', [await entry('Romeo', 'r@romeo.example')]);
  expect((await project.curfew('roster', 'import', file, '--activate', '--reason', 'known', '--quiet')).code).toBe(0);
  const back = () => project.curfew('roster', 'reinstate', 'R@romeo.example', '--reason', 'a mistake');
  expect(await back()).toMatchObject({ code: 1, stderr: 'curfew: r@romeo.example is active already\n' });
  const db = openDatabase(loadConfig(project.config).database);
  try {
    await db.updateTable('contacts').set({ active: 0 }).where('address', '=', 'r@romeo.example').execute();
    expect(await back()).toMatchObject({ code: 0, stdout: 'r@romeo.example acts and gets mail again\n', stderr: '' });
    const row = await db.selectFrom('contacts').select('active').where('address', '=', 'r@romeo.example').executeTakeFirst();
    expect(row).toEqual({ active: 1 });
    const line = await db.selectFrom('audit').select('line').where('action', '=', 'contact.reinstate').executeTakeFirst();
    expect(line?.line).toContain('a mistake');
    await db.updateTable('members').set({ state: 'suspended' }).where('organisation', '=', 'Romeo').execute();
    const all = () => project.curfew('roster', 'reinstate', 'Romeo', '--reason', 'cleared');
    expect(await all()).toMatchObject({ code: 0, stdout: '"Romeo" acts and gets mail again\n', stderr: '' });
    expect(await all()).toMatchObject({ code: 1, stderr: 'curfew: "Romeo" is active: only who is suspended is reinstated\n' });
    for (const nobody of ['nobody@romeo.example', 'Nobody'])
      expect(await project.curfew('roster', 'reinstate', nobody, '--reason', 'x')).toMatchObject({ code: 1 });
  } finally {
    await db.destroy();
  }
});
