import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { DAY, systemClock } from '../../src/clock.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { openDatabase } from '../../src/store/database.ts';
import { type NameServer, nameServer } from '../doctor/name-server.ts';
import { makeCertificate } from '../smtp/certificates.ts';
import { type ScriptedRelay, scriptedRelay } from '../smtp/scripted-relay.ts';
import { binary, changed, makeParty } from '../support/party.ts';
import { runCurfew } from '../support/process.ts';
import { initProject, type TestProject, temporaryFolder } from './project-folder.ts';

const folder = temporaryFolder();
let project: TestProject;
let relay: ScriptedRelay;
let names: NameServer;
let written: string;
let database: string;
beforeAll(async () => {
  relay = await scriptedRelay();
  names = await nameServer([
    { type: 'MX', name: 'orbit.example', data: { exchange: 'mx.orbit.example', preference: 10 } },
    { type: 'A', name: 'mx.orbit.example', data: '192.0.2.1' },
    { type: 'TXT', name: 'orbit.example', data: 'v=spf1 mx -all' },
    { type: 'TXT', name: '_dmarc.orbit.example', data: 'v=DMARC1; p=reject' },
  ]);
  project = await initProject(folder, '--relay', `127.0.0.1:${relay.port}`, '--http-port', '1');
  written = readFileSync(project.config, 'utf8');
  database = join(project.dir, 'data', 'curfew.db');
  copyFileSync(database, `${database}.new`);
});
afterAll(async () => {
  names.close();
  await relay.close();
});
beforeEach(() => {
  writeFileSync(project.config, written);
  for (const end of ['-wal', '-shm', '-end']) rmSync(database + end, { force: true });
  copyFileSync(`${database}.new`, database);
});

/** Puts these into the configuration. */
function configure(changes: Record<string, unknown>): void {
  writeFileSync(project.config, JSON.stringify({ ...JSON.parse(written), ...changes }));
}

async function doctor(): Promise<{ code: number | null; findings: Finding[]; text: string }> {
  const { code, stdout, stderr } = await project.curfew('doctor', '--dns', names.address, '--json');
  expect(stderr).toBe('');
  return { code, findings: JSON.parse(stdout), text: stdout };
}

/** What is not as it should be, but for what no test can mend: whether this machine says that its clock is synchronised. */
async function faults(): Promise<string[]> {
  const { findings } = await doctor();
  const wrong = findings.filter(
    ({ check, standing, what }) => standing !== 'ok' && !(check === 'clock' && what.includes('synchronised')),
  );
  for (const { todo } of wrong) expect(todo).not.toBeNull();
  return wrong.map(({ check, standing, what }) => `${standing} ${check}: ${what}`);
}

const OFF = 'warning server: nothing listens at 127.0.0.1:1: the server does not run';

test('a new project wants a server, and nothing else', async () => {
  expect(await faults()).toEqual([OFF]);
  const { code, stdout } = await project.curfew('doctor', '--dns', names.address);
  expect(stdout).toMatch(/^ok +config +.*config\.json can be used\nok +permissions +/);
  expect(stdout).toMatch(/^warning +server +nothing listens at .*\n {23}curfew serve/m);
  expect(code).toBe(stdout.includes('FAILED') ? 1 : 0);
  expect(relay.mails).toEqual([]);
});

test('it changes nothing, and says no secret', async () => {
  // As a server leaves it that was killed: the last rows are beside the file, and stay there.
  const db = openDatabase({ sqlite: database });
  await db.updateTable('lists').set({ footer: 'Of a server that was killed' }).execute();
  const left = ['', '-wal'].map((end) => readFileSync(database + end));
  await db.destroy();
  writeFileSync(database, left[0] ?? '');
  writeFileSync(`${database}-wal`, left[1] ?? '');
  const { text } = await doctor();
  expect(left[1]?.length).toBeGreaterThan(0);
  expect(['', '-wal'].map((end) => readFileSync(database + end).equals(left.shift() ?? Buffer.alloc(0)))).toEqual([true, true]);
  expect(text).not.toContain(readFileSync(join(project.dir, 'passphrase'), 'utf8').trim());
});

test('a configuration that cannot be used is told of by its places', async () => {
  configure({ relay: { host: 'relay.example', port: 0, tls: 'none' } });
  const { code, findings } = await doctor();
  expect(code).toBe(1);
  expect(findings.map(({ check, what }) => `${check} ${what}`)).toEqual([expect.stringMatching(/^config relay\.port: /)]);
});

