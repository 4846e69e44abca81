import { type Instant, MINUTE, SECOND, systemClock } from '../../src/clock.ts';
import type { Instance } from '../support/instance.ts';
import { PATIENCE } from './experiment.ts';

const LONGEST = 4 * MINUTE;

/**
 * Plays what has to be ready before an instant that is so many milliseconds ahead, and resolves with what became of it. Null: the machine was too
 * slow, and what was begun has ended; then it is played again with an instant twice as far ahead. Rejects where none was far enough.
 */
export async function inTime<T>(first: number, play: (ahead: number) => Promise<T | null>): Promise<T> {
  for (let ahead = first; ahead <= LONGEST; ahead *= 2) {
    const played = await play(ahead);
    if (played !== null) return played;
  }
  throw new Error(`what was to be ready before its instant was not, with ${LONGEST / SECOND} seconds for it`);
}

/** False: it was refused, as the instant had passed. */
export async function doneBefore(instant: Instant, work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (systemClock.now() < instant) throw error;
    return false;
  }
}

/** Rejects where it is in another state for longer than anybody is patient. */
export async function becomes(house: Instance, id: string, state: string): Promise<void> {
  const until = systemClock.now() + PATIENCE;
  for (;;) {
    const { body } = await house.api(house.adminToken, 'GET', `/cases/${id}`);
    if (body['state'] === state) return;
    if (systemClock.now() > until) throw new Error(`case ${id} is ${String(body['state'])}, and not ${state}`);
    await systemClock.sleep(100);
  }
}
