import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';

/** What the main thread may do at a stretch, in milliseconds. */
export const LONGEST = 50;

/** The longest time that the main thread did nothing else, in milliseconds: the least of three tries, as machines are shared. */
export async function longestStall(act: () => Promise<unknown>): Promise<number> {
  const stalls: number[] = [];
  for (let tries = 0; tries < 3 && !stalls.some((stall) => stall < LONGEST); tries++) {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    await act();
    // A stall is known when the loop has come round.
    await setTimeout(20);
    delay.disable();
    stalls.push(delay.max / 1e6);
  }
  return Math.min(...stalls);
}
