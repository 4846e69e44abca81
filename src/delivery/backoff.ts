import { HOUR, type Instant, MINUTE } from '../clock.ts';

const FIRST = MINUTE;
const LONGEST = 4 * HOUR;
const JITTER = 0.2;

/**
 * When to try a copy again after its `attempts`-th attempt (1 or more) was deferred at `now`: a minute, doubled each time,
 * at most four hours (reached with the ninth), each ±20 % so that copies that failed together do not come back together.
 * The wait is 48 s to 72 s at first, 3.2 h to 4.8 h in the end. `random`: from 0 (inclusive) to 1 (exclusive).
 */
export function nextAttempt(attempts: number, now: Instant, random: () => number): Instant {
  const doublings = Math.max(Math.trunc(attempts), 1) - 1;
  const wait = Math.min(FIRST * 2 ** doublings, LONGEST);
  return now + Math.round(wait * (1 - JITTER + 2 * JITTER * random()));
}
