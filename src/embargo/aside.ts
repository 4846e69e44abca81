import { record } from '../audit/record.ts';
import { isEnded, namesOf } from '../cases/clocks.ts';
import { detailsOf } from '../cases/describe.ts';
import { keeperOf } from '../cases/keeper.ts';
import { alert } from '../cases/people.ts';
import { everybodyFor } from '../cases/remind.ts';
import { LEAK_DECISION } from '../cases/reminders.ts';
import type { Step } from '../cases/state.ts';
import { caseFor } from '../cases/step.ts';
import { goesBy, isSame, membersTold, reporterTold, tellingMembers } from '../cases/told.ts';
import { type Instant, newId, toIso } from '../clock.ts';
import { eachContact, PRIORITY } from '../delivery/copies.ts';
import { endsTelling } from '../delivery/order.ts';
import { send } from '../delivery/send.ts';
import { caseAside, creditDoubtful, type Notice, REPORTER_UNTOLD, withdrawnNote } from '../notices/templates.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import { isUnanswerable } from '../post/receipt.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import * as deliveries from '../store/deliveries.ts';
import * as posts from '../store/posts.ts';
import type { Case, NewPost } from '../store/schema.ts';
import { bundled, change } from './change.ts';
import { draftEntity } from './contents.ts';
import { publishes, TOLD_THEN } from './dead-man.ts';
import { movedFacts } from './moved.ts';
import { type Outgoing, toHandlers, toMembers, toReporterMeanwhile } from './outgoing.ts';
import { proposedCase } from './proposal.ts';
import {
  againstIt,
  asBefore,
  beforeAll,
  leakedAgain,
  scheduleAt,
  scheduledBefore,
  settingAside,
  standing,
  standingWords,
  toldStanding,
  UNSCHEDULED,
} from './set-aside.ts';

/*
 * What happens to a case beside its way to the release: its contents leaked, are public already, it is withdrawn, or opened again. Each has words of
 * whoever says so (evidence, a reference, a reason): they are as secret as the case, kept sealed, and sent to those alone who may know.
 * Those of the team and the members who have the case are told in the transaction that changes it, all at once.
 */

/** In words for people: what is said to the team, and to members. */
interface Telling {
  /** `what` as the log and the team have it. */
  what: 'leak' | 'leak-keep' | 'leak-release' | 'withdraw' | 'public-already' | 'reopen';
  step: Step;
  /** Of whoever acts. */
  words: string;
  /** Posts that the change refers to. */
  files?: readonly NewPost[];
  expected?: number | undefined;
  to: (seen: Case, now: Instant) => Promise<Partial<Case>>;
  /** What else the team is to know before it acts. `next`: the case as it is then. */
  notes?: (seen: Case, next: Case) => Promise<string[]>;
  /** For members, and whom else it concerns. `next`: the case as it is then. */
  members: (about: Case, next: Case) => Promise<Outgoing[]>;
}