test('what others may read is named with what mends it', async () => {
  const kept = join(project.dir, 'keys');
  const [key] = project.made.lists;
  const files = {
    [kept]: 0o755,
    [join(kept, `${key?.fingerprint}.asc`)]: 0o644,
    [join(project.dir, 'data')]: 0o755,
    [database]: 0o644,
  };
  for (const [path, mode] of Object.entries(files)) chmodSync(path, mode);
  try {
    const { code, findings } = await doctor();
    expect(code).toBe(1);
    expect(findings.filter(({ check }) => check === 'permissions').map(({ standing, todo }) => [standing, todo])).toEqual([
      ['failed', `chmod 700 ${kept}`],
      ['failed', `chmod 600 ${join(kept, `${key?.fingerprint}.asc`)}`],
      ['failed', `chmod 600 ${database}`],
    ]);
    // Nobody comes at it where he may not enter the folder.
    chmodSync(kept, 0o700);
    expect((await doctor()).findings.map(({ todo }) => todo)).not.toContain(`chmod 600 ${join(kept, `${key?.fingerprint}.asc`)}`);
  } finally {
    for (const [path, mode] of Object.entries(files)) chmodSync(path, mode & 0o700);
  }
});

test.skipIf(process.getuid?.() !== 0)(
  'what the user of the server may not read, write or enter is named (skipped where the tests are not root)',
  async () => {
    const own = temporaryFolder();
    const { dir, config } = await initProject(own, '--relay', `127.0.0.1:${relay.port}`, '--http-port', '1');
    chmodSync(own, 0o755);
    const made = makeCertificate('mx.orbit.example');
    const tls = { certificate: join(dir, 'certificate.pem'), key: join(dir, 'key.pem') };
    for (const what of ['certificate', 'key'] as const) copyFileSync(made[what], tls[what]);
    const before = JSON.parse(readFileSync(config, 'utf8'));
    const user = 'nobody:nogroup';
    writeFileSync(config, JSON.stringify({ ...before, user, smtp: { ...before.smtp, tls } }));
    const seen = async () => {
      const { stdout } = await runCurfew(['doctor', '--dns', names.address, '--json', '--config', config]);
      const findings: Finding[] = JSON.parse(stdout);
      return findings.filter(({ check }) => check === 'permissions').map(({ standing, what, todo }) => [standing, what, todo]);
    };
    expect(await seen()).toEqual([
      ['failed', `${user} may not enter ${dir}, and needs what is there`, 'chown or chmod it so that the server may'],
    ]);
    const give = (...paths: string[]) => execFileSync('chown', ['-R', user, ...paths]);
    give(dir);
    for (const path of [tls.key, join(dir, 'data'), join(dir, 'data', 'curfew.db')]) chownSync(path, 0, 0);
    chmodSync(join(dir, 'data'), 0o755);
    // Whoever starts the server reads it.
    chownSync(join(dir, 'passphrase'), 0, 0);
    expect(await seen()).toEqual([
      ['failed', `${user} may not write the folder of the database: ${dir}/data (EACCES)`, `chown ${user} ${dir}/data`],
      ['failed', `${user} may not write the database: ${dir}/data/curfew.db (EACCES)`, `chown ${user} ${dir}/data/curfew.db`],
      ['failed', `${user} may not read the TLS key: ${tls.key} (EACCES)`, `chown ${user} ${tls.key}`],
    ]);
    give(join(dir, 'data'), tls.key);
    const keys = join(dir, 'keys');
    chmodSync(keys, 0o500);
    expect(await seen()).toEqual([
      [
        'warning',
        `${user} may not write the folder of the list keys: ${keys} (EACCES)`,
        `chown ${user} ${keys} && chmod 700 ${keys}: list create, keys renew and keys rotate write a key there`,
      ],
    ]);
    chmodSync(keys, 0o700);
    expect(await seen()).toEqual([['ok', expect.any(String), null]]);
    const { stdout } = await runCurfew(['doctor', '--dns', names.address, '--json', '--config', config]);
    const wrong = (JSON.parse(stdout) as Finding[]).filter(({ check, standing }) => standing === 'failed' && check !== 'clock');
    expect(wrong).toEqual([]);
    expect(execFileSync('find', [dir, '-user', 'root'], { encoding: 'utf8' })).toBe(`${join(dir, 'passphrase')}\n`);
  },
);

