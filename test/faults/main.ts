/**
 * `npm run faults [-- F1 F5 ...] [--rounds N] [--seed N] [--controls]`: what is done to Curfew, and what must hold (experiments.ts).
 * Without names all are done, each with its full count of rounds. A round is played again by its seed: `F1 --rounds 1 --seed 17`.
 * `--controls`: on broken variants instead, in which a fault must be found. Prints a line for each experiment and at the end a table in
 * Markdown. Exit 1 where there is a fault, or where a broken variant passes; 2 where an experiment failed itself.
 */
import { parseArgs } from 'node:util';
import { controlsTable, lineOfControl, tryControls } from './controls.ts';
import { named } from './experiments.ts';
import { lineOf, tableOf, troubleOf } from './report.ts';
import { type Row, runExperiment } from './run.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    controls: { type: 'boolean', default: false },
    'until-fault': { type: 'boolean', default: false },
    /** The rows, as one line of JSON at the end. */
    json: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const begun = new Date();
const say = (line: string) => {
  if (!values.json) console.log(line);
};

async function experiments(): Promise<number> {
  const rows: Row[] = [];
  for (const experiment of named(positionals)) {
    const absent = experiment.absent();
    if (absent !== null) {
      say(`${experiment.name}: left out, ${absent}`);
      continue;
    }
    const rounds = values.rounds === undefined ? experiment.rounds : Number(values.rounds);
    const every = Math.max(1, Math.ceil(rounds / 10));
    const progress = (row: Row) => {
      // Whoever plays it for an hour need not wait for its end.
      for (const one of troubleOf(row, seed + row.rounds - 1)) say(`${row.name}: ${one}`);
      if (row.rounds % every === 0 && row.rounds < rounds)
        say(`of ${rounds} rounds so far: ${lineOf({ ...row, faults: [], broken: [] })}`);
    };
    const row = await runExperiment(experiment, { rounds, seed, untilFault: values['until-fault'], progress });
    rows.push(row);
    say(lineOf(row));
  }
  console.log(values.json ? JSON.stringify(rows) : `\n${tableOf(rows, begun)}`);
  if (rows.some(({ faults }) => faults.length > 0)) return 1;
  return rows.some(({ broken }) => broken.length > 0) ? 2 : 0;
}

async function controls(): Promise<number> {
  const all = [];
  for (const experiment of named(positionals)) {
    if (experiment.absent() !== null) continue;
    for (const control of await tryControls(experiment, { seed })) {
      all.push(control);
      say(lineOfControl(control));
    }
  }
  console.log(`\n${controlsTable(all)}`);
  return all.some(({ found }) => found === null) ? 1 : 0;
}

// What is mounted or was started ends with this process, however it ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
// Threads of OpenPGP are still there.
process.exit(await (values.controls ? controls() : experiments()));
