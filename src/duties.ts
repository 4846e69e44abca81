import { type Alarm, HOUR, MINUTE } from './clock.ts';
import type { Log } from './log.ts';

/** Something that is looked at from time to time, and done where it is time. */
export interface Duty {
  name: string;
  /** It may queue copies: then it gives true. What takes long ends at the signal, and is done at the next start. */
  run(signal: AbortSignal): Promise<boolean>;
}

/** How often it is looked at what is counted in days. */
const OFTEN = HOUR;
const RETRY = MINUTE;

/** Runs each duty at the beginning and then `every` so often. One that fails keeps no other from running, and is tried again in a minute. */
export async function dutyLoop(
  duties: readonly Duty[],
  alarm: Alarm,
  queued: () => void,
  log: Log,
  signal: AbortSignal,
  every: number = OFTEN,
): Promise<void> {
  while (!signal.aborted) {
    let failed = false;
    for (const { name, run } of duties) {
      if (signal.aborted) return;
      try {
        if (await run(signal)) queued();
      } catch (error) {
        if (signal.aborted) return void log.debug({ err: error, duty: name }, 'a duty was ended by the stop');
        failed = true;
        log.error({ err: error, duty: name }, 'a duty could not be done, and is tried again in a minute');
      }
    }
    await alarm.sleep(failed ? RETRY : every, signal);
  }
}
