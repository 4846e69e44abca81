import { exceptionFor } from './exceptions.ts';
import { kinds } from './kinds.ts';
import { directions, type Outcome } from './measure.ts';
import type { Program } from './peers.ts';

/** By `kind | direction | program`. */
export type Cells = Map<string, Outcome>;

/** The measured matrix, its notes, and what it was measured with, in Markdown. */
export function table(programs: readonly Program[], cells: Cells, ownKeys: ReadonlyMap<string, string>): string {
  const notes: string[] = [];
  const rows = kinds.flatMap(({ name }) => rowsOf(name, programs, cells, notes));
  return [
    ...aligned([['key', 'what', ...programs.map(({ name }) => name)], ...rows]),
    '',
    ...notes.map((note, i) => `${i + 1}. ${note}`),
    '',
    ...aligned([
      ['program', 'version', 'its own key'],
      ...programs.map((each) => [each.name, each.absent ?? each.version, ownKeys.get(each.name) ?? '']),
    ]),
    '',
  ].join('\n');
}

/** The directions of a kind, those with the same outcomes in one row. */
function rowsOf(kind: string, programs: readonly Program[], cells: Cells, notes: string[]): string[][] {
  const rows = new Map<string, { what: string[]; outcomes: string[] }>();
  for (const direction of directions) {
    const found = programs.map(({ name }) => cells.get(`${kind} | ${direction} | ${name}`));
    if (found.every((outcome) => outcome === undefined)) continue;
    const outcomes = programs.map((program, i) => {
      if (program.absent) return 'skipped';
      return shown(found[i], exceptionFor(program.name, kind, direction)?.because, notes);
    });
    const row = rows.get(outcomes.join()) ?? { what: [], outcomes };
    row.what.push(direction);
    rows.set(outcomes.join(), row);
  }
  return [...rows.values()].map(({ what, outcomes }) => [kind, what.join(', '), ...outcomes]);
}

function shown(outcome: Outcome | undefined, because: string | undefined, notes: string[]): string {
  if (outcome === undefined) return 'not measured';
  if (outcome === 'ok') return 'ok';
  const [[is, why] = []] = Object.entries(outcome);
  const note = because ?? `unexpected: ${why}`;
  if (!notes.includes(note)) notes.push(note);
  return `${is} (${notes.indexOf(note) + 1})`;
}

function aligned([head = [], ...rows]: string[][]): string[] {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]?.length ?? 0)));
  const line = (row: string[]) => `| ${row.map((text, i) => text.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)];
}
