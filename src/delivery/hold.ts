import { record } from '../audit/record.ts';
import { knowsCase } from '../cases/step.ts';
import { Refusal } from '../refusal.ts';
import type { Local } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import type { Delivery } from '../store/schema.ts';

/**
 * A person takes one copy out of the queue: it waits until somebody sends it (`retryCopy`) or drops it. Throws Refusal: not-found;
 * conflict where it is not waiting to go out, or where it is a release's.
 */
export async function holdCopy(local: Local, id: string, reason: string): Promise<void> {
  await takeOut(local, id, { verb: 'hold', take: deliveries.hold, reason, only: 'queued or deferred can be held' });
}

/** A person ends a copy that is held or deferred: it goes to nobody. Throws as `holdCopy` does. */
export async function dropCopy(local: Local, id: string, reason: string): Promise<void> {
  await takeOut(local, id, { verb: 'drop', take: deliveries.drop, reason, only: 'held or deferred can be dropped' });
}

interface Taking {
  verb: 'hold' | 'drop';
  take: typeof deliveries.hold;
  /** In the words of a person: for the log alone. */
  reason: string;
  only: string;
}

async function takeOut({ db, ...local }: Local, id: string, { verb, take, reason, only }: Taking): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const copy = await copyKnownTo(trx, local, id);
    if (copy.audience === 'public' && !(verb === 'drop' && copy.reason === 'restored'))
      throw new Refusal('conflict', 'It is a copy of a release: what was released goes out to all, and nobody stops it');
    if (!(await take(trx, id, local.clock.now())))
      throw new Refusal('conflict', `The copy is ${copy.state}: only what is ${only}`);
    await record(trx, local, { action: `delivery.${verb}`, subject: `delivery:${id}`, detail: { from: copy.state, reason } });
  });
}

/** A copy as far as somebody may know of its case. Throws `not-found`. */
export async function copyKnownTo(db: Db, local: Pick<Local, 'by' | 'role'>, id: string): Promise<Delivery> {
  const found = await deliveries.byId(db, id);
  if (!found || !(await knowsCase(db, local, found.case_id))) throw new Refusal('not-found', `There is no delivery ${id}`);
  return found;
}
