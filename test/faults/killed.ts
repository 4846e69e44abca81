import { setTimeout as pause } from 'node:timers/promises';
import { sha256 } from '../../src/embargo/bundle.ts';
import { chanceOf } from '../support/chance.ts';
import { type Experiment, nothingYet, type Outcome } from './experiment.ts';
import { integrity, missing, openRig, type Rig, rounds, sentAgain, streamIn } from './rig.ts';
import type { Acknowledged } from './stream.ts';

/** A start is about as long as this: what opens mail is awake by then. */
const LONGEST = 800;

/** F1: kill -9 at random while mail streams in. */
export const killed: Experiment = {
  name: 'F1',
  title: 'kill -9 at random while 4 clients stream mail in',
  rounds: 1000,
  short: 1,
  controls: [
    { variant: 'answers-before-commit', rounds: 20, quick: true },
    { variant: 'takes-nothing', rounds: 1 },
  ],
  absent: () => null,
  open: async () => {
    const rig = await openRig();
    await rig.house.start();
    return { round: rounds(rig, (seed, known) => round(rig, seed, known)), close: rig.close };
  },
};

async function round({ house, sink }: Rig, seed: number, known: Acknowledged[]): Promise<Outcome> {
  const chance = chanceOf(seed);
  sink.mails.length = 0;
  const { streams, answered } = streamIn(house, chance);
  // Some die before they have taken anything.
  await (chance() < 0.8 ? answered : pause(chance() * LONGEST));
  await pause(chance() * LONGEST);
  await house.kill();
  await Promise.all(streams.map(({ ended }) => ended));
  const acknowledged = streams.flatMap((one) => one.acknowledged);
  known.push(...acknowledged);
  const unanswered = streams.flatMap((one) => one.unanswered ?? []);
  const perhaps = unanswered.map(({ raw, to }) => ({ digest: sha256(raw), to }));
  const lost = missing(house, known, perhaps);
  const faults = [...lost, ...integrity(house)];
  await house.start();
  const again = await sentAgain(house, chance, unanswered);
  known.push(...again.acknowledged);
  faults.push(...again.faults, ...missing(house, known));
  return {
    ...nothingYet(),
    acknowledged: acknowledged.length,
    lost: lost.length,
    faults,
    seen: { 'cut off': unanswered.length },
  };
}
