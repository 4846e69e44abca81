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
import { migrate, migrations } from '../../src/store/migrate.ts';
import { RELEASE_AT } from './gate-rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'curfew-upgrade-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As the migrations before that one leave it. */
async function migrateBefore(db: Database, number: string): Promise<void> {
  const last = Object.keys(migrations)
    .sort()
    .filter((name) => name < number)
    .at(-1);
  await migrate(db, last);
}

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

/** A database as the migration before the proofs of contacts left it, with a contact of a member in each of several states. */
async function beforeProofs(db: Database): Promise<void> {
  await migrateBefore(db, '0012');
  for (const state of ['applied', 'vetted', 'active', 'key_hold', 'suspended', 'removed'])
    for (const statement of [
      sql`insert into members (id, organisation, state, created_at, updated_at) values (${state}, ${state}, ${state}, 1, 1)`,
      sql`insert into contacts (id, member_id, address, created_at) values (${state}, ${state}, ${`${state}@x.example`}, 2)`,
      sql`insert into certificates (id, contact_id, fingerprint, data, state, created_at)
        values (${state}, ${state}, ${state}, ${Buffer.alloc(1)}, 'current', 2)`,
    ])
      await statement.execute(db);
  await sql`insert into key_proofs values ('p', 'vetted', 'vetted', 'n', 3, 4), ('q', 'applied', 'applied', 'm', 3, null)`.execute(
    db,
  );
}

/** A database as the migration before the removals that last left it, with one who was removed and each that came of it. */
async function beforeRemovals(db: Database): Promise<void> {
  await migrateBefore(db, '0021');
  const histories = {
    removed: ['remove'],
    rejected: ['remove', 'apply', 'reject'],
    applied: ['remove', 'apply'],
    active: ['remove', 'apply', 'activate'],
    vetted: ['apply'],
  };
  let seq = 0;
  for (const [state, history] of Object.entries(histories)) {
    await sql`insert into members (id, organisation, state, created_at, updated_at) values (${state}, ${state}, ${state}, 1, 1)`.execute(
      db,
    );
    for (const action of history)
      await sql`insert into audit values (${++seq}, '', '', ${seq * 100}, 'x', ${`member.${action}`}, ${`member:${state}`})`.execute(
        db,
      );
  }
}

const removals = (db: Database) => db.selectFrom('members').select(['id', 'state', 'removed_at']).orderBy('id').execute();
const REMOVED = [
  { id: 'active', state: 'active', removed_at: null },
  { id: 'applied', state: 'applied', removed_at: 500 },
  { id: 'rejected', state: 'removed', removed_at: 200 },
  { id: 'removed', state: 'removed', removed_at: 100 },
  { id: 'vetted', state: 'vetted', removed_at: null },
];

/** A database as the migration before the lives of members left it, with one who never began anew and three who did. */
async function beforeLives(db: Database): Promise<void> {
  await migrateBefore(db, '0028');
  const histories = {
    first: ['apply', 'activate'],
    applied: ['apply', 'remove', 'apply'],
    entered: ['remove', 'add', 'activate'],
    unlogged: [],
  };
  let seq = 0;
  for (const [id, history] of Object.entries(histories)) {
    await sql`insert into members (id, organisation, state, created_at, updated_at, round)
      values (${id}, ${id}, 'active', 1, 7, ${id === 'first' ? 1 : 2})`.execute(db);
    for (const action of history)
      await sql`insert into audit values (${++seq}, '', '', ${seq * 100}, 'x', ${`member.${action}`}, ${`member:${id}`})`.execute(
        db,
      );
  }
}

const lives = (db: Database) => db.selectFrom('members').select(['id', 'began_at']).orderBy('id').execute();
const BEGAN = [
  { id: 'applied', began_at: 500 },
  { id: 'entered', began_at: 700 },
  { id: 'first', began_at: null },
  { id: 'unlogged', began_at: 7 },
];

