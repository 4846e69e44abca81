import { appendFileSync, cpSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Instant, MINUTE, SECOND, systemClock } from '../../src/clock.ts';
import { arm, openCase } from '../stories/embargo.ts';
import { chanceOf } from '../support/chance.ts';
import { LISTS } from '../support/house.ts';
import { TEAM } from '../support/instance.ts';
import { arrivals } from './arrivals.ts';
import { type Experiment, nothingYet, type Outcome, PATIENCE } from './experiment.ts';
import { mounted, traced, unmountable, untraceable } from './machine.ts';
import { integrity, missing, openRig, type Rig, reports, rounds } from './rig.ts';
import { type Acknowledged, type Outgoing, type Stream, stream, streamOf } from './stream.ts';

/**
 * Syncs of the database while it takes a mail and sends its copies: 4 to 8 were counted, as the copies were settled together or one by one.
 * Where a mail is over before its n-th, the next one has it.
 */
const SYNCS = 8;
/** So many mails have the n-th sync for certain. */
const MAILS = 4;
/**
 * Seconds, so that a round is short: what could not be settled goes out again when its lease ends, and that is a minute unless told. Longer
 * than what it is stored on fails in a round: else it would go out a third time.
 */
const LEASE = 8;
/** Who reads what is public. */
const READER = 'reader@home.example';

/** What a mail is answered that cannot be stored. */
const NOT_STORED = '452 4.3.1';

/**
 * F4: the disk is full, and fsync fails. A third of the rounds fills the disk, a third has one fsync fail, the n-th for every n, and a
 * third that one and all after it. What was acknowledged is there afterwards, and has gone to the team without a restart; and a case that was due
 * meanwhile, or is soon after, is released.
 */
export const storage: Experiment = {
  name: 'F4',
  title: 'the disk is full; fsync fails, at the n-th call for every n',
  rounds: 3 * SYNCS * 4,
  short: 1,
  controls: [
    { variant: 'storage-faults-ignored', rounds: 12 },
    { variant: 'stops-at-fault', rounds: 24 },
    { variant: 'releases-end-at-fault', rounds: 6 },
  ],
  absent: () => unmountable() ?? untraceable(),
  open: async (folder) => {
    // What is left free on the disk by intent is nothing of what is tried here.
    const rig = await openRig({ options: { smtp: { limits: { reserve: 0 } }, delivery: { lease: LEASE } } });
    const data = join(rig.house.dir, 'data');
    await rig.house.start();
    await rig.house.publish(READER);
    for (const person of TEAM) await rig.house.token(person);
    await rig.house.stop();
    cpSync(data, rig.first, { recursive: true });
    const unmount = mounted(data, '-t', 'tmpfs', '-o', 'size=96m', 'none');
    cpSync(rig.first, data, { recursive: true });
    await rig.house.start();
    return {
      round: rounds(rig, (seed, known) => round(rig, join(folder, 'calls'), seed, known)),
      async close() {
        await rig.house.kill();
        await unmount();
        await rig.close();
      },
    };
  },
};

async function round(rig: Rig, calls: string, seed: number, known: Acknowledged[]): Promise<Outcome> {
  const { house, sink } = rig;
  sink.mails.length = 0;
  const [kind, turn] = [seed % 3, Math.floor(seed / 3)];
  const nth = 1 + (turn % SYNCS);
  const due = await comingRelease(rig, seed);
  await due.near();
  const during = kind === 0 ? [await full(rig, seed, due)] : await failing(rig, calls, seed, nth, kind === 2 ? due : null);
  const faults: string[] = [];
  // There is room again, and what it is written to works: so does Curfew, and nobody has to start it again.
  const after = streamOf(house.smtpPort, 1, mailsOf(rig, seed));
  await after.ended;
  if (after.acknowledged.length === 0)
    faults.push(`afterwards a mail was not taken: ${[...after.refused.keys()].join(', ') || 'no answer'}`);
  const refused = during.flatMap((one) => [...one.refused]);
  const otherwise = refused.map(([code]) => code).filter((code) => code !== NOT_STORED);
  if (otherwise.length > 0) faults.push(`a mail was refused with ${otherwise.join(', ')}`);
  if (during.some((one) => one.acknowledged.length + one.refused.size === 0)) faults.push('a mail was not answered');
  const acknowledged = [...during, after].flatMap((one) => one.acknowledged);
  known.push(...acknowledged);
  const isReleased = await due.released();
  if (!isReleased) faults.push('a case that was due is not released');
  const sent = await copiesOf(rig, acknowledged);
  faults.push(...sent.faults);
  const published = isReleased ? await arrivals(rig, due.id, [READER]) : { lost: 1, duplicates: 0, faults: [] };
  const early = sink.mails.filter(({ to, at }) => to.join() === READER && at < due.at).length;
  if (early > 0) published.faults.push(`${early} copies for the public came before the instant`);
  faults.push(...published.faults);
  await house.kill();
  const lost = missing(house, known);
  faults.push(...lost, ...integrity(house));
  await house.start();
  if (kind === 0 && refused.length === 0 && lost.length === 0) throw new Error('the disk was full, and every mail was stored');
  const deferred = refused.reduce((sum, [, times]) => sum + times, 0);
  const name = ['disk full', 'one fsync failed', 'all fsyncs failed'][kind] ?? '';
  const seen = {
    [`${name}: rounds`]: 1,
    [`${name}: refused for now`]: deferred,
    [`${name}: releases that failed meanwhile`]: due.hasFailed() ? 1 : 0,
  };
  return {
    ...nothingYet(),
    acknowledged: acknowledged.length,
    lost: lost.length + sent.lost + published.lost,
    early,
    duplicates: sent.duplicates + published.duplicates,
    faults,
    seen,
  };
}

