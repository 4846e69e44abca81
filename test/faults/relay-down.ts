import { describe } from '../../src/cases/describe.ts';
import { DAY, HOUR, type Instant, MINUTE } from '../../src/clock.ts';
import { eachContact, team } from '../../src/delivery/copies.ts';
import { send } from '../../src/delivery/send.ts';
import { tellTeam } from '../../src/delivery/tell.ts';
import { deliverBatch, type WorkOptions } from '../../src/delivery/work.ts';
import { approve } from '../../src/embargo/approve.ts';
import { releaseLoop } from '../../src/embargo/loop.ts';
import { addPatch, schedule } from '../../src/embargo/schedule.ts';
import { noticeEntity, writeNotice } from '../../src/notices/write.ts';
import type { Seams } from '../../src/seams.ts';
import { createRelay, type Relay } from '../../src/smtp/client.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as lists from '../../src/store/lists.ts';
import { silent } from '../delivery/outbox.ts';
import { KNOWN, PATCH } from '../embargo/armed.ts';
import { type ScriptedRelay, scriptedRelay } from '../smtp/scripted-relay.ts';
import { freePort } from '../support/ports.ts';
import { type Experiment, nothingYet, type Outcome } from './experiment.ts';
import { type Beginning, begin, type Game, newGame, unsealed } from './game.ts';

const GIVE_UP = 5 * DAY;
/** The longest time between two attempts, with its jitter (delivery/backoff): of ordinary mail, and of a release. */
const LONGEST = { ordinary: 4.8 * HOUR, release: 6 * MINUTE };
const NOTICES = 12;

/**
 * F7. The relay refuses every connection for five days and some hours. Meanwhile notices are written and a case is released; another one is due
 * an hour after the relay is back. By then all has gone out, or was given up after five days and the team knows of it. The clock is moved; the
 * client and its relay are real; OpenPGP is left out, as in the games.
 */
export const relayDown: Experiment = {
  name: 'F7',
  title: 'relay down for 5 days',
  rounds: 20,
  short: 0,
  controls: [
    { variant: 'given-up-at-once', rounds: 1 },
    { variant: 'untold', rounds: 3 },
  ],
  absent: () => null,
  open: async (folder) => {
    const beginning = await begin(folder);
    return { round: (seed) => round(beginning, seed), close: async () => {} };
  },
};

interface Taken {
  id: string;
  to: string;
  mail: string;
  at: Instant;
}

interface Week {
  game: Game;
  seams: Seams;
  client: Relay;
  taken: Taken[];
}

async function round(beginning: Beginning, seed: number): Promise<Outcome> {
  const game = await newGame(beginning, seed);
  const seams: Seams = { ...game.seams, project: { ...game.seams.project, usual: [] } };
  const port = await freePort();
  const options = { host: '127.0.0.1', port, tls: 'none', user: null, passwordFile: null, connections: 5, timeout: 5 } as const;
  const client = createRelay({ relay: options, hostname: 'mx.orbit.example', log: silent });
  const week: Week = { game, seams, client, taken: [] };
  let relay: ScriptedRelay | null = null;
  try {
    const { wall, chance } = game;
    const begins = wall.now();
    const back = begins + GIVE_UP + Math.floor(12 * HOUR * chance());
    const [during = '', after = ''] = beginning.ids;
    const instants = { during: begins + Math.floor(GIVE_UP * (0.6 + 0.35 * chance())), after: back + HOUR };
    await armed(week, during, instants.during);
    await armed(week, after, instants.after);
    // A few early enough that they are given up.
    const early = [0, 1, 2].map(() => begins + Math.floor(6 * HOUR * chance()));
    const later = Array.from({ length: NOTICES }, () => begins + Math.floor(GIVE_UP * chance()));
    for (const at of [...early, ...later].sort((a, b) => a - b)) {
      await liveUntil(week, at, instants);
      await notice(week, at);
    }
    await liveUntil(week, back, instants);
    const faults = week.taken.length > 0 ? ['something was sent while the relay was down'] : [];
    relay = await scriptedRelay({}, undefined, port);
    await liveUntil(week, back + LONGEST.ordinary + HOUR, instants);
    return judge(week, { began: begins, back, instants, cases: { during, after }, faults });
  } finally {
    client.close();
    await relay?.close();
    await game.db.destroy();
  }
}

/** Two people approve it for that instant; what the public will read names the case. */
async function armed({ seams, game }: Week, id: string, releaseAt: Instant): Promise<void> {
  await describe(seams, id, KNOWN);
  await addPatch(seams, id, PATCH);
  const { bundle_hash } = await schedule(seams, id, { releaseAt, subject: `Advisory of ${id}`, text: 'Update now.\n' });
  for (const person of [...game.beginning.approvers.values()].slice(0, 2)) await approve(seams, id, bundle_hash ?? '', person);
}

