import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DAY, HOUR, type Instant, SECOND, systemClock } from '../../src/clock.ts';
import { arm, counted, dispatch, messageIdOf, openCase } from '../stories/embargo.ts';
import { chanceOf } from '../support/chance.ts';
import { type Instance, openInstance, TEAM } from '../support/instance.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { type Experiment, nothingYet, type Outcome, PATIENCE } from './experiment.ts';
import { becomes, doneBefore, inTime } from './in-time.ts';
import { enrolReaders, PUBLIC } from './readers.ts';

/** libfaketime of Debian and Ubuntu, for programs with threads. */
const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';

/** By how much the date is set wrong. */
const JUMPS = [SECOND, -SECOND, HOUR, -HOUR, 400 * DAY, -30 * DAY];
/** What the clocks may differ by without a doubt (docs/clock.md). */
const AGREE = 30 * SECOND;
const CELLS = ['while it runs', 'while it is stopped', 'while it is dead'].flatMap((when) =>
  JUMPS.map((jump) => ({ when, jump })),
);

/** The instant is so far ahead at first: time to arm it, to set the date and to start again. */
const AHEAD = 7 * SECOND;
/** So long before the instant it is up, with that date. */
const READY = 2 * SECOND;

/**
 * F8, with a process whose date somebody sets (libfaketime; the monotonic clock is left alone) shortly before a release. By the true clock
 * nothing is public before its instant, nothing at all while the clock is in doubt, and all of it once when an admin has said what time it is.
 */
export const wrongDate: Experiment = {
  name: 'F8',
  title: 'the date is set, of a process and at its restart',
  rounds: CELLS.length * 5,
  short: 0,
  controls: [
    { variant: 'clock-believed', rounds: CELLS.length },
    { variant: 'later-of-clocks', rounds: 2 },
    { variant: 'no-gate', rounds: 2 },
  ],
  absent: () => (existsSync(LIBRARY) ? null : `there is no ${LIBRARY}`),
  open: async (folder) => {
    const sink = await startSink();
    const file = join(folder, 'date');
    const setDate = (ms: number) => writeFileSync(file, `${ms < 0 ? '-' : '+'}${Math.abs(ms) / SECOND}`);
    setDate(0);
    const env = {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    };
    const house = await openInstance({ relay: sink });
    await house.stop();
    const start = () => house.start({ env });
    await start();
    await enrolReaders(house);
    const named = ['--name', 'clock', '--role', 'admin', '--person', TEAM[0], '--json'];
    const { token } = JSON.parse((await house.curfew('token', 'create', ...named)).stdout) as { token: string };
    return {
      round: (seed) => round({ house, sink, start, setDate, token }, seed),
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
  /** With that date. */
  start(): Promise<void>;
  /** Milliseconds that the server's clock is ahead. */
  setDate(ms: number): void;
  /** Of an admin who is a person. */
  token: string;
}

const sleepUntil = (instant: Instant) => systemClock.sleep(instant - systemClock.now());

const round = (stage: Stage, seed: number) => inTime(AHEAD, (ahead) => played(stage, seed, ahead));

async function played(stage: Stage, seed: number, ahead: number): Promise<Outcome | null> {
  const { house, sink, start, setDate, token } = stage;
  const { when, jump } = CELLS[(seed - 1) % CELLS.length] ?? { when: 'while it runs', jump: 0 };
  const outcome = nothingYet();
  const fault = (what: string) => outcome.faults.push(`${jump / SECOND} s ${when}: ${what}`);
  const id = await openCase(house, {}, `r${seed}@research.example`);
  const releaseAt = systemClock.now() + ahead;
  const isArmed = await doneBefore(releaseAt, arm(house, id, { releaseAt }));
  const isDispatched = isArmed && (await doneBefore(releaseAt, dispatch(house, id)));
  await house.settled(PATIENCE);
  const isSet = isDispatched && systemClock.now() < releaseAt - READY;
  const outside = () => sink.mails.filter(({ to }) => PUBLIC.includes(to.join()));
  if (isSet) {
    sink.mails.length = 0;
    if (when === 'while it is stopped') await house.stop();
    if (when === 'while it is dead') await house.kill();
    setDate(jump);
    if (when !== 'while it runs') await start();
  }
  const isReady = isSet && systemClock.now() < releaseAt - READY;
  // What is armed goes out all the same, and in no other round.
  if (!isReady) {
    await putRight(stage);
    if (isArmed) await becomes(house, id, 'released');
    await house.settled(PATIENCE);
    return null;
  }

  // The release may be due by what it says, and may be looked for at any moment.
  await sleepUntil(releaseAt - Math.min(2 * SECOND, Math.abs(jump)) * chanceOf(seed)());
  const asked = await house.api(token, 'POST', `/cases/${id}/release-now`);
  if (asked.status === 200 && systemClock.now() < releaseAt) fault('it was released early by hand');
  // Where the gate lets it through, the lock of the database is hit.
  if (asked.status >= 500 && asked.body['code'] !== 'clock-suspect') fault(`to release it now was answered ${asked.status}`);
  const isDoubtful = Math.abs(jump) > AGREE;
  await sleepUntil(releaseAt + 1.5 * SECOND);
  if (isDoubtful && outside().length > 0) fault(`${outside().length} public copies while the clock is in doubt`);
  const isTrusted = await putRight(stage);
  const until = systemClock.now() + PATIENCE;
  while (outside().length < PUBLIC.length && systemClock.now() < until) await systemClock.sleep(100);
  await house.settled(PATIENCE);
  outcome.acknowledged = PUBLIC.length;
  outcome.early = outside().filter(({ at }) => at < releaseAt).length;
  if (outcome.early > 0) {
    const first = Math.min(...outside().map(({ at }) => at));
    fault(`${outcome.early} public copies early, by up to ${releaseAt - first} ms`);
  }
  const counts = counted(outside());
  outcome.lost = PUBLIC.filter((address) => counts[address] === undefined).length;
  if (outcome.lost > 0) fault(`${outcome.lost} public copies did not come`);
  outcome.duplicates = outside().length - new Set(outside().map(messageIdOf)).size;
  if (outcome.duplicates > 0) fault(`${outcome.duplicates} public copies came twice`);
  return { ...outcome, seen: { [isTrusted ? 'believed' : 'doubted']: 1 } };
}

/** The date is that of the machine again, and confirmed where there was a doubt. Resolves with whether there was none. */
async function putRight({ house, setDate, token }: Stage): Promise<boolean> {
  setDate(0);
  const { body } = await house.api(token, 'GET', '/clock');
  if (body['trusted'] === true) return true;
  await house.api(token, 'POST', '/clock/confirm', { wall: body['wall'] });
  return false;
}
