import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';

/** One figure of Curfew beside those of its peers, each measured as often, in turn. */
export interface Row {
  section: string;
  what: string;
  unit: string;
  better: 'less' | 'more';
  /** What each measured, run by run; the first is Curfew. */
  of: Record<string, number[]>;
  /** The load average of the machine when it was measured: it is not ours alone. */
  load: number;
  targets: Target[];
}

export interface Target {
  says: string;
  is: number;
  met: boolean;
}

/** Gives one figure. */
export type Measurement = () => Promise<number>;

/** Runs one after the other, then all again: what else the machine does is shared by all of them. */
export async function interleaved(
  runs: number,
  contenders: Readonly<Record<string, Measurement>>,
): Promise<Record<string, number[]>> {
  const of: Record<string, number[]> = {};
  for (let run = 0; run < runs; run++)
    for (const [name, measure] of Object.entries(contenders)) of[name] = [...(of[name] ?? []), await measure()];
  return of;
}

/** Measures several figures at once, so many times: each by its name, run by run. */
export async function repeated<Name extends string>(
  runs: number,
  measure: () => Promise<Record<Name, number>>,
): Promise<Record<Name, number[]>> {
  const of = {} as Record<Name, number[]>;
  for (let run = 0; run < runs; run++)
    for (const [name, figure] of Object.entries(await measure()) as [Name, number][]) of[name] = [...(of[name] ?? []), figure];
  return of;
}

/** `better`: less, unless told. */
export function row(figure: Pick<Row, 'section' | 'what' | 'unit' | 'of'> & Partial<Pick<Row, 'better' | 'targets'>>): Row {
  return { better: 'less', targets: [], load: loadavg()[0] ?? 0, ...figure };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** The value below which that share of them is. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** How many times better Curfew is: the median of the ratios of the runs, each of which saw the same machine. */
export function ratio({ of, better }: Pick<Row, 'of' | 'better'>, peer: string): number {
  const [own = [], others = []] = [Object.values(of)[0], of[peer]];
  return median(
    own.map((value, run) => (better === 'less' ? (others[run] ?? Number.NaN) / value : value / (others[run] ?? Number.NaN))),
  );
}

export function atMost(says: string, is: number, limit: number): Target {
  return { says: `${says} <= ${limit}`, is, met: is <= limit };
}

export function atLeast(says: string, is: number, limit: number): Target {
  return { says: `${says} >= ${limit}`, is, met: is >= limit };
}

/** Milliseconds between two instants of the monotonic clock, which is one for all processes of the machine. */
export function between(from: bigint, to: bigint): number {
  return Number(to - from) / 1e6;
}

/** Megabytes that a process has in memory, or had at most since it began (proc(5)); NaN where the system is not Linux. */
export function memoryOf(pid: number, what: 'VmRSS' | 'VmHWM'): number {
  if (process.platform !== 'linux') return Number.NaN;
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(new RegExp(`^${what}:\\s*(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
}
