import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { sql } from 'kysely';
import { expect, inject, test } from 'vitest';
import { lookThrough } from '../../src/store/damage.ts';
import { type Database, type Db, makeDatabase, openDatabase, openToRead } from '../../src/store/database.ts';
import { openDump } from '../../src/store/dump.ts';
import { addedTriggers, changesOf, firstOf } from '../../src/store/integrity.ts';
import * as lists from '../../src/store/lists.ts';
import { migrate, migrations, pendingMigrations } from '../../src/store/migrate.ts';
import { type Engine, eachEngine } from '../support/dialects.ts';

const linesOf = async (db: Db) => (await changesOf(db)).map(({ line }) => line);

/** What is told of a migrated database to which this was done; all of it is undone. */
async function toldAfter(db: Database, statements: readonly string[]): Promise<string[]> {
  const trx = await db.startTransaction().execute();
  try {
    for (const statement of statements) await sql.raw(statement).execute(trx);
    return await linesOf(trx);
  } finally {
    await trx.rollback().execute();
  }
}

/** What somebody does to a database, in the words of each engine, and what is told of it. */
const harm: Record<string, Record<Engine['name'], { by: string[]; told: string[] }>> = {
  'a trigger was dropped': {
    sqlite: {
      by: ['drop trigger deliveries_public_insert'],
      told: ['the trigger deliveries_public_insert is missing'],
    },
    postgres: {
      by: ['drop trigger deliveries_public on deliveries'],
      told: ['the trigger deliveries_public of deliveries is missing'],
    },
  },
  'a trigger was put in its place that does nothing': {
    sqlite: {
      by: ['drop trigger audit_no_update', 'create trigger audit_no_update before update on audit begin select 1; end'],
      told: ['the trigger audit_no_update is not as Curfew makes it'],
    },
    postgres: {
      by: ['create or replace function audit_refuse() returns trigger language plpgsql as $$ begin return null; end $$'],
      told: ['the trigger audit_refuse of audit is not as Curfew makes it'],
    },
  },
  'a trigger looks at less than it did': {
    sqlite: {
      by: [
        'drop trigger cases_needed_delete',
        `create trigger cases_needed_delete before delete on cases when old.state in ('Armed', 'released')
          begin select raise(abort, 'a case that is armed or released is not deleted'); end`,
      ],
      told: ['the trigger cases_needed_delete is not as Curfew makes it'],
    },
    postgres: {
      by: [
        'drop trigger cases_needed on cases',
        'create trigger cases_needed before delete on cases for each row when (false) execute function cases_needed()',
      ],
      told: ['the trigger cases_needed of cases is not as Curfew makes it'],
    },
  },
  'a table was dropped, of which nothing else is told': {
    sqlite: { by: ['drop table delivery_attempts'], told: ['the table delivery_attempts is missing'] },
    postgres: { by: ['drop table delivery_attempts cascade'], told: ['the table delivery_attempts is missing'] },
  },
  'a column was renamed': {
    sqlite: {
      by: ['alter table audit_end rename column hash to hush'],
      told: ['the column audit_end.hash is missing'],
    },
    postgres: {
      by: ['alter table audit_end rename column hash to hush'],
      told: ['the column audit_end.hash is missing'],
    },
  },
  'a column may hold what it may not': {
    sqlite: {
      by: [
        'drop table audit_end',
        'create table audit_end (id integer primary key check (id = 1), seq integer, hash text not null) strict',
      ],
      told: ['the column audit_end.seq is not as Curfew makes it'],
    },
    postgres: {
      by: ['alter table audit_end alter column seq drop not null'],
      told: ['the column audit_end.seq is not as Curfew makes it'],
    },
  },
  'nothing is checked any more': {
    sqlite: {
      by: [
        'drop table audit_end',
        'create table audit_end (id integer primary key, seq integer not null, hash text not null) strict',
      ],
      told: ['the check of audit_end, ( id = 1 ) is missing'],
    },
    postgres: {
      by: ['alter table audit_end drop constraint audit_end_id_check'],
      told: ['the constraint audit_end_id_check of audit_end is missing'],
    },
  },
  'a key is none any more, and a row may refer to what is not there': {
    sqlite: {
      by: ['drop table case_numbers', 'create table case_numbers (year integer, last integer not null) strict'],
      told: ['the column case_numbers.year is not as Curfew makes it'],
    },
    postgres: {
      by: ['alter table case_team drop constraint case_team_pk', 'alter table case_team drop constraint case_team_case_id_fkey'],
      told: [
        'the constraint case_team_case_id_fkey of case_team is missing',
        'the constraint case_team_pk of case_team is missing',
      ],
    },
  },
  'an index was dropped that lets nothing be there twice': {
    sqlite: { by: ['drop index certificates_current'], told: ['the index certificates_current is missing'] },
    postgres: { by: ['drop index certificates_current'], told: ['the index certificates_current is missing'] },
  },
  'an index lets twice be there what it did not': {
    sqlite: {
      by: ['drop index tokens_sign_in', 'create index tokens_sign_in on tokens (sign_in)'],
      told: ['the index tokens_sign_in is not as Curfew makes it'],
    },
    postgres: {
      by: ['drop index tokens_sign_in', 'create index tokens_sign_in on tokens (sign_in)'],
      told: ['the index tokens_sign_in is not as Curfew makes it'],
    },
  },
  'a view was dropped': {
    sqlite: { by: ['drop view all_deliveries'], told: ['the view all_deliveries is missing'] },
    postgres: { by: ['drop view all_deliveries'], told: ['the view all_deliveries is missing'] },
  },
};

