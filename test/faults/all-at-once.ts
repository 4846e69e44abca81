import { HOUR, SECOND, systemClock, toIso } from '../../src/clock.ts';
import { arm, counted, openCase } from '../stories/embargo.ts';
import { chanceOf } from '../support/chance.ts';
import { type Instance, TEAM } from '../support/instance.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { type Experiment, nothingYet, type Outcome, PATIENCE, type Setup } from './experiment.ts';
import { becomes, doneBefore, inTime } from './in-time.ts';
import { faultOfLog } from './log-holds.ts';
import { type Nodes, openOne, openTwo, withoutPostgres } from './nodes.ts';
import { enrolReaders, PUBLIC } from './readers.ts';

/** The instant is so far ahead at first: time to arm it. */
const AHEAD = { alone: 2 * SECOND, shared: 4 * SECOND };
/** From half as much before the instant to that and a half after it somebody does something. */
const SPREAD = 400;

export interface Stage extends Pick<Nodes, 'all'> {
  sink: Sink;
  /** Of three people of the team. */
  tokens: readonly string[];
  close(): Promise<void>;
}

type Answer = Awaited<ReturnType<Instance['api']>>;
type Ask = (method: string, path: string, body?: object) => Promise<Answer>;

/** What somebody does to the case; `when` the instant to which it is put off. */
const DEEDS: Readonly<Record<string, (ask: Ask, when: string) => Promise<Answer>>> = {
  release: (ask) => ask('POST', '/release-now'),
  retract: (ask) => ask('POST', '/retract'),
  extend: (ask, when) => ask('PUT', '/schedule', { releaseAt: when }),
  reword: (ask, when) => ask('PUT', '/text', { subject: 'CVE-2026-99001: another hole', text: `Since ${when}.\n` }),
  approve: async (ask) => {
    const { body } = await ask('GET', '');
    const { hash } = (body['proposal'] ?? { hash: body['bundleHash'] }) as { hash: string };
    return ask('POST', '/approvals', { hash });
  },
};
const NAMES = Object.keys(DEEDS);
/** In every third round somebody releases it in place of that: it is public then, unless two people put it off. */
const mayBeRetracted = (seed: number) => seed % 3 !== 0;

/**
 * F9. Around the instant of an armed case three people release, retract, extend, reword and approve it at the same time, over REST, of a
 * process on real sockets, or of two on one database. Then it is released or it is not: the case, the log and the mails say the same.
 */
export const allAtOnce: Experiment = {
  name: 'F9',
  title: 'release, retract, extend, approve at the same time',
  rounds: 200,
  short: 2,
  controls: [
    { variant: 'no-gate', rounds: 20 },
    { variant: 'not-guarded', rounds: 40 },
    { variant: 'never-released', rounds: 4 },
    { variant: 'reworded-after-release', rounds: 10 },
  ],
  absent: () => null,
  open: () => opened(openOne),
};

export const allAtTwo: Experiment = {
  name: 'F9-two',
  title: 'the same, of two processes on one database',
  rounds: 200,
  short: 1,
  controls: [{ variant: 'not-guarded', rounds: 20 }],
  absent: withoutPostgres,
  open: () => opened(openTwo),
};

async function opened(open: typeof openOne): Promise<Setup> {
  const stage = await openStage(open);
  return { round: (seed) => round(stage, seed), close: stage.close };
}

export async function openStage(open: typeof openOne): Promise<Stage> {
  const sink = await startSink();
  const { all, close } = await open({ relay: sink });
  const [house] = all;
  await enrolReaders(house);
  return {
    all,
    sink,
    tokens: await Promise.all(TEAM.map((person) => house.token(person))),
    async close() {
      await close();
      await sink.close();
    },
  };
}

export function round(stage: Stage, seed: number): Promise<Outcome> {
  return inTime(stage.all.length > 1 ? AHEAD.shared : AHEAD.alone, (ahead) => played(stage, seed, ahead));
}

