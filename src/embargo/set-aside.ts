import { isAtOnce, standingInstant, toldInstant } from '../cases/clocks.ts';
import { actorOf } from '../cases/step.ts';
import { awaits, goesBy, membersTold, reporterTold, tellingMembers, tellingReporter } from '../cases/told.ts';
import { type Instant, newId } from '../clock.ts';
import { when } from '../notices/templates.ts';
import { isUnanswerable } from '../post/receipt.ts';
import type { Seams } from '../seams.ts';
import type { Aside, Case } from '../store/schema.ts';
import { scheduleHash } from './bundle.ts';
import { proposing } from './change.ts';
import { channelsOf } from './contents.ts';
import { NO_PROPOSAL, proposalOf, proposedCase, proposedWords, SCHEDULE, scheduleOf } from './proposal.ts';
import { judgedAsAgreed, judgedNow } from './rules.ts';
import { channelsFor, refusedWords } from './schedule.ts';

/*
 * A case that has leaked, or is public already, is set aside: the rules that give people time do not hold for it, and what is scheduled,
 * proposed and approved meanwhile belongs to that alone. What stood before is kept beside it, whole; where it turns out not to be so, that
 * stands again, one of these:
 *
 *   armed      two people had armed it, and it is the same bundle
 *   scheduled  two people had agreed on it, and it is the same schedule; the bundle is to be approved anew
 *   anew       it has the instant that was set, else the one that people agreed on last, or none, with the policies and channels of
 *              before: that is to be approved anew
 *
 * The first two hold for an instant that is to come, and are judged as they were when people agreed on them: that it is too late by now to
 * tell distributors is not against them, that they were told too late meanwhile is. Whatever is said of the case (its text, its details)
 * stays as it was written; what is proposed of an instant does not. A leak that is said to be public, and is not, has leaked as before;
 * where it was to be released by then, its instant is now. Where two people agreed on another one after that was decided, that is approved
 * anew, and the leak is to be decided on anew.
 */

const BEFORE = [
  ...SCHEDULE,
  'aside',
  'aside_at',
  'state',
  'bundle_hash',
  'agreed_release_at',
  'forthcoming_release_at',
  'noticed_at',
  'accepted_at',
  'set_aside',
] as const satisfies readonly (keyof Case)[];

/** The case as it stood. */
export type Before = Pick<Case, (typeof BEFORE)[number]>;

/** What is set aside already stands as it did before that. */
export function settingAside(seen: Case, aside: Aside, now: Instant): Partial<Case> {
  return { aside, aside_at: now, set_aside: seen.aside === aside ? seen.set_aside : JSON.stringify(standsIn(seen)) };
}

function standsIn(seen: Case): Before {
  return Object.fromEntries(BEFORE.map((column) => [column, seen[column]])) as Before;
}

/** What a former version did not keep is as it is. Null where nothing is kept. */
function beforeOf(seen: Case): Before | null {
  return seen.set_aside === null ? null : { ...standsIn(seen), ...JSON.parse(seen.set_aside) };
}

/** As it stood before any of it. */
export function beforeAll(seen: Case): Before | null {
  const before = beforeOf(seen);
  return before?.aside === 'leaked' ? beforeAll({ ...seen, ...before }) : before;
}

/** What is kept, and is armed no more where `isLate` says so of the case as it stood (need-to-know.ts). */
export async function disarmedBefore(seen: Case, isLate: (stood: Case) => Promise<boolean>): Promise<string | null> {
  const before = beforeOf(seen);
  if (before === null) return null;
  const stood = { ...seen, ...before, noticed_at: seen.noticed_at };
  const state = (await isLate(stood)) ? 'scheduled' : before.state;
  const set_aside = before.aside === 'leaked' ? await disarmedBefore(stood, isLate) : before.set_aside;
  return JSON.stringify({ ...before, state, set_aside });
}

export type Standing = 'armed' | 'scheduled' | 'anew';

/** `allowed`: no rule is against its instant that was not asked before. `due`: it leaks again, and was to be released by now. */
export function standingOf(
  seen: Case,
  before: Before,
  { allowed, due, now }: { allowed: boolean; due: boolean; now: Instant },
): Standing {
  const { release_at: at, scheduled_at: agreedAt } = seen;
  if (!allowed || at === null || (at <= now && !due)) return 'anew';
  if (seen.state === 'armed' && before.state === 'armed' && seen.bundle_hash === before.bundle_hash) return 'armed';
  const isSame = agreedAt !== null && agreedAt === before.scheduled_at && seen.schedule_hash === before.schedule_hash;
  return isSame && !due ? 'scheduled' : 'anew';
}

