import { record } from '../audit/record.ts';
import { type Clock, DAY, type Instant, MINUTE, SECOND, toIso } from '../clock.ts';
import type { Log } from '../log.ts';
import { clockBelieved, clockSuspect } from '../notices/templates.ts';
import { Refusal } from '../refusal.ts';
import { prepareNotice, tellTeam } from '../roster/tell.ts';
import type { Seams } from '../seams.ts';
import * as clocks from '../store/clock.ts';
import type { Database, Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import {
  believed,
  type Doubt,
  doubtOf,
  doubtOfNodes,
  expected,
  firstLine,
  follow,
  type Line,
  lineThrough,
  type Reading,
  stepOf,
} from './clock-trust.ts';

/** How often the clocks are looked at. What is to be released looks at them itself. */
const OFTEN = 5 * SECOND;
/** How often it is written down how late it is, where nothing happens. */
const KEPT = 30 * SECOND;
/** Of a run of the machine that was not heard of for so long. */
const FORGOTTEN = 60 * DAY;
/** How old what an admin confirms may be. */
const LOOKED = 5 * MINUTE;

/** A clock that is held against the monotonic one: `now` is what is believed, and `trusted` what this node thinks of it at that moment. */
export interface WatchedClock extends Clock {
  reading(): Reading;
  /** Null: the wall clock agrees. */
  doubt(): Doubt | null;
  line(): Line;
  setLine(line: Line): void;
}

/** What is watched, from what is known of this run of the machine and of those before it. `downtime`: milliseconds. */
export async function openClock(db: Database, wall: Clock, downtime: number): Promise<WatchedClock> {
  const mark = await clocks.read(db);
  const saved = await clocks.lineOf(db, wall.boot);
  const reading = () => ({ wall: wall.now(), monotonic: wall.monotonic() });
  let line = firstLine({ reading: reading(), saved, highWater: mark?.highWater ?? null, downtime });
  const doubt = () => doubtOf(line, reading());
  const clock: WatchedClock = {
    now: () => believed(line, reading()),
    monotonic: wall.monotonic,
    boot: wall.boot,
    trusted: () => line.slack === 0 && doubt() === null,
    sleep: wall.sleep,
    reading,
    doubt,
    line: () => line,
    setLine: (to) => {
      line = to;
    },
  };
  if (mark?.suspicion == null && clock.trusted()) await keep(db, clock);
  await clocks.forgetLines(db, clock.now() - FORGOTTEN);
  return clock;
}

async function keep(db: Database, clock: WatchedClock): Promise<void> {
  const now = clock.now();
  await db.transaction().execute(async (trx) => {
    await clocks.advance(trx, now);
    await clocks.saveLine(trx, clock.boot, clock.line().offset, now);
  });
}

/** Whether anything may be released: no node doubts its clock, and this one does not at this very moment. */
export async function isTrusted({ db, clock }: { db: Db; clock: Clock }): Promise<boolean> {
  return clock.trusted() && ((await clocks.read(db))?.suspicion ?? null) === null;
}

export interface Watch {
  /** Looks at the clocks once, and does what has to be done. */
  look(): Promise<void>;
}

/** `changed` is rung when the clock becomes suspect, and when it is believed again. */
export function createWatch(seams: Seams, clock: WatchedClock, changed: () => void, log: Log): Watch {
  const { db } = seams;
  const start = clock.monotonic();
  let [looked, doubted, kept] = [start, start, start];
  return {
    async look() {
      const mark = await clocks.read(db);
      const { monotonic } = clock.reading();
      const doubt = clock.doubt() ?? (mark && doubtOfNodes(mark.highWater, clock.now()));
      if (doubt) doubted = monotonic;
      const suspicion = mark?.suspicion ?? null;
      const step = stepOf({ doubt, suspicion, boot: clock.boot, calm: monotonic - doubted });
      if (step === 'raise' && (await confirmedElsewhere(db, clock))) return;
      if (step === 'raise' && doubt && (await raise(seams, clock, doubt, log))) {
        log.error(said(clock, doubt), 'the clock is suspect: nothing is released until it agrees again, or an admin confirms it');
        changed();
      }
      if (step === 'clear' && suspicion && (await settle(seams, clock, { suspicion, line: agreed(clock, looked) }))) {
        log.warn(said(clock, null), 'the clock agrees again and is believed');
        changed();
      }
      if (step === 'follow') {
        clock.setLine(agreed(clock, looked));
        if (monotonic - kept >= KEPT) {
          await keep(db, clock);
          kept = monotonic;
        }
      }
      looked = monotonic;
    },
  };
}

/** Until the signal comes. */
export async function watchLoop(watch: Watch, clock: Clock, log: Log, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await watch.look().catch((error: unknown) => log.error({ err: error }, 'the clocks could not be looked at'));
    await clock.sleep(OFTEN, signal);
  }
}

function agreed(clock: WatchedClock, since: number): Line {
  const reading = clock.reading();
  return follow(clock.line(), reading, reading.monotonic - since);
}