async function notice({ seams }: Week, at: Instant): Promise<void> {
  const list = (await lists.all(seams.db)).find(({ role }) => role === 'intake');
  if (!list) throw new Error('there is no intake list');
  const words = noticeEntity({ subject: `Notice of ${at}`, text: 'Something was done.\n' });
  const post = await writeNotice(seams, list, { kind: 'notice', caseId: null }, words);
  await seams.db.transaction().execute(async (trx) => send(trx, seams, { list, post }, eachContact(await team(trx))));
}

/** Time passes from one thing that is due to the next. */
async function liveUntil(week: Week, until: Instant, instants: Record<string, Instant>): Promise<void> {
  const { game, seams } = week;
  for (;;) {
    await turn(week);
    const now = game.wall.now();
    if (now >= until) return;
    const due = [(await deliveries.nextInstant(seams.db)) ?? until, until, now + HOUR, ...Object.values(instants)];
    game.wall.moveTo(Math.min(...due.filter((instant) => instant > now)));
  }
}

/** What the loops of a server do once. */
async function turn({ game, seams, client, taken }: Week): Promise<void> {
  await game.watch.look();
  const stopping = new AbortController();
  const alarm = { ring: () => {}, sleep: async () => stopping.abort() };
  await releaseLoop(seams, alarm, () => {}, silent, stopping.signal);
  const options: WorkOptions = { batch: 50, lease: 60, giveUp: GIVE_UP / 1000, connections: 5 };
  const hand: Relay['send'] = async (mail) => {
    const outcome = await client.send(mail);
    const sealed = Buffer.concat(mail.raw).toString();
    const id = /^Message-ID:\s*(\S+)/im.exec(sealed)?.[1] ?? '';
    if (outcome.state === 'delivered') taken.push({ id, to: mail.to, mail: unsealed(sealed), at: game.wall.now() });
    return outcome;
  };
  while ((await deliverBatch(seams, hand, options, silent)) > 0);
  while ((await tellTeam(seams, silent)) > 0);
}

interface Expected {
  /** When the relay was down, and when it was back. */
  began: Instant;
  back: Instant;
  instants: { during: Instant; after: Instant };
  /** Their ids. */
  cases: { during: string; after: string };
  faults: string[];
}

async function judge({ seams, game, taken }: Week, { began, back, instants, cases, faults }: Expected): Promise<Outcome> {
  const rows = await seams.db
    .selectFrom('deliveries')
    .innerJoin('posts', 'posts.id', 'deliveries.post_id')
    .selectAll('deliveries')
    .select('posts.kind')
    .where((eb) => eb.or([eb('settled_at', 'is', null), eb('settled_at', '>', began)]))
    .execute();
  const people = game.beginning.house.team.map(({ address }) => address);
  const outcome = { ...nothingYet(), acknowledged: rows.length, faults };
  let gaveUp = 0;
  for (const { id, state, reason, tried_at, message_id, priority, kind, told_at } of rows) {
    const came = taken.filter((one) => one.id === message_id);
    const what = `a copy (${kind}) that was tried first ${Math.round((back - (tried_at ?? back)) / HOUR)} h before the relay was back`;
    if (state === 'delivered') {
      if (came.length === 0) faults.push(`${what} is delivered, and did not come`);
      const latest = Math.max(back, tried_at ?? 0) + (priority < 4 ? LONGEST.release : LONGEST.ordinary);
      if (came.some(({ at }) => at > latest)) faults.push(`${what} came late`);
      outcome.duplicates += Math.max(0, came.length - 1);
    } else if (state === 'failed' && reason === 'gave-up' && back - (tried_at ?? back) >= GIVE_UP) {
      gaveUp += 1;
      // An alarm about an alarm would never end.
      const told = people.filter((to) => taken.some((one) => one.to === to && one.mail.includes(`copy ${id}`)));
      if (kind !== 'alert' && (told_at === null || told.length === 0)) faults.push(`${what} was given up, and nobody knows`);
    } else {
      outcome.lost += 1;
      faults.push(`${what} is ${state} (${reason})`);
    }
  }
  if (outcome.duplicates > 0) faults.push(`${outcome.duplicates} copies came twice`);
  for (const [which, id] of Object.entries(cases)) {
    const instant = which === 'during' ? instants.during : instants.after;
    const advisories = taken.filter(({ mail }) => mail.includes(`Subject: Advisory of ${id}`));
    outcome.early += advisories.filter(({ at }) => at < instant).length;
    if (advisories.length === 0) faults.push(`of the case that was due ${which} it nothing came`);
  }
  if (outcome.early > 0) faults.push(`${outcome.early} public copies before their instant`);
  return { ...outcome, seen: { came: taken.length, 'given up': gaveUp } };
}
