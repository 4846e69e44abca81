import { acknowledge } from '../../src/cases/acknowledgements.ts';
import { close, retrospect } from '../../src/cases/after.ts';
import { describe } from '../../src/cases/describe.ts';
import { linkDuplicate } from '../../src/cases/duplicate.ts';
import { type SentKind, sendNotice } from '../../src/cases/notices.ts';
import { askToLead, claim, nameDeputy, staff, takeOver } from '../../src/cases/people.ts';
import { DAY, HOUR, SECOND } from '../../src/clock.ts';
import { approve } from '../../src/embargo/approve.ts';
import { decideLeak, leak, publicAlready, reopen, withdraw } from '../../src/embargo/aside.ts';
import { confirmClock, openClock } from '../../src/embargo/clock-watch.ts';
import { presentPatchSet } from '../../src/embargo/contents.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { draftForthcoming } from '../../src/embargo/forthcoming.ts';
import { limitCase } from '../../src/embargo/need-to-know.ts';
import { proposedCase } from '../../src/embargo/proposal.ts';
import { release } from '../../src/embargo/release.ts';
import { dropProposal, retract } from '../../src/embargo/retract.ts';
import { addPatch, type Schedule, schedule, setText, withdrawPatch } from '../../src/embargo/schedule.ts';
import { Refusal } from '../../src/refusal.ts';
import { decide } from '../../src/roster/admission.ts';
import { setContactActive } from '../../src/roster/contacts.ts';
import type { Seams } from '../../src/seams.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as members from '../../src/store/members.ts';
import type { Case } from '../../src/store/schema.ts';
import { KNOWN } from '../embargo/armed.ts';
import { LISTS, type Person } from '../support/house.ts';
import {
  type Before,
  disarmed,
  type Game,
  POLICIES,
  type Proposed,
  pick,
  plannedAnew,
  rowOf,
  type Seen,
  standing,
  truth,
  watchOf,
} from './game.ts';

/** Somebody's turn. `seams` are his, and may die under him. */
export interface Turn {
  game: Game;
  seams: Seams;
  person: Person;
  about: Seen;
}

/** Does something, and writes down in `about` what that makes of the case. Throws Refusal, Crash. */
type Move = (turn: Turn) => Promise<unknown>;

/** How many there are of an action in the log. */
function count({ game }: Turn, action: string, times = 1): void {
  game.done.set(action, (game.done.get(action) ?? 0) + times);
}

/** What will be released is another thing than it was: nobody has approved it. */
function changed({ game, about }: Turn): void {
  if (about.armed) about.disarmedAt = truth(game);
  disarmed(about);
}

/** What of a change can wait does so where the case is armed. */
function changedTo({ game, about }: Turn, row: Case, to: Proposed['to']): void {
  // What one approved who has left may have been taken back.
  if (about.maybe && row.state !== 'armed') disarmed(about);
  if (about.armed) {
    about.proposed = { to: { ...about.proposed?.to, ...to }, approvals: new Set(), since: truth(game) };
    return;
  }
  Object.assign(about, to);
  if ('instant' in to) plannedAnew(about);
  disarmed(about);
}

const words = (game: Game) => {
  game.texts += 1;
  return { subject: `MARK${game.texts}END`, text: `MARK${game.texts}END\n` };
};
const later = (game: Game, most: number) => game.seams.clock.now() + Math.ceil(game.chance() * most);

const tell: Move = async (turn) => {
  const { game, seams, about } = turn;
  const title = `overflow ${++game.texts} in the frobnicator`;
  const { case: row } = await describe(seams, about.id, game.chance() < 0.1 ? { title } : { ...KNOWN, title });
  changedTo(turn, row, {});
  count(turn, 'case.describe');
};

const write: Move = async (turn) => {
  const text = words(turn.game);
  changedTo(turn, await setText(turn.seams, turn.about.id, text), { text: text.subject });
  count(turn, 'case.set-text');
};

