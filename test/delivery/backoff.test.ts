import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HOUR, MINUTE } from '../../src/clock.ts';
import { nextAttempt } from '../../src/delivery/backoff.ts';

const middle = () => 0.5;

describe('the wait before the next attempt', () => {
  it('is a minute, then twice as long each time, up to four hours', () => {
    expect([1, 2, 3, 4, 8, 9, 50, 5_000].map((attempts) => nextAttempt(attempts, 0, middle) / MINUTE)).toEqual([
      1, 2, 4, 8, 128, 240, 240, 240,
    ]);
  });

  it('is between 80 % and 120 % of that', () => {
    expect(nextAttempt(1, 0, () => 0)).toBe(48_000);
    expect(nextAttempt(1, 0, () => 0.999_999_9)).toBe(72_000);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 10_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempts, random) => {
          const wait = nextAttempt(attempts, 1_000, () => random) - 1_000;
          expect(Number.isInteger(wait)).toBe(true);
          expect(wait).toBeGreaterThanOrEqual(0.8 * MINUTE);
          expect(wait).toBeLessThanOrEqual(4.8 * HOUR);
        },
      ),
    );
  });
});
