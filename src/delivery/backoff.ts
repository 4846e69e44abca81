import { HOUR, type Instant, MINUTE, SECOND } from '../clock.ts';

/** How soon a copy is tried again. */
export type Pace = 'release' | 'ordinary';

interface Ladder {
  first: number;
  /** Each wait is so many times as long as the one before. */
  growth: number;
  longest: number;
}

/**
 * Of a release seven attempts are within the minute that makes it late, and when the relay takes mail again it goes in five minutes at
 * most. Ordinary mail leaves the relay its peace.
 */
const LADDERS: Readonly<Record<Pace, Ladder>> = {
  release: { first: 2 * SECOND, growth: 1.5, longest: 5 * MINUTE },
  ordinary: { first: MINUTE, growth: 2, longest: 4 * HOUR },
};

const JITTER = 0.2;

/**
 * When to try a copy again after its `attempts`-th attempt (1 or more) was deferred at `now`. Each wait is ±20 %, so that copies that
 * failed together do not come back together. `random`: from 0 (inclusive) to 1 (exclusive).
 */
export function nextAttempt(pace: Pace, attempts: number, now: Instant, random: () => number): Instant {
  const { first, growth, longest } = LADDERS[pace];
  const wait = Math.min(first * growth ** (Math.max(Math.trunc(attempts), 1) - 1), longest);
  return now + Math.round(wait * (1 - JITTER + 2 * JITTER * random()));
}
