import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SECOND } from '../../src/clock.ts';
import { sha256 } from '../../src/embargo/bundle.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import type { DeliveryState } from '../../src/store/schema.ts';
import { messageIdOf } from '../stories/embargo.ts';
import { type Chance, chanceOf } from '../support/chance.ts';
import { clearMail } from '../support/compose.ts';
import { LISTS } from '../support/house.ts';
import { contactOf, memberOf } from '../support/instance.ts';
import { makeParty } from '../support/party.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { type Experiment, nothingYet, type Outcome, type Setup } from './experiment.ts';
import { halted, type Nodes, openOne, openTwo, withoutPostgres } from './nodes.ts';
import { stream } from './stream.ts';

/** Seconds, so that a round is short: a lease is a minute unless told. */
const LEASE = 3;
/** Of each lane, at the relay. */
const CONNECTIONS = 2;
/** Milliseconds that the relay takes for each copy. */
const SLOW = 150;
const READERS = Array.from({ length: 12 }, (_, of) => `t${of}@team.example`);
/** Of a round in which nobody is stopped, to each process. */
const MAILS = 2;
/** Milliseconds in which each process has looked for what is due: it does so every two seconds. */
const LOOKED = 3 * SECOND;

/**
 * F5. A process stands still in the middle of its copies for longer than it has them for, and goes on; where there are two, the other one takes
 * them meanwhile, and in every second round none stands still and both begin with the same. Each copy has one sender: what came twice is no more than
 * what was between the process and the relay when it was stopped.
 */
const soleSender = { rounds: 100, short: 1, controls: [{ variant: 'no-lease', rounds: 2 }] };

export const stopped: Experiment = {
  ...soleSender,
  name: 'F5',
  title: 'SIGSTOP for longer than a lease, then CONT',
  absent: () => null,
  open: () => opened(openOne),
};

export const twoSenders: Experiment = {
  ...soleSender,
  name: 'F5-two',
  title: 'two processes on one database, one of them stopped',
  controls: [...soleSender.controls, { variant: 'leased-twice', rounds: 2 }],
  absent: withoutPostgres,
  open: () => opened(openTwo),
};

interface Stage extends Nodes {
  sink: Sink;
  db: Database;
}

async function opened(open: typeof openOne): Promise<Setup> {
  const sink = await startSink({ onMailFrom: (_address, _session, callback) => void setTimeout(callback, SLOW) });
  const roster = [memberOf(LISTS.security, ...(await Promise.all(READERS.map(async (of) => contactOf(await makeParty(of))))))];
  const options = { delivery: { lease: LEASE }, relay: { connections: CONNECTIONS } };
  const nodes = await open({ relay: sink, roster, options });
  const db = openDatabase(nodes.database ?? { sqlite: join(nodes.all[0].dir, 'data', 'curfew.db') });
  const stage = { ...nodes, sink, db };
  return {
    round: (seed) => round(stage, seed),
    async close() {
      await db.destroy();
      await nodes.close();
      await sink.close();
    },
  };
}

async function round(stage: Stage, seed: number): Promise<Outcome> {
  const chance = chanceOf(seed);
  stage.sink.mails.length = 0;
  const stops = stage.all.length === 1 || seed % 2 === 1;
  const digests = await (stops ? oneStopped(stage, seed, chance) : bothAtWork(stage, seed));
  await settled(stage);
  return judged(stage, digests, stops ? CONNECTIONS : 0);
}

/** Gives the SHA-256 of each mail that was answered with 250. */
async function oneStopped({ all: [house], sink }: Stage, seed: number, chance: Chance): Promise<string[]> {
  const mail = report(seed, 0);
  const reply = await house.send(mail.from, LISTS.security, mail.raw);
  if (!reply.startsWith('250')) throw new Error(`a report was answered with ${reply}`);
  await sink.waitFor(1 + Math.floor(chance() * (READERS.length - 2 * CONNECTIONS)));
  const goOn = halted(house);
  await pause(LEASE * SECOND + (0.2 + 2.5 * chance()) * SECOND);
  goOn();
  return [sha256(mail.raw)];
}

