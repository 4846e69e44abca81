import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { beforeEach, describe, expect, inject, test } from 'vitest';
import { verifyLog } from '../../src/audit/verify.ts';
import { openArchive, writeArchive } from '../../src/backup/archive.ts';
import { confirmRestoration, restore } from '../../src/backup/restore.ts';
import { closeRestored } from '../../src/cases/after.ts';
import { claim } from '../../src/cases/people.ts';
import { DAY, HOUR, SECOND, toIso } from '../../src/clock.ts';
import { dropCopy } from '../../src/delivery/by-hand.ts';
import { endLongest } from '../../src/embargo/dead-man.ts';
import { allPolicies } from '../../src/embargo/presets.ts';
import { release } from '../../src/embargo/release.ts';
import { hashToken, issueToken } from '../../src/roster/tokens.ts';
import * as audit from '../../src/store/audit.ts';
import * as cases from '../../src/store/cases.ts';
import { type Database, type DatabaseConfig, makeDatabase, openToRead } from '../../src/store/database.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import { load, openDump, type Value } from '../../src/store/dump.ts';
import { migrate } from '../../src/store/migrate.ts';
import * as restorations from '../../src/store/restorations.ts';
import type { TokenRole } from '../../src/store/schema.ts';
import * as tokens from '../../src/store/tokens.ts';
import { outbox, silent } from '../delivery/outbox.ts';
import { actor, arm, armed, caseOf, OUTSIDE, READER, reasonOf, scheduled, subscribe } from '../embargo/armed.ts';
import { ORBIT } from '../embargo/orbit.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine, type OpenedDatabase } from '../support/dialects.ts';
import { as, type House, housing, LISTS, type Person } from '../support/house.ts';
import { schemaText } from '../support/schema-text.ts';

const OF = { program: '0.1.0', project: 'Orbit', domain: 'orbit.example' };

/** All that is in a database, in an order that both engines have: the columns of a table are in another one on each. */
async function contentOf(config: DatabaseConfig): Promise<Map<string, object[]>> {
  const db = openToRead(config);
  const tables = new Map<string, object[]>();
  const dump = await openDump(db);
  for await (const { name, columns, rows } of dump.tables()) {
    const all: string[] = [];
    for await (const row of rows) {
      const named = columns.map((column, at) => [column, textOf(row[at] ?? null)] as const);
      all.push(JSON.stringify(Object.fromEntries(named.sort(([one], [other]) => (one < other ? -1 : 1)))));
    }
    tables.set(
      name,
      all.sort().map((row) => JSON.parse(row)),
    );
  }
  await dump.end();
  await db.destroy();
  return tables;
}

const textOf = (value: Value) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value);

/** Three posts of a case of an older database, the last one written first. */
const rowsOfBefore = [
  sql`insert into lists (id, address, role, name, fingerprint, created_at)
    values ('l', 'security@orbit.example', 'intake', 's', 'F', 1)`,
  sql`insert into cases (id, year, number, state, list_id, thread_token, received_at, revision, updated_at, aside, aside_at)
    values ('c', 2026, 1, 'received', 'l', 't', 1, 1, 7, 'withdrawn', 20)`,
  ...[30, 20, 10].map(
    (at) => sql`insert into posts (id, list_id, case_id, kind, digest, encrypted, received_at, size, content)
      values (${`p${40 - at}`}, 'l', 'c', 'notice', ${`${at}`}, 1, ${at}, 1, ${Buffer.alloc(1)})`,
  ),
];

