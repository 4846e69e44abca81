import type { Deed } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { type Clock, type Instant, newId } from '../clock.ts';
import { letInsidersHave } from '../delivery/need-to-know.ts';
import type { Written } from '../delivery/send.ts';
import type { Notice } from '../notices/templates.ts';
import type { Sealing } from '../notices/write.ts';
import { abreast, FOR_ALL_THREADS } from '../pgp/abreast.ts';
import type { CertificateFacts } from '../pgp/certificate.ts';
import type { Renewal } from '../pgp/renewal.ts';
import { Refusal } from '../refusal.ts';
import type { Local, Seams } from '../seams.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as groups from '../store/groups.ts';
import * as members from '../store/members.ts';
import * as recipients from '../store/recipients.ts';
import { portions } from '../store/rows.ts';
import type { Certificate, Contact, Member, NewMember } from '../store/schema.ts';
import { type Asking, ask, mustLast, prepareAsking } from './asking.ts';
import { startedAnew } from './enter.ts';
import { malformedCertificates, type RosterProblem, readEntries } from './entries.ts';
import { copiesKnown, hearAll, hearRevocations } from './known.ts';
import {
  type Addresses,
  asFound,
  callable,
  type NewContact,
  type PreparedEntry,
  planImport,
  planRest,
  type ReadCertificate,
  type RenewedContact,
  type Standing,
  type Step,
} from './plan.ts';
import { type CertificateReader, type Reading, readCertificates } from './reading.ts';
import { renewalDeed, waitsForPerson, writeRenewal, writeWaiting } from './renewal.ts';
import { mustBeAsShown } from './shown.ts';
import { releaseKeys, releaseTo, standingOf } from './standing.ts';
import { isCandidate, provesKeys, REVIEW } from './state.ts';
import { beginAgain } from './steps.ts';
import { prepareNotice, tellMember } from './tell.ts';

export interface ImportOptions {
  /**
   * Makes the members active at once, for this recorded reason, and answers for the keys of the contacts in the file: nobody has to prove
   * one, which is recorded too. Null leaves new ones `applied`.
   */
  activate: { reason: string } | null;
  /**
   * What those who become active are told of it with, as by a single activation, and members who were there of other contacts and lists;
   * and what those are asked with to prove their keys who are added to a member that was vetted. Where it is left out, nobody is told or asked.
   */
  tell?: Telling;
  /** Looks and tells, writes nothing. */
  dryRun: boolean;
  /** What was found wrong while the entries were made (from CSV). */
  problems?: readonly RosterProblem[];
  /**
   * Of certificates that are there, what swaps the key that is encrypted to counts at once; else it waits until a person approves it,
   * as where one is given alone.
   */
  acceptChanged?: boolean;
  /** What has a problem is left out and told of, and the rest is written; else nothing is. */
  leaveOut?: boolean;
  progress?: Progress;
}

type Words = Seams['words'];

export interface Telling extends Pick<Seams, 'words'> {
  keyring: Sealing['keyring'];
  pgp: Sealing['pgp'];
  /** Name of the project. */
  project: string;
}

/** Told how far an import has come: how many certificates are read, then how many mails and how many entries are written. */
export type Progress = (step: 'reading' | 'telling' | 'writing', done: number, total: number) => void;

export interface ImportReport {
  /** False where there are problems, and at a dry run. */
  written: boolean;
  /** How many are new, or would be. */
  members: number;
  contacts: number;
  activated: number;
  /** Certificates that are there and say something new, which counts at once. */
  renewed: number;
  /** Those of which what is new waits until a person approves it. */
  waiting: number;
  /** Entries that say nothing new. */
  unchanged: number;
  /** Contacts who were there, had not proved their keys, and have copies from now on. */
  vouched: { organisation: string; address: string }[];
  /** Members who were there, and get what is distributed through another list, by its address. */
  putOnLists: { organisation: string; list: string }[];
  /** Members who were there, and are in another group, by its name. */
  putIntoGroups: { organisation: string; group: string }[];
  /** What is new in either. */
  renewals: ReportedRenewal[];
  /** By entry. */
  problems: RosterProblem[];
  /** By entry; only where it was asked for. */
  leftOut?: RosterProblem[];
}

