import { readFileSync } from 'node:fs';
import { HOUR, MINUTE, SECOND, systemClock } from '../../src/clock.ts';
import { type Act, type ScriptedRelay, type Stage, scriptedRelay } from '../smtp/scripted-relay.ts';
import { arm, dispatch } from '../stories/embargo.ts';
import { type Chance, chanceOf } from '../support/chance.ts';
import { type Instance, openInstance } from '../support/instance.ts';
import { metric } from '../support/metric.ts';
import { type Experiment, nothingYet, type Outcome, type Setup } from './experiment.ts';
import { faultOfLog } from './log-holds.ts';
import { type Handed, mixedMail, REFUSED } from './mixed-mail.ts';

/** Of one life, which is a round. */
const LIFE = 60 * SECOND;
const CLIENTS = 3;
/** Silence of the relay before a connection is given up, in seconds. */
const PATIENCE = 2;
/** What the relay does where it fails, and at which of its stages in a hundred: a third of the copies meets one of them. */
const FAILURES: readonly Act[] = ['451 4.3.0 not now', '421 4.3.2 going down', 'drop', 'garbage', 'hang'];
const STAGES: readonly Stage[] = ['greeting', 'mail', 'rcpt', 'data', 'dot'];
const SHARE = 0.07;
/** Within it all that waits must be sent once the relay behaves again. */
const CATCHES_UP = 5 * MINUTE;
/** Of those at RCPT or the dot: it refuses the copy for good. */
const REFUSES = 0.1;
/** The relay has taken at most so many copies, and said so, when a process ends before it has noted that: four times its connections. */
const IN_HAND = 40;
/** Of fewer lives than this the memory tells nothing. */
const LIVES_TO_TELL = 20;
/** By how much of that of the first quarter the RSS of the last one may be greater: one life differs from the next by a sixth. */
const GROWTH = 0.4;

interface Memory {
  rss: number;
  heap: number;
}

export interface Soak extends Setup {
  /** The relay behaves again, all that waits is due: what is then not accounted for is a fault. */
  account(): Promise<Outcome>;
  /** In MiB, at the end of each life. */
  memory: Memory[];
}

/**
 * Mixed mail, dispatches, a relay that fails a third of the time in all ways, a restart each minute, by SIGTERM and SIGKILL in turn. Every mail
 * with a 250 is there, once; every copy is delivered, or has failed with a reason that the relay gave; what comes again after a 250 was in hand
 * at a restart; memory stays flat. That is asked every five lives, and when all are over.
 */
export const soak: Experiment = {
  name: 'soak',
  title: 'mixed mail, a failing relay, a restart each minute',
  rounds: 30,
  short: 0,
  controls: [
    { variant: 'marked-unsent', rounds: 1 },
    { variant: 'sent-twice', rounds: 1 },
  ],
  absent: () => null,
  open: async () => {
    const open = await openSoak();
    return {
      close: open.close,
      end: open.account,
      round: async (seed) => {
        const lived = await open.round(seed);
        if (seed % 5 !== 0) return lived;
        const { faults, seen, ...found } = await open.account();
        return { ...lived, ...found, acknowledged: lived.acknowledged, faults: [...lived.faults, ...faults] };
      },
    };
  },
};

/** What was said of it so far. */
interface Books {
  house: Instance;
  relay: ScriptedRelay;
  /** How often each Message-ID was taken by the relay, or may have been. */
  came: Map<string, number>;
  /** How often the relay took it and said so. */
  answered: Map<string, number>;
  restarts: number;
  /** Ids of the posts that a 250 named. */
  taken: string[];
  /** Handed in, and not answered yet. */
  pending: Handed[];
  number: number;
  duplicates: number;
  memory: Memory[];
}

export async function openSoak(life = LIFE): Promise<Soak> {
  let fails = true;
  const chance = chanceOf(1);
  const relay = await scriptedRelay((stage) => {
    if (!fails || !STAGES.includes(stage) || chance() >= SHARE) return undefined;
    const forGood = (stage === 'rcpt' || stage === 'dot') && chance() < REFUSES;
    return forGood ? '554 5.7.1 no' : FAILURES[Math.floor(chance() * FAILURES.length)];
  });
  const house = await openInstance({ relay, options: { relay: { timeout: PATIENCE } } });
  const books: Books = {
    house,
    relay,
    came: new Map(),
    answered: new Map(),
    restarts: 0,
    taken: [],
    pending: [],
    number: 0,
    duplicates: 0,
    memory: [],
  };
  return {
    memory: books.memory,
    round: async (seed) => {
      fails = true;
      return live(books, seed, life);
    },
    account: async () => {
      fails = false;
      return account(books);
    },
    async close() {
      await house.close();
      await relay.close();
    },
  };
}

