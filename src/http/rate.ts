import { type Clock, type Instant, MINUTE, SECOND } from '../clock.ts';

const WINDOW = MINUTE;
/** How many are remembered: the oldest are forgotten first, and memory stays bounded. */
const MOST_KNOWN = 10_000;

export interface Rate {
  /** Counts one more. Gives the seconds that he should wait, 0 while it is not too many. */
  count(who: string): number;
}

/** Counts by whom something is done, so many times a minute at most. */
export function limitRate(clock: Clock, most: number): Rate {
  const windows = new Map<string, { count: number; until: Instant }>();
  return {
    count(who) {
      const now = clock.now();
      const known = windows.get(who);
      const window = known && known.until > now ? known : { count: 0, until: now + WINDOW };
      window.count += 1;
      windows.delete(who);
      windows.set(who, window);
      for (const oldest of windows.keys()) {
        if (windows.size <= MOST_KNOWN) break;
        windows.delete(oldest);
      }
      return window.count > most ? Math.ceil((window.until - now) / SECOND) : 0;
    },
  };
}
