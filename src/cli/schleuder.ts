import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { splitAddress } from '../mail/address.ts';
import { Refusal } from '../refusal.ts';
import { organisationsFromCsv } from '../roster/csv.ts';
import type { SchleuderReport } from '../roster/schleuder.ts';
import type { FoundSubscription, Organisations, Remark } from '../roster/subscribers.ts';
import { readSchleuder, type Subscription } from '../store/schleuder.ts';
import { readNamed } from './file.ts';
import { certificatesAt } from './gnupg.ts';

/** Which list of Schleuder (its address in lower case) becomes which one here. */
export type Mapping = ReadonlyMap<string, string>;

export interface SchleuderOptions {
  /** Its folder or its database. */
  schleuder: string;
  list?: Mapping;
  listsDir?: string;
  organisations?: string;
}

/** For `--list old@x=distributors@y`, as often as it is given. */
export function listMapping(text: string, before: Mapping = new Map()): Mapping {
  const [from = '', to = '', ...more] = text.toLowerCase().split('=');
  const fits = [from, to].every((address) => /^[^@\s]+@[^@\s]+$/.test(address));
  if (!fits || more.length > 0) throw new InvalidArgumentError('As in security@old.example=distributors@orbit.example.');
  if (before.has(from)) throw new InvalidArgumentError(`${from} can become one list.`);
  return new Map([...before, [from, to]]);
}

/** A list of Schleuder, and what becomes of it. */
export interface ListFate {
  list: string;
  /** Null where no `--list` names it. */
  to: string | null;
  subscriptions: number;
}

export interface Source {
  lists: ListFate[];
  subscriptions: FoundSubscription[];
  organisations: Organisations;
}

/**
 * Reads the database of Schleuder, and out of the GnuPG home of each list that is named the certificates of its subscribers.
 * `progress` is told how many of how many keys were looked for.
 */
export async function readSource(
  { schleuder, list: mapping = new Map(), listsDir, organisations }: SchleuderOptions,
  progress: (done: number, total: number) => void,
): Promise<Source> {
  const database = databaseOf(schleuder);
  const { lists, subscriptions } = readSchleuder(database);
  for (const from of mapping.keys())
    if (!lists.includes(from)) throw new Refusal('invalid', `${from} is no list of ${database}; there are ${lists.join(', ')}`);
  const named = organisations === undefined ? '' : readNamed(organisations).toString('utf8');
  const homes = listsDir ?? join(dirname(database), 'lists');
  const wanted = subscriptions.filter(({ list }) => mapping.has(list));
  const found: FoundSubscription[] = [];
  let done = 0;
  for (const [from, to] of mapping) {
    const own = wanted.filter(({ list }) => list === from);
    const told = (more: number) => {
      done += more;
      progress(done, wanted.length);
    };
    found.push(...(await withCertificates(own, { home: homeOf(homes, from), to, told })));
  }
  return {
    lists: lists.map((list) => ({
      list,
      to: mapping.get(list) ?? null,
      subscriptions: subscriptions.filter((one) => one.list === list).length,
    })),
    subscriptions: found,
    organisations: organisations === undefined ? new Map() : organisationsFromCsv(named),
  };
}

/** Where Debian puts them: `db.sqlite` and `lists` in one folder. */
function databaseOf(path: string): string {
  const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const database = folder ? join(path, 'db.sqlite') : path;
  if (!existsSync(database)) throw new Refusal('not-found', `There is no database ${database}`);
  return database;
}

/** `lists/old.example/security` */
function homeOf(homes: string, list: string): string {
  const { local, domain } = splitAddress(list);
  return join(homes, domain, local);
}

const FINGERPRINT = /^([0-9A-F]{40}|[0-9A-F]{64})$/;

async function withCertificates(
  subscriptions: readonly Subscription[],
  { home, to, told }: { home: string; to: string; told: (more: number) => void },
): Promise<FoundSubscription[]> {
  const wanted = [...new Set(subscriptions.map(({ fingerprint }) => fingerprint).filter((one) => FINGERPRINT.test(one)))];
  const byPrimary = new Map<string, FoundSubscription['certificates']>();
  const byAny = new Map<string, FoundSubscription['certificates']>();
  for (const certificate of await certificatesAt(home, wanted, told)) {
    const [primary = ''] = certificate.fingerprints;
    byPrimary.set(primary, [...(byPrimary.get(primary) ?? []), certificate]);
    for (const one of certificate.fingerprints) byAny.set(one, [...(byAny.get(one) ?? []), certificate]);
  }
  // A subkey was named by hand; nothing has proved yet that it belongs to where it lies.
  const certificatesOf = (fingerprint: string) => byPrimary.get(fingerprint) ?? byAny.get(fingerprint) ?? [];
  return subscriptions.map((one) => ({ ...one, to, certificates: certificatesOf(one.fingerprint) }));
}

/** What people are told below the counts. */
export function reportLines(lists: readonly ListFate[], { leftOut, notes }: SchleuderReport): string[] {
  return [
    ...lists.map(({ list, to, subscriptions }) =>
      to === null
        ? `  ${list} (${subscriptions} subscriptions): left out, as no --list names it`
        : `  ${list} (${subscriptions} subscriptions): to ${to}`,
    ),
    ...section('Left out', leftOut),
    ...section('To be looked at', notes),
  ];
}

function section(title: string, remarks: readonly Remark[]): string[] {
  if (remarks.length === 0) return [];
  const line = ({ list, address, remark }: Remark) =>
    `  ${address ?? 'an address'}${list === null ? '' : ` (${list})`}: ${remark}`;
  return [`${title}: ${remarks.length}`, ...remarks.map(line)];
}
