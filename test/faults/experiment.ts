import { MINUTE } from '../../src/clock.ts';

/** What became of one round. */
export interface Outcome {
  /** What Curfew had answered with 250, or had released: what must not be lost. */
  acknowledged: number;
  lost: number;
  early: number;
  /** Copies that came again, whether that may be or not. */
  duplicates: number;
  /** What broke, in words. What was lost or early is one, and a duplicate that may not be. */
  faults: string[];
  /** How often what was seen that is no fault, by its name. */
  seen?: Readonly<Record<string, number>>;
}

/** What is set up once and serves many rounds. */
export interface Setup {
  /** Does to Curfew what the seed chooses. Rejects where the experiment itself fails: then it has shown nothing. */
  round(seed: number): Promise<Outcome>;
  /** What is found only when all rounds are over. */
  end?(): Promise<Outcome>;
  close(): Promise<void>;
}

/** What is done to Curfew again and again, and what must hold afterwards (a row of section 2 of the threats). */
export interface Experiment {
  name: string;
  title: string;
  /** How many rounds are its full count. */
  rounds: number;
  /** How many are played in `npm test`; 0 where a test of its own plays it, or where it takes too long (docs/faults.md). */
  short: number;
  /** Broken variants (variants.ts) in which it must find a fault, and within how many rounds. Those that are `quick` are tried in `npm test`. */
  controls: readonly { variant: string; rounds: number; quick?: boolean }[];
  /** Why it cannot be done on this machine, or null. */
  absent(): string | null;
  /** `folder` is its own, and is removed when it is over. `short`: for `npm test`, with less of the same where a round is long. */
  open(folder: string, short: boolean): Promise<Setup>;
}

/** So long is waited for what comes by itself, as other work may be on the machine; what has not come by then does not come. */
export const PATIENCE = 2 * MINUTE;

/** An outcome in which nothing has happened yet. */
export function nothingYet(): Outcome {
  return { acknowledged: 0, lost: 0, early: 0, duplicates: 0, faults: [] };
}
