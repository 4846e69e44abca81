import type { Readable } from 'node:stream';
import { collectInTurn, LARGE } from '../pgp/memory.ts';
import type { Reason } from '../refusal.ts';

export interface DataLimits {
  /** Octets of one mail. */
  size: number;
  /** Seconds from DATA to its end. */
  data: number;
  /** Octets a second on the average since DATA, asked for once `rateGraceMs` are over; 0 for no limit. */
  minimumRate: number;
  rateGraceMs: number;
}

/** Octets of mail that all sessions together hold in memory; shared between them. */
export interface Memory {
  held: number;
  readonly limit: number;
}

export type Data =
  | { state: 'complete'; raw: Uint8Array; octets: number }
  /** The mail was drained to its end and dropped. */
  | { state: 'refused'; reason: Reason & ('too-large' | 'bare-line-end' | 'busy'); octets: number }
  /** The deadline or the minimum rate was missed; the client is still sending. */
  | { state: Missed; octets: number }
  /** The connection went before the end of the mail. */
  | { state: 'lost'; octets: number };

type Missed = 'past-deadline' | 'below-minimum-rate';

const CR = 0x0d;
const LF = 0x0a;

/**
 * Reads one DATA. What is over the size, over the shared memory or not in CRLF lines is drained, because only its end tells
 * where commands go on (RFC 5321 §4.5.3.1.10 has the reply after the data), but nothing of it is kept.
 * Never rejects. The octets of a complete mail stay counted in `memory` until the caller takes them off.
 */
export function readData(stream: Readable, limits: DataLimits, memory: Memory): Promise<Data> {
  return new Promise((resolve) => {
    const keep = keeper(limits.size, memory);
    const stopWatch = watch(limits, keep, (missed) => finish({ state: missed, octets: keep.octets }));
    const finish = (data: Data) => {
      stopWatch();
      stream.off('data', keep.add).off('end', onEnd).off('close', onLoss);
      stream.resume(); // nobody reads on: let what still comes fall through
      if (data.state !== 'complete') keep.drop();
      resolve(data);
    };
    const onEnd = () =>
      finish(
        keep.reason ? { state: 'refused', reason: keep.reason, octets: keep.octets } : { state: 'complete', ...keep.take() },
      );
    const onLoss = () => finish({ state: 'lost', octets: keep.octets });
    // An 'error' is followed by 'close'; it only needs a listener.
    stream.on('error', () => undefined);
    stream.on('data', keep.add).once('end', onEnd).once('close', onLoss);
  });
}

interface Keeper {
  octets: number;
  reason: 'too-large' | 'bare-line-end' | 'busy' | null;
  add(chunk: Buffer): void;
  take(): { raw: Uint8Array; octets: number };
  /** Frees what was kept. */
  drop(): void;
}

function keeper(size: number, memory: Memory): Keeper {
  let chunks: Buffer[] = [];
  let held = 0;
  let last = LF;
  const kept: Keeper = {
    octets: 0,
    reason: null,
    add(chunk) {
      kept.octets += chunk.length;
      if (kept.reason) return;
      if (kept.octets > size) kept.reason = 'too-large';
      else if (memory.held + chunk.length > memory.limit) kept.reason = 'busy';
      else if (hasBareLineEnd(chunk, last)) kept.reason = 'bare-line-end';
      if (kept.reason) return kept.drop();
      last = chunk[chunk.length - 1] ?? last;
      chunks.push(chunk);
      held += chunk.length;
      memory.held += chunk.length;
    },
    take() {
      const raw = together(chunks, held);
      chunks = [];
      if (held > LARGE) void collectInTurn();
      return { raw, octets: held };
    },
    drop() {
      memory.held -= held;
      chunks = [];
      held = 0;
    },
  };
  return kept;
}

/** What is large goes to threads, which need no copy of it. */
function together(chunks: readonly Buffer[], octets: number): Uint8Array {
  if (octets <= LARGE) return Buffer.concat(chunks, octets);
  const raw = Buffer.from(new SharedArrayBuffer(octets));
  let length = 0;
  for (const chunk of chunks) length += chunk.copy(raw, length);
  return raw;
}

/**
 * A CR without LF, an LF without CR, or a NUL (RFC 5321 §2.3.8, §4.5.2): other servers end the data at `LF.LF` and its
 * kin, so such a mail can carry a second one that nobody checked (CVE-2023-51764). `last` is the octet before `chunk`.
 */
function hasBareLineEnd(chunk: Uint8Array, last: number): boolean {
  let before = last;
  for (const octet of chunk) {
    if (octet === 0 || (octet === LF && before !== CR) || (before === CR && octet !== LF)) return true;
    before = octet;
  }
  return false;
}

/** Calls `tooSlow` at the deadline or at the first look that finds too little; returns how to stop. */
function watch(limits: DataLimits, progress: { readonly octets: number }, tooSlow: (missed: Missed) => void): () => void {
  const looksInGrace = 30;
  const period = limits.rateGraceMs / looksInGrace;
  let looks = 0;
  const deadline = setTimeout(() => tooSlow('past-deadline'), limits.data * 1000);
  // Time is counted in looks: a stalled event loop makes it run slow, which is in the client's favour.
  const rate = setInterval(() => {
    looks += 1;
    const due = (limits.minimumRate * looks * period) / 1000;
    if (looks >= looksInGrace && progress.octets < due) tooSlow('below-minimum-rate');
  }, period);
  return () => {
    clearTimeout(deadline);
    clearInterval(rate);
  };
}
