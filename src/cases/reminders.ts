import { DAY, HOUR, type Instant, MINUTE } from '../clock.ts';
import type { Deadlines } from '../embargo/policy.ts';
import { proposedCase } from '../embargo/proposal.ts';
import type { Case } from '../store/schema.ts';
import { isPrenoticed } from './state.ts';
import { membersTold, reporterTold } from './told.ts';

/*
 * Whoever owes something in a case is reminded before it is due (level 0), and told when it is (1); somewhat later the admins are (2). What
 * a case cannot go on without is said to them again and again, at intervals that grow, and so is a release that is overdue to everybody.
 */

/** What somebody of the team owes in a case. */
export type Matter =
  | 'lead'
  | 'acknowledge'
  | 'take-over'
  | 'forthcoming'
  | 'date'
  | 'schedule'
  | 'notice'
  | 'second-notice'
  | 'approve'
  | 'disarmed'
  | 'proposed'
  | 'move'
  | 'leak'
  | 'retrospective';

/** `level`: the highest that has been reached. `page`: how often it was due to be said again since. */
export interface Reminder {
  what: Matter;
  dueAt: Instant;
  level: 0 | 1 | 2;
  page: number;
}

/** Between which instants something is to be done. */
interface Time {
  from: Instant;
  by: Instant;
  /** How long before it is due he is reminded; left out: a quarter of the time that there is, from two hours to a day. */
  ahead?: number;
}

type When = (about: Case, due: Deadlines) => Time | null;

/** A lead within a day; whoever is asked to take a case over says so as quickly; a leak is decided on within two hours. */
const LEAD = DAY;
const TAKE_OVER = DAY;
/** A fix within a week. Whoever leads it says by then when it will be released. */
const WEEK = 7 * DAY;
export const LEAK_DECISION = 2 * HOUR;
/** A text that is not approved so long before its release is reminded of a day before it, and said aloud then. */
const APPROVE = 2 * HOUR;
const APPROVE_AHEAD = 22 * HOUR;
/** One to three days after the release. */
const RETROSPECTIVE = 3 * DAY;
const RETROSPECTIVE_AHEAD = 2 * DAY;

/** Past the deadline by so much it is the admins' matter. */
const LATE = 2 * HOUR;

/** From one page of what is overdue to the next: twice as long each time, up to the longest. */
interface Pace {
  first: number;
  longest: number;
}
const QUICKLY: Pace = { first: 15 * MINUTE, longest: DAY };
const SLOWLY: Pace = { first: DAY, longest: WEEK };
/** Where nobody does these, nothing else is ever due in a case: they are said again until somebody does. */
const AGAIN: Partial<Record<Matter, Pace>> = { lead: SLOWLY, acknowledge: SLOWLY, date: SLOWLY, leak: QUICKLY };

const within = (from: Instant, by: Instant | undefined): Time | null => (by === undefined ? null : { from, by });
const unless = (done: boolean, time: Time | null) => (done ? null : time);
/** Who was told that instant is to be told another one: it is said at once, and is late shortly before that. */
const again = (told: Instant): Time => ({ from: 0, by: told - APPROVE, ahead: Number.POSITIVE_INFINITY });
/** Where it is out already, or is about to be, nobody waits for what comes before. */
const isQuiet = ({ aside }: Case) => aside === 'leaked' || aside === 'public_already' || aside === 'withdrawn';

type Before = Exclude<Matter, 'retrospective'>;

/** Of a case that is under way. Null: not owed, or done. */
const TABLE: Readonly<Record<Before, When>> = {
  lead: ({ lead_id, received_at, reopened_at, aside }) =>
    unless(lead_id !== null || aside === 'withdrawn', within(reopened_at ?? received_at, (reopened_at ?? received_at) + LEAD)),
  acknowledge: ({ acknowledged_at, received_at, aside }, { acknowledge }) =>
    unless(acknowledged_at !== null || aside === 'withdrawn', within(received_at, acknowledge?.at ?? received_at + LEAD)),
  'take-over': ({ lead_id, handover_id, handover_at }) =>
    // Of a case without a lead the next one is asked instead.
    unless(
      lead_id === null || handover_id === null || handover_at === null,
      within(handover_at ?? 0, (handover_at ?? 0) + TAKE_OVER),
    ),
  // Where another instant is agreed on than the public was told, another word is owed, before it waits for that at the one that it was told.
  forthcoming: (about, { forthcoming }) => {
    const { forthcoming_release_at: told, release_at, scheduled_at } = about;
    if (isQuiet(about)) return null;
    if (about.forthcoming_at === null) return within(about.received_at, forthcoming?.at);
    return unless(told === null || told === release_at || scheduled_at === null, again(told ?? 0));
  },
  date: (about) =>
    unless(
      about.led_at === null || about.release_at !== null || isQuiet(about),
      within(about.led_at ?? 0, (about.led_at ?? 0) + WEEK),
    ),
  // After the last moment to tell distributors no instant is left that gives them their time.
  schedule: (about, { release, notice }) =>
    unless(
      about.aside === 'withdrawn' || (about.release_at !== null && !(release && about.release_at > release.at)),
      within(
        about.noticed_at ?? about.received_at,
        release && about.noticed_at === null && about.release_at === null ? (notice ?? release).at : release?.at,
      ),
    ),
  notice: (about, { notice }) => unless(about.noticed_at !== null || isQuiet(about), within(about.received_at, notice?.at)),
  'second-notice': (about, due) =>
    unless(
      about.noticed_at === null || isPrenoticed(about) || isQuiet(about),
      within(about.noticed_at ?? 0, due['second-notice']?.at),
    ),
  approve: ({ state, release_at, aside }) =>
    state !== 'armed' && release_at !== null && !(aside === 'withdrawn' && state === 'received')
      ? { from: 0, by: release_at - APPROVE, ahead: APPROVE_AHEAD }
      : null,
  disarmed: (about) =>
    unless(about.state !== 'scheduled' || about.disarmed_at === null || about.aside === 'withdrawn', {
      from: about.disarmed_at ?? 0,
      by: about.disarmed_at ?? 0,
    }),
  proposed: ({ proposed_at }) => (proposed_at === null ? null : { from: proposed_at, by: proposed_at }),
  // Members, the reporter and the public go by the instant that they were told, whatever one person has written down since; or wait for one.
  move: (about) => {
    const { release_at, scheduled_at, forthcoming_release_at } = about;
    const all = [membersTold(about), reporterTold(about), { at: forthcoming_release_at, noneAt: null }];
    const owed = all.filter(({ at, noneAt }) => noneAt !== null || (at !== null && at !== release_at));
    const by = owed.map(({ at }) => at ?? release_at).filter((at) => at !== null);
    return unless(by.length === 0 || scheduled_at !== null || isQuiet(about), again(Math.min(...by)));
  },
  leak: ({ aside, aside_at, leak_decided_at }) =>
    unless(
      aside !== 'leaked' || aside_at === null || leak_decided_at !== null,
      within(aside_at ?? 0, (aside_at ?? 0) + LEAK_DECISION),
    ),
};

