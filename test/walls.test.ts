import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cyclesOf, importing, importsOf, sourcesIn } from './support/imports.ts';

const ROOT = join(import.meta.dirname, '..');

const LOW = ['clock.ts', 'refusal.ts'];
const MOVES = ['roster', 'cases', 'embargo', 'notices', 'advisories', 'post', 'delivery', 'audit', 'backup'];
const BELOW = [...LOW, 'log.ts', 'seams.ts', 'schema-problems.ts', 'mail', 'pgp', 'store', 'rules', ...MOVES];
const DOOR = [...BELOW, 'listening.ts', 'config.ts'];
/** Rules know the words of others for what they judge: as types, gone when the program runs. */
const JUDGED = ['pgp/certificate.ts', 'pgp/layers.ts', 'pgp/open.ts', 'pgp/verify.ts', 'store/schema.ts'];
const JUDGED_BY_PLAN = ['roster/entries.ts', 'store/members.ts', 'store/certificates.ts', 'pgp/renewal.ts'];

/** Who may know whom, by folder or file below src. What is not named here knows nobody, and nobody knows it. */
const knows: Record<string, readonly string[]> = {
  'clock.ts': [],
  'refusal.ts': [],
  'log.ts': [],
  'listening.ts': [],
  'json-fault.ts': [],
  'schema-problems.ts': [],
  'policy-schema.ts': [],
  'config-schema.ts': ['policy-schema.ts'],
  'config.ts': ['config-schema.ts', 'json-fault.ts', 'schema-problems.ts'],
  'privileges.ts': ['config.ts', 'log.ts'],
  mail: [...LOW, 'mail'],
  pgp: [...LOW, 'mail', 'pgp'],
  rules: [...LOW, 'mail', 'rules', ...JUDGED, ...JUDGED_BY_PLAN],
  store: [...LOW, 'mail', 'rules', 'store', '../migrations'],
  'seams.ts': [
    'advisories/advisory.ts',
    'audit/entry.ts',
    'clock.ts',
    'delivery/at-hand.ts',
    'embargo/policy.ts',
    'embargo/recognise.ts',
    'notices/words.ts',
    'pgp/keyring.ts',
    'pgp/pool.ts',
    'store/begun.ts',
    'store/database.ts',
    'store/idempotency.ts',
    'store/schema.ts',
  ],
  ...Object.fromEntries(MOVES.map((folder) => [folder, BELOW])),
  advisories: [...LOW, 'rules', 'advisories'],
  smtp: [...DOOR, 'smtp'],
  http: [...DOOR, 'policy-schema.ts', 'lookup', 'oidc', 'http'],
  'duties.ts': ['clock.ts', 'log.ts'],
  lookup: [...LOW, 'mail', 'lookup'],
  oidc: [...LOW, 'oidc'],
  wording: ['notices/templates.ts', 'notices/words.ts'],
  'ground.ts': ['config.ts', 'log.ts', 'privileges.ts', 'store'],
  'main.ts': [...DOOR, 'duties.ts', 'ground.ts', 'lookup', 'oidc', 'wording', 'smtp', 'http'],
  doctor: ['clock.ts', 'config.ts', 'log.ts', 'rules', 'embargo', 'pgp', 'roster', 'smtp', 'store', 'doctor'],
  cli: [...DOOR, 'json-fault.ts', 'smtp', 'http', 'wording', 'doctor', 'ground.ts', 'privileges.ts', 'main.ts', 'cli'],
};

/** What decides and does nothing. */
const RULE =
  /^(\w+\/state|cases\/(reminders|statistics|told)|post\/(checks|admit)|embargo\/(calendar|policy|presets|gate|bundle|proposal|clock-trust|boilerplate|fingerprint|hunks|recognise|shingles)|delivery\/(backoff|failure|health|outcome)|roster\/plan|notices\/templates)\.ts$/;