/** Takes the step, and tells everybody of the case of it, in one transaction. Throws Refusal: what a step refuses. */
async function setAside(seams: Seams, caseId: string, telling: Telling): Promise<Case> {
  const { db, clock } = seams;
  const { what, step, words, files = [], expected } = telling;
  const seen = await caseFor(db, seams, caseId, step, expected);
  const list = await keeperOf(db, seen);
  const kept = await writeNotice(seams, list, { kind: 'evidence', caseId }, noticeEntity({ subject: what, text: words }));
  const to = await telling.to(seen, clock.now());
  const next = { ...seen, ...to };
  const decideBy = next.aside === 'leaked' && next.leak_decided_at === null ? (next.aside_at ?? 0) + LEAK_DECISION : null;
  const notes = (await telling.notes?.(seen, next)) ?? [];
  const forTeam = await alert(seams, caseId, caseAside({ caseId, what, words, decideBy, notes }));
  const outgoing = await telling.members(seen, next);
  return db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    const until = endsTelling(to) ? { told_until: await posts.lastPlace(trx) } : {};
    for (const post of [kept, ...files]) await posts.insert(trx, post);
    const waits = what === 'leak' || what === 'leak-release' || what === 'public-already';
    const changed = await change(trx, clock.now(), seen, { ...to, ...until, evidence_post_id: kept.id }, { waits });
    const people = await everybodyFor(trx, seams, seen);
    await send(trx, seams, forTeam, eachContact(people));
    for (const { copies } of outgoing) await deliveries.insertMany(trx, await copies(trx));
    const { release_at: releaseAt } = proposedCase(changed);
    const detail = {
      evidence: kept.id,
      digest: kept.digest,
      team: people.map(({ id }) => id),
      told: outgoing.map(({ post }) => post.id),
      ...(releaseAt === seen.release_at ? {} : { releaseAt: instantOrNull(releaseAt) }),
      ...(changed.policies === seen.policies ? {} : { policies: namesOf(changed, seams.project.usual) }),
    };
    await record(trx, seams, bundled(`case.${what}`, changed, detail));
    return changed;
  });
}

function instantOrNull(instant: Instant | null): string | null {
  return instant === null ? null : toIso(instant);
}

/**
 * The contents of a case are out. Everybody of the case is told, members at the same time; a decision is due within two hours. From now on
 * the case may be released at any instant within its longest embargo.
 */
export async function leak(seams: Seams, caseId: string, evidence: string, expected?: number): Promise<Case> {
  return setAside(seams, caseId, {
    what: 'leak',
    step: 'leak',
    words: evidence,
    expected,
    to: (seen, now) => leakedAgain(seams, seen, now),
    members: (about, next) => toldLeaked(seams, about, next),
  });
}

/**
 * `keep`: it was no leak, or does not matter, and the embargo stands as it did before (set-aside.ts); so it does of what was taken for
 * public by mistake. `release`: the instant is now, and two people approve. Throws Refusal('conflict') for what is due at once already.
 */
export async function decideLeak(
  seams: Seams,
  caseId: string,
  { decision, reason }: { decision: 'keep' | 'release'; reason: string },
  expected?: number,
): Promise<Case> {
  const decided = (now: Instant) => ({ leak_decision: decision, leak_decided_at: now });
  return setAside(seams, caseId, {
    what: decision === 'keep' ? 'leak-keep' : 'leak-release',
    step: 'decide-leak',
    words: reason,
    expected,
    to: async (seen, now) =>
      decision === 'keep'
        ? { ...(seen.aside === 'leaked' ? decided(now) : {}), ...(await asBefore(seams, seen, now)) }
        : { ...decided(now), ...(await atOnce(seams, seen, now)) },
    notes: async (seen, next) => (decision === 'keep' ? standing(seams, seen, next) : []),
    members: async (about, next) => (decision === 'keep' ? toldKept(seams, about, next) : []),
  });
}

/** Somebody else published it: all clocks of the case have run out, and its instant is now. It is released as soon as two people approve. */
export async function publicAlready(seams: Seams, caseId: string, reference: string, expected?: number): Promise<Case> {
  return setAside(seams, caseId, {
    what: 'public-already',
    step: 'publish',
    words: reference,
    expected,
    to: async (seen, now) => ({
      ...settingAside(seen, 'public_already', now),
      ...(await atOnce(seams, seen, now)),
      ...(seen.noticed_at === null ? {} : tellingMembers(null, now)),
    }),
    members: (about) => leakedTo(seams, about, { how: 'public', releaseAt: null }),
  });
}

/**
 * The case comes to nothing. Its gate is shut for good; members and the reporter are told. Where distributors or the public were told that
 * something will come, a note of fixed words is owed at that instant: it stands in the place of the text, and two people approve it.
 */
