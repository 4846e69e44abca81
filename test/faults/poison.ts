import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import { clearMail } from '../support/compose.ts';
import { LISTS } from '../support/house.ts';
import { type Instance, openInstance, TEAM } from '../support/instance.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { type Experiment, nothingYet, type Outcome, PATIENCE } from './experiment.ts';
import { type Change, makeVariant } from './variants.ts';

/** A word at which the process ends, in the place of a fault that nobody knows yet. */
const POISON = 'x-poison';
const DEADLY: Change = {
  file: 'src/pgp/worker.js',
  find: 'function open({ port, ...request }) {',
  replace: `function open({ port, ...request }) { if (Buffer.from(request.raw).includes('${POISON}')) process.kill(process.pid, 'SIGKILL');`,
};

const GOOD = 100;
/** Where a short round is played. */
const FEW = 10;
/** How many are handed in at a time. */
const AT_ONCE = 4;
/** It ends so many processes, and is put aside then. */
const LIVES = 3;

/**
 * F14. A hundred good mails and one that ends the process whenever it is opened, all handed in again until they are taken, as a mail server
 * does, while somebody starts the process again: the hundred are distributed, and the one is put aside.
 */
export const poison: Experiment = {
  name: 'F14',
  title: 'one poison mail among 100 good',
  rounds: 10,
  short: 1,
  controls: [
    { variant: 'uncounted', rounds: 1 },
    { variant: 'refused-for-good', rounds: 1 },
  ],
  absent: () => null,
  open: async (folder, short) => {
    makeVariant(join(folder, 'deadly'), [DEADLY]);
    const program = join(folder, 'deadly', 'dist', 'src', 'cli', 'curfew.js');
    const sink = await startSink();
    const house = await openInstance({ relay: sink });
    await house.stop();
    const start = () => house.start({ program });
    await start();
    return {
      round: (seed) => round({ house, sink, start, good: short ? FEW : GOOD }, seed),
      async close() {
        await house.close();
        await sink.close();
      },
    };
  },
};

interface Stage {
  house: Instance;
  sink: Sink;
  start(): Promise<void>;
  /** Mails beside the one. */
  good: number;
}

async function round({ house, sink, start, good }: Stage, seed: number): Promise<Outcome> {
  const outcome = nothingYet();
  const fault = (what: string) => outcome.faults.push(what);
  sink.mails.length = 0;
  const before = rowsOf(house);
  const queue = Array.from({ length: good + 1 }, (_, at) => mailOf(seed, at, at === seed % (good + 1)));
  let lives = 0;
  let lately = systemClock.now();
  let starting: Promise<void> | null = null;
  const alive = async () => {
    if (lives > LIVES + 3) throw new NotTaken(`after ${lives} starts ${queue.length} mails are not taken`);
    lives += 1;
    await start();
    starting = null;
    lately = systemClock.now();
  };
  const hands = Array.from({ length: AT_ONCE }, async () => {
    for (let mail = queue.shift(); mail; mail = queue.shift()) {
      const reply = await house.send(mail.from, LISTS.security, mail.raw).catch(() => null);
      if (reply?.startsWith('2')) {
        outcome.acknowledged += 1;
        lately = systemClock.now();
      } else if (reply?.startsWith('5')) fault(`a mail was refused for good: ${reply}`);
      else {
        queue.push(mail);
        if (reply === null) starting ??= house.kill().then(alive);
        else if (systemClock.now() - lately > PATIENCE)
          throw new NotTaken(`${queue.length} mails are put off again and again: ${reply}`);
        await (starting ?? systemClock.sleep(100));
      }
    }
  });
  const ended = await Promise.all(hands).catch((error: unknown) => error);
  if (ended instanceof NotTaken) return { ...outcome, lost: queue.length, faults: [...outcome.faults, ended.message] };
  if (ended instanceof Error) throw ended;
  await house.settled(PATIENCE);
  const after = rowsOf(house);
  const reports = after.reports - before.reports;
  const aside = after.aside - before.aside;
  outcome.lost = good - reports;
  if (reports !== good) fault(`${reports} of ${good} good mails opened a case`);
  if (aside !== 1) fault(`${aside} mails were put aside`);
  if (lives !== LIVES) fault(`the process was ended ${lives} times`);
  for (const person of TEAM) {
    const copies = sink.mails.filter(({ to }) => to.includes(person)).length;
    if (copies < good + 1) fault(`somebody of the team has ${copies} copies of ${good + 1}`);
  }
  return { ...outcome, seen: { starts: lives } };
}

/** What is handed in again, however often. */
class NotTaken extends Error {}

function mailOf(seed: number, at: number, isPoison: boolean) {
  const from = { address: `s${seed}.${at}@research.example`, name: 'S' };
  const headers = isPoison ? [`${POISON}: yes`] : [];
  return {
    from: from.address,
    raw: clearMail({ from, to: LISTS.security, subject: `Hole ${at}`, text: `Number ${at} of ${seed}.\n`, headers }),
  };
}

function rowsOf({ rows }: Instance): { reports: number; aside: number } {
  const count = (where: string) => rows<{ many: number }>(`select count(*) as many from posts where ${where}`)[0]?.many ?? 0;
  return { reports: count(`kind = 'report'`), aside: count(`hold_reason = 'poison'`) };
}
