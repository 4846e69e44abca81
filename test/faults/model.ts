import { createHash } from 'node:crypto';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { KyselyPlugin } from 'kysely';
import { close, retrospect } from '../../src/cases/after.ts';
import { describe } from '../../src/cases/describe.ts';
import { askToLead, claim, staff, takeOver } from '../../src/cases/people.ts';
import { remind } from '../../src/cases/remind.ts';
import { type Alarm, DAY, HOUR, type Instant, MINUTE, type MovingClock, movingClock, SECOND } from '../../src/clock.ts';
import { deliverBatch } from '../../src/delivery/work.ts';
import { type Approver, approve } from '../../src/embargo/approve.ts';
import { createWatch, openClock, type Watch, type WatchedClock } from '../../src/embargo/clock-watch.ts';
import { presentPatchSet } from '../../src/embargo/contents.ts';
import { endLongest } from '../../src/embargo/dead-man.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { releaseLoop } from '../../src/embargo/loop.ts';
import { release } from '../../src/embargo/release.ts';
import { addPatch, schedule, setText, withdrawPatch } from '../../src/embargo/schedule.ts';
import type { Pgp } from '../../src/pgp/pool.ts';
import { Refusal } from '../../src/refusal.ts';
import type { Seams } from '../../src/seams.ts';
import * as audit from '../../src/store/audit.ts';
import * as cases from '../../src/store/cases.ts';
import { type Database, makeDatabase, openDatabase } from '../../src/store/database.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import { migrate } from '../../src/store/migrate.ts';
import { outbox, silent } from '../delivery/outbox.ts';
import { actor, KNOWN, OUTSIDE, READER, subscribe } from '../embargo/armed.ts';
import { chanceOf } from '../support/chance.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';

/*
 * Random people do random things to two cases at random instants; the process dies between two statements, the wall clock jumps. After
 * each step it is asked what must always hold:
 *  - what went to the public is a text of a case that was released at its instant or later, as two people approved it, or the fixed
 *    words for an embargo that has ended;
 *  - after a round that nothing disturbed, all that is due went to each public recipient, and under one Message-ID;
 *  - the audit log is whole, and says the same as the mails that were sent.
 * OpenPGP is left out: a sealed mail has no content here. Everything else is what runs.
 */

/** What all games begin with. */
export interface Beginning {
  folder: string;
  house: House;
  ids: string[];
  approvers: Map<string, Approver>;
}

const POLICY = 'k8s-2017';
const LONGEST = 21 * DAY;

/** A project with two reports, in a file that each game copies. */
export async function begin(folder: string): Promise<Beginning> {
  const config = { sqlite: join(folder, 'template.db') };
  const template = makeDatabase(config);
  await migrate(template);
  const house = await housing()(template);
  await subscribe(house);
  const ids = [await house.report(), await house.report({}, 'ron@example.org')];
  const approvers = new Map<string, Approver>();
  for (const person of house.team) approvers.set(person.contactId, await actor(house, person));
  await outbox(house).drain();
  await template.destroy();
  return { folder, house, ids, approvers };
}

const refuse = () => Promise.reject(new Error('not in this game'));
const SEALED = '-----BEGIN PGP MESSAGE-----\n\nAA==\n-----END PGP MESSAGE-----\n';
const SIGNED = { armored: SEALED.replaceAll('MESSAGE', 'SIGNATURE'), micalg: 'pgp-sha256' };

/** Keeps what it is given as it is. */
const plain: Pgp = {
  open: refuse,
  keep: async (plaintext) => Buffer.from(plaintext),
  reopen: async (content) => Buffer.from(content),
  sign: async (entity) => entity,
  signApart: async () => SIGNED,
  seal: async (_, certificates) => certificates.map(() => ({ armored: SEALED })),
  readCertificate: refuse,
  renewCertificate: refuse,
  usable: refuse,
  close: async () => {},
};

class Crash extends Error {}

/** The process dies before its n-th statement from now on; what was not committed by then never was. */
function dying(statements: number): KyselyPlugin {
  let left = statements;
  return {
    transformQuery: ({ node }) => {
      left -= 1;
      if (left < 0) throw new Crash('the process has died');
      return node;
    },
    transformResult: async ({ result }) => result,
  };
}

interface Taken {
  to: string;
  raw: string;
  messageId: string;
  /** What time it was in truth. */
  at: Instant;
}

interface Game {
  db: Database;
  beginning: Beginning;
  wall: MovingClock;
  clock: WatchedClock;
  seams: Seams;
  watch: Watch;
  /** By how much the wall clock is wrong. */
  wrong: number;
  taken: Taken[];
  chance: () => number;
  texts: number;
  crashes: number;
}

