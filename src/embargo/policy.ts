import { DAY, HOUR, type Instant, MINUTE, toIso } from '../clock.ts';
import { after, dateOf, isWeekend, type Span, spanWords, timeOfDay, type Weekday, weekdayOf } from './calendar.ts';

/** What a clock may start with. `notice`: distributors were told. */
export type Start = 'report' | 'first-post' | 'fix-ready' | 'notice';

/**
 * The dates that a team binds itself to, as data. Null: the policy has no such rule. Sources are with the presets; a project may
 * write its own.
 */
export interface Policy {
  /** From the report to a person's answer, and to the public word that a fix will come. */
  acknowledge: Span;
  forthcoming: Span;
  /** From the report to the notice to distributors, at the latest. */
  noticeBy: Span | null;
  /** From that notice to the release, at least; whether it may be shorter where a reason is recorded. */
  notice: Span | null;
  shorterWithReason: boolean;
  /** Before the release, at least: the second notice, with the final text. */
  secondNotice: Span | null;
  /** What the longest embargo is counted from, how long it is, and how long where a reason is recorded. */
  clock: Start;
  embargo: Span | null;
  longerWithReason: Span | null;
  /** From the report to the release, at the longest, whatever the clock says. */
  fromReport: Span | null;
  /** When a release may be: a time of the day (`16:00`), and days. */
  slot: { time: string | null; weekdays: Weekday[] | null; weekends: boolean };
  /** Dates (`2026-09-07`) on which nothing is released, and which are no business days. */
  holidays: string[];
  /** Whether `holidays` must not be empty: the policy speaks of them, and only the project knows its own. */
  keepsHolidays: boolean;
  /** Seconds after the instant within which a release is on time. */
  grace: number;
  /** What the public may learn of a fix before it is there. */
  forthcomingTells: { severity: boolean; count: boolean; cve: boolean };
  /** What becomes of a text that two people approved and nobody armed, at the instant. */
  deadMan: 'publish_approved' | 'page_only';
}

export interface NamedPolicy {
  name: string;
  policy: Policy;
}

/** When each clock started, where it has. */
export type Starts = Partial<Record<Start, Instant>>;

export const CODES = [
  'PAST',
  'NO_UTC_OFFSET',
  'OVER_MAX',
  'OVER_REPORT_MAX',
  'NOTICE_TOO_SHORT',
  'BAD_WEEKDAY',
  'WEEKEND',
  'HOLIDAY',
  'BAD_SLOT',
  'OVERRIDE_NEEDS_REASON',
] as const;
export type Code = (typeof CODES)[number];

export interface Violation {
  code: Code;
  /** Of the policy; null for what none needs to say. */
  policy: string | null;
  message: string;
  /** The last and the first instant that this one rule allows, and the one that is nearest to what was asked for. */
  latest?: Instant;
  earliest?: Instant;
  nearest?: Instant;
}

export interface Asked {
  release: Instant;
  now: Instant;
  starts: Starts;
  /** Why it may be longer, or noticed later, than usual; null where nobody gave one. */
  reason: string | null;
}

export interface Answer {
  ok: boolean;
  violations: Violation[];
  /** The nearest instant that breaks no rule of any of the policies; absent where there is none. */
  suggestion?: Instant;
  /** What could not be looked at: `k8s: not checked: the longest embargo, from the notice`. */
  unchecked: string[];
}

/** The same for programs, instants in ISO 8601. */
export interface WrittenAnswer extends Omit<Answer, 'violations' | 'suggestion'> {
  violations: (Omit<Violation, 'latest' | 'earliest' | 'nearest'> & { latest?: string; earliest?: string; nearest?: string })[];
  suggestion?: string;
}

export function answerInIso({ violations, suggestion, ...rest }: Answer): WrittenAnswer {
  return {
    ...rest,
    violations: violations.map((one) => {
      const { code, policy, message } = one;
      return { code, policy, message, ...boundsInIso(one) };
    }),
    ...inIso('suggestion', suggestion),
  };
}

/** Those that a rule has. */
export function boundsInIso({ latest, earliest, nearest }: Violation) {
  return { ...inIso('latest', latest), ...inIso('earliest', earliest), ...inIso('nearest', nearest) };
}

