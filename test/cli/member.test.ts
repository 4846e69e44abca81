import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { beforeEach, expect, test } from 'vitest';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { apply } from '../../src/roster/apply.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { changeMember } from '../../src/roster/members.ts';
import { makeDatabase } from '../../src/store/database.ts';
import * as members from '../../src/store/members.ts';
import { migrate } from '../../src/store/migrate.ts';
import { armed } from '../embargo/armed.ts';
import { serving, type TestApi } from '../http/api.ts';
import { command } from '../support/command.ts';
import { LISTS } from '../support/house.ts';
import { keyProved } from '../support/key-proved.ts';
import { binary, makeParty } from '../support/party.ts';
import { runCurfew } from '../support/process.ts';

const serve = serving();
let api: TestApi;
let tokens: string[];

beforeEach(async () => {
  const config = { sqlite: ':memory:' };
  const db = makeDatabase(config);
  await migrate(db);
  api = await serve({ db, config });
  tokens = await Promise.all(api.house.team.map(({ address }) => api.house.token('admin', address)));
  const address = 'security@gamma.example';
  await apply(
    api.house,
    { project: 'orbit', criteria: CRITERIA, terms: null },
    {
      organisation: 'Gamma Linux',
      product: 'Gamma',
      contact: { address, name: null, certificate: (await makeParty(address)).public },
      terms: null,
      answers: CRITERIA.map(({ id }) => ({ criterion: id, answer: `Yes\u202e, ${id}.`, evidence: null })),
    },
  );
});

/** As if its contacts had sent back the words that were sealed to their keys. */
const hasProved = async (organisation: string) =>
  keyProved(api.house, (await members.byOrganisation(api.house.db, organisation))?.id ?? '');

/** Runs `curfew member ...` as one of the three admins. */
const curfew = (who: number, ...args: string[]) =>
  command(['member', ...args], { env: { CURFEW_TOKEN: tokens[who] ?? '', CURFEW_URL: api.url } });

/** Who is nobody yet: the JSON comes by standard input. */
const applies = (input: string, ...args: string[]) =>
  runCurfew(['member', 'apply', '-', ...args], { input, env: { CURFEW_URL: api.url } });

async function done(who: number, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await curfew(who, ...args);
  expect([code, stderr], args.join(' ')).toEqual([0, '']);
  return stdout;
}

test('a member is vetted, suspended and removed from the command line', async () => {
  expect(await done(0, 'list', '--state', 'applied')).toMatch(
    /^ID +ORGANISATION +STATE +REVIEW +LISTS +GROUPS\n\w{26} +Gamma Linux +applied +- +- +-\n$/,
  );
  await done(0, 'vouch', 'Gamma Linux', '--statement', 'We know them.');
  expect(await done(1, 'judge', 'Gamma Linux', '--fail', 'users', '--note', 'none')).toContain('Gamma Linux, vouched');
  await done(1, 'judge', 'Gamma Linux');
  expect(await done(2, 'judge', 'Gamma Linux')).toContain('Gamma Linux, vetted');
  const shown = await done(0, 'show', 'Gamma Linux');
  expect(shown).toMatch(/Vouched: +[a-z]+@orbit\.example, /);
  expect(shown).toMatch(/Verdict: +[a-z]+@orbit\.example: /);
  expect(shown).toContain('users is met');
  // What an applicant writes steers no terminal.
  expect(shown).toContain('Yes\\u{202e}, alias.');
  expect(await done(0, 'prove-key', 'Gamma Linux')).toBe('1 contacts are asked to prove their certificates\n');
  await api.house.db.updateTable('key_proofs').set({ proved_at: 1 }).execute();
  expect(await done(0, 'prove-key', 'Gamma Linux')).toContain('It is key_proved');
  await hasProved('Gamma Linux');
  const active = await done(0, 'activate', 'Gamma Linux', '--reason', 'known', '--list', 'distributors@orbit.example');
  expect(active).toMatch(/Gamma Linux, active[\s\S]*Lists: +distributors@orbit\.example[\s\S]*Review: +2027-/);
  await done(1, 'reviewed', 'Gamma Linux');
  expect(await done(0, 'change', 'Gamma Linux', '--name', 'Gamma Systems')).toContain('Gamma Systems, active');
  expect(await done(0, 'change', 'Gamma Systems', '--name', 'Gamma Linux')).toContain('Gamma Linux, active');
  expect(await done(0, 'exposure', 'Gamma Linux')).toBe('CASE  STATE  RELEASE  ADDRESS  COPY\n');
  const { id } = await armed(api.house);
  await dispatch(api.house, id, LISTS.distributors);
  expect(await done(0, 'suspend', 'Gamma Linux', '--reason', 'leaked')).toContain(`\nSeen:      ${id}, not public yet: `);
  await done(0, 'reinstate', 'Gamma Linux', '--reason', 'did not');
  expect(await done(0, 'remove', 'Gamma Linux', '--reason', 'criterion users')).toContain('A second admin');
  expect(JSON.parse(await done(1, 'remove', 'Gamma Linux', '--reason', 'criterion users', '--json'))).toMatchObject({
    state: 'removed',
  });
});

