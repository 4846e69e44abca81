import { type Clock, DAY, type Instant, toIso } from '../clock.ts';
import { doubtOfNodes } from '../embargo/clock-trust.ts';
import type { Keyring } from '../pgp/keyring.ts';
import type { Pgp } from '../pgp/pool.ts';
import { usableKept } from '../roster/known.ts';
import * as clocks from '../store/clock.ts';
import * as contacts from '../store/contacts.ts';
import { isDamage, lookThrough } from '../store/damage.ts';
import type { Database, DatabaseConfig } from '../store/database.ts';
import { countLate, type LateSince } from '../store/deliveries.ts';
import { lostLine } from '../store/end-note.ts';
import { addedTriggers, changesOf, firstOf } from '../store/integrity.ts';
import * as lists from '../store/lists.ts';
import { pendingMigrations } from '../store/migrate.ts';
import { openCopies } from '../store/numbers.ts';
import * as restorations from '../store/restorations.ts';
import { failed, ok, type Seen, unknown, warning } from './finding.ts';

const RESTORE = 'stop the server, keep a copy of the database, and restore the last backup';
const UNDO = 'end that as it says there, and look at what was written meanwhile, which nothing guarded';
const BRING_BACK =
  'bring back its log (-wal), which was cut or removed, or the database that was there; else restore the last backup';

/** Whether the file is whole, and of this version of Curfew. */
export async function lookAtDatabase(db: Database, config: DatabaseConfig): Promise<Seen[]> {
  try {
    return await lookInto(db, config);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return [damaged(error.message)];
  }
}

const damaged = (fault: string) => failed(`the database is damaged: ${fault}`, RESTORE);

async function lookInto(db: Database, config: DatabaseConfig): Promise<Seen[]> {
  const { missing, unknown: newer, had } = await pendingMigrations(db);
  if (had === 0) return [failed('it holds no database of Curfew', RESTORE)];
  if (newer.length > 0)
    return [
      failed(
        `the database was written by a newer Curfew (${newer.join(', ')})`,
        'start that one: this one would not understand it',
      ),
    ];
  const seen =
    missing.length === 0
      ? []
      : [
          warning(
            `the database is of an older Curfew: ${missing.length} migrations are to come`,
            'make a backup: the next start brings it up to date',
          ),
        ];
  const [fault] = await lookThrough(config).damage;
  if (fault !== undefined) return [...seen, damaged(fault)];
  const changes = await changesOf(db);
  if (changes.length > 0) {
    const mend = changes.every(({ undo }) => undo) ? UNDO : RESTORE;
    return [...seen, failed(`the database is not as Curfew makes it: ${firstOf(changes)}`, mend)];
  }
  const added = missing.length === 0 ? await addedTriggers(db) : [];
  if (added.length > 0)
    seen.push(warning(`Curfew has not made ${added.join(', ')}, and does not know what it does`, 'see who added it, and why'));
  const lost = 'sqlite' in config ? await lostLine(db, config.sqlite) : null;
  if (missing.length === 0 && (await restorations.isOpen(db)))
    seen.push(warning('a backup was restored, and nothing is released until an admin confirms it', 'curfew restored show'));
  if (lost !== null) return [...seen, failed(`the database lacks line ${lost} of its audit log, which it had`, BRING_BACK)];
  return [...seen, ok('the database is whole')];
}

const AHEAD = 30 * DAY;
const ENDS = 14 * DAY;

/** The keys by which the lists read and sign. */
export async function lookAtKeys(db: Database, keyring: Keyring, now: Instant): Promise<Seen[]> {
  const all = await lists.all(db);
  if (all.length === 0) return [failed('the database holds no lists', 'curfew init makes them')];
  return all.map(({ address, fingerprint }) => {
    const key = keyring.find(fingerprint);
    const renew = `curfew keys renew ${address}, then restart the server`;
    if (!key)
      return failed(
        `the key of ${address} (${fingerprint}) is not in the folder of the list keys`,
        'bring it back from a backup of that folder',
      );
    const { expiresAt } = key;
    if (expiresAt === null) return ok(`the key of ${address} does not expire`);
    const end = `${toIso(expiresAt).slice(0, 10)}`;
    if (expiresAt <= now) return failed(`the key of ${address} expired on ${end}: nothing is signed`, renew);
    return expiresAt <= now + AHEAD
      ? warning(`the key of ${address} expires on ${end}`, renew)
      : ok(`the key of ${address} is valid to ${end}`);
  });
}

