import { join } from 'node:path';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { chanceOf } from '../support/chance.ts';
import { LISTS } from '../support/house.ts';
import { unlogged } from '../support/unlogged.ts';
import { type Experiment, nothingYet, type Outcome, PATIENCE } from './experiment.ts';
import { missing, openRig, type Rig, reports } from './rig.ts';
import { type Stream, streamOf } from './stream.ts';

/** Mails of a round, while nothing can be logged. */
const MAILS = 3;

/** F4: nothing can be written into the audit log. So nothing happens: neither mail nor anything that is asked for over REST is taken, until it can. */
export const logShut: Experiment = {
  name: 'F4-log',
  title: 'the audit log cannot be written',
  rounds: 100,
  short: 1,
  controls: [{ variant: 'unlogged-all-the-same', rounds: 1 }],
  absent: () => null,
  open: async () => {
    const rig = await openRig();
    await rig.house.start();
    const db = openDatabase({ sqlite: join(rig.house.dir, 'data', 'curfew.db') });
    return {
      round: (seed) => round(rig, db, seed),
      async close() {
        await db.destroy();
        await rig.close();
      },
    };
  },
};

async function round(rig: Rig, db: Database, seed: number): Promise<Outcome> {
  const { house, sink } = rig;
  sink.mails.length = 0;
  const faults: string[] = [];
  const recipient = { address: `reader${seed}@home.example`, kind: 'subscriber' };
  const asked = () => house.api(house.adminToken, 'POST', `/lists/${LISTS.announce}/recipients`, recipient);
  const before = tables(rig);
  let during: Stream | undefined;
  await unlogged(db, async () => {
    during = streamOf(house.smtpPort, MAILS, reports(house, chanceOf(seed)));
    await during.ended;
    const { status } = await asked();
    if (status < 500) faults.push(`what was asked for was answered with ${status}`);
  });
  const refused = [...(during?.refused ?? [])];
  if (during?.acknowledged.length !== 0) faults.push(`${during?.acknowledged.length} mails were taken`);
  if (refused.some(([code]) => !code.startsWith('4')))
    faults.push(`a mail was refused with ${refused.map(([code]) => code).join()}`);
  const after = tables(rig);
  if (after !== before) faults.push(`what was ${before} is ${after}, and nothing is in the log`);
  if (sink.mails.length > 0) faults.push(`${sink.mails.length} mails went out`);
  // It can be written again: so does Curfew, and nobody has to start it again.
  const again = streamOf(house.smtpPort, 1, reports(house, chanceOf(seed + 1_000_000)));
  await again.ended;
  if (again.acknowledged.length === 0) faults.push('afterwards a mail was not taken');
  const { status } = await asked();
  if (status !== 201) faults.push(`afterwards what was asked for was answered with ${status}`);
  const lost = missing(house, again.acknowledged);
  await house.settled(PATIENCE);
  const seen = { 'refused for now': refused.reduce((sum, [, times]) => sum + times, 0) };
  return { ...nothingYet(), acknowledged: again.acknowledged.length, lost: lost.length, faults: [...faults, ...lost], seen };
}

/** How many rows there are of what would have been made. */
function tables({ house }: Rig): string {
  const names = ['posts', 'cases', 'deliveries', 'recipients', 'audit'];
  const counts = names.map((name) => house.rows<{ many: number }>(`select count(*) as many from ${name}`)[0]?.many);
  return names.map((name, at) => `${name} ${counts[at]}`).join(', ');
}
