import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { start } from '../support/process.ts';
import { ROOT } from '../support/root.ts';
import { type Experiment, nothingYet } from './experiment.ts';

/** Of one round. */
const SECONDS = 60;
/** Milliseconds. What is asked last may take its time, and no more. */
const LONGEST = 4 * SECONDS * 1000;

/** Fewer are open to anybody, without a token. A minute reaches some ninety of the routes, of which it needs a fifth for these. */
const FEWEST_ROUTES = 30;

/** F13. What `npm run fuzz` does (test/fuzz), a minute a round. */
export const fuzzed: Experiment = {
  name: 'F13',
  title: 'changed mails, sessions and requests, a minute a round',
  rounds: 10,
  short: 0,
  controls: [
    { variant: 'thrown', rounds: 1 },
    { variant: 'bare-line-ends-taken', rounds: 1 },
    { variant: 'other-problems', rounds: 1 },
    { variant: 'hold-fails', rounds: 5 },
    { variant: 'timeline-fails', rounds: 5 },
    { variant: 'filter-fails', rounds: 2 },
  ],
  absent: () => null,
  open: async () => ({
    async round(seed) {
      const main = join(ROOT, 'dist', 'test', 'fuzz', 'main.js');
      if (!existsSync(main)) throw new Error(`${main} is missing: npm run faults makes it`);
      const fuzz = start(process.execPath, [main, '--seconds', String(SECONDS), '--seed', String(seed)]);
      const late = setTimeout(() => void fuzz.kill(), LONGEST);
      const { code, signal, stdout, stderr } = await fuzz.ended;
      clearTimeout(late);
      if (signal !== null) return { ...nothingYet(), faults: [`it did not end: ${stdout.slice(-500)}`] };
      const executions = Number(/^(\d+) executions in /m.exec(stdout)?.[1]);
      if (Number.isNaN(executions)) throw new Error(`it ended with ${code}: ${stderr}`);
      const done = Number(/^(\d+) routes did what they are there for/m.exec(stdout)?.[1]);
      const failures = /^failures:\n([\s\S]*)/m.exec(stdout)?.[1] ?? '';
      const faults = failures.split('\n').filter((line) => line.trim() !== '');
      if (faults.length === 0 && !(done >= FEWEST_ROUTES))
        throw new Error(`it shows little: ${done} routes did what they are there for`);
      return { ...nothingYet(), faults, seen: { executions, 'routes that did what they are there for': done } };
    },
    close: async () => {},
  }),
};
