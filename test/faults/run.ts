import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { MINUTE } from '../../src/clock.ts';
import { type Experiment, nothingYet, type Outcome, type Setup } from './experiment.ts';

/** However busy the machine is, no round is as long: it never ends. */
const LONGEST = 20 * MINUTE;

/** All rounds of an experiment together. */
export interface Row {
  name: string;
  title: string;
  rounds: number;
  acknowledged: number;
  lost: number;
  early: number;
  duplicates: number;
  /** With the seed of their round. */
  faults: { seed: number; what: string }[];
  /** Rounds that showed nothing, because the experiment failed itself. */
  broken: { seed: number; what: string }[];
  seen: Record<string, number>;
  seconds: number;
}

export interface Wish {
  rounds: number;
  /** Of the first round; each next one has the next number. */
  seed: number;
  /** Ends with the first round in which there is a fault. */
  untilFault?: boolean;
  /** Rounds for `npm test`. */
  short?: boolean;
  /** Milliseconds after which a round is given up. */
  longest?: number;
  /** Told about each round as it ends. */
  progress?: (row: Row) => void;
}

/**
 * A failed setup is made anew for the next round, so that one accident is not that of all rounds to come. With a round that does not end the
 * experiment is over, as that one may go on behind the next.
 */
export async function runExperiment(
  experiment: Experiment,
  { rounds, seed: first, untilFault, short = false, longest = LONGEST, progress }: Wish,
): Promise<Row> {
  const { name, title } = experiment;
  const row: Row = { name, title, rounds: 0, ...nothingYet(), faults: [], broken: [], seen: {}, seconds: 0 };
  const begun = performance.now();
  let used: { folder: string; setup: Setup } | null = null;
  let isEndless = false;
  const isLast = (seed: number) => seed === first + rounds - 1;
  const count = (seed: number, { faults, seen, ...counts }: Outcome) => {
    for (const key of ['acknowledged', 'lost', 'early', 'duplicates'] as const) row[key] += counts[key];
    for (const what of faults) row.faults.push({ seed, what });
    for (const [what, times] of Object.entries(seen ?? {})) row.seen[what] = (row.seen[what] ?? 0) + times;
  };
  try {
    for (let seed = first; seed < first + rounds; seed++) {
      try {
        used ??= await within(longest, opened(experiment, short));
        count(seed, await within(longest, used.setup.round(seed)));
        if (isLast(seed) && used.setup.end) count(seed, await within(longest, used.setup.end()));
      } catch (error) {
        isEndless = error instanceof Endless;
        row.broken.push({ seed, what: error instanceof Error ? (error.stack ?? error.message) : String(error) });
        // What does not end may not let itself be ended either.
        if (used) await (isEndless ? within(ENDS, ended(used)).catch(() => {}) : ended(used));
        used = null;
      }
      row.rounds += 1;
      row.seconds = Math.round((performance.now() - begun) / 100) / 10;
      progress?.(row);
      // An experiment that cannot be set up at all fails a thousand times in the same way.
      if (isEndless || (untilFault && row.faults.length > 0) || row.broken.length >= 5) break;
    }
  } finally {
    if (used) await ended(used);
  }
  return row;
}

/** Beyond that time. */
class Endless extends Error {}

/** Milliseconds in which what is given up is ended. */
const ENDS = MINUTE;

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Endless(`it does not end: it has gone on for ${ms / 1000} seconds`)), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

async function opened(experiment: Experiment, short: boolean): Promise<{ folder: string; setup: Setup }> {
  const folder = mkdtempSync(join(tmpdir(), `curfew-faults-${experiment.name}-`));
  try {
    return { folder, setup: await experiment.open(folder, short) };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function ended({ folder, setup }: { folder: string; setup: Setup }): Promise<void> {
  await setup.close();
  rmSync(folder, { recursive: true, force: true });
}