const patch: Move = async (turn) => {
  const { subject: mark } = words(turn.game);
  const added = await addPatch(turn.seams, turn.about.id, { name: `${mark}.patch`, bytes: Buffer.from(`+${mark}\n`) });
  turn.about.patches.set(added.patch.id, mark);
  changed(turn);
  count(turn, 'case.add-patch');
};

const unpatch: Move = async (turn) => {
  const id = pick(turn.game, [...turn.about.patches.keys(), 'none']);
  await withdrawPatch(turn.seams, turn.about.id, id);
  turn.about.patches.delete(id);
  changed(turn);
  count(turn, 'case.withdraw-patch');
};

/** What is suggested instead of an instant that may not be is taken, as people do. */
async function set(turn: Turn, wish: Schedule): Promise<void> {
  const { seams, about } = turn;
  const row = await schedule(seams, about.id, wish).catch((error: { answer?: { suggestion?: string } }) => {
    const instead = error.answer?.suggestion;
    if (instead === undefined) throw error;
    return schedule(seams, about.id, { ...wish, releaseAt: Date.parse(instead) });
  });
  const told = about.noticedAt === null ? [] : (about.proposed?.to.policies ?? about.policies);
  planned(turn, row, {
    ...(wish.subject === undefined ? {} : { text: wish.subject }),
    ...(wish.policies ? { policies: new Set([turn.game.policy, ...told, ...wish.policies]) } : {}),
  });
  count(turn, 'case.schedule');
}

function planned(turn: Turn, row: Case, to: Proposed['to'] = {}): void {
  const { by } = turn.seams;
  changedTo(turn, row, { ...to, instant: proposedCase(row).release_at, planner: by.type === 'person' ? by.id : null });
}

/** The instant that members had before, or stood there before: `back` and forth. */
const back: Move = async (turn) => {
  const { game, about } = turn;
  const before = about.instant;
  await set(turn, { releaseAt: later(game, 5 * DAY) });
  if (before !== null && before > truth(game)) await set(turn, { releaseAt: before });
};

type What = 'patches' | 'schedule' | 'bundle' | 'forthcoming';

async function approveAs(turn: Turn, what: What, who: string): Promise<void> {
  const { game, seams, about } = turn;
  const approver = game.beginning.approvers.get(who);
  // Nobody else may be there.
  if (!approver) throw new Refusal('needs-person');
  const row = await rowOf(seams, about.id);
  if (about.maybe && row.state !== 'armed') disarmed(about);
  const hashes = { schedule: row.schedule_hash, bundle: row.proposed_hash ?? row.bundle_hash, forthcoming: row.forthcoming_hash };
  const hash = what === 'patches' ? await presentPatchSet(seams.db, about.id) : hashes[what];
  const by = { type: 'person', id: who, name: who, via: null } as const;
  await approve({ ...seams, by }, about.id, hash ?? '', approver);
  count(turn, 'case.approve');
  if (!game.team.has(who)) game.faults.push(`somebody approved the ${what} who is not of the team`);
  approved(turn, what, who);
}

function approved(turn: Turn, what: What, who: string): void {
  const { game, about } = turn;
  const now = truth(game);
  if (what === 'patches') about.fixReadyAt ??= now;
  if (what === 'schedule') {
    if (who === about.planner) game.faults.push('who set the schedule approved it');
    about.planners.add(who);
    const counted = about.counts;
    about.counts ||= standing(game, about.planners).length >= 2;
    if (!counted && about.counts) agreed(turn);
    if (!counted && about.counts) about.countedAt = now;
  }
  if (what === 'forthcoming') {
    if (who === about.announced?.by) game.faults.push('who drafted the word to the public approved it');
    about.announced?.approvals.add(who);
    const people = standing(game, [about.announced?.by ?? null, ...(about.announced?.approvals ?? [])]);
    if (people.length >= 2) about.accepted ??= game.wall.now();
    about.publicTold = about.announced?.instant ?? null;
  }
  if (what !== 'bundle') return;
  const { approvals, to } = about.proposed ?? { approvals: about.approvals, to: {} };
  approvals.add(who);
  if (standing(game, approvals).length < 2) return;
  if (about.proposed) about.bundles += 1;
  Object.assign(about, to, { approvals, proposed: null, armed: true, maybe: null });
  if ('instant' in to) plannedAnew(about);
  agreed(turn);
  about.disarmedAt = null;
  if (!about.counts) about.countedAt = now;
  about.counts = true;
  if (about.patches.size > 0 && about.aside !== 'withdrawn') about.fixReadyAt ??= now;
}

