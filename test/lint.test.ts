import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importing } from './support/imports.ts';
import { run } from './support/process.ts';

const ROOT = join(import.meta.dirname, '..');

/** What each file may and may not import; the lint rule must say the same. */
const walls: Record<string, { may: string[]; mayNot: string[] }> = {
  'src/clock.ts': { may: ['node:crypto'], mayNot: ['./mail/address.ts', './store/schema.ts', 'kysely', 'openpgp'] },
  'src/seams.ts': {
    may: ['./clock.ts', './pgp/keyring.ts', './store/database.ts'],
    mayNot: ['./store/posts.ts', './post/receive.ts', './smtp/server.ts'],
  },
  'src/mail/x.ts': {
    may: ['./message.ts', '../clock.ts', '../refusal.ts', 'libmime', 'node:crypto'],
    mayNot: [
      '../pgp/open.ts',
      '../store/schema.ts',
      '../post/checks.ts',
      '../smtp/server.ts',
      '../log.ts',
      '../seams.ts',
      'openpgp',
      'nodemailer',
      'node:fs',
      'node:net',
      'kysely',
    ],
  },
  'src/pgp/x.ts': {
    may: ['openpgp', 'piscina', '../mail/message.ts', '../clock.ts', '../refusal.ts', 'node:fs/promises', './seal.ts'],
    mayNot: [
      '../store/schema.ts',
      '../post/checks.ts',
      '../roster/state.ts',
      '../delivery/work.ts',
      '../smtp/server.ts',
      '../seams.ts',
      'kysely',
      'fastify',
    ],
  },
  'src/post/checks.ts': {
    may: [
      '../mail/message.ts',
      '../pgp/open.ts',
      '../store/schema.ts',
      '../refusal.ts',
      '../roster/state.ts',
      '../embargo/gate.ts',
    ],
    mayNot: [
      '../store/posts.ts',
      '../store/database.ts',
      './receive.ts',
      '../seams.ts',
      '../pgp/keyring.ts',
      '../pgp/pool.ts',
      'node:fs',
      'kysely',
      'openpgp',
    ],
  },
  'src/post/admit.ts': { may: ['./checks.ts', '../store/schema.ts'], mayNot: ['../store/lists.ts', './receive.ts', 'node:net'] },
  'src/embargo/gate.ts': {
    may: ['../clock.ts', '../store/schema.ts', './bundle.ts'],
    mayNot: ['../store/cases.ts', './release.ts', '../delivery/work.ts'],
  },
  'src/embargo/policy.ts': { may: ['../clock.ts'], mayNot: ['../store/cases.ts', 'node:fs'] },
  'src/advisories/x.ts': {
    may: ['./advisory.ts', '../clock.ts', '../embargo/policy.ts', '../notices/templates.ts', 'node:crypto'],
    mayNot: [
      '../store/schema.ts',
      '../embargo/release.ts',
      '../notices/write.ts',
      '../seams.ts',
      '../mail/message.ts',
      'node:fs',
    ],
  },
  'src/delivery/outcome.ts': {
    may: ['../clock.ts'],
    mayNot: ['../store/deliveries.ts', '../smtp/client.ts', 'nodemailer', 'node:net'],
  },
  'src/delivery/backoff.ts': { may: ['../clock.ts'], mayNot: ['../store/deliveries.ts', './work.ts'] },
  'src/cases/state.ts': {
    may: ['../store/schema.ts', '../roster/state.ts'],
    mayNot: ['../store/cases.ts', '../post/receive.ts'],
  },
  'src/store/x.ts': {
    may: [
      'kysely',
      'pg',
      'better-sqlite3',
      './schema.ts',
      '../clock.ts',
      '../cases/state.ts',
      '../embargo/gate.ts',
      '../../migrations/0001_initial.ts',
    ],
    mayNot: [
      '../post/receive.ts',
      '../embargo/release.ts',
      '../delivery/work.ts',
      '../roster/import.ts',
      '../pgp/open.ts',
      '../smtp/server.ts',
      '../http/server.ts',
      '../cli/init.ts',
      '../main.ts',
      'openpgp',
    ],
  },
  'src/post/receive.ts': {
    may: [
      './admit.ts',
      '../store/posts.ts',
      '../pgp/open.ts',
      '../mail/message.ts',
      '../seams.ts',
      '../delivery/copies.ts',
      'node:crypto',
    ],
    mayNot: [
      '../smtp/session.ts',
      './../smtp/session.ts',
      '../../src/smtp/session.ts',
      '../post/../smtp/session.ts',
      'kysely/helpers/sqlite',
      'node:module',
      '../http/server.ts',
      '../cli/init.ts',
      '../main.ts',
      '../config.ts',
      'openpgp',
      'kysely',
      'pg',
      'nodemailer',
      'fastify',
      '@fastify/swagger',
    ],
  },
  'src/delivery/work.ts': {
    may: ['../store/deliveries.ts', '../embargo/gate.ts', './outcome.ts'],
    mayNot: ['../smtp/client.ts', 'nodemailer', 'nodemailer/lib/mime-node'],
  },
  'src/new/x.ts': {
    may: ['../clock.ts', './y.ts'],
    mayNot: ['../mail/message.ts', '../post/receive.ts', '../smtp/server.ts', 'node:net', 'kysely', 'left-pad'],
  },
  'src/post/commands/x.ts': {
    may: ['../receive.ts', './y.ts', '../../clock.ts', '../../store/posts.ts', '../../roster/members.ts', 'node:crypto'],
    mayNot: ['../../smtp/server.ts', '../../http/server.ts', '../../config.ts', '../../main.ts', 'kysely', 'openpgp', 'node:net'],
  },
  'src/roster/plan.ts': {
    may: ['./entries.ts', './state.ts', '../store/members.ts', '../store/certificates.ts', '../pgp/renewal.ts'],
    mayNot: ['./import.ts', '../store/database.ts', '../pgp/keyring.ts', '../seams.ts', 'node:fs', 'typebox'],
  },
  'src/embargo/loop.ts': {
    may: ['../log.ts', '../seams.ts', '../delivery/copies.ts', './release.ts'],
    mayNot: ['pino', 'mailparser', 'libmime', 'node:net', 'node:fs', 'typebox', '../listening.ts'],
  },
  'src/cli/demo/x.ts': {
    may: ['../init.ts', '../../main.ts', '../../smtp/client.ts', '../../store/lists.ts', 'node:fs/promises'],
    mayNot: ['openpgp', 'kysely', 'nodemailer', 'fastify'],
  },
  'src/roster/import.ts': {
    may: ['./state.ts', '../store/members.ts'],
    mayNot: ['../cli/roster.ts', '../http/members.ts', 'better-sqlite3'],
  },
  'src/smtp/server.ts': {
    may: ['smtp-server', 'nodemailer', '../post/receive.ts', '../store/lists.ts', '../config.ts', './session.ts'],
    mayNot: ['../http/server.ts', '../cli/init.ts', '../main.ts', 'openpgp', 'kysely', 'fastify', 'prom-client'],
  },
  'src/oidc/x.ts': {
    may: ['openid-client', '../clock.ts', '../refusal.ts', 'node:crypto'],
    mayNot: ['../store/identities.ts', '../roster/sign-in.ts', '../config.ts', '../http/server.ts', '../log.ts', 'node:https'],
  },
  'src/http/server.ts': {
    may: ['fastify', '@fastify/swagger', 'prom-client', '../embargo/approve.ts', '../store/cases.ts', '../config.ts'],
    mayNot: ['../smtp/client.ts', '../cli/init.ts', '../main.ts', 'openpgp', 'kysely', 'smtp-server'],
  },
  'src/main.ts': {
    may: ['./smtp/server.ts', './http/server.ts', './store/migrate.ts', './embargo/loop.ts', './config.ts'],
    mayNot: ['./cli/serve.ts', 'kysely', 'openpgp'],
  },
  'src/cli/serve.ts': {
    may: ['../main.ts', '../smtp/client.ts', '../roster/import.ts', 'commander'],
    mayNot: ['openpgp', 'kysely', 'pg', 'fastify', 'smtp-server'],
  },
  'migrations/0009_x.ts': { may: ['kysely'], mayNot: ['../src/store/schema.ts', './0001_initial.ts', 'node:fs'] },
};

