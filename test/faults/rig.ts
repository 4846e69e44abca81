import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../../src/embargo/bundle.ts';
import type { Chance } from '../support/chance.ts';
import { clearMail, encryptedMail } from '../support/compose.ts';
import { LISTS } from '../support/house.ts';
import { type Instance, openInstance, type Setting } from '../support/instance.ts';
import { makeParty } from '../support/party.ts';
import { type Sink, startSink } from '../support/sink.ts';
import type { Outcome } from './experiment.ts';
import { type Acknowledged, type Outgoing, type Stream, stream, streamOf } from './stream.ts';

/** A project that is served as a process, and the relay behind it. */
export interface Rig {
  house: Instance;
  sink: Sink;
  /** A copy of the folder of its database before it ever took a mail. */
  first: string;
  /** While it is dead: the database is what it was at first. */
  fresh(): void;
  close(): Promise<void>;
}

/** Its log says little, so that what it writes is the database. */
export async function openRig(setting: Omit<Setting, 'relay'> = {}): Promise<Rig> {
  const sink = await startSink();
  const house = await openInstance({ relay: sink, log: 'warn', ...setting });
  await house.stop();
  const [data, first] = [join(house.dir, 'data'), join(house.dir, 'data-at-first')];
  if (!setting.database) cpSync(data, first, { recursive: true });
  return {
    house,
    sink,
    first,
    fresh() {
      // The folder itself may be where something is mounted.
      for (const name of readdirSync(data)) rmSync(join(data, name), { recursive: true });
      cpSync(first, data, { recursive: true });
    },
    async close() {
      await house.close();
      await sink.close();
    },
  };
}

/** After so many rounds the database is as it was at first: what a start costs grows with it. */
const ROUNDS_A_DATABASE = 25;

/**
 * Rounds of a project that is served, and of what it has acknowledged since its database was as at first. `renewed`: called when that is so
 * again, before it is started.
 */
export function rounds(
  rig: Rig,
  round: (seed: number, known: Acknowledged[]) => Promise<Outcome>,
  renewed: () => void = () => {},
): (seed: number) => Promise<Outcome> {
  const known: Acknowledged[] = [];
  let played = 0;
  return async (seed) => {
    if (++played % ROUNDS_A_DATABASE === 0) {
      await rig.house.kill();
      rig.fresh();
      renewed();
      known.length = 0;
      await rig.house.start();
    }
    return round(seed, known);
  };
}

const OWNER = LISTS.security.replace('@', '-owner@');
const REPORTERS = ['rita', 'ron', 'rosa', 'rolf'].map((name) => `${name}@research.example`);

/** Reports, sealed and in clear, some for the people behind the list as well, and some that name the list twice. */
export function reports(house: Instance, chance: Chance): () => Promise<Outgoing> {
  return async () => {
    const from = REPORTERS[Math.floor(chance() * REPORTERS.length)] ?? '';
    const to = chance() < 0.2 ? [LISTS.security, OWNER] : chance() < 0.2 ? [LISTS.security, LISTS.security] : [LISTS.security];
    const writer = await makeParty(from);
    const text = `It crashes.\n${'x'.repeat(Math.floor(chance() ** 4 * 60))}\n`.repeat(1 + Math.floor(chance() ** 4 * 2000));
    const letter = { from: writer, to: LISTS.security, subject: 'A hole', text };
    const recipients = [await house.certificate(LISTS.security)];
    const raw =
      chance() < 0.5
        ? await encryptedMail({ ...letter, outerSubject: '...' }, { recipients, signer: writer })
        : clearMail(letter);
    return { from, to, raw };
  };
}

const CLIENTS = 4;

/** Clients that stream reports in. `answered`: the first of their mails was, or all of them were cut off. */
export function streamIn(house: Instance, chance: Chance): { streams: Stream[]; answered: Promise<unknown> } {
  let heard = () => {};
  const first = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const streams = Array.from({ length: CLIENTS }, () => stream(house.smtpPort, reports(house, chance), heard));
  return { streams, answered: Promise.race([first, Promise.all(streams.map(({ ended }) => ended))]) };
}

/** What was cut off is sent again, as servers do, and one mail that nobody has sent yet: each is taken, or that is a fault. */
export async function sentAgain(
  house: Instance,
  chance: Chance,
  cutOff: readonly Outgoing[],
): Promise<{ acknowledged: Acknowledged[]; faults: string[] }> {
  const mails = [...cutOff, await reports(house, chance)()];
  const left = mails.values();
  const { acknowledged, refused, ended } = streamOf(house.smtpPort, mails.length, async () => left.next().value as Outgoing);
  await ended;
  const isTaken = ({ raw, to }: Outgoing) => {
    const of = acknowledged.filter(({ digest }) => digest === sha256(raw)).flatMap((one) => one.to);
    return to.every((address) => of.includes(address));
  };
  const why = [...refused.keys()].join(', ') || 'no answer';
  return {
    acknowledged,
    faults: mails.filter((mail) => !isTaken(mail)).map(() => `after the restart a mail was not taken: ${why}`),
  };
}

/**
 * What was acknowledged and has not a row of its own for each of its recipients, or has more. Each is a line. `unanswered`: what may be there
 * or not, as nobody was told.
 */
export function missing(
  house: Instance,
  acknowledged: readonly Acknowledged[],
  unanswered: readonly Acknowledged[] = [],
): string[] {
  const wanted = new Map<string, { taken: Set<string>; most: Set<string> }>();
  const add = ({ digest, to }: Acknowledged, key: 'taken' | 'most') => {
    const one = wanted.get(digest) ?? { taken: new Set(), most: new Set() };
    wanted.set(digest, one);
    for (const address of to) one[key].add(address.toLowerCase());
  };
  for (const one of acknowledged) for (const key of ['taken', 'most'] as const) add(one, key);
  for (const one of unanswered) add(one, 'most');
  const rows = house.rows<{ digest: string; times: number }>('select digest, count(*) as times from posts group by digest');
  const there = new Map(rows.map(({ digest, times }) => [digest, times]));
  return [...wanted].flatMap(([digest, { taken, most }]) => {
    const times = there.get(digest) ?? 0;
    return taken.size <= times && times <= most.size
      ? []
      : [`the mail ${digest.slice(0, 12)} was taken ${taken.size} times and is there ${times} times`];
  });
}

/** What SQLite says of the file. */
export function integrity(house: Instance): string[] {
  return house
    .rows<{ integrity_check: string }>('pragma integrity_check')
    .map(({ integrity_check: line }) => line)
    .filter((line) => line !== 'ok')
    .map((line) => `integrity_check: ${line}`);
}
