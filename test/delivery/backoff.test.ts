import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HOUR, MINUTE, SECOND } from '../../src/clock.ts';
import { nextAttempt } from '../../src/delivery/backoff.ts';

const middle = () => 0.5;

describe('the wait before the next attempt', () => {
  it('is a minute, then twice as long each time, up to four hours', () => {
    const waits = [1, 2, 3, 4, 8, 9, 50, 5_000].map((attempts) => nextAttempt('ordinary', attempts, 0, middle) / MINUTE);
    expect(waits).toEqual([1, 2, 4, 8, 128, 240, 240, 240]);
  });

  it('is a few seconds in a release: seven attempts are within its first minute, and later ones five minutes apart at most', () => {
    const latest = () => 0.999_999_9;
    let at = 0;
    const tries = [0, 1, 2, 3, 4, 5, 6].map((attempts) => {
      if (attempts > 0) at = nextAttempt('release', attempts, at, latest);
      return at / SECOND;
    });
    expect(tries).toEqual([...tries].sort((one, other) => one - other));
    expect(tries[1]).toBeLessThan(3);
    expect(tries[6]).toBeLessThan(MINUTE / SECOND);
    expect([14, 50, 5_000].map((attempts) => nextAttempt('release', attempts, 0, middle) / MINUTE)).toEqual([5, 5, 5]);
  });

  it.each([
    ['ordinary', MINUTE, 4 * HOUR],
    ['release', 2 * SECOND, 5 * MINUTE],
  ] as const)('of the lane %s is between 80 and 120 percent of what it says', (lane, first, longest) => {
    expect([0, 0.999_999_9].map((random) => nextAttempt(lane, 1, 0, () => random))).toEqual([0.8 * first, 1.2 * first]);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 10_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempts, random) => {
          const wait = nextAttempt(lane, attempts, 1_000, () => random) - 1_000;
          expect(Number.isInteger(wait)).toBe(true);
          expect(wait).toBeGreaterThanOrEqual(0.8 * first);
          expect(wait).toBeLessThanOrEqual(1.2 * longest);
        },
      ),
    );
  });
});
