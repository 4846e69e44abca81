import { releaseDecided } from '../cases/reminders.ts';
import { actorOf } from '../cases/step.ts';
import { type Instant, newId } from '../clock.ts';
import { when } from '../notices/templates.ts';
import type { Seams } from '../seams.ts';
import type { Aside, Case } from '../store/schema.ts';
import { scheduleHash } from './bundle.ts';
import { proposing } from './change.ts';
import { channelsOf } from './contents.ts';
import { NO_PROPOSAL, proposalOf, proposedCase, proposedWords, scheduleOf } from './proposal.ts';
import { judgedNow } from './rules.ts';
import { channelsFor } from './schedule.ts';

/*
 * A case that has leaked, or is public already, is set aside: the rules that give people time do not hold for it, and what is scheduled,
 * proposed and approved meanwhile belongs to that alone. What stood before is kept beside it; where it turns out not to be so, that
 * stands again, one of these:
 *
 *   armed      two people had armed it, and it is the same bundle
 *   scheduled  it is the same schedule; the bundle is to be approved anew
 *   anew       it has the instant that people agreed on last, or were told, or none: that is to be approved anew
 *
 * The first two hold for an instant that is to come, which no rule is against that gives people time. Whatever is said of the case (its text, its details)
 * stays as it was written; what is proposed of an instant does not. A leak that is said to be public, and is not, has leaked as before.
 */

const BEFORE = [
  'aside',
  'aside_at',
  'state',
  'bundle_hash',
  'schedule_hash',
  'scheduled_at',
  'agreed_release_at',
  'told_release_at',
  'forthcoming_release_at',
  'original_at',
  'set_aside',
] as const satisfies readonly (keyof Case)[];

/** The case as it stood. */
export type Before = Pick<Case, (typeof BEFORE)[number]>;

/** What is set aside already stands as it did before that. */
export function settingAside(seen: Case, aside: Aside, now: Instant): Partial<Case> {
  const before = Object.fromEntries(BEFORE.map((column) => [column, seen[column]]));
  return { aside, aside_at: now, set_aside: seen.aside === aside ? seen.set_aside : JSON.stringify(before) };
}

function beforeOf({ id, set_aside }: Case): Before {
  if (set_aside === null) throw new Error(`${id} is not set aside`);
  return JSON.parse(set_aside);
}

export type Standing = 'armed' | 'scheduled' | 'anew';

/** `allowed`: no rule is against its instant that holds for it then. */
export function standingOf(seen: Case, before: Before, allowed: boolean, now: Instant): Standing {
  if (!allowed || seen.release_at === null || seen.release_at <= now) return 'anew';
  if (seen.state === 'armed' && before.state === 'armed' && seen.bundle_hash === before.bundle_hash) return 'armed';
  const isSame = seen.schedule_hash === before.schedule_hash && seen.scheduled_at === before.scheduled_at;
  return isSame ? 'scheduled' : 'anew';
}

/** The last that people agreed on, or were told, while it is to come. */
function instantOf(before: Before, now: Instant): Instant | null {
  const { agreed_release_at: agreed, told_release_at: members, forthcoming_release_at: everybody } = before;
  return [agreed, members, everybody].find((at) => at !== null && at > now) ?? null;
}

/** What stands where it is not so. */
export async function asBefore(seams: Seams, seen: Case, now: Instant): Promise<Partial<Case>> {
  const before = beforeOf(seen);
  const to =
    before.aside === 'leaked'
      ? { aside: before.aside, aside_at: before.aside_at, set_aside: before.set_aside }
      : { aside: null, aside_at: null, set_aside: null };
  const { ok } = await judgedNow(seams.db, seams, { ...seen, ...to });
  const stands = standingOf(seen, before, ok, now);
  if (stands === 'armed') return { ...to, ...(await wordsAlone(seams, seen, now)) };
  if (stands === 'scheduled') return { ...to, ...scheduleOf(seen), plan: newId(seams.clock) };
  const at = instantOf(before, now);
  // Of what is to be released at once members are told no instant: the one that they were told last is moved when another one is agreed on.
  const isTold = seen.told_release_at !== null && releaseDecided({ ...seen, ...to, scheduled_at: null }) === null;
  return {
    ...to,
    ...(at === null ? UNSCHEDULED : await scheduleAt(seams, seen, at)),
    agreed_release_at: at,
    original_at: before.original_at,
    ...(isTold ? { told_release_at: at ?? before.told_release_at ?? seen.told_release_at } : {}),
  };
}

/** What is proposed beside an armed case without its schedule, to be approved anew. */
async function wordsAlone({ db, clock }: Seams, seen: Case, now: Instant): Promise<Partial<Case>> {
  const words = proposedWords(seen);
  if (Object.keys(words).length === 0) return NO_PROPOSAL;
  return proposing(db, now, { ...seen, ...NO_PROPOSAL }, { ...words, plan: newId(clock) });
}

/** What the team is told of the instant. */
export function standing(seen: Case, next: Case): string[] {
  const dropped = proposalOf(seen).release_at === undefined ? [] : ['No instant is proposed any more.'];
  const leaked = next.aside === 'leaked' ? ['It is not public. That it has leaked stands.'] : [];
  const isArmed = seen.state === 'armed' && next.plan === seen.plan && next.release_at !== null;
  const disarmed = seen.state === 'armed' && !isArmed ? ['It was armed, and is not any more.'] : [];
  return [...leaked, isArmed ? 'What two people armed before stands.' : standingWords(next), ...disarmed, ...dropped];
}

function standingWords(next: Case): string {
  if (next.release_at === null) return 'No instant stands: set one, and have it approved.';
  if (next.scheduled_at !== null) return 'Its instant stands; of its bundle nobody has approved anything any more.';
  return `Nothing that was approved counts any more. Its instant is ${when(next.release_at)}, as it was before, and is to be approved anew.`;
}

export const UNSCHEDULED = {
  ...{ release_at: null, schedule_hash: null, scheduled_at: null, scheduled_by: null },
  agreed_release_at: null,
} as const;

/** A schedule of whoever decides that; two people approve what is released. */
export async function scheduleAt(seams: Seams, seen: Case, at: Instant): Promise<Partial<Case>> {
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
