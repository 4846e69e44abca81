import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { splitAddress } from '../mail/address.ts';
import type { LooseCertificate } from '../pgp/certificate-bytes.ts';
import { Refusal } from '../refusal.ts';
import { organisationsFromCsv } from '../roster/csv.ts';
import type { SchleuderReport, SchleuderSource } from '../roster/schleuder.ts';
import { byPrimary, type FoundSubscription, type Remark } from '../roster/subscribers.ts';
import { readSchleuder, type Subscription } from '../store/schleuder.ts';
import { readText } from './file.ts';
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

export interface Source extends SchleuderSource {
  lists: ListFate[];
}

/**
 * Reads the database of Schleuder, and out of the GnuPG home of each list that is named the certificates of all that are subscribed
 * to one of these, and those of `known` (fingerprints). `progress` is told how many of how many keys were looked for.
 */
export async function readSource(
  { schleuder, list: mapping = new Map(), listsDir, organisations }: SchleuderOptions,
  known: readonly string[],
  progress: (done: number, total: number) => void,
): Promise<Source> {
  const database = databaseOf(schleuder);
  const { lists, subscriptions } = readSchleuder(database);
  for (const from of mapping.keys())
    if (!lists.includes(from)) throw new Refusal('invalid', `${from} is no list of ${database}; there are ${lists.join(', ')}`);
  const csv = organisations === undefined ? '' : readText(organisations);
  const homes = listsDir ?? join(dirname(database), 'lists');
  const named = [...subscriptions.filter(({ list }) => mapping.has(list)).map(({ fingerprint }) => fingerprint), ...known];
  const wanted = [...new Set(named)].filter((one) => FINGERPRINT.test(one));
  const held = new Map<string, LooseCertificate[]>();
  let done = 0;
  for (const from of mapping.keys()) {
    const told = (more: number) => {
      done += more;
      progress(done, wanted.length * mapping.size);
    };
    held.set(from, await certificatesAt(homeOf(homes, from), wanted, told));
  }
  const certificates = [...held.values()].flat();
  const copies = byPrimary(certificates);
  return {
    lists: lists.map((list) => ({
      list,
      to: mapping.get(list) ?? null,
      subscriptions: subscriptions.filter((one) => one.list === list).length,
    })),
    subscriptions: [...mapping].flatMap(([from, to]) => {
      const own = subscriptions.filter(({ list }) => list === from);
      return withCertificates(own, { to, home: held.get(from) ?? [], copies });
    }),
    certificates,
    organisations: organisations === undefined ? new Map() : organisationsFromCsv(csv),
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

/** Of version 4: GnuPG holds none of version 6, and version 2.2 fails where it is asked for one. */
const FINGERPRINT = /^[0-9A-F]{40}$/;

/** `home`: what that of their list has; `copies`: what all homes have, by primary key. */
function withCertificates(
  subscriptions: readonly Subscription[],
  { to, home, copies }: { to: string; home: readonly LooseCertificate[]; copies: ReadonlyMap<string, LooseCertificate[]> },
): FoundSubscription[] {
  const primaries = new Set(home.map(({ fingerprints: [primary] }) => primary));
  const byAny = new Map<string, Set<string>>();
  for (const { fingerprints } of home)
    for (const one of fingerprints) byAny.set(one, (byAny.get(one) ?? new Set()).add(fingerprints[0] ?? ''));
  // A subkey was named by hand; nothing has proved yet that it belongs to where it lies.
  const primariesOf = (fingerprint: string) => (primaries.has(fingerprint) ? [fingerprint] : [...(byAny.get(fingerprint) ?? [])]);
  const certificatesOf = (fingerprint: string) => primariesOf(fingerprint).flatMap((primary) => copies.get(primary) ?? []);
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