function inIso<Key extends string>(key: Key, at: Instant | undefined): { [K in Key]?: string } {
  return at === undefined ? {} : ({ [key]: toIso(at) } as { [K in Key]: string });
}

/** One rule of a policy, over one instant. */
type Rule = (policy: Policy, asked: Asked) => Omit<Violation, 'policy'> | undefined;

const RULES: readonly Rule[] = [overMax, overReportMax, noticeTooShort, badWeekday, weekend, holiday, badSlot];
/** Of these, the ones that look at the day alone. */
const DAYS: ReadonlySet<Rule> = new Set<Rule>([badWeekday, weekend, holiday]);

/** Every rule that the instant breaks, of all the policies: where two of them apply, the stricter wins. */
export function checkRelease(policies: readonly NamedPolicy[], asked: Asked): Answer {
  const violations: Violation[] = isPast(asked)
    ? [{ code: 'PAST', policy: null, message: `${toIso(asked.release)} is past`, earliest: asked.now + 1 }]
    : [];
  for (const { name, policy } of policies)
    for (const rule of RULES) {
      const found = rule(policy, asked);
      if (!found) continue;
      const nearest = DAYS.has(rule) ? nearestDay(asked.release, (release) => !rule(policy, { ...asked, release })) : undefined;
      violations.push({ ...found, policy: name, ...(nearest === undefined ? {} : { nearest }) });
    }
  const unchecked = policies.flatMap(({ name, policy }) => blindSpots(policy, asked.starts).map((what) => `${name}: ${what}`));
  if (violations.length === 0) return { ok: true, violations, unchecked };
  const suggestion = suggest(policies, asked);
  return { ok: false, violations, unchecked, ...(suggestion === undefined ? {} : { suggestion }) };
}

/** Whether a case that comes now, and is told to distributors at once, may be released at any instant at all. Its fix may be ready later. */
export function areReconcilable(policies: readonly NamedPolicy[], now: Instant): boolean {
  const starts = { report: now, notice: now };
  const { ok, suggestion } = checkRelease(policies, { release: now + DAY, now, starts, reason: null });
  return ok || suggestion !== undefined;
}

function isPast({ release, now }: Asked): boolean {
  return release <= now;
}

function blindSpots({ clock, embargo, fromReport, notice, keepsHolidays, holidays }: Policy, starts: Starts): string[] {
  const unknown: [string, boolean][] = [
    [`the longest embargo, from the ${words(clock)}`, embargo !== null && starts[clock] === undefined],
    ['the longest time from the report', fromReport !== null && starts.report === undefined],
    ['the shortest notice to distributors', notice !== null && noticeOf(starts) === undefined],
    ['holidays, of which the project has named none', keepsHolidays && holidays.length === 0],
  ];
  return unknown.flatMap(([what, holds]) => (holds ? [`not checked: ${what}`] : []));
}

function words(start: Start): string {
  return start.replace('-', ' ');
}

/** On a list where the first post reaches the distributors, that is their notice. */
function noticeOf({ notice, 'first-post': post }: Starts): Instant | undefined {
  return notice ?? post;
}

function overMax(policy: Policy, asked: Asked): ReturnType<Rule> {
  const { clock, embargo, longerWithReason } = policy;
  const { release, reason, starts } = asked;
  const start = starts[clock];
  const { usual, utmost } = endsOf(policy, asked);
  if (start === undefined || embargo === null || release <= (reason === null ? usual : utmost)) return undefined;
  const length = `${daysBetween(start, release)} from the ${words(clock)}`;
  if (release <= utmost) {
    const message = `${length}: more than ${spanWords(embargo)} needs a recorded reason`;
    return { code: 'OVERRIDE_NEEDS_REASON', message, latest: usual };
  }
  const [longest, latest] = reason === null || longerWithReason === null ? [embargo, usual] : [longerWithReason, utmost];
  return { code: 'OVER_MAX', message: `${length}: at most ${spanWords(longest)}`, latest };
}