/** Whose a package is. One that is not named here, or another way into one, is nobody's. */
const owners: Record<string, readonly string[]> = {
  'ae-cvss-calculator': ['cases'],
  openpgp: ['pgp/settings.ts'],
  piscina: ['pgp/pool.ts', 'pgp/worker.ts'],
  mustache: ['wording'],
  'eckey-utils': ['pgp'],
  'encoding-japanese': ['mail'],
  'iconv-lite': ['mail'],
  libmime: ['mail', 'pgp'],
  libqp: ['mail'],
  mailparser: ['mail'],
  'nodemailer/lib/addressparser': ['mail'],
  kysely: ['store'],
  'better-sqlite3': ['store'],
  pg: ['store'],
  pino: ['log.ts'],
  'csv-parse/sync': ['roster'],
  typebox: [
    'config.ts',
    'config-schema.ts',
    'policy-schema.ts',
    'schema-problems.ts',
    'cases',
    'roster',
    'backup',
    'http',
    'cli',
  ],
  'typebox/value': ['config.ts', 'schema-problems.ts', 'cases', 'roster', 'backup', 'http', 'cli'],
  'typebox/compile': ['http'],
  'smtp-server': ['smtp'],
  'smtp-server/lib/smtp-connection.js': ['smtp'],
  'smtp-server/lib/smtp-stream.js': ['smtp'],
  nodemailer: ['smtp'],
  'fast-json-stringify': ['http'],
  fastify: ['http'],
  '@fastify/swagger': ['http'],
  '@fastify/swagger-ui': ['http'],
  '@fastify/type-provider-typebox': ['http'],
  'openid-client': ['oidc'],
  'prom-client': ['http/numbers.ts'],
  commander: ['cli'],
  'node:buffer': Object.keys(knows),
  'node:child_process': ['cli/doctor.ts', 'cli/gnupg.ts'],
  'node:crypto': Object.keys(knows),
  'node:fs': ['clock.ts', 'config.ts', 'wording', 'roster', 'store', 'smtp', 'doctor', 'cli'],
  'node:fs/promises': ['pgp', 'cli'],
  'node:dns/promises': ['lookup', 'doctor', 'cli/doctor.ts'],
  'node:http': ['http', 'cli/login.ts'],
  'node:https': ['lookup'],
  'node:module': ['pgp/pool.ts', 'embargo/recogniser.ts', 'store/damage.ts'],
  'node:net': ['config.ts', 'lookup', 'smtp', 'http', 'main.ts', 'cli/login.ts'],
  'node:os': ['cli'],
  'node:path': ['config.ts', 'wording', 'pgp', 'roster', 'store', 'doctor', 'cli'],
  'node:readline': ['cli'],
  'node:readline/promises': ['cli'],
  'node:stream': ['smtp', 'cli'],
  'node:stream/promises': ['cli'],
  'node:stream/web': ['pgp', 'cli'],
  'node:timers/promises': ['smtp', 'cli'],
  'node:tls': ['config.ts', 'smtp'],
  'node:url': ['smtp'],
  'node:v8': ['pgp/memory.ts'],
  'node:vm': ['pgp/memory.ts'],
  'node:worker_threads': [
    'pgp',
    'embargo/recogniser.ts',
    'embargo/recogniser-worker.ts',
    'store/damage.ts',
    'store/damage-worker.ts',
  ],
  'node:zlib': ['mail', 'cli'],
};

/** The names under which `knows` and `owners` may speak of a file. */
function namesOf(file: string): string[] {
  const [folder = ''] = file.split('/', 1);
  if (RULE.test(file)) return [file, 'rules'];
  return file.startsWith('../migrations/') ? [file, '../migrations'] : [file, folder];
}