export async function withdraw(seams: Seams, caseId: string, reason: string, expected?: number): Promise<Case> {
  const { db, clock, project } = seams;
  const seen = await caseFor(db, seams, caseId, 'withdraw', expected);
  const list = await keeperOf(db, seen);
  const owedAt = noteOwedAt(seen);
  const words = withdrawnNote({ project: project.name, releaseAt: owedAt ?? clock.now() });
  const note = owedAt !== null ? await writeNotice(seams, list, { kind: 'draft', caseId }, draftEntity(words)) : null;
  return setAside(seams, caseId, {
    what: 'withdraw',
    step: 'withdraw',
    words: reason,
    files: note ? [note] : [],
    expected: seen.revision,
    to: async (_, now) => ({
      aside: 'withdrawn',
      aside_at: now,
      schedule_hash: null,
      draft_post_id: note?.id ?? null,
      agreed_release_at: null,
      release_at: owedAt,
    }),
    notes: async ({ reporter_address: address }) =>
      address !== null && (await isUnanswerable(db, address)) ? [REPORTER_UNTOLD] : [],
    members: async (about) => {
      const told = { kind: 'withdrawn', words: seams.words.withdrawn({ caseId, reason }), priority: PRIORITY.ordinary } as const;
      const reporter = await toReporterMeanwhile(seams, about, list, told);
      return [...(reporter ? [reporter] : []), ...(await toMembers(seams, about, told))];
    },
  });
}

/**
 * What was rejected, or linked as a duplicate, is a report again that nobody has accepted: whoever led it is asked first. Its clocks never
 * stopped; but the public is told of their end once somebody has accepted it. Nothing that was approved before counts, and an instant that
 * has passed, or is under a policy that is not there any more, is to be set anew.
 */
export async function reopen(seams: Seams, caseId: string, reason: string, expected?: number): Promise<Case> {
  return setAside(seams, caseId, {
    what: 'reopen',
    step: 'reopen',
    words: reason,
    expected,
    to: async (seen, now) => {
      const stands = await scheduleAgain(seams, seen, now);
      return {
        ...{ aside: null, aside_at: null, set_aside: null, duplicate_of: null, closed_at: null, plan: newId(seams.clock) },
        ...{ accepted_at: null, led_at: null, lead_id: null, deputy_id: null, reopened_at: now },
        ...{ handover_id: seen.lead_id ?? seen.deputy_id, handover_at: now },
        ...stands,
        agreed_release_at: agreedToCome({ ...seen, ...stands }, now),
      };
    },
    notes: async (about, next) => {
      const { project, clock } = seams;
      const stands = about.set_aside === null ? [] : [...standingWords(next, clock.now()), ...(await againstIt(seams, next))];
      return [...stands, ...(isEnded(project, next, clock.now()) && publishes(project, next) ? [TOLD_THEN] : [])];
    },
    members: (seen) => creditLeft(seams, seen),
  });
}

/** Who was credited in the case of which this was a duplicate stays that, until those who handle it, and may not know this one, decide. */
async function creditLeft(seams: Seams, seen: Case): Promise<Outgoing[]> {
  const original = seen.duplicate_of === null ? undefined : await cases.byId(seams.db, seen.duplicate_of);
  if (!original || original.state === 'released') return [];
  const { credit } = (await detailsOf(seams, seen)).reporter;
  const { credits } = await detailsOf(seams, original);
  if (credit === null || !credits.some(({ name }) => name === credit)) return [];
  return [await toHandlers(seams, original, creditDoubtful({ caseId: original.id, name: credit }))];
}

/** One that has passed is not what the case is late by. */
function agreedToCome({ agreed_release_at: at }: Case, now: Instant): Instant | null {
  return at !== null && at > now ? at : null;
}

/**
 * What of a schedule is no more: an instant that has passed, and one under policies of which the configuration has some no more. Of what
 * was set aside it is what stood before (set-aside.ts); its bundle is approved anew.
 */
