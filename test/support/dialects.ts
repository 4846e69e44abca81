import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, describe, inject } from 'vitest';
import { type Database, type DatabaseConfig, openDatabase } from '../../src/store/database.ts';
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

const neverOpened = () => Promise.reject(new Error('PostgreSQL is absent'));

/** Where databases come from: `create` copies one that was migrated once a test file. */
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
  const db = openDatabase(config);
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

function postgres(url: string): Source {
  const own = `test_${process.pid}_${process.hrtime.bigint()}`;
  const at = (name: string): DatabaseConfig => ({ postgres: Object.assign(new URL(url), { pathname: `/${name}` }).href });
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  let made: Promise<void> | undefined;
  let count = 0;
  const template = async () => {
    await pool.query(`create database ${own}`);
    await migrated(at(own));
  };
  return {
    create: async () => {
      made ??= template();
      await made;
      const name = `${own}_${++count}`;
      await pool.query(`create database ${name} template ${own}`);
      return at(name);
    },
    drop: async (config) => {
      if ('postgres' in config) await pool.query(`drop database ${new URL(config.postgres).pathname.slice(1)} with (force)`);
    },
    end: async () => {
      if (made) await pool.query(`drop database if exists ${own} with (force)`);
      await pool.end();
    },
  };
}
