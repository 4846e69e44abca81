import { afterEach, describe, expect, test, vi } from 'vitest';
import { DAY, movingClock, newId, newToken, SECOND, systemClock, toIso } from '../src/clock.ts';

const NOON = Date.UTC(2026, 8, 22, 12);

describe('a moving clock', () => {
  test('wakes those whose time has come, and no other', async () => {
    const clock = movingClock(NOON);
    const woken: string[] = [];
    const sleep = (name: string, ms: number) => clock.sleep(ms).then(() => woken.push(name));
    const [first] = [sleep('first', SECOND), sleep('second', 2 * SECOND)];
    clock.moveTo(NOON + SECOND - 1);
    await Promise.resolve();
    expect(woken).toEqual([]);
    clock.moveTo(NOON + SECOND);
    await first;
    expect(woken).toEqual(['first']);
    expect(clock.now()).toBe(NOON + SECOND);
  });

  test('wakes all whose time was jumped over', async () => {
    const clock = movingClock(NOON);
    const sleepers = Promise.all([clock.sleep(SECOND), clock.sleep(DAY)]);
    clock.moveTo(NOON + 400 * DAY);
    await sleepers;
  });

  test('moves back and wakes nobody', async () => {
    const clock = movingClock(NOON);
    let woken = false;
    void clock.sleep(SECOND).then(() => {
      woken = true;
    });
    clock.moveTo(NOON - DAY);
    clock.moveTo(NOON + SECOND - 1);
    await new Promise(setImmediate);
    expect([clock.now(), woken]).toEqual([NOON + SECOND - 1, false]);
  });

  test('wakes nobody where the date is set, as no time passes', async () => {
    const clock = movingClock(NOON, 'machine');
    const sleeper = clock.sleep(SECOND);
    clock.jumpTo(NOON + DAY);
    expect([clock.now(), clock.monotonic(), clock.boot]).toEqual([NOON + DAY, 0, 'machine']);
    clock.moveTo(NOON + DAY + SECOND);
    await sleeper;
    expect(clock.monotonic()).toBe(SECOND);
  });

  test('wakes a sleeper that is called off', async () => {
    const clock = movingClock(NOON);
    const off = new AbortController();
    const asleep = clock.sleep(DAY, off.signal);
    off.abort();
    await asleep;
    await clock.sleep(DAY, AbortSignal.abort());
    await clock.sleep(0);
  });
});

describe('the real clock', () => {
  afterEach(() => vi.useRealTimers());

  test('sleeps no longer than a timer can, and not at all too short', async () => {
    vi.useFakeTimers();
    let woken = false;
    void systemClock.sleep(60 * DAY).then(() => {
      woken = true;
    });
    // A longer timer would fire after one millisecond.
    await vi.advanceTimersByTimeAsync(20 * DAY);
    expect(woken).toBe(false);
    await vi.advanceTimersByTimeAsync(5 * DAY);
    expect(woken, 'at the longest timer: 24.8 days').toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('counts evenly within the run of the machine, whatever the date is', async () => {
    const before = systemClock.monotonic();
    vi.useFakeTimers({ toFake: ['Date'], now: NOON });
    expect(systemClock.now()).toBe(NOON);
    expect(systemClock.monotonic() - before).toBeLessThan(10 * SECOND);
    expect(systemClock.monotonic()).toBeGreaterThanOrEqual(before);
    expect(systemClock.boot).toMatch(/^[0-9a-z-]{20,}$/);
    expect(systemClock.boot).toBe(systemClock.boot);
  });

  test('takes a time that has passed for none', async () => {
    await systemClock.sleep(-DAY);
  });

  test('wakes at once when it is called off, and leaves no timer', async () => {
    vi.useFakeTimers();
    const off = new AbortController();
    const asleep = systemClock.sleep(DAY, off.signal);
    off.abort();
    await asleep;
    await systemClock.sleep(DAY, AbortSignal.abort());
    expect(vi.getTimerCount()).toBe(0);
  });
});

test('ids sort by the time of making and are never the same', () => {
  const clock = movingClock(NOON);
  const ids = Array.from({ length: 2_000 }, (_, i) => {
    clock.moveTo(NOON + i * 7);
    return newId(clock);
  });
  expect([...ids].sort()).toEqual(ids);
  const same = Array.from({ length: 10_000 }, () => newId(clock));
  expect(new Set(same).size).toBe(same.length);
  for (const id of [...ids, ...same]) expect(id).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/);
});

test('a token is as long as its octets ask, in letters that survive an address', () => {
  for (const [bytes, length] of [
    [20, 32],
    [16, 26],
    [1, 2],
  ] as const)
    expect(newToken(bytes)).toMatch(new RegExp(`^[0-9a-hjkmnp-tv-z]{${length}}$`));
  expect(newToken()).toHaveLength(32);
  expect(new Set(Array.from({ length: 1_000 }, () => newToken())).size).toBe(1_000);
});

test('an instant is written in UTC', () => {
  expect(toIso(NOON)).toBe('2026-09-22T12:00:00.000Z');
});
