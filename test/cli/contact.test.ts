import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DAY, SECOND } from '../../src/clock.ts';
import * as certificates from '../../src/store/certificates.ts';
import { makeDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { serving, type TestApi } from '../http/api.ts';
import { command } from '../support/command.ts';
import { binary, changed, generate } from '../support/party.ts';

import { proveCertificate } from '../support/prove.ts';

const ALPHA = 'alpha@alpha.example';
const serve = serving();
let api: TestApi;
let token: string;
let folder: string;

beforeEach(async () => {
  const config = { sqlite: ':memory:' };
  const db = makeDatabase(config);
  await migrate(db);
  api = await serve({ db, config });
  token = await api.house.token('admin', api.house.team[0].address);
  folder = mkdtempSync(join(tmpdir(), 'curfew-contact-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const curfew = (...args: string[]) => command(args, { env: { CURFEW_TOKEN: token, CURFEW_URL: api.url } });

async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await curfew(...args);
  expect([code, stderr], args.join(' ')).toEqual([0, '']);
  return stdout;
}

async function certificateFile(address: string): Promise<{ path: string; fingerprint: string }> {
  const { public: armored, fingerprint } = await generate(address, 'Gina', {});
  const path = join(folder, `${fingerprint}.asc`);
  writeFileSync(path, armored);
  return { path, fingerprint };
}

test('a contact is added, retired and reinstated', async () => {
  const gina = await certificateFile('gina@alpha.example');
  expect(await done('contact', 'add', 'Alpha', 'gina@alpha.example', '--certificate', gina.path, '--name', 'Gina\u202e')).toMatch(
    new RegExp(
      `^gina@alpha.example is active and has the certificate ${gina.fingerprint}\nHe gets nothing until he has proved it.*: curfew member prove-key \\w{26}\n$`,
    ),
  );
  const listed = await done('contact', 'list', 'Alpha');
  expect(listed.split('\n').slice(0, -1)).toHaveLength(3);
  expect(listed).toMatch(/Gina\\u\{202e\} +unproved /);
  expect(await done('contact', 'retire', 'gina@alpha.example', '--reason', 'left')).toContain('is retired');
  expect(JSON.parse(await done('contact', 'list', 'Alpha', '--json'))).toContainEqual(
    expect.objectContaining({ address: 'gina@alpha.example', active: false }),
  );
  expect(await done('contact', 'reinstate', 'gina@alpha.example', '--reason', 'back')).toContain('is active');
});

test('a binary certificate is taken, as gpg exports it; a secret key is not even sent', async () => {
  const hugo = await generate('hugo@alpha.example', 'Hugo', {});
  const [file, secret] = [join(folder, 'hugo.gpg'), join(folder, 'secret.gpg')];
  writeFileSync(file, await binary(hugo.public));
  writeFileSync(secret, (await openpgp.readPrivateKey({ armoredKey: hugo.secret })).write());
  expect(await done('contact', 'add', 'Alpha', 'hugo@alpha.example', '--certificate', file)).toContain(hugo.fingerprint);
  const next = await generate('hugo@alpha.example', 'Hugo', {});
  writeFileSync(file, await binary(next.public));
  expect(await done('contact', 'give', 'hugo@alpha.example', file)).toContain(`${next.fingerprint} is proposed`);
  expect(await curfew('contact', 'give', 'hugo@alpha.example', secret)).toMatchObject({
    code: 1,
    // Without the code that an answer of the server has.
    stderr: expect.stringMatching(/^curfew: That is a secret key: .*, and replace this key\n$/),
  });
});

test('a certificate is given, approved or refused by its fingerprint, and retired', async () => {
  const [first, second] = [await certificateFile(ALPHA), await certificateFile(ALPHA)];
  for (const { path, fingerprint } of [first, second])
    expect(await done('contact', 'give', ALPHA, path)).toContain(`${fingerprint} is proposed`);
  expect(await curfew('contact', 'approve', ALPHA, first.fingerprint)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Nobody has proved'),
  });
  const [alpha] = api.house.members;
  for (const { id } of await certificates.ofContact(api.house.db, alpha.contactId))
    await proveCertificate(api.house, alpha.contactId, id);
  const written = first.fingerprint.replaceAll(/(.{4})(?=.)/g, '$1 ').toLowerCase();
  expect(await done('contact', 'approve', ALPHA, written)).toBe(`${first.fingerprint} is current\n`);
  expect(await done('contact', 'refuse', ALPHA, second.fingerprint)).toBe(`${second.fingerprint} is retired\n`);
  const rows = (await done('contact', 'certificates', ALPHA)).split('\n').slice(1, -1);
  expect(rows.map((row) => row.split(/\s+/)[1]).sort()).toEqual(['current', 'retired', 'retired']);
  // Refused by mistake: it waits anew.
  expect(await done('contact', 'give', ALPHA, second.path)).toContain(`${second.fingerprint} is proposed`);
  expect(await done('contact', 'refuse', ALPHA, second.fingerprint)).toBe(`${second.fingerprint} is retired\n`);
  expect(await done('contact', 'revoke', ALPHA, first.fingerprint)).toBe(`${first.fingerprint} is retired\n`);
  expect(await curfew('contact', 'approve', ALPHA, 'ABCD')).toMatchObject({
    code: 1,
    stderr: `curfew: ${ALPHA} has no certificate ABCD\n`,
  });
});

test('what is approved is what was shown: with another version it is refused, and nothing changes', async () => {
  const [alpha] = api.house.members;
  const give = async () => {
    const path = join(folder, 'newer.asc');
    writeFileSync(path, await changed(alpha, api.house.clock.now(), { subkey: true }));
    await done('contact', 'give', ALPHA, path);
    const [head, row] = (await done('contact', 'certificates', ALPHA)).split('\n').map((line) => line.split(/\s+/));
    expect(head?.[4]).toBe('VERSION');
    return row?.[4] ?? '';
  };
  const shown = await give();
  const later = await give();
  expect(later).not.toBe(shown);
  for (const verb of ['approve', 'refuse', 'revoke'])
    expect(await curfew('contact', verb, ALPHA, alpha.fingerprint, '--seen', shown)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('was changed meanwhile'),
    });
  expect((await curfew('contact', 'approve', ALPHA, alpha.fingerprint, '--seen', 'x')).code).toBe(2);
  expect(await done('contact', 'approve', ALPHA, alpha.fingerprint, '--seen', later)).toBe(`${alpha.fingerprint} is current\n`);
});

test('of a certificate is shown when it ends, or why it cannot be encrypted to', async () => {
  const alpha = api.house.members[0];
  const path = join(folder, 'ends.asc');
  const now = api.house.clock.now();
  const lifetime = (100 * DAY) / SECOND;
  const ends = new Date(now - DAY + 100 * DAY).toISOString().slice(0, 10);
  const gina = await generate(alpha.address, 'gina', { born: now - DAY, lifetime });
  writeFileSync(path, gina.public);
  expect(await done('contact', 'give', ALPHA, path)).toContain(`${gina.fingerprint} is proposed\nIt ends on ${ends}\n`);
  writeFileSync(path, await changed(alpha, now, { revoked: true }));
  expect(await done('contact', 'give', ALPHA, path)).toContain('It cannot be encrypted to: revoked\n');
  const [head, ...rows] = (await done('contact', 'certificates', ALPHA)).split('\n').map((line) => line.split(/\s+/));
  const at = head?.indexOf('ENDS') ?? -1;
  const shown = new Map(rows.map((row) => [row[0], row[at]]));
  expect([shown.get(alpha.fingerprint), shown.get(gina.fingerprint)]).toEqual(['revoked', ends]);
});

test('a list is made, and a member put on it and taken off it', async () => {
  const [small, distributors] = ['deep@orbit.example', 'distributors@orbit.example'];
  expect(await done('list', 'create', small, '--role', 'private', '--name', 'Deep')).toMatch(
    /^deep@orbit\.example is there, private, with the key (\w{40})\nKeep \1\.asc, /,
  );
  expect(await curfew('list', 'create', small, '--role', 'private')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('(conflict)'),
  });
  expect((await curfew('list', 'create', 'other@orbit.example')).code).toBe(2);
  const added = JSON.parse(await done('member', 'change', 'Alpha', '--add-list', small, '--json'));
  expect(added.lists).toEqual([small, distributors]);
  const taken = await done('member', 'change', 'Alpha', '--remove-list', small, '--product', 'Alpha Linux');
  expect(taken).toMatch(/Product: +Alpha Linux\nLists: +distributors@orbit\.example\n/);
  expect(await curfew('member', 'change', 'Alpha', '--remove-list', small)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`It is not on ${small}`),
  });
  expect((await curfew('member', 'change', 'Alpha')).code).toBe(2);
});
