import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { type Clock, newToken } from '../clock.ts';
import { type Config, checkConfig, isLoopback, readPassphrase } from '../config.ts';
import { Refusal } from '../refusal.ts';
import { createList } from '../roster/lists.ts';
import { issueToken } from '../roster/tokens.ts';
import { makeDatabase } from '../store/database.ts';
import { all as allLists } from '../store/lists.ts';
import { migrate } from '../store/migrate.ts';
import type { List, ListRole } from '../store/schema.ts';
import { atHost } from './local.ts';
import { askSecret } from './prompt.ts';

export interface ProjectAnswers {
  dir: string;
  project: string;
  domain: string;
  smtpPort: number;
  httpPort: number;
  relay: { host: string; port: number };
  /** From the current folder; null: one is made. */
  passphraseFile: string | null;
  /** URL of a PostgreSQL database; null: SQLite in `dir`. */
  postgres: string | null;
}

export interface Project {
  /** Absolute paths. */
  config: string;
  passphraseFile: string;
  /** The first admin token, in clear, here and nowhere else. */
  token: string;
  lists: List[];
}

/** What is made in the folder, in the order in which it is moved there: a config.json says that all is there. */
const PARTS = ['passphrase', 'keys', 'data', 'config.json'];

const LISTS: { name: string; role: ListRole }[] = [
  { name: 'security', role: 'intake' },
  { name: 'distributors', role: 'private' },
  { name: 'announce', role: 'public' },
];

/**
 * Makes a project: configuration, database, three lists with their keys, the first admin token. It is made aside and
 * moved into `dir` as the last step; where anything fails, `dir` is as it was.
 * Throws ConfigError for bad answers, Refusal('conflict') where a project, or a part of one, is there.
 */
export async function makeProject(answers: ProjectAnswers, clock: Clock): Promise<Project> {
  const dir = resolve(answers.dir);
  const there = PARTS.filter((part) => existsSync(join(dir, part)) && !isGivenPassphrase(part, answers));
  if (there.length > 0) throw new Refusal('conflict', `${dir} holds a project already, or a part of one: ${there.join(', ')}`);
  const written = configOf(answers);
  const config = checkConfig(written, dir);
  const passphrase = answers.passphraseFile === null ? newToken(32) : await readPassphrase(config, askSecret);

  const made = await mkdir(dir, { recursive: true, mode: 0o700 });
  try {
    const aside = await mkdtemp(join(dir, '.init-'));
    try {
      if (answers.passphraseFile === null) await writePrivate(join(aside, 'passphrase'), `${passphrase}\n`);
      const { token, lists } = await fill(checkConfig(written, aside), passphrase, clock);
      await writePrivate(join(aside, 'config.json'), `${JSON.stringify(written, null, 2)}\n`);
      await moveParts(aside, dir);
      const passphraseFile = resolve(dir, written.passphrase.file);
      return { config: join(dir, 'config.json'), passphraseFile, token, lists };
    } finally {
      await rm(aside, { recursive: true, force: true });
    }
  } catch (error) {
    if (made !== undefined) await rm(made, { recursive: true, force: true });
    throw error;
  }
}

/** The passphrase that the new project is to use may well lie in its folder. */
function isGivenPassphrase(part: string, { dir, passphraseFile }: ProjectAnswers): boolean {
  return passphraseFile !== null && part === 'passphrase' && resolve(passphraseFile) === resolve(dir, part);
}

/** As it is written to the file: what is not said has its default. */
function configOf({ dir, project, domain, smtpPort, httpPort, relay, passphraseFile, postgres }: ProjectAnswers) {
  const implicit = relay.port === 465;
  return {
    project,
    domain,
    keys: 'keys',
    passphrase: { file: passphraseFile === null ? 'passphrase' : fromFolder(dir, passphraseFile) },
    database: postgres === null ? { sqlite: 'data/curfew.db' } : { postgres },
    smtp: { host: '127.0.0.1', port: smtpPort, protocol: 'smtp', tls: null },
    http: { host: '127.0.0.1', port: httpPort },
    relay: { ...relay, tls: isLoopback(relay.host) ? 'none' : implicit ? 'implicit' : 'starttls' },
    log: 'info',
  };
}

/** What lies in the folder moves with it; what lies elsewhere is named for good. */
function fromFolder(dir: string, file: string): string {
  const inside = relative(resolve(dir), resolve(file));
  return inside.startsWith('..') ? resolve(file) : inside;
}

async function fill(config: Config, passphrase: string, clock: Clock): Promise<{ token: string; lists: List[] }> {
  const db = makeDatabase(config.database);
  try {
    await migrate(db);
    // A database elsewhere may serve another project already.
    if ((await allLists(db)).length > 0) throw new Refusal('conflict', 'The database holds the lists of a project already');
    const lists: List[] = [];
    const local = { db, clock, by: atHost() };
    for (const { name, role } of LISTS) {
      const list = { address: `${name}@${config.domain}`, role, name: `${config.project} ${name}` };
      lists.push(await createList({ ...local, keys: config.keys, passphrase }, list));
    }
    const { token } = await issueToken(local, { name: 'admin', role: 'admin', person: null, days: null });
    return { token, lists };
  } finally {
    await db.destroy();
  }
}

async function moveParts(from: string, to: string): Promise<void> {
  const moved: string[] = [];
  try {
    for (const part of PARTS) {
      if (!existsSync(join(from, part))) continue;
      await rename(join(from, part), join(to, part));
      moved.push(part);
    }
  } catch (error) {
    for (const part of moved) await rm(join(to, part), { recursive: true, force: true });
    throw error;
  }
}

async function writePrivate(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
