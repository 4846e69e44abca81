import { remindSilent } from '../../src/cases/acknowledgements.ts';
import { remind } from '../../src/cases/remind.ts';
import { type Alarm, DAY, HOUR, MINUTE, SECOND } from '../../src/clock.ts';
import { BEHIND } from '../../src/delivery/order.ts';
import { deliverBatch } from '../../src/delivery/work.ts';
import { endLongest } from '../../src/embargo/dead-man.ts';
import { tellLetIn } from '../../src/embargo/let-in.ts';
import { releaseLoop } from '../../src/embargo/loop.ts';
import { retractOfFormer } from '../../src/embargo/retract.ts';
import { Refusal } from '../../src/refusal.ts';
import type { Seams } from '../../src/seams.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import { silent } from '../delivery/outbox.ts';
import { type Beginning, Crash, dying, type Game, newGame, pick, truth, unsealed } from './game.ts';
import { faultsAtEnd, faultsIn, look } from './holds.ts';
import { MOVES, repair, restart } from './moves.ts';

/*
 * Random people do random things to two cases at random instants; members are suspended, retired and back, the relay puts mail off, the process
 * dies between two statements, the wall clock jumps. After
 * each step it is asked what must always hold (holds.ts).
 */

/** How a game went. */
export interface Played {
  /** What broke, in words; none: all of it held. */
  faults: string[];
  /** Of its two cases; with the notes that one is withdrawn. */
  released: number;
  /** Those of which the public was told that the embargo has ended. */
  minimal: number;
  /** How often the process died. */
  crashes: number;
  /** How often the relay put a mail off. */
  deferred: number;
  /** How often each action was done. */
  done: ReadonlyMap<string, number>;
}

/** As far as the longest embargo of any policy, and more. */
const LONG = 29 * DAY;

/** `steps`: how many things are done. */
export async function play(beginning: Beginning, seed: number, steps = 12): Promise<Played> {
  const game = await newGame(beginning, seed);
  try {
    for (let step = 0; step < steps; step++) {
      const what = await act(game);
      const faults = await faultsAfter(game);
      if (faults.length > 0) return result(game, naming(faults, `seed ${seed}, step ${step} (${what})`));
    }
    // At the end everybody has slept for long, and the clock is right.
    repair(game);
    game.wall.moveTo(game.wall.now() + LONG + HOUR);
    const faults: string[] = [];
    for (let last = 0; last < 2; last++) {
      game.wall.moveTo(game.wall.now() + 6 * MINUTE);
      faults.push(...(await faultsAfter(game, true)));
    }
    faults.push(...(await faultsAtEnd(game)));
    return result(game, naming(faults, `seed ${seed}, at the end`));
  } finally {
    await game.db.destroy();
  }
}

const naming = (faults: readonly string[], where: string) => [...new Set(faults)].map((fault) => `${where}: ${fault}`);

function result({ seen, taken, crashes, deferred, done }: Game, faults: string[]): Played {
  const released = [...seen.values()].filter((about) => about.released !== null).length;
  const minimal = new Set(taken.filter(({ mail }) => mail.includes('without an advisory; ask')).map(({ mail }) => mail)).size;
  return { faults, released, minimal, crashes, deferred, done };
}

const WEIGHTED = MOVES.flatMap((move) => Array.from({ length: move[1] }, () => move));

/** Refusals are answers; anything else but a crash is a fault, and thrown. */
async function act(game: Game): Promise<string> {
  // Nothing happens in the same millisecond.
  game.wall.moveTo(game.wall.now() + Math.ceil(game.chance() * 1000));
  const about = game.seen.get(pick(game, game.beginning.ids));
  const { team } = game.beginning.house;
  const there = team.filter(({ contactId }) => game.team.has(contactId));
  // Whose token is void by then may still be in the middle of something.
  const person = pick(game, there.length > 0 && game.chance() < 0.9 ? there : team);
  const [name, , move] = pick(game, WEIGHTED);
  const db = game.chance() < 0.15 ? game.db.withPlugin(dying(Math.floor(game.chance() * 40))) : game.db;
  const by = { type: 'person', id: person.contactId, name: person.address, via: null } as const;
  const seams: Seams = { ...game.seams, db, by, role: game.chance() < 0.4 ? 'admin' : 'team' };
  if (!about) throw new Error('there is no case');
  try {
    await move({ game, seams, person, about });
  } catch (error) {
    if (!(error instanceof Refusal) && !(error instanceof Crash)) throw error;
  }
  return `${name}, ${about.id}`;
}