export interface ReportedRenewal extends Pick<Renewal, 'encryptionKey' | 'whyNot'> {
  organisation: string;
  address: string;
  fingerprint: string;
  /** It counts when a person has approved it. */
  waits: boolean;
  /** Copies wait with it: the key that they were encrypted to cannot be used any more. */
  holds: boolean;
}

interface ImportSeams extends Local {
  pgp: CertificateReader;
}

/**
 * Takes over a roster: all of it or nothing, or what is right of it where that is asked for. Everything that
 * is wrong with it is in the report, at once. The same data a second time changes nothing. What its certificates say to be revoked
 * counts in any case. Throws Refusal: conflict, or stale of a certificate, where somebody else wrote the same at
 * the same time.
 */
export async function importRoster(seams: ImportSeams, entries: unknown, options: ImportOptions): Promise<ImportReport> {
  const heard: CertificateFacts[] = [];
  const unread = malformedCertificates(entries);
  try {
    return await takeOver(seams, entries, options, {
      heard: (facts) => void heard.push(facts),
      unread: (certificate) => void unread.push(certificate),
    });
  } finally {
    if (!options.dryRun) {
      await hearRevocations(seams, heard);
      await hearAll(seams, unread);
    }
  }
}

async function takeOver(
  { pgp, ...local }: ImportSeams,
  entries: unknown,
  { activate, dryRun, problems: given = [], leaveOut = false, acceptChanged = false, tell, progress = () => {} }: ImportOptions,
  listening: Pick<Reading, 'heard' | 'unread'>,
): Promise<ImportReport> {
  const { db, clock } = local;
  if (activate?.reason.trim() === '') throw new Refusal('invalid', 'Activation needs a reason');
  const now = clock.now();
  const read = readEntries(entries);
  const before = await standingOf(db);
  const known = new Map([...before.members.values()].map((member) => [member.organisation, asFound(member)]));
  const reading = {
    ...{ pgp, now, members: known, waiting: await certificates.waitingRenewals(db), acceptChanged },
    revocationsOf: (fingerprint: string) => copiesKnown(db, fingerprint),
    ...listening,
    progress: (done: number, total: number) => progress('reading', done, total),
  };
  const asked = await withAskings(
    { ...local, pgp },
    await readCertificates(read.entries, reading),
    activate === null ? known : new Map(),
    tell,
  );
  const short = new Set([...given, ...asked.problems].map(({ entry }) => entry));
  const prepared = { ...asked, entries: asked.entries.map((one) => ({ ...one, lacks: short.has(one.index) })) };
  const wrong = !leaveOut && given.length + read.problems.length + prepared.problems.length > 0;
  const called = callable([...before.members.values()]);
  const named = prepared.entries.flatMap(({ organisation }) => called(organisation) ?? []);
  const plan = leaveOut ? planRest : planImport;
  const told = tell && !dryRun && !wrong ? plan(before, prepared.entries, activate !== null) : null;
  const tells = tell && told && (leaveOut || told.problems.length === 0);
  const mails = tells ? await writeMails(local, tell, newsOf(told.steps, before, activate?.reason ?? null), progress) : null;
  return await db.transaction().execute(async (tx) => {
    await certificates.lockHolders(tx);
    await recipients.lockExternal(tx);
    // As any move that changes one of them, before anything else of his.
    if (!dryRun)
      await members.lockAll(
        tx,
        named.map(({ id }) => id),
      );
    const standing = await standingOf(tx);
    mustBeAsRead(named, standing);
    const planned = plan(standing, prepared.entries, activate !== null);
    const found = [...given, ...read.problems, ...prepared.problems, ...planned.problems];
    if (leaveOut) found.push(...leftWhole(entries, planned.steps, found));
    found.sort((a, b) => (a.entry ?? -1) - (b.entry ?? -1));
    // A file that is no roster has nothing in it that is right.
    const problems = found.filter(({ entry }) => !leaveOut || entry === null);
    const written = problems.length === 0 && !dryRun;
    if (written) {
      const reason = activate?.reason ?? null;
      const writing = { clock, now, reason, standing, mails, askings: prepared.askings };
      const deeds = await writeAll(tx, planned.steps, writing, progress);
      for (const some of portions(deeds)) await record(tx, local, ...some);
    }
    return {
      written,
      ...counts(planned.steps),
      ...added(planned.steps, standing),
      problems,
      ...(leaveOut ? { leftOut: found.filter(({ entry }) => entry !== null) } : {}),
    };
  });
}