/** A database as the migration before the words that no instant stands left it, with members and a reporter who were told one or none. */
async function beforeNone(db: Database): Promise<void> {
  await migrateBefore(db, '0031');
  await sql`insert into lists (id, address, role, name, fingerprint, created_at)
    values ('l', 'security@orbit.example', 'intake', 's', 'F', 1)`.execute(db);
  const rows = {
    agreed: { told: 50, agreed: 50, aside: null, scheduled: 2 },
    anew: { told: 50, agreed: null, aside: null, scheduled: null },
    first: { told: 5, agreed: 50, aside: 'leaked', scheduled: 2 },
    public: { told: 50, agreed: 50, aside: 'public_already', scheduled: 2 },
    untold: { told: null, agreed: 50, aside: null, scheduled: 2 },
  };
  let number = 0;
  for (const [id, { told, agreed, aside, scheduled }] of Object.entries(rows))
    await sql`insert into cases (id, year, number, state, list_id, thread_token, received_at, revision, updated_at, noticed_at, aside_at,
      aside, scheduled_at, release_at, agreed_release_at, told_release_at, reporter_release_at)
      values (${id}, 2026, ${++number}, 'received', 'l', ${id}, 1, 1, 7, ${told === null ? null : 5}, ${aside === null ? null : 6},
      ${aside}, ${scheduled}, 50, ${agreed}, ${told}, ${told === null ? null : 50})`.execute(db);
}

const told = (db: Database) =>
  db
    .selectFrom('cases')
    .select(['id', 'told_release_at', 'told_none_at', 'reporter_release_at', 'reporter_none_at'])
    .orderBy('id')
    .execute();
const TOLD = [
  { id: 'agreed', told_release_at: 50, told_none_at: null, reporter_release_at: 50, reporter_none_at: null },
  { id: 'anew', told_release_at: 50, told_none_at: 7, reporter_release_at: 50, reporter_none_at: 7 },
  { id: 'first', told_release_at: null, told_none_at: 5, reporter_release_at: 50, reporter_none_at: null },
  { id: 'public', told_release_at: 50, told_none_at: 7, reporter_release_at: 50, reporter_none_at: null },
  { id: 'untold', told_release_at: null, told_none_at: null, reporter_release_at: null, reporter_none_at: null },
];

/** A database as the migration before the places of posts left it: one case that goes on, one that was withdrawn, one that leaked. */
async function beforePlaces(db: Database): Promise<void> {
  await migrateBefore(db, '0048');
  await sql`insert into lists (id, address, role, name, fingerprint, created_at)
    values ('l', 'security@orbit.example', 'intake', 's', 'F', 1)`.execute(db);
  for (const [number, [id, aside]] of Object.entries({ on: null, over: 'withdrawn', out: 'leaked' }).entries()) {
    await sql`insert into cases (id, year, number, state, list_id, thread_token, received_at, revision, updated_at, aside, aside_at)
      values (${id}, 2026, ${number + 1}, 'received', 'l', ${id}, 1, 1, 7, ${aside}, ${aside === null ? null : 20})`.execute(db);
    for (const at of [30, 10, 20])
      await sql`insert into posts (id, list_id, case_id, kind, digest, encrypted, received_at, size, content)
        values (${`${id} ${at}`}, 'l', ${id}, 'notice', ${`${id} ${at}`}, 1, ${at + number}, 1, ${Buffer.alloc(1)})`.execute(db);
  }
}

const places = async (db: Database) => ({
  posts: (await db.selectFrom('posts').select('id').orderBy('place').execute()).map(({ id }) => id),
  until: await db.selectFrom('cases').select(['id', 'told_until']).orderBy('number').execute(),
});
const PLACED = {
  posts: ['on 10', 'over 10', 'out 10', 'on 20', 'over 20', 'out 20', 'on 30', 'over 30', 'out 30'],
  until: [
    { id: 'on', told_until: null },
    // What was told with it is of later than that.
    { id: 'over', told_until: 2 },
    { id: 'out', told_until: null },
  ],
};

