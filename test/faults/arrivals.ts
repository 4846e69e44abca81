import { messageIdOf } from '../stories/embargo.ts';
import { PATIENCE } from './experiment.ts';
import type { Rig } from './rig.ts';

/**
 * Waits until all copies of a case are settled, and says what came of them at the relay. A copy may come twice where the process died
 * between the relay's answer and the note of it, as no server can tell; then under the same Message-ID, so that its reader has it once.
 * `wanted`: who has at least one.
 */
export async function arrivals(
  { house, sink }: Rig,
  caseId: string,
  wanted: readonly string[],
): Promise<{ lost: number; duplicates: number; faults: string[] }> {
  // What never goes is found below, as a copy in a state that is not its last.
  await house.settled(PATIENCE).catch(() => {});
  const copies = house.rows<{ address: string; message_id: string; state: string }>(
    'select address, message_id, state from deliveries where case_id = ?',
    caseId,
  );
  const faults = wanted.filter((address) => !copies.some((copy) => copy.address === address)).map(() => 'somebody has no copy');
  let [lost, duplicates] = [faults.length, 0];
  for (const { address, message_id, state } of copies) {
    const times = sink.mails.filter((mail) => mail.to.join() === address && messageIdOf(mail) === message_id).length;
    if (state === 'delivered' && times === 0) {
      lost += 1;
      faults.push('a copy is delivered, and the relay never had it');
    } else if (state !== 'delivered') faults.push(`a copy is ${state}`);
    duplicates += Math.max(0, times - 1);
    if (times > 2) faults.push(`a copy came ${times} times`);
  }
  return { lost, duplicates, faults };
}