function toCome(instants: readonly (Instant | null)[], now: Instant): Instant | null {
  return instants.find((at) => at !== null && at > now) ?? null;
}

/** What of its schedule stands again. `seen`: the case as it is when it is set aside for that no more. */
export async function scheduledBefore(seams: Seams, seen: Case, before: Before, now: Instant): Promise<Partial<Case>> {
  const about = { ...seen, ...NO_PROPOSAL, ...scheduleOf(before), agreed_release_at: before.agreed_release_at };
  // Under which distributors were told meanwhile, none is taken away.
  if (before.noticed_at === null && seen.noticed_at !== null) about.policies = seen.policies;
  const due = isAtOnce(about, now);
  const allowed = judgedAsAgreed(seams, about).ok;
  const stands = standingOf(seen, before, { allowed, due, now });
  if (stands === 'armed') {
    const waits = due && (about.release_at ?? 0) > now ? await scheduleAt(seams, about, now) : {};
    return besideArmed(seams, seen, waits, now);
  }
  if (stands === 'scheduled')
    return { ...scheduleOf(about), agreed_release_at: before.agreed_release_at, plan: newId(seams.clock) };
  const at = due ? now : toCome([before.release_at, before.agreed_release_at], now);
  // A later one, of one person, puts off none that two people agreed on.
  const { agreed_release_at, original_at } = before;
  return {
    ...scheduleOf(about),
    ...(at === null ? UNSCHEDULED : { ...(await scheduleAt(seams, about, at)), agreed_release_at }),
    original_at,
    // That it is released at once was decided before two people agreed on another instant: it does not hold again where that is approved anew.
    ...(about.aside === 'leaked' && !due ? { leak_decision: null, leak_decided_at: null } : {}),
  };
}

/** What is proposed beside an armed case: what was written, and another schedule where there is one. */
async function besideArmed({ db, clock }: Seams, seen: Case, schedule: Partial<Case>, now: Instant): Promise<Partial<Case>> {
  const waiting = { ...proposedWords(seen), ...schedule };
  if (Object.keys(waiting).length === 0) return NO_PROPOSAL;
  return proposing(db, now, { ...seen, ...NO_PROPOSAL }, { plan: newId(clock), ...waiting });
}

/** What stands where it is not so. */
export async function asBefore(seams: Seams, seen: Case, now: Instant): Promise<Partial<Case>> {
  const before = beforeOf(seen);
  if (before === null) throw new Error(`${seen.id} is not set aside`);
  const to =
    before.aside === 'leaked'
      ? { aside: before.aside, aside_at: before.aside_at, set_aside: before.set_aside }
      : { aside: null, aside_at: null, set_aside: null };
  const stands = { ...to, ...(await scheduledBefore(seams, { ...seen, ...to }, before, now)) };
  const next = { ...seen, ...stands };
  const accepted_at = acceptedOf(seen, before);
  // Of what is to be released at once nobody is told anything of the instant.
  if (isAtOnce(next, now)) return { ...stands, accepted_at };
  const at = standingInstant(next, now);
  const members = seen.noticed_at === null ? {} : tellingMembers(at, now);
  const goesByIt = goesBy(reporterTold(seen)) === next.agreed_release_at;
  const reporter = !goesByIt && (await hears(seams, seen)) ? tellingReporter(seen, at, now) : {};
  return { ...stands, accepted_at, ...members, ...reporter };
}

/** The reporter, who was told an instant, and whose address is not one by now that the public or a list reads. */
async function hears({ db }: Seams, { reporter_address: address, reporter_release_at }: Case): Promise<boolean> {
  return reporter_release_at !== null && address !== null && !(await isUnanswerable(db, address));
}

/** What was to be released at once is not, where that it has leaked is said again: who does not go by the instant that stands is told it. */
export async function leakedAgain(seams: Seams, seen: Case, now: Instant): Promise<Partial<Case>> {
  const to = { ...settingAside(seen, 'leaked', now), leak_decision: null, leak_decided_at: null };
  const at = standingInstant({ ...seen, ...to }, now);
  const members = awaits(membersTold(seen), at) ? tellingMembers(at, now) : {};
  const reporter = awaits(reporterTold(seen), at) && (await hears(seams, seen)) ? tellingReporter(seen, at, now) : {};
  return { ...to, ...members, ...reporter };
}