/** Of these everybody who handles the case hears at once: what was agreed on does not stand any more, or is not to. */
export const FOR_ALL: ReadonlySet<Matter> = new Set<Matter>(['disarmed', 'proposed', 'move']);

/** All that is owed of a case, before its deadline and after it, with the level that is reached. `due`: as its policies have it. */
export function owed(about: Case, due: Deadlines, now: Instant): Reminder[] {
  if (about.closed_at !== null || about.aside === 'rejected') return [];
  if (about.state === 'released') return after(about, now);
  // From the instant on an overdue release says it all.
  if (overdueSince(about, due, now) !== null) return [];
  return (Object.keys(TABLE) as Before[]).flatMap((what) => reminder(what, TABLE[what](about, due), now));
}

function after({ released_at, retrospective_at, aside }: Case, now: Instant): Reminder[] {
  if (released_at === null || retrospective_at !== null || aside === 'withdrawn') return [];
  const time = { from: released_at, by: released_at + RETROSPECTIVE, ahead: RETROSPECTIVE_AHEAD };
  return reminder('retrospective', time, now);
}

function reminder(what: Matter, time: Time | null, now: Instant): Reminder[] {
  if (time === null) return [];
  const { from, by, ahead = Math.min(Math.max((by - from) / 4, 2 * HOUR), DAY) } = time;
  if (now < by - ahead) return [];
  const level = now < by ? 0 : now < by + LATE ? 1 : 2;
  const pace = level === 2 ? AGAIN[what] : undefined;
  return [{ what, dueAt: by, level, page: pace === undefined ? 0 : pageOf(by + LATE, now, pace).page }];
}

/**
 * Since when a case ought to be public, by the instant that is set, or was agreed on last, or by the longest embargo of its policies; null where it need not. What
 * nobody has said to be a vulnerability is overdue as well, until somebody says that it is none.
 */
export function overdueSince(about: Case, { release }: Deadlines, now: Instant): Instant | null {
  const { state, closed_at, aside, agreed_release_at } = about;
  if (state === 'released' || closed_at !== null || aside === 'rejected') return null;
  // A withdrawn one owes no more than its note.
  const utmost = aside === 'withdrawn' ? undefined : release?.at;
  // Whoever writes down a later instant alone puts nothing off; and of what is out, an earlier one is not only proposed.
  const { release_at } = aside === 'leaked' ? proposedCase(about) : about;
  const all = [release_at, agreed_release_at, utmost, releaseDecided(about)].filter((at) => typeof at === 'number');
  const since = Math.min(...all);
  return since <= now ? since : null;
}

/** Since when a leak is to be released, whatever instant stands there; null where that was not decided, or two people agreed on an instant since. */
export function releaseDecided({
  aside,
  leak_decision,
  leak_decided_at,
  scheduled_at,
}: Pick<Case, 'aside' | 'leak_decision' | 'leak_decided_at' | 'scheduled_at'>): Instant | null {
  if (aside !== 'leaked' || leak_decision !== 'release' || leak_decided_at === null) return null;
  return scheduled_at !== null && scheduled_at > leak_decided_at ? null : leak_decided_at;
}

/** Which page is due, of something that is overdue since then, and when the next one will be; the first (0) is at once. */
export function pageOf(since: Instant, now: Instant, { first, longest }: Pace = QUICKLY): { page: number; nextAt: Instant } {
  let page = 0;
  let gap = first;
  let nextAt = since + gap;
  while (nextAt <= now) {
    page++;
    gap = Math.min(gap * 2, longest);
    nextAt += gap;
  }
  return { page, nextAt };
}