async function live(books: Books, seed: number, life: number): Promise<Outcome> {
  const { house } = books;
  const outcome = nothingYet();
  const chance = chanceOf(seed);
  const until = systemClock.now() + life;
  const before = books.taken.length;
  const seen: Record<string, number> = {};
  const ends = new AbortController();
  const clients = Array.from({ length: CLIENTS }, () => client(books, chance, seen, outcome, until));
  const embargo = somebodyDispatches(books, chance, seen, until);
  await systemClock.sleep(until - systemClock.now(), ends.signal);
  books.memory.push(await memoryOf(house));
  // In the middle of whatever they do.
  await (seed % 2 === 0 ? house.stop() : house.kill());
  await Promise.all([...clients, embargo]);
  books.restarts += 1;
  house.makeDue();
  await house.start();
  balance(books);
  outcome.acknowledged = books.taken.length - before;
  return { ...outcome, seen };
}

/** Hands in one after the other, as mail servers do: again, where it was not answered. */
async function client(
  books: Books,
  chance: Chance,
  seen: Record<string, number>,
  outcome: Outcome,
  until: number,
): Promise<void> {
  while (systemClock.now() < until) {
    const mail = books.pending.shift() ?? (await another(books, chance));
    const fault = await handIn(books, mail, seen);
    if (fault !== null) outcome.faults.push(fault);
    await systemClock.sleep(200 * chance());
  }
}

async function another(books: Books, chance: Chance): Promise<Handed> {
  books.number += 1;
  const { number } = books;
  const words = { subject: `About ${number}`, text: `Mail ${number} says ${chance()}.\n`.repeat(1 + Math.floor(chance() * 200)) };
  return mixedMail(books.house, chance, number, words);
}

/** Null: as it must be. */
async function handIn(books: Books, mail: Handed, seen: Record<string, number> = {}): Promise<string | null> {
  const reply = await books.house.send(mail.from, mail.to, mail.raw).catch(() => '');
  const count = (what: string) => {
    seen[what] = (seen[what] ?? 0) + 1;
  };
  if (/^5/.test(reply) && REFUSED.has(mail.kind)) {
    count(`${mail.kind} refused`);
    return null;
  }
  if (/^250/.test(reply) && !REFUSED.has(mail.kind)) {
    count(`${mail.kind} taken`);
    books.taken.push(/Accepted as (\w+)/.exec(reply)?.[1] ?? reply);
    return null;
  }
  if (reply === '' || reply.startsWith('4')) {
    count('not answered, or put off');
    books.pending.push(mail);
    return null;
  }
  return `a mail (${mail.kind}) was answered ${reply}`;
}

/** The newest case that is nobody's yet is armed for later, and dispatched; whoever finds the server down leaves it. */
async function somebodyDispatches({ house }: Books, chance: Chance, seen: Record<string, number>, until: number): Promise<void> {
  const done = new Set<string>();
  while (systemClock.now() < until - 5 * SECOND) {
    await systemClock.sleep(5 * SECOND + 5 * SECOND * chance());
    const [about] = house.rows<{ id: string }>(`select id from cases where release_at is null order by id desc limit 1`);
    if (!about || done.has(about.id)) continue;
    done.add(about.id);
    const dispatched = arm(house, about.id, { releaseAt: systemClock.now() + 1000 * HOUR }).then(() => dispatch(house, about.id));
    await dispatched.then(
      () => {
        seen['dispatched'] = (seen['dispatched'] ?? 0) + 1;
      },
      () => undefined,
    );
  }
}

