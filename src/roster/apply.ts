import type { Deed } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { type Clock, DAY, HOUR, newId } from '../clock.ts';
import { send, type Written } from '../delivery/send.ts';
import { knownApplication, newApplication } from '../notices/templates.ts';
import type { CertificateFacts } from '../pgp/certificate.ts';
import type { Renewal } from '../pgp/renewal.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as admission from '../store/admission.ts';
import * as audit from '../store/audit.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as members from '../store/members.ts';
import * as recipients from '../store/recipients.ts';
import type { Certificate, Contact, Member } from '../store/schema.ts';
import type { Criterion } from './criteria.ts';
import { type Entered, enterMember, startedAnew } from './enter.ts';
import { renewKnown } from './known.ts';
import { callable, likenesses, malformedName, nameTaken, takenCertificate, takenNames, unfitAddress } from './plan.ts';
import { holdersOf, releaseKeys, releaseTo, standingAt } from './standing.ts';
import { isOut } from './state.ts';
import { beginAgain } from './steps.ts';
import { keepStranger } from './strangers.ts';
import { prepareNotice, tellMember, tellTeam } from './tell.ts';
import { mustBeUsable } from './usable.ts';

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

/**
 * Takes an application, complete or not at all: an answer to each criterion, the terms, one contact with a certificate that can be
 * used. An organisation that was removed or rejected applies again, and nothing counts that was said of it before.
 * Throws Refusal: invalid, unusable-certificate; conflict where the organisation, the address or the certificate is there already, or what
 * is known here of the certificate is against it.
 */
export async function apply(seams: Seams, rules: AdmissionRules, wish: Application): Promise<Member> {
  return enter(seams, rules, wish, await prepare(seams, rules, wish));
}

/** What is read, and written to him and to the team, before the database is taken. */
interface Prepared {
  brought: Brought;
  toMember: Written;
  toTeam: Written;
}

async function prepare(seams: Seams, rules: AdmissionRules, wish: Application): Promise<Prepared> {
  checkForm(rules, wish);
  const { organisation, contact } = wish;
  const brought = await bringing(seams, wish);
  const toMember = await prepareNotice(seams, seams.words.applied({ project: rules.project, organisation }));
  const toTeam = await prepareNotice(seams, newApplication({ organisation, address: contact.address }), 'alert');
  return { brought, toMember, toTeam };
}

async function enter(
  seams: Seams,
  rules: AdmissionRules,
  wish: Application,
  { brought, toMember, toTeam }: Prepared,
): Promise<Member> {
  const { db, clock } = seams;
  // Where there are none, nothing is accepted by what somebody writes there.
  const terms = rules.terms === null ? null : wish.terms;
  const now = clock.now();
  return db.transaction().execute(async (trx) => {
    await certificates.lockHolders(trx);
    await recipients.lockExternal(trx);
    const problem = await obstacleTo(trx, wish, brought);
    if (problem !== undefined) throw new Refusal('conflict', problem);
    const { member, former, released: left } = await entering(trx, seams, wish);
    await members.change(trx, member.id, {
      product: wish.product,
      terms,
      terms_at: terms === null ? null : now,
    });
    await admission.insertAnswers(
      trx,
      wish.answers.map((answer) => ({ member_id: member.id, round: member.round, ...answer })),
    );
    const { contact, before, released } = await contactOf(trx, seams, member, wish.contact, brought);
    const { fingerprint } = brought.facts;
    const what = { organisation: wish.organisation, product: wish.product, round: member.round, terms };
    const detail = { ...what, ...startedAnew(member, former), contact, fingerprint, before };
    await tellMember(trx, seams, toMember, member.id);
    await tellTeam(trx, seams, toTeam);
    await record(trx, seams, ...left, ...released, { action: 'member.apply', subject: `member:${member.id}`, detail });
    return { ...member, product: wish.product, terms };
  });
}

/** Within an hour, by mail and over REST, from wherever, taken or not: more than that nobody reads. */
export const MOST_APPLICATIONS = 50;

