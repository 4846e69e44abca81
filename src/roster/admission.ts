import { record } from '../audit/record.ts';
import { DAY, type Instant, toIso } from '../clock.ts';
import { letInsidersHave } from '../delivery/need-to-know.ts';
import { readyToJudge, removalAsked } from '../notices/templates.ts';
import type { Sealing } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import type { Local, Seams } from '../seams.ts';
import * as admission from '../store/admission.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as groups from '../store/groups.ts';
import * as members from '../store/members.ts';
import type { Member, Removal } from '../store/schema.ts';
import type { AdmissionRules } from './apply.ts';
import { askAll, prepareAskings } from './asking.ts';
import type { Criterion } from './criteria.ts';
import { listsWithMembers, mustBeVersion, mustHaveReaders, mustNotJoinTeam, usableReaders } from './members.ts';
import { hasReader, isReachable, usableOf } from './prove.ts';
import { next, REVIEW } from './state.ts';
import { actingPerson, deed, letGo, moveTo, mustBe, REFUSED } from './steps.ts';
import { prepareNotice, tellMember, tellTeam } from './tell.ts';

/**
 * A member of another organisation says that he knows the applicant. Throws Refusal: needs-person, not-found; forbidden where he is
 * of the same organisation or not of an active one; conflict.
 */
export async function vouch(
  seams: Seams,
  { project }: Pick<AdmissionRules, 'project'>,
  memberId: string,
  byId: string | null,
  statement: string,
): Promise<Member> {
  const { db, clock } = seams;
  const { organisation } = await mustBe(db, memberId);
  const told = await prepareNotice(seams, seams.words.memberChanged({ project, organisation, state: 'vouched', reason: null }));
  const toTeam = await prepareNotice(seams, readyToJudge({ organisation }), 'alert');
  return db.transaction().execute(async (trx) => {
    const member = await mustBe(trx, memberId);
    const by = await actingPerson(trx, byId);
    if (by.member_id === memberId) throw new Refusal('own-organisation', 'Nobody vouches for his own organisation');
    const own = await members.byId(trx, by.member_id);
    if (own?.state !== 'active' || by.active !== 1 || by.proved_at === null)
      throw new Refusal('forbidden', 'Only a contact of an active member who has proved his key vouches');
    if (statement.trim() === '') throw new Refusal('invalid', 'A statement is needed: what do you know of them?');
    const row = { member_id: memberId, round: member.round, contact_id: by.id, statement, created_at: clock.now() };
    if (!(await admission.insertVouch(trx, row))) throw new Refusal('conflict', 'You have vouched for this application already');
    const state = await moveTo(trx, member, 'vouch', null, clock.now());
    await tellMember(trx, seams, told, memberId);
    await tellTeam(trx, seams, toTeam);
    await record(trx, seams, deed('member.vouch', member, state, { by: by.id, of: own.organisation }));
    return mustBe(trx, memberId);
  });
}

export interface Judgement {
  criterion: string;
  pass: boolean;
  note: string | null;
}

/**
 * One of the team says of each criterion whether it is met. When two different people who are of the team then have said yes to all, the
 * member is vetted.
 * Throws Refusal: needs-person, not-found; forbidden for one's own organisation; invalid where a criterion is left out; conflict.
 */
export async function judge(
  seams: Seams,
  { project, criteria }: AdmissionRules,
  memberId: string,
  byId: string | null,
  judgements: readonly Judgement[],
): Promise<Member> {
  const { db, clock } = seams;
  const given = new Set(judgements.map(({ criterion }) => criterion));
  if (given.size !== judgements.length || given.size !== criteria.length || !criteria.every(({ id }) => given.has(id)))
    throw new Refusal('invalid', `A verdict on each of: ${criteria.map(({ id }) => id).join(', ')}`);
  const { organisation } = await mustBe(db, memberId);
  const told = await prepareNotice(seams, seams.words.memberChanged({ project, organisation, state: 'vetted', reason: null }));
  return db.transaction().execute(async (trx) => {
    await members.lock(trx, memberId);
    const member = await mustBe(trx, memberId);
    const by = await actingPerson(trx, byId);
    if (by.member_id === memberId) throw new Refusal('own-organisation', 'Nobody judges his own organisation');
    if (!next(member.state, 'vet')) throw new Refusal('conflict', `"${member.organisation}" is ${member.state}: ${REFUSED.vet}`);
    const round = { memberId, round: member.round };
    const now = clock.now();
    const rows = judgements.map(({ criterion, pass, note }) => ({
      member_id: memberId,
      round: member.round,
      person_id: by.id,
      criterion,
      pass: pass ? 1 : 0,
      note,
      created_at: now,
    }));
    await admission.replaceVerdicts(trx, round, by.id, rows);
    const passed = await ofTeam(trx, peopleWhoPass(await admission.verdicts(trx, round), criteria));
    const state = passed.length >= JUDGES ? await moveTo(trx, member, 'vet', null, now) : member.state;
    if (state !== member.state) await tellMember(trx, seams, told, memberId);
    const failed = judgements.filter(({ pass }) => !pass).map(({ criterion }) => criterion);
    await record(trx, seams, deed('member.judge', member, state, { by: by.id, failed }));
    return mustBe(trx, memberId);
  });
}

