import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import type { Database } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { eachEngine } from '../support/dialects.ts';

/** 2026-09-22T16:00:00Z: above 2^32, so a 32-bit column would lose it. */
const INSTANT = 1_790_092_800_000;

eachEngine((engine) => {
  test('an instant comes back as the number that was stored', async () => {
    const { db } = await engine.open();
    await db.insertInto('lists').values(list).execute();
    const { created_at } = await db.selectFrom('lists').select('created_at').executeTakeFirstOrThrow();
    expect(created_at).toBe(INSTANT);
    const { n } = await db
      .selectFrom('lists')
      .select((e) => e.fn.countAll<number>().as('n'))
      .executeTakeFirstOrThrow();
    expect(n).toBe(1);
  });

  test('octets come back as they were stored', async () => {
    const { db } = await engine.open();
    const data = Buffer.concat([Buffer.from(Array.from({ length: 256 }, (_, i) => i)), randomBytes(1_000_000)]);
    await db
      .insertInto('certificates')
      .values({ ...certificate, data })
      .execute();
    const stored = await db.selectFrom('certificates').select('data').executeTakeFirstOrThrow();
    expect(Buffer.compare(stored.data, data)).toBe(0);
  });

  test('a reference to a row that does not exist is refused', async () => {
    const { db } = await engine.open();
    const orphan = db.insertInto('member_lists').values({ member_id: 'none', list_id: 'none' }).execute();
    await expect(orphan).rejects.toThrow(/foreign key/i);
  });

  test('a transaction that throws leaves nothing behind', async () => {
    const { db } = await engine.open();
    const failed = db.transaction().execute(async (trx) => {
      await trx.insertInto('lists').values(list).execute();
      throw new Error('after the insert');
    });
    await expect(failed).rejects.toThrow('after the insert');
    expect(await db.selectFrom('lists').selectAll().execute()).toEqual([]);
  });

  if (engine.name === 'sqlite')
    test('a transaction that SQLite has rolled back itself says why, and the next one is as any', async () => {
      const { db } = await engine.open();
      await sql`create table once (n integer primary key)`.execute(db);
      const insert = (trx: Database) => sql`insert or rollback into once values (1)`.execute(trx);
      await db.transaction().execute(insert);
      await expect(db.transaction().execute(insert)).rejects.toThrow('UNIQUE constraint failed: once.n');
      await db.transaction().execute((trx) => sql`insert into once values (2)`.execute(trx));
      const { rows } = await sql`select n from once`.execute(db);
      expect(rows).toEqual([{ n: 1 }, { n: 2 }]);
    });

  test('a second migration of a migrated database changes nothing', async () => {
    const { db } = await engine.open();
    await migrate(db);
    expect(await db.selectFrom('lists').selectAll().execute()).toEqual([]);
  });

  if (engine.name === 'sqlite')
    test('commits are on the disk when they return, and freed pages are overwritten', async () => {
      const { db } = await engine.open();
      expect(await pragma(db, 'journal_mode')).toBe('wal');
      expect(await pragma(db, 'synchronous'), 'FULL').toBe(2);
      expect(await pragma(db, 'secure_delete')).toBe(1);
      expect(await pragma(db, 'foreign_keys')).toBe(1);
      expect(await pragma(db, 'recursive_triggers')).toBe(1);
      expect(await pragma(db, 'temp_store'), 'MEMORY').toBe(2);
      expect(await pragma(db, 'busy_timeout')).toBeGreaterThanOrEqual(5_000);
    });
});

const list = {
  id: 'l',
  address: 'announce@orbit.example',
  role: 'public',
  name: 'announce',
  fingerprint: 'F',
  created_at: INSTANT,
} as const;
const certificate = { id: 'c', contact_id: null, fingerprint: 'F', state: 'mail', created_at: INSTANT } as const;

async function pragma(db: Database, name: string): Promise<unknown> {
  const { rows } = await sql<Record<string, unknown>>`pragma ${sql.raw(name)}`.execute(db);
  return Object.values(rows[0] ?? {})[0];
}
