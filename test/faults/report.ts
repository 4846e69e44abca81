import { cpus, release, totalmem, type } from 'node:os';
import type { Row } from './run.ts';

/** What is said of each experiment as soon as it is over. */
export function lineOf(row: Row): string {
  const { name, rounds, acknowledged, lost, early, duplicates, faults, broken, seconds, seen } = row;
  const counts = { rounds, acknowledged, lost, early, duplicates, faults: faults.length, broken: broken.length, seconds };
  const counted = (of: object) =>
    Object.entries(of)
      .map(([what, times]) => `${what} ${times}`)
      .join(', ');
  const also = Object.keys(seen).length > 0 ? `\n    seen: ${counted(seen)}` : '';
  const told = troubleOf(row).map((one) => `\n    ${one}`);
  return `${name}: ${counted(counts)}${also}${told.join('')}`;
}

/** Of one round, or of all where none is named. */
export function troubleOf({ faults, broken }: Row, round?: number): string[] {
  const all = [...faults.map((one) => ({ ...one, kind: 'fault' })), ...broken.map((one) => ({ ...one, kind: 'broken' }))];
  return all
    .filter(({ seed }) => round === undefined || seed === round)
    .map(({ seed, what, kind }) => `${kind}, seed ${seed}: ${what}`);
}

/** The machine and the date, for whoever reads the figures later. */
export function where(at: Date): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const kernel = `${type()} ${release()}`;
  return `${at.toISOString().slice(0, 10)}, ${cpus().length} cores (${cpu?.model.trim()}), ${memory} GiB, node ${process.version}, ${kernel}`;
}

/** In Markdown; no line is made prettier than it was. */
export function tableOf(rows: readonly Row[], at: Date): string {
  const head = ['experiment', 'rounds', 'acknowledged', 'lost', 'early', 'duplicates', 'faults found', 'seconds'];
  const lines = rows.map(({ name, title, rounds, acknowledged, lost, early, duplicates, faults, broken, seconds }) => {
    const found = broken.length > 0 ? `${faults.length}, and ${broken.length} rounds broken` : faults.length;
    return [`${name}: ${title}`, rounds, acknowledged, lost, early, duplicates, found, seconds];
  });
  const table = [head, head.map((_, column) => (column === 0 ? '---' : '---:')), ...lines];
  return `${where(at)}:\n\n${table.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}
