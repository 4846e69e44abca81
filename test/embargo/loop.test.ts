import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Alarm, createAlarm, DAY, HOUR, MINUTE, SECOND } from '../../src/clock.ts';
import { approve } from '../../src/embargo/approve.ts';
import { confirmClock, openClock } from '../../src/embargo/clock-watch.ts';
import { releaseLoop } from '../../src/embargo/loop.ts';
import { schedule } from '../../src/embargo/schedule.ts';
import type { Seams } from '../../src/seams.ts';
import * as clocks from '../../src/store/clock.ts';
import { outbox, silent } from '../delivery/outbox.ts';
import { eachEngine, type OpenedDatabase } from '../support/dialects.ts';
import { type House, housing } from '../support/house.ts';
import { openCopy } from '../support/party.ts';
import { unguarded } from '../support/unguarded.ts';
import { actor, arm, armed, caseOf, OUTSIDE, PUBLIC, READER, scheduled, subscribe } from './armed.ts';

interface Loop {
  alarm: Alarm;
  /** How often it was said that something is to be sent. */
  rung(): number;
  stop(): Promise<void>;
}

eachEngine((engine) => {
  const build = housing();
  let opened: OpenedDatabase;
  let house: House;
  const running: Loop[] = [];

  beforeEach(async () => {
    opened = await engine.open();
    house = await build(opened.db);
    await subscribe(house);
  });
  afterEach(async () => {
    for (const loop of running.splice(0)) await loop.stop();
  });

  function run(seams: Seams = house): Loop {
    const alarm = createAlarm(seams.clock);
    const stopping = new AbortController();
    let rung = 0;
    const ended = releaseLoop(seams, alarm, () => rung++, silent, stopping.signal);
    const stop = async () => {
      stopping.abort();
      await ended;
    };
    const loop = { alarm, rung: () => rung, stop };
    running.push(loop);
    return loop;
  }

  /** Until the database says so; the loop has its own pace. */
  async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
    for (let tries = 0; tries < 4_000; tries++) {
      const found = await look();
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error('it never came');
  }
  const released = (id: string) =>
    until(async () => {
      const about = await caseOf(house, id);
      return about.state === 'released' && about;
    });
  const alerts = () => house.db.selectFrom('posts').select(['id', 'case_id']).where('kind', '=', 'alert').execute();
  const publicCopies = async () => {
    const query = house.db.selectFrom('deliveries').select('address').where('audience', '=', 'public').orderBy('address');
    return (await query.execute()).map(({ address }) => address);
  };
  /** Long enough for the loop to do what it should not. */
  const settled = () => new Promise((resolve) => setTimeout(resolve, 150));

  test('it sleeps to the instant, releases then and rings for the delivery', async () => {
    const { id, release_at } = await armed(house);
    const loop = run();
    await settled();
    expect((await caseOf(house, id)).state).toBe('armed');
    for (let now = (release_at ?? 0) - 10 * SECOND; now < (release_at ?? 0); now += 5 * SECOND) {
      house.clock.moveTo(now);
      await settled();
    }
    expect(await publicCopies()).toEqual([]);
    house.clock.moveTo(release_at ?? 0);
    expect(await released(id)).toMatchObject({ released_at: release_at });
    expect(await publicCopies()).toEqual([OUTSIDE, READER]);
    await until(async () => loop.rung() === 1);
  });

  test('the alarm wakes it for a case that was armed while it slept, and the database is looked up every five seconds', async () => {
    const loop = run();
    await settled();
    const first = await armed(house, house.clock.now() + SECOND);
    loop.alarm.ring();
    await settled();
    house.clock.moveTo(house.clock.now() + SECOND);
    await released(first.id);
    const second = await scheduled(house, house.clock.now() + SECOND);
    await settled();
    await arm(house, second);
    house.clock.moveTo(house.clock.now() + 5 * SECOND);
    await released(second.id);
  });

  test('a case whose instant passed while nothing ran is released at the start, and once', async () => {
    const { id, release_at } = await armed(house);
    await run().stop();
    house.clock.moveTo((release_at ?? 0) + HOUR);
    run();
    expect(await released(id)).toMatchObject({ released_at: (release_at ?? 0) + HOUR });
    await run().stop();
    expect(await publicCopies()).toEqual([OUTSIDE, READER]);
  });

  test('two nodes on one database release once', async () => {
    const { id, release_at } = await armed(house);
    const other = opened.elsewhere();
    house.clock.moveTo(release_at ?? 0);
    const loops = [run(), run({ ...house, db: other })];
    await released(id);
    await settled();
    for (const loop of loops) await loop.stop();
    expect(await publicCopies()).toEqual([OUTSIDE, READER]);
    expect(await alerts()).toEqual([]);
  });

  test('a wall clock that jumps back releases nothing', async () => {
    const { id, release_at } = await armed(house);
    run();
    await settled();
    house.clock.moveTo(house.clock.now() - HOUR);
    await settled();
    expect((await caseOf(house, id)).state).toBe('armed');
    house.clock.moveTo(release_at ?? 0);
    await released(id);
  });

  describe('a case that lacks approvals at its instant', () => {
    test('is said to be overdue once, and released right after the second approval', async () => {
      const about = await scheduled(house);
      const [lena, dirk] = house.team;
      await approve(house, about.id, about.bundle_hash ?? '', await actor(house, lena));
      await outbox(house).drain();
      house.clock.moveTo(about.release_at ?? 0);
      const loop = run();
      await until(async () => (await alerts()).length > 0);
      house.clock.moveTo((about.release_at ?? 0) + MINUTE);
      loop.alarm.ring();
      await settled();
      expect(await alerts()).toHaveLength(1);
      const sent = await outbox(house).drain();
      expect(sent.map(({ to }) => to).sort()).toEqual(house.team.map(({ address }) => address).sort());
      const toLena = sent.find(({ to }) => to === lena.address)?.raw ?? Buffer.alloc(0);
      expect((await openCopy(toLena, lena, undefined, house.clock.now())).entity.toString()).toContain('OVERDUE');

      await approve(house, about.id, about.bundle_hash ?? '', await actor(house, dirk));
      loop.alarm.ring();
      await released(about.id);
      expect(await alerts()).toHaveLength(1);
    });

    test('is said to be overdue once by two nodes', async () => {
      const about = await scheduled(house);
      const other = opened.elsewhere();
      house.clock.moveTo(about.release_at ?? 0);
      const loops = [run(), run({ ...house, db: other })];
      await until(async () => (await alerts()).length > 0);
      await settled();
      for (const loop of loops) await loop.stop();
      expect(await alerts()).toHaveLength(1);
    });

    test('is said to be overdue again when it was scheduled anew', async () => {
      const about = await scheduled(house);
      house.clock.moveTo(about.release_at ?? 0);
      const loop = run();
      await until(async () => (await alerts()).length === 1);
      const again = await schedule(house, about.id, { releaseAt: house.clock.now() + HOUR, ...PUBLIC });
      house.clock.moveTo(again.release_at ?? 0);
      loop.alarm.ring();
      await until(async () => (await alerts()).length === 2);
    });
  });

  test('a clock that is in doubt delays a case, which is told when it is a minute late, and goes as soon as an admin confirms', async () => {
    const about = await armed(house);
    const instant = about.release_at ?? 0;
    await outbox(house).drain();
    const clock = await openClock(house.db, house.clock, DAY);
    const seams = { ...house, clock };
    const loop = run(seams);
    await settled();
    // An hour back: the wall clock will not show that instant for an hour.
    house.clock.jumpTo(house.clock.now() - HOUR);
    house.clock.moveTo(instant + MINUTE - SECOND - HOUR);
    loop.alarm.ring();
    await settled();
    expect([(await caseOf(house, about.id)).state, await alerts()]).toEqual(['armed', []]);
    house.clock.moveTo(instant + MINUTE - HOUR);
    await until(async () => (await alerts()).length === 1);
    const [lena] = house.team;
    const sent = await outbox(seams).drain();
    const toLena = sent.find(({ to }) => to === lena.address)?.raw ?? Buffer.alloc(0);
    expect((await openCopy(toLena, lena, undefined, clock.now())).entity.toString()).toMatch(/OVERDUE[\s\S]*curfew clock show/);

    const wall = instant + MINUTE + SECOND;
    house.clock.jumpTo(wall);
    await clocks.raise(house.db, { since: clock.now(), why: 'behind', boot: clock.boot });
    loop.alarm.ring();
    await settled();
    expect((await caseOf(house, about.id)).state).toBe('armed');
    await confirmClock(seams, clock, { wall, personId: lena.contactId });
    loop.alarm.ring();
    expect(await released(about.id)).toMatchObject({ released_at: wall });
  });

  test('what the relay puts off is overdue when the grace is over, and everybody is told which copy and what the relay said', async () => {
    const about = await armed(house);
    const instant = about.release_at ?? 0;
    const box = outbox(house);
    await box.drain();
    house.clock.moveTo(instant);
    const loop = run();
    await released(about.id);
    box.answers = ({ to }) =>
      to === OUTSIDE
        ? { state: 'deferred', reason: 'try-later', response: '451 4.3.0 later' }
        : { state: 'delivered', response: '250' };
    await box.drain();
    house.clock.moveTo(instant + MINUTE);
    loop.alarm.ring();
    await settled();
    expect(await alerts()).toEqual([]);
    house.clock.moveTo(instant + MINUTE + SECOND);
    loop.alarm.ring();
    await until(async () => (await alerts()).length === 1);
    await until(async () => loop.rung() === 2);
    const sent = await box.drain();
    expect(sent.map(({ to }) => to).sort()).toEqual(house.team.map(({ address }) => address).sort());
    const [lena] = house.team;
    const toLena = sent.find(({ to }) => to === lena.address)?.raw ?? Buffer.alloc(0);
    const { entity } = await openCopy(toLena, lena, undefined, house.clock.now());
    expect(entity.toString()).toMatch(/OVERDUE[\s\S]*public 1 did not go out[\s\S]*\ndeferred: oss@public\.example\r?\n/);
    expect(entity.toString()).toContain('answer: 451 4.3.0 later');
    expect(entity.toString()).not.toContain(READER);
    house.clock.moveTo(instant + 15 * MINUTE);
    loop.alarm.ring();
    await until(async () => (await alerts()).length === 2);

    box.answers = () => ({ state: 'delivered', response: '250' });
    await box.drain();
    house.clock.moveTo(instant + DAY);
    loop.alarm.ring();
    await settled();
    expect(await alerts()).toHaveLength(2);
  });

  describe('a case that cannot go out', () => {
    const spoil = (id: string, content: Uint8Array) =>
      house.db.updateTable('patches').set({ content }).where('case_id', '=', id).execute();

    test.each(['not what was approved', 'damaged'])(
      'as its contents are %s, is told to the team once and holds no other up',
      async (how) => {
        const stuck = await armed(house);
        const fine = await armed(house, (stuck.release_at ?? 0) + 1);
        const other = await house.db
          .selectFrom('posts')
          .select('content')
          .where('id', '=', stuck.draft_post_id)
          .executeTakeFirstOrThrow();
        await spoil(stuck.id, how === 'damaged' ? Buffer.from('nonsense') : other.content);
        house.clock.moveTo((fine.release_at ?? 0) + 1);
        const loop = run();
        await released(fine.id);
        loop.alarm.ring();
        await settled();
        loop.alarm.ring();
        await settled();
        expect(await alerts()).toEqual([{ id: expect.any(String), case_id: stuck.id }]);
        expect((await caseOf(house, stuck.id)).state).toBe('armed');
        const copies = house.db
          .selectFrom('deliveries')
          .select('id')
          .where('audience', '=', 'public')
          .where('case_id', '=', stuck.id);
        expect(await copies.execute()).toEqual([]);
      },
    );

    test('for a reason outside of it is told when it is a minute late', async () => {
      const about = await armed(house);
      await house.db.deleteFrom('approvals').execute();
      house.clock.moveTo(about.release_at ?? 0);
      const loop = run();
      await settled();
      expect(await alerts()).toEqual([]);
      house.clock.moveTo((about.release_at ?? 0) + MINUTE);
      loop.alarm.ring();
      await until(async () => (await alerts()).length === 1);
    });

    test('and of which nobody can be told, as its key is gone, holds no other up', async () => {
      const stuck = await armed(house);
      const fine = await armed(house, (stuck.release_at ?? 0) + 1);
      const elsewhere = { id: 'lost', address: 'lost@orbit.example', role: 'intake', name: 'lost', fingerprint: 'GONE' } as const;
      await house.db
        .insertInto('lists')
        .values({ ...elsewhere, created_at: 1 })
        .execute();
      await unguarded(house.db, (trx) => trx.updateTable('cases').set({ list_id: 'lost' }).where('id', '=', stuck.id).execute());
      house.clock.moveTo((fine.release_at ?? 0) + 1);
      run();
      await released(fine.id);
    });
  });
});
