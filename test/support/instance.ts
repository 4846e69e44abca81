import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { SYSTEM } from '../../src/audit/entry.ts';
import { newId, SECOND, systemClock } from '../../src/clock.ts';
import type { RosterEntry } from '../../src/roster/entries.ts';
import { issueToken } from '../../src/roster/tokens.ts';
import { type DatabaseConfig, openDatabase } from '../../src/store/database.ts';
import * as lists from '../../src/store/lists.ts';
import type { ListRole } from '../../src/store/schema.ts';
import { request, send } from './doors.ts';
import { LISTS } from './house.ts';
import { makeParty, type Party } from './party.ts';
import { type Ended, type Running, runCurfew, type Surroundings, startCurfew } from './process.ts';

export interface Setting {
  /** Where its mail goes out, on loopback. */
  relay: { port: number };
  /** Any free one unless told. */
  smtpPort?: number;
  httpPort?: number;
  protocol?: 'smtp' | 'lmtp';
  log?: string;
  /** Empty and migrated; the project's own SQLite file unless given. */
  database?: DatabaseConfig;
  /** Instead of `standardRoster()`. */
  roster?: readonly RosterEntry[];
  /** Beside what `init` wrote, by the section of config.json. */
  options?: Readonly<Record<string, object>>;
  /** Of every `serve`, beside those of this process. */
  env?: Readonly<Record<string, string>>;
}

/** A project made by `curfew init` and served by `curfew serve`, a process of its own, as people would run it. */
export interface Instance {
  dir: string;
  config: string;
  /** TMPDIR of everything that is started here. */
  temporary: string;
  adminToken: string;
  /** Upper-case hex, by address. */
  fingerprints: Record<string, string>;
  /** While it is served. */
  smtpPort: number;
  httpPort: number;
  pid: number;
  /** Under further variables of the environment, and as another compiled `curfew`. */
  start(as?: Pick<Surroundings, 'env' | 'program'>): Promise<void>;
  /** SIGTERM; what it ended with. */
  stop(): Promise<Ended>;
  /** SIGKILL. */
  kill(): Promise<Ended>;
  /** Whatever every `serve` said so far. */
  said(): string;
  curfew(...args: string[]): Promise<Ended>;
  /** Of the project's own SQLite file, read only. */
  rows<Row>(statement: string, ...parameters: unknown[]): Row[];
  /** As if their minutes had passed: what was deferred is due now. */
  makeDue(): void;
  /** While it is stopped: as if the date of the machine had been set by `ms` since it ran. */
  setDate(ms: number): void;
  /** Resolves when no copy is queued or under way. Throws where one still is after `ms` (45 seconds: a test has a minute). */
  settled(ms?: number): Promise<void>;
  certificate(list: string): Promise<string>;
  enrol(...entries: RosterEntry[]): Promise<void>;
  /** A bearer token of the role `team`; the same for the same person. */
  token(person: string): Promise<string>;
  /** Makes an address one of those that get what LISTS.announce publishes. */
  publish(address: string, kind?: 'subscriber' | 'external'): Promise<void>;
  api(token: string, method: string, path: string, body?: object): Promise<{ status: number; body: Record<string, unknown> }>;
  /** Hands a mail to its SMTP door; the last reply, whether it took the mail or not. */
  send(from: string, to: string, raw: Buffer): Promise<string>;
  /** A further node of the same database (PostgreSQL), from a folder of its own. It is not served yet, and is closed before this one. */
  beside(): Instance;
  /** Ends it and removes everything. */
  close(): Promise<void>;
}

export const TEAM = ['lena@team.example', 'dirk@team.example', 'ada@team.example'] as const;
export const MEMBERS = ['alpha@alpha.example', 'beta@beta.example'] as const;

/** A team of three, and each of MEMBERS a member of its own; their keys are those of `makeParty`. */
export async function standardRoster(): Promise<RosterEntry[]> {
  const party = async (address: string) => contactOf(await makeParty(address));
  const members = MEMBERS.map(async (address) => memberOf(LISTS.distributors, await party(address)));
  const team = memberOf(LISTS.security, ...(await Promise.all(TEAM.map(party))));
  return [team, ...(await Promise.all(members))];
}