async function memoryOf(house: Instance): Promise<Memory> {
  const rss = Number(/^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${house.pid}/status`, 'latin1'))?.[1]) / 1024;
  const heap = (await metric(house, 'nodejs_heap_size_used_bytes')) / 2 ** 20;
  return { rss: Math.round(rss), heap: Math.round(heap) };
}

/** Takes down what came, and keeps nothing of it. */
function balance({ relay, came, answered }: Books): void {
  for (const mail of relay.came.splice(0)) {
    if (!mail.taken) continue;
    const { raw } = mail;
    const id = /^Message-ID: (\S+)/im.exec(raw)?.[1] ?? `none in: ${JSON.stringify(raw.slice(0, 400))}`;
    came.set(id, (came.get(id) ?? 0) + 1);
    if (mail.answered) answered.set(id, (answered.get(id) ?? 0) + 1);
  }
  relay.mails.length = 0;
  relay.commands.length = 0;
}

interface Row {
  id: string;
  state: string;
  reason: string | null;
  response: string | null;
  message_id: string;
}

/** What came more than once, and how often in all. */
function again(times: ReadonlyMap<string, number>): number {
  return [...times.values()].reduce((sum, many) => sum + many - 1, 0);
}

/** The middle one of the lives in the first and in the last quarter; an odd one among them says nothing. */
export function quarters(memory: readonly Memory[]): { first: Memory; last: Memory } {
  const quarter = Math.max(1, Math.floor(memory.length / 4));
  const middle = (lives: readonly Memory[], of: keyof Memory) =>
    lives.map((life) => life[of]).sort((one, other) => one - other)[Math.floor(lives.length / 2)] ?? 0;
  const both = (lives: readonly Memory[]) => ({ rss: middle(lives, 'rss'), heap: middle(lives, 'heap') });
  return { first: both(memory.slice(0, quarter)), last: both(memory.slice(-quarter)) };
}

/** Null: memory is flat, or nobody can tell yet. */
export function growth(memory: readonly Memory[]): string | null {
  const { first, last } = quarters(memory);
  if (memory.length < LIVES_TO_TELL || last.rss <= first.rss * (1 + GROWTH)) return null;
  return `memory has grown from ${first.rss} MiB in the first quarter to ${last.rss} MiB in the last`;
}

async function account(books: Books): Promise<Outcome> {
  const { house, taken, came } = books;
  const outcome = nothingYet();
  const fault = (what: string) => outcome.faults.push(what);
  const until = systemClock.now() + CATCHES_UP;
  while (books.pending.length > 0 && systemClock.now() < until) {
    const wrong = await handIn(books, books.pending.shift() as Handed);
    if (wrong !== null) fault(wrong);
    await systemClock.sleep(50);
  }
  if (books.pending.length > 0) fault(`${books.pending.length} mails are put off for more than ${CATCHES_UP / MINUTE} minutes`);
  const open = () => house.rows(`select id from deliveries where state in ('queued', 'leased', 'deferred') limit 1`).length > 0;
  // What never goes is found below, as each copy that is not where it must be.
  for (let turns = 0, goes = true; goes && open() && turns < 20; turns++) {
    await house.stop();
    books.restarts += 1;
    house.makeDue();
    await house.start();
    goes = await house.settled(CATCHES_UP).then(
      () => true,
      () => false,
    );
  }
  balance(books);

  const there = house
    .rows<{ id: string }>(`select id from posts where kind in ('report', 'post', 'request')`)
    .map(({ id }) => id);
  const missing = [...new Set(taken)].filter((id) => !there.includes(id));
  outcome.lost = missing.length;
  if (missing.length > 0) fault(`${missing.length} mails with a 250 are not there`);
  if (there.length !== new Set(taken).size) fault(`${there.length} mails are there, and ${new Set(taken).size} had a 250`);

  const rows = house.rows<Row>('select id, state, reason, response, message_id from deliveries');
  for (const { state, reason, response, message_id } of rows) {
    const times = came.get(message_id) ?? 0;
    if (state === 'delivered' && times === 0) {
      outcome.lost += 1;
      fault('a copy is delivered that the relay never had');
    } else if (state === 'failed' && !(reason === 'rejected' && response?.startsWith('554')))
      fault(`a copy has failed: ${reason}`);
    else if (state !== 'delivered' && state !== 'failed') fault(`a copy is ${state}: ${reason}`);
  }
  const known = new Set(rows.map(({ message_id }) => message_id));
  for (const id of came.keys()) if (!known.has(id)) fault(`a mail of the relay is no copy that is known: ${id}`);
  const twice = again(came);
  const unasked = again(books.answered);
  if (unasked > IN_HAND * books.restarts)
    fault(`${unasked} copies came again that the relay had said to have, after ${books.restarts} restarts`);
  const grown = growth(books.memory);
  if (grown !== null) fault(grown);
  outcome.duplicates = twice - books.duplicates;
  books.duplicates = twice;
  const failed = rows.filter(({ state }) => state === 'failed').length;
  const wrong = await faultOfLog(house);
  if (wrong !== null) fault(wrong);
  return { ...outcome, seen: { copies: rows.length, 'refused for good': failed } };
}
