import { beforeEach, expect, test } from 'vitest';
import { DAY, HOUR, type Instant, MINUTE, movingClock, SECOND } from '../../src/clock.ts';
import { confirmClock, createWatch, openClock } from '../../src/embargo/clock-watch.ts';
import { release } from '../../src/embargo/release.ts';
import { outbox, silent } from '../delivery/outbox.ts';
import { armed, OUTSIDE, READER, subscribe } from '../embargo/armed.ts';
import { NOW } from '../store/roster-rows.ts';
import { oneEngine } from '../support/dialects.ts';
import { type House, housing } from '../support/house.ts';

oneEngine((engine) => {
  const build = housing();
  let house: House;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    await subscribe(house);
  });

  /** What a process does that runs on that clock: it watches, releases and sends. */
  async function serving(wall = house.clock) {
    const clock = await openClock(house.db, wall, DAY);
    const seams = { ...house, clock };
    const box = outbox(seams);
    const watch = createWatch(seams, clock, () => {}, silent);
    return {
      /** The addresses of the public that got something now. */
      async turn(caseId: string): Promise<string[]> {
        await watch.look();
        await release(seams, caseId).catch(() => {});
        return (await box.drain()).map(({ to }) => to).filter((to) => to === READER || to === OUTSIDE);
      },
      confirm: () => confirmClock(seams, clock, { wall: wall.now(), personId: house.team[0].contactId }),
    };
  }

  const JUMPS = { '1 s': SECOND, '-1 s': -SECOND, '1 h': HOUR, '-1 h': -HOUR, '400 d': 400 * DAY, '-30 d': -30 * DAY };
  const small = (jump: number) => Math.abs(jump) < MINUTE;

  test.each(
    Object.entries(JUMPS).flatMap(([name, jump]) =>
      (['at run time', 'at a restart'] as const).map((when) => [name, when, jump] as const),
    ),
  )('a clock that is set by %s %s: nothing before the instant, and all of it after', async (_name, when, jump) => {
    const { id, release_at } = await armed(house, NOW + HOUR);
    const instant = release_at ?? 0;
    let server = await serving();
    /** The time as it is, whatever the wall clock says. */
    const goTo = (time: Instant) => house.clock.moveTo(house.clock.now() + time - (NOW + house.clock.monotonic()));
    goTo(instant - 10 * SECOND);
    await server.turn(id);
    house.clock.jumpTo(house.clock.now() + jump);
    if (when === 'at a restart') server = await serving();
    // A small step may be a correction, and is taken over by a thousandth of the time that passes.
    for (const time of [instant - 10 * SECOND, instant - 20]) {
      goTo(time);
      expect(await server.turn(id)).toEqual([]);
    }
    goTo(instant + 5 * SECOND);
    if (!small(jump)) {
      expect(await server.turn(id)).toEqual([]);
      // Somebody sets it right, and says so.
      house.clock.jumpTo(house.clock.now() - jump);
      await server.confirm();
    }
    expect((await server.turn(id)).sort()).toEqual([OUTSIDE, READER]);
  });

  test.each([
    ['years later', 400 * DAY],
    ['in 1970', -NOW],
  ])('a machine that starts with a clock %s releases nothing', async (_, jump) => {
    const { id } = await armed(house, NOW + HOUR);
    await serving();
    const wall = movingClock(NOW + jump);
    const server = await serving(wall);
    for (let minutes = 0; minutes < 90; minutes += 15) {
      wall.moveTo(NOW + jump + minutes * MINUTE);
      expect(await server.turn(id)).toEqual([]);
    }
  });

  test('a machine that was off across the instant releases when it is on again', async () => {
    const { id } = await armed(house, NOW + HOUR);
    await serving();
    const server = await serving(movingClock(NOW + 5 * HOUR));
    expect((await server.turn(id)).sort()).toEqual([OUTSIDE, READER]);
  });
});
