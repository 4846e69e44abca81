import type { Instant } from '../clock.ts';
import {
  type Answer,
  type Code,
  checkRelease,
  type Deadline,
  type Deadlines,
  deadlinesOf,
  type NamedPolicy,
  type Starts,
} from '../embargo/policy.ts';
import { policyNamed } from '../embargo/presets.ts';
import type { Project } from '../seams.ts';
import type { Case } from '../store/schema.ts';
import { LEAK_DECISION } from './reminders.ts';

export type Clocked = Pick<
  Case,
  | 'received_at'
  | 'fix_ready_at'
  | 'noticed_at'
  | 'policies'
  | 'release_at'
  | 'original_at'
  | 'exception_at'
  | 'aside'
  | 'aside_at'
>;

/** The policies that a case is under: those it was scheduled with, else the project's. */
export function policiesOf({ policies, usual }: Project, about: Pick<Case, 'policies'>): NamedPolicy[] {
  return namesOf(about, usual).map((name) => policyNamed(policies, name));
}

/** Their names. */
export function namesOf({ policies }: Pick<Case, 'policies'>, usual: readonly string[]): readonly string[] {
  return policies === null ? usual : policies.split(' ').filter((name) => name !== '');
}

/** When the clocks of a case began. Its first dispatch is the notice to distributors, and the first post to them. */
function startsOf({ received_at, fix_ready_at, noticed_at }: Clocked): Starts {
  return {
    report: received_at,
    ...(fix_ready_at === null ? {} : { 'fix-ready': fix_ready_at }),
    ...(noticed_at === null ? {} : { notice: noticed_at, 'first-post': noticed_at }),
  };
}

/** What is embargoed is known to others: nobody is served by more time. */
export function isOut({ aside }: Pick<Case, 'aside'>): boolean {
  return aside === 'leaked' || aside === 'public_already';
}

/** What nobody waives: the longest embargo, and that the instant is to come. */
const STANDING: ReadonlySet<Code> = new Set<Code>(['PAST', 'NO_UTC_OFFSET', 'OVER_MAX', 'OVER_REPORT_MAX']);

export interface Judged extends Answer {
  /** Rules that it breaks, and that do not hold for it. */
  waived: Code[];
}

/**
 * Whether a release of the case may be at that instant. The rules that give people time do not hold for what is out already, nor after
 * the notice to distributors for an instant before the one that they were told: two people may bring a release forward. No one may
 * make an embargo longer than the longest.
 */
export function judge(project: Project, about: Clocked, release: Instant, now: Instant): Judged {
  const answer = judgeStrictly(project, about, release, now);
  const told = about.original_at ?? about.release_at;
  if (!isOut(about) && !(about.noticed_at !== null && told !== null && release < told)) return { ...answer, waived: [] };
  const violations = answer.violations.filter(({ code }) => STANDING.has(code) && !(code === 'PAST' && isOut(about)));
  const kept = new Set(violations);
  const waived = [...new Set(answer.violations.filter((one) => !kept.has(one)).map(({ code }) => code))];
  return { ...answer, ok: violations.length === 0, violations, waived };
}

/**
 * The same by all rules. Distributors who were not told yet can be told now at the earliest: an instant
 * that would leave them too little time is refused at once. How long the embargo gets is then known with the dispatch, which asks again.
 */
function judgeStrictly(project: Project, about: Clocked, release: Instant, now: Instant): Answer {
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

export type CaseDeadlines = Deadlines & { 'leak-decision'?: Deadline };

/** All that is, or was, due in a case. Where it is public already, everything is due since then. */
export function dueIn(project: Project, about: Clocked): CaseDeadlines {
  const reason = about.exception_at === null ? null : 'recorded';
  const due = deadlinesOf(policiesOf(project, about), startsOf(about), { release: about.release_at, reason });
  const { aside, aside_at: at } = about;
  if (at === null) return due;
  if (aside === 'leaked') return { ...due, 'leak-decision': { at: at + LEAK_DECISION, policy: aside } };
  return aside === 'public_already' ? { ...sooner(due, at), release: { at, policy: aside } } : due;
}

function sooner(due: Deadlines, at: Instant): Deadlines {
  return Object.fromEntries(Object.entries(due).map(([what, one]) => [what, one.at <= at ? one : { ...one, at }]));
}
