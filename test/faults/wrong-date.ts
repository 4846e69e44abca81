import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DAY, HOUR, type Instant, SECOND, systemClock } from '../../src/clock.ts';
import { arm, counted, dispatch, messageIdOf, openCase } from '../stories/embargo.ts';
import { chanceOf } from '../support/chance.ts';
import { type Instance, openInstance, TEAM } from '../support/instance.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { type Experiment, nothingYet, type Outcome } from './experiment.ts';
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

/** From when it is armed to its instant: time to set the date and to start again. */
const AHEAD = 7 * SECOND;

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

async function round({ house, sink, start, setDate, token }: Stage, seed: number): Promise<Outcome> {
  const { when, jump } = CELLS[(seed - 1) % CELLS.length] ?? { when: 'while it runs', jump: 0 };
  const outcome = nothingYet();
  const fault = (what: string) => outcome.faults.push(`${jump / SECOND} s ${when}: ${what}`);
  const chance = chanceOf(seed);
  const id = await openCase(house, {}, `r${seed}@research.example`);
  const releaseAt = systemClock.now() + AHEAD;
  await arm(house, id, { releaseAt });
  await dispatch(house, id);
  await house.settled();
  sink.mails.length = 0;
  const outside = () => sink.mails.filter(({ to }) => PUBLIC.includes(to.join()));
  if (when === 'while it is stopped') await house.stop();
  if (when === 'while it is dead') await house.kill();
  setDate(jump);
  if (when !== 'while it runs') await start();
  // The release may be due by what it says, and may be looked for at any moment.
  await sleepUntil(releaseAt - SECOND * 2 * chance());
  const asked = await house.api(token, 'POST', `/cases/${id}/release-now`);
  // Where the gate lets it through, the lock of the database is hit.
  if (asked.status >= 500 && asked.body['code'] !== 'clock-suspect') fault(`to release it now was answered ${asked.status}`);
  const isDoubtful = Math.abs(jump) > AGREE;
  await sleepUntil(releaseAt + 1.5 * SECOND);
  if (isDoubtful && outside().length > 0) fault(`${outside().length} public copies while the clock is in doubt`);
  setDate(0);
  const { body } = await house.api(token, 'GET', '/clock');
  if (body['trusted'] !== true) await house.api(token, 'POST', '/clock/confirm', { wall: body['wall'] });
  for (let looks = 0; outside().length < PUBLIC.length && looks < 200; looks++) await systemClock.sleep(100);
  await house.settled();
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
  return { ...outcome, seen: { [body['trusted'] === true ? 'believed' : 'doubted']: 1 } };
}
