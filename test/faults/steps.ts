import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Instant, SECOND, systemClock } from '../../src/clock.ts';
import { sha256 } from '../../src/embargo/bundle.ts';
import { arm, dispatch, openCase, reportMail } from '../stories/embargo.ts';
import { chanceOf } from '../support/chance.ts';
import { LISTS } from '../support/house.ts';
import type { Instance } from '../support/instance.ts';
import { TEAM } from '../support/instance.ts';
import { arrivals } from './arrivals.ts';
import { type Experiment, nothingYet, type Outcome, PATIENCE } from './experiment.ts';
import { enrolReaders, PUBLIC } from './readers.ts';
import { openRig, type Rig } from './rig.ts';
import { type Change, makeVariant } from './variants.ts';

/** Where it dies: `die` stands before the text, or behind it. `times`: how often one mail, or one release, comes by. */
interface Point {
  step: (typeof STEPS)[number];
  file: string;
  at: string;
  side: 'before' | 'behind';
  times: number;
}

const STEPS = ['accept', 'open', 'seal', 'send', 'mark', 'release'] as const;

/** Two of each step; of what happens in a transaction, the first is in it. */
const POINTS: readonly Point[] = [
  { step: 'accept', file: 'src/post/file.js', at: 'const accepted = await commit(trx);', side: 'behind', times: 1 },
  { step: 'accept', file: 'src/main.js', at: 'accepted();\n                if (repeated)', side: 'before', times: 1 },
  { step: 'open', file: 'src/post/receive.js', at: "const beside = written.list.role === 'public'", side: 'before', times: 1 },
  {
    step: 'open',
    file: 'src/delivery/opening.js',
    at: 'const kept = atHand?.raw ?? (await pgp.reopen(await posts.contentOf(db, post.id), secrets));',
    side: 'behind',
    times: 2,
  },
  { step: 'seal', file: 'src/post/receive.js', at: 'const post = postOf(seams, to, mail, look, {', side: 'before', times: 1 },
  {
    step: 'seal',
    file: 'src/delivery/work.js',
    at: 'if (ready instanceof Refusal) {\n            log.error({ err: ready,',
    side: 'before',
    times: 2,
  },
  {
    step: 'send',
    file: 'src/delivery/work.js',
    at: 'const from = await envelopeSender(db, attempt);',
    side: 'behind',
    times: 4,
  },
  {
    step: 'send',
    file: 'src/delivery/work.js',
    at: 'const settled = await desk.settle({ copy, lease: lease.id, settlement, ...more });',
    side: 'before',
    times: 4,
  },
  {
    step: 'mark',
    file: 'src/delivery/settling.js',
    at: 'all.push({ copy, lease, settlement, settled });',
    side: 'behind',
    times: 4,
  },
  { step: 'mark', file: 'src/delivery/work.js', at: 'log.info({ ...facts(copy), state:', side: 'before', times: 4 },
  {
    step: 'release',
    file: 'src/embargo/release.js',
    at: "await record(trx, seams, { action: 'case.release'",
    side: 'before',
    times: 1,
  },
  { step: 'release', file: 'src/embargo/loop.js', at: "log.warn({ case: due.id }, 'released');", side: 'before', times: 1 },
];

/** The n-th time that it comes by the point that the environment names. No product code has any of it. */
const dies = (point: number) =>
  `if (process.env.CURFEW_DIES_AT === '${point}' && (globalThis.cameBy = (globalThis.cameBy ?? 0) + 1) === Number(process.env.CURFEW_DIES_THE)) process.kill(process.pid, 'SIGKILL');`;

const deadly: readonly Change[] = POINTS.map(({ file, at, side }, point) => ({
  file,
  find: at,
  replace: side === 'before' ? `${dies(point)}\n${at}` : `${at}\n${dies(point)}`,
}));