/** Line by line, as they are read from a file. */
async function* asGiven(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

eachEngine((engine) => {
  const build = housing();
  let opened: OpenedDatabase;
  let house: House;
  beforeEach(async () => {
    opened = await engine.open();
    house = await build(opened.db);
    await subscribe(house);
  });

  /** The lines of a backup of it, as of now. */
  async function backup(config: DatabaseConfig = opened.config): Promise<string[]> {
    const db = openToRead(config);
    const lines: string[] = [];
    for await (const line of writeArchive(db, { takenAt: house.clock.now(), ...OF }, [])) lines.push(line.trimEnd());
    await db.destroy();
    return lines;
  }

  /** What `act` does with a database that no migration has been in. */
  async function inBlank<T>(act: (db: Database, config: DatabaseConfig) => Promise<T>): Promise<T> {
    const config = await engine.blank();
    const db = makeDatabase(config);
    return await act(db, config).finally(() => db.destroy());
  }

  async function loadAll(db: Database, lines: readonly string[]): Promise<void> {
    const archive = await openArchive(asGiven(lines));
    await db.transaction().execute((trx) =>
      load(trx, async (put) => {
        for await (const { name, columns, rows } of archive.tables())
          for await (const row of rows) await put(name, columns, [row]);
      }),
    );
  }

  const restoreInto = async (db: Database, lines: readonly string[]) =>
    restore({ ...house, db }, await openArchive(asGiven(lines)));

  /** A mail of a member, for the members or for the team. */
  const post = async (at: House = house, to: string = LISTS.distributors) => {
    const [alpha] = at.members;
    const raw = await encryptedMail(letterOf(at, alpha, { to, text: 'Hello.\n' }), {
      recipients: [listCertificate(at, to)],
      signer: alpha,
    });
    await arrive(at, raw, { to, sender: alpha.address });
  };

  const confirmAs = async (at: House) => {
    const { restored_at: restoredAt = 0 } = (await restorations.last(at.db)) ?? {};
    await confirmRestoration(at, { restoredAt, personId: at.team[0].contactId });
  };

  test('a database comes back as it was, row by row, with its guards', async () => {
    await armed(house);
    await post();
    const before = await contentOf(opened.config);
    const lines = await backup();
    await inBlank(async (db, config) => {
      await migrate(db);
      await loadAll(db, lines);
      expect(await contentOf(config)).toEqual(before);
      await expect(sql`update audit set line = ''`.execute(db)).rejects.toThrow();
      await expect(sql`update cases set state = 'released'`.execute(db)).rejects.toThrow();
      await expect(sql`update deliveries set post_id = 'none'`.execute(db)).rejects.toThrow();
      expect(await schemaText(db)).toBe(await schemaText(opened.db));
    });
  });

  test('what somebody added to it is left out, and all else comes back', async () => {
    await armed(house);
    const before = await contentOf(opened.config);
    const own = [
      'create table notes2 (remark text)',
      "insert into notes2 values ('mine')",
      'alter table cases add column remark text',
    ];
    const elsewhere = ['create schema other', 'create table other.job (id text)', 'create table other.cases (id text)'];
    const added = [...own, ...(engine.name === 'postgres' ? elsewhere : ['create virtual table words using fts5(text)'])];
    const lines = await inBlank(async (db, config) => {
      await migrate(db);
      await loadAll(db, await backup());
      for (const statement of added) await sql.raw(statement).execute(db);
      return backup(config);
    });
    await inBlank(async (db, config) => {
      await migrate(db);
      await loadAll(db, lines);
      expect(await contentOf(config)).toEqual(before);
      expect(await schemaText(db)).toBe(await schemaText(opened.db));
    });
  });

  test.runIf(engine.name === 'postgres')('it goes from PostgreSQL to SQLite and back, and is the same', async () => {
    await armed(house);
    await post();
    const before = await contentOf(opened.config);
    const file = { sqlite: join(mkdtempSync(join(inject('folder'), 'database-')), 'curfew.db') };
    let lines = await backup();
    for (const config of [file, await engine.blank()]) {
      const db = makeDatabase(config);
      await migrate(db);
      await loadAll(db, lines).finally(() => db.destroy());
      expect(await contentOf(config)).toEqual(before);
      lines = await backup(config);
    }
  });

  test.each(['0029_restored', '0047_seal'])(
    'of a database of before (%s) it comes back as what the migrations since make of that',
    async (before) => {
      const config = await engine.blank();
      const db = makeDatabase(config);
      await migrate(db, before);
      for (const statement of rowsOfBefore) await statement.execute(db);
      const lines = await backup(config);
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({ schema: before });
      await migrate(db).finally(() => db.destroy());
      const inPlace = await contentOf(config);
      expect(inPlace.get('posts')).toMatchObject([{ place: 1 }, { place: 2 }, { place: 3 }]);
      await inBlank(async (there, at) => {
        await restoreInto(there, lines);
        const restored = await contentOf(at);
        // What a restoration writes itself.
        for (const table of ['restorations', 'audit', 'audit_end', 'case_numbers'])
          for (const tables of [inPlace, restored]) tables.delete(table);
        expect(restored).toEqual(inPlace);
        expect(await schemaText(there)).toBe(await schemaText(opened.db));
      });
    },
  );

  test('none is taken of a database of a newer Curfew, of another program, of nobody, of one that lost what it held, and of one that could not be marked as restored', async () => {
    const of = async (make: (db: Database) => Promise<unknown>) => {
      const config = await engine.blank();
      const db = makeDatabase(config);
      await make(db).finally(() => db.destroy());
      return await backup(config).then(
        () => 'taken',
        (error: Error & { reason?: string }) => `${error.reason}: ${error.message}`,
      );
    };
    expect(await of(async () => {})).toMatch(/^not-ready: That is no database of Curfew/);
    expect(await of((db) => sql`create table foo (bar text)`.execute(db))).toMatch(/^not-ready: That is no database of Curfew/);
    const newer = async (db: Database) => {
      await migrate(db);
      await sql`insert into kysely_migration values ('9999_later', '2030')`.execute(db);
    };
    expect(await of(newer)).toMatch(/^not-ready: .*newer Curfew \(9999_later\).*: do it with that one$/);
    const holed = async (db: Database) => {
      await migrate(db);
      await sql`delete from kysely_migration where name = '0047_seal'`.execute(db);
    };
    expect(await of(holed)).toMatch(/^not-ready: The database had .* and never 0047_seal/);
    expect(await of((db) => migrate(db, '0028_began'))).toMatch(/^not-ready: .*\(0028_began\): stop the server, copy/);
    const without = (what: string) => async (db: Database) => {
      await migrate(db);
      await sql.raw(`drop ${what}`).execute(db);
    };
    expect(await of(without('table case_numbers'))).toMatch(
      /^not-ready: .* the table case_numbers is missing\. A backup of it would/,
    );
    // A restore makes it anew.
    expect(await of(without('index certificates_current'))).toBe('taken');
    expect(await of((db) => migrate(db))).toBe('taken');
  });

  test('what somebody writes while a backup is read is not in it, and does not wait', async () => {
    const db = openToRead(opened.config);
    const lines = writeArchive(db, { takenAt: house.clock.now(), ...OF }, []);
    const read: string[] = [];
    for (let at = 0; at < 3; at++) read.push((await lines.next()).value ?? '');
    await house.report();
    for await (const line of lines) read.push(line);
    await db.destroy();
    const table = read.findIndex((line) => line.startsWith('{"table":"cases"'));
    expect(read[table + 1]).toMatch(/^\{"table":"certificate_keys"/);
    expect(await house.db.selectFrom('cases').select('id').execute()).toHaveLength(1);
  });

  describe('restored', () => {
    test('nothing goes out by itself of what waited, and what was approved is not released', async () => {
      const about = await armed(house);
      await post();
      const token = await house.token('admin', house.team[0].address);
      const lines = await backup();
      await inBlank(async (db) => {
        const restored = await restoreInto(db, lines);
        expect(restored).toEqual({
          takenAt: house.clock.now(),
          copies: (await house.db.selectFrom('deliveries').select('id').where('state', '=', 'queued').execute()).length,
          cases: [about.id],
          tokens: 3,
        });
        expect(restored.copies).toBeGreaterThan(4);
        const there: House = { ...house, db };
        const copies = await deliveries.page(db, { limit: 999 });
        expect(new Set(copies.map(({ state, reason }) => `${state} ${reason}`))).toEqual(new Set(['held restored']));
        expect(await outbox(there).drain()).toEqual([]);
        expect((await caseOf(there, about.id)).state).toBe('scheduled');
        expect((await tokens.byHash(db, hashToken(token)))?.revoked_at).toBe(house.clock.now());
        house.clock.moveTo(house.clock.now() + 2 * HOUR);
        expect(await reasonOf(release(there, about.id))).toBe('not-approved');
        expect(await cases.nextNumber(db, about.year)).toBe(about.number + 101);
      });
    });

    test('until an admin confirms it the team alone is written to, and nothing is released; then what is due goes out', async () => {
      const about = await scheduled(house);
      const lines = await backup();
      await inBlank(async (db) => {
        await restoreInto(db, lines);
        const there: House = { ...house, db, token };
        let made = 0;
        async function token(role: TokenRole, person: string | null = null) {
          return (await issueToken({ ...house, db }, { name: `new ${++made}`, role, person, days: null })).token;
        }
        const [lena, dirk] = there.team;
        const seen = await caseOf(there, about.id);
        await arm(there, seen, [await actor(there, lena), await actor(there, dirk)]);
        house.clock.moveTo(house.clock.now() + HOUR);
        expect(await reasonOf(release(there, about.id))).toBe('restored');
        await post(there);
        await post(there, LISTS.security);
        const sent = (await outbox(there).drain()).map(({ to }) => to);
        expect(new Set(sent)).toEqual(new Set(there.team.map(({ address }) => address)));
        const waiting = await deliveries.page(db, { limit: 999, state: 'deferred' });
        expect(new Set(waiting.map(({ reason }) => reason))).toEqual(new Set(['restored']));
        expect(waiting.map(({ address }) => address)).toEqual(
          expect.arrayContaining(there.members.map(({ address }) => address)),
        );

        const { restored_at: restoredAt = 0 } = (await restorations.last(db)) ?? {};
        const confirm = (by: string | null, at = restoredAt) =>
          reasonOf(confirmRestoration(there, { restoredAt: at, personId: by }));
        expect(await confirm(null)).toBe('needs-person');
        expect(await confirm(lena.contactId, restoredAt - 1)).toBe('stale');
        expect(await confirm(lena.contactId)).toBe('done');
        expect(await confirm(lena.contactId)).toBe('conflict');
        await release(there, about.id);
        const out = (await outbox(there).drain()).map(({ to }) => to);
        expect(out).toEqual(expect.arrayContaining([READER, OUTSIDE, ...there.members.map(({ address }) => address)]));
        expect((await deliveries.page(db, { limit: 999, state: 'held' })).every(({ reason }) => reason === 'restored')).toBe(
          true,
        );
      });
    });

    test('what people signed since the backup counts no more: it may have been taken back', async () => {
      const about = await scheduled(house, house.clock.now() + 3 * HOUR);
      const lines = await backup();
      const requests = LISTS.security.replace('@', '-request@');
      const [lena, dirk] = house.team;
      const signed = (from: Person) =>
        encryptedMail(
          letterOf(house, from, { to: requests, subject: 'request', text: `approve ${about.id} ${about.bundle_hash}\n` }),
          { recipients: [listCertificate(house, LISTS.security)], signer: from },
        );
      const bring = async (at: House, mails: readonly (readonly [Person, Uint8Array])[]) => {
        for (const [from, raw] of mails) await arrive(at, raw, { to: requests, sender: from.address });
        return (await caseOf(at, about.id)).state;
      };
      const mails = [
        [lena, await signed(lena)],
        [dirk, await signed(dirk)],
      ] as const;
      expect(await bring(house, mails)).toBe('armed');
      house.clock.moveTo(house.clock.now() + HOUR);
      await inBlank(async (db) => {
        await restoreInto(db, lines);
        const there: House = { ...house, db };
        expect(await bring(there, mails)).toBe('scheduled');
        house.clock.moveTo(house.clock.now() + SECOND);
        expect(
          await bring(there, [
            [lena, await signed(lena)],
            [dirk, await signed(dirk)],
          ]),
        ).toBe('armed');
      });
    });

    test('that the longest embargo has ended is not told twice; of one that ends later it is told', async () => {
      const policies = allPolicies({ policies: { orbit: ORBIT }, holidays: [] });
      const project = { ...house.project, policies, usual: ['orbit'] };
      const under: House = { ...house, project };
      await claim(as(under, under.team[0]), await house.report(), {});
      await outbox(under).drain();
      const lines = await backup();
      house.clock.moveTo(house.clock.now() + 200 * DAY);
      expect(await endLongest(under, silent)).toBe(true);
      const told = async (at: House) =>
        (await outbox(at).drain()).map(({ to }) => to).filter((to) => to === READER || to === OUTSIDE);
      expect((await told(under)).sort()).toEqual([OUTSIDE, READER].sort());
      await inBlank(async (db) => {
        await restoreInto(db, lines);
        const there: House = { ...under, db };
        await confirmAs(there);
        await endLongest(there, silent);
        expect(await told(there)).toEqual([]);
      });
    });

    test('what was held is held for that; a copy for the public can be dropped then, and no certificate lets one go', async () => {
      const about = await armed(house);
      await post();
      const [alpha] = house.members;
      house.clock.moveTo(about.release_at ?? 0);
      await release(house, about.id);
      await house.db
        .updateTable('deliveries')
        .set({ state: 'held', reason: 'expired' })
        .where('contact_id', '=', alpha.contactId)
        .execute();
      const lines = await backup();
      await inBlank(async (db) => {
        await restoreInto(db, lines);
        const there: House = { ...house, db };
        const held = await deliveries.page(db, { limit: 999 });
        expect(held.every(({ state, reason }) => state === 'held' && reason === 'restored')).toBe(true);
        const { certificate_id: certificateId } = held.find(({ contact_id }) => contact_id === alpha.contactId) ?? {};
        const contact = { contactId: alpha.contactId, certificateId: certificateId ?? '' };
        expect(await deliveries.retryForCertificate(db, contact, there.clock.now())).toBe(0);
        for (const { id } of held.filter(({ audience }) => audience === 'public')) await dropCopy(there, id, 'it has arrived');
        expect(await cases.unpublished(db)).toEqual([]);
      });
    });

    test('a case that was released since can be closed, and no other', async () => {
      const about = await armed(house);
      const lines = await backup();
      expect(await reasonOf(closeRestored(house, about.id))).toBe('conflict');
      await inBlank(async (db) => {
        await restoreInto(db, lines);
        const there: House = { ...house, db };
        house.clock.moveTo((about.release_at ?? 0) + HOUR);
        expect((await cases.overdue(db, house.clock.now())).map(({ id }) => id)).toEqual([about.id]);
        const closed = await closeRestored(there, about.id);
        expect([closed.state, closed.closed_at]).toEqual(['scheduled', house.clock.now()]);
        expect(await cases.overdue(db, house.clock.now())).toEqual([]);
        await post(there, LISTS.security);
        const [newer] = await db.selectFrom('cases').select('id').where('id', '<>', about.id).execute();
        expect(await reasonOf(closeRestored(there, newer?.id ?? ''))).toBe('conflict');
      });
    });

    test('by a clock that was behind another restoration it is confirmed all the same, and one that was ended in the middle is seen', async () => {
      const lines = await backup();
      await inBlank(async (db) => {
        await restoreInto(db, lines);
        const there: House = { ...house, db };
        const earlier = { id: 'of a wrong clock', taken_at: 0, restored_at: house.clock.now() - HOUR };
        await confirmAs(there);
        await restorations.insert(db, earlier);
        expect(await restorations.isUnfinished(db)).toBe(true);
        await restorations.markHeld(db, earlier.id, house.clock.now());
        expect([await restorations.isUnfinished(db), await restorations.isOpen(db)]).toEqual([false, true]);
        await confirmAs(there);
        expect(await restorations.isOpen(db)).toBe(false);
      });
    });

    test('the log goes on from where it ended, says what was held, and is whole', async () => {
      const about = await armed(house);
      const lines = await backup();
      const { seq } = await audit.end(house.db);
      await inBlank(async (db) => {
        const { copies } = await restoreInto(db, lines);
        const log: string[] = [];
        for await (const line of audit.lines(db)) log.push(line);
        expect((await verifyLog(log, [], [])).faults).toEqual([]);
        const added = log.slice(seq).map((line) => JSON.parse(line));
        expect(added.map(({ action, subject }) => [action, subject])).toEqual([
          ['database.restore', expect.stringMatching(/^restoration:/)],
          ['case.disarm', `case:${about.id}`],
        ]);
        expect(added[0].detail).toEqual({ backup: toIso(house.clock.now()), lines: seq, copies, cases: [about.id], tokens: 2 });
      });
    });
  });

  describe('is refused, and leaves nothing', () => {
    const refused = async (change: (lines: string[]) => string[]) => {
      await house.report();
      const lines = change(await backup());
      return inBlank(async (db) => {
        const reason = await reasonOf(restoreInto(db, lines));
        const tables = await db.introspection.getTables();
        const rows = tables.length === 0 ? [] : await db.selectFrom('cases').select('id').execute();
        return { reason, rows, open: tables.length > 0 && (await restorations.isOpen(db)) };
      });
    };
    const nothing = { reason: 'invalid', rows: [], open: false };

    test.each<[string, (lines: string[]) => string[]]>([
      ['where its end lacks', (lines) => lines.slice(0, -1)],
      ['where half of it lacks', (lines) => lines.slice(0, lines.length / 2)],
      ['where a row lacks', (lines) => lines.filter((line) => !line.startsWith('["ORBIT-'))],
      ['where a row has a value less', (lines) => lines.map((line) => line.replace(/^\["ORBIT-[^,]*,/i, '['))],
      ['where a line is cut', (lines) => lines.map((line, at) => (at === 5 ? line.slice(0, -1) : line))],
      ['where something comes after its end', (lines) => [...lines, '[]']],
      ['that is empty', () => []],
      ['that is something else', () => ['{"curfew":"audit"}']],
      ['of a form to come', (lines) => [(lines[0] ?? '').replace('"version":1', '"version":2'), ...lines.slice(1)]],
      ['of a schema to come', (lines) => [(lines[0] ?? '').replace(/"schema":"\d+/, '"schema":"9999'), ...lines.slice(1)]],
    ])('one %s', async (_what, change) => {
      expect(await refused(change)).toEqual(nothing);
    });

    test('one whose rows refer to what is not there', async () => {
      await house.report();
      const lines = (await backup()).flatMap((line) => {
        if (line.startsWith('{"end"')) return [line.replace(/"posts":\d+/, '"posts":0')];
        return [line];
      });
      const from = lines.findIndex((line) => line.startsWith('{"table":"posts"'));
      const to = lines.findIndex((line, at) => at > from && line.startsWith('{'));
      await inBlank(async (db) => {
        await expect(restoreInto(db, [...lines.slice(0, from + 1), ...lines.slice(to)])).rejects.toThrow(/foreign key/i);
        expect(await db.selectFrom('cases').select('id').execute()).toEqual([]);
      });
    });

    test('into a database that is there', async () => {
      const lines = await backup();
      expect(await reasonOf(restoreInto(house.db, lines))).toBe('conflict');
      expect(await restorations.isOpen(house.db)).toBe(false);
    });
  });
});
