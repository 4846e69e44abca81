import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { absent, corpus, type GnuPG, openGnuPG, run } from '../support/gnupg.ts';
import { changed, generate, makeParty } from '../support/party.ts';
import { runCurfew } from '../support/process.ts';
import { type SubscriptionRow, schleuderDatabase } from '../support/schleuder.ts';
import { initProject, type TestProject, temporaryFolder } from './project-folder.ts';

const folder = temporaryFolder();
let project: TestProject;
beforeAll(async () => {
  project = await initProject(folder);
});

const VENDORS = 'vendors@old.example';
const TO = 'distributors@orbit.example';
const keys = corpus('schleuder');

/** The home of a list with these keys in it, as Schleuder makes one. */
async function fillHome(home: string, imported: readonly (string | Buffer)[]): Promise<void> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const quietly = ['--homedir', home, '--batch', '--no-tty', '--trust-model', 'always'];
  for (const key of imported) await run('gpg', [...quietly, '--import'], key);
  await run('gpgconf', ['--homedir', home, '--kill', 'all']);
}

/** Every file below a folder, with its octets and when it was changed. */
function contentOf(below: string): Map<string, string> {
  const names = readdirSync(below, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  const paths = names.map((one) => join(one.parentPath, one.name)).sort();
  return new Map(paths.map((path) => [path, `${statSync(path).mtimeMs} ${readFileSync(path).toString('base64')}`]));
}

describe.skipIf(absent.gpg)(`an installation of Schleuder${absent.gpg ? ` (${absent.gpg})` : ''}`, () => {
  const place = join(folder, 'schleuder');
  let made: GnuPG;
  let expired = '';
  beforeAll(async () => {
    made = openGnuPG();
    expired = await made.generate({ userId: 'old@alpha.example', expires: '1d', at: '20250101T000000' });
    const [alpha, bravo] = [await makeParty('a@alpha.example'), await makeParty('b@bravo.example')];
    // What makes a home a list's own: its secret key, which stays where it is.
    await fillHome(join(place, 'lists/old.example/vendors'), [
      alpha.public,
      bravo.public,
      (await makeParty(VENDORS)).secret,
      await made.certificate(expired),
    ]);
    await fillHome(join(place, 'lists/old.example/team'), [alpha.public]);
    const of = (list: string, email: string, fingerprint = '', more: Partial<SubscriptionRow> = {}) => ({
      ...{ list, email, fingerprint },
      ...more,
    });
    schleuderDatabase(place, {
      lists: [VENDORS, 'team@old.example'],
      subscriptions: [
        of(VENDORS, 'a@alpha.example', alpha.fingerprint, { admin: true }),
        of(VENDORS, 'B@bravo.example', bravo.fingerprint.toLowerCase()),
        of(VENDORS, 'old@charlie.example', expired),
        of(VENDORS, 'none@dora.example'),
        of(VENDORS, 'lost@dora.example', 'AB'.repeat(20)),
        of(VENDORS, 'long@dora.example', 'AB'.repeat(32)),
        of(VENDORS, 'odd@dora.example', '--version'),
        of('team@old.example', 'a@alpha.example', alpha.fingerprint),
      ],
    });
  });
  afterAll(() => made.close());

  const take = (...more: string[]) => project.curfew('roster', 'import', '--schleuder', place, ...more);

  test('is looked at first, then taken over with a report, and is left as it was', async () => {
    writeFileSync(join(folder, 'organisations.csv'), 'address,organisation\na@alpha.example,Alpha Linux\n');
    const how = ['--list', `${VENDORS}=${TO}`, '--organisations', join(folder, 'organisations.csv')];
    const before = contentOf(place);
    const dry = await take(...how, '--dry-run');
    expect(dry.stderr).toBe('');
    expect(dry.stdout.split('\n')).toEqual([
      'Would import: 2 new members, 2 new contacts, 0 activated, 0 renewed, 0 unchanged',
      '  team@old.example (1 subscriptions): left out, as no --list names it',
      `  ${VENDORS} (7 subscriptions): to ${TO}`,
      'Left out: 5',
      `  long@dora.example (${VENDORS}): the key ${'AB'.repeat(32)} is not in the GnuPG home of the list`,
      `  lost@dora.example (${VENDORS}): the key ${'AB'.repeat(20)} is not in the GnuPG home of the list`,
      `  none@dora.example (${VENDORS}): has no key`,
      `  odd@dora.example (${VENDORS}): the key --VERSION is not in the GnuPG home of the list`,
      `  old@charlie.example: The certificate ${expired} cannot be used: expired`,
      'To be looked at: 1',
      `  a@alpha.example (${VENDORS}): is an admin of that list; here he gets no right by that`,
      '',
    ]);
    const done = await take(...how, '--activate', '--reason', 'moved from the old server', '--json');
    expect(JSON.parse(done.stdout)).toMatchObject({
      written: true,
      activated: 2,
      lists: [
        { list: 'team@old.example', to: null, subscriptions: 1 },
        { list: VENDORS, to: TO, subscriptions: 7 },
      ],
      leftOut: [{}, {}, {}, {}, {}],
      notes: [{ list: VENDORS, address: 'a@alpha.example' }],
    });
    expect(contentOf(place)).toEqual(before);
    const exported = JSON.parse((await project.curfew('roster', 'export')).stdout);
    expect(exported).toMatchObject([
      { organisation: 'Alpha Linux', lists: [TO], contacts: [{ address: 'a@alpha.example' }] },
      { organisation: 'bravo.example', lists: [TO], contacts: [{ address: 'b@bravo.example' }] },
    ]);
  });

  test('is named by its database and the folder of its homes as well', async () => {
    const json = ['--dry-run', '--json', '--list', `team@old.example=${TO}`];
    const apart = ['--schleuder', join(place, 'db.sqlite'), '--lists-dir', join(place, 'lists')];
    expect(JSON.parse((await project.curfew('roster', 'import', ...apart, ...json)).stdout)).toMatchObject({ written: false });
  });

  test('loses no revocation that a home has, whatever key is subscribed there', async () => {
    const [old, next, dora] = [
      await makeParty('e@echo.example'),
      await generate('e@echo.example', 'e', {}),
      await makeParty('d@d.example'),
    ];
    const revoked = {
      old: await changed(old, Date.now(), { revoked: true }),
      dora: await changed(dora, Date.now(), { revoked: true }),
    };
    const echo = { organisation: 'Echo', lists: [TO], contacts: [{ address: old.address, certificate: old.public }] };
    writeFileSync(join(folder, 'echo.json'), JSON.stringify([echo]));
    expect((await project.curfew('roster', 'import', join(folder, 'echo.json'))).code).toBe(0);
    const since = join(folder, 'since');
    await fillHome(join(since, 'lists/old.example/vendors'), [revoked.old, next.public, dora.public]);
    await fillHome(join(since, 'lists/old.example/team'), [revoked.dora]);
    const team = 'team@old.example';
    schleuderDatabase(since, {
      lists: [VENDORS, team],
      subscriptions: [
        { list: VENDORS, email: old.address, fingerprint: next.fingerprint },
        { list: VENDORS, email: dora.address, fingerprint: dora.fingerprint },
        { list: team, email: dora.address },
      ],
    });
    const lists = ['--list', `${VENDORS}=${TO}`, '--list', `${team}=${TO}`];
    const { stdout } = await project.curfew('roster', 'import', '--schleuder', since, ...lists, '--dry-run');
    expect(stdout.split('\n')).toEqual(
      expect.arrayContaining([
        'Would import: 0 new members, 0 new contacts, 0 activated, 1 renewed, 0 unchanged',
        `  ${old.address}: the certificate cannot be used now (revoked): copies are held`,
        `  ${dora.address}: The certificate ${dora.fingerprint} cannot be used: revoked`,
      ]),
    );
  });

  test.skipIf(keys.absent)(
    `with keys as people have them is judged key by key${keys.absent ? ` (${keys.absent})` : ''}`,
    async () => {
      const people: [file: string, fingerprint: string, why: RegExp | null][] = [
        ['expired_key.txt', '98769E8A1091F36BD88403ECF71A3F8412D83889', /cannot be used: expired/],
        ['revoked_key.txt', '7E783CDE6D1EFE6D2409739C098AC83A4C0028E9', /cannot be used: revoked/],
        ['signonly_key.txt', 'B1CD8BB15C2673C6BFD8FA4B70B2CF29E01AD53E', /cannot be used: no-encryption-subkey/],
        ['example_key.txt', 'C4D60F8833789C7CAA44496FD3FFA6613AB10ECE', /cannot be used: weak/],
        ['olduid_key.txt', '6EE51D78FD0B33DE65CCF69D2104E20E20889F66', null],
        ['broken_utf8_uid_key.txt', '3102B29989BEE703AE5ED62E1242F6E13D8EBE4A', /cannot be used: weak/],
      ];
      const other = join(folder, 'corpus');
      const content = people.map(([file]) => readFileSync(join(keys.dir, 'keys', file)));
      await fillHome(join(other, 'lists/old.example/vendors'), content);
      const row = ([file, fingerprint]: (typeof people)[number]) => ({
        list: VENDORS,
        email: `${file.replace('.txt', '')}@k.example`,
        fingerprint,
      });
      schleuderDatabase(other, { lists: [VENDORS], subscriptions: people.map(row), booleans: 'letters' });
      const taken = await project.curfew(
        'roster',
        'import',
        '--schleuder',
        other,
        '--list',
        `${VENDORS}=${TO}`,
        '--dry-run',
        '--json',
      );
      const { contacts, leftOut, notes } = JSON.parse(taken.stdout);
      const why = new Map(leftOut.map((one: { address: string; remark: string }) => [one.address, one.remark]));
      for (const [file, , expected] of people)
        expect(why.get(`${file.replace('.txt', '')}@k.example`) ?? null, file).toEqual(
          expected && expect.stringMatching(expected),
        );
      expect([contacts, notes]).toMatchObject([1, [{ remark: expect.stringContaining('does not name that address') }]]);
    },
  );

  test('is not taken over where it is named wrongly', async () => {
    const refused = async (...more: string[]) => {
      const { code, stderr } = await take(...more);
      return [code, stderr.split('\n')[0]];
    };
    expect(await refused('--list', `none@old.example=${TO}`)).toEqual([
      1,
      `curfew: none@old.example is no list of ${join(place, 'db.sqlite')}; there are team@old.example, ${VENDORS}`,
    ]);
    expect(await refused('--list', `${VENDORS}=announce@orbit.example`)).toEqual([
      1,
      'curfew: announce@orbit.example is no list that has members',
    ]);
    expect(await refused('--list', `${VENDORS}=${TO}`, '--lists-dir', folder)).toEqual([
      1,
      `curfew: ${join(folder, 'old.example/vendors')} is no GnuPG home: there is no pubring.kbx`,
    ]);
    expect((await refused('--list', 'anything'))[0]).toBe(2);
    expect((await refused('--list', `${VENDORS}=${TO}`, '--list', `${VENDORS}=security@orbit.example`))[0]).toBe(2);
    expect((await refused('roster.json'))[0]).toBe(2);
    expect((await project.curfew('roster', 'import')).code).toBe(2);
  });

  test('is not taken over without gpg, which is said', async () => {
    const args = ['roster', 'import', '--schleuder', place, '--list', `${VENDORS}=${TO}`, '--config', project.config];
    const { code, stderr } = await runCurfew(args, { env: { PATH: folder } });
    expect([code, stderr]).toEqual([1, expect.stringContaining('gpg (GnuPG) is not on the PATH')]);
  });
});
