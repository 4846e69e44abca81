import type { Experiment } from './experiment.ts';
import { begin } from './game.ts';
import { play } from './model.ts';

/** F8 and F9: games of random people, crashes and jumping clocks (model.ts). */
export const games: Experiment = {
  name: 'games',
  title: 'random people, crashes and jumping clocks (F8, F9)',
  rounds: 10_000,
  short: 0,
  controls: [
    { variant: 'clock-believed', rounds: 20 },
    { variant: 'marks-before-sending', rounds: 20 },
  ],
  absent: () => null,
  open: async (folder) => {
    const beginning = await begin(folder);
    return {
      async round(seed) {
        const { faults, released, minimal, crashes, deferred, done } = await play(beginning, seed);
        const seen = {
          releases: released,
          'ends of an embargo': minimal,
          crashes,
          'put off': deferred,
          ...Object.fromEntries(done),
        };
        return {
          acknowledged: 0,
          lost: 0,
          early: faults.filter((fault) => /early/.test(fault)).length,
          duplicates: 0,
          faults,
          seen,
        };
      },
      close: async () => {},
    };
  },
};
