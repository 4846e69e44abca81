import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, inject, test, vi } from 'vitest';
import { keepingStatements } from '../../src/store/statements.ts';

const WHOLE = 'select * from t order by x';

let file: string;
let database: Sqlite.Database;

beforeEach(() => {
  file = join(mkdtempSync(join(inject('folder'), 'statements-')), 'a.db');
  database = new Sqlite(file);
  database.exec('create table t (x, y); insert into t values (1, 2), (3, 4)');
});
afterEach(() => void database.close());

test('a statement is prepared once, and takes the parameters of each time', () => {
  const preparing = vi.spyOn(database, 'prepare');
  const kept = keepingStatements(database);
  const one = 'select y from t where x = ?';
  expect([1, 3, 5].map((x) => kept.prepare(one).all([x]))).toEqual([[{ y: 2 }], [{ y: 4 }], []]);
  expect(kept.prepare('insert into t values (?, ?)').run([5, 6])).toMatchObject({ changes: 1 });
  expect(kept.prepare(one).all([5])).toEqual([{ y: 6 }]);
  expect(preparing).toHaveBeenCalledTimes(2);
});

test('it gives the columns that there are, also where another process changed the table', () => {
  const kept = keepingStatements(database);
  expect(kept.prepare(WHOLE).all([])[0]).toEqual({ x: 1, y: 2 });
  const other = new Sqlite(file);
  other.exec('alter table t add column z default 9; alter table t rename column y to w');
  other.close();
  expect(kept.prepare(WHOLE).all([])[0]).toEqual({ x: 1, w: 2, z: 9 });
});

test('what is read row by row can be asked for meanwhile', () => {
  const kept = keepingStatements(database);
  const rows = kept.prepare(WHOLE).iterate([]);
  expect(rows.next().value).toEqual({ x: 1, y: 2 });
  expect(kept.prepare(WHOLE).all([])).toHaveLength(2);
  expect([...rows]).toEqual([{ x: 3, y: 4 }]);
});

test('of a thousand those that were used last are kept', () => {
  const preparing = vi.spyOn(database, 'prepare');
  const kept = keepingStatements(database);
  const used = 'select x from t';
  for (let number = 0; number < 1000; number++) {
    kept.prepare(`select ${number}`);
    kept.prepare(used);
  }
  expect(preparing).toHaveBeenCalledTimes(1001);
  kept.prepare('select 999');
  kept.prepare('select 0');
  expect(preparing).toHaveBeenCalledTimes(1002);
});