const approving =
  (what: What): Move =>
  (turn) =>
    approveAs(turn, what, turn.person.contactId);

/** Two people stand behind the instant: members who were told another one are told it, where it is to come. */
function agreed({ game, about }: Turn): void {
  about.agreed = about.instant;
  about.accepted ??= game.wall.now();
  const isToCome = about.instant !== null && about.instant > game.seams.clock.now();
  if (about.told !== null && isToCome && about.aside !== 'withdrawn') about.told = about.instant;
}

/** As an admin, whom nobody keeps from it. */
const admin = (turn: Turn): Turn => ({ ...turn, seams: { ...turn.seams, role: 'admin' } });
const people = ({ game }: Turn) => game.beginning.house.team.map(({ contactId }) => contactId).filter((id) => game.team.has(id));

/** Two of the team; now and then one alone. */
async function both(turn: Turn, what: What): Promise<void> {
  for (const who of people(turn).slice(0, turn.game.chance() < 0.85 ? 2 : 1)) await approveAs(admin(turn), what, who);
}

/** Another one than who stands behind it. */
const another = (turn: Turn, who: string | null) => people(turn).find((id) => id !== who) ?? '';

/** What a team does that wants its case out; the next moves may void it. */
const prepare: Move = async (turn) => {
  await set(admin(turn), { releaseAt: later(turn.game, 2 * DAY), ...words(turn.game) });
  await both(turn, 'bundle');
};

const approveSchedule = (turn: Turn) => approveAs(admin(turn), 'schedule', another(turn, turn.about.planner));

/** It is out, and to be released at once; or its instant has passed. */
function isDue({ aside, instant, agreed, counts, countedAt, publicAt, decidedAt }: Seen, now: number): boolean {
  if (instant !== null && instant <= now) return true;
  if (aside !== 'leaked' && aside !== 'public') return false;
  const since = aside === 'leaked' ? decidedAt : publicAt;
  return (agreed !== null && agreed <= now) || (since !== null && !(counts && (countedAt ?? 0) > since));
}

const send: Move = async (turn) => {
  const { game, seams, about } = turn;
  await dispatch(seams, about.id, LISTS.distributors);
  about.noticedAt ??= truth(game);
  about.accepted ??= game.wall.now();
  const now = seams.clock.now();
  about.told ??= isDue(about, now) ? now : about.instant;
  about.sent = [...about.patches.values()].sort();
  count(turn, 'case.dispatch');
};

/** All the way to the members. */
const distribute: Move = async (turn) => {
  await tell(turn);
  await patch(turn);
  await set(admin(turn), { releaseAt: later(turn.game, 12 * DAY), ...words(turn.game) });
  await approveSchedule(turn);
  await approveAs(turn, 'patches', turn.person.contactId);
  await send(admin(turn));
};

/** Other patches for those who have some. */
const revise: Move = async (turn) => {
  await patch(turn);
  await approveAs(turn, 'patches', turn.person.contactId);
  await send(admin(turn));
};

/** Two people move the instant of a case that members have. */
const move: Move = async (turn) => {
  await set(admin(turn), { releaseAt: later(turn.game, 6 * DAY) });
  await approveSchedule(turn);
};