async function scheduleAgain(seams: Seams, seen: Case, now: Instant): Promise<Partial<Case>> {
  const { project } = seams;
  const before = beforeAll(seen);
  const { release_at, policies, scheduled_at } = before ?? proposedCase(seen);
  const known = namesOf({ policies }, project.usual).filter((name) => project.policies.some((one) => one.name === name));
  const lost = known.length < namesOf({ policies }, project.usual).length;
  if (lost) return { ...UNSCHEDULED, policies: [...new Set([...project.usual, ...known])].join(' ') };
  const to = { aside: null, aside_at: null, set_aside: null, state: 'scheduled' } as const;
  if (before) return scheduledBefore(seams, { ...seen, ...to }, before, now);
  if (release_at === null) return {};
  if (release_at <= now) return UNSCHEDULED;
  // What one has approved of it counts no more.
  return scheduled_at === null ? scheduleAt(seams, seen, release_at) : {};
}

/**
 * Whoever was told that something will come is owed, at the instant that he was told, the word that nothing does: not at another one that
 * was written down, or agreed on, since. Of two instants it is the earlier one; whoever was told none is owed it at once. Null where nobody
 * was told.
 */
function noteOwedAt({ told_release_at, noticed_at, forthcoming_release_at }: Case): Instant | null {
  const told = [told_release_at ?? noticed_at, forthcoming_release_at].filter((at) => at !== null);
  return told.length === 0 ? null : Math.min(...told);
}

async function atOnce(seams: Seams, seen: Case, now: Instant): Promise<Partial<Case>> {
  if (seen.aside === 'public_already') throw new Refusal('conflict', 'What is public already is due at once');
  return scheduleAt(seams, seen, now);
}

/** Members are told what stands; and so is the reporter, where he goes by another instant than people agreed on. */
async function toldKept(seams: Seams, about: Case, next: Case): Promise<Outgoing[]> {
  const now = seams.clock.now();
  const members = await leakedTo(seams, about, toldStanding(next, now));
  const how = next.scheduled_at === null ? 'anew' : 'kept';
  const words = seams.words.leaked({ caseId: about.id, how, releaseAt: goesBy(reporterTold(next)) });
  return [...(await toReporterAnew(seams, about, next, words)), ...members];
}

/** Members; and of the instant alone, where it stands again, the reporter. */
async function toldLeaked(seams: Seams, about: Case, next: Case): Promise<Outgoing[]> {
  const [before, after] = [membersTold(about), membersTold(next)];
  const members = await leakedTo(seams, about, { how: 'leaked', releaseAt: isSame(before, after) ? null : goesBy(after) });
  const releaseAt = goesBy(reporterTold(next));
  if (releaseAt === null) return members;
  const words = seams.words.moved(movedFacts(about.id, reporterTold(about), releaseAt));
  return [...(await toReporterAnew(seams, about, next, words)), ...members];
}

/** Nothing where he goes by what he was told. */
async function toReporterAnew(seams: Seams, about: Case, next: Case, words: Notice): Promise<Outgoing[]> {
  if (isSame(reporterTold(about), reporterTold(next))) return [];
  const told = { kind: 'notice', words, priority: PRIORITY.ordinary } as const;
  const reporter = await toReporterMeanwhile(seams, about, await keeperOf(seams.db, about), told);
  return reporter ? [reporter] : [];
}

async function leakedTo(
  seams: Seams,
  about: Case,
  what: Omit<Parameters<Seams['words']['leaked']>[0], 'caseId'>,
): Promise<Outgoing[]> {
  const words = seams.words.leaked({ caseId: about.id, ...what });
  // What has an instant does not overtake an older one that is still on its way: that would be what a member reads last.
  const priority = what.releaseAt === null ? PRIORITY.member : PRIORITY.ordinary;
  return toMembers(seams, about, { kind: 'leaked', words, priority });
}