async function played({ all, sink, tokens }: Stage, seed: number, ahead: number): Promise<Outcome | null> {
  const [house] = all;
  const outcome = nothingYet();
  const fault = (what: string) => outcome.faults.push(what);
  const chance = chanceOf(seed);
  const id = await openCase(house, {}, `r${seed}.${systemClock.now()}@research.example`);
  const releaseAt = systemClock.now() + ahead;
  const isArmed = await doneBefore(releaseAt, arm(house, id, { releaseAt }));
  if (!isArmed || systemClock.now() > releaseAt - SPREAD) {
    // What is armed goes out all the same, and in no other round.
    if (isArmed) await becomes(house, id, 'released');
    await house.settled(PATIENCE);
    return null;
  }
  sink.mails.length = 0;

  const seen: Record<string, number> = {};
  const later = toIso(releaseAt + 30 * 24 * HOUR + seed);
  const names = NAMES.map((name) => (name === 'retract' && !mayBeRetracted(seed) ? 'release' : name));
  const deeds = Array.from({ length: names.length + Math.floor(chance() * 7) }, async (_, at) => {
    // Each of them once, and then any.
    const name = names[at < names.length ? at : Math.floor(chance() * names.length)] ?? 'release';
    const [token = ''] = [tokens[Math.floor(chance() * tokens.length)]];
    const node = all[at % all.length] ?? house;
    await systemClock.sleep(releaseAt + SPREAD * (2 * chance() - 0.5) - systemClock.now());
    const { status, body } = (await DEEDS[name]?.(
      (method, path, what) => node.api(token, method, `/cases/${id}${path}`, what),
      later,
    )) ?? {
      status: 0,
      body: {},
    };
    const key = `${name} ${status < 300 ? 'done' : 'refused'}`;
    seen[key] = (seen[key] ?? 0) + 1;
    if (status >= 500) fault(`deed ${at}, ${name}, was answered ${status} ${String(body['code'])}`);
  });
  await Promise.all(deeds);
  await systemClock.sleep(releaseAt + 1.5 * SPREAD + SECOND - systemClock.now());
  const body = await ended(house, id);
  if (isDue(body)) fault(`it is armed, and its instant was ${PATIENCE / SECOND} seconds ago`);
  await house.settled(PATIENCE);
  const logged = await house.api(house.adminToken, 'GET', `/audit?limit=200&subject=case:${id}`);
  const actions = (logged.body['items'] as { action: string }[]).map(({ action }) => action).reverse();
  const outside = sink.mails.filter(({ to }) => PUBLIC.includes(to.join()));
  outcome.early = outside.filter(({ at }) => at < releaseAt).length;
  if (outcome.early > 0) fault(`${outcome.early} public copies before the instant`);
  const releases = actions.filter((action) => action === 'case.release').length;
  const isReleased = body['state'] === 'released';
  if (releases !== (isReleased ? 1 : 0)) fault(`it is ${String(body['state'])}, and the log has ${releases} releases`);
  seen[isReleased ? 'released' : 'not released'] = 1;
  const expected = isReleased ? Object.fromEntries(PUBLIC.map((address) => [address, 1])) : {};
  if (JSON.stringify(counted(outside)) !== JSON.stringify(expected))
    fault(`it is ${String(body['state'])}, and the public has ${JSON.stringify(counted(outside))}`);
  if (isReleased) {
    outcome.acknowledged = PUBLIC.length;
    outcome.lost = PUBLIC.length - new Set(outside.flatMap(({ to }) => to)).size;
    const after = actions.slice(actions.indexOf('case.release') + 1);
    if (after.length > 0) fault(`after its release the log has ${after.join()}`);
    if (String(body['releasedAt']) < String(body['releaseAt'])) fault('it was released before the instant that stands there');
  }
  const wrong = seed % 10 === 0 ? await faultOfLog(house) : null;
  if (wrong !== null) fault(wrong);
  return { ...outcome, seen };
}

/** The case when nothing is to become of it any more by itself: what is due is released, however busy the machine is. */
async function ended(house: Instance, id: string): Promise<Answer['body']> {
  const until = systemClock.now() + PATIENCE;
  for (;;) {
    const { body } = await house.api(house.adminToken, 'GET', `/cases/${id}`);
    if (!isDue(body) || systemClock.now() > until) return body;
    await systemClock.sleep(100);
  }
}

function isDue(about: Answer['body']): boolean {
  return about['state'] === 'armed' && Date.parse(String(about['releaseAt'])) <= systemClock.now();
}