eachEngine((engine) => {
  test.each(Object.entries(harm))('it is told where %s', async (_, { [engine.name]: { by, told } }) => {
    const { db } = await engine.open();
    expect(await toldAfter(db, by)).toEqual(told);
  });

  test('nothing is told of a database after each of the migrations that it has had', async () => {
    const db = makeDatabase(await engine.blank());
    try {
      for (const name of Object.keys(migrations).sort()) {
        await migrate(db, name);
        expect(await linesOf(db), name).toEqual([]);
      }
    } finally {
      await db.destroy();
    }
  });

  test('of an older one it is told where a table is missing', async () => {
    const db = makeDatabase(await engine.blank());
    try {
      await migrate(db, '0030_came_back');
      expect(await toldAfter(db, ['drop table case_numbers'])).toEqual(['the table case_numbers is missing']);
    } finally {
      await db.destroy();
    }
  });

  test('what somebody added is nothing that lacks', async () => {
    const { db } = await engine.open();
    const added = [
      'create table notes (id integer primary key, words text)',
      'create view own as select id from posts',
      'create index posts_own on posts (size)',
      'alter table lists add column remark text',
    ];
    expect(await toldAfter(db, added)).toEqual([]);
  });

  test('a trigger that somebody added to a table of ours lacks nothing, and is named', async () => {
    const { db } = await engine.open();
    expect(await addedTriggers(db)).toEqual([]);
    const added: Record<Engine['name'], string[]> = {
      sqlite: ['own before insert on audit begin select 1; end', 'other before insert on notes begin select 1; end'],
      postgres: ['own', 'other'].map(
        (name) =>
          `${name} before insert on ${name === 'own' ? 'audit' : 'notes'} for each row execute function suppress_redundant_updates_trigger()`,
      ),
    };
    const trx = await db.startTransaction().execute();
    try {
      await sql`create table notes (id integer primary key)`.execute(trx);
      for (const trigger of added[engine.name]) await sql.raw(`create trigger ${trigger}`).execute(trx);
      expect(await addedTriggers(trx)).toEqual([engine.name === 'sqlite' ? 'the trigger own' : 'the trigger own of audit']);
      expect(await linesOf(trx)).toEqual([]);
    } finally {
      await trx.rollback().execute();
    }
  });

  test('another way to write the same is no other schema', async () => {
    const { db } = await engine.open();
    const again: Record<Engine['name'], string[]> = {
      sqlite: [
        'drop index contacts_member',
        'CREATE INDEX  contacts_member\n ON contacts("member_id")',
        'drop trigger audit_no_update',
        `CREATE TRIGGER "audit_no_update" BEFORE UPDATE ON "audit"
          BEGIN SELECT RAISE ( ABORT, 'the audit log is only appended to' ); END`,
      ],
      postgres: [
        'alter table audit_end drop constraint audit_end_id_check',
        'alter table audit_end add constraint audit_end_id_check check (id=1) not valid',
      ],
    };
    expect(await toldAfter(db, again[engine.name])).toEqual([]);
  });

  test.runIf(engine.name === 'postgres')('a trigger that is there and switched off is told of', async () => {
    const { db } = await engine.open();
    const switched = ['alter table cases disable trigger cases_final', 'alter table audit enable always trigger audit_refuse'];
    expect(await toldAfter(db, switched)).toEqual(['the trigger cases_final of cases is disabled']);
  });

  test.runIf(engine.name === 'postgres').each(['0012_proofs', '0030_came_back', '0043_late'])(
    'another node may migrate from %s meanwhile',
    async (from) => {
      for (let round = 0; round < 2; round++) {
        const config = await engine.blank();
        const [node, other] = [makeDatabase(config), makeDatabase(config)];
        try {
          await migrate(node, from);
          let done = false;
          const migrating = migrate(node).finally(() => {
            done = true;
          });
          while (!done) {
            expect(await pendingMigrations(other)).toMatchObject({ unknown: [] });
            expect(await linesOf(other)).toEqual([]);
          }
          await migrating;
        } finally {
          await node.destroy();
          await other.destroy();
        }
      }
    },
  );
});