const draft: Move = async (turn) => {
  const { game, seams, about, person } = turn;
  const { hash: _ } = await draftForthcoming(seams, about.id, game.chance() < 0.5 ? null : 'Switch it off.');
  about.announced = { by: person.contactId, instant: about.instant ?? 0, approvals: new Set() };
  count(turn, 'case.draft-forthcoming');
};

const announce: Move = async (turn) => {
  await draft(admin(turn));
  await approveAs(admin(turn), 'forthcoming', another(turn, turn.about.announced?.by ?? null));
};

const takeBack: Move = async (turn) => {
  await retract(turn.seams, turn.about.id);
  changed(turn);
  count(turn, 'case.retract');
};

const takeBackProposal: Move = async (turn) => {
  await dropProposal(turn.seams, turn.about.id);
  turn.about.proposed = null;
  count(turn, 'case.drop-proposal');
};

/** What stands there is what stands again where it is not so. */
function asideFor(about: Seen, aside: 'leaked' | 'public'): void {
  if (about.aside !== aside) about.before = { ...about, policies: new Set(about.policies) };
  about.aside = aside;
}

/** What is a leak again, and was to be released by now. */
function wasDue({ aside, agreed, counts, countedAt }: Before, decidedAt: number | null, now: number): boolean {
  if (aside !== 'leaked') return false;
  return (agreed !== null && agreed <= now) || (decidedAt !== null && !(counts && (countedAt ?? 0) > decidedAt));
}

/** What two people agreed on before is the same, or it has the instant that was set, agreed on or told, while that is to come. */
function stoodBefore({ game, seams, about }: Turn, before: Before, kept: Case, row: Case): void {
  const now = seams.clock.now();
  const { planners, planner, counts, countedAt, schedules, instant, policies } = about;
  disarmed(about);
  if (kept.schedule_hash !== null && kept.schedule_hash === row.schedule_hash) {
    const isSame = schedules === before.schedules && counts && before.counts && countedAt === before.countedAt;
    if (!isSame || wasDue(before, about.decidedAt, now))
      game.faults.push(`${about.id} has a schedule of what it was set aside for`);
    Object.assign(about, { instant, policies, planners, planner, counts, countedAt, schedules, agreed: before.agreed });
    return;
  }
  const due = wasDue(before, about.decidedAt, now);
  if (!due) about.decidedAt = null;
  const toCome = (all: readonly (number | null)[]) => all.find((one) => one !== null && one > now) ?? null;
  const at = due ? now : toCome([before.instant, before.agreed]);
  if (kept.release_at !== at) game.faults.push(`${about.id} has an instant that nobody set before it was set aside`);
  // Under which distributors were told meanwhile, none is taken away.
  about.policies = before.noticedAt === null && about.noticedAt !== null ? policies : new Set(before.policies);
  if (kept.policies !== null && kept.policies !== [...about.policies].join(' '))
    game.faults.push(`${about.id} is under policies of what it was set aside for`);
  Object.assign(about, { instant: at, agreed: at === null ? null : before.agreed });
  if (about.told !== null && !due) about.told = toCome([about.agreed]) ?? about.told;
  about.planner = at !== null && seams.by.type === 'person' ? seams.by.id : null;
  plannedAnew(about);
}

const leaks: Move = async (turn) => {
  await leak(turn.seams, turn.about.id, 'It is on a forum.');
  asideFor(turn.about, 'leaked');
  turn.about.decidedAt = null;
  // What was to be released at once is not, and members are told the instant that stands again.
  const { told, agreed } = turn.about;
  if (told !== null && agreed !== null && agreed > turn.seams.clock.now()) turn.about.told = agreed;
  count(turn, 'case.leak');
};

/**
 * Of what was approved meanwhile nothing counts. Which rules of a policy are against an instant is not known here, so that what may stand
 * need not.
 */
