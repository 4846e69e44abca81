import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import nodemailer from 'nodemailer';
import { newId, systemClock } from '../../src/clock.ts';
import type { RosterEntry } from '../../src/roster/entries.ts';
import { issueToken } from '../../src/roster/tokens.ts';
import { type DatabaseConfig, openDatabase } from '../../src/store/database.ts';
import * as lists from '../../src/store/lists.ts';
import type { ListRole } from '../../src/store/schema.ts';
import { LISTS } from './house.ts';
import { makeParty, type Party } from './party.ts';
import { type Ended, type Running, runCurfew, startCurfew } from './process.ts';

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
  start(): Promise<void>;
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
  /** Resolves when no copy is queued or under way. */
  settled(): Promise<void>;
  certificate(list: string): Promise<string>;
  enrol(...entries: RosterEntry[]): Promise<void>;
  /** A bearer token of the role `team`; the same for the same person. */
  token(person: string): Promise<string>;
  /** Makes an address one of those that get what LISTS.announce publishes. */
  publish(address: string, kind?: 'subscriber' | 'external'): Promise<void>;
  api(token: string, method: string, path: string, body?: object): Promise<{ status: number; body: Record<string, unknown> }>;
  /** Hands a mail to its SMTP door; the last reply, whether it took the mail or not. */
  send(from: string, to: string, raw: Buffer): Promise<string>;
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
  const [dir, temporary] = [join(root, 'project'), join(root, 'tmp')];
  mkdirSync(temporary);
  const env = { TMPDIR: temporary };
  const must = async (...args: string[]) => {
    const done = await runCurfew(args, { env });
    if (done.code !== 0) throw new Error(`curfew ${args.join(' ')}: ${done.stderr}`);
    return done.stdout;
  };
  const ports = ['--smtp-port', String(setting.smtpPort ?? 0), '--http-port', String(setting.httpPort ?? 0)];
  const relay = ['--relay', `127.0.0.1:${setting.relay.port}`];
  const words = ['--project', 'orbit', '--domain', 'orbit.example', ...ports, ...relay, '--yes', '--json'];
  const made: Made = JSON.parse(await must('init', '--dir', dir, ...words));
  const config = join(dir, 'config.json');
  configure(config, setting);
  const adminToken = setting.database ? await seed(setting.database, made) : made.token;
  const of = (...args: string[]) => must(...args, '--config', config);

  const lives: Running[] = [];
  const tokens = new Map<string, Promise<string>>();
  const certificates = new Map<string, Promise<string>>();
  const current = () => lives.at(-1) as Running;
  const database = () => join(dir, 'data', 'curfew.db');

  const instance: Instance = {
    dir,
    config,
    temporary,
    adminToken,
    fingerprints: Object.fromEntries(made.lists.map(({ address, fingerprint }) => [address, fingerprint])),
    smtpPort: 0,
    httpPort: 0,
    pid: 0,
    async start() {
      const life = startCurfew(['serve', '--config', config], { env });
      lives.push(life);
      await life.line(/^ready$/);
      instance.pid = life.pid;
      instance.smtpPort = Number((await life.line(/^[sl]mtp \S+:(\d+)$/))[1]);
      instance.httpPort = Number((await life.line(/^http \S+:(\d+)$/))[1]);
    },
    stop: () => current().kill('SIGTERM'),
    kill: () => current().kill('SIGKILL'),
    said: () => lives.map((life) => life.said()).join(''),
    curfew: (...args) => runCurfew([...args, '--config', config], { env }),
    rows: (statement, ...parameters) => withSqlite(database(), (db) => db.prepare(statement).all(...parameters)) as never,
    makeDue: () => withSqlite(database(), (db) => db.exec(`update deliveries set due_at = 0 where state = 'deferred'`), false),
    async settled() {
      for (let glances = 0; ; glances++) {
        const open = await Promise.all(['queued', 'leased'].map((state) => copies(instance, state)));
        if (open.flat().length === 0) return;
        if (glances > 600) throw new Error(`not settled: ${JSON.stringify(open)}`);
        await pause(25);
      }
    },
    certificate(list) {
      const certificate = certificates.get(list) ?? of('keys', 'export', list);
      certificates.set(list, certificate);
      return certificate;
    },
    async enrol(...entries) {
      const file = join(root, 'roster.json');
      writeFileSync(file, JSON.stringify(entries));
      await of('roster', 'import', file, '--activate', '--reason', 'known for years');
    },
    token(person) {
      const wish = { name: person, role: 'team', person };
      const token = tokens.get(person) ?? create(instance, '/tokens', wish).then((made) => String(made['token']));
      tokens.set(person, token);
      return token;
    },
    publish: async (address, kind = 'subscriber') => {
      await create(instance, `/lists/${LISTS.announce}/recipients`, { address, kind });
    },
    api: (token, method, path, body) => request(instance.httpPort, token, method, path, body),
    send: (from, to, raw) => send(instance.smtpPort, { from, to, raw }),
    async close() {
      if (lives.length > 0) await instance.kill();
      rmSync(root, { recursive: true, force: true });
    },
  };
  try {
    const roster = setting.roster ?? (await standardRoster());
    if (roster.length > 0) await instance.enrol(...roster);
    await instance.start();
    return instance;
  } catch (error) {
    await instance.close();
    throw error;
  }
}

function configure(path: string, { protocol = 'smtp', log = 'info', database }: Setting): void {
  const written = JSON.parse(readFileSync(path, 'utf8'));
  const changed = { ...written, smtp: { ...written.smtp, protocol }, log, database: database ?? written.database };
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
    return (await issueToken({ db, clock: systemClock }, { name: 'admin', role: 'admin', person: null, days: null })).token;
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

async function request(port: number, token: string, method: string, path: string, body?: object) {
  const headers = { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) };
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
    method,
    headers,
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await answer.text();
  return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> };
}

async function send(port: number, { from, to, raw }: { from: string; to: string; raw: Buffer }): Promise<string> {
  const transport = nodemailer.createTransport({ host: '127.0.0.1', port, ignoreTLS: true, name: 'client.example' });
  try {
    return (await transport.sendMail({ envelope: { from, to }, raw })).response;
  } catch (error) {
    if (error instanceof Error && 'response' in error) return String(error.response);
    throw error;
  } finally {
    transport.close();
  }
}
