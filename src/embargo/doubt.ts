import type { Clock } from '../clock.ts';
import type { Db } from '../store/database.ts';
import * as restorations from '../store/restorations.ts';
import { isTrusted } from './clock-watch.ts';
import type { Doubt } from './gate.ts';

/**
 * Why nothing goes to the public now, whatever was approved: nobody knows what time it is, or what was released, retracted or sent since a
 * backup that was restored. Null: nothing is in doubt.
 */
export async function doubtNow(seams: { db: Db; clock: Clock }): Promise<Doubt | null> {
  if (!(await isTrusted(seams))) return 'clock-suspect';
  return (await restorations.isOpen(seams.db)) ? 'restored' : null;
}
