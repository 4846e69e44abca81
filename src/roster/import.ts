import type { Deed } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { type Clock, type Instant, newId } from '../clock.ts';
import { primaryFingerprint } from '../pgp/certificate-bytes.ts';
import type { Pgp } from '../pgp/pool.ts';
import type { Renewal } from '../pgp/renewal.ts';
import { Refusal } from '../refusal.ts';
import type { Local } from '../seams.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as members from '../store/members.ts';
import { type PlacedEntry, type RosterProblem, readEntries } from './entries.ts';
import { type PreparedEntry, planImport, type ReadCertificate, type RenewedContact, type Standing, type Step } from './plan.ts';
import { writeRenewal } from './renewal.ts';
import { standingOf } from './standing.ts';

export interface ImportOptions {
  /** Makes the members active at once, for this recorded reason; null leaves new ones `applied`. */
  activate: { reason: string } | null;
  /** Looks and tells, writes nothing. */
  dryRun: boolean;
  /** What was found wrong while the entries were made (from CSV). */
  problems?: readonly RosterProblem[];
}

export interface ImportReport {
  /** False where there are problems, and at a dry run. */
  written: boolean;
  /** How many are new, or would be. */
  members: number;
  contacts: number;
  activated: number;
  /** Certificates that are there and say something new. */
  renewed: number;
  /** Entries that say nothing new. */
  unchanged: number;
  /** What is new in those certificates. */
  renewals: ReportedRenewal[];
  /** By entry. */
  problems: RosterProblem[];
}

export interface ReportedRenewal extends Pick<Renewal, 'encryptionKey' | 'whyNot'> {
  address: string;
  fingerprint: string;
}

/** What an import needs of OpenPGP. */
export type CertificateReader = Pick<Pgp, 'readCertificate' | 'renewCertificate' | 'usable'>;

interface ImportSeams extends Local {
  pgp: CertificateReader;
}

/**
 * Takes over a roster (DESIGN section 6): all of it or nothing. Everything that is wrong with it is in the report, at
 * once. The same data a second time changes nothing. Throws Refusal('conflict') where somebody else wrote the same at
 * the same time.
 */
export async function importRoster(
  { pgp, ...local }: ImportSeams,
  entries: unknown,
  { activate, dryRun, problems: known = [] }: ImportOptions,
): Promise<ImportReport> {
  const { db, clock } = local;
  if (activate?.reason.trim() === '') throw new Refusal('invalid', 'Activation needs a reason');
  const now = clock.now();
  const read = readEntries(entries);
  const prepared = await prepare(read.entries, { pgp, now, members: await members.all(db) });
  return await db.transaction().execute(async (tx) => {
    const plan = planImport(await standingOf(tx), prepared.entries, activate !== null);
    const problems = [...known, ...read.problems, ...prepared.problems, ...plan.problems];
    problems.sort((a, b) => (a.entry ?? -1) - (b.entry ?? -1));
    const written = problems.length === 0 && !dryRun;
    if (written) {
      const writing = { clock, now, reason: activate?.reason ?? null };
      const deeds: Deed[] = [];
      for (const step of plan.steps) deeds.push(...(await write(tx, step, writing)));
      await record(tx, local, ...deeds);
    }
    return { written, ...counts(plan.steps), problems };
  });
}

function counts(steps: readonly Step[]): Omit<ImportReport, 'written' | 'problems'> {
  const adds = (step: Step) => step.lists.length + step.contacts.length + step.renewals.length > 0;
  const renewals = steps.flatMap((step) => step.renewals.map(reported));
  return {
    members: steps.filter((step) => !step.member).length,
    contacts: steps.reduce((sum, step) => sum + step.contacts.length, 0),
    activated: steps.filter((step) => step.activate && step.member?.state !== 'active').length,
    renewed: renewals.length,
    unchanged: steps.filter((step) => step.member && !step.activate && !adds(step)).length,
    renewals,
  };
}

function reported({ address, renewal: { facts, encryptionKey, whyNot } }: RenewedContact): ReportedRenewal {
  return { address, fingerprint: facts.fingerprint, encryptionKey, whyNot };
}

interface Reading {
  pgp: CertificateReader;
  now: Instant;
  members: Standing['members'];
}

