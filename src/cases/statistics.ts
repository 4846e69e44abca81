import { DAY, type Instant, SECOND } from '../clock.ts';

/** A released case, as far as its statistics go. */
export interface Released {
  id: string;
  receivedAt: Instant;
  /** Of the first notice to distributors; null: they were not told. */
  noticedAt: Instant | null;
  /** The instant that was set, and the one at which it went out. */
  releaseAt: Instant;
  releasedAt: Instant;
  /** When the last of the public who has it got it; null where one of its channels never did. */
  reachedAt: Instant | null;
  /** When the second person approved what went out. */
  approvedAt: Instant | null;
  aside: 'leaked' | 'public_already' | null;
  /** Null: it was not rated. */
  severity: string | null;
  /** Seconds within which it is on time. */
  grace: number;
}

/** How many of the reports of the time became what. */
export interface Reports {
  reports: number;
  rejected: number;
  duplicates: number;
}

/**
 * Why a release was late: it was approved after its instant, or something held it up, or a channel did not get it; or why it was public
 * before.
 */
export type Cause = 'approved-late' | 'held-up' | 'channel' | 'leaked' | 'public-already';

export interface CaseTimes {
  id: string;
  severity: string | null;
  receivedAt: Instant;
  noticedAt: Instant | null;
  releasedAt: Instant;
  /** Days, to two places: from the notice to distributors, and from the report, to the release. */
  embargoed: number | null;
  reportToPublic: number;
  onTime: boolean;
  cause: Cause | null;
}

export interface Statistics extends Reports {
  cases: CaseTimes[];
  released: number;
  onTime: number;
  late: number;
  /** Cases by severity; `unrated` for those that nobody rated. */
  severity: Record<string, number>;
  /** Days; null where there is none. */
  median: { embargoed: number | null; reportToPublic: number | null };
}

/** What linux-distros and others must publish of what they kept back, from cases that are public. */
export function statisticsOf(released: readonly Released[], reports: Reports): Statistics {
  const cases = released.map(timesOf);
  const onTime = cases.filter((one) => one.onTime).length;
  const severity: Record<string, number> = {};
  for (const { severity: one } of cases) severity[one ?? 'unrated'] = (severity[one ?? 'unrated'] ?? 0) + 1;
  return {
    ...reports,
    cases,
    released: cases.length,
    onTime,
    late: cases.length - onTime,
    severity,
    median: {
      embargoed: median(cases.flatMap(({ embargoed }) => embargoed ?? [])),
      reportToPublic: median(cases.map(({ reportToPublic }) => reportToPublic)),
    },
  };
}

function timesOf(about: Released): CaseTimes {
  const { id, severity, receivedAt, noticedAt, releaseAt, releasedAt, reachedAt } = about;
  const onTime = releasedAt >= releaseAt && reachedAt !== null && isInTime(about, reachedAt);
  return {
    id,
    severity,
    receivedAt,
    noticedAt,
    releasedAt,
    embargoed: noticedAt === null ? null : days(releasedAt - noticedAt),
    reportToPublic: days(releasedAt - receivedAt),
    onTime,
    cause: causeOf(about, onTime),
  };
}

function isInTime({ releaseAt, grace }: Released, at: Instant): boolean {
  return at - releaseAt <= grace * SECOND;
}

function causeOf(about: Released, onTime: boolean): Cause | null {
  const { aside, approvedAt, releaseAt, releasedAt } = about;
  if (aside !== null) return aside === 'leaked' ? 'leaked' : 'public-already';
  if (onTime) return null;
  if (approvedAt !== null && approvedAt > releaseAt) return 'approved-late';
  return releasedAt >= releaseAt && isInTime(about, releasedAt) ? 'channel' : 'held-up';
}

function days(span: number): number {
  return Math.round((span / DAY) * 100) / 100;
}

function median(numbers: readonly number[]): number | null {
  const sorted = [...numbers].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[middle - (sorted.length % 2 === 0 ? 1 : 0)], sorted[middle]];
  return low === undefined || high === undefined ? null : Math.round(((low + high) / 2) * 100) / 100;
}