/** F3: it dies exactly there, and is started again. */
export const steps: Experiment = {
  name: 'F3',
  title: `killed in the middle of each step: ${STEPS.join(', ')}`,
  rounds: 50 * STEPS.length,
  short: 1,
  controls: [
    { variant: 'answers-before-commit', rounds: 12 },
    { variant: 'marks-before-sending', rounds: 12 },
  ],
  absent: () => null,
  open: async (folder) => {
    makeVariant(folder, deadly);
    const program = join(folder, 'dist', 'src', 'cli', 'curfew.js');
    const rig = await openRig();
    await rig.house.start();
    await enrolReaders(rig.house);
    await rig.house.stop();
    return { round: (seed) => round(rig, program, seed), close: rig.close };
  },
};

async function round(rig: Rig, program: string, seed: number): Promise<Outcome> {
  const { house, sink } = rig;
  const step = STEPS[seed % STEPS.length];
  const points = POINTS.map((point, index) => ({ ...point, index })).filter((one) => one.step === step);
  const point = points[Math.floor(seed / STEPS.length) % points.length];
  if (!point) throw new Error('there is no such step');
  sink.mails.length = 0;
  const the = 1 + Math.floor(chanceOf(seed)() * point.times);
  await house.start({ program, env: { CURFEW_DIES_AT: String(point.index), CURFEW_DIES_THE: String(the) } });
  const outcome = step === 'release' ? await released(rig, seed) : await reported(rig, seed);
  await house.kill();
  const where = `${step} (${point.file}, time ${the})`;
  return {
    ...outcome,
    faults: outcome.faults.map((fault) => `killed at ${where}: ${fault}`),
    seen: { [`killed at ${step}`]: 1 },
  };
}

async function dead({ pid }: Instance): Promise<void> {
  const until = systemClock.now() + PATIENCE;
  while (isAlive(pid)) {
    if (systemClock.now() > until) throw new Error('it did not come to where it was to die');
    await pause(20);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function reported(rig: Rig, seed: number): Promise<Outcome> {
  const { house } = rig;
  const from = `r${seed}@research.example`;
  const mail = await reportMail(house, {}, from);
  // Whoever has no answer sends it again.
  const answer = await house.send(from, LISTS.security, mail).catch(() => 'none');
  const acknowledged = answer.startsWith('250') ? 1 : 0;
  await dead(house);
  await house.start();
  const there = () => house.rows<{ id: string; case_id: string }>('select id, case_id from posts where digest = ?', sha256(mail));
  if (acknowledged === 1 && there().length === 0)
    return { ...nothingYet(), acknowledged, lost: 1, faults: ['a report was answered with 250 and is not there'] };
  const again = await house.send(from, LISTS.security, mail);
  const posts = there();
  const faults: string[] = [];
  if (!again.startsWith('250')) faults.push(`a report that came again was answered with ${again.slice(0, 9)}`);
  if (posts.length !== 1) faults.push(`a report that came twice is there ${posts.length} times`);
  const arrived = await arrivals(rig, posts[0]?.case_id ?? '', [...TEAM, from]);
  return { ...nothingYet(), ...arrived, acknowledged: 1, faults: [...faults, ...arrived.faults] };
}

async function released(rig: Rig, seed: number): Promise<Outcome> {
  const { house, sink } = rig;
  const id = await openCase(house, {}, `r${seed}@research.example`);
  const releaseAt: Instant = systemClock.now() + 6 * SECOND;
  await arm(house, id, { releaseAt });
  await dispatch(house, id);
  await dead(house);
  await house.start();
  const state = () => house.rows<{ state: string }>('select state from cases where id = ?', id)[0]?.state;
  const until = systemClock.now() + PATIENCE;
  while (state() !== 'released' && systemClock.now() < until) await pause(50);
  const arrived = await arrivals(rig, id, PUBLIC);
  const early = sink.mails.filter(({ to, at }) => PUBLIC.includes(to.join()) && at < releaseAt).length;
  const faults = [...arrived.faults, ...(early > 0 ? [`${early} copies for the public came before the instant`] : [])];
  return { ...nothingYet(), ...arrived, acknowledged: 1, early, faults };
}