interface Coming {
  id: string;
  at: Instant;
  /** Resolves when its instant is near. */
  near(): Promise<void>;
  /** Whether it was tried and did not happen. */
  hasFailed(): boolean;
  /** Resolves when it has failed, or could have. */
  tried(): Promise<void>;
  /** Whether it is released, as soon as it is, or when it is late. */
  released(): Promise<boolean>;
}

/** In that time a case is armed. */
const AHEAD = 6 * SECOND;
/** So long before its instant what it is stored on begins to fail. */
const BEFORE = 1.5 * SECOND;
/** A release is tried each second. */
const TRIED = 2 * SECOND;

/** A case that is armed. */
async function comingRelease({ house }: Rig, seed: number): Promise<Coming> {
  const id = await openCase(house, {}, `due${seed}@research.example`);
  const [at, said] = [systemClock.now() + AHEAD, house.said().length];
  await arm(house, id, { releaseAt: at });
  const hasFailed = () => house.said().includes('a release that is due did not happen', said);
  const isReleased = () => house.rows('select id from cases where id = ? and state = ?', id, 'released').length > 0;
  return {
    id,
    at,
    near: () => pause(Math.max(0, at - BEFORE - systemClock.now())),
    hasFailed,
    async tried() {
      while (!hasFailed() && systemClock.now() < at + TRIED) await pause(100);
    },
    async released() {
      const late = Math.max(at, systemClock.now()) + PATIENCE;
      while (!isReleased() && systemClock.now() < late) await pause(100);
      return isReleased();
    },
  };
}

/** A copy that could not be made ready, or settled, is tried again within this time at most. */
const SOON = 5 * MINUTE;

interface Waiting {
  state: string;
  reason: string | null;
  due_at: Instant;
}

/** What came of each mail at the relay, when whatever was put off has been tried again. */
async function copiesOf(rig: Rig, acknowledged: readonly Acknowledged[]) {
  const { house } = rig;
  const of = { lost: 0, duplicates: 0, faults: [] as string[] };
  const open = () =>
    house.rows<Waiting>("select state, reason, due_at from deliveries where state not in ('delivered', 'failed')");
  const until = systemClock.now() + PATIENCE;
  while (open().length > 0) {
    const late = open().find(({ due_at }) => due_at > systemClock.now() + SOON);
    if (late) of.faults.push(`a copy is ${late.state} (${late.reason}) for longer than ${SOON / MINUTE} minutes`);
    if (systemClock.now() > until) of.faults.push(`copies are not sent any more: ${JSON.stringify(open()).slice(0, 200)}`);
    if (of.faults.length > 0) return { ...of, lost: 1 };
    house.makeDue();
    await pause(1000);
  }
  for (const { digest } of acknowledged)
    for (const { case_id } of house.rows<{ case_id: string }>('select case_id from posts where digest = ?', digest)) {
      const { lost, duplicates, faults } = await arrivals(rig, case_id, TEAM);
      of.lost += lost;
      of.duplicates += duplicates;
      of.faults.push(...faults);
    }
  return of;
}

/** To the list alone: one that names others too is asked to send again for them, and that is no fault. */
function mailsOf({ house }: Rig, seed: number): () => Promise<Outgoing> {
  const next = reports(house, chanceOf(seed));
  return async () => ({ ...(await next()), to: [LISTS.security] });
}

/** More mails than there is room for. */
const MOST_FIT = 100;

/** Fills the disk but for a little, and has mail come until a mail is refused; then fills it whole until the release was tried. */
async function full(rig: Rig, seed: number, due: Coming): Promise<Stream> {
  const { house } = rig;
  const data = join(house.dir, 'data');
  const filler = join(data, 'filler');
  const { bavail, bsize } = statfsSync(data);
  writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - Math.floor(chanceOf(seed)() * 300_000))));
  const next = mailsOf(rig, seed);
  const client: Stream = stream(house.smtpPort, () => {
    if (client.refused.size > 0 || client.acknowledged.length > MOST_FIT) client.stop();
    return next();
  });
  await client.ended;
  const left = statfsSync(data);
  appendFileSync(filler, Buffer.alloc(left.bavail * left.bsize));
  await due.tried();
  rmSync(filler);
  return client;
}

/** The n-th sync of the database fails, be it of what takes a mail or of what sends its copies; or that one and all after it until `due` was tried. */
async function failing(rig: Rig, calls: string, seed: number, nth: number, due: Coming | null): Promise<Stream[]> {
  const syncs = '/^f(data)?sync$';
  const inject = `inject=${syncs}:error=EIO:when=${nth}${due ? '+' : ''}`;
  const end = await traced(rig.house.pid, '-y', '-o', calls, '-e', `trace=${syncs}`, '-e', inject);
  const clients: Stream[] = [];
  while (clients.length < MAILS && !hasFailed(calls)) {
    const client = streamOf(rig.house.smtpPort, 1, mailsOf(rig, seed + clients.length * 1_000_000));
    clients.push(client);
    await client.ended;
    for (let glances = 0; glances < COPIES_TAKE && !hasFailed(calls); glances++) await pause(100);
  }
  await due?.tried();
  await end();
  if (!hasFailed(calls)) throw new Error(`no fsync of the database was made to fail, in ${MAILS} mails`);
  return clients;
}

/** Tenths of a second in which the copies of a mail are out. */
const COPIES_TAKE = 20;

/** A sync of the database itself, not of the note of its end beside it. */
function hasFailed(calls: string): boolean {
  return /sync\(\d+<[^>]*curfew\.db(-wal)?>\).*\(INJECTED\)/.test(readFileSync(calls, 'utf8'));
}