/** The last instants of an embargo by its clock, without a reason and with one; infinite where there is no such rule. */
function endsOf({ clock, embargo, longerWithReason, holidays }: Policy, { starts }: Asked): { usual: Instant; utmost: Instant } {
  const start = starts[clock];
  if (start === undefined || embargo === null) return { usual: Number.POSITIVE_INFINITY, utmost: Number.POSITIVE_INFINITY };
  const usual = after(start, embargo, holidays);
  return { usual, utmost: longerWithReason ? Math.max(usual, after(start, longerWithReason, holidays)) : usual };
}

function overReportMax({ fromReport, holidays }: Policy, { release, starts: { report } }: Asked): ReturnType<Rule> {
  if (fromReport === null || report === undefined) return undefined;
  const latest = after(report, fromReport, holidays);
  if (release <= latest) return undefined;
  const message = `${daysBetween(report, release)} from the report: at most ${spanWords(fromReport)}`;
  return { code: 'OVER_REPORT_MAX', message, latest };
}

function noticeTooShort({ notice, shorterWithReason, holidays }: Policy, { release, starts, reason }: Asked): ReturnType<Rule> {
  const start = noticeOf(starts);
  if (notice === null || start === undefined) return undefined;
  const earliest = after(start, notice, holidays);
  if (release >= earliest || (shorterWithReason && reason !== null)) return undefined;
  const length = `${daysBetween(start, release)} from the notice to distributors`;
  return shorterWithReason
    ? { code: 'OVERRIDE_NEEDS_REASON', message: `${length}: less than ${spanWords(notice)} needs a recorded reason`, earliest }
    : { code: 'NOTICE_TOO_SHORT', message: `${length}: at least ${spanWords(notice)}`, earliest };
}

function badWeekday({ slot: { weekdays } }: Policy, { release }: Asked): ReturnType<Rule> {
  if (weekdays === null || weekdays.includes(weekdayOf(release))) return undefined;
  return { code: 'BAD_WEEKDAY', message: `${onDay(release)}: only ${weekdays.join(', ')}` };
}

function weekend({ slot: { weekends, weekdays } }: Policy, { release }: Asked): ReturnType<Rule> {
  // Where the days are named, that says it.
  if (weekends || weekdays !== null || !isWeekend(release)) return undefined;
  return { code: 'WEEKEND', message: `${onDay(release)}: not at the weekend` };
}

function holiday({ holidays }: Policy, { release }: Asked): ReturnType<Rule> {
  if (!holidays.includes(dateOf(release))) return undefined;
  return { code: 'HOLIDAY', message: `${dateOf(release)} is a holiday` };
}

function badSlot({ slot: { time } }: Policy, { release }: Asked): ReturnType<Rule> {
  if (time === null || timeOfDay(release) === timeIn(time)) return undefined;
  const nearest = startOfDay(release) + timeIn(time);
  return { code: 'BAD_SLOT', message: `${toIso(release).slice(11, -1).replace('.000', '')} UTC: only at ${time} UTC`, nearest };
}

/** `2026-09-25 (fri)`. */
function onDay(instant: Instant): string {
  return `${dateOf(instant)} (${weekdayOf(instant)})`;
}

function daysBetween(start: Instant, end: Instant): string {
  return `${((end - start) / DAY).toFixed(2)} days`;
}

function startOfDay(instant: Instant): Instant {
  return instant - timeOfDay(instant);
}

/** Milliseconds since the day began, of `16:00`. */
function timeIn(time: string): number {
  const [hours, minutes] = time.split(':').map(Number);
  return (hours ?? 0) * HOUR + (minutes ?? 0) * MINUTE;
}

/** Days, as far as anybody looks for one: no policy's embargo is longer, and no row of holidays. */
export const FARTHEST = 400;

/** The same time of another day, the nearest that is allowed; of two that are as near, the earlier. */
function nearestDay(instant: Instant, allowed: (at: Instant) => boolean): Instant | undefined {
  for (let far = 1; far <= FARTHEST; far++)
    for (const at of [instant - far * DAY, instant + far * DAY]) if (allowed(at)) return at;
  return undefined;
}

/**
 * The nearest instant that breaks nothing: at the slot of the policies, or else at the time of the day that was asked for; and where
 * that leaves none, as early or as late as the policies have it.
 */
