import { record } from '../audit/record.ts';
import { Refusal } from '../refusal.ts';
import type { Local } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as posts from '../store/posts.ts';
import type { Delivery, PostState } from '../store/schema.ts';
import { copyKnownTo } from './hold.ts';
import { barredBy } from './standing.ts';

/**
 * Sends a copy that is held or deferred now. Throws Refusal: not-found; conflict where it is neither, where a person stopped it, or where
 * its post is not for whom it goes to.
 */
export async function retryCopy(local: Local, id: string): Promise<void> {
  const { db, clock } = local;
  await db.transaction().execute(async (trx) => {
    const copy = await copyKnownTo(trx, local, id);
    await mayGo(trx, copy, (await posts.lockState(trx, copy.post_id)) ?? 'refused');
    if (!(await deliveries.retry(trx, id, clock.now())))
      throw new Refusal('conflict', `The copy is ${copy.state}: only what is held or deferred can be sent now`);
    await record(trx, local, { action: 'delivery.retry', subject: `delivery:${id}`, detail: { from: copy.state } });
  });
}

/** Whoever decides on the post meanwhile waits for this, or this for him. */
async function mayGo(db: Db, copy: Delivery, state: PostState): Promise<void> {
  const barred = await barredBy(db, state, copy);
  if (barred === 'refused') throw new Refusal('conflict', `The post ${copy.post_id} was refused: no copy of it goes out`);
  if (barred === 'stopped' || (state === 'held' && copy.reason === 'stopped'))
    throw new Refusal('conflict', `The post ${copy.post_id} is held: its copies go out when it is accepted`);
}
