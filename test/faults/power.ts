import { copyFileSync, cpSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { chanceOf } from '../support/chance.ts';
import { run } from '../support/process.ts';
import { type Experiment, nothingYet, type Outcome } from './experiment.ts';
import { command, mounted, unmountable } from './machine.ts';
import { openRig, type Rig, rounds, sentAgain, streamIn } from './rig.ts';
import type { Acknowledged } from './stream.ts';

const MEGABYTES = 64;
const LONGEST = 1000;

/**
 * F2: the power goes. The database lies on a filesystem in a file: what nobody synced is in the memory of the kernel and not in that file,
 * so a copy of the file at that instant is what a disk would hold. The filesystem writes by itself after five minutes at the earliest.
 */
export const power: Experiment = {
  name: 'F2-power',
  title: 'the power goes while 4 clients stream mail in',
  rounds: 500,
  short: 0,
  controls: [{ variant: 'no-fsync', rounds: 5 }],
  absent: unmountable,
  open: async (folder) => {
    // The disk is small.
    const rig = await openRig({ options: { smtp: { limits: { reserve: 0 } } } });
    // In memory, so that a round takes no longer than what is tried.
    const ram = join(folder, 'ram');
    mkdirSync(ram);
    const unmountRam = mounted(ram, '-t', 'tmpfs', '-o', `size=${4 * MEGABYTES}m`, 'none');
    const [disk, copy, aside] = [join(ram, 'disk'), join(ram, 'copy'), join(folder, 'aside')];
    command('truncate', '-s', `${MEGABYTES}M`, disk);
    command('mkfs.ext4', '-q', disk);
    mkdirSync(aside);
    const data = join(rig.house.dir, 'data');
    const unmount = mounted(data, '-o', 'loop,commit=300', disk);
    cpSync(rig.first, data, { recursive: true });
    command('sync', '-f', data);
    await rig.house.start();
    const places = { disk, copy, aside };
    const synced = () => command('sync', '-f', data);
    return {
      round: rounds(rig, (seed, known) => round(rig, places, seed, known), synced),
      async close() {
        await rig.house.kill();
        await unmount();
        await unmountRam();
        await rig.close();
      },
    };
  },
};

interface Places {
  disk: string;
  /** Of the disk, as it was at that instant. */
  copy: string;
  /** Where the copy is mounted. */
  aside: string;
}

async function round({ house, sink }: Rig, at: Places, seed: number, known: Acknowledged[]): Promise<Outcome> {
  const chance = chanceOf(seed);
  sink.mails.length = 0;
  const { streams, answered } = streamIn(house, chance);
  await answered;
  await pause(chance() * LONGEST);
  await house.kill();
  const tries = copied(at);
  await Promise.all(streams.map(({ ended }) => ended));
  const acknowledged = streams.flatMap((one) => one.acknowledged);
  known.push(...acknowledged);
  const mount = await whatIsThere(at);
  const lost = known.filter(({ digest }) => !mount.digests.has(digest));
  const faults = [
    ...mount.faults,
    ...lost.map(({ digest }) => `the mail ${digest.slice(0, 12)} had its 250, and is not on the disk`),
  ];
  await house.start();
  const again = await sentAgain(
    house,
    chance,
    streams.flatMap((one) => one.unanswered ?? []),
  );
  known.push(...again.acknowledged);
  faults.push(...again.faults);
  return {
    ...nothingYet(),
    acknowledged: acknowledged.length,
    lost: lost.length,
    faults,
    seen: { 'copies made anew': tries - 1 },
  };
}

/** A process that is killed syncs nothing, so that instant lasts: what it had not synced stays in memory. Again where the disk was written to meanwhile. */
function copied({ disk, copy }: Places): number {
  for (let tries = 1; ; tries++) {
    const { mtimeNs } = statSync(disk, { bigint: true });
    copyFileSync(disk, copy);
    if (statSync(disk, { bigint: true }).mtimeNs === mtimeNs) return tries;
    if (tries > 200) throw new Error('the disk never stood still');
  }
}

/** As after a start of the machine: the journal of the filesystem is replayed, then that of the database. */
async function whatIsThere({ copy, aside }: Places): Promise<{ digests: Set<string>; faults: string[] }> {
  const faults: string[] = [];
  const checked = await run('e2fsck', ['-p', copy]);
  // 1: it replayed the journal, or mended what a power loss leaves.
  if ((checked.code ?? 8) > 1) faults.push(`e2fsck ended with ${checked.code}: the copy is no filesystem`);
  const unmount = mounted(aside, '-o', 'loop', copy);
  try {
    const db = new Sqlite(join(aside, 'curfew.db'));
    try {
      const told = (db.pragma('integrity_check') as { integrity_check: string }[]).map(({ integrity_check: line }) => line);
      faults.push(...told.filter((line) => line !== 'ok').map((line) => `integrity_check: ${line}`));
      const rows = db.prepare('select digest from posts').all() as { digest: string }[];
      return { digests: new Set(rows.map(({ digest }) => digest)), faults };
    } finally {
      db.close();
    }
  } catch (error) {
    return {
      digests: new Set(),
      faults: [...faults, `the database does not open: ${error instanceof Error ? error.message : ''}`],
    };
  } finally {
    await unmount();
  }
}