export function contactOf({ address, public: certificate }: Pick<Party, 'address' | 'public'>): RosterEntry['contacts'][number] {
  return { address, certificate };
}

/** An organisation named after the domain of its first contact. */
export function memberOf(list: string, ...contacts: RosterEntry['contacts']): RosterEntry {
  return { organisation: contacts[0]?.address.split('@')[1] ?? '', lists: [list], contacts };
}

interface Made {
  token: string;
  lists: { address: string; role: ListRole; fingerprint: string }[];
}

/** Makes a project with its roster and serves it. */
export async function openInstance(setting: Setting): Promise<Instance> {
  const root = mkdtempSync(join(tmpdir(), 'curfew-instance-'));
  try {
    const instance = instanceOf(await makeProject(root, setting), setting.env);
    const roster = setting.roster ?? (await standardRoster());
    if (roster.length > 0) await instance.enrol(...roster);
    await instance.start();
    return instance;
  } catch (error) {
    rmSync(root, { recursive: true, force: true });
    throw error;
  }
}

interface Project {
  root: string;
  dir: string;
  config: string;
  temporary: string;
  adminToken: string;
  fingerprints: Record<string, string>;
}

async function makeProject(root: string, setting: Setting): Promise<Project> {
  const [dir, temporary] = [join(root, 'project'), join(root, 'tmp')];
  mkdirSync(temporary);
  const ports = ['--smtp-port', String(setting.smtpPort ?? 0), '--http-port', String(setting.httpPort ?? 0)];
  const names = ['--project', 'orbit', '--domain', 'orbit.example', '--relay', `127.0.0.1:${setting.relay.port}`];
  const done = await runCurfew(['init', '--dir', dir, ...names, ...ports, '--yes', '--json'], { env: { TMPDIR: temporary } });
  if (done.code !== 0) throw new Error(done.stderr);
  const made: Made = JSON.parse(done.stdout);
  const config = join(dir, 'config.json');
  configure(config, setting);
  const adminToken = setting.database ? await seed(setting.database, made) : made.token;
  const fingerprints = Object.fromEntries(made.lists.map(({ address, fingerprint }) => [address, fingerprint]));
  return { root, dir, config, temporary, adminToken, fingerprints };
}

function instanceOf(project: Project, served: Setting['env'] = {}): Instance {
  const { root, dir, config, temporary } = project;
  const surroundings = { env: { TMPDIR: temporary } };
  const database = join(dir, 'data', 'curfew.db');
  const lives: Running[] = [];
  const kill = async (signal: NodeJS.Signals) => {
    const life = lives.at(-1);
    if (!life) throw new Error('it was never started');
    return life.kill(signal);
  };
  const instance: Instance = {
    ...project,
    smtpPort: 0,
    httpPort: 0,
    pid: 0,
    async start(as = {}) {
      const life = startCurfew(['serve', '--config', config], { ...as, env: { ...surroundings.env, ...served, ...as.env } });
      lives.push(life);
      await life.line(/^ready$/);
      instance.pid = life.pid;
      instance.smtpPort = Number((await life.line(/^[sl]mtp \S+:(\d+)$/))[1]);
      instance.httpPort = Number((await life.line(/^http \S+:(\d+)$/))[1]);
    },
    stop: () => kill('SIGTERM'),
    kill: () => kill('SIGKILL'),
    said: () => lives.map((life) => life.said()).join(''),
    curfew: (...args) => runCurfew([...args, '--config', config], surroundings),
    rows: (statement, ...parameters) => withSqlite(database, (db) => db.prepare(statement).all(...parameters)) as never,
    makeDue: () => withSqlite(database, (db) => db.exec(`update deliveries set due_at = 0 where state = 'deferred'`), false),
    setDate: (ms) => withSqlite(database, (db) => db.exec(`update clock_lines set line = line - ${ms}`), false),
    settled: (ms) => settled(instance, ms),
    certificate: remembered((list) => must(instance, 'keys', 'export', list)),
    enrol: async (...entries) => {
      writeFileSync(join(root, 'roster.json'), JSON.stringify(entries));
      await must(instance, 'roster', 'import', join(root, 'roster.json'), '--activate', '--reason', 'known for years', '--quiet');
    },
    token: remembered(async (person) => {
      const { code, stdout, stderr } = await instance.curfew(
        'token',
        'create',
        '--name',
        person,
        '--role',
        'team',
        '--person',
        person,
        '--json',
      );
      if (code !== 0) throw new Error(stderr);
      return String(JSON.parse(stdout).token);
    }),
    publish: async (address, kind = 'subscriber') => {
      await create(instance, `/lists/${LISTS.announce}/recipients`, { address, kind });
    },
    api: (token, method, path, body) => request(instance.httpPort, token, method, path, body),
    send: (from, to, raw) => send(instance.smtpPort, { from, to, raw }),
    beside: () => {
      const own = join(root, 'beside');
      const folder = join(own, 'project');
      cpSync(dir, folder, { recursive: true });
      return instanceOf({ ...project, root: own, dir: folder, config: join(folder, 'config.json') }, served);
    },
    async close() {
      if (lives.length > 0) await kill('SIGKILL');
      rmSync(root, { recursive: true, force: true });
    },
  };
  return instance;
}

