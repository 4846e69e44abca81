import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, inject, test } from 'vitest';
import { SYSTEM } from '../../src/audit/entry.ts';
import { record } from '../../src/audit/record.ts';
import { systemClock } from '../../src/clock.ts';
import { type Database, makeDatabase, openDatabase } from '../../src/store/database.ts';
import { createEndNote, lostLine } from '../../src/store/end-note.ts';
import { migrate } from '../../src/store/migrate.ts';

let path: string;
const noteOf = (database: string) => `${database}-end`;

beforeEach(async () => {
  path = join(mkdtempSync(join(inject('folder'), 'end-note-')), 'curfew.db');
  await using(async (db) => migrate(db), makeDatabase({ sqlite: path }));
});

async function using<Result>(act: (db: Database) => Promise<Result>, db = openDatabase({ sqlite: path })): Promise<Result> {
  return act(db).finally(() => db.destroy());
}

/** So many lines, the last of them noted. */
const write = (lines: number, subject = 'list:1') =>
  using(async (db) => {
    const deeds = Array.from({ length: lines }, () => ({ action: 'list.change', subject, detail: {} }));
    await db.transaction().execute((trx) => record(trx, { clock: systemClock, by: SYSTEM }, ...deeds));
    await createEndNote(db, path)();
  });
const lost = () => using((db) => lostLine(db, path));

test('a database that has the line that was noted last, and more, has lost none', async () => {
  expect(await lost()).toBe(null);
  await using((db) => createEndNote(db, path)());
  expect(await lost()).toBe(null);
  await write(3);
  const earlier = readFileSync(noteOf(path));
  await write(2);
  expect(await lost()).toBe(null);
  writeFileSync(noteOf(path), earlier);
  expect(await lost()).toBe(null);
});

test('an older copy in its place lacks that line, also when it has gone on by itself', async () => {
  await write(3);
  const older = `${path}.older`;
  copyFileSync(path, older);
  await write(2);
  const note = readFileSync(noteOf(path));
  copyFileSync(older, path);
  expect(await lost()).toBe(5);
  await write(2, 'list:2');
  writeFileSync(noteOf(path), note);
  expect(await lost()).toBe(5);
});

test('what is no note says nothing', async () => {
  await write(1);
  for (const text of ['', '{"seq":9', '{"seq":9,"hash":"x"}\n']) {
    writeFileSync(noteOf(path), text);
    expect(await lost()).toBe(null);
  }
});

test('a new database in the place of one that is gone owes no line of it', async () => {
  await write(3);
  rmSync(path);
  await using((db) => migrate(db), makeDatabase({ sqlite: path }));
  expect(existsSync(noteOf(path))).toBe(false);
  expect(await lost()).toBe(null);
});

test('it is written when there is another line alone, whole, and for nobody else to read', async () => {
  await write(1);
  await using(async (db) => {
    const note = createEndNote(db, path);
    const file = () => statSync(noteOf(path)).ino;
    await note();
    const first = file();
    await note();
    expect(file()).toBe(first);
    await db
      .transaction()
      .execute((trx) =>
        record(trx, { clock: systemClock, by: SYSTEM }, { action: 'list.change', subject: 'list:1', detail: {} }),
      );
    await Promise.all([note(), note(), note()]);
    expect(JSON.parse(readFileSync(noteOf(path), 'utf8'))).toMatchObject({ seq: 2 });
    expect(statSync(noteOf(path)).mode & 0o777).toBe(0o600);
    expect(existsSync(`${noteOf(path)}.new`)).toBe(false);
  });
});