test('whoever has no token applies with the JSON of a form, and is told what is wrong with it', async () => {
  const address = 'security@delta.example';
  const form = {
    organisation: 'Delta Linux',
    contact: { address, certificate: (await makeParty(address)).public },
    answers: CRITERIA.map(({ id }) => ({ criterion: id, answer: 'Yes.' })),
  };
  const received = 'The application was received. What comes of it is told by mail.\n';
  expect(await applies(JSON.stringify(form))).toMatchObject({ code: 0, stdout: received, stderr: '' });
  expect(await done(0, 'list', '--state', 'applied')).toContain('Delta Linux');
  const wrong = await applies(JSON.stringify({ ...form, answers: form.answers.slice(1) }));
  expect([wrong.code, wrong.stdout]).toEqual([1, '']);
  expect(wrong.stderr).toMatch(/alias.*\(invalid\)/);
  expect(await applies('{ "organisation": }')).toMatchObject({ code: 1, stderr: 'curfew: - is not JSON: line 1, column 19\n' });
});

test('the certificate of an application may be a file, armored or binary', async () => {
  const address = 'security@iota.example';
  const folder = mkdtempSync(join(tmpdir(), 'curfew-apply-'));
  const file = join(folder, 'iota.gpg');
  writeFileSync(file, await binary((await makeParty(address)).public));
  const form = {
    organisation: 'Iota Linux',
    contact: { address },
    answers: CRITERIA.map(({ id }) => ({ criterion: id, answer: 'Yes.' })),
  };
  expect(await applies(JSON.stringify(form), '--certificate', file)).toMatchObject({ code: 0, stderr: '' });
  rmSync(folder, { recursive: true });
  expect(await done(0, 'list', '--state', 'applied')).toContain('Iota Linux');
});

test('a member is put into groups and taken out of them', async () => {
  expect(await done(0, 'add', 'Eta', '--group', 'kernel', '--group', 'cloud')).toMatch(/Groups: +cloud kernel\n/);
  const changed = ['change', 'Eta', '--add-group', 'embedded', '--remove-group', 'cloud'];
  expect(await done(0, ...changed)).toMatch(/Groups: +embedded kernel\n/);
  expect(await done(0, 'change', 'Eta', '--product', 'E/OS')).toMatch(/Groups: +embedded kernel\n/);
  expect(await done(0, 'list', '--group', 'embedded')).toMatch(/\n\w{26} +Eta +applied +- +- +embedded kernel\n$/);
  expect(await curfew(0, 'change', 'Eta', '--remove-group', 'cloud')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('It is not in cloud; it is in embedded, kernel'),
  });
  expect((await curfew(0, 'change', 'Eta', '--add-group', 'Cloud')).stderr).toContain('must be the name of a group');
  await hasProved('Eta');
  const active = await done(0, 'activate', 'Eta', '--reason', 'known', '--group', 'cloud');
  expect(active).toMatch(/Groups: +cloud embedded kernel\n/);
});

test('what another admin changes while a change is made is not undone', async () => {
  const { id } = JSON.parse(await done(0, 'add', 'Eta', '--group', 'kernel', '--json'));
  const other = () => changeMember(api.house, id, { groups: ['kernel', 'cloud'] });
  const { url, close } = await before('PATCH', other);
  const env = { CURFEW_TOKEN: tokens[0] ?? '', CURFEW_URL: url };
  const refused = await command(['member', 'change', 'Eta', '--add-group', 'embedded'], { env });
  await close();
  expect(refused).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('changed meanwhile: read it again (stale)'),
  });
  expect(await done(0, 'change', 'Eta', '--add-group', 'embedded')).toMatch(/Groups: +cloud embedded kernel\n/);
});

/** A server before the server: `doing` is done when a request of that method comes, and then it is handed on. */
async function before(method: string, doing: () => Promise<unknown>): Promise<{ url: string; close(): Promise<void> }> {
  const front = createServer(async (request, answer) => {
    if (request.method === method) await doing();
    const body = await buffer(request);
    const { authorization = '', 'if-match': tag } = request.headers;
    const headers = {
      authorization,
      ...(body.length > 0 ? { 'content-type': 'application/json' } : {}),
      ...(tag ? { 'if-match': tag } : {}),
    };
    const said = await fetch(`${api.url}${request.url}`, {
      method: request.method ?? '',
      headers,
      ...(body.length > 0 ? { body } : {}),
    });
    answer.writeHead(said.status, { 'content-type': 'application/json' }).end(Buffer.from(await said.arrayBuffer()));
  });
  await new Promise<void>((done) => front.listen(0, '127.0.0.1', done));
  const { port } = front.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: async () => void front.close() };
}

test('a member that did not apply by itself is added, on lists or on none', async () => {
  const shown = await done(0, 'add', 'Epsilon', '--product', 'E/OS', '--list', 'distributors@orbit.example');
  expect(shown).toMatch(/^Epsilon, applied\n[\s\S]*Product: +E\/OS\nLists: +distributors@orbit\.example\n/);
  expect(JSON.parse(await done(0, 'add', 'Zeta', '--json'))).toMatchObject({ state: 'applied', product: null, lists: [] });
  expect(await curfew(0, 'add', 'Zeta')).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('(conflict)') });
});

test.each([
  [['suspend', 'Gamma Linux', '--reason', 'x'], /"Gamma Linux" is applied: only who is active can be suspended \(conflict\)/],
  [['show', 'Gamma'], /There is no member "Gamma"; there is "Gamma Linux"/],
  [['judge', 'Gamma Linux', '--fail', 'nothing'], /There is no criterion nothing\. There are: alias, /],
])('%j is refused with its reason', async (args, why) => {
  const { code, stdout, stderr } = await curfew(0, ...args);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(why);
});
