import { expect, test } from 'vitest';
import { SYSTEM } from '../../src/audit/entry.ts';
import { record } from '../../src/audit/record.ts';
import { openDatabase } from '../../src/store/database.ts';
import * as lists from '../../src/store/lists.ts';
import { clock } from '../roster/roster-file.ts';
import { oneEngine } from './dialects.ts';
import { watched } from './record-last.ts';

oneEngine((engine) => {
  test('what a transaction writes or locks after it recorded is told of, and what it reads is not', async () => {
    const late: string[] = [];
    const db = watched(openDatabase((await engine.open()).config), (statement) => late.push(statement));
    const note = { action: 'test', subject: 'list:none' };
    const act = (after: 'read' | 'lock') =>
      db.transaction().execute(async (trx) => {
        await lists.lock(trx, 'none');
        await record(trx, { clock, by: SYSTEM }, note);
        await record(trx, { clock, by: SYSTEM }, note);
        if (after === 'read') await lists.all(trx);
        else await lists.lock(trx, 'none');
      });
    await act('read');
    expect(late).toEqual([]);
    await act('lock');
    expect(late).toEqual(['UpdateQueryNode: lists']);
    await db.destroy();
  });
});