const JUDGES = 2;

function peopleWhoPass(
  verdicts: readonly { person_id: string; criterion: string; pass: number }[],
  criteria: readonly Criterion[],
): string[] {
  const people = [...new Set(verdicts.map(({ person_id }) => person_id))];
  const passes = (person: string, id: string) =>
    verdicts.some((one) => one.person_id === person && one.criterion === id && one.pass === 1);
  return people.filter((person) => criteria.every(({ id }) => passes(person, id)));
}

/** Those who are of the team now: whoever has left it is no second person any more. */
async function ofTeam(db: Db, people: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const person of people) if (await contacts.isOn(db, person, 'intake')) found.push(person);
  return found;
}

/** A step that an admin takes alone, for a recorded reason, which the member is told. */
export type Decision = 'activate' | 'suspend' | 'reinstate' | 'reject';

export interface Decided {
  reason: string;
  /** Of an activation: addresses of the lists that he is put on. */
  lists?: readonly string[];
  /** Of an activation: names of the groups that he is put into. */
  groups?: readonly string[];
}

/** `expected`: the version that whoever asks has seen. Throws Refusal: invalid, not-found, stale, conflict, and forbidden to put it on the response team, or back, over the network. */
export async function decide(
  seams: Local & Sealing & Pick<Seams, 'words' | 'pgp'>,
  { project }: Pick<AdmissionRules, 'project'>,
  memberId: string,
  step: Decision,
  { reason, lists: wanted = [], groups: named = [] }: Decided,
  expected?: string,
): Promise<Member> {
  const { db, clock } = seams;
  if (reason.trim() === '') throw new Refusal('invalid', 'A reason is needed: it is recorded');
  if (wanted.length + named.length > 0 && step !== 'activate')
    throw new Refusal('invalid', 'Lists and groups are given with an activation alone');
  const seen = await mustBe(db, memberId);
  const to = next(seen.state, step);
  if (to === undefined) throw new Refusal('conflict', `"${seen.organisation}" is ${seen.state}: ${REFUSED[step]}`);
  const told = await prepareNotice(
    seams,
    seams.words.memberChanged({ project, organisation: seen.organisation, state: to, reason }),
  );
  // Whoever was added to him while he was suspended was not asked to prove his key.
  const askings = step === 'reinstate' ? await prepareAskings(seams, project, memberId) : [];
  const usable = to === 'active' ? await usableOf(seams, memberId) : new Set<string>();
  const readers = to === 'active' ? new Set<string>() : await usableReaders(seams);
  return db.transaction().execute(async (trx) => {
    await members.lock(trx, memberId);
    await mustBeVersion(trx, await mustBe(trx, memberId), expected);
    const ids = await listsWithMembers(trx, wanted);
    await mustNotJoinTeam(trx, seams, step === 'reinstate' ? await members.listsOf(trx, memberId) : ids);
    const now = clock.now();
    const state = await moveTo(trx, seen, step, reason, now);
    // He may have been retired, or his certificate, since he proved it.
    if (step === 'activate' && !(await hasReader(trx, memberId, usable)))
      throw new Refusal(
        'conflict',
        `"${seen.organisation}" has no contact now who has a certificate that can be used and has proved it: ask for that (prove-key)`,
      );
    // Nor is anybody held for his key, or asked to prove it, who cannot be told so.
    if (step === 'reinstate' && !(await isReachable(trx, memberId, usable)))
      throw new Refusal(
        'conflict',
        `"${seen.organisation}" has no active contact with a certificate that can be used: give one of them another first, or reinstate one`,
      );
    for (const id of ids) await members.addToList(trx, memberId, id);
    await groups.add(trx, groups.memberships(memberId, named));
    const had = to === 'active' ? await letInsidersHave(trx, clock, { memberId }) : {};
    const review = step === 'activate' ? { review_at: now + REVIEW, review_told_at: null, removed_at: null } : {};
    await members.change(trx, memberId, review);
    await tellMember(trx, seams, told, memberId);
    const before = await members.listsOf(trx, memberId);
    const ended = step === 'reject' ? { ended: await letGo(trx, memberId, now) } : {};
    if (to !== 'active') await mustHaveReaders(trx, before, readers);
    // Whoever asked for his removal was answered by that.
    if (step === 'reinstate') await admission.dropRemovals(trx, memberId);
    const asked = await askAll(trx, seams, askings);
    await record(
      trx,
      seams,
      deed(`member.${step}`, seen, state, { reason, lists: ids, groups: [...named], ...ended, ...had }),
      ...asked,
    );
    return mustBe(trx, memberId);
  });
}

