import { setImmediate as turn } from 'node:timers/promises';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Refusal } from '../../src/refusal.ts';
import { among, commitTogether } from '../../src/store/commits.ts';
import type { Database, Db } from '../../src/store/database.ts';
import * as lists from '../../src/store/lists.ts';
import { eachEngine } from '../support/dialects.ts';

const NOW = Date.UTC(2026, 5, 1);

function list(name: string) {
  return {
    id: name,
    address: `${name}@orbit.example`,
    role: 'private',
    name,
    fingerprint: 'F'.repeat(40),
    created_at: NOW,
  } as const;
}

const add = (name: string) => async (trx: Db) => {
  await lists.insert(trx, list(name));
  return name;
};

/** All are under way before the first is ready. */
function beside<Result>(db: Database, works: readonly ((trx: Db) => Promise<Result>)[]) {
  const take = async (work: (trx: Db) => Promise<Result>) => {
    await turn();
    return commitTogether(db, work);
  };
  return Promise.allSettled(works.map((work) => among(db, () => take(work))));
}

eachEngine((engine) => {
  /** The database, and how many transactions were begun. */
  const opened = async (): Promise<{ db: Database; begun: () => number }> => {
    const { db } = await engine.open();
    const begin = db.transaction.bind(db);
    let begun = 0;
    db.transaction = () => {
      begun++;
      return begin();
    };
    return { db, begun: () => begun };
  };
  const names = async (db: Db) => (await lists.all(db)).map(({ name }) => name).sort();

  test('what is ready together is committed, and each has its own answer', async () => {
    const { db, begun } = await opened();
    const ends = await beside(db, ['one', 'two', 'three'].map(add));
    expect(ends.map((end) => end.status === 'fulfilled' && end.value)).toEqual(['one', 'two', 'three']);
    expect(await names(db)).toEqual(['one', 'three', 'two']);
    expect(begun()).toBe(engine.name === 'sqlite' ? 1 : 3);
  });

  test('what throws takes back what it did, and nothing of the others', async () => {
    const { db } = await opened();
    const half = async (trx: Db) => {
      await lists.insert(trx, list('half'));
      throw new Error('no');
    };
    const twice = async (trx: Db) => {
      await lists.insert(trx, list('same'));
      await lists.insert(trx, list('same'));
      return '';
    };
    const ends = await beside(db, [add('one'), half, twice, add('two')]);
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(ends[1]).toMatchObject({ reason: { message: 'no' } });
    expect(await names(db)).toEqual(['one', 'two']);
  });

  test('one that is ready does not wait for long for those that are not, and neither does the next one', async () => {
    const { db } = await opened();
    let end = (_: string) => {};
    const ended = new Promise<string>((resolve) => {
      end = resolve;
    });
    const slow = among(db, () => ended);
    for (const name of ['one', 'two']) expect(await among(db, () => commitTogether(db, add(name)))).toBe(name);
    end('ended');
    expect(await slow).toBe('ended');
  });

  test('one that is committed by itself is, whoever is under way', async () => {
    const { db } = await opened();
    expect(await commitTogether(db, add('one'))).toBe('one');
    await expect(commitTogether(db, async () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await names(db)).toEqual(['one']);
  });

  test('more than have one commit are committed as well', async () => {
    const { db, begun } = await opened();
    const all = Array.from({ length: 20 }, (_, at) => `n${at}`);
    const ends = await beside(db, all.map(add));
    expect(ends.every(({ status }) => status === 'fulfilled')).toBe(true);
    expect(await names(db)).toEqual([...all].sort());
    if (engine.name === 'sqlite') expect(begun()).toBe(3);
  });

  describe.skipIf(engine.name !== 'sqlite')('where no time passes', () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
    afterEach(() => void vi.useRealTimers());

    test('one alone waits for nobody, also after others', async () => {
      const { db } = await opened();
      await beside(db, [add('one'), add('two')]);
      await expect(among(db, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
      expect(await among(db, () => commitTogether(db, add('three')))).toBe('three');
      expect(vi.getTimerCount()).toBe(0);
    });

    test('who is ready waits no more when the other one turns out to have nothing to commit', async () => {
      const { db } = await opened();
      let refuse = () => {};
      const refused = new Promise<never>((_, reject) => {
        refuse = () => reject(new Error('no'));
      });
      const other = among(db, () => refused);
      const ready = among(db, () => commitTogether(db, add('one')));
      expect(vi.getTimerCount()).toBe(1);
      refuse();
      await expect(other).rejects.toThrow('no');
      expect(await ready).toBe('one');
      expect(vi.getTimerCount()).toBe(0);
    });

    test('they are committed in the order in which they were ready', async () => {
      const { db } = await opened();
      const order: string[] = [];
      const noted = (name: string) => async (trx: Db) => {
        order.push(name);
        return add(name)(trx);
      };
      await beside(db, ['one', 'two', 'three'].map(noted));
      expect(order).toEqual(['one', 'two', 'three']);
    });
  });

  describe.skipIf(engine.name !== 'sqlite')('where the whole transaction is lost', () => {
    test('nobody is told that his was kept, and all are told why', async () => {
      const { db } = await opened();
      // As SQLite does it itself where it cannot write.
      const lost = async (trx: Db) => {
        await sql`rollback`.execute(trx);
        throw new Error('disk full');
      };
      const ends = await beside(db, [add('one'), lost, add('two')]);
      for (const end of ends) expect(end).toMatchObject({ status: 'rejected', reason: { message: 'disk full' } });
      expect(await names(db)).toEqual([]);
      expect(await commitTogether(db, add('one'))).toBe('one');
    });

    test('what one is refused for is not said to the others', async () => {
      const { db } = await opened();
      const refused = async (trx: Db) => {
        await sql`rollback`.execute(trx);
        throw new Refusal('too-large');
      };
      const [one, other, two] = await beside(db, [add('one'), refused, add('two')]);
      expect(other).toMatchObject({ status: 'rejected', reason: { reason: 'too-large' } });
      for (const end of [one, two]) {
        expect(end?.status).toBe('rejected');
        expect(end).not.toMatchObject({ reason: { name: 'Refusal' } });
      }
      expect(await names(db)).toEqual([]);
    });

    test('by its commit, everybody is told', async () => {
      const { db } = await opened();
      // Looked at when it is committed, and not before.
      const dangling = async (trx: Db) => {
        await sql`pragma defer_foreign_keys = on`.execute(trx);
        await sql`insert into member_lists (member_id, list_id) values ('nobody', 'nothing')`.execute(trx);
        return '';
      };
      const ends = await beside(db, [add('one'), dangling, add('two')]);
      expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
      expect(await names(db)).toEqual([]);
    });
  });
});