const keep: Move = async (turn) => {
  const { game, seams, about } = turn;
  const row = await rowOf(seams, about.id);
  if (about.maybe && row.state !== 'armed') disarmed(about);
  const kept = await decideLeak(seams, about.id, { decision: 'keep', reason: 'So be it.' });
  const { before } = about;
  if (!before) throw new Error(`${about.id} is not set aside`);
  about.aside = before.aside;
  about.before = before.before;
  if (before.accepted === null && about.lead === null && about.noticedAt === null && about.publicTold === null)
    about.accepted = null;
  count(turn, 'case.leak-keep');
  if (kept.state !== 'armed') {
    if (about.armed) about.disarmedAt = truth(game);
    stoodBefore(turn, before, kept, row);
    return;
  }
  if (!about.armed || !before.armed || about.bundles !== before.bundles)
    game.faults.push(`${about.id} is armed by what was approved before it was found to be under embargo`);
  const { text } = about.proposed?.to ?? {};
  const now = seams.clock.now();
  const isDue = wasDue(before, about.decidedAt, now) && (about.instant ?? 0) > now;
  const again = isDue ? { instant: now, planner: seams.by.type === 'person' ? seams.by.id : null } : {};
  const to = { ...(text === undefined ? {} : { text }), ...again };
  if (isDue && proposedCase(kept).release_at !== now) game.faults.push(`${about.id} is not to be released at once any more`);
  about.proposed = kept.proposed_hash === null ? null : { to, approvals: new Set(), since: truth(game) };
};

const decideRelease: Move = async (turn) => {
  const row = await decideLeak(turn.seams, turn.about.id, { decision: 'release', reason: 'So be it.' });
  turn.about.decidedAt = row.leak_decided_at;
  planned(turn, row);
  count(turn, 'case.leak-release');
};

const publicly: Move = async (turn) => {
  const row = await publicAlready(turn.seams, turn.about.id, 'https://example.org/');
  asideFor(turn.about, 'public');
  turn.about.publicAt = truth(turn.game);
  planned(turn, row);
  count(turn, 'case.public-already');
};

/** What a team does that finds out what it was told too late: some of it is scheduled, and approved, for what is not so. */
const mistake: Move = async (turn) => {
  const { game } = turn;
  const some = (chance: number) => game.chance() < chance;
  if (some(0.7)) {
    await leaks(turn);
    if (some(0.5)) await decideRelease(admin(turn));
  }
  if (turn.about.aside === null || some(0.3)) await publicly(admin(turn));
  if (some(0.3)) await set(admin(turn), { releaseAt: later(game, 3 * DAY), ...(some(0.5) ? words(game) : {}) });
  if (some(0.4)) await approveSchedule(turn);
  if (some(0.5)) await both(turn, 'bundle');
  if (turn.about.decidedAt !== null && turn.about.aside === 'leaked') await leaks(turn);
  // Of two mails of one millisecond neither is the later one.
  game.wall.moveTo(game.wall.now() + 1);
  await keep(admin(turn));
  game.wall.moveTo(game.wall.now() + 1);
  if (some(0.5)) await both(turn, 'bundle');
};

const drop: Move = async (turn) => {
  const { about, seams } = turn;
  await withdraw(seams, about.id, 'It was none.');
  const told = [about.told, about.publicTold].filter((at) => at !== null);
  const owed = told.length > 0;
  about.aside = 'withdrawn';
  about.proposed = null;
  about.instant = owed ? Math.min(...told) : null;
  about.agreed = null;
  about.text = owed ? 'note' : null;
  changed(turn);
  count(turn, 'case.withdraw');
};

const rejected = ({ about }: Turn) => {
  about.aside = 'rejected';
};

const notice =
  (kind: SentKind, text: string | null = null): Move =>
  async (turn) => {
    await sendNotice(turn.seams, turn.about.id, kind, { text, list: null });
    count(turn, 'case.notice');
    if (kind === 'not-a-vulnerability') rejected(turn);
  };