/** Of every entry of which nothing is taken, and that is told of by its contacts alone so far. */
function leftWhole(entries: unknown, steps: readonly Step[], problems: readonly RosterProblem[]): RosterProblem[] {
  const isWhole = ({ address, contact, line }: RosterProblem) => address === null && contact === undefined && line === undefined;
  const told = new Set([...steps, ...problems.filter(isWhole)].map(({ entry }) => entry));
  const all = Array.isArray(entries) ? [...entries.keys()] : [];
  const problem = 'Nothing of it is taken, for what is wrong with its contacts';
  return all.filter((entry) => !told.has(entry)).map((entry) => ({ entry, address: null, problem }));
}

/** Of members who were there. */
function added(steps: readonly Step[], standing: Addresses): Pick<ImportReport, 'vouched' | 'putOnLists' | 'putIntoGroups'> {
  const nameOf = listNames(standing);
  const there = steps.filter(({ member }) => member !== null);
  const ofEach = <One>(some: (step: Step) => One[]) =>
    there.flatMap((step) => some(step).map((one) => ({ organisation: step.organisation, ...one })));
  return {
    vouched: ofEach(({ vouched }) => vouched.map(({ address }) => ({ address }))),
    putOnLists: ofEach(({ lists }) => lists.map((id) => ({ list: nameOf(id) }))),
    putIntoGroups: ofEach(({ groups: names }) => names.map((group) => ({ group }))),
  };
}

function listNames({ lists }: Pick<Addresses, 'lists'>): (id: string) => string {
  const names = new Map([...lists.values()].map(({ id, address }) => [id, address]));
  return (id) => names.get(id) ?? id;
}

function counts(steps: readonly Step[]): Omit<ImportReport, 'written' | 'problems' | 'vouched' | 'putOnLists' | 'putIntoGroups'> {
  const adds = (step: Step) => step.lists.length + step.groups.length + step.contacts.length + step.renewals.length > 0;
  const renewals = steps.flatMap(({ organisation, renewals: some }) => some.map((one) => reported(organisation, one)));
  return {
    members: steps.filter((step) => !step.member).length,
    contacts: steps.reduce((sum, step) => sum + step.contacts.length, 0),
    activated: steps.filter((step) => step.activate && step.member?.state !== 'active').length,
    renewed: renewals.filter(({ waits }) => !waits).length,
    waiting: renewals.filter(({ waits }) => waits).length,
    unchanged: steps.filter((step) => step.member && !step.activate && !adds(step)).length,
    renewals,
  };
}

function reported(organisation: string, { address, renewal, waiting }: RenewedContact): ReportedRenewal {
  const { facts, encryptionKey, whyNot } = renewal;
  const fate = { waits: waiting !== null, holds: waiting?.holds === 1 };
  return { organisation, address, fingerprint: facts.fingerprint, encryptionKey, whyNot, ...fate };
}

/** What a member is told of a step. */
interface News {
  /** The same news of the same member has the same. */
  called: string;
  notice: (words: Words, project: string) => Notice;
}

