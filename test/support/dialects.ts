import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, describe, inject } from 'vitest';
import { type Database, type DatabaseConfig, makeDatabase, openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';

export interface TestDatabase {
  db: Database;
  /** Opens the same database a second time: openDatabase(config). */
  config: DatabaseConfig;
}

export interface Engine {
  name: 'sqlite' | 'postgres';
  /** A fresh, migrated database; closed and removed after the test that opened it. */
  open(): Promise<TestDatabase>;
}

/**
 * The same tests on each database that Curfew runs on. `define` registers them.
 * @example eachEngine((engine) => { test('stores a case', async () => { const { db } = await engine.open(); ... }); });
 */
export function eachEngine(define: (engine: Engine) => void): void {
  describe('sqlite', () => define({ name: 'sqlite', open: opener(sqlite()) }));
  const server = inject('postgres');
  if ('absent' in server)
    describe.skip(`postgres (absent: ${server.absent})`, () => define({ name: 'postgres', open: neverOpened }));
  else describe('postgres', () => define({ name: 'postgres', open: opener(postgres(server.url)) }));
}

/** On SQLite alone: for what costs and has no part in the database. */
export function oneEngine(define: (engine: Engine) => void): void {
  describe('sqlite', () => define({ name: 'sqlite', open: opener(sqlite()) }));
}

const neverOpened = () => Promise.reject(new Error('PostgreSQL is absent'));

/** Where databases come from, once a test file. */
interface Source {
  create(): Promise<DatabaseConfig>;
  drop(config: DatabaseConfig): Promise<void>;
  end(): Promise<void>;
}

function opener(source: Source): () => Promise<TestDatabase> {
  const opened: TestDatabase[] = [];
  afterEach(async () => {
    for (const { db, config } of opened.splice(0)) {
      await db.destroy();
      await source.drop(config);
    }
  });
  afterAll(() => source.end());
  return async () => {
    const config = await source.create();
    const database = { db: openDatabase(config), config };
    opened.push(database);
    return database;
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
  const folder = mkdtempSync(join(tmpdir(), 'curfew-sqlite-'));
  const template = join(folder, 'template.db');
  let made: Promise<void> | undefined;
  return {
    create: async () => {
      made ??= migrated({ sqlite: template });
      await made;
      const path = join(mkdtempSync(join(folder, 'database-')), 'curfew.db');
      copyFileSync(template, path);
      return { sqlite: path };
    },
    drop: async (config) => {
      if ('sqlite' in config) rmSync(join(config.sqlite, '..'), { recursive: true, force: true });
    },
    end: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Making a database takes PostgreSQL a fifth of a second, emptying one a few milliseconds: they are used again within a file. */
function postgres(url: string): Source {
  const server = new pg.Pool({ connectionString: url, max: 1 });
  const at = (name: string) => Object.assign(new URL(url), { pathname: `/${name}` }).href;
  const made = new Map<string, { name: string; owner: pg.Client }>();
  const free: string[] = [];
  const make = async () => {
    const name = `test_${process.pid}_${process.hrtime.bigint()}`;
    await server.query(`create database ${name}`);
    await migrated({ postgres: at(name) });
    const owner = new pg.Client({ connectionString: at(name) });
    await owner.connect();
    made.set(at(name), { name, owner });
    return at(name);
  };
  return {
    create: async () => ({ postgres: free.pop() ?? (await make()) }),
    drop: async (config) => {
      if (!('postgres' in config)) return;
      await made.get(config.postgres)?.owner.query(EMPTY);
      free.push(config.postgres);
    },
    end: async () => {
      for (const { name, owner } of made.values()) {
        await owner.end();
        await server.query(`drop database ${name} with (force)`);
      }
      await server.end();
    },
  };
}

/** Ends whatever connection a test forgot, and takes every row but what a migration wrote; the schema stays, so no test may change it. */
const EMPTY = `do $$ declare name text; begin
  perform pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid();
  perform set_config('session_replication_role', 'replica', true);
  for name in select tablename from pg_tables where schemaname = 'public' and tablename not like 'kysely%' loop
    execute format('delete from %I', name);
  end loop;
  insert into audit_end values (1, 0, repeat('0', 64));
end $$`;
