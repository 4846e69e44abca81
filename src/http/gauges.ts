import { type Instant, SECOND } from '../clock.ts';
import type { Health } from '../delivery/health.ts';
import { type Horizon, horizonOf, type Reading } from '../roster/horizon.ts';
import { OPEN } from '../store/deliveries.ts';
import type { AuditLength, CasesInState, HeldPosts, OpenCopies } from '../store/numbers.ts';
import type { Audience, CaseState, ListRole } from '../store/schema.ts';

/** All that is looked at for one answer. */
export interface State {
  now: Instant;
  copies: readonly OpenCopies[];
  posts: readonly HeldPosts[];
  cases: readonly CasesInState[];
  /** Released cases that are overdue, as copies for the public have not gone out. */
  unpublished: number;
  audit: AuditLength;
  clockTrusted: boolean;
  /** Active ones, by how mail to them fares. */
  contacts: ReadonlyMap<Health, number>;
  /** Octets where the database grows; null where it is on a server of its own. */
  room: number | null;
  /** Of the list keys that expire. */
  listKeys: readonly { role: ListRole; expiresAt: Instant }[];
  /** Null: not read yet. */
  certificates: Reading | null;
}

/** A value in seconds, or a count. */
export interface Sample {
  labels: Readonly<Record<string, string>>;
  value: number;
}

interface Gauge {
  help: string;
  labels?: readonly string[];
  /** None: the gauge is absent. */
  of(state: State): Sample[];
}

export const AUDIENCES = ['contact', 'reporter', 'stranger', 'public'] as const satisfies readonly Audience[];
const CASES = ['received', 'scheduled', 'armed', 'released'] as const satisfies readonly CaseState[];
const ROLES = ['intake', 'private', 'public'] as const satisfies readonly ListRole[];
/** The states in which a case waits for its instant. */
const WAITING = ['scheduled', 'armed'] as const satisfies readonly CaseState[];

/** What is read at every scrape, by the name without `curfew_`. Seconds and counts, as Prometheus wants its units. */
export const gauges: Readonly<Record<string, Gauge>> = {
  queue_copies: {
    help: 'Copies that are not settled',
    labels: ['state', 'audience'],
    of: ({ copies }) => byPlace(copies, (rows) => sum(rows.map((row) => row.copies))),
  },
  queue_oldest_age_seconds: {
    help: 'Age of the oldest copy that is not settled; 0 where there is none',
    labels: ['state', 'audience'],
    of: ({ copies, now }) => byPlace(copies, (rows) => age(rows, now)),
  },
  queue_held_copies: {
    help: 'Copies that wait for a person, by why',
    labels: ['reason'],
    of: ({ copies }) =>
      byReason(
        copies.filter(({ state }) => state === 'held'),
        (row) => row.copies,
      ),
  },
  posts_held: {
    help: 'Posts that wait for a person, by why',
    labels: ['reason'],
    of: ({ posts }) => byReason(posts, (row) => row.posts),
  },
  posts_held_oldest_age_seconds: {
    help: 'Age of the oldest post that waits for a person; 0 where there is none',
    of: ({ posts, now }) => one(age(posts, now)),
  },
  cases: {
    help: 'Cases by state, without those that were rejected, or closed without a release',
    labels: ['state'],
    of: ({ cases }) => CASES.map((state) => ({ labels: { state }, value: inState(cases, state)?.cases ?? 0 })),
  },
  release_next_seconds: {
    help: 'Time until the next release; absent where there is none to come',
    labels: ['state'],
    of: ({ cases, now }) =>
      WAITING.flatMap((state) => {
        const next = inState(cases, state)?.next ?? null;
        return next === null ? [] : [{ labels: { state }, value: seconds(next - now) }];
      }),
  },
  releases_overdue: {
    help: 'Cases whose instant has come and that are not released, or are and have not reached all of the public',
    labels: ['state'],
    of: ({ cases, unpublished }) => [
      ...WAITING.map((state) => ({ labels: { state }, value: inState(cases, state)?.due ?? 0 })),
      { labels: { state: 'released' }, value: unpublished },
    ],
  },
  clock_trusted: {
    help: 'Whether the clock is believed: 1, or 0 while nothing is released for it',
    of: ({ clockTrusted }) => one(clockTrusted ? 1 : 0),
  },
  storage_free_bytes: {
    help: 'What can still be written where the database is; absent where that is a server of its own',
    of: ({ room }) => (room === null ? [] : one(room)),
  },
  audit_lines: { help: 'Lines of the audit log', of: ({ audit }) => one(audit.lines) },
  audit_unsigned_lines: {
    help: 'Lines of the audit log after its last signed head',
    of: ({ audit: { lines, head } }) => one(lines - (head?.seq ?? 0)),
  },
  audit_head_timestamp_seconds: {
    help: 'When the last head of the audit log was signed; absent before the first one',
    of: ({ audit: { head } }) => (head ? one(seconds(head.at)) : []),
  },
  list_key_expiry_seconds: {
    help: 'Time until the first list key of that role expires; below 0 where it has',
    labels: ['role'],
    of: ({ listKeys, now }) =>
      ROLES.flatMap((role) => {
        const ends = listKeys.filter((key) => key.role === role).map(({ expiresAt }) => expiresAt);
        return ends.length === 0 ? [] : [{ labels: { role }, value: seconds(Math.min(...ends) - now) }];
      }),
  },
  contacts: {
    help: 'Active contacts, by how mail to them fares',
    labels: ['health'],
    of: ({ contacts }) => samplesBy('health', contacts),
  },
  certificates: {
    help: 'Current certificates of active contacts',
    of: (state) => ofHorizon(state, ({ certificates }) => one(certificates)),
  },
  certificates_expiring: {
    help: 'Of these, how many can be encrypted to now and expire within that time',
    labels: ['within'],
    of: (state) => ofHorizon(state, ({ within }) => samplesBy('within', within, (days) => `${days}d`)),
  },
  certificates_unusable: {
    help: 'Of these, how many cannot be encrypted to now, by why',
    labels: ['reason'],
    of: (state) => ofHorizon(state, ({ unusable }) => samplesBy('reason', unusable)),
  },
  certificates_read_timestamp_seconds: {
    help: 'When the certificates were last read; absent before the first time',
    of: ({ certificates }) => (certificates ? one(seconds(certificates.at)) : []),
  },
};