async function faultsAfter(game: Game, calmly = false): Promise<string[]> {
  const before = game.taken.length;
  const calm = await round(game, calmly);
  return [...game.faults, ...(await faultsIn(game, game.taken.slice(before), calm))];
}

/** How often what waits for another mail is looked at again: one second each, as long as a mail waits for one that is just tried. */
const AGAIN = 3;

/** What the loops do until nothing is left to be done now. True: nothing disturbed it. */
async function round(game: Game, calm: boolean): Promise<boolean> {
  const dies = !calm && game.chance() < 0.2;
  const db = dies ? game.db.withPlugin(dying(Math.floor(game.chance() * 60))) : game.db;
  const seams: Seams = { ...game.seams, db };
  try {
    await turn(game, seams);
    await look(game, !dies);
    for (let more = 0; more < AGAIN && (await isOneBehind(game)); more++) {
      game.wall.moveTo(game.wall.now() + SECOND + 1);
      await turn(game, seams);
      await look(game, !dies);
    }
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
  }
  if (dies) {
    game.crashes += 1;
    await restart(game);
    await look(game, false);
  }
  return !dies;
}

async function isOneBehind({ db, clock }: Game): Promise<boolean> {
  const behind = db.selectFrom('deliveries').select('id').where('state', '=', 'deferred').where('reason', '=', BEHIND);
  return (await behind.where('due_at', '<=', clock.now() + SECOND).execute()).length > 0;
}

async function turn(game: Game, seams: Seams): Promise<void> {
  const { signal, alarm } = once();
  await game.watch.look();
  await retractOfFormer(seams);
  await tellLetIn(seams, silent);
  await releaseLoop(seams, alarm, () => {}, silent, signal);
  await remind(seams, silent);
  await endLongest(seams, silent);
  await remindSilent(seams);
  await deliver(game, seams);
}

/** Ends a loop after its first turn. */
function once(): { signal: AbortSignal; alarm: Alarm } {
  const stopping = new AbortController();
  return { signal: stopping.signal, alarm: { ring: () => {}, sleep: async () => stopping.abort() } };
}

async function deliver(game: Game, seams: Seams): Promise<void> {
  await deliveries.reclaim(seams.db, seams.clock.now());
  const options = { batch: 50, lease: 15, giveUp: (60 * DAY) / 1000, connections: 1 };
  const send: Parameters<typeof deliverBatch>[1] = async ({ to, raw }) => {
    const sealed = Buffer.concat(raw).toString();
    const messageId = /^Message-ID:\s*(\S+)/im.exec(sealed)?.[1] ?? '';
    const next = game.putsOffNext.get(to);
    if (next !== undefined && game.putsOffNext.delete(to)) game.putsOff.set(messageId, next);
    const [all, alone] = [to, messageId].map((what) => (game.putsOff.get(what) ?? 0) > truth(game));
    const mail = unsealed(sealed);
    const subject = /^Subject: (.*(?:\r?\n[ \t].*)*)/im.exec(mail)?.[1]?.replaceAll(/\r?\n[ \t]/g, ' ') ?? '';
    const one = { to, mail, subject, messageId, at: truth(game) };
    if (all || alone) {
      game.putOff.set(messageId, { ...one, alone: !all });
      game.deferred += 1;
      return { state: 'deferred', reason: 'try-later', response: '451 4.2.1 later' };
    }
    game.putOff.delete(messageId);
    game.taken.push(one);
    return { state: 'delivered', response: '250 2.0.0 taken' };
  };
  while ((await deliverBatch(seams, send, options, silent)) > 0);
}