/** Reads every certificate, before any transaction is open. */
async function prepare(
  entries: readonly PlacedEntry[],
  reading: Reading,
): Promise<{ entries: PreparedEntry[]; problems: RosterProblem[] }> {
  const prepared: PreparedEntry[] = [];
  const problems: RosterProblem[] = [];
  for (const { index, organisation, product, lists, contacts } of entries) {
    const entry: PreparedEntry = { index, organisation, product: product ?? null, lists, contacts: [], renewals: [] };
    const member = reading.members.find((one) => one.organisation === organisation);
    for (const { address, name, certificate } of contacts) {
      const current = member?.contacts.find((one) => one.address === address)?.certificate ?? null;
      const found = await readOne(certificate, current, reading);
      if ('problem' in found) problems.push({ entry: index, address, problem: found.problem });
      else if ('renewal' in found) entry.renewals.push({ address, ...found });
      else entry.contacts.push({ address, name: name ?? null, certificate: found });
    }
    prepared.push(entry);
  }
  return { entries: prepared, problems };
}

type Found = ReadCertificate | Pick<RenewedContact, 'certificate' | 'renewal'> | { problem: string };

/** A certificate that is there already is never a problem: if it has come to be unusable, that is what has to be known. */
async function readOne(
  armored: string | undefined,
  current: RenewedContact['certificate'] | null,
  { pgp, now }: Reading,
): Promise<Found> {
  if (armored === undefined) return { problem: 'The certificate is missing' };
  try {
    if (current && primaryFingerprint(armored) === current.fingerprint)
      return { certificate: current, renewal: await pgp.renewCertificate(current.data, armored, now) };
    const certificate = await pgp.readCertificate(armored);
    const state = await pgp.usable(certificate.data, now);
    return state.usable ? certificate : { problem: `The certificate ${certificate.fingerprint} cannot be used: ${state.reason}` };
  } catch (error) {
    if (error instanceof Refusal) return { problem: error.message };
    throw error;
  }
}

interface Writing {
  clock: Clock;
  now: Instant;
  /** Why it is made active; null where it is not. */
  reason: string | null;
}

/** Gives what was done. */
async function write(tx: Db, step: Step, { clock, now, reason }: Writing): Promise<Deed[]> {
  const memberId = step.member?.id ?? newId(clock);
  const deeds: Deed[] = [];
  if (!step.member) {
    const { organisation, product } = step;
    const row = { id: memberId, organisation, product, created_at: now, updated_at: now };
    await members.insert(tx, { ...row, state: 'applied', reason: null });
    deeds.push({ action: 'member.add', subject: `member:${memberId}`, detail: { organisation, product } });
  }
  for (const listId of step.lists) {
    await members.addToList(tx, memberId, listId);
    deeds.push({ action: 'member.put-on-list', subject: `member:${memberId}`, detail: { list: listId } });
  }
  for (const { address, name, certificate } of step.contacts) {
    const contactId = newId(clock);
    await contacts.insert(tx, { id: contactId, member_id: memberId, address, name, active: 1, created_at: now });
    const { fingerprint, data, keys } = certificate;
    const row = { id: newId(clock), contact_id: contactId, fingerprint, data, created_at: now };
    await certificates.insert(tx, { ...row, state: 'current' }, keys);
    deeds.push({ action: 'contact.add', subject: `contact:${contactId}`, detail: { member: memberId, address, fingerprint } });
  }
  for (const { certificate, renewal } of step.renewals) {
    await writeRenewal(tx, certificate, renewal, now);
    const { id, fingerprint, contact_id } = certificate;
    const { whyNot, encryptionKey } = renewal;
    const detail = { certificate: id, fingerprint, ...encryptionKey, whyNot };
    deeds.push({ action: 'certificate.renew', subject: `contact:${contact_id}`, detail });
  }
  if (!step.activate) return deeds;
  const activated = await members.setState(tx, memberId, { from: step.member?.state ?? 'applied', to: 'active', reason, now });
  if (!activated) throw new Refusal('conflict', `"${step.organisation}" was changed meanwhile: import again`);
  return [
    ...deeds,
    { action: 'member.active', subject: `member:${memberId}`, detail: { from: step.member?.state ?? 'applied', reason } },
  ];
}
