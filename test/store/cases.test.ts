import { beforeEach, describe, expect, test } from 'vitest';
import { hintsOf, STAGES, stageOf } from '../../src/cases/state.ts';
import * as cases from '../../src/store/cases.ts';
import type { Database } from '../../src/store/database.ts';
import * as posts from '../../src/store/posts.ts';
import type { Case, CaseState } from '../../src/store/schema.ts';
import { type Chance, chanceOf } from '../support/chance.ts';
import { eachEngine } from '../support/dialects.ts';
import { addContact, addList, addMember, NOW } from './roster-rows.ts';

/** A post without what is its own. */
const POST = { list_id: 'security', encrypted: 1, received_at: NOW, size: 1, content: Buffer.alloc(1) } as const;

interface Approver {
  person_id: string;
  token_id: string;
}

eachEngine((engine) => {
  let db: Database;
  beforeEach(async () => {
    db = (await engine.open()).db;
    await addList(db, 'security@orbit.example', 'intake');
  });

  async function add(number: number, state: CaseState = 'received', release_at: number | null = null): Promise<string> {
    const id = `ORBIT-2026-${number}`;
    const bundle =
      release_at === null ? {} : { release_at, draft_post_id: 'draft', bundle_hash: 'bundle', channels: 'a@b.example' };
    const row = { id, year: 2026, number, state, list_id: 'security', thread_token: `t${number}`, received_at: NOW, revision: 1 };
    await cases.insert(db, { ...row, ...bundle, updated_at: NOW });
    return id;
  }
  async function approver(address: string): Promise<Approver> {
    await addMember(db, address, 'active', ['security']);
    const person_id = await addContact(db, address, address);
    const token = { id: address, name: address, role: 'team', hash: address, created_at: NOW } as const;
    await db
      .insertInto('tokens')
      .values({ ...token, person_id, expires_at: null, revoked_at: null })
      .execute();
    return { person_id, token_id: address };
  }
  const found = async (id: string) => {
    const about = await cases.byId(db, id);
    if (!about) throw new Error(`no case ${id}`);
    return about;
  };

  test('numbers count up within a year, one to each who asks, also at once', async () => {
    const numbers = await Promise.all([1, 2, 3, 4, 5].map(() => cases.nextNumber(db, 2026)));
    expect(numbers.sort()).toEqual([1, 2, 3, 4, 5]);
    expect(await cases.nextNumber(db, 2027)).toBe(1);
    expect(await cases.nextNumber(db, 2026)).toBe(6);
  });

  test('a change is made by who saw the case as it stands, and by nobody else', async () => {
    const seen = await found(await add(1));
    expect(await cases.change(db, seen, { revision: 2, updated_at: NOW + 1 })).toBe(true);
    expect(await cases.change(db, seen, { revision: 2, updated_at: NOW + 2 })).toBe(false);
    expect(await cases.change(db, { ...seen, revision: 2, state: 'armed' }, { revision: 3 })).toBe(false);
    expect(await found(seen.id)).toMatchObject({ revision: 2, updated_at: NOW + 1 });
  });

  describe('what is due', () => {
    test('are armed cases whose instant has come, the earliest first, unless they are over', async () => {
      await add(1, 'armed', NOW + 1);
      await add(2, 'armed', NOW);
      await add(3, 'armed', NOW - 1);
      await add(4, 'scheduled', NOW - 1);
      await add(5);
      const over = [await add(6, 'armed', NOW - 2), await add(7, 'armed', NOW - 2)];
      await cases.change(db, await found(over[0] ?? ''), { aside: 'rejected', revision: 2 });
      await cases.change(db, await found(over[1] ?? ''), { closed_at: NOW, revision: 2 });
      expect((await cases.dueCases(db, NOW)).map(({ number }) => number)).toEqual([3, 2]);
      expect(await cases.firstDue(db, 'armed')).toEqual({ id: 'ORBIT-2026-3', release_at: NOW - 1 });
      expect(await cases.firstDue(db, 'released')).toBeUndefined();
    });

    test('and lacks approvals are scheduled cases whose instant has come, unless they are over', async () => {
      await add(1, 'scheduled', NOW + 1);
      await add(2, 'scheduled', NOW);
      await add(3, 'armed', NOW);
      const over = await add(4, 'scheduled', NOW);
      await cases.change(db, await found(over), { aside: 'rejected', revision: 2 });
      expect((await cases.overdue(db, NOW)).map(({ number }) => number)).toEqual([2]);
    });

    test('to be looked at are cases under way, and released ones until their retrospective', async () => {
      await add(1, 'scheduled', NOW + 1);
      await add(2);
      const closed = await add(3);
      await cases.change(db, await found(closed), { closed_at: NOW, revision: 2 });
      expect((await cases.underWay(db)).map(({ number }) => number).sort()).toEqual([1, 2]);
      expect(await cases.toReview(db, NOW)).toEqual([]);
    });
  });

  test('patches come in their order until they are withdrawn, which happens once', async () => {
    const case_id = await add(1);
    for (const id of ['a', 'b'])
      await cases.insertPatch(db, { id, case_id, sha256: id, size: 1, content: Buffer.alloc(1), created_at: NOW });
    const live = async () => (await cases.patches(db, case_id)).map(({ id }) => id);
    expect([await live(), await cases.withdrawnPatches(db, case_id)]).toEqual([['a', 'b'], []]);
    expect([await cases.withdrawPatch(db, 'a', NOW), await cases.withdrawPatch(db, 'a', NOW)]).toEqual([true, false]);
    expect([await live(), await cases.withdrawnPatches(db, case_id)]).toEqual([['b'], ['a']]);
    expect(await cases.withdrawnPatches(db, await add(2))).toEqual([]);
  });

  test('a person approves a bundle once, and every bundle anew', async () => {
    const case_id = await add(1);
    const by = await approver('lena@orbit.example');
    const approve = (hash: string, approved_at: number) => cases.insertApproval(db, { case_id, hash, ...by, approved_at });
    expect([await approve('one', 2), await approve('one', 3), await approve('two', 1)]).toEqual([true, false, true]);
    expect((await cases.approvals(db, case_id)).map(({ hash, approved_at }) => [hash, approved_at])).toEqual([
      ['two', 1],
      ['one', 2],
    ]);
  });

  test('pages are the newest first, by year and number', async () => {
    for (const number of [1, 2, 10]) await add(number);
    await cases.insert(db, { ...(await found('ORBIT-2026-1')), id: 'ORBIT-2027-1', year: 2027, thread_token: 'next' });
    const page = async (before?: { year: number; number: number }) =>
      (await cases.page(db, { limit: 2, ...(before ? { before } : {}) })).map(({ id }) => id);
    expect(await page()).toEqual(['ORBIT-2027-1', 'ORBIT-2026-10']);
    expect(await page({ year: 2026, number: 10 })).toEqual(['ORBIT-2026-2', 'ORBIT-2026-1']);
  });

  /** Adds a case that stands somewhere: as far as it came in most of them, with gaps in some. */
  async function addSomewhere(number: number, chance: Chance, approvers: readonly Approver[]): Promise<void> {
    const some = <T>(values: readonly T[]) => values[Math.floor(chance() * values.length)] as T;
    const state = some(['received', 'received', 'received', 'scheduled', 'armed', 'released'] as const);
    const id = await add(number, state === 'released' ? 'armed' : state, NOW);
    const seen = await found(id);
    for (const by of approvers) await cases.insertApproval(db, { case_id: id, hash: 'bundle', ...by, approved_at: NOW });
    const public_post_id = `public of ${id}`;
    await posts.insert(db, { ...POST, id: public_post_id, digest: id, kind: 'public', case_id: id });
    const steps = ['acknowledged_at', 'accepted_at', 'led_at', 'in_fix_at', 'scheduled_at', 'noticed_at'] as const;
    const reached = steps.slice(0, Math.floor(chance() * (steps.length + 1))).filter(() => chance() < 0.8);
    const late = (['prenoticed_at', 'retrospective_at', 'closed_at'] as const).filter(() => chance() < 0.1);
    await cases.change(db, seen, {
      ...Object.fromEntries([...reached, ...late].map((column) => [column, NOW])),
      state,
      public_post_id,
      public_digest: id,
      released_at: NOW,
      patch_set: some(['a set', null, null, null]),
      aside: some([null, null, null, null, 'leaked', 'public_already', 'withdrawn', 'rejected', 'needs_info'] as const),
      prenoticed_draft_id: some(['draft', 'another', null]),
      revision: 2,
    });
  }

  test('what is asked of the columns leaves out no case that stands so', async () => {
    for (const id of ['draft', 'another']) await posts.insert(db, { ...POST, id, digest: id, kind: 'draft' });
    const approvers = [await approver('lena@orbit.example'), await approver('dirk@orbit.example')];
    const chance = chanceOf(1);
    const limit = 200;
    for (let number = 1; number <= limit; number++) await addSomewhere(number, chance, approvers);
    const all = await cases.page(db, { limit });
    for (const stage of STAGES) {
      const ids = (of: readonly Case[]) => of.filter((about) => stageOf(about) === stage).map(({ id }) => id);
      expect(ids(all).length, stage).toBeGreaterThan(0);
      expect(ids(await cases.page(db, { limit, hints: hintsOf(stage) })), stage).toEqual(ids(all));
    }
  });

  test('a lock holds until the transaction ends, though posts of the case were written before', async () => {
    const case_id = await add(1);
    const order: string[] = [];
    const take = (name: string) =>
      db.transaction().execute(async (trx) => {
        await cases.lock(trx, case_id);
        order.push(name);
        await posts.insert(trx, {
          id: name,
          list_id: 'security',
          case_id,
          kind: 'alert',
          digest: name,
          encrypted: 1,
          received_at: NOW,
          size: 1,
          content: Buffer.alloc(1),
        });
        const { revision } = (await cases.byId(trx, case_id)) ?? { revision: 0 };
        await new Promise((resolve) => setTimeout(resolve, 20));
        await cases.change(trx, { id: case_id, state: 'received', revision }, { revision: revision + 1 });
      });
    await Promise.all(['a', 'b', 'c'].map(take));
    expect((await found(case_id)).revision).toBe(4);
  });
});
