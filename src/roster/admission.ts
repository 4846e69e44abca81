import type { Deed } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { DAY, newId, toIso } from '../clock.ts';
import { send } from '../delivery/send.ts';
import { knownApplication, newApplication, readyToJudge } from '../notices/templates.ts';
import type { CertificateFacts } from '../pgp/certificate.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as admission from '../store/admission.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as groups from '../store/groups.ts';
import * as members from '../store/members.ts';
import type { Contact, Member, MemberState } from '../store/schema.ts';
import { versionOf } from '../store/version.ts';
import { usableCertificate } from './contacts.ts';
import type { Criterion } from './criteria.ts';
import { enterMember, listsWithMembers, mustHaveReaders } from './members.ts';
import { takenCertificate, unfitAddress } from './plan.ts';
import { releaseTo, standingOf } from './standing.ts';
import { next, REVIEW, type Step } from './state.ts';
import { keepStranger } from './strangers.ts';
import { prepareNotice, tellMember, tellTeam } from './tell.ts';

/** How a project admits members. */
export interface AdmissionRules {
  project: string;
  criteria: readonly Criterion[];
  /** The version of the terms that an applicant accepts; null where there are none. */
  terms: string | null;
}

export interface Answered {
  criterion: string;
  answer: string;
  evidence: string | null;
}

export interface Application {
  organisation: string;
  product: string | null;
  /** A role alias that is monitored, with its certificate. */
  contact: { address: string; name: string | null; certificate: string | Uint8Array };
  terms: string | null;
  answers: readonly Answered[];
}

/** Of a person who acts: which contact he is. Throws `needs-person`. */
export async function actingPerson(db: Db, personId: string | null): Promise<Contact> {
  const person = personId === null ? undefined : await contacts.byId(db, personId);
  if (!person) throw new Refusal('needs-person');
  return person;
}

/**
 * Takes an application, complete or not at all: an answer to each criterion, the terms, one contact with a certificate that can be
 * used. An organisation that was removed or rejected applies again, and nothing counts that was said of it before.
 * Throws Refusal: invalid, unusable-certificate; conflict where the organisation, the address or the certificate is there already.
 */
export async function apply(seams: Seams, rules: AdmissionRules, wish: Application): Promise<Member> {
  const { db, clock } = seams;
  checkAnswers(rules, wish);
  const facts = await ownCertificate(seams, wish.contact.certificate, wish.contact.address);
  const toMember = await prepareNotice(seams, seams.words.applied({ project: rules.project, organisation: wish.organisation }));
  const toTeam = await prepareNotice(
    seams,
    newApplication({ organisation: wish.organisation, address: wish.contact.address }),
    'alert',
  );
  const now = clock.now();
  return db.transaction().execute(async (trx) => {
    const known = await members.byOrganisation(trx, wish.organisation);
    const member = known ? await again(trx, seams, known) : await enterMember(trx, seams, wish);
    await members.change(trx, member.id, {
      product: wish.product,
      terms: wish.terms,
      terms_at: wish.terms === null ? null : now,
    });
    await admission.insertAnswers(
      trx,
      wish.answers.map((answer) => ({ member_id: member.id, round: member.round, ...answer })),
    );
    const contact = await contactOf(trx, seams, member, wish.contact, facts);
    const detail = { organisation: wish.organisation, product: wish.product, round: member.round, contact, terms: wish.terms };
    await tellMember(trx, seams, toMember, member.id);
    await tellTeam(trx, seams, toTeam);
    await record(trx, seams, { action: 'member.apply', subject: `member:${member.id}`, detail });
    return { ...member, product: wish.product, terms: wish.terms };
  });
}

/**
 * As `apply`, for who is not to learn who is on the roster: where the organisation, the address or the certificate is there already, he
 * gets the words that every applicant gets. So he does at most once a day, and never at an address that is somebody's on the roster.
 * Gives whether it was taken. Throws as `apply` does, but for conflict.
 */
export async function applyUnseen(seams: Seams, rules: AdmissionRules, wish: Application): Promise<boolean> {
  try {
    await apply(seams, rules, wish);
    return true;
  } catch (error) {
    if (!(error instanceof Refusal) || error.reason !== 'conflict') throw error;
    await answerAlike(seams, rules, wish, error.message);
    return false;
  }
}

