import { record } from '../audit/record.ts';
import { Refusal } from '../refusal.ts';
import type { Local } from '../seams.ts';
import * as deliveries from '../store/deliveries.ts';

/** Sends a copy that is held or deferred now. Throws Refusal: not-found; conflict where it is neither. */
export async function retryCopy(local: Local, id: string): Promise<void> {
  const { db, clock } = local;
  await db.transaction().execute(async (trx) => {
    const copy = await deliveries.byId(trx, id);
    if (!copy) throw new Refusal('not-found', `There is no delivery ${id}`);
    if (!(await deliveries.retry(trx, id, clock.now())))
      throw new Refusal('conflict', `The copy is ${copy.state}: only what is held or deferred can be sent now`);
    await record(trx, local, { action: 'delivery.retry', subject: `delivery:${id}`, detail: { from: copy.state } });
  });
}