/** Who becomes active is told so, as by a single activation; who was there is told of other contacts and lists, as where they are given alone. */
function newsOf(steps: readonly Step[], standing: Addresses, reason: string | null): News[] {
  const nameOf = listNames(standing);
  return steps.flatMap(({ organisation, member, again, activate: activates, contacts: fresh, lists }): News[] => {
    const called = (...what: string[]) => JSON.stringify([organisation, ...what]);
    if (activates && member?.state !== 'active')
      return [
        { called: called(), notice: (words, project) => words.memberChanged({ project, organisation, state: 'active', reason }) },
      ];
    if (!member || again) return [];
    const became = { became: 'added', reason: null } as const;
    const news = fresh.map(({ address }): News => {
      return { called: called(address), notice: (words) => words.contactChanged({ organisation, address, ...became }) };
    });
    const all = [...member.lists, ...lists].map(nameOf).sort();
    if (lists.length > 0 && !isCandidate(member.state))
      news.push({ called: called('', ...all), notice: (words) => words.listsChanged({ organisation, lists: all }) });
    return news;
  });
}

/** Sealed before the database is taken, by what they are called. */
async function writeMails(
  local: Local,
  { words, project, ...sealing }: Telling,
  news: readonly News[],
  progress: Progress,
): Promise<ReadonlyMap<string, Written>> {
  const mails = new Map<string, Written>();
  await abreast(news, FOR_ALL_THREADS, async ({ called, notice }) => {
    mails.set(called, await prepareNotice({ ...local, ...sealing }, notice(words, project)));
    progress('telling', mails.size, news.length);
  });
  return mails;
}

/** What was read, sealed and asked was for members in that state, and of that application. */
function mustBeAsRead(
  read: readonly Pick<Member, 'id' | 'organisation' | 'state' | 'round'>[],
  { members: there }: Standing,
): void {
  const now = new Map([...there.values()].map((member) => [member.id, member]));
  for (const { id, state, round, organisation } of read) {
    const member = now.get(id);
    if (member?.state !== state || member.round !== round) throw changedMeanwhile({ organisation });
  }
}

function changedMeanwhile({ organisation }: Pick<Step, 'organisation'>): Refusal {
  return new Refusal('conflict', `"${organisation}" was changed meanwhile: import again`);
}

/** By address. */
type Askings = ReadonlyMap<string, Asking>;

/**
 * With what asks each contact to prove his key who is added to a member of `standing` that was vetted; one whose certificate ends too soon
 * for that is a problem.
 */
async function withAskings(
  { pgp, ...local }: ImportSeams,
  prepared: Awaited<ReturnType<typeof readCertificates>>,
  standing: Standing['members'],
  tell: Telling | undefined,
): Promise<typeof prepared & { askings: Askings }> {
  const askings = new Map<string, Asking>();
  const problems = [...prepared.problems];
  const entries: PreparedEntry[] = [];
  for (const entry of prepared.entries) {
    const member = standing.get(entry.organisation);
    const asked = member && provesKeys(member.state) && isCandidate(member.state) ? entry.contacts : [];
    const brief = new Set<NewContact>();
    for (const contact of asked) {
      const problem = await mustLast({ ...local, pgp }, contact.certificate).then(() => null, refusalOf);
      if (problem) brief.add(contact);
      if (problem) problems.push({ entry: entry.index, address: contact.address, problem: problem.message });
      else if (tell) askings.set(contact.address, await prepareAsking({ ...local, ...tell }, tell.project, contact.certificate));
    }
    const contacts = entry.contacts.filter((contact) => !brief.has(contact));
    entries.push({ ...entry, contacts });
  }
  return { entries, problems, askings };
}

/** Throws what is none, and `busy`, which says nothing about a certificate. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal && error.reason !== 'busy') return error;
  throw error;
}

interface Writing {
  clock: Clock;
  now: Instant;
  /** Why it is made active; null where it is not. */
  reason: string | null;
  standing: Standing;
  /** By what `newsOf` calls them; null where nobody is told. */
  mails: ReadonlyMap<string, Written> | null;
  /** By address. */
  askings: Askings;
}

/** How many entries are written between one word about the progress and the next. */
const BATCH = 500;

