import { allAtOnce, allAtTwo } from './all-at-once.ts';
import { canary } from './canary.ts';
import type { Experiment } from './experiment.ts';
import { fuzzed } from './fuzzed.ts';
import { games } from './games.ts';
import { killed } from './killed.ts';
import { logShut } from './log-shut.ts';
import { order } from './order.ts';
import { others } from './others.ts';
import { pages } from './pages.ts';
import { poison } from './poison.ts';
import { power } from './power.ts';
import { relayDown } from './relay-down.ts';
import { relayMatrix } from './relay-matrix.ts';
import { restored } from './restored.ts';
import { soak } from './soak.ts';
import { stopped, twoSenders } from './sole-sender.ts';
import { steps } from './steps.ts';
import { storage } from './storage.ts';
import { wrongDate } from './wrong-date.ts';

/** All of them, in the order in which they are done. */
export const EXPERIMENTS: readonly Experiment[] = [
  killed,
  order,
  power,
  steps,
  storage,
  logShut,
  stopped,
  twoSenders,
  pages,
  restored,
  relayMatrix,
  relayDown,
  wrongDate,
  allAtOnce,
  allAtTwo,
  canary,
  others,
  fuzzed,
  poison,
  games,
  soak,
];

/** Those of that name, or all where none is named. */
export function named(names: readonly string[]): Experiment[] {
  const unknown = names.filter((name) => !EXPERIMENTS.some((one) => one.name === name));
  if (unknown.length > 0)
    throw new Error(`no experiment is named ${unknown.join(', ')}; there are ${EXPERIMENTS.map(({ name }) => name).join(', ')}`);
  return EXPERIMENTS.filter(({ name }) => names.length === 0 || names.includes(name));
}
