import { DAY, type Instant } from '../clock.ts';
import {
  type Answer,
  type Code,
  checkRelease,
  type Deadline,
  type Deadlines,
  deadlinesOf,
  FARTHEST,
  type NamedPolicy,
  type Starts,
  type Violation,
} from '../embargo/policy.ts';
import { policyNamed } from '../embargo/presets.ts';
import type { Project } from '../seams.ts';
import type { Case } from '../store/schema.ts';
import { LEAK_DECISION, releaseDecided } from './reminders.ts';
import { goesBy, type MembersTold, membersTold } from './told.ts';

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
> &
  Partial<Past>;

/** By which a case is known to be released or over. */
type Past = Pick<Case, 'state' | 'closed_at' | 'aside'>;

/**
 * The policies that a case is under: those it was scheduled with, else the project's. Throws Refusal('not-found') where the configuration
 * has one no more; of what is released or over, which nothing is due in any more, it is passed over.
 */
export function policiesOf({ policies, usual }: Project, about: Pick<Case, 'policies'> & Partial<Past>): NamedPolicy[] {
  const names = namesOf(about, usual);
  if (isPast(about)) return policies.filter(({ name }) => names.includes(name));
  return names.map((name) => policyNamed(policies, name));
}

function isPast({ state, closed_at, aside }: Partial<Past>): boolean {
  return state === 'released' || (closed_at ?? null) !== null || aside === 'rejected';
}

/** Of cases that are not released or over, those under a policy that the configuration has no more: `ORBIT-2026-0001 (mine)`. */
export function withoutPolicy({ policies }: Project, underWay: readonly Case[]): string[] {
  const there = new Set(policies.map(({ name }) => name));
  return underWay
    .filter((about) => !isPast(about))
    .map((about) => ({ id: about.id, lost: namesOf(about, []).filter((name) => !there.has(name)) }))
    .flatMap(({ id, lost }) => (lost.length === 0 ? [] : [`${id} (${lost.join(', ')})`]));
}

/** Their names. */
export function namesOf({ policies }: Pick<Case, 'policies'>, usual: readonly string[]): readonly string[] {
  return policies === null ? usual : policies.split(' ').filter((name) => name !== '');
}

/** Seconds after its instant within which a release is on time: by the strictest of its policies. */
export function graceOf(project: Project, about: Pick<Case, 'policies'>): number {
  const graces = policiesOf(project, about).map(({ policy }) => policy.grace);
  return graces.length === 0 ? GRACE : Math.min(...graces);
}

/** Of a case that is under no policy. */
const GRACE = 60;

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

type Agreed = Parameters<typeof releaseDecided>[0] & Pick<Case, 'aside_at' | 'agreed_release_at'>;
type Scheduled = Agreed & Pick<Case, 'release_at'>;

/** The instant that people may be told: what two of the team stand behind, while it is to come. What is to be released at once has none. */
export function agreedInstant(about: Scheduled, now: Instant): Instant | null {
  const { scheduled_at, release_at } = about;
  return scheduled_at !== null && release_at !== null && release_at > now && !isAtOnce(about, now) ? release_at : null;
}

/** That which stands for whoever is told: what people agreed on last, whatever one of them has set since, while it is to come. What is to be released at once has none. */
export function standingInstant(about: Agreed, now: Instant): Instant | null {
  const { agreed_release_at: agreed } = about;
  return agreed !== null && agreed > now && !isAtOnce(about, now) ? agreed : null;
}

/** That which members go by, where it stands. */
export function toldInstant(about: Agreed & MembersTold, now: Instant): Instant | null {
  const stands = standingInstant(about, now);
  return goesBy(membersTold(about)) === stands ? stands : null;
}

/** What a reporter is told: the instant that two of the team stand behind, else that which members go by. */
export function currentInstant(about: Scheduled & MembersTold, now: Instant): Instant | null {
  return agreedInstant(about, now) ?? toldInstant(about, now);
}

/** Whether it is out, and was to be released by now: two people agreed on that last, or it was said, and they have agreed on nothing else since. */
export function isAtOnce(about: Agreed, now: Instant): boolean {
  const { aside, aside_at, scheduled_at, agreed_release_at: agreed } = about;
  if (isOut(about) && agreed !== null && agreed <= now) return true;
  return releaseDecided(about) !== null || (aside === 'public_already' && (scheduled_at ?? 0) <= (aside_at ?? 0));
}

/** What nobody waives: the longest embargo, and that the instant is to come. */
const STANDING: ReadonlySet<Code> = new Set<Code>(['PAST', 'NO_UTC_OFFSET', 'OVER_MAX', 'OVER_REPORT_MAX']);

/** Whether its longest embargo has ended: it may be released at once, and at no instant that is to come. */
export function isEnded(project: Project, about: Clocked, now: Instant): boolean {
  const last = longestOf(project, about)?.at;
  return last !== undefined && last <= now;
}

export interface Judged extends Answer {
  /** Rules that it breaks, and that do not hold for it. */
  waived: Code[];
}

/**
 * Whether a release of the case may be at that instant. The rules that give people time do not hold for what is out already, nor after
 * the notice to distributors for an instant before the one that they were told: two people may bring a release forward. No one may
 * make an embargo longer than the longest; where that has ended, or it is out, no rule is against a release at once. And where no
 * instant is left that gives distributors the time that is theirs, they get as much of it as is left.
 */
