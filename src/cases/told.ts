import type { Instant } from '../clock.ts';
import type { Case } from '../store/schema.ts';

/*
 * What members (`told_`), and the reporter (`reporter_`), were told last of the instant of the release. One of these:
 *
 *   nothing      both are null
 *   an instant   `release_at`: they go by it until they are told otherwise
 *   none         `none_at`: since then, by a mail that tells of the case and has no instant, or says that none stands. `release_at` is what
 *                they were told before that, if anything
 *
 * Whoever was told either is told the next one that two people agree on, and one that stands again; but not the one that he goes by.
 */
export interface Told {
  at: Instant | null;
  noneAt: Instant | null;
}

export type MembersTold = Pick<Case, 'told_release_at' | 'told_none_at'>;
export type ReporterTold = Pick<Case, 'reporter_release_at' | 'reporter_none_at'>;

export function membersTold({ told_release_at: at, told_none_at: noneAt }: MembersTold): Told {
  return { at, noneAt };
}

/** He himself: where nobody told him one, he is told what members are (embargo/moved.ts). */
export function reporterTold({ reporter_release_at: at, reporter_none_at: noneAt }: ReporterTold): Told {
  return { at, noneAt };
}

/** Null where he goes by none. */
export function goesBy({ at, noneAt }: Told): Instant | null {
  return noneAt === null ? at : null;
}

export function isSame(one: Told | null, other: Told | null): boolean {
  return one?.at === other?.at && one?.noneAt === other?.noneAt;
}

/** Whether he is to be told that it is this one. */
export function awaits(told: Told, releaseAt: Instant | null): boolean {
  return releaseAt !== null && (told.at !== null || told.noneAt !== null) && goesBy(told) !== releaseAt;
}

/** What they were told by a mail with that instant, or with none. */
export function tellingMembers(at: Instant | null, now: Instant): Partial<MembersTold> {
  return at === null ? { told_none_at: now } : { told_release_at: at, told_none_at: null };
}

/** The same of the reporter. Who was never told one waits for none. */
export function tellingReporter(seen: ReporterTold, at: Instant | null, now: Instant): Partial<ReporterTold> {
  if (at !== null) return { reporter_release_at: at, reporter_none_at: null };
  return seen.reporter_release_at === null ? {} : { reporter_none_at: now };
}