const truth = ({ wall, wrong }: Game) => wall.now() - wrong;
const pick = <Item>(game: Game, items: readonly Item[]): Item => items[Math.floor(game.chance() * items.length)] as Item;

/** How a game went. */
export interface Played {
  /** What broke, in words; none: all of it held. */
  faults: string[];
  /** Of its two cases. */
  released: number;
  /** Those of which the public was told that the embargo has ended. */
  minimal: number;
  /** How often the process died. */
  crashes: number;
}

/** `steps`: how many things are done. */
export async function play(beginning: Beginning, seed: number, steps = 16): Promise<Played> {
  const path = join(beginning.folder, `game-${seed}.db`);
  copyFileSync(join(beginning.folder, 'template.db'), path);
  const db = openDatabase({ sqlite: path });
  const wall = movingClock(beginning.house.clock.now());
  try {
    const clock = await openClock(db, wall, DAY);
    const seams: Seams = {
      ...beginning.house,
      project: { ...beginning.house.project, usual: [POLICY] },
      db,
      clock,
      pgp: plain,
    };
    const watch = watchOf(seams, clock);
    const game: Game = {
      watch,
      db,
      beginning,
      wall,
      clock,
      seams,
      wrong: 0,
      taken: [],
      chance: chanceOf(seed),
      texts: 0,
      crashes: 0,
    };
    for (let step = 0; step < steps; step++) {
      const what = await act(game);
      const faults = await faultsIn(game, await round(game));
      if (faults.length > 0)
        return await result(
          game,
          faults.map((fault) => `seed ${seed}, step ${step} (${what}): ${fault}`),
        );
    }
    // At the end everybody has slept for long, and the clock is right.
    repair(game);
    game.wall.moveTo(game.wall.now() + LONGEST + HOUR);
    for (let last = 0; last < 3; last++) {
      game.wall.moveTo(game.wall.now() + 6 * MINUTE);
      await round(game, true);
    }
    return await result(
      game,
      (await faultsIn(game, true, true)).map((fault) => `seed ${seed}, at the end: ${fault}`),
    );
  } finally {
    await db.destroy();
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
  }
}

async function result({ db, crashes }: Game, faults: string[]): Promise<Played> {
  const released = await db.selectFrom('cases').select('id').where('state', '=', 'released').execute();
  const minimal = await db.selectFrom('minimal_notices').select('case_id').execute();
  return { faults, released: released.length, minimal: minimal.length, crashes };
}

/** Refusals are answers; anything else but a crash is a fault, and thrown. */
async function act(game: Game): Promise<string> {
  const id = pick(game, game.beginning.ids);
  const person = pick(game, game.beginning.house.team);
  const [name, move] = pick(game, MOVES);
  const db = game.chance() < 0.15 ? game.db.withPlugin(dying(Math.floor(game.chance() * 20))) : game.db;
  const admin = game.chance() < 0.3;
  const by = { type: 'person', id: person.contactId, name: person.address, via: null } as const;
  const seams: Seams = { ...game.seams, db, by, role: admin ? 'admin' : 'team' };
  try {
    await move(game, seams, id, person);
  } catch (error) {
    if (!(error instanceof Refusal) && !(error instanceof Crash)) throw error;
  }
  return name;
}

type Move = (game: Game, seams: Seams, id: string, person: Person) => Promise<unknown>;

const text = (game: Game) => {
  game.texts += 1;
  return { subject: `MARK${game.texts}END`, text: `MARK${game.texts}END\n` };
};
const later = (game: Game, most: number) => game.seams.clock.now() + Math.ceil(game.chance() * most);
const of = async (seams: Seams, id: string) => {
  const found = await cases.byId(seams.db, id);
  if (!found) throw new Error(`${id} is gone`);
  return found;
};
const approving =
  (hash: (seams: Seams, id: string) => Promise<string | null>): Move =>
  async (game, seams, id, { contactId }) =>
    approve(seams, id, (await hash(seams, id)) ?? '', game.beginning.approvers.get(contactId) as Approver);

const bundle = approving(async (seams, id) => (await of(seams, id)).bundle_hash);
/** What a team does that wants its case out; the next moves may void it. */
const prepare: Move = async (game, seams, id) => {
  const { bundle_hash } = await schedule({ ...seams, role: 'admin' }, id, { releaseAt: later(game, 2 * DAY), ...text(game) });
  for (const { contactId } of game.beginning.house.team.slice(0, game.chance() < 0.8 ? 2 : 1))
    await approve({ ...seams, role: 'admin' }, id, bundle_hash ?? '', game.beginning.approvers.get(contactId) as Approver);
};
const toInstant: Move = async (game, seams, id) => {
  const { release_at } = await of(seams, id);
  const by = (release_at ?? 0) + Math.round((game.chance() - 0.5) * 2 * SECOND);
  if (by > truth(game)) game.wall.moveTo(game.wall.now() + by - truth(game));
};

