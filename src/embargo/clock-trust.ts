import { type Instant, MINUTE, SECOND } from '../clock.ts';
import type { ClockWhy } from '../store/schema.ts';

/*
 * Whether the wall clock may be believed. What it is held against is a line: where it stood at some instant, continued by the
 * monotonic clock, which nobody sets. As long as the two agree, the wall clock is believed, and the earlier of them is the time: what
 * is due at an instant waits until both have passed it. Where they do not, the line is the time, so that nothing else of the server
 * notices, and nothing is released.
 *
 *   trusted ---> suspect          they do not agree, or another node has been later than now
 *   suspect ---> trusted          they have agreed for five minutes; or an admin has looked at the wall clock: the line begins anew there
 *
 * A release cannot be taken back, and one that is late can be made: so all that cannot be told apart from a clock that is wrong counts
 * as one.
 */

/** How far the two may be apart. Half of the minute within which a release is out: by so much may a clock that was set right delay it. */
export const BOUND = 30 * SECOND;
/** How long they have to agree again. */
export const CALM = 5 * MINUTE;
/**
 * By how much of the time that passes the line follows the wall clock. A kernel corrects a clock by half of that (adjtimex(2), 500 ppm),
 * and moves the monotonic clock with it; so this is for small steps, as a leap second is one, and for nothing that could hurry time on.
 */
const SLEW = 1 / 1000;

export interface Reading {
  wall: Instant;
  /** Milliseconds, of the same moment. */
  monotonic: number;
}

export interface Line {
  /** Milliseconds from the monotonic clock to where the wall clock ought to be. */
  offset: number;
  /** Milliseconds that the wall clock may be further ahead: nobody knows for how long the machine was down. 0: it was seen there. */
  slack: number;
}

/** `by`: milliseconds. */
export interface Doubt {
  why: ClockWhy;
  by: number;
}

export function lineThrough({ wall, monotonic }: Reading): Line {
  return { offset: wall - monotonic, slack: 0 };
}

/** Where the wall clock ought to be. */
export function expected({ offset }: Line, { monotonic }: Reading): Instant {
  return Math.round(monotonic + offset);
}

/** Null: they agree. */
export function doubtOf(line: Line, reading: Reading): Doubt | null {
  const apart = reading.wall - expected(line, reading);
  if (apart > BOUND + line.slack) return { why: 'ahead', by: apart };
  if (apart < -BOUND) return { why: 'behind', by: -apart };
  return null;
}

/** Some node has believed that it was later than it is here. */
export function doubtOfNodes(highWater: Instant, now: Instant): Doubt | null {
  const by = highWater - now;
  return by > BOUND ? { why: 'nodes', by } : null;
}

/** What time it is. */
export function believed(line: Line, reading: Reading): Instant {
  const ought = expected(line, reading);
  return doubtOf(line, reading) ? ought : Math.min(reading.wall, ought);
}

/** What is known when a process starts. */
export interface Known {
  reading: Reading;
  /** The offset of the line in this run of the machine, where there was one. */
  saved: number | null;
  /** The latest instant that was ever believed; null in a new database. */
  highWater: Instant | null;
  /** Milliseconds for which a machine may have been off. */
  downtime: number;
}

/**
 * The line to begin with. In the same run of the machine the one of the process before goes on, however long ago that ended. After a
 * start of the machine it cannot be told how long it was off: the wall clock is believed from the high-water mark to as much later as a
 * machine may be off. One that is earlier was lost (an empty battery shows 1970), and one that is years later as well.
 */
export function firstLine({ reading, saved, highWater, downtime }: Known): Line {
  if (saved !== null) return { offset: saved, slack: 0 };
  if (highWater === null) return lineThrough(reading);
  const line = { offset: highWater - reading.monotonic, slack: downtime };
  return doubtOf(line, reading) ? line : lineThrough(reading);
}

/** The line after `elapsed` milliseconds in which they agreed. */
export function follow(line: Line, reading: Reading, elapsed: number): Line {
  if (line.slack > 0) return lineThrough(reading);
  const apart = reading.wall - reading.monotonic - line.offset;
  const most = Math.max(elapsed, 0) * SLEW;
  return { ...line, offset: line.offset + Math.min(Math.max(apart, -most), most) };
}

/** What stands in the database, for all nodes. */
export interface Suspicion {
  /** The run of the machine that has it. */
  boot: string;
}

/** What a look at the clocks leads to. */
export type Step = 'follow' | 'raise' | 'wait' | 'clear';

/** `calm`: milliseconds for which this node has had no doubt. Whoever raised a suspicion clears it: only he has its line. */
export function stepOf(seen: { doubt: Doubt | null; suspicion: Suspicion | null; boot: string; calm: number }): Step {
  const { doubt, suspicion, boot, calm } = seen;
  if (suspicion === null) return doubt ? 'raise' : 'follow';
  return suspicion.boot === boot && calm >= CALM ? 'clear' : 'wait';
}
