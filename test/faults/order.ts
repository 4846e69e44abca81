import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chanceOf } from '../support/chance.ts';
import { type Experiment, nothingYet, type Outcome } from './experiment.ts';
import { traced, untraceable } from './machine.ts';
import { openRig, type Rig, reports } from './rig.ts';
import { streamOf } from './stream.ts';

/** F2: what is written of a mail is on the disk before it is answered. That it was killed shows nothing of that: the kernel keeps what it has. */
export const order: Experiment = {
  name: 'F2',
  title: 'the order of system calls, from the end of DATA to the 250',
  rounds: 100,
  short: 1,
  controls: [{ variant: 'no-fsync', rounds: 3 }],
  absent: untraceable,
  open: async (folder) => {
    const rig = await openRig();
    await rig.house.start();
    return { round: (seed) => round(rig, join(folder, 'calls'), seed), close: rig.close };
  },
};

/** At the same time: what is ready together has one commit. */
const CLIENTS = 4;
/** Of each. */
const MAILS = 3;

async function round({ house }: Rig, file: string, seed: number): Promise<Outcome> {
  const calls = 'trace=read,recvfrom,write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync';
  const end = await traced(house.pid, '-yy', '-s', '40', '-e', calls, '-o', file);
  const chance = chanceOf(seed);
  const clients = Array.from({ length: CLIENTS }, () => streamOf(house.smtpPort, MAILS, reports(house, chance)));
  await Promise.all(clients.map(({ ended }) => ended));
  await end();
  const taken = answers(readFileSync(file, 'utf8'), house.smtpPort);
  const acknowledged = clients.reduce((sum, one) => sum + one.acknowledged.length, 0);
  if (acknowledged < CLIENTS * MAILS || taken.length !== acknowledged)
    throw new Error(`${acknowledged} mails were taken, and ${taken.length} answers seen`);
  const faults = taken.flatMap(({ written, synced }) => {
    if (written === 0) return ['a mail was answered with 250, and nothing was written to the log of the database'];
    return synced ? [] : ['a mail was answered with 250 before what was written of it was on the disk'];
  });
  return { ...nothingYet(), acknowledged: taken.length, faults };
}

interface Answer {
  /** Pages and frames since the end of DATA. */
  written: number;
  /** After the last of them an fsync of the same file has succeeded. */
  synced: boolean;
}

/** Of what strace wrote: each 250 that took a mail, and what was done to the database since the last octets of its client. */
function answers(calls: string, port: number): Answer[] {
  const found: Answer[] = [];
  const unfinished = new Map<string, string>();
  /** By the port of the client. */
  const since = new Map<string, Answer>();
  const connection = new RegExp(`TCP:\\[127\\.0\\.0\\.1:${port}->127\\.0\\.0\\.1:(\\d+)\\]`);
  for (const line of calls.split('\n')) {
    const [, thread = '', call = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    // What another thread interrupted counts when it is resumed.
    if (call.endsWith('<unfinished ...>')) {
      unfinished.set(thread, call.replace(/ *<unfinished \.\.\.>$/, ''));
      continue;
    }
    const whole = call.replace(/^<\.\.\. \w+ resumed>/, () => unfinished.get(thread) ?? '');
    const client = connection.exec(whole)?.[1];
    if (client && /^(read|recvfrom)\(/.test(whole) && / = [1-9]\d*$/.test(whole)) since.set(client, { written: 0, synced: true });
    else if (/^pwrite64\(\d+<[^>]*curfew\.db-wal>/.test(whole))
      for (const [one, { written }] of since) since.set(one, { written: written + 1, synced: false });
    else if (/^f(data)?sync\(\d+<[^>]*curfew\.db-wal>\)\s+= 0$/.test(whole))
      for (const [one, { written }] of since) since.set(one, { written, synced: true });
    else if (client && /^(write|writev|sendto|sendmsg)\(.*250 2\.0\.0 Accepted/.test(whole))
      found.push(since.get(client) ?? { written: 0, synced: false });
  }
  return found;
}