/** Milliseconds until another one is taken; 0 where one is taken now. */
export async function roomIn({ db, clock }: Pick<Seams, 'db' | 'clock'>): Promise<number> {
  const since = clock.now() - HOUR;
  const times = await audit.recent(db, ['member.apply', 'member.apply-known'], { since, most: MOST_APPLICATIONS });
  const oldest = times[MOST_APPLICATIONS - 1];
  return oldest === undefined ? 0 : oldest - since;
}

/**
 * As `apply`, for who is not to learn who is on the roster: where the organisation, the address or the certificate is there already, he
 * gets the words that every applicant gets. So he does at most once a day, and never at an address that is somebody's on the roster.
 * OpenPGP is asked the same for the one as for the other, and all of it before the database is taken: no time tells what is known here, and
 * what was taken is never answered as refused. He is refused for what he sent alone; what is known here of it is a conflict.
 * Gives whether it was taken. Throws as `apply` does, but for conflict.
 */
export async function applyUnseen(seams: Seams, rules: AdmissionRules, wish: Application): Promise<boolean> {
  const { organisation, contact } = wish;
  const prepared = await prepare(seams, rules, wish);
  const problem = (await obstacleTo(seams.db, wish, prepared.brought)) ?? 'What it names is there by now';
  const known = knownApplication({ organisation, address: contact.address, problem });
  const ofKnown = await prepareNotice(seams, known, 'alert');
  try {
    await enter(seams, rules, wish, prepared);
  } catch (error) {
    if (!(error instanceof Refusal) || error.reason !== 'conflict') throw error;
    await answerAlike(seams, wish, { ...prepared, toTeam: ofKnown });
    return false;
  }
  return true;
}

async function answerAlike(
  seams: Seams,
  { organisation, contact: { address } }: Application,
  { brought: { facts, flaw }, toMember, toTeam }: Prepared,
): Promise<void> {
  const { db, clock } = seams;
  await db.transaction().execute(async (trx) => {
    const known = await contacts.byAddress(trx, address);
    const isNew = known === undefined && !(await deliveries.wroteTo(trx, address, ['membership'], clock.now() - DAY));
    if (isNew && flaw === null) {
      const certificateId = await keepStranger(trx, seams, facts);
      await send(trx, seams, toMember, [{ audience: 'reporter', address, certificateId }]);
    }
    await tellTeam(trx, seams, toTeam);
    const detail = { organisation, address, fingerprint: facts.fingerprint };
    await record(trx, seams, { action: 'member.apply-known', subject: `list:${toMember.list.id}`, detail });
  });
}