export function judge(project: Project, about: Clocked, release: Instant, now: Instant): Judged {
  const policies = policiesOf(project, about);
  const strict = judgeStrictly(policies, about, release, now);
  const last = leavesOne(strict) ? undefined : lastInHurry(policies, about, now);
  const hurries = last !== undefined && release > last - DAY;
  const answer = last === undefined ? strict : { ...strict, suggestion: last };
  const told = about.original_at ?? about.release_at;
  const atOnce = release <= now && (isOut(about) || isEnded(project, about, now));
  const forward = about.noticed_at !== null && told !== null && release < told;
  return waiving(answer, (one) => {
    if (atOnce || (hurries && givesTime(one))) return false;
    return STANDING.has(one.code) || !(isOut(about) || forward);
  });
}

/**
 * Until when distributors can be given time: Infinity where an instant is left that breaks none of the rules, else the last that breaks
 * none but those that give them their time; -Infinity where there is none of these either.
 */
export function latestLeft(project: Project, about: Clocked, now: Instant): number {
  const policies = policiesOf(project, about);
  if (leavesOne(judgeStrictly(policies, about, now + DAY, now))) return Number.POSITIVE_INFINITY;
  return lastInHurry(policies, about, now) ?? Number.NEGATIVE_INFINITY;
}

function leavesOne({ ok, suggestion }: Answer): boolean {
  return ok || suggestion !== undefined;
}

/** The last instant that breaks no rule but those that give distributors their time; undefined where there is none. */
function lastInHurry(policies: readonly NamedPolicy[], about: Clocked, now: Instant): Instant | undefined {
  return judgeStrictly(policies.map(inHurry), about, now + FARTHEST * DAY, now).suggestion;
}

function inHurry({ name, policy }: NamedPolicy): NamedPolicy {
  return { name, policy: { ...policy, notice: null } };
}

/** Of the rules with a first instant all but the one that no instant is past. */
function givesTime({ code, earliest }: Violation): boolean {
  return earliest !== undefined && code !== 'PAST';
}

/** `holds`: of the rules that it breaks, those that do. */
function waiving(answer: Answer, holds: (one: Violation) => boolean): Judged {
  const violations = answer.violations.filter(holds);
  const waived = new Set(answer.violations.filter((one) => !holds(one)).map(({ code }) => code));
  return { ...answer, ok: violations.length === 0, violations, waived: [...waived] };
}

/**
 * Whether people may stand behind the instant that is set: a clock may have begun since, or it may be too late by now to tell
 * distributors. That is not in the way where nobody is there to be told (`nobody`), and nothing is where the instant has come.
 */
export function judgeStanding(project: Project, about: Clocked, now: Instant, { nobody }: { nobody: boolean }): Judged {
  const { release_at: release } = about;
  if (release === null || release <= now) return { ok: true, violations: [], unchecked: [], waived: [] };
  const answer = judge(project, about, release, now);
  const { waived, ...rest } = waiving(answer, (one) => !(nobody && givesTime(one)));
  return { ...rest, waived: [...new Set([...answer.waived, ...waived])] };
}

/**
 * The same by all rules. Distributors who were not told yet can be told now at the earliest: an instant
 * that would leave them too little time is refused at once. How long the embargo gets is then known with the dispatch, which asks again.
 */
function judgeStrictly(policies: readonly NamedPolicy[], about: Clocked, release: Instant, now: Instant): Answer {
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

/** The end of the longest embargo by the policies of a case, where a clock of it runs. */
export function longestOf(project: Project, about: Clocked): Deadline | undefined {
  return deadlinesIn(project, about).release;
}

function deadlinesIn(project: Project, about: Clocked): Deadlines {
  const reason = about.exception_at === null ? null : 'recorded';
  return deadlinesOf(policiesOf(project, about), startsOf(about), { release: about.release_at, reason });
}

/** All that is, or was, due in a case. Where it is public already, everything is due since then. */
export function dueIn(project: Project, about: Clocked): CaseDeadlines {
  const due = deadlinesIn(project, about);
  const { aside, aside_at: at } = about;
  if (at === null) return due;
  if (aside === 'leaked') return { ...due, 'leak-decision': { at: at + LEAK_DECISION, policy: aside } };
  return aside === 'public_already' ? { ...sooner(due, at), release: { at, policy: aside } } : due;
}

/** What nobody has said anything of but that it came in. */
const NEW = {
  ...{ fix_ready_at: null, noticed_at: null, policies: null, release_at: null },
  ...{ original_at: null, exception_at: null, aside: null, aside_at: null },
} as const;

/** By when a person answers a report: as its policies have it, within a day under none. */
export function answerBy(project: Project, about: Pick<Clocked, 'received_at'> & Partial<Clocked>): Instant {
  return dueIn(project, { ...NEW, ...about }).acknowledge?.at ?? about.received_at + DAY;
}

function sooner(due: Deadlines, at: Instant): Deadlines {
  return Object.fromEntries(Object.entries(due).map(([what, one]) => [what, one.at <= at ? one : { ...one, at }]));
}