const duplicate: Move = async (turn) => {
  const { game, seams, about } = turn;
  const of = game.beginning.ids.find((id) => id !== about.id) ?? '';
  await linkDuplicate(seams, about.id, { of, text: null });
  rejected(turn);
  count(turn, 'case.duplicate');
};

/** Opens a case again; an instant that has passed is gone with that. */
const again: Move = async (turn) => {
  const { seams, about } = turn;
  const was = await rowOf(seams, about.id);
  const row = await reopen(seams, about.id, 'It is one.');
  let { before } = about;
  while (before?.before) before = before.before;
  const people = { accepted: null, lead: null, deputy: null, asked: about.lead ?? about.deputy };
  Object.assign(about, { aside: null, closed: false, before: null, ...people });
  if (before) stoodBefore(turn, before, row, was);
  else {
    changed(turn);
    if (row.release_at === null) Object.assign(about, { instant: null, agreed: null, planner: null });
    else if (!about.counts) about.planner = seams.by.type === 'person' ? seams.by.id : null;
    if (row.release_at === null || !about.counts) plannedAnew(about);
  }
  if (about.agreed !== null && about.agreed <= seams.clock.now()) about.agreed = null;
  // That it ended was said when it was rejected, and that it was opened again says that nothing of it stands.
  about.disarmedAt = null;
  count(turn, 'case.reopen');
};

const leadIt: Move = async (turn) => {
  await claim(turn.seams, turn.about.id, {});
  turn.about.asked = null;
  turn.about.lead = turn.person.contactId;
  turn.about.accepted ??= turn.game.wall.now();
  count(turn, 'case.lead');
};

const handOver: Move = async (turn) => {
  const next = pick(turn.game, turn.game.beginning.house.team).contactId;
  await askToLead(turn.seams, turn.about.id, next);
  turn.about.asked = next;
};

const deputise: Move = async (turn) => {
  const deputy = pick(turn.game, turn.game.beginning.house.team).contactId;
  await nameDeputy(turn.seams, turn.about.id, deputy);
  turn.about.deputy = deputy;
};

const takeIt: Move = async ({ seams, about, person: { contactId } }) => {
  await takeOver(seams, about.id);
  about.lead = contactId;
  about.asked = null;
  if (about.deputy === contactId) about.deputy = null;
};

const staffIt: Move = async ({ game, seams, about, person: { contactId } }) => {
  const some = game.chance() < 0.4 ? [] : [contactId];
  await staff(seams, about.id, some);
  about.staff = new Set(some);
};

const limit: Move = async (turn) => {
  const { game, seams, about } = turn;
  const alone = pick(game, [null, null, ...game.beginning.house.members]);
  const member = alone && (await contacts.byId(seams.db, alone.contactId));
  await limitCase(seams, about.id, member ? { groups: [], members: [member.member_id] } : null);
  about.insiders = alone && new Set([alone.address]);
  for (const { address } of game.beginning.house.members) game.waited.add(address);
  count(turn, 'case.limit');
};

const leave: Move = async (turn) => {
  const { game, seams } = turn;
  const { contactId } = pick(game, game.beginning.house.team);
  const was = game.team.has(contactId);
  if (was && game.team.size < 3 && game.chance() < 0.7) return;
  await setContactActive({ ...seams, role: 'admin' }, contactId, !was, 'Because.');
  count(turn, was ? 'contact.retire' : 'contact.reinstate');
  if (was) game.team.delete(contactId);
  else game.team.add(contactId);
};

/** He is in the set no more, or is from now on. */
function toggle({ game }: Turn, set: Set<string>, address: string): void {
  if (!set.delete(address)) set.add(address);
  game.waited.add(address);
}