async function answerAlike(
  seams: Seams,
  { project }: AdmissionRules,
  { organisation, contact }: Application,
  problem: string,
): Promise<void> {
  const { db, clock } = seams;
  const { address } = contact;
  const facts = await ownCertificate(seams, contact.certificate, address);
  const toHim = await prepareNotice(seams, seams.words.applied({ project, organisation }));
  const toTeam = await prepareNotice(seams, knownApplication({ organisation, address, problem }), 'alert');
  await db.transaction().execute(async (trx) => {
    const known = await contacts.byAddress(trx, address);
    const answers = known === undefined && !(await deliveries.wroteTo(trx, address, ['membership'], clock.now() - DAY));
    if (answers) {
      const certificateId = await keepStranger(trx, seams, facts);
      await send(trx, seams, toHim, [{ audience: 'reporter', address, certificateId }]);
    }
    await tellTeam(trx, seams, toTeam);
    const detail = { organisation, address, fingerprint: facts.fingerprint };
    await record(trx, seams, { action: 'member.apply-known', subject: `list:${toHim.list.id}`, detail });
  });
}

function checkAnswers({ criteria, terms }: AdmissionRules, wish: Application): void {
  const answered = new Set(wish.answers.filter(({ answer }) => answer.trim() !== '').map(({ criterion }) => criterion));
  const missing = criteria.filter(({ id }) => !answered.has(id)).map(({ id }) => id);
  if (missing.length > 0) throw new Refusal('invalid', `An answer is missing to: ${missing.join(', ')}`);
  const unknown = wish.answers
    .filter(({ criterion }) => !criteria.some(({ id }) => id === criterion))
    .map(({ criterion }) => criterion);
  if (unknown.length > 0) throw new Refusal('invalid', `There is no criterion ${unknown.join(', ')}`);
  if (new Set(wish.answers.map(({ criterion }) => criterion)).size < wish.answers.length)
    throw new Refusal('invalid', 'A criterion is answered twice');
  if (terms !== null && wish.terms !== terms) throw new Refusal('invalid', `The terms to accept are those of version "${terms}"`);
}

async function ownCertificate(seams: Seams, armored: string | Uint8Array, address: string): Promise<CertificateFacts> {
  const facts = await usableCertificate(seams, armored);
  if (!facts.addresses.includes(address.toLowerCase()))
    throw new Refusal('unusable-certificate', `The certificate ${facts.fingerprint} has no user ID with ${address}`);
  return facts;
}

async function again(trx: Db, { clock }: Seams, member: Member): Promise<Member> {
  if (!next(member.state, 'apply-again')) throw new Refusal('conflict', `"${member.organisation}" is ${member.state} already`);
  await members.change(trx, member.id, { round: member.round + 1, review_at: null, review_told_at: null });
  // What was said and proved before counts no more, and who was his contact then is one only if he is named again.
  await letGo(trx, member.id);
  await admission.dropProofs(trx, member.id);
  await moveTo(trx, member, 'apply-again', null, clock.now());
  return mustBe(trx, member.id);
}

/** Gives its id. A contact that a former member had stays his, with a certificate that takes the place of the old one. */
async function contactOf(
  trx: Db,
  { clock }: Seams,
  member: Member,
  { address: written, name }: Application['contact'],
  facts: CertificateFacts,
): Promise<string> {
  const address = written.toLowerCase();
  const now = clock.now();
  const own = (await contacts.ofMember(trx, member.id)).find((one) => one.address === address);
  const standing = await standingOf(trx);
  const problem = (own ? undefined : unfitAddress(standing, address)) ?? takenCertificate(standing.keys, facts, address);
  if (problem !== undefined) throw new Refusal('conflict', problem);
  const contact = own ?? { id: newId(clock), member_id: member.id, address, name, active: 1, created_at: now };
  if (!own) {
    await releaseTo(trx, [{ address, certificate: facts }]);
    await contacts.insert(trx, contact);
  } else await contacts.setActive(trx, own.id, true);
  const current = await certificates.current(trx, contact.id);
  if (current?.fingerprint === facts.fingerprint) return contact.id;
  const row = { id: newId(clock), contact_id: contact.id, fingerprint: facts.fingerprint, data: facts.data, created_at: now };
  await certificates.insert(trx, { ...row, state: current ? 'proposed' : 'current' }, facts.keys);
  if (current) await certificates.promote(trx, contact.id, row.id);
  return contact.id;
}

/** Who is out is on no list, in no group, and has no contact who acts or gets anything. */
async function letGo(trx: Db, memberId: string): Promise<void> {
  const on = await members.listsOf(trx, memberId);
  for (const list of on) await members.removeFromList(trx, memberId, list);
  await groups.replace(trx, memberId, []);
  await contacts.retireAll(trx, memberId);
  await mustHaveReaders(trx, on);
}

async function mustBe(db: Db, id: string): Promise<Member> {
  const member = await members.byId(db, id);
  if (!member) throw new Refusal('not-found', `There is no member ${id}`);
  return member;
}

