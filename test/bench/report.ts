import { where } from '../faults/report.ts';
import { median, type Row, ratio } from './measure.ts';

/** What a run leaves for the next one to be compared with. */
export interface Report {
  at: string;
  machine: string;
  versions: Record<string, string>;
  rows: Row[];
}

export function reportOf(rows: Row[], versions: Record<string, string>, at: Date): Report {
  return { at: at.toISOString(), machine: where(at), versions, rows };
}

export function titleOf({ machine, versions }: Report): string {
  return [machine, ...Object.entries(versions).map(([name, version]) => `${name}: ${version}`)].join('\n');
}

/** Each figure is a median; beside a peer, how many times better Curfew is, and a dash where there is none. */
export function linesOf(figure: Row): string[] {
  const [own = [], ...others] = Object.values(figure.of);
  const peers = Object.keys(figure.of)
    .slice(1)
    .map((name, index) => `${name} ${shown(median(others[index] ?? []))} (${shown(ratio(figure, name))}x)`);
  const beside = peers.length > 0 ? peers : ['-'];
  const told = [`${shown(median(own))} ${figure.unit} (${own.length} runs)`, ...beside, `load ${figure.load.toFixed(1)}`];
  const targets = figure.targets.map(({ says, is, met }) => `    ${met ? 'met' : 'MISSED'}: ${says}: ${shown(is)}`);
  return [`${figure.section}: ${figure.what}: ${told.join(', ')}`, ...targets];
}

export function shown(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/**
 * Each figure beside that of an earlier run, and beside what the peers did then and now: where they changed as much, it was the machine.
 */
export function compared(before: Report, now: readonly Row[]): string[] {
  return now.flatMap((figure) => {
    const other = before.rows.find(({ section, what }) => section === figure.section && what === figure.what);
    if (!other) return [];
    const changes = Object.keys(figure.of).map((name) => {
      const [was, is] = [median(other.of[name] ?? []), median(figure.of[name] ?? [])];
      return `${name} ${shown(was)} -> ${shown(is)} (${shown(is / was)}x)`;
    });
    return [`${figure.section}: ${figure.what}, ${figure.unit}: ${changes.join(', ')}`];
  });
}