const suspend: Move = async (turn) => {
  const { game, seams } = turn;
  const { contactId, address } = pick(game, game.beginning.house.members);
  const memberId = (await contacts.byId(seams.db, contactId))?.member_id ?? '';
  const step = game.suspended.has(address) ? 'reinstate' : 'suspend';
  await decide({ ...seams, role: 'admin' }, { project: 'orbit' }, memberId, step, { reason: 'Because.' });
  toggle(turn, game.suspended, address);
  count(turn, `member.${step}`);
};

const retire: Move = async (turn) => {
  const { game, seams } = turn;
  const { contactId, address } = pick(game, game.beginning.house.members);
  const was = !game.retired.has(address);
  await setContactActive({ ...seams, role: 'admin' }, contactId, !was, 'Because.');
  toggle(turn, game.retired, address);
  count(turn, was ? 'contact.retire' : 'contact.reinstate');
};

/** All the way from a dispatch: somebody is away while there is something else to be told, and then, mostly, back. */
const meanwhile: Move = async (turn) => {
  const { game } = turn;
  const away = pick(game, [suspend, retire, limit]);
  const steps = [away, pick(game, [revise, revise, move]), ...(game.chance() < 0.8 ? [away] : [])];
  for (const step of turn.about.noticedAt === null ? [distribute, ...steps] : steps) {
    await step(turn);
    // Of two mails of one millisecond neither is the later one.
    game.wall.moveTo(game.wall.now() + 1);
  }
};

/** The relay takes nothing for a member for a while, in which there is something to be told. */
const putOff: Move = async (turn) => {
  const { game } = turn;
  const { address } = pick(game, game.beginning.house.members);
  game.putsOff.set(address, truth(game) + Math.ceil(game.chance() * 6 * HOUR));
  game.waited.add(address);
  await pick(game, [distribute, revise, move])(turn);
};

/** A scanner does not let one mail to a member, or to a reporter, through for a while, and all others. */
const putOffOne: Move = async (turn) => {
  const { game } = turn;
  const { house, reporters } = game.beginning;
  const toReporter = game.chance() < 0.4;
  const address = toReporter ? pick(game, reporters) : pick(game, house.members).address;
  game.putsOffNext.set(address, truth(game) + Math.ceil(game.chance() * 12 * HOUR));
  game.waited.add(address);
  await pick(game, toReporter ? [notice('status'), move] : [distribute, revise, move])(turn);
};

const answer: Move = async (turn) => {
  const { game, seams, about } = turn;
  const { contactId, address } = pick(game, game.beginning.house.members);
  const contact = await contacts.byId(seams.db, contactId);
  const member = contact && (await members.byId(seams.db, contact.member_id));
  if (!contact || !member) throw new Error(`${address} is gone`);
  const who = { contact: { ...contact, active: true, proved: true }, member };
  const status = pick(game, ['acknowledged', 'affected', 'problem'] as const);
  await acknowledge(seams, who, about.id, { status, signedAt: seams.clock.now() });
  count(turn, 'case.acknowledge');
};

const passes =
  (most: number): Move =>
  async ({ game }) =>
    game.wall.moveTo(game.wall.now() + Math.ceil(game.chance() * most));

const toInstant: Move = async ({ game, about }) => {
  const by = (about.instant ?? 0) + Math.round((game.chance() - 0.5) * 2 * SECOND);
  if (by > truth(game)) game.wall.moveTo(game.wall.now() + by - truth(game));
};

function jump(game: Game, by: number): void {
  game.wrong += by;
  game.wall.jumpTo(game.wall.now() + by);
}

export function repair(game: Game): void {
  if (game.wrong !== 0) game.rightSince = truth(game);
  jump(game, -game.wrong);
}

export async function restart(game: Game): Promise<void> {
  // What it knew of the time is in the database, and in the run of the machine that goes on.
  game.clock = await openClock(game.db, game.wall, DAY);
  game.seams = { ...game.seams, clock: game.clock };
  game.watch = watchOf(game.seams, game.clock);
  game.rightSince = truth(game);
  await deliveries.reclaim(game.db, game.clock.now(), 'all');
}

