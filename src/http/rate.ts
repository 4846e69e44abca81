import { type Clock, type Instant, MINUTE, SECOND } from '../clock.ts';

const MOST = 10;
const WINDOW = MINUTE;
/** How many addresses are remembered: the oldest are forgotten first, and memory stays bounded. */
const ADDRESSES = 10_000;

export interface Attempts {
  /** Counts a failure. Gives the seconds that the address should wait, 0 while it has not failed too often. */
  failed(address: string): number;
}

/**
 * Counts requests without a valid token by where they came from. Only these are slowed down: behind a proxy everybody has
 * one address, and a stranger who fails must not lock out the lead on the day of a release.
 */
export function countAttempts(clock: Clock): Attempts {
  const windows = new Map<string, { count: number; until: Instant }>();
  return {
    failed(address) {
      const now = clock.now();
      const known = windows.get(address);
      const window = known && known.until > now ? known : { count: 0, until: now + WINDOW };
      window.count += 1;
      windows.delete(address);
      windows.set(address, window);
      for (const oldest of windows.keys()) {
        if (windows.size <= ADDRESSES) break;
        windows.delete(oldest);
      }
      return window.count > MOST ? Math.ceil((window.until - now) / SECOND) : 0;
    },
  };
}