/** What the relay has put off is due for both at once: both are to lease the same copies, and wait for them until they are let go. */
async function bothAtWork({ all, db, sink }: Stage, seed: number): Promise<string[]> {
  sink.atData = () => ({ code: 451, text: '4.3.0 later' });
  const streams = all.map((node, of) => {
    let mails = 0;
    const client = stream(node.smtpPort, async () => {
      if (++mails === MAILS) client.stop();
      const { from, raw } = report(seed, of * MAILS + mails);
      return { from, to: [LISTS.security], raw };
    });
    return client;
  });
  await Promise.all(streams.map(({ ended }) => ended));
  while (await isOpen(db, ['queued', 'leased'])) await pause(100);
  sink.atData = () => 'accept';
  await db.updateTable('deliveries').set({ due_at: 0 }).where('state', '=', 'deferred').execute();
  await db.transaction().execute(async (trx) => {
    await trx.selectFrom('deliveries').select('id').where('state', '=', 'deferred').forUpdate().execute();
    await pause(LOOKED);
  });
  return streams.flatMap(({ acknowledged }) => acknowledged.map(({ digest }) => digest));
}

function report(seed: number, number: number): { from: string; raw: Buffer } {
  const from = { address: `s${seed}.${number}@research.example`, name: 'S' };
  return { from: from.address, raw: clearMail({ from, to: LISTS.security, subject: `Hole ${number}`, text: `Of ${seed}.\n` }) };
}

/** Until no copy waits, and nothing came for a second: whoever was stopped may have more in hand than the database says. */
async function settled({ db, sink }: Stage): Promise<void> {
  for (let glances = 0; await isOpen(db, ['queued', 'leased', 'deferred']); glances++) {
    if (glances > 600) throw new Error('copies are left that nobody sends');
    await pause(100);
  }
  for (let had = -1; had < sink.mails.length; await pause(SECOND)) had = sink.mails.length;
}

async function isOpen(db: Database, states: readonly DeliveryState[]): Promise<boolean> {
  return (await db.selectFrom('deliveries').select('id').where('state', 'in', states).limit(1).executeTakeFirst()) !== undefined;
}

/** What came of each copy of their cases. `twice`: how many may have come a second time. */
async function judged({ db, sink }: Stage, digests: readonly string[], twice: number): Promise<Outcome> {
  const outcome = { ...nothingYet(), acknowledged: digests.length };
  const posts = await db.selectFrom('posts').select(['digest', 'case_id']).where('digest', 'in', digests).execute();
  if (posts.length !== digests.length) outcome.faults.push(`${digests.length} mails were taken, and ${posts.length} are there`);
  const cases = posts.flatMap(({ case_id }) => case_id ?? []);
  const copies = await db.selectFrom('all_deliveries').select(['message_id', 'state']).where('case_id', 'in', cases).execute();
  if (copies.length < digests.length * READERS.length) outcome.faults.push(`there are ${copies.length} copies`);
  const came = new Map<string, number>();
  for (const id of sink.mails.map(messageIdOf)) came.set(id, (came.get(id) ?? 0) + 1);
  for (const { message_id, state } of copies) {
    const times = came.get(message_id) ?? 0;
    if (times === 0 || state !== 'delivered') {
      outcome.lost += 1;
      outcome.faults.push(`a copy came ${times} times, and is ${state}`);
    }
    outcome.duplicates += Math.max(0, times - 1);
    if (times > 2) outcome.faults.push(`a copy came ${times} times`);
  }
  if (outcome.duplicates > twice) outcome.faults.push(`${outcome.duplicates} copies came twice, and ${twice} may have`);
  return { ...outcome, seen: { copies: copies.length } };
}