/** What happens often stands there often. */
const MOVES: readonly [string, Move][] = [
  ['claim', (_, seams, id) => claim(seams, id, {})],
  ['hand over', (game, seams, id) => askToLead(seams, id, pick(game, game.beginning.house.team).contactId)],
  ['take over', (_, seams, id) => takeOver(seams, id)],
  ['staff', (game, seams, id, { contactId }) => staff(seams, id, game.chance() < 0.5 ? [] : [contactId])],
  ['describe', (_, seams, id) => describe(seams, id, KNOWN)],
  ['describe', (_, seams, id) => describe(seams, id, KNOWN)],
  [
    'patch',
    (game, seams, id) =>
      addPatch(seams, id, { name: 'fix.patch', bytes: Buffer.from(`+MARK${game.chance()}END\n`), replace: true }),
  ],
  ['take a patch out', async (_, seams, id) => withdrawPatch(seams, id, (await cases.patchFacts(seams.db, id))[0]?.id ?? 'none')],
  ['text', (game, seams, id) => setText(seams, id, text(game))],
  ['schedule', (game, seams, id) => schedule(seams, id, { releaseAt: later(game, 20 * DAY), ...text(game) })],
  ['schedule', (game, seams, id) => schedule(seams, id, { releaseAt: later(game, 2 * DAY), ...text(game) })],
  ['move the instant', (game, seams, id) => schedule(seams, id, { releaseAt: later(game, 5 * DAY) })],
  ...Array.from({ length: 5 }, () => ['prepare', prepare] as [string, Move]),
  ['approve the patches', approving((seams, id) => presentPatchSet(seams.db, id))],
  ['approve the schedule', approving(async (seams, id) => (await of(seams, id)).schedule_hash)],
  ['approve the bundle', bundle],
  ['approve the bundle', bundle],
  ['dispatch', (_, seams, id) => dispatch(seams, id, LISTS.distributors)],
  ['release now', (_, seams, id) => release(seams, id)],
  ['retrospective', (_, seams, id) => retrospect(seams, id, 'Well.')],
  ['close', (_, seams, id) => close(seams, id)],
  ['time passes', async (game) => game.wall.moveTo(game.wall.now() + Math.ceil(game.chance() * HOUR))],
  ['days pass', async (game) => game.wall.moveTo(game.wall.now() + Math.ceil(game.chance() * 3 * DAY))],
  ['the instant comes', toInstant],
  ['the instant comes', toInstant],
  ['the clock jumps', async (game) => jump(game, Math.round((game.chance() - 0.5) * 20 * DAY))],
  ['the clock is set right', async (game) => repair(game)],
  ['the process is started anew', restart],
];

function jump(game: Game, by: number): void {
  game.wrong += by;
  game.wall.jumpTo(game.wall.now() + by);
}

function repair(game: Game): void {
  jump(game, -game.wrong);
}

const watchOf = (seams: Seams, clock: WatchedClock) => createWatch(seams, clock, () => {}, silent);

async function restart(game: Game): Promise<void> {
  // What it knew of the time is in the database, and in the run of the machine that goes on.
  game.clock = await openClock(game.db, game.wall, DAY);
  game.seams = { ...game.seams, clock: game.clock };
  game.watch = watchOf(game.seams, game.clock);
  await deliveries.reclaim(game.db, null);
}

/** What the loops do once. True: nothing disturbed it. */
async function round(game: Game, calm = false): Promise<boolean> {
  const dies = !calm && game.chance() < 0.2;
  const db = dies ? game.db.withPlugin(dying(Math.floor(game.chance() * 60))) : game.db;
  const seams: Seams = { ...game.seams, db };
  const { signal, alarm } = once();
  try {
    await game.watch.look();
    await releaseLoop(seams, alarm, () => {}, silent, signal);
    await remind(seams, silent);
    await endLongest(seams, silent);
    await deliver(game, seams);
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
  }
  if (dies) {
    game.crashes += 1;
    await restart(game);
  }
  return !dies;
}

/** Ends a loop after its first turn. */
function once(): { signal: AbortSignal; alarm: Alarm } {
  const stopping = new AbortController();
  return { signal: stopping.signal, alarm: { ring: () => {}, sleep: async () => stopping.abort() } };
}

async function deliver(game: Game, seams: Seams): Promise<void> {
  await deliveries.reclaim(seams.db, seams.clock.now());
  const options = { batch: 50, lease: 15, giveUp: 3600, connections: 1 };
  const send: Parameters<typeof deliverBatch>[1] = async ({ to, raw }) => {
    const mail = Buffer.from(raw).toString();
    const messageId = /^Message-ID:\s*(\S+)/im.exec(mail)?.[1] ?? '';
    game.taken.push({ to, raw: mail, messageId, at: truth(game) });
    return { state: 'delivered', response: '250 2.0.0 taken' };
  };
  while ((await deliverBatch(seams, send, options, silent)) > 0);
}