function suggest(policies: readonly NamedPolicy[], asked: Asked): Instant | undefined {
  const { first, last } = windowOf(policies, asked);
  const times = policies.flatMap(({ policy }) => (policy.slot.time === null ? [] : [timeIn(policy.slot.time)]));
  const near = Math.max(Math.min(asked.release, last), first);
  const slot = startOfDay(near) + (times[0] ?? timeOfDay(asked.release));
  const breaksNothing = (release: Instant) => {
    const then = { ...asked, release };
    return !isPast(then) && policies.every(({ policy }) => RULES.every((rule) => rule(policy, then) === undefined));
  };
  const found = [first, last, slot].filter((at) => Number.isFinite(at) && breaksNothing(at));
  for (const way of [-DAY, DAY]) {
    const isNear = (at: Instant) => at >= first - DAY && at <= last + DAY && Math.abs(at - slot) <= FARTHEST * DAY;
    let at = slot + way;
    while (isNear(at) && !breaksNothing(at)) at += way;
    if (isNear(at)) found.push(at);
  }
  const far = (at: Instant) => Math.abs(at - asked.release);
  return found.sort((one, other) => far(one) - far(other) || one - other)[0];
}

/** Between which instants nothing but the calendar can be in the way. The first is one that a person can write. */
function windowOf(policies: readonly NamedPolicy[], asked: Asked): { first: Instant; last: Instant } {
  const { now, starts, reason } = asked;
  const notice = noticeOf(starts);
  const firsts = [Math.ceil((now + 1) / MINUTE) * MINUTE];
  const lasts = [Number.POSITIVE_INFINITY];
  for (const { policy } of policies) {
    const { usual, utmost } = endsOf(policy, asked);
    lasts.push(reason === null ? usual : utmost);
    if (policy.fromReport !== null && starts.report !== undefined)
      lasts.push(after(starts.report, policy.fromReport, policy.holidays));
    const waived = policy.shorterWithReason && reason !== null;
    if (policy.notice !== null && notice !== undefined && !waived) firsts.push(after(notice, policy.notice, policy.holidays));
  }
  return { first: Math.max(...firsts), last: Math.min(...lasts) };
}

export interface Deadline {
  /** The last instant that is in time. */
  at: Instant;
  /** Whose rule it is: of several policies the one that is the strictest here. */
  policy: string;
}

/** What is due, and when: of a case as far as its clocks run. */
export type Deadlines = Partial<Record<'acknowledge' | 'forthcoming' | 'notice' | 'second-notice' | 'release', Deadline>>;

/** `release`: the instant that is set, where one is. `reason`: as in Asked. */
export function deadlinesOf(
  policies: readonly NamedPolicy[],
  starts: Starts,
  { release, reason }: { release: Instant | null; reason: string | null },
): Deadlines {
  const deadlines: Deadlines = {};
  const due = (what: keyof Deadlines, policy: string, at: Instant | undefined) => {
    const known = deadlines[what];
    if (at !== undefined && (!known || at < known.at)) deadlines[what] = { at, policy };
  };
  for (const { name, policy } of policies) {
    const { holidays, clock } = policy;
    const from = (start: Instant | undefined, span: Span | null) =>
      start === undefined || span === null ? undefined : after(start, span, holidays);
    due('acknowledge', name, from(starts.report, policy.acknowledge));
    due('forthcoming', name, from(starts.report, policy.forthcoming));
    due('notice', name, from(starts.report, policy.noticeBy));
    if (release !== null) due('second-notice', name, before(release, policy.secondNotice, holidays));
    due('release', name, from(starts[clock], reason === null ? policy.embargo : (policy.longerWithReason ?? policy.embargo)));
    due('release', name, from(starts.report, policy.fromReport));
  }
  // Where no instant is set it is the last one that is left.
  const end = release ?? deadlines.release?.at ?? null;
  if (end !== null) for (const { name, policy } of policies) due('notice', name, before(end, policy.notice, policy.holidays));
  return deadlines;
}

/** The last instant from which the span has passed at `end`. */
function before(end: Instant, span: Span | null, holidays: readonly string[]): Instant | undefined {
  if (span === null) return undefined;
  if (!('businessDays' in span)) return end - (after(end, span, holidays) - end);
  let start = end;
  while (after(start, span, holidays) > end) start -= DAY;
  return start;
}
