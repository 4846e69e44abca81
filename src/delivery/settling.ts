import { record } from '../audit/record.ts';
import type { Instant } from '../clock.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as members from '../store/members.ts';
import * as posts from '../store/posts.ts';
import type { Delivery } from '../store/schema.ts';
import { noteAll } from './contact.ts';
import { eventOf } from './health.ts';
import { isKeptFrom, keptFrom } from './need-to-know.ts';
import { follow, pass } from './order.ts';
import { isAsKept, type Kept, keptFor } from './sealed-to.ts';

/*
 * A commit waits for the disk, and costs more than all that is in it. So copies that end at about the same time are settled in one transaction. Each
 * of them is still in a hand until that is committed: no more are in the relay's hands than there are. So whoever has ended waits for the others in a hand, for a moment.
 */

/** Milliseconds. While a relay takes its time for one copy, the others do not wait for that. */
const MOMENT = 10;

/** How a copy under that lease has ended, or why it waits. */
export interface Ended {
  copy: Delivery;
  lease: string;
  settlement: deliveries.Settlement;
  /** Ids of the older ones that it goes before (order.ts). */
  passing?: readonly string[] | undefined;
  /** What was kept for it where that is why it is held. */
  kept?: Kept | undefined;
}

/** Resolves with what came of it when it is committed; null where the lease was lost. */
export type Settle = (ended: Ended) => Promise<deliveries.Settled | null>;

interface Waiting extends Ended {
  resolve(settled: deliveries.Settled | null): void;
  reject(error: unknown): void;
}

/** `inHand`: how many copies are under way, those that wait to be settled among them. */
export function createSettling(seams: Seams, inHand: () => number = () => 0): Settle {
  let waiting: Waiting[] = [];
  let isUnderWay = false;
  let allAreThere = () => {};
  const gathered = () =>
    new Promise<void>((resolve) => {
      if (waiting.length >= inHand()) return void setImmediate(resolve);
      const late = setTimeout(resolve, MOMENT);
      allAreThere = () => {
        clearTimeout(late);
        setImmediate(resolve);
      };
    });
  const settleThem = async () => {
    isUnderWay = true;
    while (waiting.length > 0) {
      await gathered();
      allAreThere = () => {};
      const some = waiting;
      waiting = [];
      await settleAll(seams, some);
    }
    isUnderWay = false;
  };
  return (ended) => {
    // It locks its case, its member or its post, and keeps nobody waiting for those.
    if (ended.settlement.state === 'held') return settleAlone(seams, ended);
    return new Promise((resolve, reject) => {
      waiting.push({ ...ended, resolve, reject });
      if (!isUnderWay) void settleThem();
      else if (waiting.length >= inHand()) allAreThere();
    });
  };
}

/** Never rejects. What is wrong with one of them, or what somebody else had locked, is no matter of the others. */
async function settleAll(seams: Seams, some: readonly Waiting[]): Promise<void> {
  const settled = await settleTogether(seams, some).catch(() => null);
  if (settled) for (const [index, { resolve }] of some.entries()) resolve(settled[index] ?? null);
  else for (const one of some) await settleAlone(seams, one).then(one.resolve, one.reject);
}

async function settleAlone(seams: Seams, one: Ended): Promise<deliveries.Settled | null> {
  const [settled] = await settleTogether(seams, [one]);
  return settled ?? null;
}

/** In one transaction. What ends a copy's way, or has it wait for a person, is logged with it. In the order of `some`. */
async function settleTogether(seams: Seams, some: readonly Ended[]): Promise<(deliveries.Settled | null)[]> {
  const { db, clock } = seams;
  return db.transaction().execute(async (trx) => {
    const now = clock.now();
    const judged: deliveries.Settling[] = [];
    for (const { copy, lease, settlement, kept } of some) {
      const late = settlement.state === 'held' && (await isPast(trx, copy, settlement.reason, kept));
      judged.push({ id: copy.id, lease, settlement: late ? interrupted(now) : settlement });
    }
    const became = await deliveries.settle(trx, judged, now);
    const all: (Ended & { settled: deliveries.Settled | null })[] = [];
    for (const [index, { copy, lease, settlement, passing }] of some.entries()) {
      const settled = became[index] ?? null;
      if (settled?.state === 'delivered' || settled?.state === 'failed') await follow(trx, copy, now);
      if (settled?.state === 'delivered' && passing) await pass(trx, copy, passing, now);
      all.push({ copy, lease, settlement, settled });
    }
    const ended = all.flatMap(({ copy, settlement, settled }) =>
      settled && settled.state !== 'deferred' ? { copy, settlement, settled } : [],
    );
    await noteAll(
      trx,
      ended.map(({ copy, settlement, settled }) => ({
        copy,
        event: eventOf(copy, { ...settled, response: settlement.response }, now),
      })),
    );
    await record(
      trx,
      seams,
      ...ended.map(({ copy, settled: { state, reason } }) => ({
        action: `delivery.${state}`,
        subject: `delivery:${copy.id}`,
        detail: { post: copy.post_id, case: copy.case_id, contact: copy.contact_id, reason },
      })),
    );
    return all.map(({ settled }) => settled);
  });
}

/** Whether why a copy is to be held does not hold any more: whoever ended it has let go of what was held by then. */
async function isPast(trx: Db, copy: Delivery, reason: string, kept: Kept | undefined): Promise<boolean> {
  if (reason === 'stopped') return wasDecided(trx, copy);
  if (kept) return wasRenewed(trx, copy, kept);
  if (!isKeptFrom(reason) || copy.contact_id === null) return false;
  // As who changes one of them holds it until he has looked for what is held.
  if (copy.case_id !== null) await cases.lock(trx, copy.case_id);
  const contact = await contacts.byId(trx, copy.contact_id);
  if (contact) await members.lock(trx, contact.member_id);
  const post = await posts.factsById(trx, copy.post_id);
  return post !== undefined && (await keptFrom(trx, post, copy.contact_id)) === null;
}

/** Who accepts a post lets go of what is stopped by then, and who refuses it ends that: nothing may be stopped after him. */
async function wasDecided(trx: Db, copy: Delivery): Promise<boolean> {
  return (await posts.lockState(trx, copy.post_id)) !== 'held';
}

/** Who renews or replaces a certificate lets go of what is held for it by then. */
async function wasRenewed(trx: Db, copy: Delivery, kept: Kept): Promise<boolean> {
  await certificates.lockHolders(trx);
  if (copy.certificate_id !== null) await certificates.lock(trx, copy.certificate_id);
  return !isAsKept((await keptFor(trx, [copy])).get(copy.id), kept);
}

/** Nobody asked the relay to the end: tried again at that instant. */
export function interrupted(until: Instant): deliveries.Settlement {
  return { state: 'deferred', reason: 'interrupted', response: null, until };
}
