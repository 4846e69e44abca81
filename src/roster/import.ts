import { type Clock, type Instant, newId } from '../clock.ts';
import { readCertificate, usable } from '../pgp/certificate.ts';
import { Refusal } from '../refusal.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Database, Db } from '../store/database.ts';
import * as members from '../store/members.ts';
import { type PlacedEntry, type RosterProblem, readEntries } from './entries.ts';
import { type NewContact, type PreparedEntry, planImport, type ReadCertificate, type Step } from './plan.ts';
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
  /** Entries that say nothing new. */
  unchanged: number;
  /** By entry. */
  problems: RosterProblem[];
}

/**
 * Takes over a roster (DESIGN section 6): all of it or nothing. Everything that is wrong with it is in the report, at
 * once. The same data a second time changes nothing. Throws Refusal('conflict') where somebody else wrote the same at
 * the same time.
 */
export async function importRoster(
  { db, clock }: { db: Database; clock: Clock },
  entries: unknown,
  { activate, dryRun, problems: known = [] }: ImportOptions,
): Promise<ImportReport> {
  if (activate?.reason.trim() === '') throw new Refusal('invalid', 'Activation needs a reason');
  const now = clock.now();
  const read = readEntries(entries);
  const prepared = await prepare(read.entries, now);
  return await db.transaction().execute(async (tx) => {
    const plan = planImport(await standingOf(tx), prepared.entries, activate !== null);
    const problems = [...known, ...read.problems, ...prepared.problems, ...plan.problems];
    problems.sort((a, b) => (a.entry ?? -1) - (b.entry ?? -1));
    const written = problems.length === 0 && !dryRun;
    if (written) for (const step of plan.steps) await write(tx, step, { clock, now, reason: activate?.reason ?? null });
    return { written, ...counts(plan.steps), problems };
  });
}

function counts(steps: readonly Step[]): Pick<ImportReport, 'members' | 'contacts' | 'activated' | 'unchanged'> {
  return {
    members: steps.filter((step) => !step.member).length,
    contacts: steps.reduce((sum, step) => sum + step.contacts.length, 0),
    activated: steps.filter((step) => step.activate && step.member?.state !== 'active').length,
    unchanged: steps.filter((step) => step.member && !step.activate && step.lists.length + step.contacts.length === 0).length,
  };
}

/** Reads every certificate, before any transaction is open. */
async function prepare(
  entries: readonly PlacedEntry[],
  now: Instant,
): Promise<{ entries: PreparedEntry[]; problems: RosterProblem[] }> {
  const prepared: PreparedEntry[] = [];
  const problems: RosterProblem[] = [];
  for (const { index, organisation, product, lists, contacts } of entries) {
    const read: NewContact[] = [];
    for (const { address, name, certificate } of contacts) {
      const found = await readUsable(certificate, now);
      if ('problem' in found) problems.push({ entry: index, address, problem: found.problem });
      else read.push({ address, name: name ?? null, certificate: found });
    }
    prepared.push({ index, organisation, product: product ?? null, lists, contacts: read });
  }
  return { entries: prepared, problems };
}

async function readUsable(armored: string | undefined, now: Instant): Promise<ReadCertificate | { problem: string }> {
  if (armored === undefined) return { problem: 'The certificate is missing' };
  try {
    const certificate = await readCertificate(armored);
    const state = await usable(certificate.data, now);
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

async function write(tx: Db, step: Step, { clock, now, reason }: Writing): Promise<void> {
  const memberId = step.member?.id ?? newId(clock);
  if (!step.member) {
    const { organisation, product } = step;
    const row = { id: memberId, organisation, product, created_at: now, updated_at: now };
    await members.insert(tx, { ...row, state: 'applied', reason: null });
  }
  for (const listId of step.lists) await members.addToList(tx, memberId, listId);
  for (const { address, name, certificate } of step.contacts) {
    const contactId = newId(clock);
    await contacts.insert(tx, { id: contactId, member_id: memberId, address, name, active: 1, created_at: now });
    const { fingerprint, data, keys } = certificate;
    const row = { id: newId(clock), contact_id: contactId, fingerprint, data, created_at: now };
    await certificates.insert(tx, { ...row, state: 'current' }, keys);
  }
  if (!step.activate) return;
  const activated = await members.setState(tx, memberId, { from: step.member?.state ?? 'applied', to: 'active', reason, now });
  if (!activated) throw new Refusal('conflict', `"${step.organisation}" was changed meanwhile: import again`);
}
