import { randomBytes, randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** An instant: whole milliseconds since 1970-01-01T00:00:00Z. The database, the API's internals and all rules use it. */
export type Instant = number;

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The only source of time. It is passed in; nothing but this file asks the machine what time it is. */
export interface Clock {
  now(): Instant;
  /** Whole milliseconds since some instant. It goes on evenly whatever is done to the date, and means something within one `boot` alone. */
  monotonic(): number;
  /** Names the run of the machine in which `monotonic` goes on, also from one process to the next. */
  readonly boot: string;
  /** Whether `now` may be relied upon for what cannot be taken back. A clock that nobody watches is believed. */
  trusted(): boolean;
  /** Resolves after `ms` of this clock, or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** setTimeout takes a signed 32-bit number of milliseconds; what is longer would fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Linux names each of its runs (proc(5)), and counts from its beginning (clock_gettime(2), CLOCK_MONOTONIC). */
const BOOT_ID = '/proc/sys/kernel/random/boot_id';
let bootId: string | undefined;

/** Elsewhere the process is all that is known of. */
function readBoot(): string {
  try {
    return readFileSync(BOOT_ID, 'ascii').trim();
  } catch {
    return newToken();
  }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => Number(process.hrtime.bigint() / 1_000_000n),
  get boot() {
    bootId ??= readBoot();
    return bootId;
  },
  trusted: () => true,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(Math.max(ms, 0), LONGEST_TIMER));
      signal?.addEventListener('abort', done, { once: true });
    }),
};

/** A clock that stands still until it is moved; for the demonstration and for tests. */
export interface MovingClock extends Clock {
  /** Time passes until `instant`, or is taken back to it, and every sleeper wakes whose time has come. */
  moveTo(instant: Instant): void;
  /** Somebody sets the date to `instant`; no time passes. */
  jumpTo(instant: Instant): void;
}

/** `boot`: of a machine that was not started anew since another clock was made. */
export function movingClock(start: Instant, boot: string = newToken()): MovingClock {
  let now = start;
  let passed = 0;
  const sleepers = new Set<{ until: number; wake: () => void }>();
  return {
    now: () => now,
    monotonic: () => passed,
    boot,
    trusted: () => true,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted || ms <= 0) return resolve();
        const sleeper = {
          until: passed + ms,
          wake: () => {
            sleepers.delete(sleeper);
            signal?.removeEventListener('abort', sleeper.wake);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', sleeper.wake, { once: true });
      }),
    moveTo: (instant) => {
      passed += instant - now;
      now = instant;
      for (const sleeper of [...sleepers]) if (sleeper.until <= passed) sleeper.wake();
    },
    jumpTo: (instant) => {
      now = instant;
    },
  };
}

/** `2026-09-22T16:00:00.000Z`: how an instant is shown to people and programs. */
export function toIso(instant: Instant): string {
  return new Date(instant).toISOString();
}

/**
 * RFC 3339 §5.6; a `T` in lower case and a space are allowed by its notes, and ISO 8601 lets seconds be left out. Its hours end with 23, and
 * `-00:00` says that the offset is not known (§4.3).
 */
const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)[Tt ]((?:[01]\d|2[0-3]):\d\d)(?:(:\d\d)(\.\d+)?)?([Zz]|(?!-00:00)[+-]\d\d:\d\d)$/;

/** The instant in a text with its offset from UTC; digits below the millisecond are cut off. Undefined where it is none. */
export function parseInstant(text: string): Instant | undefined {
  const [, year, month, day, time, seconds = ':00', fraction = '.0', offset] = DATE_TIME.exec(text) ?? [];
  const instant = Date.parse(`${year}-${month}-${day}T${time}${seconds}${fraction.slice(0, 4)}${offset?.toUpperCase()}`);
  return Number.isNaN(instant) || !isDay(Number(year), Number(month), Number(day)) ? undefined : instant;
}

/** Date.parse takes the 30th of February for the 2nd of March. */
function isDay(year: number, month: number, day: number): boolean {
  return day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** Crockford's base 32 in lower case: no letter that is misread, and safe in the local part of an address. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

function base32(bytes: Uint8Array): string {
  let text = '';
  // Five bits a character, from the end; what the first one lacks is zero.
  let bits = 0;
  let held = 0;
  for (const byte of bytes.toReversed()) {
    bits |= byte << held;
    held += 8;
    for (; held >= 5; held -= 5) {
      text = ALPHABET[bits & 31] + text;
      bits >>= 5;
    }
  }
  return held > 0 ? ALPHABET[bits] + text : text;
}

/** Octets from the system that nobody had yet, for what is no secret: to ask it takes longer than all else of an id. */
const fresh = Buffer.alloc(4096);
let had = fresh.length;

function randomOctets(count: number): Buffer {
  if (had + count > fresh.length) {
    randomFillSync(fresh);
    had = 0;
  }
  const octets = Buffer.from(fresh.subarray(had, had + count));
  fresh.fill(0, had, had + count);
  had += count;
  return octets;
}

/** A row's id: 26 characters, sorted by the time of making (48 bits of milliseconds, 80 random bits). */
export function newId(clock: Clock): string {
  const time = Buffer.alloc(6);
  time.writeUIntBE(clock.now(), 0, 6);
  return base32(Buffer.concat([time, randomOctets(10)]));
}

/** An unguessable token of `bytes` random bytes, in lower-case base 32. */
export function newToken(bytes = 20): string {
  return base32(randomBytes(bytes));
}

/** A number from 0 (inclusive) to 1 (exclusive). */
export function randomFraction(): number {
  return randomOctets(6).readUIntBE(0, 6) / 2 ** 48;
}

/** The same items in an order of chance. */
export function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, place: randomFraction() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}

/** What a loop sleeps with: `ring` ends the present sleep, or the next one if nobody sleeps. */
export interface Alarm {
  ring(): void;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export function createAlarm(clock: Clock): Alarm {
  let rung = false;
  let wake = () => {};
  return {
    ring() {
      rung = true;
      wake();
    },
    async sleep(ms, signal) {
      const bell = new AbortController();
      wake = () => bell.abort();
      if (!rung) await clock.sleep(ms, AbortSignal.any([signal, bell.signal]));
      rung = false;
    },
  };
}