async function writeAll(tx: Db, steps: readonly Step[], writing: Writing, progress: Progress): Promise<Deed[]> {
  const deeds: Deed[] = [];
  // First of all: it takes from who is out, and some of them begin anew.
  deeds.push(
    ...(await releaseTo(
      tx,
      steps.flatMap((step) => step.contacts),
    )),
  );
  for (let from = 0; from < steps.length; from += BATCH) {
    const batch = steps.slice(from, from + BATCH).map((step) => rowsOf(step, writing));
    await write(tx, batch, writing);
    for (const one of batch) deeds.push(...one.deeds);
    progress('writing', from + batch.length, steps.length);
  }
  return deeds;
}

/** What a step writes. */
interface Rows {
  step: Step;
  memberId: string;
  /** Empty where he is there already. */
  members: NewMember[];
  lists: { member_id: string; list_id: string }[];
  groups: { member_id: string; name: string }[];
  contacts: Contact[];
  certificates: { certificate: Certificate; said: ReadCertificate }[];
  deeds: Deed[];
}

function rowsOf(step: Step, writing: Writing): Rows {
  const memberId = step.member?.id ?? newId(writing.clock);
  const rows: Rows = { step, memberId, members: [], lists: [], groups: [], contacts: [], certificates: [], deeds: [] };
  const subject = `member:${memberId}`;
  const { organisation, product } = step;
  if (!step.member) {
    rows.members.push(newMember(memberId, step, writing));
    rows.deeds.push({ action: 'member.add', subject, detail: { organisation, product } });
  }
  if (step.member && step.again) {
    const anew = startedAnew({ organisation, round: step.member.round + 1 }, step.member);
    const detail = { organisation, product, ...anew };
    rows.deeds.push({ action: 'member.add', subject, detail });
  }
  for (const listId of step.lists) {
    rows.lists.push({ member_id: memberId, list_id: listId });
    rows.deeds.push({ action: 'member.put-on-list', subject, detail: { list: listId } });
  }
  rows.groups.push(...groups.memberships(memberId, step.groups));
  rows.deeds.push(...step.groups.map((group) => ({ action: 'member.put-into-group', subject, detail: { group } })));
  for (const contact of step.contacts) addContact(rows, contact, writing);
  for (const { certificate, renewal, waiting } of step.renewals) rows.deeds.push(renewalDeed(certificate, renewal, waiting));
  if (step.activate)
    rows.deeds.push({
      action: 'member.activate',
      subject,
      detail: { from: step.member?.state ?? 'applied', reason: writing.reason, withoutProof: vouchedIn(rows) },
    });
  return rows;
}

/** Ids of the contacts who have copies from now on, and proved nothing. */
function vouchedIn({ step: { activate, vouched }, contacts: fresh }: Pick<Rows, 'step' | 'contacts'>): string[] {
  return activate ? [...[...fresh, ...vouched].map(({ id }) => id)] : [];
}

function newMember(id: string, { organisation, product, activate }: Step, { now, reason }: Writing): NewMember {
  const state = activate
    ? ({ state: 'active', reason, review_at: now + REVIEW } as const)
    : ({ state: 'applied', reason: null, review_at: null } as const);
  return { id, organisation, product, ...state, created_at: now, updated_at: now };
}

function addContact(rows: Rows, { address, name, certificate }: NewContact, { clock, now }: Writing): void {
  const { fingerprint, data } = certificate;
  const proved_at = rows.step.activate ? now : null;
  const contact = { id: newId(clock), member_id: rows.memberId, address, name, active: 1, created_at: now, proved_at };
  const row = { id: newId(clock), contact_id: contact.id, fingerprint, data, state: 'current', created_at: now } as const;
  rows.contacts.push(contact);
  rows.certificates.push({ certificate: row, said: certificate });
  const detail = { member: rows.memberId, address, fingerprint };
  rows.deeds.push({ action: 'contact.add', subject: `contact:${contact.id}`, detail });
}

