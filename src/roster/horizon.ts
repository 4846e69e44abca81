import { createHash } from 'node:crypto';
import { DAY, type Instant, MINUTE } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Usable } from '../pgp/certificate.ts';
import type { Seams } from '../seams.ts';
import * as numbers from '../store/numbers.ts';
import { withRevoked } from './known.ts';

/** Days ahead. */
export const AHEAD = [3, 14, 30, 90] as const;

/** How long the roster's certificates hold. */
export interface Horizon {
  certificates: number;
  /** How many expire within so many days; each is among those of the longer ones too. */
  within: ReadonlyMap<number, number>;
  /** How many cannot be encrypted to now, by reason; `expired` is always there. */
  unusable: ReadonlyMap<string, number>;
}

export function horizonOf(certificates: readonly Usable[], now: Instant): Horizon {
  const unusable = new Map([['expired', 0]]);
  const ends: Instant[] = [];
  for (const each of certificates) {
    const reason = whyNot(each, now);
    if (reason !== null) unusable.set(reason, (unusable.get(reason) ?? 0) + 1);
    else if (each.usable && each.until !== null) ends.push(each.until);
  }
  const within = new Map(AHEAD.map((days) => [days, ends.filter((end) => end <= now + days * DAY).length]));
  return { certificates: certificates.length, within, unusable };
}

function whyNot(certificate: Usable, now: Instant): string | null {
  if (!certificate.usable) return certificate.reason;
  return certificate.until !== null && certificate.until <= now ? 'expired' : null;
}

/** What a reading found, and when it was done. */
export interface Reading {
  at: Instant;
  certificates: readonly Usable[];
}

export interface HorizonWatch {
  /** The last reading, or null where none is done yet. Begins another one where it is old; waits for nothing. */
  latest(): Reading | null;
  /** Ends what it is doing. */
  close(): Promise<void>;
}

/** How old a reading may be. */
const REFRESH = 10 * MINUTE;
const PAGE = 100;

/**
 * Reads the certificates of the roster from time to time, while somebody asks. Judging one takes a worker some milliseconds, so
 * a verdict is kept with the octets that it is about, by their SHA-256, until the certificate ends: a reading judges what is new or
 * was renewed. What is on the roster no more is forgotten with the next reading.
 */
export function watchHorizon(seams: Seams, log: Log): HorizonWatch {
  const closing = new AbortController();
  let known: Verdicts = new Map();
  let begun: Instant | null = null;
  let reading: Reading | null = null;
  let running: Promise<void> = Promise.resolve();
  const read = async () => {
    const found = await readAll(seams, known, closing.signal);
    if (closing.signal.aborted) return;
    known = new Map(found);
    reading = { at: seams.clock.now(), certificates: found.map(([, verdict]) => verdict) };
  };
  return {
    latest() {
      const now = seams.clock.now();
      if (!closing.signal.aborted && (begun === null || now - begun >= REFRESH)) {
        begun = now;
        running = running.then(read).catch((error: unknown) => log.warn({ err: error }, 'the certificates could not be read'));
      }
      return reading;
    },
    async close() {
      closing.abort();
      await running;
    },
  };
}

/** By the SHA-256 of a certificate's octets. */
type Verdicts = ReadonlyMap<string, Usable>;

/** One after the other: it is not urgent, and strangers' mail waits for the same threads. */
async function readAll(seams: Seams, known: Verdicts, signal: AbortSignal): Promise<[digest: string, verdict: Usable][]> {
  const found: [string, Usable][] = [];
  for (let after = ''; ; ) {
    const page = await numbers.currentCertificates(seams.db, after, PAGE);
    const revoked = await withRevoked(
      seams,
      page.map(({ data }) => data),
    );
    for (const [at, { id, data: kept }] of page.entries()) {
      if (signal.aborted) return [];
      after = id;
      const data = revoked[at] ?? null;
      const digest = createHash('sha256')
        .update(data ?? kept)
        .digest('hex');
      found.push([digest, data ? await judge(seams, known.get(digest), data) : { usable: false, reason: 'unreadable' }]);
    }
    if (page.length < PAGE) return found;
    // SQLite answers at once: others get their turn between two pages.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** What cannot be used may be usable later; what can, stays so until its end, as long as its octets are the same. */
async function judge({ pgp, clock }: Seams, known: Usable | undefined, data: Uint8Array): Promise<Usable> {
  const now = clock.now();
  return known?.usable && whyNot(known, now) === null ? known : pgp.usable(data, now);
}
