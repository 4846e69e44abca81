import { cpSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chanceOf } from '../support/chance.ts';
import { type Experiment, nothingYet, type Outcome } from './experiment.ts';
import { mounted, traced, unmountable, untraceable } from './machine.ts';
import { integrity, missing, openRig, type Rig, reports, rounds } from './rig.ts';
import { type Acknowledged, type Stream, stream } from './stream.ts';

/** Syncs of the thread that writes, while it takes a mail and sends its copies: it failed at each of them. */
const SYNCS = 16;

/**
 * F4: the disk is full, and fsync fails. A third of the rounds fills the disk, a third has one fsync fail, the n-th for every n, and a
 * third that one and all after it.
 */
export const storage: Experiment = {
  name: 'F4',
  title: 'the disk is full; fsync fails, at the n-th call for every n',
  rounds: 3 * SYNCS * 4,
  short: 1,
  controls: [{ variant: 'storage-faults-ignored', rounds: 12 }],
  absent: () => unmountable() ?? untraceable(),
  open: async () => {
    // What is left free on the disk by intent is nothing of what is tried here.
    const rig = await openRig({ options: { smtp: { limits: { reserve: 0 } } } });
    const data = join(rig.house.dir, 'data');
    const unmount = mounted(data, '-t', 'tmpfs', '-o', 'size=96m', 'none');
    cpSync(rig.first, data, { recursive: true });
    await rig.house.start();
    return {
      round: rounds(rig, (seed, known) => round(rig, seed, known)),
      async close() {
        await rig.house.kill();
        await unmount();
        await rig.close();
      },
    };
  },
};

async function round(rig: Rig, seed: number, known: Acknowledged[]): Promise<Outcome> {
  const { house, sink } = rig;
  sink.mails.length = 0;
  const [kind, turn] = [seed % 3, Math.floor(seed / 3)];
  const during =
    kind === 0 ? await full(rig, seed) : await failing(rig, seed, `when=${1 + (turn % SYNCS)}${kind === 2 ? '+' : ''}`);
  const faults: string[] = [];
  // There is room again, and what it is written to works: so does Curfew, and nobody has to start it again.
  const after = oneMail(rig, seed);
  await after.ended;
  if (after.acknowledged.length === 0)
    faults.push(`afterwards a mail was not taken: ${[...after.refused.keys()].join(', ') || 'no answer'}`);
  const forGood = [...during.refused.keys()].filter((code) => code.startsWith('5'));
  if (forGood.length > 0) faults.push(`a mail was refused for good: ${forGood.join(', ')}`);
  const acknowledged = [...during.acknowledged, ...after.acknowledged];
  known.push(...acknowledged);
  await house.kill();
  const lost = missing(house, known);
  faults.push(...lost, ...integrity(house));
  await house.start();
  const deferred = [...during.refused.values()].reduce((sum, times) => sum + times, 0);
  const [name] = [['disk full', 'one fsync failed', 'all fsyncs failed'][kind] ?? ''];
  const seen = { [`${name}: rounds`]: 1, [`${name}: refused for now`]: deferred };
  return { ...nothingYet(), acknowledged: acknowledged.length, lost: lost.length, faults, seen };
}

/** One mail, over a connection of its own. */
function oneMail({ house }: Rig, seed: number): Stream {
  const next = reports(house, chanceOf(seed));
  const client: Stream = stream(house.smtpPort, () => {
    client.stop();
    return next();
  });
  return client;
}

/** Fills the disk but for a little, and has mail come until a mail is refused. */
async function full(rig: Rig, seed: number): Promise<Stream> {
  const { house } = rig;
  const chance = chanceOf(seed);
  const data = join(house.dir, 'data');
  const filler = join(data, 'filler');
  const { bavail, bsize } = statfsSync(data);
  writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - Math.floor(chance() * 300_000))));
  const next = reports(house, chance);
  const client: Stream = stream(house.smtpPort, () => {
    if (client.refused.size > 0) client.stop();
    return next();
  });
  await client.ended;
  rmSync(filler);
  return client;
}

/** `when`: of each thread's calls, as strace counts them. */
async function failing(rig: Rig, seed: number, when: string): Promise<Stream> {
  const calls = '/^f(data)?sync$';
  const end = await traced(rig.house.pid, '-o', '/dev/null', '-e', `trace=${calls}`, '-e', `inject=${calls}:error=EIO:${when}`);
  const client = oneMail(rig, seed);
  await client.ended;
  await end();
  return client;
}
