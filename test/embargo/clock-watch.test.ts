import { beforeEach, describe, expect, test } from 'vitest';
import { DAY, HOUR, type Instant, MINUTE, movingClock, SECOND, toIso } from '../../src/clock.ts';
import { clockState, confirmClock, createWatch, isTrusted, openClock } from '../../src/embargo/clock-watch.ts';
import { release } from '../../src/embargo/release.ts';
import type { Seams } from '../../src/seams.ts';
import * as audit from '../../src/store/audit.ts';
import * as clocks from '../../src/store/clock.ts';
import { outbox, silent } from '../delivery/outbox.ts';
import { NOW } from '../store/roster-rows.ts';
import { eachEngine, type OpenedDatabase } from '../support/dialects.ts';
import { type House, housing } from '../support/house.ts';
import { openCopy } from '../support/party.ts';
import { armed, caseOf, OUTSIDE, READER, reasonOf, subscribe } from './armed.ts';

eachEngine((engine) => {
  const build = housing();
  let opened: OpenedDatabase;
  let house: House;
  beforeEach(async () => {
    opened = await engine.open();
    house = await build(opened.db);
  });

  /** A node that has just started. Its machine runs since the house was built, unless it has another clock. */
  async function node(wall = house.clock, db = house.db) {
    const clock = await openClock(db, wall, DAY);
    let rung = 0;
    const seams = { ...house, db, clock };
    const watch = createWatch(seams, clock, () => rung++, silent);
    return {
      clock,
      seams,
      rung: () => rung,
      look: watch.look,
      /** Time passes, and the clocks are looked at as often as by the loop. */
      async pass(ms: number) {
        for (let left = ms; left > 0; left -= 5 * SECOND) {
          wall.moveTo(wall.now() + Math.min(left, 5 * SECOND));
          await watch.look();
        }
      },
      trusted: () => isTrusted({ db, clock }),
    };
  }
  const logged = async (action: string) =>
    (await audit.page(house.db, { limit: 100 }))
      .map(({ line }) => JSON.parse(line))
      .filter((line) => line.action === action)
      .map(({ detail, actor }) => ({ ...detail, by: actor.name }));
  const mailsOf = async (seams: Seams) => {
    const sent = await outbox(seams).drain();
    const [lena] = house.team;
    const toLena = sent.filter(({ to }) => to === lena.address);
    const texts = await Promise.all(
      toLena.map(async ({ raw }) => (await openCopy(raw, lena, undefined, seams.clock.now())).entity.toString()),
    );
    return { to: sent.map(({ to }) => to).sort(), texts };
  };
  const teamAddresses = () => house.team.map(({ address }) => address).sort();
  const mark = async () => (await clocks.read(house.db))?.highWater;

  test('that is moved, through days and the changes of summer time, stays trusted, and its high-water mark follows rarely', async () => {
    const { pass, trusted, rung } = await node();
    expect(await mark()).toBe(NOW);
    await pass(25 * SECOND);
    expect(await mark()).toBe(NOW);
    await pass(5 * SECOND);
    expect(await mark()).toBe(NOW + 30 * SECOND);
    house.clock.moveTo(Date.parse('2026-10-25T01:30:00Z'));
    await pass(MINUTE);
    // A second between two that has no name in UTC.
    house.clock.jumpTo(house.clock.now() - SECOND);
    await pass(MINUTE);
    expect([await trusted(), rung(), await logged('clock.suspect')]).toEqual([true, 0, []]);
  });

  test.each([
    ['ahead', 400 * DAY],
    ['behind', -HOUR],
  ] as const)('a jump %s by %d ms is seen at once, told to the whole team once, and written down', async (why, jump) => {
    const { look, trusted, rung, seams, clock } = await node();
    house.clock.jumpTo(NOW + jump);
    expect([await trusted(), clock.now()]).toEqual([false, NOW]);
    await look();
    await look();
    expect([await trusted(), rung()]).toEqual([false, 1]);
    const { to, texts } = await mailsOf(seams);
    expect(to).toEqual(teamAddresses());
    expect(texts[0]).toContain('NOTHING IS RELEASED');
    expect(texts[0]).toContain(
      `says ${toIso(NOW + jump)
        .slice(0, 19)
        .replace('T', ' ')} UTC`,
    );
    expect(await logged('clock.suspect')).toEqual([{ why, wall: toIso(NOW + jump), expected: toIso(NOW), by: null }]);
    expect(await mark()).toBe(NOW);
  });

  test('a clock that agrees again for five minutes is trusted, and everybody is told', async () => {
    const { pass, trusted, rung, seams } = await node();
    house.clock.jumpTo(NOW + DAY);
    await pass(MINUTE);
    house.clock.jumpTo(house.clock.now() - DAY);
    await pass(4 * MINUTE);
    // Once more in between: the five minutes begin anew.
    house.clock.jumpTo(house.clock.now() - DAY);
    await pass(5 * SECOND);
    house.clock.jumpTo(house.clock.now() + DAY + SECOND);
    await pass(5 * MINUTE - 5 * SECOND);
    expect(await trusted()).toBe(false);
    await mailsOf(seams);
    await pass(5 * SECOND);
    expect([await trusted(), rung()]).toEqual([true, 2]);
    expect((await mailsOf(seams)).texts).toEqual([expect.stringContaining('agrees again')]);
    expect(await logged('clock.clear')).toHaveLength(1);
  });

  describe('an admin who confirms', () => {
    const confirm = (of: Awaited<ReturnType<typeof node>>, wall: Instant, personId: string | null = house.team[0].contactId) => {
      const [{ address }] = house.team;
      const by = { type: 'person', id: personId, name: address, via: null } as const;
      return confirmClock({ ...of.seams, by }, of.clock, { wall, personId });
    };

    test('what he was shown has the clock trusted from there, also after a restart', async () => {
      const one = await node();
      house.clock.jumpTo(NOW + 2 * HOUR);
      await one.look();
      await mailsOf(one.seams);
      expect(await clockState(house.db, one.clock)).toEqual({
        trusted: false,
        wall: NOW + 2 * HOUR,
        believed: NOW,
        why: 'ahead',
        since: NOW,
        here: true,
      });
      const shown = house.clock.now();
      house.clock.moveTo(shown + MINUTE);
      await confirm(one, shown);
      expect(await clockState(house.db, one.clock)).toMatchObject({
        trusted: true,
        believed: shown + MINUTE,
        why: null,
        since: null,
      });
      expect((await mailsOf(one.seams)).texts).toEqual([expect.stringContaining(`${house.team[0].address} says`)]);
      expect(await logged('clock.confirm')).toMatchObject([{ by: house.team[0].address }]);
      const again = await node();
      await again.pass(MINUTE);
      expect(await again.trusted()).toBe(true);
    });

    test('an earlier time than was believed has what waits go out as soon as it would have', async () => {
      house.clock.moveTo(NOW + DAY);
      const one = await node();
      await house.report();
      const before = NOW + DAY - 3 * HOUR;
      house.clock.jumpTo(before);
      await one.look();
      await confirm(one, before);
      expect([one.clock.now(), await mark()]).toEqual([before, before]);
      // The report, and that the clock was in doubt, and that it is not.
      expect((await mailsOf(one.seams)).texts).toHaveLength(3);
      await one.pass(MINUTE);
      expect(await one.trusted()).toBe(true);
    });

    test('is refused where he is no person, where it is not what the clock says, and where nothing is in doubt', async () => {
      const one = await node();
      expect(await reasonOf(confirm(one, NOW))).toBe('conflict');
      const later = NOW + DAY;
      house.clock.jumpTo(later);
      await one.look();
      expect(await reasonOf(confirm(one, later, null))).toBe('needs-person');
      for (const wall of [NOW, later + 1, later - 5 * MINUTE - 1]) expect(await reasonOf(confirm(one, wall))).toBe('stale');
      expect(await one.trusted()).toBe(false);
      await confirm(one, later - 5 * MINUTE);
      expect(await one.trusted()).toBe(true);
    });

    test('one process has another one on the same machine trust it as well', async () => {
      const [one, other] = [await node(), await node()];
      house.clock.jumpTo(NOW + DAY);
      await one.look();
      await confirm(one, NOW + DAY);
      expect(await other.trusted()).toBe(false);
      await other.look();
      expect([await other.trusted(), other.clock.now(), other.rung()]).toEqual([true, NOW + DAY, 0]);
    });

    test('counts before the doubt was written down, and there is none then', async () => {
      const one = await node();
      house.clock.jumpTo(NOW - HOUR);
      await confirm(one, NOW - HOUR);
      await one.look();
      expect([await one.trusted(), await logged('clock.suspect')]).toEqual([true, []]);
    });
  });

  describe('a restart', () => {
    test('of the process does not end the doubt, and the time goes on', async () => {
      const first = await node();
      house.clock.jumpTo(NOW + HOUR);
      await first.look();
      const second = await node();
      house.clock.moveTo(NOW + HOUR + MINUTE);
      await second.look();
      expect([await second.trusted(), second.clock.now(), second.rung()]).toEqual([false, NOW + MINUTE, 0]);
      // Whoever raised it clears it: the same machine.
      house.clock.jumpTo(NOW + MINUTE);
      await second.pass(5 * MINUTE);
      expect(await second.trusted()).toBe(true);
    });

    test('of the process sees what was done to the date meanwhile', async () => {
      await node();
      house.clock.moveTo(NOW + 9 * DAY);
      expect(await (await node()).trusted()).toBe(true);
      house.clock.jumpTo(NOW + 9 * DAY + MINUTE);
      const { clock, look, trusted } = await node();
      expect([await trusted(), clock.now()]).toEqual([false, NOW + 9 * DAY]);
      await look();
      expect(await logged('clock.suspect')).toHaveLength(1);
    });

    test('of the machine after longer than it may be off is told, and waits for an admin', async () => {
      await node();
      const started = await node(movingClock(NOW + 8 * DAY));
      await started.look();
      expect([await started.trusted(), started.rung(), started.clock.now()]).toEqual([false, 1, NOW]);
      expect(await (await node(movingClock(NOW + HOUR))).trusted()).toBe(false);
    });

    test('of the machine with an empty battery is over five minutes after its clock was set', async () => {
      await node();
      const wall = movingClock(0);
      const { pass, trusted, clock } = await node(wall);
      await pass(10 * SECOND);
      expect([await trusted(), clock.now()]).toEqual([false, NOW + 10 * SECOND]);
      wall.jumpTo(NOW + HOUR);
      await pass(5 * MINUTE - 5 * SECOND);
      expect(await trusted()).toBe(false);
      await pass(5 * SECOND);
      expect([await trusted(), clock.now()]).toEqual([true, NOW + HOUR + 5 * MINUTE]);
    });

    test('of the machine does not end a doubt that came while it ran', async () => {
      const first = await node();
      house.clock.jumpTo(NOW + 2 * HOUR);
      await first.look();
      const { pass, trusted } = await node(movingClock(NOW + 2 * HOUR));
      await pass(6 * MINUTE);
      expect(await trusted()).toBe(false);
    });
  });

  test('nodes that do not agree release nothing, and one of them says why', async () => {
    const other = opened.elsewhere();
    const right = await node();
    const wrong = await node(movingClock(NOW + HOUR), other);
    await right.look();
    expect([await right.trusted(), await wrong.trusted()]).toEqual([false, false]);
    expect(await clockState(house.db, wrong.clock)).toMatchObject({ why: 'nodes', here: false });
    expect(await logged('clock.suspect')).toMatchObject([{ why: 'nodes' }]);
  });

  test('two nodes that see the same jump tell once', async () => {
    const other = opened.elsewhere();
    const nodes = [await node(), await node(house.clock, other)];
    house.clock.jumpTo(NOW + HOUR);
    await Promise.all(nodes.map(({ look }) => look()));
    expect(await logged('clock.suspect')).toHaveLength(1);
    expect((await mailsOf(house)).to).toEqual(teamAddresses());
  });

  describe('while the clock is in doubt', () => {
    test('neither a release nor a public copy of one goes, and both do when it is believed again', async () => {
      await subscribe(house);
      const first = await armed(house, NOW + HOUR);
      const second = await armed(house, NOW + 2 * HOUR);
      const { seams, clock, look, pass, trusted } = await node();
      house.clock.moveTo(NOW + HOUR);
      await release(seams, first.id);
      house.clock.moveTo(NOW + 2 * HOUR - MINUTE);
      house.clock.jumpTo(NOW + 3 * HOUR);
      expect(await reasonOf(release(seams, second.id))).toBe('clock-suspect');
      const readers = async () =>
        (await outbox(seams).drain()).map(({ to }) => to).filter((to) => to === READER || to === OUTSIDE);
      expect(await readers()).toEqual([]);
      await look();
      // Only what is public waits: the rest went out above.
      const open = house.db.selectFrom('deliveries').select(['state', 'reason']).where('audience', '=', 'public');
      expect(await open.execute()).toEqual([1, 2].map(() => ({ state: 'deferred', reason: 'clock-suspect' })));
      house.clock.jumpTo(clock.now());
      await pass(5 * MINUTE);
      expect(await trusted()).toBe(true);
      expect((await readers()).sort()).toEqual([OUTSIDE, READER]);
      await release(seams, second.id);
      expect((await caseOf(house, second.id)).state).toBe('released');
    });
  });
});
