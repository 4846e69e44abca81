import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, inject } from 'vitest';
import { type Database, type DatabaseConfig, makeDatabase, openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { watched } from './record-last.ts';

export interface TestDatabase {
  db: Database;
  /** Opens the same database a second time: openDatabase(config). */
  config: DatabaseConfig;
}

export interface OpenedDatabase extends TestDatabase {
  /**
   * What a second node has of it, closed after the test: of PostgreSQL connections of its own. Of SQLite, which has one node, the same
   * connection: in one process a second one that waits for the write lock would keep the one that has it from going on.
   */
  elsewhere(): Database;
}

export interface Engine {
  name: 'sqlite' | 'postgres';
  /** A fresh, migrated database; closed and removed after the test that opened it, which fails where `record` was not the last of a move. */
  open(): Promise<OpenedDatabase>;
  /** What is there before the first migration: a SQLite file that does not exist, an empty database of PostgreSQL. Gone after the test. */
  blank(): Promise<DatabaseConfig>;
}

/**
 * The same tests on each database that Curfew runs on. `define` registers them.
 * @example eachEngine((engine) => { test('stores a case', async () => { const { db } = await engine.open(); ... }); });
 */
export function eachEngine(define: (engine: Engine) => void): void {
  describe('sqlite', () => define({ name: 'sqlite', open: opener(SQLITE), blank: blanks(SQLITE) }));
  const server = inject('postgres');
  if ('absent' in server)
    describe.skip(`postgres (absent: ${server.absent})`, () =>
      define({ name: 'postgres', open: neverOpened, blank: neverOpened }));
  else {
    onPostgres ??= postgres(server.url);
    const source = onPostgres;
    describe('postgres', () => define({ name: 'postgres', open: opener(source), blank: blanks(source) }));
  }
}

/** On SQLite alone: for what costs and has no part in the database. */
export function oneEngine(define: (engine: Engine) => void): void {
  describe('sqlite', () => define({ name: 'sqlite', open: opener(SQLITE), blank: blanks(SQLITE) }));
}

const neverOpened = () => Promise.reject(new Error('PostgreSQL is absent'));

/** Where databases come from, for all test files of this process. What it has made goes with the run. */
interface Source {
  create(): Promise<DatabaseConfig>;
  drop(config: DatabaseConfig): Promise<void>;
  blank(): Promise<DatabaseConfig>;
  /** Of a blank one, whatever it holds by now. */
  remove(config: DatabaseConfig): Promise<void>;
  /** At the end of a test file. */
  tidy(): Promise<void>;
}

function opener(source: Source): () => Promise<OpenedDatabase> {
  const opened: { config: DatabaseConfig; nodes: Database[] }[] = [];
  const late: string[] = [];
  afterEach(async () => {
    for (const { nodes, config } of opened.splice(0)) {
      for (const db of nodes) await db.destroy();
      await source.drop(config);
    }
    expect(late.splice(0), 'what a transaction did after `record`, which is the last in it').toEqual([]);
  });
  afterAll(() => source.tidy());
  return async () => {
    const config = await source.create();
    const open = () => watched(openDatabase(config), (statement) => late.push(statement));
    const db = open();
    const nodes = [db];
    const elsewhere = () => {
      if ('sqlite' in config) return db;
      const other = open();
      nodes.push(other);
      return other;
    };
    opened.push({ config, nodes });
    return { db, config, elsewhere };
  };
}

function blanks(source: Source): () => Promise<DatabaseConfig> {
  const made: DatabaseConfig[] = [];
  afterEach(async () => {
    for (const config of made.splice(0)) await source.remove(config);
  });
  return async () => {
    const config = await source.blank();
    made.push(config);
    return config;
  };
}

async function migrated(config: DatabaseConfig): Promise<void> {
  const db = makeDatabase(config);
  try {
    await migrate(db);
  } finally {
    await db.destroy();
  }
}

function sqlite(): Source {
  const making = async () => {
    const template = join(mkdtempSync(join(inject('folder'), 'template-')), 'curfew.db');
    await migrated({ sqlite: template });
    return template;
  };
  let made: Promise<string> | undefined;
  const drop = async (config: DatabaseConfig) => {
    if ('sqlite' in config) rmSync(join(config.sqlite, '..'), { recursive: true, force: true });
  };
  return {
    create: async () => {
      made ??= making();
      const template = await made;
      const path = join(mkdtempSync(join(inject('folder'), 'database-')), 'curfew.db');
      copyFileSync(template, path);
      return { sqlite: path };
    },
    drop,
    blank: async () => ({ sqlite: join(mkdtempSync(join(inject('folder'), 'database-')), 'curfew.db') }),
    remove: drop,
    tidy: async () => {},
  };
}

/** Making a database takes PostgreSQL a fifth of a second, emptying one a few milliseconds: they are used again within this process. */
function postgres(url: string): Source {
  const server = new pg.Pool({ connectionString: url, max: 1 });
  const at = (name: string) => Object.assign(new URL(url), { pathname: `/${name}` }).href;
  const owners = new Map<string, pg.Client>();
  const free: string[] = [];
  const named = async () => {
    const name = `test_${process.pid}_${process.hrtime.bigint()}`;
    await server.query(`create database ${name}`);
    return name;
  };
  const make = async () => {
    const name = await named();
    await migrated({ postgres: at(name) });
    const owner = new pg.Client({ connectionString: at(name) });
    await owner.connect();
    owners.set(at(name), owner);
    return at(name);
  };
  return {
    create: async () => ({ postgres: free.pop() ?? (await make()) }),
    drop: async (config) => {
      if (!('postgres' in config)) return;
      await owners.get(config.postgres)?.query(EMPTY);
      free.push(config.postgres);
    },
    blank: async () => ({ postgres: at(await named()) }),
    remove: async (config) => {
      if ('postgres' in config) await server.query(`drop database ${new URL(config.postgres).pathname.slice(1)} with (force)`);
    },
    // Deleted rows are gone through again and again, until they are swept out.
    tidy: async () => {
      for (const owner of owners.values()) await owner.query(`vacuum ${await tablesOf(owner)}`);
    },
  };
}

async function tablesOf(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ name: string }>(`select tablename as name from pg_tables where schemaname = 'public'`);
  return rows.map(({ name }) => name).join();
}

const SQLITE = sqlite();
let onPostgres: Source | undefined;

/** Ends whatever connection a test forgot, and takes every row but what a migration wrote; the schema stays, so no test may change it. */
const EMPTY = `do $$ declare name text; begin
  perform pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid();
  perform set_config('session_replication_role', 'replica', true);
  for name in select tablename from pg_tables where schemaname = 'public' and tablename not like 'kysely%' loop
    execute format('delete from %I', name);
  end loop;
  insert into audit_end values (1, 0, repeat('0', 64));
end $$`;