/** An admin who has looked at another clock, and sees that this one is right. */
const confirm: Move = async ({ game, seams, person: { contactId } }) => {
  if (game.wrong === 0) await confirmClock(seams, game.clock, { wall: game.wall.now(), personId: contactId });
};

/** What happens often has a larger weight. */
export const MOVES: readonly [string, number, Move][] = [
  ['claim', 3, leadIt],
  ['hand over', 1, handOver],
  ['deputy', 1, deputise],
  ['take over', 1, takeIt],
  ['staff', 2, staffIt],
  ['limit', 2, limit],
  ['team', 3, leave],
  ['suspend', 3, suspend],
  ['retire', 2, retire],
  ['the relay puts off', 4, putOff],
  ['the relay puts one off', 4, putOffOne],
  ['something while away', 4, meanwhile],
  ['describe', 2, tell],
  ['patch', 1, patch],
  ['take a patch out', 1, unpatch],
  ['text', 2, write],
  ['schedule', 2, (turn) => set(turn, { releaseAt: later(turn.game, 20 * DAY), ...words(turn.game) })],
  ['another policy', 1, (turn) => set(turn, { releaseAt: later(turn.game, 9 * DAY), policies: [pick(turn.game, POLICIES)] })],
  ['move the instant alone', 1, (turn) => set(turn, { releaseAt: later(turn.game, 5 * DAY) })],
  ['move the instant', 3, move],
  ['set the instant back', 1, back],
  ['prepare', 5, prepare],
  ['arm', 5, (turn) => both(turn, 'bundle')],
  ['approve the patches', 1, approving('patches')],
  ['approve the schedule', 1, approving('schedule')],
  ['approve the bundle', 2, approving('bundle')],
  ['approve the word', 1, approving('forthcoming')],
  ['retract', 2, takeBack],
  ['retract what is proposed', 1, takeBackProposal],
  ['distribute', 7, distribute],
  ['dispatch', 1, send],
  ['revise', 2, revise],
  ['a member answers', 1, answer],
  ['draft the word', 1, draft],
  ['announce', 4, announce],
  ['acknowledgement', 1, notice('acknowledgement')],
  ['status', 1, notice('status')],
  ['needs info', 1, notice('needs-info', 'How?')],
  ['second notice', 2, notice('second-notice')],
  ['reminder', 1, notice('reminder')],
  ['reject', 1, notice('not-a-vulnerability', 'It is none.')],
  ['duplicate', 1, duplicate],
  ['open again', 3, again],
  ['leak', 2, leaks],
  ['keep', 3, keep],
  ['leak is released', 2, decideRelease],
  ['public already', 1, publicly],
  ['a mistake', 5, mistake],
  ['withdraw', 1, drop],
  ['withdraw with its note', 1, (turn) => drop(admin(turn)).then(() => both(turn, 'bundle'))],
  ['release now', 1, (turn) => release(turn.seams, turn.about.id).then(() => {})],
  ['retrospective', 1, (turn) => retrospect(turn.seams, turn.about.id, 'Well.').then(() => count(turn, 'case.retrospective'))],
  [
    'close',
    1,
    (turn) =>
      close(turn.seams, turn.about.id).then(() => {
        turn.about.closed = true;
        count(turn, 'case.close');
      }),
  ],
  ['time passes', 2, passes(HOUR)],
  ['days pass', 4, passes(3 * DAY)],
  ['weeks pass', 1, passes(15 * DAY)],
  ['the instant comes', 8, toInstant],
  ['the clock jumps', 1, async ({ game }) => jump(game, Math.round((game.chance() - 0.5) * 20 * DAY))],
  ['the clock is set right', 2, async ({ game }) => repair(game)],
  ['the clock is confirmed', 1, confirm],
  ['the process is started anew', 1, ({ game }) => restart(game)],
];
