import { type Alarm, HOUR, type Instant, MINUTE, newId, randomFraction, SECOND } from '../clock.ts';
import { sha256 } from '../embargo/bundle.ts';
import { doubtNow } from '../embargo/doubt.ts';
import { forthcomingGate, type GateAnswer, gate, minimalGate } from '../embargo/gate.ts';
import type { Log } from '../log.ts';
import type { Pieces } from '../mail/outgoing.ts';
import { minimal } from '../notices/templates.ts';
import { noticeEntity } from '../notices/write.ts';
import { kinds } from '../post/kinds.ts';
import { asRefusal, Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import type { Settlement } from '../store/deliveries.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as minimalNotices from '../store/minimal-notices.ts';
import * as posts from '../store/posts.ts';
import * as restorations from '../store/restorations.ts';
import type { Case, Delivery, PostKind, PostState } from '../store/schema.ts';
import { nextAttempt } from './backoff.ts';
import { bounceSenders } from './bounce.ts';
import { PRIORITY } from './copies.ts';
import { inOneTurn } from './in-one-turn.ts';
import { type Kept, keptFromAll } from './need-to-know.ts';
import { openPost } from './opening.ts';
import { BEHIND, type Behind, behindOlder, isOvertaken, passedBy } from './order.ts';
import type { Outcome } from './outcome.ts';
import { type Opened, type Prepared, prepare } from './prepare.ts';
import { isStill, type SealedTo, sealedTo } from './sealed-to.ts';
import { createSettling, type Ended, interrupted, type Settle } from './settling.ts';
import { barredBy, isOfTeam } from './standing.ts';
import { tellTeam } from './tell.ts';

/**
 * Copies of one priority. Each lane has a loop and relay connections of its own: a recipient for whom the relay is silent keeps nobody of
 * another lane waiting, and neither does whatever the relay does to ordinary mail, or however much of that there is.
 */
export type Lane = keyof typeof PRIORITY;

/** Sends one mail; every failure is an outcome. */
export type Send = (mail: { from: string | null; to: string; raw: Pieces }) => Promise<Outcome>;

export interface WorkOptions {
  /** Copies leased at a time. */
  batch: number;
  /** Seconds that a lease holds, in the lanes of a release RELEASE_LEASE at most; it is renewed while its batch is worked on. */
  lease: number;
  /** Seconds after which a copy that keeps being deferred fails. */
  giveUp: number;
  /** Copies handed to the relay at a time. */
  connections: number;
  /** Which copies; all where it is left out. */
  lane?: Lane;
  /** Called for each copy that was settled. */
  settled?: (state: Delivery['state'], audience: Delivery['audience']) => void;
}

/**
 * How long a copy of a release waits, from when it is due, for those of its case that go before it: until the relay has taken, or put off,
 * one of each channel. So the channels have it in their order, on however many nodes, and nobody waits for all readers of another;
 * and where the relay is silent, those who come later are still in time, which is logged.
 */
const HEAD_START = 10 * SECOND;

/** What a lane takes at `now`. `began`: after a start nothing is known of how long it has waited. */
function appetiteOf(lane: Lane | undefined, began: Instant, now: Instant): Pick<deliveries.Appetite, 'priority' | 'yields'> {
  if (lane === undefined) return {};
  const yields = now - began < HEAD_START ? 0 : now - HEAD_START;
  return { priority: PRIORITY[lane], ...(isOfRelease(lane) ? { yields } : {}) };
}

function isOfRelease(lane: Lane | undefined): boolean {
  return lane !== undefined && lane !== 'ordinary';
}

/**
 * Seconds. What a node had in hand when it died goes out again when its lease ends: of a release that has to be well
 * within the minute in which the public gets its post.
 */
const RELEASE_LEASE = 15;

function leaseSeconds({ lane, lease }: WorkOptions): number {
  return isOfRelease(lane) ? Math.min(lease, RELEASE_LEASE) : lease;
}

/** Octets of mail that one batch may hold in memory; two are there at a time, and what is left of a third. */
const BATCH_OCTETS = 16 * 1024 * 1024;

/** What one batch after the other is worked on with. */
export interface Desk {
  /** The post in hand, opened and signed once for however many batches it takes. */
  opened: Opened | null;
  hands: Hands;
  settle: Settle;
  began: Instant;
}

/** As many copies are under way at a time as there are hands, of whichever batches. */
interface Hands {
  /** Resolves when one is free. False: it is to stop, and whoever waited has none. */
  take(): Promise<boolean>;
  give(): void;
  /** How many are taken. */
  taken(): number;
}

function createHands(most: number, signal?: AbortSignal): Hands {
  const waiting: ((hasOne: boolean) => void)[] = [];
  let free = most;
  signal?.addEventListener('abort', () => {
    for (const next of waiting.splice(0)) next(false);
  });
  return {
    async take() {
      if (signal?.aborted) return false;
      if (free === 0) return new Promise<boolean>((resolve) => void waiting.push(resolve));
      free--;
      return true;
    },
    give() {
      const next = waiting.shift();
      if (next) next(true);
      else free++;
    },
    taken: () => most - free,
  };
}

function createDesk(seams: Seams, { connections }: WorkOptions, began: Instant, signal?: AbortSignal): Desk {
  const hands = createHands(connections, signal);
  return { opened: null, hands, settle: createSettling(seams, hands.taken), began };
}

/** How long the loop sleeps at most: another process may have queued something. */
const LONGEST_SLEEP = 2 * SECOND;

/** Sends what is due until the signal comes; then finishes what is under way. */
export async function deliveryLoop(seams: Seams, send: Send, options: WorkOptions, alarm: Alarm, log: Log, signal: AbortSignal) {
  const desk = createDesk(seams, options, seams.clock.now(), signal);
  const stumbled = (error: unknown) => log.error({ err: error }, 'delivery stumbled and goes on');
  const underWay = new Set<Promise<void>>();
  const take = async () => {
    await deliveries.reclaim(seams.db, seams.clock.now());
    return takeBatch(seams, send, options, log, desk, signal);
  };
  const begin = async (taken: Taken) => {
    const batch = await taken.begin();
    const settled = batch.settled.catch(stumbled).finally(() => underWay.delete(settled));
    underWay.add(settled);
  };
  let ahead: Promise<Taken | null> = Promise.resolve(null);
  const next = () => {
    const taken = ahead;
    ahead = Promise.resolve(null);
    return taken;
  };
  while (!signal.aborted) {
    try {
      const taken = (await next()) ?? (await take());
      if (taken) {
        // Another one is sealed while this one goes out. One copy alone is mostly all there is.
        if (taken.copies > 1) ahead = take();
        // It is heard when its turn comes.
        ahead.catch(() => undefined);
        await begin(taken);
        continue;
      }
      desk.opened = null;
      if (!isOfRelease(options.lane) && (await tellTeam(seams, log)) > 0) continue;
      const due = await deliveries.nextInstant(seams.db, options.lane && PRIORITY[options.lane]);
      const wait = due === undefined ? LONGEST_SLEEP : Math.min(LONGEST_SLEEP, due - seams.clock.now());
      await alarm.sleep(Math.max(wait, SHORTEST_SLEEP), signal);
    } catch (error) {
      stumbled(error);
      await alarm.sleep(LONGEST_SLEEP, signal);
    }
  }
  // What is leased is given back.
  await next()
    .then((taken) => taken && begin(taken))
    .catch(stumbled);
  await Promise.all(underWay);
}

/** What is due may have to wait for what goes before it. */
const SHORTEST_SLEEP = 50;

/** Leases copies of one post, sends them and settles each. Gives how many it took. */
export async function deliverBatch(
  seams: Seams,
  send: Send,
  options: WorkOptions,
  log: Log,
  signal?: AbortSignal,
): Promise<number> {
  const desk = createDesk(seams, options, 0, signal);
  const taken = await takeBatch(seams, send, options, log, desk, signal);
  await (await taken?.begin())?.settled;
  return taken?.copies ?? 0;
}

/** Copies of one post that are leased and sealed. */
interface Taken {
  copies: number;
  /**
   * To be called, so that their lease ends: sends them, and is done when the last one is under way. `settled` resolves when each of them is
   * settled, and rejects where that failed.
   */
  begin(): Promise<{ settled: Promise<void> }>;
}

/** Leases copies of one post and seals them; null where nothing is due. */
async function takeBatch(
  seams: Seams,
  send: Send,
  options: WorkOptions,
  log: Log,
  desk: Desk,
  signal?: AbortSignal,
): Promise<Taken | null> {
  const { db, clock } = seams;
  const seconds = leaseSeconds(options);
  const now = clock.now();
  const lease = { id: newId(clock), until: now + seconds * SECOND };
  const appetite = { copies: options.batch, octets: BATCH_OCTETS, ...appetiteOf(options.lane, desk.began, now) };
  const batch = await deliveries.lease(db, lease, now, appetite);
  const [first] = batch;
  if (!first) return null;
  if (isOfRelease(options.lane) && (await deliveries.isBehind(db, first)))
    log.warn(
      { case: first.case_id, post: first.post_id },
      'a channel goes before the one ahead of it, for which the relay is silent',
    );
  const settle = async (copy: Delivery, settlement: Settlement, more: Pick<Ended, 'passing' | 'kept'> = {}) => {
    const settled = await desk.settle({ copy, lease: lease.id, settlement, ...more });
    log.info({ ...facts(copy), state: settled?.state ?? settlement.state, settled: settled !== null }, 'copy settled');
    if (settled) options.settled?.(settled.state, copy.audience);
  };
  const done = new AbortController();
  const renewing = keepLease(seams, lease, seconds, log, done.signal);
  const end = async () => {
    done.abort();
    await renewing;
  };
  // Whatever fails, the lease is renewed no more.
  const orEnd = async <Value>(work: () => Promise<Value>): Promise<Value> => {
    try {
      return await work();
    } catch (error) {
      await end();
      throw error;
    }
  };
  const ready = await orEnd(() => makeReady(seams, desk, first.post_id, batch).catch((error: unknown) => asRefusal(error)));
  const begin = async () => {
    if (ready instanceof Refusal) {
      log.error({ err: ready, detail: ready.detail, post: first.post_id }, 'a post could not be made ready');
      await Promise.all(batch.map((copy) => settle(copy, afterFailure(ready, copy, options, clock.now()))));
      await end();
      return { settled: Promise.resolve() };
    }
    const { opened } = ready;
    const [behind, passed] = [await behindOlder(seams, opened.post, batch), await passedBy(seams.db, opened.post, batch)];
    // Whoever lost his lease, or is to stop, leaves the copy to the next one.
    const mayGo = () => !signal?.aborted && clock.now() < lease.until;
    const senderOf = await bounceSenders(db);
    const asked = inOneTurn((copies: readonly Delivery[]) => whatStands(seams, opened, copies));
    const underWay = await eachInHand(batch, ready.prepared, desk.hands, async (copy, mail) => {
      const settlement = await sendOne(seams, { opened, copy, mail, send, options, mayGo, behind, passed, asked, senderOf });
      await settle(copy, settlement, { passing: behind.passing.get(copy.id), kept: 'held' in mail ? mail.kept : undefined });
    });
    const settled = async () => {
      try {
        await underWay.all;
      } finally {
        await end();
      }
    };
    return { settled: settled() };
  };
  return { copies: batch.length, begin: () => orEnd(begin) };
}

/** Renews the lease until told to end. A process that stood still for longer finds it ended, and sends nothing more. */
async function keepLease(
  { db, clock }: Seams,
  lease: deliveries.Lease,
  seconds: number,
  log: Log,
  end: AbortSignal,
): Promise<void> {
  for (;;) {
    await clock.sleep((seconds * SECOND) / 3, end);
    if (end.aborted || clock.now() >= lease.until) return;
    const until = clock.now() + seconds * SECOND;
    await deliveries.renew(db, { id: lease.id, until }).then(
      () => {
        lease.until = until;
      },
      (error: unknown) => log.error({ err: error }, 'a lease could not be renewed'),
    );
  }
}

/** Throws `cannot-open`, too, for what ended the process whenever it was made ready: a person who sends it again has it tried three times more. */
async function makeReady(seams: Seams, desk: Desk, postId: string, batch: readonly Delivery[]) {
  return seams.begun.reading(
    `post-${postId}`,
    () => openAndPrepare(seams, desk, postId, batch),
    async () => {
      throw new Refusal('cannot-open', undefined, `to make the post ${postId} ready ended the process`);
    },
  );
}

async function openAndPrepare(seams: Seams, desk: Desk, postId: string, batch: readonly Delivery[]) {
  // A held post may have been decided on meanwhile, and is another then.
  if (desk.opened?.post.id !== postId || desk.opened.post.state === 'held') desk.opened = await openPost(seams, postId);
  const { opened } = desk;
  return { opened, prepared: await prepare(seams, opened, batch) };
}

/** Who reported what is nobody's business who reads a log. */
function facts({ id, case_id, audience, address }: Delivery) {
  return { delivery: id, case: case_id, to: audience === 'contact' || audience === 'public' ? address : audience };
}

/** Begins one after the other, each as soon as a hand is free. `all`: when all have ended, rejects with the first that failed, if any. */
async function eachInHand(
  batch: readonly Delivery[],
  prepared: readonly Prepared[],
  hands: Hands,
  attempt: (copy: Delivery, mail: Prepared) => Promise<void>,
): Promise<{ all: Promise<void> }> {
  const underWay: Promise<void>[] = [];
  for (const [index, copy] of batch.entries()) {
    const mail = prepared[index];
    if (!mail) continue;
    const hasOne = await hands.take();
    const going = attempt(copy, mail).finally(() => {
      if (hasOne) hands.give();
    });
    // It is heard below, when the last one has begun.
    going.catch(() => undefined);
    underWay.push(going);
  }
  // Until the last one has ended the lease is renewed: what one fails at must not have another sent twice.
  return {
    all: Promise.allSettled(underWay)
      .then(() => Promise.all(underWay))
      .then(() => undefined),
  };
}

interface Attempt {
  opened: Opened;
  copy: Delivery;
  mail: Prepared;
  send: Send;
  options: WorkOptions;
  mayGo: () => boolean;
  behind: Behind;
  passed: Awaited<ReturnType<typeof passedBy>>;
  asked: (copy: Delivery) => Promise<Standing>;
  senderOf: Awaited<ReturnType<typeof bounceSenders>>;
}

/** What may have changed since a batch was made ready, which takes its time: a post was decided on, somebody removed, a key revoked. */
interface Standing {
  state: PostState;
  /** A backup was restored, and no admin has confirmed it yet. */
  isUnconfirmed: boolean;
  case: Case | undefined;
  kept: ReadonlyMap<string, Kept>;
  sealedTo: ReadonlyMap<string, SealedTo>;
}

/** Asked before each copy goes, once for all that go at the same time. */
async function whatStands(seams: Seams, { post }: Opened, copies: readonly Delivery[]): Promise<Standing> {
  const { db } = seams;
  const ids = copies.flatMap(({ contact_id }) => contact_id ?? []);
  const caseId = copies[0]?.case_id ?? null;
  return {
    state: (await posts.stateOf(db, post.id)) ?? post.state,
    isUnconfirmed: await restorations.isOpen(db),
    case: caseId === null ? undefined : await cases.byId(db, caseId),
    kept: ids.length === 0 ? new Map() : await keptFromAll(db, post, ids),
    sealedTo: await sealedTo(seams, copies),
  };
}

async function sendOne(seams: Seams, attempt: Attempt): Promise<Settlement> {
  const { opened, copy, mail, send, options, mayGo, behind, passed, asked } = attempt;
  const { db, clock } = seams;
  if ('held' in mail) return { state: 'held', reason: mail.held, response: null };
  const stands = await asked(copy).catch(refused);
  if (stands instanceof Refusal) return afterFailure(stands, copy, options, clock.now());
  const barred = await standing(seams, opened, copy, stands);
  if (barred) return barred;
  const unconfirmed = await beforeConfirmation(seams, copy, stands);
  if (unconfirmed) return unconfirmed;
  const kept = copy.contact_id === null ? undefined : stands.kept.get(copy.contact_id);
  if (kept) return { state: 'held', reason: kept, response: null };
  // His key was revoked, or is another one: sealed anew, or held.
  if (mail.certificate && !isStill(stands.sealedTo.get(copy.id), mail.certificate)) return interrupted(clock.now() + SOON);
  const shut = overtaken(opened, copy, stands) ?? (await gateAnswer(seams, opened, copy));
  if (shut) return shut;
  const late = passed.get(copy.id);
  if (late !== undefined) return { state: 'failed', reason: late, response: null };
  const until = behind.until.get(copy.id);
  if (until !== undefined) return { state: 'deferred', reason: BEHIND, response: null, until, untried: true };
  const from = await envelopeSender(db, attempt);
  // The last question: whoever stood still since has lost his lease.
  if (!mayGo()) return interrupted(clock.now());
  const outcome = await send({ from, to: copy.address, raw: mail.raw });
  return settlementOf(outcome, copy, () => patienceFor(db, copy, options), clock.now());
}

/** What was refused; whatever else is thrown goes on. */
function refused(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown;
  throw thrown;
}

/**
 * Null: it may go, whatever a person decided since its post was opened. What was composed for the team, while the post was held, is
 * composed anew for others.
 */
async function standing({ db, clock }: Seams, { post }: Opened, copy: Delivery, { state }: Standing): Promise<Settlement | null> {
  const barred = await barredBy(db, state, copy);
  if (barred === 'refused') return { state: 'failed', reason: barred, response: null };
  if (barred === 'stopped') return { state: 'held', reason: barred, response: null };
  const another = state !== post.state && (await barredBy(db, post.state, copy)) !== null;
  return another ? interrupted(clock.now()) : null;
}

/** After a restore the team alone is written to, until an admin confirms it: who was removed since the backup is on the roster again. */
async function beforeConfirmation(
  { db, clock }: Seams,
  { contact_id }: Delivery,
  { isUnconfirmed }: Standing,
): Promise<Settlement | null> {
  if (!isUnconfirmed || (await isOfTeam(db, contact_id))) return null;
  return { state: 'deferred', reason: 'restored', response: null, until: clock.now() + AGAIN };
}

/** What cannot be sealed in one way twice must not be sealed again and again. */
const SOON = SECOND;

/** Null: what it says of its case holds still. */
function overtaken({ post }: Opened, { audience }: Delivery, { case: about }: Standing): Settlement | null {
  if (audience === 'public') return null;
  return about && isOvertaken(post, about) ? { state: 'failed', reason: 'overtaken', response: null } : null;
}

/** What only ever goes to the public, as the gate allows. */
const forPublic: ReadonlySet<PostKind> = new Set<PostKind>(['public', 'forthcoming']);

/** Whoever says that the clock is right has what waits for that go out at once. */
const AGAIN = MINUTE;

/**
 * Null: it may go. Every copy for the public, and every copy of a public post, asks the gate, every time. Where only the
 * clock says no (it was set back after the release, or a hand wrote `released` too early), the copy waits for the instant;
 * anything else waits for a person.
 */
async function gateAnswer(seams: Seams, opened: Opened, copy: Delivery): Promise<Settlement | null> {
  const { post, digest } = opened;
  if (post.kind === 'minimal') return minimalAnswer(seams, opened, copy);
  if (copy.audience !== 'public' && !forPublic.has(post.kind)) return null;
  const { db, clock } = seams;
  const about = copy.case_id ? await cases.byId(db, copy.case_id) : undefined;
  const isForthcoming = post.kind === 'forthcoming';
  if (!about || (!about.bundle_hash && !isForthcoming)) return { state: 'held', reason: 'not-released', response: null };
  const approvals = await cases.approvals(db, about.id);
  const doubt = await doubtNow(seams);
  const now = clock.now();
  const attempt = { case: about, approvals, going: { postId: post.id, digest }, now, doubt };
  const answer: GateAnswer = isForthcoming ? forthcomingGate(attempt) : gate(attempt);
  if (answer.open) return null;
  if (answer.reason === doubt) return { state: 'deferred', reason: answer.reason, response: null, until: now + AGAIN };
  // Nobody wants to read after the fix, or after its instant, that it will come.
  if (answer.reason === 'past-instant') return { state: 'failed', reason: answer.reason, response: null };
  if (!isForthcoming && about.state === 'released' && about.release_at !== null && now < about.release_at)
    return { state: 'deferred', reason: answer.reason, response: null, until: about.release_at };
  return { state: 'held', reason: answer.reason, response: null };
}

/** The same of what tells the public that the longest embargo of a case has ended. */
async function minimalAnswer(
  { db, clock, project }: Seams,
  { post, digest }: Opened,
  copy: Delivery,
): Promise<Settlement | null> {
  const about = copy.case_id ? await cases.byId(db, copy.case_id) : undefined;
  const notice = about && (await minimalNotices.ofCase(db, about.id));
  const keeper = about && (await lists.byId(db, about.list_id));
  if (!about || !notice || !keeper || copy.audience !== 'public')
    return { state: 'held', reason: 'not-released', response: null };
  const facts = { project: project.name, since: about.received_at, endedAt: notice.not_before, ask: keeper.address };
  const now = clock.now();
  const doubt = await doubtNow({ db, clock });
  const fixed = sha256(noticeEntity(minimal(facts)));
  const answer = minimalGate({ case: about, notice, going: { postId: post.id, digest }, fixed, now, doubt });
  if (answer.open) return null;
  if (answer.reason === doubt) return { state: 'deferred', reason: answer.reason, response: null, until: now + AGAIN };
  if (answer.reason === 'not-released' && now < notice.not_before)
    return { state: 'deferred', reason: answer.reason, response: null, until: notice.not_before };
  return { state: 'held', reason: answer.reason, response: null };
}

/** Where a bounce of this copy finds it again; what is itself an answer or an alarm is never answered (RFC 3834 §3.3). */
async function envelopeSender(
  db: Seams['db'],
  { opened: { post, list }, copy, senderOf }: Pick<Attempt, 'opened' | 'copy' | 'senderOf'>,
): Promise<string | null> {
  if (kinds[post.kind].silent) return null;
  const through = copy.list_id === list.id ? list : await lists.byId(db, copy.list_id);
  return senderOf((through ?? list).address, copy.id);
}

/** How long a copy is tried: as its list says. What belongs to a release is the project's word to all, and no list ends it sooner. */
async function patienceFor(db: Db, copy: Delivery, { giveUp }: WorkOptions): Promise<number> {
  const list = copy.priority < PRIORITY.ordinary ? undefined : await lists.byId(db, copy.list_id);
  return typeof list?.give_up === 'number' ? list.give_up * HOUR : giveUp * SECOND;
}

/** `patienceOf` is asked of what is put off alone: between the relay's 250 and what is written of it nothing else can fail. */
async function settlementOf(
  outcome: Outcome,
  copy: Delivery,
  patienceOf: () => Promise<number>,
  now: Instant,
): Promise<Settlement> {
  if (outcome.state === 'delivered') return outcome;
  const { reason, response } = outcome;
  if (outcome.state === 'failed') return { state: 'failed', reason, response };
  const patience = await patienceOf();
  if (now - (copy.tried_at ?? now) >= patience) return { state: 'failed', reason: 'gave-up', response };
  return { state: 'deferred', reason, response, until: again(copy, now) };
}

/** What cannot be opened waits for a person, and so does what could not be made ready for too long; else it is tried again. */
function afterFailure({ reason }: Refusal, copy: Delivery, { giveUp }: WorkOptions, now: Instant): Settlement {
  if (reason === 'cannot-open' || now - (copy.tried_at ?? now) >= giveUp * SECOND)
    return { state: 'held', reason, response: null };
  return { state: 'deferred', reason, response: null, until: again(copy, now) };
}

function again({ priority, attempts }: Delivery, now: Instant): Instant {
  return nextAttempt(priority < PRIORITY.ordinary ? 'release' : 'ordinary', attempts, now, randomFraction);
}
