import { expect, test } from 'vitest';
import { close, retrospect, writingsOf } from '../../src/cases/after.ts';
import { claim } from '../../src/cases/people.ts';
import { DAY, HOUR } from '../../src/clock.ts';
import { openPost } from '../../src/delivery/opening.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { release } from '../../src/embargo/release.ts';
import { movePast, purgeContent } from '../../src/post/retention.ts';
import * as acknowledgements from '../../src/store/acknowledgements.ts';
import * as clockMarks from '../../src/store/clock.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as exposure from '../../src/store/exposure.ts';
import { COLUMNS } from '../../src/store/past.ts';
import { outbox } from '../delivery/outbox.ts';
import { armed, caseOf, reasonOf, subscribe } from '../embargo/armed.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, type House, housing, LISTS } from '../support/house.ts';

const build = housing();
const pass = (house: House, days: number) => house.clock.moveTo(house.clock.now() + days * DAY);

/** A released case with a dispatch, of which all copies are out; and one that is open, with what its team was sent. */
async function twoCases(house: House): Promise<{ over: string; open: string }> {
  await subscribe(house);
  const over = await house.report({ text: 'It reads behind its end.\n' });
  await claim(as(house, house.team[0]), over, {});
  const { release_at } = await armed(house, house.clock.now() + 9 * DAY, over);
  pass(house, 1);
  await dispatch(as(house, house.team[0]), over, LISTS.distributors);
  await outbox(house).drain();
  house.clock.moveTo(release_at ?? 0);
  await release(house, over);
  const open = await house.report({ text: 'Another one.\n' }, 'ron@example.org');
  await outbox(house).drain();
  return { over, open };
}

/** All that is asked about copies. */
async function known({ db, members }: House, caseId: string) {
  const [first] = await deliveries.page(db, { limit: 1 });
  return {
    page: await deliveries.page(db, { limit: 500 }),
    next: await deliveries.page(db, { limit: 500, before: first?.id ?? '' }),
    first: await deliveries.byId(db, first?.id ?? ''),
    receipts: await acknowledgements.ofCase(db, caseId),
    exposed: await exposure.ofCase(db, caseId),
    channels: await deliveries.channels(db, caseId, 4),
    dispatched: await deliveries.dispatchedTo(db, caseId),
    thread: await deliveries.caseOfMessage(db, LISTS.distributors, []),
    written: await deliveries.countTo(db, members[0].address, ['dispatch'], 0),
  };
}

const rowsOf = async ({ db }: House, table: 'deliveries' | 'past_deliveries') =>
  await db.selectFrom(table).select(['id', 'post_id', 'state']).orderBy('id').execute();

