import { sql } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import { DAY, type Instant, MINUTE } from '../../src/clock.ts';
import * as attempts from '../../src/store/attempts.ts';
import { type Database, type DatabaseConfig, openDatabase } from '../../src/store/database.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as posts from '../../src/store/posts.ts';
import type { NewDelivery, PostKind } from '../../src/store/schema.ts';
import { eachEngine } from '../support/dialects.ts';
import { addContact, addList, addMember, NOW } from './roster-rows.ts';

eachEngine((engine) => {
  let db: Database;
  let config: DatabaseConfig;
  beforeEach(async () => {
    ({ db, config } = await engine.open());
    const list = await addList(db, 'distributors@orbit.example', 'private');
    await addMember(db, 'Alpha', 'active', [list]);
    await addContact(db, 'Alpha', 'alpha@alpha.example');
    for (const id of ['one', 'two']) await addPost(id, 'post');
  });

  const addPost = (id: string, kind: PostKind) =>
    posts.insert(db, {
      id,
      list_id: 'distributors',
      case_id: null,
      kind,
      digest: id,
      encrypted: 1,
      received_at: NOW,
      size: 1,
      content: Buffer.alloc(1),
    });
  const copy = (id: string, change: Partial<NewDelivery> = {}): NewDelivery => ({
    id,
    post_id: 'one',
    list_id: 'distributors',
    case_id: null,
    audience: 'contact',
    address: 'alpha@alpha.example',
    contact_id: 'alpha@alpha.example',
    certificate_id: null,
    message_id: `<${id}@orbit.example>`,
    state: 'queued',
    attempts: 0,
    priority: 4,
    due_at: NOW,
    created_at: NOW,
    ...change,
  });
  const settleOne = async (id: string, lease: string, settlement: deliveries.Settlement, now: Instant) => {
    const [settled] = await deliveries.settle(db, [{ id, lease, settlement }], now);
    return settled;
  };
  const by = (id: string, until = NOW + MINUTE) => ({ id, until });
  /** On PostgreSQL, holds every copy until two others wait for them; what it gives lets both go on at one moment. */
  const starter = async () => {
    if (engine.name === 'sqlite') return async () => {};
    const [locked, going] = [new AbortController(), new AbortController()];
    const holding = db.transaction().execute(async (trx) => {
      await trx.selectFrom('deliveries').select('id').forUpdate().execute();
      locked.abort();
      await aborted(going.signal);
    });
    await aborted(locked.signal);
    const waiting = sql<{ pid: number }>`select pid from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    return async () => {
      await expect.poll(async () => (await waiting.execute(db)).rows.length, { interval: 5 }).toBe(2);
      going.abort();
      await holding;
    };
  };
  const ids = (rows: { id: string }[]) => rows.map(({ id }) => id);

  describe('a lease', () => {
    test('takes due copies of one post and priority, the most urgent first, and no more than were asked for', async () => {
      await deliveries.insertMany(db, [
        copy('a', { priority: 4 }),
        copy('b', { priority: 0, post_id: 'two' }),
        copy('c', { priority: 4, post_id: 'two' }),
        copy('d', { priority: 1, post_id: 'two' }),
        copy('e', { priority: 0, post_id: 'two', due_at: NOW + 1 }),
        copy('f', { priority: 0, state: 'held' }),
      ]);
      expect(ids(await deliveries.lease(db, by('x'), NOW, { copies: 2 }))).toEqual(['b']);
      expect(ids(await deliveries.lease(db, by('next'), NOW, { copies: 2 }))).toEqual(['d']);
      expect(ids(await deliveries.lease(db, by('y'), NOW, { copies: 9 }))).toEqual(['a']);
      expect(ids(await deliveries.lease(db, by('z'), NOW, { copies: 9 }))).toEqual(['c']);
      expect(await deliveries.lease(db, by('none'), NOW, { copies: 9 })).toEqual([]);
      expect(ids(await deliveries.lease(db, by('later'), NOW + 1, { copies: 9 }))).toEqual(['e']);
      expect(await deliveries.byId(db, 'b')).toMatchObject({
        state: 'leased',
        lease: 'x',
        lease_until: NOW + MINUTE,
        attempts: 1,
      });
    });

    test('of one priority takes nothing of another one, of the same post either', async () => {
      await deliveries.insertMany(db, [copy('a', { priority: 4 }), copy('b', { priority: 3 }), copy('c', { priority: 0 })]);
      expect(ids(await deliveries.lease(db, by('x'), NOW, { copies: 9, priority: 3 }))).toEqual(['b']);
      expect(await deliveries.lease(db, by('y'), NOW, { copies: 9, priority: 3 })).toEqual([]);
      expect(ids(await deliveries.lease(db, by('all'), NOW, { copies: 9 }))).toEqual(['c']);
    });

    test('is given to one of several who ask at once', async () => {
      await deliveries.insertMany(
        db,
        [...Array(20).keys()].map((count) => copy(`c${count}`)),
      );
      const taken = await Promise.all(['x', 'y', 'z'].map((name) => deliveries.lease(db, by(name), NOW, { copies: 20 })));
      expect(ids(taken.flat()).sort()).toEqual([...Array(20).keys()].map((count) => `c${count}`).sort());
    });

    test('has each copy once, whenever two workers start together', async () => {
      const all = [...Array(20).keys()].map((count) => `c${count}`).sort();
      const other = openDatabase(config);
      try {
        await deliveries.insertMany(
          db,
          all.map((id) => copy(id)),
        );
        for (let round = 0; round < 10; round++) {
          const start = await starter();
          const asking = [db, other].map((one, worker) => deliveries.lease(one, by(`${round} ${worker}`), NOW, { copies: 20 }));
          await start();
          expect(ids((await Promise.all(asking)).flat()).sort()).toEqual(all);
          await deliveries.reclaim(db, NOW, 'all');
        }
      } finally {
        await other.destroy();
      }
    });

    test('that ended is taken back, and all are where a process has just started alone', async () => {
      await deliveries.insertMany(db, [copy('a'), copy('b', { post_id: 'two' })]);
      await deliveries.lease(db, by('short', NOW + 1), NOW, { copies: 1 });
      await deliveries.lease(db, by('long', NOW + DAY), NOW, { copies: 1 });
      expect([await deliveries.reclaim(db, NOW), await deliveries.reclaim(db, NOW + 1)]).toEqual([0, 1]);
      expect(await deliveries.reclaim(db, NOW, 'all')).toBe(1);
    });
  });

  test('a copy is settled as what came of it', async () => {
    await deliveries.insertMany(db, [copy('a'), copy('b'), copy('c'), copy('d')]);
    await deliveries.lease(db, by('x'), NOW, { copies: 9 });
    const settle = (id: string, settlement: deliveries.Settlement) => settleOne(id, 'x', settlement, NOW + 5);
    const free = { lease: null, lease_until: null };
    await settle('a', { state: 'delivered', response: '250' });
    await settle('b', { state: 'failed', reason: 'rejected', response: '550' });
    await settle('c', { state: 'held', reason: 'expired', response: null });
    await settle('d', { state: 'deferred', reason: 'timeout', response: null, until: NOW + 9 });
    expect(await deliveries.byId(db, 'a')).toMatchObject({ ...free, state: 'delivered', reason: null, settled_at: NOW + 5 });
    expect(await deliveries.byId(db, 'b')).toMatchObject({ ...free, state: 'failed', reason: 'rejected', settled_at: NOW + 5 });
    expect(await deliveries.byId(db, 'c')).toMatchObject({ ...free, state: 'held', reason: 'expired', settled_at: null });
    expect(await deliveries.byId(db, 'd')).toMatchObject({ ...free, state: 'deferred', due_at: NOW + 9, settled_at: null });
    expect(ids(await deliveries.untold(db, 9))).toEqual(['b', 'c']);
    expect([await deliveries.markTold(db, ['b', 'c'], NOW), await deliveries.markTold(db, ['b', 'c'], NOW)]).toEqual([2, 0]);
    expect(await deliveries.untold(db, 9)).toEqual([]);
    const retried = await Promise.all(['a', 'b', 'c', 'd'].map((id) => deliveries.retry(db, id, NOW + 7)));
    expect(retried).toEqual([false, false, true, true]);
    expect(await deliveries.byId(db, 'c')).toMatchObject({ state: 'queued', due_at: NOW + 7, told_at: null, reason: null });
  });

  test('copies that end together each have what came of them, under their own lease, with their own answer', async () => {
    await deliveries.insertMany(db, [copy('a'), copy('b'), copy('c'), copy('d'), copy('e')]);
    await deliveries.lease(db, by('x'), NOW, { copies: 5 });
    const lost = db.updateTable('deliveries').set({ lease: 'y' }).where('id', 'in', ['d', 'e']);
    await lost.execute();
    await deliveries.bounced(db, 'b', '5.1.1 nobody', NOW + 1);
    const taken = (id: string, lease: string) =>
      ({ id, lease, settlement: { state: 'delivered', response: `250 ${id} ${lease}` } }) as const;
    const later = { state: 'deferred', reason: 'try-later', response: '451', until: NOW + 9 } as const;
    // One was sent under two leases, of which it has the second.
    const some = [taken('d', 'x'), taken('a', 'x'), { id: 'c', lease: 'x', settlement: later }, taken('b', 'x'), taken('d', 'y')];
    expect(await deliveries.settle(db, some, NOW + 2)).toEqual([
      null,
      { state: 'delivered', reason: null },
      { state: 'deferred', reason: 'try-later' },
      { state: 'failed', reason: 'bounced' },
      { state: 'delivered', reason: null },
    ]);
    expect((await deliveries.byId(db, 'a'))?.response).toBe('250 a x');
    expect((await deliveries.byId(db, 'b'))?.response).toBe('5.1.1 nobody');
    expect((await deliveries.byId(db, 'd'))?.response).toBe('250 d y');
    expect(await deliveries.byId(db, 'e')).toMatchObject({ state: 'leased', lease: 'y' });
    const attempted = async (id: string) => (await attempts.ofCopy(db, id)).map(({ number, response }) => [number, response]);
    expect(await attempted('d')).toEqual([[1, '250 d y']]);
    expect(await attempted('b')).toEqual([[1, '250 b x']]);
  });

  test('each attempt is noted as it ended, with the words of the relay, and of those that were lost that they were', async () => {
    await deliveries.insertMany(db, [copy('a'), copy('b')]);
    const tried = async (id: string) => (await attempts.ofCopy(db, id)).map(({ delivery_id: _, ...ended }) => ended);
    await deliveries.lease(db, by('x'), NOW, { copies: 9 });
    const later = { state: 'deferred', reason: 'try-later', response: '451 4.2.0 later', until: NOW } as const;
    await settleOne('a', 'x', later, NOW + 1);
    expect(await settleOne('b', 'another', later, NOW + 1)).toBeNull();
    expect(await tried('b')).toEqual([]);
    expect(await deliveries.reclaim(db, NOW + 2, 'all')).toBe(1);
    await deliveries.lease(db, by('y'), NOW + 3, { copies: 9 });
    // What the relay said stays beside what came of it.
    await deliveries.bounced(db, 'a', '5.1.1 nobody', NOW + 3);
    const taken = { state: 'delivered', response: '250 2.0.0 taken' } as const;
    expect(await settleOne('a', 'y', taken, NOW + 4)).toMatchObject({ state: 'failed', reason: 'bounced' });
    const { until: _, ...ended } = later;
    expect(await tried('a')).toEqual([
      { number: 1, at: NOW + 1, ...ended },
      { number: 2, at: NOW + 4, reason: null, ...taken },
    ]);
    const lost = { state: 'deferred', reason: 'lease-lost', response: null };
    expect(await tried('b')).toEqual([{ number: 1, at: NOW + 2, ...lost }]);
    await deliveries.holdOpen(db, 'restored', NOW + 5);
    expect(await tried('b')).toEqual([
      { number: 1, at: NOW + 2, ...lost },
      { number: 2, at: NOW + 5, ...lost },
    ]);
  });

  test('of a copy that is tried again and again the last attempts are kept', async () => {
    await deliveries.insertMany(db, [copy('a')]);
    const most = attempts.KEPT + 3;
    for (let time = 1; time <= most; time++) {
      await deliveries.lease(db, by('x'), NOW, { copies: 1 });
      if (time % 2) await deliveries.reclaim(db, NOW, 'all');
      else await settleOne('a', 'x', { state: 'deferred', reason: 'timeout', response: '', until: NOW }, NOW);
    }
    const numbers = (await attempts.ofCopy(db, 'a')).map(({ number }) => number);
    expect(numbers).toEqual([...Array(attempts.KEPT).keys()].map((index) => index + 4));
  });

  test('an attempt is noted where its copy is settled, or neither is', async () => {
    await deliveries.insertMany(db, [copy('a')]);
    await deliveries.lease(db, by('x'), NOW, { copies: 1 });
    const number = 1;
    await attempts.note(db, [{ delivery_id: 'a', number, at: NOW, state: 'held', reason: null, response: null }]);
    await expect(deliveries.reclaim(db, NOW, 'all')).rejects.toThrow(/unique/i);
    expect(await deliveries.byId(db, 'a')).toMatchObject({ state: 'leased', lease: 'x' });
  });

  test('a copy that is given back before its answer is here fails as it is settled, unless a person had sent it again', async () => {
    await deliveries.insertMany(db, [copy('a'), copy('b'), copy('c'), copy('d')]);
    const settle = (id: string, lease: string, settlement: deliveries.Settlement) => settleOne(id, lease, settlement, NOW + 5);
    const delivered = { state: 'delivered', response: '250' } as const;
    const later = { state: 'deferred', reason: 'connection-lost', response: '', until: NOW } as const;
    const bounced = { state: 'failed', reason: 'bounced' } as const;
    await deliveries.lease(db, by('x'), NOW, { copies: 9 });
    for (const id of ['a', 'b', 'c']) expect(await deliveries.bounced(db, id, '5.1.1 nobody', NOW + 1), id).toBe(true);
    expect(await deliveries.bounced(db, 'a', '5.1.1 nobody', NOW + 2)).toBe(false);
    expect(await settle('a', 'x', delivered)).toEqual(bounced);
    expect(await deliveries.bounced(db, 'a', '5.1.1 nobody', NOW + 6)).toBe(false);
    expect(await settle('d', 'x', delivered)).toEqual({ state: 'delivered', reason: null });
    await settle('b', 'x', later);
    await settle('c', 'x', later);
    await deliveries.retry(db, 'c', NOW);
    await deliveries.lease(db, by('y'), NOW, { copies: 9 });
    expect(await settle('b', 'y', delivered)).toEqual(bounced);
    expect(await settle('c', 'y', delivered)).toEqual({ state: 'delivered', reason: null });
    for (const id of ['a', 'b'])
      expect(await deliveries.byId(db, id)).toMatchObject({
        ...bounced,
        response: '5.1.1 nobody',
        bounced_at: NOW + 1,
        settled_at: NOW + 5,
      });
    expect(ids(await deliveries.untold(db, 9))).toEqual(['a', 'b']);
    expect(await deliveries.bounced(db, 'd', '5.1.1 nobody', NOW + 6)).toBe(true);
  });

  test('the next instant is that of the next copy or the end of the next lease', async () => {
    expect(await deliveries.nextInstant(db)).toBeUndefined();
    await deliveries.insertMany(db, [
      copy('a', { due_at: NOW + 7 }),
      copy('b', { post_id: 'two' }),
      copy('c', { state: 'held', due_at: 1 }),
    ]);
    expect(await deliveries.nextInstant(db)).toBe(NOW);
    await deliveries.lease(db, by('x', NOW + 3), NOW, { copies: 9 });
    expect(await deliveries.nextInstant(db)).toBe(NOW + 3);
    await settleOne('b', 'x', { state: 'delivered', response: '250' }, NOW);
    expect(await deliveries.nextInstant(db)).toBe(NOW + 7);
    await deliveries.insertMany(db, [copy('d', { due_at: NOW + 9, priority: 0 })]);
    expect([await deliveries.nextInstant(db, 0), await deliveries.nextInstant(db)]).toEqual([NOW + 9, NOW + 7]);
  });

  test('more copies than one statement can hold are written', async () => {
    await deliveries.insertMany(
      db,
      [...Array(1203).keys()].map((count) => copy(`c${count}`)),
    );
    const { count } = await db
      .selectFrom('deliveries')
      .select((eb) => eb.fn.countAll().as('count'))
      .executeTakeFirstOrThrow();
    expect(Number(count)).toBe(1203);
  });

  test('an address is known to have been answered in any case, for a while, by that kind of mail', async () => {
    await addPost('receipt', 'receipt-clear');
    await deliveries.insertMany(db, [
      copy('a', { post_id: 'receipt', address: 'Rita@Example.org', audience: 'stranger', contact_id: null }),
      copy('b', { post_id: 'two' }),
    ]);
    const wrote = (address: string, since: number) => deliveries.wroteTo(db, address, ['receipt', 'receipt-clear'], since);
    expect(await wrote('rita@example.ORG', NOW - 1)).toBe(true);
    expect(await wrote('rita@example.org', NOW)).toBe(false);
    expect(await wrote('alpha@alpha.example', NOW - 1)).toBe(false);
    expect(await deliveries.wroteTo(db, 'rita@example.org', ['receipt'], NOW - 1)).toBe(false);
  });

  test('pages are the newest first, by what was asked for', async () => {
    await deliveries.insertMany(db, [copy('a'), copy('b', { state: 'held' }), copy('c', { post_id: 'two' })]);
    expect(ids(await deliveries.page(db, { limit: 2 }))).toEqual(['c', 'b']);
    expect(ids(await deliveries.page(db, { limit: 2, before: 'b' }))).toEqual(['a']);
    expect(ids(await deliveries.page(db, { limit: 9, state: 'held' }))).toEqual(['b']);
    expect(ids(await deliveries.page(db, { limit: 9, postId: 'two' }))).toEqual(['c']);
    expect(ids(await deliveries.page(db, { limit: 9, audience: 'public' }))).toEqual([]);
  });
});

const aborted = (signal: AbortSignal) => new Promise<unknown>((resolve) => signal.addEventListener('abort', resolve));
