import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Experiment } from './experiment.ts';
import { makeVariant, runVariant, VARIANTS } from './variants.ts';

export interface Control {
  name: string;
  variant: string;
  /** In which the fault was found, or that were played in vain. */
  rounds: number;
  /** What was found first; null where nothing was. */
  found: string | null;
  /** Why it was not found. */
  instead: string | null;
  seconds: number;
}

/** Plays an experiment on its broken variants, one after the other. `dist`: the compiled project, with the experiments in it. */
export async function tryControls(
  experiment: Experiment,
  { seed, quick = false, dist }: { seed: number; quick?: boolean; dist?: string },
): Promise<Control[]> {
  const tried: Control[] = [];
  for (const { variant, rounds, quick: isQuick } of experiment.controls) {
    if (quick && !isQuick) continue;
    const changes = VARIANTS[variant];
    if (!changes) throw new Error(`no variant is named ${variant}`);
    const folder = mkdtempSync(join(tmpdir(), 'curfew-variant-'));
    try {
      makeVariant(folder, changes, dist);
      const row = await runVariant(folder, experiment, { rounds, seed });
      const [fault, broken] = [row.faults[0], row.broken[0]];
      tried.push({
        name: experiment.name,
        variant,
        rounds: row.rounds,
        found: fault ? `seed ${fault.seed}: ${fault.what}` : null,
        instead: fault ? null : (broken?.what ?? 'no fault in any round'),
        seconds: row.seconds,
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return tried;
}

export function lineOfControl({ name, variant, rounds, found, instead, seconds }: Control): string {
  const what = found === null ? `NOT FOUND: ${instead}` : `found, ${found}`;
  return `${name} on ${variant}, ${rounds} rounds, ${seconds} s: ${what}`;
}

/** In Markdown. */
export function controlsTable(controls: readonly Control[]): string {
  const rows = controls.map(
    ({ name, variant, rounds, found }) => `| ${name} | ${variant} | ${rounds} | ${found === null ? 'NO' : 'yes'} |`,
  );
  return ['| experiment | broken variant | rounds | fault found |', '| --- | --- | ---: | --- |', ...rows, ''].join('\n');
}