/** One guarded update. Throws Refusal('conflict') where the step is none from that state, or somebody else was first. */
async function moveTo(trx: Db, member: Member, step: Step, reason: string | null, now: number): Promise<MemberState> {
  const to = next(member.state, step);
  if (to === undefined) throw new Refusal('conflict', `"${member.organisation}" is ${member.state}: ${REFUSED[step]}`);
  if (!(await members.setState(trx, member.id, { from: member.state, to, reason, now })))
    throw new Refusal('conflict', `"${member.organisation}" was changed meanwhile: read it again`);
  return to;
}

/** Why a step is refused from another state. */
const REFUSED: Readonly<Record<Step, string>> = {
  vouch: 'only for who has applied is vouched',
  vet: 'only who was vouched for is judged',
  'prove-key': 'only who was vetted proves a key',
  activate: 'only who is on the way in is made active',
  'hold-key': 'only who is active can be held for a key',
  'release-key': 'only who is held for a key is let go',
  suspend: 'only who is active can be suspended',
  reinstate: 'only who is suspended is reinstated',
  reject: 'only who is on the way in is rejected',
  remove: 'he is out already',
  'apply-again': 'only who is out applies again',
};

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
    if (own?.state !== 'active' || by.active !== 1) throw new Refusal('forbidden', 'Only a contact of an active member vouches');
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
 * One of the team says of each criterion whether it is met. When two different people have said yes to all, the member is vetted.
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
    const passed = peopleWhoPass(await admission.verdicts(trx, round), criteria);
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

/** A step that an admin takes alone, for a recorded reason, which the member is told. */
export type Decision = 'activate' | 'suspend' | 'reinstate' | 'reject';

export interface Decided {
  reason: string;
  /** Of an activation: addresses of the lists that he is put on. */
  lists?: readonly string[];
  /** Of an activation: names of the groups that he is put into. */
  groups?: readonly string[];
}

/** `expected`: the version that whoever asks has seen. Throws Refusal: invalid, not-found, stale, conflict. */
export async function decide(
  seams: Seams,
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
  return db.transaction().execute(async (trx) => {
    await members.lock(trx, memberId);
    if (expected !== undefined && versionOf(await mustBe(trx, memberId)) !== expected) throw new Refusal('stale');
    const ids = await listsWithMembers(trx, wanted);
    const now = clock.now();
    const state = await moveTo(trx, seen, step, reason, now);
    for (const id of ids) await members.addToList(trx, memberId, id);
    await groups.add(trx, groups.memberships(memberId, named));
    const review = step === 'activate' ? { review_at: now + REVIEW, review_told_at: null } : {};
    await members.change(trx, memberId, review);
    await tellMember(trx, seams, told, memberId);
    if (step === 'reject') await letGo(trx, memberId);
    // Whoever asked for his removal was answered by that.
    if (step === 'reinstate') await admission.dropRemovals(trx, memberId);
    await record(trx, seams, deed(`member.${step}`, seen, state, { reason, lists: ids, groups: [...named] }));
    return mustBe(trx, memberId);
  });
}

/**
 * Removes a member: the first admin asks for it, a second one does it. The member is told what he failed.
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
  return db.transaction().execute(async (trx) => {
    await members.lock(trx, memberId);
    const member = await mustBe(trx, memberId);
    const by = await actingPerson(trx, byId);
    if (!next(member.state, 'remove'))
      throw new Refusal('conflict', `"${member.organisation}" is ${member.state}: ${REFUSED.remove}`);
    const round = { memberId, round: member.round };
    const row = { member_id: memberId, round: member.round, person_id: by.id, reason, created_at: clock.now() };
    if (!(await admission.insertRemoval(trx, row)))
      throw new Refusal('conflict', 'You have asked for this already: a second admin has to');
    if ((await admission.removals(trx, round)).length < REMOVERS) {
      await record(trx, seams, deed('member.ask-removal', member, member.state, { by: by.id, reason }));
      return { member, pending: true };
    }
    const state = await moveTo(trx, member, 'remove', reason, clock.now());
    await tellMember(trx, seams, told, memberId);
    await letGo(trx, memberId);
    await record(trx, seams, deed('member.remove', member, state, { by: by.id, reason }));
    return { member: await mustBe(trx, memberId), pending: false };
  });
}

const REMOVERS = 2;

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

function deed(action: string, { id, state }: Member, to: MemberState, detail: NonNullable<Deed['detail']>): Deed {
  return { action, subject: `member:${id}`, detail: { from: state, to, ...detail } };
}