/** All new rows of a kind at once: the database is not taken for long. */
async function write(tx: Db, batch: readonly Rows[], { clock, now, reason, standing, mails, askings }: Writing): Promise<void> {
  for (const { step, deeds } of batch)
    if (step.member && step.again) deeds.unshift(...(await replaceRejected(tx, step.member, step, now)));
  await members.insertAll(
    tx,
    batch.flatMap((one) => one.members),
  );
  await members.addToLists(
    tx,
    batch.flatMap((one) => one.lists),
  );
  await groups.add(
    tx,
    batch.flatMap((one) => one.groups),
  );
  await contacts.insertAll(
    tx,
    batch.flatMap((one) => one.contacts),
  );
  await certificates.insertAll(
    tx,
    batch.flatMap((one) => one.certificates),
  );
  await contacts.setProved(
    tx,
    batch.flatMap(({ step }) => step.vouched.map(({ id }) => id)),
    now,
  );
  for (const { step, memberId, deeds, certificates: fresh } of batch) {
    deeds.push(...(await askForProofs(tx, clock, step, fresh, askings)));
    for (const one of step.renewals) deeds.push(...(await writeNew(tx, one, now)));
    if (step.activate && step.member) await activate(tx, step, step.member, { reason, now });
    if (step.member && (step.activate || step.groups.length + step.lists.length > 0))
      await letInsidersHave(tx, clock, { memberId: step.member.id });
    for (const { called } of mails ? newsOf([step], standing, reason) : []) {
      const told = mails?.get(called);
      if (!told) throw changedMeanwhile(step);
      await tellMember(tx, { clock }, told, memberId);
    }
  }
}

/** Who is active already stays so, for the new reason, and is reviewed when he was to be. */
async function activate(
  tx: Db,
  { organisation, again }: Step,
  { id, state }: NonNullable<Step['member']>,
  { reason, now }: Pick<Writing, 'reason' | 'now'>,
): Promise<void> {
  if (!(await members.setState(tx, id, { from: again ? 'applied' : state, to: 'active', reason, now })))
    throw changedMeanwhile({ organisation });
  if (state !== 'active') await members.change(tx, id, { review_at: now + REVIEW, review_told_at: null, removed_at: null });
}

/** Whoever it was that applied. Gives what is to be recorded before all else of it. */
async function replaceRejected(
  tx: Db,
  member: NonNullable<Step['member']>,
  { organisation, product }: Pick<Step, 'organisation' | 'product'>,
  now: Instant,
): Promise<Deed[]> {
  const { released } = await beginAgain(tx, member, [], now);
  await members.change(tx, member.id, { organisation, product });
  return released;
}

/** Of whom a step adds without activation to a member that was vetted. Gives what is to be recorded of it. */
async function askForProofs(
  tx: Db,
  clock: Clock,
  { member, activate, contacts: added }: Step,
  fresh: Rows['certificates'],
  askings: Askings,
): Promise<Deed[]> {
  if (activate || !member || !provesKeys(member.state)) return [];
  const deeds: Deed[] = [];
  for (const [at, { certificate }] of fresh.entries()) {
    const { address } = added[at] ?? {};
    const asking = address === undefined ? undefined : askings.get(address);
    if (!asking || address === undefined || certificate.contact_id === null) continue;
    deeds.push(await ask(tx, { clock }, asking, { contact: { id: certificate.contact_id, address }, certificate }));
  }
  return deeds;
}

/** Gives what is to be recorded of others who had its keys. */
async function writeNew(tx: Db, { certificate, renewal, waiting, version }: RenewedContact, now: Instant): Promise<Deed[]> {
  await mustBeAsShown(tx, certificate.id, version);
  const released = await releaseKeys(tx, renewal.facts, certificate.contact_id ?? '');
  if (waiting) await writeWaiting(tx, certificate, { renewal, waiting }, now);
  else await writeRenewal(tx, certificate, renewal, now);
  // Accepted as a whole: what waited would swap the key once more.
  if (!waiting && waitsForPerson(certificate, renewal)) await certificates.dropRenewal(tx, certificate.id);
  return released;
}