/** Named of them at most: there may be thousands. */
const MOST_NAMED = 10;

/** What copies are sealed to. `progress`: how many of how many were looked at. */
export async function lookAtCertificates(
  db: Database,
  pgp: Pick<Pgp, 'usable' | 'layRevocations'>,
  now: Instant,
  progress: (done: number, total: number) => void,
): Promise<Seen[]> {
  const served = new Map<string, contacts.ListContact>();
  for (const { id, role } of await lists.all(db))
    if (role !== 'public') for (const contact of await contacts.activeOfList(db, id)) served.set(contact.id, contact);
  const ended: contacts.ListContact[] = [];
  const soon: contacts.ListContact[] = [];
  let done = 0;
  for (const contact of served.values()) {
    const state = contact.certificate && (await usableKept({ db, pgp }, contact.certificate.data, now));
    if (!state?.usable) ended.push(contact);
    else if (state.until !== null && state.until <= now + ENDS) soon.push(contact);
    progress(++done, served.size);
  }
  const seen = [
    ...(ended.length > 0
      ? [warning(`nothing can be encrypted to ${namesOf(ended)}: copies for them are held`, 'have them send newer certificates')]
      : []),
    ...(soon.length > 0
      ? [warning(`the certificates of ${namesOf(soon)} end within 14 days`, 'have them extended: they were written to')]
      : []),
  ];
  return seen.length > 0 ? seen : [ok(`${served.size} people get copies, and can all be encrypted to`)];
}

function namesOf(people: readonly contacts.ListContact[]): string {
  const named = people.slice(0, MOST_NAMED).map(({ address, organisation }) => `${address} (${organisation})`);
  return people.length > MOST_NAMED ? `${named.join(', ')} and ${people.length - MOST_NAMED} more` : named.join(', ');
}

/** Copies that were to be gone by now. */
export async function lookAtQueue(db: Database, since: LateSince): Promise<Seen[]> {
  const open = await openCopies(db);
  const sum = (some: typeof open) => some.reduce((total, { copies }) => total + Number(copies), 0);
  const held = open.filter(({ state }) => state === 'held');
  const late = await countLate(db, since);
  const seen = [
    ...(held.length > 0
      ? [
          warning(
            `${sum(held)} copies are held (${[...new Set(held.map(({ reason }) => reason))].join(', ')})`,
            'curfew queue list --state held',
          ),
        ]
      : []),
    ...(late > 0
      ? [
          warning(
            `${late} ${late === 1 ? 'copy waits' : 'copies wait'} for longer than that should take`,
            'curfew queue list; look at the relay',
          ),
        ]
      : []),
  ];
  return seen.length > 0 ? seen : [ok('nothing is held, and nothing waits for long')];
}

/** Whether what time it is here can be relied upon. `synchronised`: what the system says of itself; null where it does not say. */
export async function lookAtClock(db: Database, clock: Clock, synchronised: boolean | null): Promise<Seen[]> {
  const mark = await clocks.read(db);
  const now = clock.now();
  const seen: Seen[] = [];
  const behind = mark && doubtOfNodes(mark.highWater, now);
  if (mark?.suspicion)
    seen.push(
      failed(
        `the clock is in doubt since ${toIso(mark.suspicion.since)}: nothing is released`,
        'curfew clock show, and confirm it when it is right',
      ),
    );
  else if (behind)
    seen.push(
      failed(
        `it has been ${toIso(mark.highWater)} here, and now it is ${toIso(now)}`,
        'set the clock right before the server is started',
      ),
    );
  if (synchronised === false)
    seen.push(failed('the system says that its clock is not synchronised', 'timedatectl set-ntp true, or let chrony run'));
  if (synchronised === null)
    seen.push(unknown('the system does not say whether its clock is synchronised', 'let chrony or systemd-timesyncd run'));
  return seen.length > 0 ? seen : [ok(`the clock is synchronised, and agrees with what the server has seen: ${toIso(now)}`)];
}