const proofs = (db: Database) => db.selectFrom('contacts').select(['id', 'proved_at']).orderBy('id').execute();
const PROVED = [
  { id: 'active', proved_at: 2 },
  { id: 'applied', proved_at: null },
  { id: 'key_hold', proved_at: 2 },
  { id: 'removed', proved_at: null },
  { id: 'suspended', proved_at: 2 },
  { id: 'vetted', proved_at: 4 },
];

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

test('who got copies until now goes on getting them, and whoever proved a key has proved it: sqlite', async () => {
  await using({ sqlite: join(folder, 'proofs.db') }, async (db) => {
    await beforeProofs(db);
    await migrate(db);
    expect(await proofs(db)).toEqual(PROVED);
  });
});

test('who was removed, and was not admitted again since, is so still: sqlite', async () => {
  await using({ sqlite: join(folder, 'removals.db') }, async (db) => {
    await beforeRemovals(db);
    await migrate(db);
    expect(await removals(db)).toEqual(REMOVED);
  });
});

test('who began anew did so when the log says that he was entered last: sqlite', async () => {
  await using({ sqlite: join(folder, 'lives.db') }, async (db) => {
    await beforeLives(db);
    await migrate(db);
    expect(await lives(db)).toEqual(BEGAN);
  });
});

test('who was told of no instant that stands goes by none, and whoever was told one by that: sqlite', async () => {
  await using({ sqlite: join(folder, 'none.db') }, async (db) => {
    await beforeNone(db);
    await migrate(db);
    expect(await told(db)).toEqual(TOLD);
  });
});

test('posts are in the order in which they came, and what was told before a case was over is so: sqlite', async () => {
  await using({ sqlite: join(folder, 'places.db') }, async (db) => {
    await beforePlaces(db);
    await migrate(db);
    expect(await places(db)).toEqual(PLACED);
  });
});

const server = inject('postgres');

describe.skipIf('absent' in server)('postgres', () => {
  const adminUrl = 'url' in server ? server.url : '';
  const name = () => `upgrade_${newToken(6)}`;
  const names = [name(), name(), name(), name(), name(), name()] as const;
  const query = async (statement: string) => {
    const client = new pg.Client({ connectionString: adminUrl });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  };
  afterAll(async () => {
    for (const name of names) await query(`drop database if exists ${name} with (force)`);
  });
  const inNew = async (name: string, act: (db: Database) => Promise<void>) => {
    await query(`create database ${name}`);
    await using({ postgres: Object.assign(new URL(adminUrl), { pathname: `/${name}` }).href }, act);
  };

  test('what was released before keeps the digest of its public post', async () => {
    await inNew(names[0], async (db) => {
      await before(db);
      await migrate(db);
      expect(await digests(db)).toEqual(UPGRADED);
    });
  });

  test('who got copies until now goes on getting them, and whoever proved a key has proved it', async () => {
    await inNew(names[1], async (db) => {
      await beforeProofs(db);
      await migrate(db);
      expect(await proofs(db)).toEqual(PROVED);
    });
  });

  test('who was removed, and was not admitted again since, is so still', async () => {
    await inNew(names[2], async (db) => {
      await beforeRemovals(db);
      await migrate(db);
      expect(await removals(db)).toEqual(REMOVED);
    });
  });

  test('who began anew did so when the log says that he was entered last', async () => {
    await inNew(names[3], async (db) => {
      await beforeLives(db);
      await migrate(db);
      expect(await lives(db)).toEqual(BEGAN);
    });
  });

  test('who was told of no instant that stands goes by none, and whoever was told one by that', async () => {
    await inNew(names[4], async (db) => {
      await beforeNone(db);
      await migrate(db);
      expect(await told(db)).toEqual(TOLD);
    });
  });

  test('posts are in the order in which they came, and what was told before a case was over is so', async () => {
    await inNew(names[5], async (db) => {
      await beforePlaces(db);
      await migrate(db);
      expect(await places(db)).toEqual(PLACED);
    });
  });
});
