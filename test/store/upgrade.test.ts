import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Migrator, sql } from 'kysely';
import pg from 'pg';
import { afterAll, describe, expect, inject, test } from 'vitest';
import * as initial from '../../migrations/0001_initial.ts';
import * as gate from '../../migrations/0002_gate.ts';
import { newToken } from '../../src/clock.ts';
import { type Database, type DatabaseConfig, makeDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { RELEASE_AT } from './gate-rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'curfew-upgrade-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A database as the second migration left it, with a released case and an armed one. */
async function before(db: Database): Promise<void> {
  const older = { '0001_initial': initial, '0002_gate': gate };
  const { error } = await new Migrator({ db, provider: { getMigrations: async () => older } }).migrateToLatest();
  if (error) throw error;
  const armed = (id: string, number: number) => sql`insert into cases
    (id, year, number, state, list_id, thread_token, received_at, revision, release_at, draft_post_id, bundle_hash, updated_at)
    values (${id}, 2026, ${number}, 'armed', 'l', ${id}, 1, 1, ${RELEASE_AT}, 'draft', 'bundle', 1)`;
  for (const statement of [
    sql`insert into lists values ('l', 'security@orbit.example', 'intake', 's', 'F', 1)`,
    sql`insert into members (id, organisation, state, created_at, updated_at) values ('m', 'Orbit', 'active', 1, 1)`,
    armed('ORBIT-1', 1),
    armed('ORBIT-2', 2),
    sql`insert into posts (id, list_id, case_id, kind, digest, encrypted, received_at, size, content)
      values ('public', 'l', 'ORBIT-1', 'public', 'octets', 1, 1, 1, ${Buffer.alloc(1)})`,
    ...['lena', 'dirk'].flatMap((name) => [
      sql`insert into contacts (id, member_id, address, created_at) values (${name}, 'm', ${`${name}@orbit.example`}, 1)`,
      sql`insert into tokens (id, name, role, hash, person_id, created_at) values (${name}, ${name}, 'team', ${name}, ${name}, 1)`,
      sql`insert into approvals values ('ORBIT-1', 'bundle', ${name}, ${name}, 1)`,
    ]),
    sql`update cases set state = 'released', public_post_id = 'public', released_at = ${RELEASE_AT} where id = 'ORBIT-1'`,
  ])
    await statement.execute(db);
}

const digests = (db: Database) => db.selectFrom('cases').select(['id', 'public_digest']).orderBy('id').execute();
const UPGRADED = [
  { id: 'ORBIT-1', public_digest: 'octets' },
  { id: 'ORBIT-2', public_digest: null },
];

async function using(config: DatabaseConfig, act: (db: Database) => Promise<void>): Promise<void> {
  const db = makeDatabase(config);
  await act(db).finally(() => db.destroy());
}

test('what was released before keeps the digest of its public post: sqlite', async () => {
  await using({ sqlite: join(folder, 'whole.db') }, async (db) => {
    await before(db);
    await migrate(db);
    expect(await digests(db)).toEqual(UPGRADED);
  });
});

test('a migration that stopped half way left nothing, and can be made again: sqlite', async () => {
  await using({ sqlite: join(folder, 'half.db') }, async (db) => {
    await before(db);
    await sql`create trigger deliveries_blanks_insert before insert on deliveries begin select 1; end`.execute(db);
    await expect(migrate(db)).rejects.toThrow(/0003_posts_final failed/);
    await sql`drop trigger deliveries_blanks_insert`.execute(db);
    await migrate(db);
    expect(await digests(db)).toEqual(UPGRADED);
  });
});

test('of several that are to be made, the last one fails: none was made, and all can be made again: sqlite', async () => {
  await using({ sqlite: join(folder, 'last.db') }, async (db) => {
    await before(db);
    await sql`create table secrets (x)`.execute(db);
    await expect(migrate(db)).rejects.toThrow(/0004_posting failed/);
    await expect(digests(db)).rejects.toThrow(/public_digest/);
    await sql`drop table secrets`.execute(db);
    await migrate(db);
    expect(await digests(db)).toEqual(UPGRADED);
  });
});

const server = inject('postgres');

describe.skipIf('absent' in server)('postgres', () => {
  const adminUrl = 'url' in server ? server.url : '';
  const name = `upgrade_${newToken(6)}`;
  const query = async (statement: string) => {
    const client = new pg.Client({ connectionString: adminUrl });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  };
  afterAll(() => query(`drop database if exists ${name} with (force)`));

  test('what was released before keeps the digest of its public post', async () => {
    await query(`create database ${name}`);
    await using({ postgres: Object.assign(new URL(adminUrl), { pathname: `/${name}` }).href }, async (db) => {
      await before(db);
      await migrate(db);
      expect(await digests(db)).toEqual(UPGRADED);
    });
  });
});