/** Whoever takes a case, or tells others of it, accepts it; who agrees on the release of what is out already says no more than that. */
function acceptedOf(seen: Case, before: Before): Instant | null {
  const isTaken = seen.led_at !== null || seen.noticed_at !== null || seen.forthcoming_at !== null;
  return before.accepted_at ?? (isTaken ? seen.accepted_at : null);
}

/** What the team is told of the instant. */
export async function standing(seams: Seams, seen: Case, next: Case): Promise<string[]> {
  const now = seams.clock.now();
  const isProposed = ({ proposal }: Case) => proposalOf({ proposal }).release_at !== undefined;
  const dropped = isProposed(seen) && !isProposed(next) ? ['No instant is proposed any more.'] : [];
  const leaked = next.aside === 'leaked' ? ['It is not public. That it has leaked stands.'] : [];
  const isArmed = seen.state === 'armed' && next.plan === seen.plan && next.release_at !== null;
  // Where it goes back further than to `scheduled`, this is the one word of it.
  const wasArmed = seen.state === 'armed' || (seen.disarmed_at !== null && seen.disarmed_at >= (seen.aside_at ?? 0));
  const disarmed = wasArmed && !isArmed ? ['It was armed, and is not any more.'] : [];
  const words = isArmed ? ['What two people armed before stands.'] : standingWords(next, now);
  const atOnce = isAtOnce(next, now) ? ['It is to be released at once: two people have to approve the bundle now.'] : [];
  const against = isArmed ? [] : await againstIt(seams, next);
  return [...leaked, ...words, ...overdueWords(next, now), ...atOnce, ...against, ...disarmed, ...dropped];
}

/** What stands of an instant that is not armed. */
export function standingWords(next: Case, now: Instant): string[] {
  const { release_at: at, scheduled_at: agreedAt } = next;
  if (at === null) return ['No instant stands: set one, and have it approved.'];
  if (agreedAt !== null) return [`Its instant, ${when(at)}, stands; of its bundle nobody has approved anything any more.`];
  const nothing = 'Nothing that was approved counts any more.';
  return [at <= now ? nothing : `${nothing} Its instant is ${when(at)}, as it was before, and is to be approved anew.`];
}

/** Of an instant that people agreed on, and that one of them has set a later one for. */
function overdueWords(next: Case, now: Instant): string[] {
  const { agreed_release_at: agreed } = next;
  if (agreed === null || agreed > now || isAtOnce(next, now)) return [];
  return [`Two people agreed on ${when(agreed)}, which has passed: it is overdue until two agree on another one.`];
}

/** Whoever would approve it would be refused. */
export async function againstIt(seams: Seams, next: Case): Promise<string[]> {
  const judged = await judgedNow(seams.db, seams, next);
  return judged.ok ? [] : [`As it stands it cannot be approved any more. ${refusedWords(judged)}`];
}

/** Which instant members go by, and how they are told so. */
export function toldStanding(next: Case, now: Instant) {
  const stands = next.scheduled_at !== null && !isAtOnce(next, now);
  const how = next.aside === 'leaked' ? 'still-leaked' : stands ? 'kept' : 'anew';
  return { how, releaseAt: toldInstant(next, now) } as const;
}

export const UNSCHEDULED = {
  ...{ release_at: null, schedule_hash: null, scheduled_at: null, scheduled_by: null },
  agreed_release_at: null,
} as const;

/** A schedule of whoever decides that; two people approve what is released. */
export async function scheduleAt(seams: Seams, seen: Case, at: Instant) {
  const { db, clock, project } = seams;
  const next = proposedCase(seen);
  const channels = next.channels === null ? await channelsFor(db) : channelsOf(next);
  const policies = next.policies?.split(' ') ?? project.usual;
  const plan = newId(clock);
  return {
    release_at: at,
    channels: channels.join(' '),
    plan,
    schedule_hash: scheduleHash({ caseId: seen.id, id: plan, releaseAt: at, channels, policies }),
    scheduled_at: null,
    scheduled_by: actorOf(seams).personId,
    original_at: seen.original_at ?? (seen.noticed_at === null ? null : seen.release_at),
  };
}
