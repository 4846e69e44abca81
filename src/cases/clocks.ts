import type { Instant } from '../clock.ts';
import { type Answer, checkRelease, type Deadlines, deadlinesOf, type NamedPolicy, type Starts } from '../embargo/policy.ts';
import { policyNamed } from '../embargo/presets.ts';
import type { Project } from '../seams.ts';
import type { Case } from '../store/schema.ts';

export type Clocked = Pick<Case, 'received_at' | 'fix_ready_at' | 'noticed_at' | 'policies' | 'release_at' | 'exception_at'>;

/** The policies that a case is under: those it was scheduled with, else the project's. */
export function policiesOf({ policies, usual }: Project, about: Pick<Case, 'policies'>): NamedPolicy[] {
  return namesOf(about, usual).map((name) => policyNamed(policies, name));
}

/** Their names. */
export function namesOf({ policies }: Pick<Case, 'policies'>, usual: readonly string[]): readonly string[] {
  return policies === null ? usual : policies.split(' ').filter((name) => name !== '');
}

/** When the clocks of a case began. Its first dispatch is the notice to distributors, and the first post to them. */
export function startsOf({ received_at, fix_ready_at, noticed_at }: Clocked): Starts {
  return {
    report: received_at,
    ...(fix_ready_at === null ? {} : { 'fix-ready': fix_ready_at }),
    ...(noticed_at === null ? {} : { notice: noticed_at, 'first-post': noticed_at }),
  };
}

/**
 * Whether a release of the case may be at that instant. Distributors who were not told yet can be told now at the earliest: an instant
 * that would leave them too little time is refused at once. How long the embargo gets is then known with the dispatch, which asks again.
 */
export function judge(project: Project, about: Clocked, release: Instant, now: Instant): Answer {
  const policies = policiesOf(project, about);
  const starts = startsOf(about);
  const reason = about.exception_at === null ? null : 'recorded';
  const answer = checkRelease(policies, { release, now, starts, reason });
  if (about.noticed_at !== null) return answer;
  const { violations, suggestion } = checkRelease(policies, {
    release,
    now,
    starts: { ...starts, notice: now, 'first-post': now },
    reason,
  });
  const known = new Set(answer.violations.map(({ code, policy }) => `${code} ${policy}`));
  const short = violations.filter(({ earliest, code, policy }) => earliest !== undefined && !known.has(`${code} ${policy}`));
  const all = [...answer.violations, ...short];
  if (all.length === 0) return answer;
  // What would do if distributors were told now does so for both.
  return { ok: false, violations: all, unchecked: answer.unchecked, ...(suggestion === undefined ? {} : { suggestion }) };
}

/** All that is, or was, due in a case. */
export function dueIn(project: Project, about: Clocked): Deadlines {
  const reason = about.exception_at === null ? null : 'recorded';
  return deadlinesOf(policiesOf(project, about), startsOf(about), { release: about.release_at, reason });
}