/** Asks once for each argument. */
function remembered(ask: (of: string) => Promise<string>): (of: string) => Promise<string> {
  const answers = new Map<string, Promise<string>>();
  return (of) => {
    const answer = answers.get(of) ?? ask(of);
    answers.set(of, answer);
    return answer;
  };
}

async function must({ curfew }: Instance, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await curfew(...args);
  if (code !== 0) throw new Error(`curfew ${args.join(' ')}: ${stderr}`);
  return stdout;
}

async function settled(instance: Instance, ms = 45 * SECOND): Promise<void> {
  const until = systemClock.now() + ms;
  for (;;) {
    const open = await Promise.all(['queued', 'leased'].map((state) => copies(instance, state)));
    if (open.flat().length === 0) return;
    if (systemClock.now() > until) throw new Error(`not settled: ${JSON.stringify(open)}`);
    await pause(100);
  }
}

function configure(path: string, { protocol = 'smtp', log = 'info', database, options = {} }: Setting): void {
  const written = JSON.parse(readFileSync(path, 'utf8'));
  const changed = { ...written, smtp: { ...written.smtp, protocol }, log, database: database ?? written.database };
  for (const [section, of] of Object.entries(options)) changed[section] = { ...changed[section], ...of };
  writeFileSync(path, JSON.stringify(changed));
}

/** What `init` puts into its own database; the admin token there. */
async function seed(config: DatabaseConfig, made: Made): Promise<string> {
  const db = openDatabase(config);
  try {
    for (const { address, role, fingerprint } of made.lists) {
      const created_at = systemClock.now();
      await lists.insert(db, { id: newId(systemClock), address, role, name: address, fingerprint, created_at });
    }
    return (await issueToken({ db, clock: systemClock, by: SYSTEM }, { name: 'admin', role: 'admin', person: null, days: null }))
      .token;
  } finally {
    await db.destroy();
  }
}

function withSqlite<T>(path: string, use: (db: Sqlite.Database) => T, readonly = true): T {
  const db = new Sqlite(path, { readonly, timeout: 5_000 });
  try {
    return use(db);
  } finally {
    db.close();
  }
}

async function create({ api, adminToken }: Instance, path: string, wish: object): Promise<Record<string, unknown>> {
  const { status, body } = await api(adminToken, 'POST', path, wish);
  if (status !== 201) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
  return body;
}

async function copies({ api, adminToken }: Instance, state: string): Promise<unknown[]> {
  const { status, body } = await api(adminToken, 'GET', `/deliveries?state=${state}&limit=1`);
  if (status !== 200 || !Array.isArray(body['items'])) throw new Error(`${status} ${JSON.stringify(body)}`);
  return body['items'];
}
