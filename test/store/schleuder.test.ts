import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSchleuder } from '../../src/store/schleuder.ts';
import { schleuderDatabase } from '../support/schleuder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'curfew-schleuder-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test.each(['letters', 'numbers'] as const)('lists and subscriptions are read, yes and no in %s', (booleans) => {
  const path = schleuderDatabase(folder, {
    lists: ['Vendors@old.example', 'empty@old.example'],
    subscriptions: [
      { list: 'Vendors@old.example', email: 'b@bravo.example', fingerprint: 'ab'.repeat(20), delivery: false },
      { list: 'Vendors@old.example', email: 'A@alpha.example', fingerprint: `0x${'AB CD '.repeat(10)}`, admin: true },
      { list: 'Vendors@old.example', email: 'c@charlie.example', fingerprint: '' },
      { list: 'Vendors@old.example', email: 'd@dora.example' },
    ],
    booleans,
  });
  const before = readFileSync(path);
  const at = { list: 'vendors@old.example', admin: false, delivery: true };
  expect(readSchleuder(path)).toEqual({
    lists: ['vendors@old.example', 'empty@old.example'],
    subscriptions: [
      { ...at, address: 'A@alpha.example', fingerprint: 'ABCD'.repeat(10), admin: true },
      { ...at, address: 'b@bravo.example', fingerprint: 'AB'.repeat(20), delivery: false },
      { ...at, address: 'c@charlie.example', fingerprint: '' },
      { ...at, address: 'd@dora.example', fingerprint: '' },
    ],
  });
  expect([readdirSync(folder), readFileSync(path)]).toEqual([['db.sqlite'], before]);
});

test('another database, and what is none, is refused by its name', () => {
  const other = join(folder, 'other.db');
  new Sqlite(other).exec('create table lists (id integer, email text)').close();
  expect(() => readSchleuder(other)).toThrow(`${other} is no database of Schleuder: it has no column subscriptions.list_id`);
  const text = join(folder, 'text.db');
  writeFileSync(text, 'no database at all, but long enough to be looked at as one'.repeat(20));
  expect(() => readSchleuder(text)).toThrow(expect.objectContaining({ code: 'SQLITE_NOTADB', path: text }));
});