test('a damaged database, one that is gone, one of a newer Curfew', async () => {
  const file = openSync(database, 'r+');
  // In the middle of what is there, past the first page, which says how to read the others.
  for (let page = 20; page < 60; page++) writeSync(file, Buffer.alloc(64, 0xa5), 0, 64, page * 4096 + 8);
  expect((await faults())[0]).toMatch(/^failed database: the database is damaged/);
  // So that it does not even open: its first page is none, and then not its header.
  for (const [from, octets] of [
    [100, 3996],
    [0, 100],
  ] as const) {
    writeSync(file, Buffer.alloc(octets, 0xa5), 0, octets, from);
    expect((await doctor()).findings).toContainEqual({
      check: 'database',
      standing: 'failed',
      what: expect.stringMatching(/^the database is damaged: /),
      todo: expect.stringMatching(/restore the last backup/),
    });
  }
  renameSync(database, `${database}.gone`);
  expect((await faults())[0]).toMatch(/^failed database: There is no database /);
  writeFileSync(database, '');
  const { findings } = await doctor();
  expect(findings.filter(({ check }) => check === 'database').map(({ what }) => what)).toEqual([
    'it holds no database of Curfew',
  ]);
  expect(findings.some(({ check }) => check === 'keys')).toBe(false);
  expect(readFileSync(database).length).toBe(0);
  copyFileSync(`${database}.new`, database);
  const db = openDatabase({ sqlite: database });
  await db
    .insertInto('kysely_migration' as never)
    .values({ name: '9999_later', timestamp: '2030' } as never)
    .execute();
  await db.destroy();
  expect((await faults())[0]).toBe('failed database: the database was written by a newer Curfew (9999_later)');
});

test('a database that lost what guards it, or what it was to hold', async () => {
  const db = openDatabase({ sqlite: database });
  await sql`drop trigger audit_no_update`.execute(db);
  await sql`alter table audit rename column line to lines`.execute(db).finally(() => db.destroy());
  const { findings } = await doctor();
  expect(findings.filter(({ check }) => check === 'database')).toEqual([
    {
      check: 'database',
      standing: 'failed',
      what: 'the database is not as Curfew makes it: the column audit.line is missing, the trigger audit_no_update is missing',
      todo: 'stop the server, keep a copy of the database, and restore the last backup',
    },
  ]);
});

test('a database with a trigger that somebody added', async () => {
  const db = openDatabase({ sqlite: database });
  await sql`create trigger own after insert on audit begin select 1; end`.execute(db).finally(() => db.destroy());
  const { findings } = await doctor();
  const seen = findings.filter(({ check }) => check === 'database');
  expect(seen.map(({ standing, what }) => `${standing} ${what}`)).toEqual([
    'warning Curfew has not made the trigger own, and does not know what it does',
    'ok the database is whole',
  ]);
});

test('a database that lacks what is noted beside it', async () => {
  writeFileSync(`${database}-end`, `${JSON.stringify({ seq: 40, hash: 'a'.repeat(64) })}\n`, { mode: 0o600 });
  expect((await faults())[0]).toBe('failed database: the database lacks line 40 of its audit log, which it had');
});

test('a PostgreSQL that is not there is told of once', async () => {
  configure({ database: { postgres: 'postgres://curfew:CANARY@127.0.0.1:1/curfew' } });
  const { findings, text } = await doctor();
  const wrong = findings.filter(({ check, standing }) => standing === 'failed' && check !== 'clock');
  expect(wrong.map(({ check, what }) => `${check} ${what}`)).toEqual([expect.stringMatching(/^database .*ECONNREFUSED/)]);
  expect(text).not.toContain('CANARY');
});

test('who has no certificate that can be used is named, while he is to get copies', async () => {
  const alpha = await makeParty('security@alpha.example');
  const roster = [
    {
      organisation: 'Alpha',
      lists: ['distributors@orbit.example'],
      contacts: [{ address: alpha.address, certificate: alpha.public }],
    },
  ];
  const file = join(folder, 'roster.json');
  writeFileSync(file, JSON.stringify(roster));
  expect(await project.curfew('roster', 'import', file, '--activate', '--reason', 'known')).toMatchObject({ code: 0 });
  const of = async () => (await doctor()).findings.filter(({ check }) => check === 'certificates').map(({ what }) => what);
  expect(await of()).toEqual(['1 people get copies, and can all be encrypted to']);
  const db = openDatabase({ sqlite: database });
  const revoked = await binary(await changed(alpha, systemClock.now(), { revoked: true }));
  await db
    .updateTable('certificates')
    .set({ data: Buffer.from(revoked) })
    .execute();
  await db.destroy();
  expect(await of()).toEqual(['nothing can be encrypted to security@alpha.example (Alpha): copies for them are held']);
  const again = openDatabase({ sqlite: database });
  await again.updateTable('contacts').set({ active: 0 }).execute();
  await again.destroy();
  expect(await of()).toEqual(['0 people get copies, and can all be encrypted to']);
});