/** What is wrong with the form itself is said before anything is looked up. */
function checkForm({ criteria, terms }: AdmissionRules, wish: Application): void {
  const malformed = malformedName(wish.organisation);
  if (malformed !== undefined) throw new Refusal('invalid', malformed);
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

/** What an applicant brings: with what is kept of the same certificate where he was his organisation's contact before. */
interface Brought {
  facts: CertificateFacts;
  /** That which he had, and what it is now. */
  renewed: { certificate: Certificate; renewal: Renewal } | null;
  /** Why it cannot be used, though it could by what he sent: what is known here of it says so. */
  flaw: string | null;
}

/**
 * Judged by itself first, and refused for that alone: nobody else's knowledge is in the answer. What nobody had before is laid together
 * with itself then: it is the same work.
 */
async function bringing(seams: Seams, { organisation, contact: { certificate, address } }: Application): Promise<Brought> {
  const { db, pgp } = seams;
  const sent = await pgp.readCertificate(certificate);
  if (!hasAddress(sent, address)) throw new Refusal('unusable-certificate', namesNot(sent, address));
  await mustBeUsable(seams, sent);
  const there = callable(await members.named(db))(organisation);
  const memberId = there && isOut(there.state) ? there.id : null;
  const own = await certificates.ofAddress(db, { memberId, address: address.toLowerCase(), fingerprint: sent.fingerprint });
  try {
    const renewal = await renewKnown(seams, own ?? sent, sent.data);
    return { facts: renewal.facts, renewed: own ? { certificate: own, renewal } : null, flaw: flawOf(renewal, address) };
  } catch (error) {
    if (!(error instanceof Refusal) || error.reason !== 'unusable-certificate') throw error;
    return { facts: sent, renewed: null, flaw: error.message };
  }
}

function flawOf({ facts, whyNot }: Renewal, address: string): string | null {
  if (whyNot !== null) return `The certificate ${facts.fingerprint} cannot be used by what is known of it: ${whyNot}`;
  return hasAddress(facts, address) ? null : namesNot(facts, address);
}

function hasAddress({ addresses }: CertificateFacts, address: string): boolean {
  return addresses.includes(address.toLowerCase());
}

function namesNot({ fingerprint }: CertificateFacts, address: string): string {
  return `The certificate ${fingerprint} has no user ID with ${address}`;
}

/**
 * What of an application is there already, in the words for the team; undefined where nothing keeps it from being taken. It is one by what
 * is there before the applicant is entered: who is out keeps nobody up.
 */
async function obstacleTo(
  db: Db,
  { organisation, contact }: Pick<Application, 'organisation' | 'contact'>,
  { facts, flaw }: Brought,
): Promise<string | undefined> {
  const named = await members.named(db);
  const there = callable(named)(organisation);
  if (there && !isOut(there.state)) return `"${there.organisation}" is ${there.state} already`;
  const address = contact.address.toLowerCase();
  const own = there && (await contactAt(db, there, address));
  return (
    (there?.state === 'removed' ? undefined : nameTaken(likenesses(takenNames(named)), organisation)) ??
    (own ? undefined : unfitAddress(await standingAt(db, address), address)) ??
    takenCertificate(await holdersOf(db, facts), facts, address) ??
    flaw ??
    undefined
  );
}

async function contactAt(db: Db, { id }: Pick<Member, 'id'>, address: string): Promise<Contact | undefined> {
  return (await contacts.ofMember(db, id)).find((one) => one.address === address.toLowerCase());
}

/** Who was removed is entered in his own place. */
async function entering(trx: Db, seams: Seams, wish: Application): Promise<Entered> {
  const kept = [wish.contact.address.toLowerCase()];
  const known = await members.byOrganisation(trx, wish.organisation);
  if (known?.state !== 'removed') return enterMember(trx, seams, wish, kept);
  return { former: null, ...(await beginAgain(trx, known, kept, seams.clock.now())) };
}

/**
 * Gives its id, the fingerprint of the certificate that counted before, and what is to be recorded of others who lost theirs. A contact
 * that a former member had stays his, with a certificate that takes the place of the old one; the old one stays among his, retired, and
 * counts again where he brings it again.
 */
async function contactOf(
  trx: Db,
  { clock }: Seams,
  member: Member,
  { address: written, name }: Application['contact'],
  { facts, renewed }: Brought,
): Promise<{ contact: string; before: string | null; released: Deed[] }> {
  const address = written.toLowerCase();
  const now = clock.now();
  const own = await contactAt(trx, member, address);
  const contact = own ?? { id: newId(clock), member_id: member.id, address, name, active: 1, created_at: now, proved_at: null };
  const released = await (own ? releaseKeys(trx, facts, own.id) : releaseTo(trx, [{ address, certificate: facts }]));
  if (own) await contacts.setActive(trx, own.id, true);
  else await contacts.insert(trx, contact);
  return { contact: contact.id, before: await putInPlace(trx, clock, contact.id, { facts, renewed }), released };
}

/** Makes it the current one of the contact, and gives the fingerprint of the one that was; null where there was none. */
async function putInPlace(
  trx: Db,
  clock: Clock,
  contactId: string,
  { facts, renewed }: Omit<Brought, 'flaw'>,
): Promise<string | null> {
  const current = await certificates.current(trx, contactId);
  const { fingerprint, data } = facts;
  const id = renewed?.certificate.id ?? newId(clock);
  if (renewed) {
    await certificates.renew(trx, renewed.certificate, facts);
    await certificates.propose(trx, id);
  } else {
    const row = { id, contact_id: contactId, fingerprint, data, state: 'proposed', created_at: clock.now() } as const;
    await certificates.insert(trx, row, facts);
  }
  if (current?.id !== id) await certificates.promote(trx, contactId, id);
  return current?.fingerprint ?? null;
}