/** Whatever a row says: a label has room for a word of the program or an enhanced status code, and for no name, id or fingerprint. */
export function word(reason: string | null): string {
  if (reason === null) return 'none';
  return reason.length <= LONGEST_WORD && /^([a-z]+(-[a-z]+)*|\d\.\d\.\d+)$/.test(reason) ? reason : 'other';
}

const LONGEST_WORD = 24;

function one(value: number): Sample[] {
  return [{ labels: {}, value }];
}

function seconds(milliseconds: number): number {
  return milliseconds / SECOND;
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

/** Seconds. */
function age(rows: readonly { oldest: Instant }[], now: Instant): number {
  return rows.length === 0 ? 0 : seconds(now - Math.min(...rows.map(({ oldest }) => oldest)));
}

/** A sample for each state of an open copy and each audience, also where there is no copy: a line that ends shows nothing. */
function byPlace(copies: readonly OpenCopies[], value: (rows: OpenCopies[]) => number): Sample[] {
  return OPEN.flatMap((state) =>
    AUDIENCES.map((audience) => ({
      labels: { state, audience },
      value: value(copies.filter((row) => row.state === state && row.audience === audience)),
    })),
  );
}

function byReason<Row extends { reason: string | null }>(rows: readonly Row[], count: (row: Row) => number): Sample[] {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(word(row.reason), (counts.get(word(row.reason)) ?? 0) + count(row));
  return samplesBy('reason', counts);
}

function samplesBy<Key>(label: string, counts: ReadonlyMap<Key, number>, text: (key: Key) => string = String): Sample[] {
  return [...counts].map(([key, value]) => ({ labels: { [label]: text(key) }, value }));
}

function inState(cases: readonly CasesInState[], state: CaseState): CasesInState | undefined {
  return cases.find((row) => row.state === state);
}

/** Judged as of now: a certificate may have ended since it was read. */
function ofHorizon({ certificates, now }: State, samples: (horizon: Horizon) => Sample[]): Sample[] {
  return certificates ? samples(horizonOf(certificates.certificates, now)) : [];
}