/** What is wrong with the imports of these sources, a line each. */
function faultsOf(sources: ReadonlyMap<string, string>): string[] {
  const faults: string[] = [];
  for (const [path, source] of sources) {
    const names = namesOf(path);
    const known = names.map((name) => knows[name]).find((list) => list !== undefined);
    if (!known) faults.push(`${path} stands outside of all walls`);
    for (const { file, specifier, typeOnly } of importsOf(path, source)) {
      const allowed =
        file === null
          ? names.some((name) => owners[specifier]?.includes(name))
          : namesOf(file).some((name) => known?.includes(name)) &&
            (!JUDGED_BY_PLAN.includes(file) || !RULE.test(path) || path === 'roster/plan.ts') &&
            (!RULE.test(path) || RULE.test(file) || typeOnly || [...LOW, 'mail'].includes(namesOf(file)[1] ?? ''));
      if (!allowed) faults.push(`${path} may not import ${file ?? specifier}`);
    }
  }
  return faults;
}

const sources = sourcesIn(join(ROOT, 'src'));

test('every import of every source stays within the walls', () => {
  expect(faultsOf(sources)).toEqual([]);
});

test.each([
  ['post/receive.ts', '../smtp/server.ts'],
  ['post/receive.ts', './../smtp/server.ts'],
  ['post/receive.ts', '../post/../smtp/server.ts'],
  ['post/receive.ts', '../../src/smtp/server.ts'],
  ['post/commands/join.ts', '../../smtp/server.ts'],
  ['post/commands/join.ts', '../../config.ts'],
  ['post/receive.ts', 'kysely/helpers/sqlite'],
  ['post/receive.ts', 'node:net'],
  ['post/receive.ts', 'node:module'],
  ['embargo/loop.ts', 'pino'],
  ['embargo/loop.ts', 'mailparser'],
  ['post/checks.ts', '../pgp/keyring.ts'],
  ['post/checks.ts', '../store/members.ts'],
  ['embargo/gate.ts', '../pgp/pool.ts'],
  ['roster/plan.ts', '../store/database.ts'],
  ['roster/plan.ts', './import.ts'],
  ['advisories/csaf.ts', '../store/schema.ts'],
  ['advisories/csaf.ts', '../embargo/release.ts'],
  ['store/posts.ts', '../post/receive.ts'],
  ['mail/message.ts', '../pgp/open.ts'],
  ['http/server.ts', '../smtp/client.ts'],
  ['main.ts', './cli/serve.ts'],
  ['plugins/one.ts', '../clock.ts'],
  ['clock.ts', './config.ts'],
  ['clock.ts', '../test/support/ports.ts'],
])('%s may not import %s, in whatever form', (path, specifier) => {
  for (const form of [0, 1, 2, 3].map((index) => importing(specifier, index)))
    expect(faultsOf(new Map([[path, form]])), form).toContainEqual(expect.stringMatching(/^.* may not import /));
});

test('a rule reads what it judges as types only', () => {
  const gate = (statement: string) => faultsOf(new Map([['embargo/gate.ts', `${statement} '../store/schema.ts';`]]));
  expect(gate('import type { Case } from')).toEqual([]);
  expect(gate('import { Case } from')).toEqual(['embargo/gate.ts may not import store/schema.ts']);
});

test('what is loaded by a name that only the running program knows is refused', () => {
  expect(() => faultsOf(new Map([['clock.ts', 'await import(name);']]))).toThrow('loads what is not written there');
});

test('no file imports itself, by whatever way', () => {
  const circling = (files: ReadonlyMap<string, string>) =>
    cyclesOf(new Map([...files].map(([path, source]) => [path, importsOf(path, source)])));
  expect(circling(sources)).toEqual([]);
  const round = new Map([
    ['a.ts', "import { b } from './b.ts';"],
    ['b.ts', "export * from './c.ts';"],
    ['c.ts', "const a = await import('./a.ts');"],
  ]);
  expect(circling(round)).toEqual([['a.ts', 'b.ts', 'c.ts', 'a.ts']]);
});

test('time and chance come from the clock alone', async () => {
  const asks = /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(/;
  const guilty: string[] = [];
  for (const entry of await readdir(join(ROOT, 'src'), { recursive: true }))
    if (entry.endsWith('.ts') && entry !== 'clock.ts' && asks.test(await readFile(join(ROOT, 'src', entry), 'utf8')))
      guilty.push(entry);
  expect(guilty).toEqual([]);
});
