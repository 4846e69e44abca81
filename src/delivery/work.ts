import { type Alarm, type Instant, newId, randomFraction, SECOND } from '../clock.ts';
import { gate } from '../embargo/gate.ts';
import type { Log } from '../log.ts';
import { roleAddress } from '../mail/address.ts';
import { asRefusal, Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Settlement } from '../store/deliveries.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import type { Case, Delivery, PostKind } from '../store/schema.ts';
import { nextAttempt } from './backoff.ts';
import { openPost } from './opening.ts';
import type { Outcome } from './outcome.ts';
import { type Opened, type Prepared, prepare } from './prepare.ts';
import { tellTeam } from './tell.ts';

/** Sends one mail; every failure is an outcome. */
export type Send = (mail: { from: string | null; to: string; raw: Uint8Array }) => Promise<Outcome>;

export interface WorkOptions {
  /** Copies leased at a time. */
  batch: number;
  /** Seconds that a lease holds. */
  lease: number;
  /** Seconds after which a copy that keeps being deferred fails. */
  giveUp: number;
}

/** How long the loop sleeps at most: another process may have queued something. */
const LONGEST_SLEEP = 2 * SECOND;

/** Sends what is due until the signal comes; then finishes the batch in hand. */
export async function deliveryLoop(seams: Seams, send: Send, options: WorkOptions, alarm: Alarm, log: Log, signal: AbortSignal) {
  while (!signal.aborted) {
    try {
      await deliveries.reclaim(seams.db, seams.clock.now());
      if ((await deliverBatch(seams, send, options, log, signal)) > 0) continue;
      if ((await tellTeam(seams, log)) > 0) continue;
      const next = await deliveries.nextInstant(seams.db);
      const wait = next === undefined ? LONGEST_SLEEP : Math.min(LONGEST_SLEEP, next - seams.clock.now());
      await alarm.sleep(Math.max(wait, 1), signal);
    } catch (error) {
      log.error({ err: error }, 'delivery stumbled and goes on');
      await alarm.sleep(LONGEST_SLEEP, signal);
    }
  }
}

/** Leases copies of one post, sends them and settles each. Gives how many it took. */
export async function deliverBatch(
  seams: Seams,
  send: Send,
  options: WorkOptions,
  log: Log,
  signal?: AbortSignal,
): Promise<number> {
  const { db, clock } = seams;
  const lease = { id: newId(clock), until: clock.now() + options.lease * SECOND };
  const batch = await deliveries.lease(db, lease, clock.now(), options.batch);
  const [first] = batch;
  if (!first) return 0;
  const settle = async (copy: Delivery, settlement: Settlement) => {
    const settled = await deliveries.settle(db, copy.id, lease.id, settlement, clock.now());
    log.info({ ...facts(copy), state: settlement.state, settled }, 'copy settled');
  };
  const ready = await makeReady(seams, first.post_id, batch).catch((error: unknown) => asRefusal(error));
  if (ready instanceof Refusal) {
    log.error({ err: ready, detail: ready.detail, post: first.post_id }, 'a post could not be made ready');
    for (const copy of batch) await settle(copy, afterFailure(ready, copy, options, clock.now()));
    return batch.length;
  }
  // Whoever lost his lease, or is to stop, leaves the copy to the next one.
  const mayGo = () => !signal?.aborted && clock.now() < lease.until;
  await inOrder(batch, ready.prepared, async (copy, mail) =>
    settle(copy, await sendOne(seams, { opened: ready.opened, copy, mail, send, options, mayGo })),
  );
  return batch.length;
}

async function makeReady(seams: Seams, postId: string, batch: readonly Delivery[]) {
  const opened = await openPost(seams, postId);
  return { opened, prepared: await prepare(seams, opened, batch) };
}

/** Who reported what is nobody's business who reads a log. */
function facts({ id, case_id, audience, address }: Delivery) {
  return { delivery: id, case: case_id, to: audience === 'contact' || audience === 'public' ? address : audience };
}

/** In the order of their priorities, and side by side within one. */
async function inOrder(
  batch: readonly Delivery[],
  prepared: readonly Prepared[],
  attempt: (copy: Delivery, mail: Prepared) => Promise<void>,
): Promise<void> {
  for (const priority of new Set(batch.map((copy) => copy.priority)))
    await Promise.all(
      batch.map((copy, index) => {
        const mail = prepared[index];
        return copy.priority === priority && mail ? attempt(copy, mail) : undefined;
      }),
    );
}

interface Attempt {
  opened: Opened;
  copy: Delivery;
  mail: Prepared;
  send: Send;
  options: WorkOptions;
  mayGo: () => boolean;
}

async function sendOne(seams: Seams, { opened, copy, mail, send, options, mayGo }: Attempt): Promise<Settlement> {
  const { db, clock } = seams;
  if ('held' in mail) return { state: 'held', reason: mail.held, response: null };
  const shut = await gateAnswer(seams, opened.case, copy);
  if (shut) return { state: 'held', reason: shut, response: null };
  if (!mayGo()) return { state: 'deferred', reason: 'interrupted', response: null, until: clock.now() };
  const from = await envelopeSender(db, opened, copy);
  return settlementOf(await send({ from, to: copy.address, raw: mail.raw }), copy, options, clock.now());
}

/** Null: it may go. Every public copy asks the gate, every time. */
async function gateAnswer({ db, clock }: Seams, about: Case | null, copy: Delivery): Promise<string | null> {
  if (copy.audience !== 'public') return null;
  if (!about?.bundle_hash) return 'not-released';
  const approvals = await cases.approvals(db, about.id);
  const answer = gate({ case: about, approvals, hash: about.bundle_hash, postId: copy.post_id, now: clock.now() });
  return answer.open ? null : answer.reason;
}

/** Bounces come to the people behind the list; what is itself an answer or an alarm is never answered (RFC 3834 §3.3). */
async function envelopeSender(db: Seams['db'], { post, list }: Opened, copy: Delivery): Promise<string | null> {
  const silent: readonly PostKind[] = ['owner', 'alert', 'receipt', 'receipt-clear', 'news-clear'];
  if (silent.includes(post.kind)) return null;
  const through = copy.list_id === list.id ? list : await lists.byId(db, copy.list_id);
  return roleAddress((through ?? list).address, 'owner');
}

function settlementOf(outcome: Outcome, copy: Delivery, { giveUp }: WorkOptions, now: Instant): Settlement {
  if (outcome.state === 'delivered') return outcome;
  const { reason, response } = outcome;
  if (outcome.state === 'failed') return { state: 'failed', reason, response };
  if (now - copy.created_at >= giveUp * SECOND) return { state: 'failed', reason: 'gave-up', response };
  return { state: 'deferred', reason, response, until: nextAttempt(copy.attempts, now, randomFraction) };
}

/** What cannot be opened waits for a person, and so does what could not be made ready for too long; else it is tried again. */
function afterFailure({ reason }: Refusal, copy: Delivery, { giveUp }: WorkOptions, now: Instant): Settlement {
  if (reason === 'cannot-open' || now - copy.created_at >= giveUp * SECOND) return { state: 'held', reason, response: null };
  return { state: 'deferred', reason, response: null, until: nextAttempt(copy.attempts, now, randomFraction) };
}