/** An admin has confirmed the clock of this machine to another process that runs on it: its line is ours. */
async function confirmedElsewhere(db: Db, clock: WatchedClock): Promise<boolean> {
  const offset = await clocks.lineOf(db, clock.boot);
  if (offset === null || doubtOf({ offset, slack: 0 }, clock.reading())) return false;
  const differs = clock.doubt() !== null;
  if (differs) clock.setLine({ offset, slack: 0 });
  return differs;
}

/** For the log and for people: what the wall clock says, and what it ought to say. */
function said(clock: WatchedClock, doubt: Doubt | null) {
  const reading = clock.reading();
  return { wall: toIso(reading.wall), expected: toIso(expected(clock.line(), reading)), why: doubt?.why ?? null };
}

/** Tells everybody, once. False: the clock is suspect already. What cannot be told is written down nevertheless. */
async function raise(seams: Seams, clock: WatchedClock, { why }: Doubt, log: Log): Promise<boolean> {
  const { db } = seams;
  const { wall } = clock.reading();
  const now = clock.now();
  const words = clockSuspect({ wall, expected: now, why });
  const told = await prepareNotice(seams, words, 'alert').catch((error: unknown) => {
    log.error({ err: error }, 'the team cannot be told that the clock is suspect');
    return null;
  });
  return db.transaction().execute(async (trx) => {
    if (!(await clocks.raise(trx, { since: now, why, boot: clock.boot }))) return false;
    if (told) await tellTeam(trx, seams, told);
    const detail = { why, wall: toIso(wall), expected: toIso(now) };
    await record(trx, seams, { action: 'clock.suspect', subject: 'clock:wall', detail });
    return true;
  });
}

interface Settled {
  suspicion: clocks.Suspicion | null;
  /** From which the clock is believed. */
  line: Line;
  /** The address of the admin who said so. */
  by?: string | null;
}

/** Ends a suspicion, and goes on from that line. False: it is another one by now. */
async function settle(seams: Seams, clock: WatchedClock, { suspicion, line, by }: Settled): Promise<boolean> {
  const { db } = seams;
  const { wall } = clock.reading();
  const before = clock.now();
  const now = believed(line, clock.reading());
  // What it is taken to be until then may be before the keys were made.
  const told = await prepareNotice(
    { ...seams, clock: { ...clock, now: () => now } },
    clockBelieved({ now, by: by ?? null }),
    'alert',
  );
  const done = await db.transaction().execute(async (trx) => {
    if (!(await clocks.clear(trx, suspicion, now))) return false;
    await clocks.saveLine(trx, clock.boot, line.offset, now);
    await tellTeam(trx, seams, told);
    await deliveries.shift(trx, now - before, now);
    await deliveries.hasten(trx, 'clock-suspect', now);
    const detail = { wall: toIso(wall), expected: toIso(before) };
    await record(trx, seams, { action: by === undefined ? 'clock.clear' : 'clock.confirm', subject: 'clock:wall', detail });
    return true;
  });
  if (done) clock.setLine(line);
  return done;
}

/** What this node sees. */
export interface ClockState {
  trusted: boolean;
  wall: Instant;
  /** What time it is taken to be. */
  believed: Instant;
  why: Doubt['why'] | null;
  /** Since when nothing is released; null also where it was not noticed yet. */
  since: Instant | null;
  /** Whether it is the clock of this node that is in doubt. */
  here: boolean;
}

export async function clockState(db: Db, clock: WatchedClock): Promise<ClockState> {
  const suspicion = (await clocks.read(db))?.suspicion ?? null;
  const doubt = clock.doubt();
  return {
    trusted: suspicion === null && clock.trusted(),
    wall: clock.reading().wall,
    believed: clock.now(),
    why: doubt?.why ?? suspicion?.why ?? null,
    since: suspicion?.since ?? null,
    here: !clock.trusted() || suspicion?.boot === clock.boot,
  };
}

/**
 * An admin has looked at another clock, and says that the wall clock of this node is right. `wall`: what he was shown, at most five
 * minutes ago. Throws `needs-person`, `conflict` where nothing is in doubt, `stale` where it is not what the clock says now.
 */
export async function confirmClock(
  seams: Seams,
  clock: WatchedClock,
  { wall, personId }: { wall: Instant; personId: string | null },
): Promise<void> {
  if (personId === null) throw new Refusal('needs-person');
  const state = await clockState(seams.db, clock);
  if (state.trusted) throw new Refusal('conflict', 'The clock is not in doubt');
  const age = state.wall - wall;
  if (age < 0 || age > LOOKED)
    throw new Refusal('stale', `The clock says ${toIso(state.wall)} now: compare that with another clock, and confirm it`);
  const suspicion = (await clocks.read(seams.db))?.suspicion ?? null;
  const line = lineThrough(clock.reading());
  if (!(await settle(seams, clock, { suspicion, line, by: seams.by.name }))) throw new Refusal('stale');
}
