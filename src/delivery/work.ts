import { type Alarm, type Instant, newId, randomFraction, SECOND } from '../clock.ts';
import { gate } from '../embargo/gate.ts';
import type { Log } from '../log.ts';
import { roleAddress } from '../mail/address.ts';
import { asRefusal, Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Settlement } from '../store/deliveries.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as members from '../store/members.ts';
import * as posts from '../store/posts.ts';
import type { Case, Delivery, Post, PostKind } from '../store/schema.ts';
import { nextAttempt } from './backoff.ts';
import { type Composed, composeMail, composeNotice, composeUnopened, type Origin } from './compose.ts';
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
    const { state } = settlement;
    log.info({ delivery: copy.id, case: copy.case_id, to: copy.address, state, settled }, 'copy settled');
  };

  let opened: Opened;
  let prepared: Prepared[];
  try {
    opened = await openPost(seams, first.post_id);
    prepared = await prepare(seams, opened, batch);
  } catch (error) {
    log.error({ err: error, post: first.post_id }, 'a post could not be made ready');
    for (const copy of batch) await settle(copy, afterFailure(asRefusal(error), copy, options, clock.now()));
    return batch.length;
  }

  const sendOne = async (copy: Delivery, index: number) => {
    const mail = prepared[index];
    if (!mail || 'held' in mail) return settle(copy, { state: 'held', reason: mail?.held ?? 'no-certificate', response: null });
    const shut = await gateAnswer(seams, opened.case, copy);
    if (shut) return settle(copy, { state: 'held', reason: shut, response: null });
    // Whoever lost his lease, or is to stop, leaves the copy to the next one.
    if (signal?.aborted || clock.now() >= lease.until)
      return settle(copy, { state: 'deferred', reason: 'interrupted', response: null, until: clock.now() });
    const from = await envelopeSender(db, opened, copy);
    return settle(copy, settlementOf(await send({ from, to: copy.address, raw: mail.raw }), copy, options, clock.now()));
  };
  // In the order of their priorities, and side by side within one.
  for (const priority of new Set(batch.map((copy) => copy.priority)))
    await Promise.all(batch.map((copy, index) => (copy.priority === priority ? sendOne(copy, index) : undefined)));
  return batch.length;
}

/** The post with its content opened and composed. Throws `cannot-open` where its key is gone or its octets are damaged. */
async function openPost(seams: Seams, postId: string): Promise<Opened> {
  const { db, keyring, pgp } = seams;
  const post = await posts.byId(db, postId);
  const list = post && (await lists.byId(db, post.list_id));
  if (!post || !list) throw new Error(`the post ${postId} or its list is gone`);
  const key = keyring.find(list.fingerprint);
  if (!key) throw new Refusal('cannot-open', undefined, `there is no key for ${list.address}`);
  const kept = await pgp.reopen(post.content, key.secret);
  const about = post.case_id ? ((await cases.byId(db, post.case_id)) ?? null) : null;
  const composed = FROM_MAIL.includes(post.kind) ? await composeFromMail(seams, post, kept, key.secret) : composeNotice(kept);
  return { post, list, case: about, key, composed };
}

/** The kinds of post that somebody sent; all others are Curfew's own. */
const FROM_MAIL: readonly PostKind[] = ['report', 'post', 'owner'];

async function composeFromMail({ db, pgp }: Seams, post: Post, raw: Uint8Array, secret: Uint8Array): Promise<Composed> {
  const origin: Origin = { contact: await contactOf(db, post), sender: post.sender, caseId: post.case_id };
  try {
    // Who signed was decided when it came in and stands in the post, whatever became of his certificate since.
    const lookup = async (keyIds: string[]) => (await certificates.byKeyIds(db, keyIds)).map(({ data }) => data);
    const opened = await pgp.open({ raw, secrets: [secret], at: post.received_at }, lookup);
    const signer = post.signer_fingerprint && {
      fingerprint: post.signer_fingerprint,
      certificateKnown: true,
      signatureDigest: '',
    };
    return composeMail({ ...opened, signer: signer || null }, raw, origin);
  } catch (error) {
    if (post.kind === 'owner' && error instanceof Refusal && error.reason === 'cannot-open') return composeUnopened(raw, origin);
    throw error;
  }
}

async function contactOf(db: Seams['db'], post: Post): Promise<Origin['contact']> {
  const contact = post.signer_contact_id ? await contacts.byId(db, post.signer_contact_id) : undefined;
  const member = contact && (await members.byId(db, contact.member_id));
  return contact && member ? { address: contact.address, organisation: member.organisation } : null;
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