eachEngine((engine) => {
  const onPostgres = test.runIf(engine.name === 'postgres');

  onPostgres.each<[string, string[], string]>([
    [
      'a setting of the connection',
      ['set local session_replication_role = replica'],
      'session_replication_role is replica, so that no trigger does anything (which is of the session: reset session_replication_role)',
    ],
    [
      'references that are disabled',
      ['alter table case_team disable trigger all'],
      'the references of case_team are disabled (alter table case_team enable trigger all)',
    ],
    [
      'a table that a crash empties',
      ['alter table audit_end set unlogged'],
      'a crash empties audit_end, which is unlogged (alter table audit_end set logged)',
    ],
    [
      'a rule',
      ['create rule "Gone" as on insert to audit do instead nothing'],
      'the rule Gone changes what is done to audit (drop rule "Gone" on audit)',
    ],
    [
      'row-level security',
      [
        'create role reading',
        'grant select on all tables in schema public to reading',
        'alter table audit enable row level security',
        'set local role reading',
      ],
      'row-level security hides rows of audit (alter table audit disable row level security)',
    ],
  ])('it is told where guards are switched off by %s, and how that is ended', async (_, by, told) => {
    const { db } = await engine.open();
    expect(await toldAfter(db, by)).toEqual([told]);
  });

  onPostgres('what does nothing to Curfew is not told of', async () => {
    const { db } = await engine.open();
    const harmless = [
      'create table notes (id integer); create rule none as on insert to notes do instead nothing',
      'alter table notes set unlogged; alter table notes disable trigger all',
      'alter table audit enable row level security',
      'set local session_replication_role = local',
      'set local quote_all_identifiers = on',
    ];
    expect(await toldAfter(db, harmless)).toEqual([]);
  });

  test('a view of the same columns that shows less is told of', async () => {
    const { db } = await engine.open();
    const by: Record<Engine['name'], string[]> = {
      sqlite: ['drop view all_deliveries', 'create view all_deliveries as select * from deliveries where false'],
      postgres: [
        `do $$ begin execute format('create or replace view all_deliveries as select * from (%s) as every_one where false',
          rtrim(pg_get_viewdef('all_deliveries'), ';')); end $$`,
      ],
    };
    expect(await toldAfter(db, by[engine.name])).toEqual(['the view all_deliveries is not as Curfew makes it']);
  });
});

test.each(['LATEST', '0044_past'])(
  'nothing of an admin’s own that cannot be loaded is loaded, of a database after %s',
  async (last) => {
    const folder = mkdtempSync(join(inject('folder'), 'own-'));
    const config = { sqlite: join(folder, 'curfew.db') };
    const made = makeDatabase(config);
    await migrate(made, last === 'LATEST' ? undefined : last).finally(() => made.destroy());
    addBroken(config.sqlite);

    const db = openDatabase(config);
    try {
      expect(await pendingMigrations(db)).toMatchObject({ unknown: [], had: expect.toSatisfy((had) => had > 0) });
      expect(await lookThrough(config).damage).toEqual([]);
      expect(await linesOf(db)).toEqual([]);
      await migrate(db);
      expect(await linesOf(db)).toEqual([]);
      expect(await lists.some(db)).toBe(false);
    } finally {
      await db.destroy();
    }
    const read = openToRead(config);
    try {
      const { tables, end } = await openDump(read);
      const names: string[] = [];
      for await (const { name, rows } of tables()) for await (const _ of rows) names.push(name);
      await end();
      expect(names).toContain('audit_end');
    } finally {
      await read.destroy();
    }
  },
);

/** A view of a table that is gone, and a virtual table of which nobody has the module. */
function addBroken(path: string): void {
  const own = new Sqlite(path).unsafeMode();
  own.exec(`create table g (x); create view bad as select * from g; drop table g; create virtual table elsewhere using fts5 (x);
    pragma writable_schema = on; update sqlite_master set sql = replace(sql, 'fts5', 'absent') where name = 'elsewhere'`);
  own.close();
}

test('of many the first ones are named, and how many there are more', () => {
  const changes = ['a', 'b', 'c', 'd', 'e'].map((what) => ({ what, line: `${what} is missing` }));
  expect(firstOf(changes)).toBe('a is missing, b is missing, c is missing, and 2 more');
  expect(firstOf(changes.slice(0, 1))).toBe('a is missing');
});
