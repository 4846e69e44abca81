import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { Kysely, type KyselyPlugin, SqliteDialect } from 'kysely';
import { DAY, type Instant, type MovingClock, movingClock } from '../../src/clock.ts';
import type { Approver } from '../../src/embargo/approve.ts';
import { createWatch, openClock, type Watch, type WatchedClock } from '../../src/embargo/clock-watch.ts';
import type { Pgp } from '../../src/pgp/pool.ts';
import type { Seams } from '../../src/seams.ts';
import * as cases from '../../src/store/cases.ts';
import { type Database, makeDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import type { Case, Schema } from '../../src/store/schema.ts';
import { outbox, silent } from '../delivery/outbox.ts';
import { actor, subscribe } from '../embargo/armed.ts';
import { chanceOf } from '../support/chance.ts';
import { type House, housing } from '../support/house.ts';

/*
 * What a game is played with. OpenPGP is left out: what is sealed can be read here, so that it can be looked at what people were told. The
 * database is SQLite in memory, with all that the migrations put there. Everything else is what runs.
 */

/** What all games begin with: a project with two reports. */
export interface Beginning {
  /** The database. */
  bytes: Buffer;
  house: House;
  ids: string[];
  /** Addresses of who reported them, in that order. */
  reporters: string[];
  approvers: Map<string, Approver>;
}

/** `folder`: where the database may be made. */
export async function begin(folder: string): Promise<Beginning> {
  const path = join(folder, 'template.db');
  const template = makeDatabase({ sqlite: path });
  await migrate(template);
  const house = await housing()(template);
  await subscribe(house);
  const reporters = ['rita@example.org', 'ron@example.org'];
  const ids: string[] = [];
  for (const reporter of reporters) ids.push(await house.report({}, reporter));
  const approvers = new Map<string, Approver>();
  for (const person of house.team) approvers.set(person.contactId, await actor(house, person));
  await outbox(house).drain();
  await template.destroy();
  const file = new Sqlite(path);
  // A log beside it is nothing that memory has.
  file.pragma('journal_mode = DELETE');
  const bytes = file.serialize();
  file.close();
  return { bytes, house, ids, reporters, approvers };
}

function inMemory(bytes: Buffer): Database {
  const database = new Sqlite(bytes);
  database.pragma('foreign_keys = ON');
  database.pragma('recursive_triggers = ON');
  return new Kysely<Schema>({ dialect: new SqliteDialect({ database }) });
}

const refuse = () => Promise.reject(new Error('not in this game'));
const BEGIN = '-----BEGIN PGP MESSAGE-----';
const END = '-----END PGP MESSAGE-----';
const SIGNED = { armored: `${BEGIN}\n\nAA==\n${END}\n`.replaceAll('MESSAGE', 'SIGNATURE'), micalg: 'pgp-sha256' };

/** Keeps what it is given as it is, and seals nothing. */
const plain: Pgp = {
  // The reports alone are opened, to be compared with what is said in public.
  open: async ({ raw }) => ({ subject: '', content: raw, aside: [] as Uint8Array[] }) as Awaited<ReturnType<Pgp['open']>>,
  keep: async (plaintext) => Buffer.from(plaintext),
  reopen: async (content) => Buffer.from(content),
  sign: async (entity) => entity,
  signApart: async () => SIGNED,
  seal: async (payload, certificates) => certificates.map(() => ({ armored: unencrypted(payload) })),
  sealShared: async (payload, certificates) => certificates.map(() => ({ armored: unencrypted(payload) })),
  readCertificate: refuse,
  hear: refuse,
  readKnown: refuse,
  layRevocations: refuse,
  renewCertificate: refuse,
  usable: async () => ({ usable: true }) as Awaited<ReturnType<Pgp['usable']>>,
  close: async () => {},
};

function unencrypted(payload: Uint8Array): string {
  return `${BEGIN}\n\n${Buffer.from(payload).toString('base64')}\n${END}\n`;
}

/** A mail as its reader has it, header and body. */
export function unsealed(raw: string): string {
  const from = raw.indexOf(BEGIN);
  if (from < 0) return raw;
  return Buffer.from(raw.slice(from + BEGIN.length, raw.indexOf(END)), 'base64').toString();
}

export class Crash extends Error {}

/** The process dies before its n-th statement from now on; what was not committed by then never was. */
export function dying(statements: number): KyselyPlugin {
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

/** A mail that the relay took. */
export interface Taken {
  to: string;
  /** Unsealed. */
  mail: string;
  subject: string;
  messageId: string;
  /** What time it was in truth. */
  at: Instant;
}

/** The word to the public that a fix will come. */
export interface Announced {
  by: string;
  instant: Instant;
  approvals: Set<string>;
}

export interface Proposed {
  to: Partial<Pick<Seen, 'text' | 'instant' | 'policies' | 'planner'>>;
  approvals: Set<string>;
  since: Instant | null;
}

export type Before = Pick<
  Seen,
  | 'aside'
  | 'armed'
  | 'bundles'
  | 'schedules'
  | 'counts'
  | 'countedAt'
  | 'planner'
  | 'instant'
  | 'policies'
  | 'agreed'
  | 'told'
  | 'publicTold'
  | 'noticedAt'
  | 'accepted'
  | 'before'
>;

/** What people did to a case, as whoever stands beside them and writes it down: nothing of it is read from the database. */
export interface Seen {
  id: string;
  received: Instant;
  policies: Set<string>;
  /** What the public will read: a word that stands in it, and in each patch; `note`: that the case is withdrawn. */
  text: string | 'note' | null;
  patches: Map<string, string>;
  instant: Instant | null;
  /** Who approved what stands there, since it was changed last. */
  approvals: Set<string>;
  armed: boolean;
  /** What waits beside what is armed, who approved that, and since when nobody has looked whether it was said. */
  proposed: Proposed | null;
  /** That two people stood behind last. */
  agreed: Instant | null;
  /** That members were told last. */
  told: Instant | null;
  /** That the public was told last. */
  publicTold: Instant | null;
  /** Somebody of those who approved left the team, and a round that was disturbed may have taken it back. */
  maybe: Instant | null;
  /** When it was armed no more, and nobody has looked yet whether that was said. */
  disarmedAt: Instant | null;
  /** Who stands behind the instant, and whether two did. */
  planners: Set<string>;
  planner: string | null;
  counts: boolean;
  /** Since when they did. */
  countedAt: Instant | null;
  /** How many schedules and bundles there were: what has the same number is the same one. */
  schedules: number;
  bundles: number;
  noticedAt: Instant | null;
  fixReadyAt: Instant | null;
  announced: Announced | null;
  accepted: Instant | null;
  aside: 'leaked' | 'public' | 'withdrawn' | 'rejected' | null;
  publicAt: Instant | null;
  /** When it was decided that a leak is released. */
  decidedAt: Instant | null;
  /** As it stood when it was set aside. */
  before: Before | null;
  closed: boolean;
  lead: string | null;
  deputy: string | null;
  asked: string | null;
  staff: Set<string>;
  /** Addresses of members; null for all. */
  insiders: Set<string> | null;
  /** What stood in the patches that were dispatched last; null before the first dispatch. */
  sent: string[] | null;
  /** As it stood when it was found to be released. */
  released: { at: Instant; instant: Instant | null; text: string | null; patches: string[]; people: number } | null;
  /** Since when it is overdue, and who handled it then. */
  overdue: { since: Instant; people: string[] } | null;
}

/** `received`: all of it happened to a case as it came in. */
function seenOf(id: string, received: Instant, policy: string): Seen {
  return {
    id,
    received,
    policies: new Set([policy]),
    text: null,
    patches: new Map(),
    instant: null,
    approvals: new Set(),
    armed: false,
    proposed: null,
    agreed: null,
    told: null,
    publicTold: null,
    maybe: null,
    disarmedAt: null,
    planners: new Set(),
    planner: null,
    counts: false,
    countedAt: null,
    schedules: 0,
    bundles: 0,
    noticedAt: null,
    fixReadyAt: null,
    announced: null,
    accepted: null,
    aside: null,
    publicAt: null,
    decidedAt: null,
    before: null,
    closed: false,
    lead: null,
    deputy: null,
    asked: null,
    staff: new Set(),
    insiders: null,
    sent: null,
    released: null,
    overdue: null,
  };
}

export interface Game {
  db: Database;
  beginning: Beginning;
  wall: MovingClock;
  clock: WatchedClock;
  seams: Seams;
  watch: Watch;
  policy: string;
  /** By how much the wall clock is wrong, and when it was set right or the process was started last. */
  wrong: number;
  rightSince: Instant;
  taken: Taken[];
  seen: Map<string, Seen>;
  /** Ids of those who are of the team. */
  team: Set<string>;
  /** Addresses of members who are suspended, and of those who are retired. */
  suspended: Set<string>;
  retired: Set<string>;
  /** Until when the relay puts off what is for an address, or the mail with a Message-ID. */
  putsOff: Map<string, Instant>;
  /** Addresses of which it will put off the next mail alone, as a scanner may, and until when. */
  putsOffNext: Map<string, Instant>;
  /** What it has put off, and not taken since, by Message-ID. `alone`: it takes everything else to that address. */
  putOff: Map<string, Taken & { alone: boolean }>;
  /** How often it did so. */
  deferred: number;
  /** Addresses of those who ever had to wait for something. */
  waited: Set<string>;
  /** Since when what a member was told last is not so, by case and address. */
  wrongly: Map<string, Instant>;
  chance: () => number;
  texts: number;
  crashes: number;
  /** How often each action was done; what is logged has to say the same. */
  done: Map<string, number>;
  /** What broke while somebody did something. */
  faults: string[];
}

/** One for each game, by its seed. */
export const POLICIES = ['k8s-2017', 'k8s', 'kernel', 'linux-distros'] as const;

export async function newGame(beginning: Beginning, seed: number): Promise<Game> {
  const { house, ids, bytes } = beginning;
  const db = inMemory(bytes);
  const wall = movingClock(house.clock.now());
  const clock = await openClock(db, wall, DAY);
  const policy = POLICIES[seed % POLICIES.length] ?? POLICIES[0];
  const seams: Seams = { ...house, project: { ...house.project, usual: [policy] }, db, clock, pgp: plain };
  return {
    db,
    beginning,
    wall,
    clock,
    seams,
    watch: watchOf(seams, clock),
    policy,
    wrong: 0,
    rightSince: wall.now(),
    taken: [],
    seen: new Map(ids.map((id) => [id, seenOf(id, wall.now(), policy)])),
    team: new Set(house.team.map(({ contactId }) => contactId)),
    suspended: new Set(),
    retired: new Set(),
    putsOff: new Map(),
    putsOffNext: new Map(),
    putOff: new Map(),
    deferred: 0,
    waited: new Set(),
    wrongly: new Map(),
    chance: chanceOf(seed),
    texts: 0,
    crashes: 0,
    done: new Map(),
    faults: [],
  };
}

export const watchOf = (seams: Seams, clock: WatchedClock) => createWatch(seams, clock, () => {}, silent);

export const truth = ({ wall, wrong }: Game): Instant => wall.now() - wrong;

export const pick = <Item>(game: Game, items: readonly Item[]): Item => items[Math.floor(game.chance() * items.length)] as Item;

export async function rowOf({ db }: Pick<Seams, 'db'>, id: string): Promise<Case> {
  const found = await cases.byId(db, id);
  if (!found) throw new Error(`${id} is gone`);
  return found;
}

/** It is armed no more; what was proposed is what stands there then. */
export function disarmed(about: Seen): void {
  const { to } = about.proposed ?? { to: {} };
  Object.assign(about, to, { proposed: null, armed: false, maybe: null });
  if ('instant' in to) plannedAnew(about);
  about.approvals = new Set();
  about.bundles += 1;
}

/** Its planner alone stands behind the instant. */
export function plannedAnew(about: Seen): void {
  Object.assign(about, { planners: new Set(about.planner === null ? [] : [about.planner]), counts: false, countedAt: null });
  about.schedules += 1;
}

/** Those of them who are of the team now. */
export const standing = ({ team }: Game, people: Iterable<string | null>): string[] => [
  ...new Set([...people].filter((id) => id !== null && team.has(id)) as string[]),
];