describe('the walls between the folders', () => {
  let refused: Map<string, Set<string>>;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'curfew-walls-'));
    refused = await lint(folder);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(Object.entries(walls))('%s imports what it may, and nothing else', (file, { mayNot }) => {
    expect([...(refused.get(file) ?? [])].sort()).toEqual([...mayNot].sort());
  });
});

/** Lints a folder in which each file imports all of its cases; gives the imports refused by file. */
async function lint(folder: string): Promise<Map<string, Set<string>>> {
  await cp(join(ROOT, 'biome.json'), join(folder, 'biome.json'));
  for (const [file, { may, mayNot }] of Object.entries(walls)) {
    await mkdir(join(folder, dirname(file)), { recursive: true });
    await writeFile(join(folder, file), [...may, ...mayNot].map(importing).join('\n'));
  }
  const biome = join(ROOT, 'node_modules', '.bin', 'biome');
  const options = ['--only=style/noRestrictedImports', '--reporter=github', '--max-diagnostics=none', '--vcs-enabled=false'];
  const { stdout, stderr } = await run(biome, ['lint', ...options, '.'], { cwd: folder });
  const refused = new Map<string, Set<string>>();
  for (const [, path, line] of stdout.matchAll(/title=lint\/style\/noRestrictedImports,file=([^,]+),line=(\d+)/g)) {
    const file = Object.keys(walls).find((name) => path?.endsWith(name));
    const wall = file === undefined ? undefined : walls[file];
    const specifier = wall && [...wall.may, ...wall.mayNot][Number(line) - 1];
    if (!file || !specifier) throw new Error(`not understood: ${path}:${line}`);
    refused.set(file, (refused.get(file) ?? new Set()).add(specifier));
  }
  if (refused.size === 0) throw new Error(`biome refused nothing: ${stdout}${stderr}`);
  return refused;
}