const PUBLIC = [READER, OUTSIDE];

/** `calm`: the last round was not disturbed. */
async function faultsIn(game: Game, calm: boolean, end = false): Promise<string[]> {
  const all = [];
  for (const id of game.beginning.ids) all.push(await of(game.seams, id));
  const publicly = game.taken.filter(({ to }) => PUBLIC.includes(to));
  const faults: string[] = [];
  for (const mail of publicly) faults.push(...(await earlyOrOther(game, mail, all)));
  if (calm && game.wrong === 0 && game.clock.trusted()) {
    for (const about of all) faults.push(...missing(game, about, publicly));
    faults.push(...(await disagreeing(game, publicly)));
  }
  if (end) faults.push(...(await broken(game.db)));
  return [...new Set(faults)];
}

type Row = Awaited<ReturnType<typeof of>>;

async function earlyOrOther(game: Game, mail: Taken, all: readonly Row[]): Promise<string[]> {
  if (mail.raw.includes('without an advisory')) {
    if (/MARK/.test(mail.raw)) return ['the fixed words have others among them'];
    return all.some(({ received_at }) => mail.at >= received_at + LONGEST) ? [] : ['the end of an embargo was said early'];
  }
  const mark = /MARK\d+END/.exec(mail.raw)?.[0];
  if (mark === undefined) return [`something else went to ${mail.to}`];
  for (const about of all) {
    const draft = await game.db
      .selectFrom('posts')
      .select('content')
      .where('id', '=', about.draft_post_id ?? '')
      .executeTakeFirst();
    if (
      !Buffer.from(draft?.content ?? '')
        .toString()
        .includes(mark)
    )
      continue;
    if (about.state !== 'released') return [`${about.id} is public and not released`];
    if (mail.at < (about.release_at ?? Number.POSITIVE_INFINITY)) return [`${about.id} was public before its instant`];
    const approved = (await cases.approvals(game.db, about.id)).filter(({ hash }) => hash === about.bundle_hash);
    return new Set(approved.map(({ person_id }) => person_id)).size >= 2 ? [] : [`${about.id} was not approved by two`];
  }
  return [`${mark} is the text of no case as it stands`];
}

/** What ought to be public, and is not. */
function missing(game: Game, about: Row, publicly: readonly Taken[]): string[] {
  const { state, release_at, patch_set, distributed_set } = about;
  const asDistributed = distributed_set === null || patch_set === distributed_set;
  if (state === 'armed' && asDistributed && release_at !== null && release_at <= truth(game)) return [`${about.id} is late`];
  if (state !== 'released') return [];
  return PUBLIC.flatMap((to) => {
    const ids = new Set(
      publicly.filter((mail) => mail.to === to && !mail.raw.includes('without an advisory')).map((mail) => mail.messageId),
    );
    return ids.size === 0 ? [`${about.id} did not come to ${to}`] : [];
  });
}

/** The log and the mails: each public copy once, under one Message-ID, and a line for each. */
async function disagreeing(game: Game, publicly: readonly Taken[]): Promise<string[]> {
  const rows = await game.db
    .selectFrom('deliveries')
    .select(['id', 'message_id', 'state', 'address'])
    .where('audience', '=', 'public')
    .execute();
  const sent = new Set(publicly.map(({ messageId }) => messageId));
  const lines = await game.db.selectFrom('audit').select('subject').where('action', '=', 'delivery.delivered').execute();
  const logged = new Set(lines.map(({ subject }) => subject));
  const faults = rows.flatMap(({ id, message_id, state, address }) => {
    const said = [state === 'delivered', sent.has(message_id), logged.has(`delivery:${id}`)];
    return said.every((one) => one === said[0]) ? [] : [`${address}: settled, sent, logged: ${said}`];
  });
  const unknown = [...sent].filter((one) => !rows.some(({ message_id }) => message_id === one));
  const releases = await game.db.selectFrom('audit').select('subject').where('action', '=', 'case.release').execute();
  const released = await game.db.selectFrom('cases').select('id').where('state', '=', 'released').execute();
  if (unknown.length > 0) faults.push('a mail went out that no row has');
  if (releases.length !== released.length) faults.push(`${releases.length} releases are logged, of ${released.length}`);
  return faults;
}

/** Each line of the log names the one before. */
async function broken(db: Database): Promise<string[]> {
  let before = '0'.repeat(64);
  for await (const line of audit.lines(db)) {
    if (JSON.parse(line).prev !== before) return [`the audit log is broken at ${line.slice(0, 60)}`];
    before = createHash('sha256').update(line).digest('hex');
  }
  return [];
}