eachEngine((engine) => {
  test('copies that ended leave the table of the queue after their time, and all that is asked of them is answered as before', async () => {
    const house = await build((await engine.open()).db);
    const { over } = await twoCases(house);
    const before = await known(house, over);
    expect(before.receipts.length).toBeGreaterThan(0);
    await movePast(house, { copies: 30 });
    expect(await rowsOf(house, 'past_deliveries')).toEqual([]);
    pass(house, 31);
    const all = await rowsOf(house, 'deliveries');
    await movePast(house, { copies: 30 });
    expect(await rowsOf(house, 'past_deliveries')).toEqual(all);
    expect(await rowsOf(house, 'deliveries')).toEqual([]);
    expect(await known(house, over)).toEqual(before);
  });

  test('a copy stays where one of its post is open, or the team does not know that it failed', async () => {
    const house = await build((await engine.open()).db);
    const { over } = await twoCases(house);
    const dispatched = await house.db.selectFrom('posts').select('id').where('kind', '=', 'dispatch').executeTakeFirstOrThrow();
    const ofDispatch = house.db.updateTable('deliveries').where('post_id', '=', dispatched.id);
    const [one] = (await rowsOf(house, 'deliveries')).filter((copy) => copy.post_id === dispatched.id);
    await ofDispatch
      .set({ state: 'held', settled_at: null })
      .where('id', '=', one?.id ?? '')
      .execute();
    pass(house, 31);
    await movePast(house, { copies: 30 });
    const left = await rowsOf(house, 'deliveries');
    expect(left.length).toBeGreaterThan(1);
    expect(new Set(left.map(({ post_id }) => post_id))).toEqual(new Set([dispatched.id]));
    await ofDispatch
      .set({ state: 'failed', settled_at: house.clock.now() })
      .where('id', '=', one?.id ?? '')
      .execute();
    pass(house, 31);
    await movePast(house, { copies: 30 });
    expect((await rowsOf(house, 'deliveries')).map(({ id }) => id)).toEqual([one?.id]);
    expect(await deliveries.markTold(house.db, [one?.id ?? ''], house.clock.now())).toBe(1);
    await movePast(house, { copies: 30 });
    expect(await rowsOf(house, 'deliveries')).toEqual([]);
    expect(
      (await acknowledgements.ofCase(house.db, over))
        .map(({ state }) => state)
        .sort()
        .at(-1),
    ).toBe('failed');
  });

  test('a bounce that comes late finds its copy, once, and the team is to know', async () => {
    const house = await build((await engine.open()).db);
    await twoCases(house);
    pass(house, 31);
    await movePast(house, { copies: 30 });
    const [one] = await rowsOf(house, 'past_deliveries');
    const id = one?.id ?? '';
    expect(await deliveries.bounced(house.db, id, '550 5.1.1 gone', house.clock.now())).toBe(true);
    expect(await deliveries.bounced(house.db, id, '550 5.1.1 gone', house.clock.now())).toBe(false);
    expect(await deliveries.byId(house.db, id)).toMatchObject({ state: 'failed', reason: 'bounced', response: '550 5.1.1 gone' });
    expect((await deliveries.untold(house.db, 10)).map((copy) => copy.id)).toEqual([id]);
    expect(await deliveries.markTold(house.db, [id], house.clock.now())).toBe(1);
    expect(await deliveries.untold(house.db, 10)).toEqual([]);
  });

  test('both tables have the same columns, and what is moved has them all', async () => {
    const { db } = await engine.open();
    const tables = await db.introspection.getTables();
    const columnsOf = (name: string) =>
      tables
        .find((table) => table.name === name)
        ?.columns.map((column) => column.name)
        .sort();
    expect(columnsOf('past_deliveries')).toEqual(columnsOf('deliveries'));
    expect([...COLUMNS].sort()).toEqual(columnsOf('deliveries'));
  });

  test('content is taken away where the project says so, of what is over, and says so where it is asked for', async () => {
    const house = await build((await engine.open()).db);
    const { over, open } = await twoCases(house);
    await house.db.updateTable('cases').set({ aside: null }).where('id', '=', over).execute();
    await retrospect(as(house, house.team[1]), over, 'It went well.');
    await outbox(house).drain();
    await close(as(house, house.team[0]), over);
    await outbox(house).drain();
    const posts = () =>
      house.db.selectFrom('posts').select(['id', 'case_id', 'kind', 'content', 'purged_at']).orderBy('id').execute();
    const before = await posts();
    pass(house, 366);
    await purgeContent(house, { content: null });
    expect(await posts()).toEqual(before);
    await clockMarks.advance(house.db, house.clock.now());
    await clockMarks.raise(house.db, { since: house.clock.now(), why: 'ahead', boot: 'b' });
    await purgeContent(house, { content: 365 });
    expect(await posts()).toEqual(before);
    await house.db.updateTable('clock').set({ suspect_since: null, suspect_why: null, suspect_boot: null }).execute();
    const writings = await writingsOf(house, await caseOf(house, over), 'retrospective');
    expect(writings).toHaveLength(1);
    await purgeContent(house, { content: 365 });
    for (const { case_id, kind, content, purged_at } of await posts()) {
      const stays = kind === 'public' || case_id === open;
      expect({ kind, gone: content.length === 0, purged: purged_at !== null }).toEqual({ kind, gone: !stays, purged: !stays });
    }
    const patches = await house.db.selectFrom('patches').select(['content', 'purged_at']).where('case_id', '=', over).execute();
    expect(patches.length).toBeGreaterThan(0);
    for (const { content, purged_at } of patches) expect([content.length, purged_at]).toEqual([0, house.clock.now()]);
    const report = before.find(({ kind, case_id }) => kind === 'report' && case_id === over);
    expect(await reasonOf(openPost(house, report?.id ?? ''))).toBe('purged');
    const lines = await house.db.selectFrom('audit').select(['subject', 'line']).where('action', '=', 'content.purge').execute();
    expect(lines.map(({ subject }) => subject)).toContain(`case:${over}`);
    expect(lines.map(({ subject }) => subject)).not.toContain(`case:${open}`);
    expect(lines.some(({ line }) => line.includes(report?.id ?? '-'))).toBe(true);
  });

  test('nobody takes the content of a post away that the public has, that waits, or twice', async () => {
    const house = await build((await engine.open()).db);
    const { open } = await twoCases(house);
    const gone = (id: string) =>
      house.db
        .updateTable('posts')
        .set({ content: new Uint8Array(), purged_at: house.clock.now() })
        .where('id', '=', id)
        .execute();
    const one = async (kind: 'public' | 'report', caseId?: string) => {
      const found = house.db.selectFrom('posts').select('id').where('kind', '=', kind);
      return (await (caseId ? found.where('case_id', '=', caseId) : found).executeTakeFirstOrThrow()).id;
    };
    await expect(gone(await one('public'))).rejects.toThrow('a post is never changed');
    const report = await one('report', open);
    const change = house.db.updateTable('posts').where('id', '=', report);
    await expect(change.set({ content: new Uint8Array() }).execute()).rejects.toThrow('a post is never changed');
    await expect(change.set({ content: Buffer.from('x'), purged_at: 1 }).execute()).rejects.toThrow('a post is never changed');
    await change.set({ state: 'held' }).execute();
    await expect(gone(report)).rejects.toThrow('a post is never changed');
    await change.set({ state: 'accepted' }).execute();
    await gone(report);
    await expect(change.set({ content: Buffer.from('x') }).execute()).rejects.toThrow('a post is never changed');
    expect(house.clock.now()).toBeGreaterThan(HOUR);
  });
});