/**
 * Removes a member: the first admin asks for it, and the team is told; a second one does it within 30 days, if the first is still of the
 * team. The member is told what he failed.
 * Throws Refusal: needs-person, invalid, not-found; conflict where the same person asks twice, or he is out.
 */
export async function remove(
  seams: Seams,
  { project }: Pick<AdmissionRules, 'project'>,
  memberId: string,
  byId: string | null,
  reason: string,
): Promise<{ member: Member; pending: boolean }> {
  const { db, clock } = seams;
  if (reason.trim() === '') throw new Refusal('invalid', 'Name the criterion that he fails, or the offence: he is told');
  const seen = await mustBe(db, memberId);
  const told = await prepareNotice(
    seams,
    seams.words.memberChanged({ project, organisation: seen.organisation, state: 'removed', reason }),
  );
  const { address: asker } = await actingPerson(db, byId);
  const until = clock.now() + REMOVAL_STANDS;
  const toTeam = await prepareNotice(seams, removalAsked({ organisation: seen.organisation, asker, reason, until }), 'alert');
  const readers = await usableReaders(seams);
  return db.transaction().execute(async (trx) => {
    await members.lock(trx, memberId);
    const member = await mustBe(trx, memberId);
    const by = await actingPerson(trx, byId);
    if (!next(member.state, 'remove'))
      throw new Refusal('conflict', `"${member.organisation}" is ${member.state}: ${REFUSED.remove}`);
    const round = { memberId, round: member.round };
    const row = { member_id: memberId, round: member.round, person_id: by.id, reason, created_at: clock.now() };
    await admission.dropRemovals(trx, memberId, { upTo: clock.now() - REMOVAL_STANDS });
    if (!(await admission.insertRemoval(trx, row)))
      throw new Refusal('conflict', 'You have asked for this already: a second admin has to');
    if ((await standingRemovals(trx, round, clock.now())).length < REMOVERS) {
      await tellTeam(trx, seams, toTeam);
      await record(trx, seams, deed('member.ask-removal', member, member.state, { by: by.id, reason }));
      return { member, pending: true };
    }
    const state = await moveTo(trx, member, 'remove', reason, clock.now());
    await members.change(trx, memberId, { removed_at: clock.now() });
    await tellMember(trx, seams, told, memberId);
    const before = await members.listsOf(trx, memberId);
    const ended = await letGo(trx, memberId, clock.now());
    await mustHaveReaders(trx, before, readers);
    await record(trx, seams, deed('member.remove', member, state, { by: by.id, reason, ended }));
    return { member: await mustBe(trx, memberId), pending: false };
  });
}

const REMOVERS = 2;

/** How long a second admin has. */
const REMOVAL_STANDS = 30 * DAY;

/** Who asks for his removal now: in time, and still of the team. */
export async function standingRemovals(db: Db, round: admission.Round, now: Instant): Promise<Removal[]> {
  const asked = (await admission.removals(db, round)).filter(({ created_at }) => created_at > now - REMOVAL_STANDS);
  const people = await ofTeam(
    db,
    asked.map(({ person_id }) => person_id),
  );
  return asked.filter(({ person_id }) => people.includes(person_id));
}

/** A person has looked at an active member again; the next time is a year from now. Throws Refusal: needs-person, not-found, conflict. */
export async function reviewed(seams: Seams, memberId: string, byId: string | null): Promise<Member> {
  const { db, clock } = seams;
  return db.transaction().execute(async (trx) => {
    const member = await mustBe(trx, memberId);
    const by = await actingPerson(trx, byId);
    if (member.state !== 'active')
      throw new Refusal('conflict', `"${member.organisation}" is ${member.state}: only who is active is reviewed`);
    if (by.member_id === memberId) throw new Refusal('own-organisation', 'Nobody reviews his own organisation');
    const to = { review_at: clock.now() + REVIEW, review_told_at: null };
    await members.change(trx, memberId, to);
    await admission.dropRemovals(trx, memberId);
    await record(trx, seams, deed('member.review', member, member.state, { by: by.id, next: toIso(to.review_at) }));
    return { ...member, ...to };
  });
}
