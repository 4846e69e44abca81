import type { Deed } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { knowsCase } from '../cases/step.ts';
import { type Reason, Refusal } from '../refusal.ts';
import type { Local } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as posts from '../store/posts.ts';
import type { Delivery, PostState } from '../store/schema.ts';
import { follow } from './order.ts';
import { barredBy } from './standing.ts';

/** What a person does with one copy. `reason`: in his words, for the log alone; null where he gave none. */
type Hand = (trx: Db, local: Pick<Local, 'clock'>, copy: Delivery, reason: string | null) => Promise<Deed>;

const HANDS = {
  /** Sends it now. */
  retry: async (trx, local, copy, reason) => {
    await mayGo(trx, copy, (await posts.lockState(trx, copy.post_id)) ?? 'refused');
    if (!(await deliveries.retry(trx, copy.id, local.clock.now())))
      throw new Refusal('conflict', `The copy is ${copy.state}: only what is held or deferred can be sent now`);
    return {
      action: 'delivery.retry',
      subject: `delivery:${copy.id}`,
      detail: { from: copy.state, ...(reason === null ? {} : { reason }) },
    };
  },
  /** It waits until somebody sends or drops it. */
  hold: takingOut('hold', deliveries.hold, 'queued or deferred can be held'),
  /** It goes to nobody. */
  drop: takingOut('drop', deliveries.drop, 'held or deferred can be dropped'),
} as const satisfies Record<string, Hand>;

export type Verb = keyof typeof HANDS;

function takingOut(verb: 'hold' | 'drop', take: typeof deliveries.hold, only: string): Hand {
  return async (trx, local, copy, reason) => {
    if (copy.audience === 'public' && !(verb === 'drop' && copy.reason === 'restored'))
      throw new Refusal('conflict', 'It is a copy of a release: what was released goes out to all, and nobody stops it');
    if (!(await take(trx, copy.id, local.clock.now())))
      throw new Refusal('conflict', `The copy is ${copy.state}: only what is ${only}`);
    await follow(trx, copy, local.clock.now());
    return { action: `delivery.${verb}`, subject: `delivery:${copy.id}`, detail: { from: copy.state, reason } };
  };
}

/**
 * Sends a copy that is held or deferred now. Throws Refusal: not-found; conflict where it is neither, where a person stopped it, or where
 * its post is not for whom it goes to.
 */
export async function retryCopy(local: Local, id: string, reason: string | null = null): Promise<void> {
  await one(local, 'retry', id, reason);
}

/**
 * A person takes one copy out of the queue: it waits until somebody sends it (`retryCopy`) or drops it. Throws Refusal: not-found;
 * conflict where it is not waiting to go out, or where it is a release's.
 */
export async function holdCopy(local: Local, id: string, reason: string): Promise<void> {
  await one(local, 'hold', id, reason);
}

/** A person ends a copy that is held or deferred: it goes to nobody. Throws as `holdCopy` does. */
export async function dropCopy(local: Local, id: string, reason: string): Promise<void> {
  await one(local, 'drop', id, reason);
}

async function one(local: Local, verb: Verb, id: string, reason: string | null): Promise<void> {
  await local.db.transaction().execute(async (trx) => {
    const deed = await HANDS[verb](trx, local, await copyKnownTo(trx, local, id), reason);
    await record(trx, local, deed);
  });
}

/** What came of each of many copies. */
export interface Moved {
  done: string[];
  refused: { id: string; code: Reason; detail: string }[];
}

/** The same with each of these copies, in one transaction: what is refused of one keeps no other from it. Each has its line in the log. */
export async function moveCopies(local: Local, verb: Verb, ids: readonly string[], reason: string | null): Promise<Moved> {
  return local.db.transaction().execute(async (trx) => {
    const refused: Moved['refused'] = [];
    const refusing = (id: string) => (error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
      refused.push({ id, code: error.reason, detail: error.message });
      return null;
    };
    const found: Delivery[] = [];
    for (const id of ids) {
      const copy = await copyKnownTo(trx, local, id).catch(refusing(id));
      if (copy) found.push(copy);
    }
    // Whoever does the same meanwhile locks their posts in the same order.
    found.sort((a, b) => (a.post_id + a.id < b.post_id + b.id ? -1 : 1));
    const done: string[] = [];
    const deeds: Deed[] = [];
    for (const copy of found) {
      const deed = await HANDS[verb](trx, local, copy, reason).catch(refusing(copy.id));
      if (!deed) continue;
      done.push(copy.id);
      deeds.push(deed);
    }
    await record(trx, local, ...deeds);
    return { done, refused };
  });
}

/** A copy as far as somebody may know of its case. Throws `not-found`. */
export async function copyKnownTo(db: Db, local: Pick<Local, 'by' | 'role'>, id: string): Promise<Delivery> {
  const found = await deliveries.byId(db, id);
  if (!found || !(await knowsCase(db, local, found.case_id))) throw new Refusal('not-found', `There is no delivery ${id}`);
  return found;
}

/** Whoever decides on the post meanwhile waits for this, or this for him. */
async function mayGo(db: Db, copy: Delivery, state: PostState): Promise<void> {
  const barred = await barredBy(db, state, copy);
  if (barred === 'refused') throw new Refusal('conflict', `The post ${copy.post_id} was refused: no copy of it goes out`);
  if (barred === 'stopped' || (state === 'held' && copy.reason === 'stopped'))
    throw new Refusal('conflict', `The post ${copy.post_id} is held: its copies go out when it is accepted`);
}