test('a key of a list that is not there, and a passphrase that opens none', async () => {
  const [list] = project.made.lists;
  const key = join(project.dir, 'keys', `${list?.fingerprint}.asc`);
  renameSync(key, `${key}.gone`);
  expect(await faults()).toContain(
    `failed keys: the key of ${list?.address} (${list?.fingerprint}) is not in the folder of the list keys`,
  );
  renameSync(`${key}.gone`, key);
  writeFileSync(join(folder, 'other'), 'another passphrase\n', { mode: 0o600 });
  configure({ passphrase: { file: join(folder, 'other') } });
  expect((await faults())[0]).toMatch(/^failed keys: .*passphrase/);
});

test('a clock that has been later', async () => {
  const db = openDatabase({ sqlite: database });
  await db
    .updateTable('clock')
    .set({ high_water: systemClock.now() + DAY })
    .execute();
  await db
    .insertInto('clock')
    .values({ id: 1, high_water: systemClock.now() + DAY })
    .onConflict((oc) => oc.doNothing())
    .execute();
  await db.destroy();
  expect(await faults()).toContainEqual(expect.stringMatching(/^failed clock: it has been 20/));
});

test.each([
  ['refuses us', { greeting: '554 5.7.1 no' } as const, /relay-refuses-us: .*554/],
  ['is going down', { ehlo: '421 4.3.2 later' } as const, /421/],
])('a relay that %s', async (_, script, what) => {
  const other = await scriptedRelay(script);
  configure({ relay: { ...JSON.parse(written).relay, port: other.port } });
  expect(await faults()).toContainEqual(expect.stringMatching(what));
  await other.close();
});

test('a relay that is not there, and one with another’s certificate', async () => {
  const tls = makeCertificate('localhost');
  const other = await scriptedRelay({ ehlo: '250-relay.example\r\n250 STARTTLS' }, tls);
  configure({ relay: { ...JSON.parse(written).relay, port: other.port, tls: 'starttls' } });
  expect(await faults()).toContainEqual(expect.stringMatching(/^failed relay: .*relay-tls/));
  configure({ relay: { ...JSON.parse(written).relay, port: other.port, tls: 'starttls', authorityFile: tls.certificate } });
  expect(await faults()).toEqual([expect.stringMatching(/^warning server/)]);
  await other.close();
  expect(await faults()).toContainEqual(expect.stringMatching(/^failed relay: .*relay-unreachable/));
});

test('a TLS certificate that ends soon, for a name that is not that of the mail server', async () => {
  const soon = makeCertificate('elsewhere.example');
  configure({ smtp: { ...JSON.parse(written).smtp, tls: soon } });
  expect(await faults()).toEqual([
    expect.stringMatching(/^warning tls: the TLS certificate ends on 20/),
    'warning tls: the TLS certificate is for none of mx.orbit.example',
    OFF,
  ]);
  // Whoever sends asks for the name that MX says.
  configure({ smtp: { ...JSON.parse(written).smtp, tls: makeCertificate('orbit.example') } });
  expect(await faults()).toContain('warning tls: the TLS certificate is for none of mx.orbit.example');
  const asked = await project.curfew('doctor', '--dns', '127.0.0.1:1', '--json');
  const ofTls = JSON.parse(asked.stdout).filter(({ check }: { check: string }) => check === 'tls');
  expect(ofTls.map(({ standing }: { standing: string }) => standing)).toEqual(['warning', 'unknown']);
});

test('a server that is not ready says why', async () => {
  const answers = [
    [503, { detail: 'the key of security@orbit.example is not loaded' }],
    [200, { status: 'ready' }],
  ] as const;
  let asked = 0;
  const server = createServer((_request, response) => {
    const [status, body] = answers[asked++] ?? answers[0];
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  configure({ http: { host: '0.0.0.0', port } });
  expect(await faults()).toEqual([
    `failed server: the server at 127.0.0.1:${port} is not ready: the key of security@orbit.example is not loaded`,
  ]);
  expect(await faults()).toEqual([]);
  server.close();
});

test('a name server is named by its address', async () => {
  const { code, stderr } = await project.curfew('doctor', '--dns', 'dns.example');
  expect([code, stderr]).toEqual([2, expect.stringContaining('An IP address')]);
  expect(statSync(database).size).toBeGreaterThan(0);
});
