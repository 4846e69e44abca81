import type { Deed, Detail } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { endsTelling } from '../delivery/order.ts';
import { Refusal } from '../refusal.ts';
import type { Local } from '../seams.ts';
import * as caseTeams from '../store/case-teams.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as posts from '../store/posts.ts';
import type { Case } from '../store/schema.ts';
import { type Person, refusedTo, type Step, steps } from './state.ts';

/** Who acts, as the table of steps knows people. Curfew itself and whoever is at the host may do what admins may. */
export function actorOf({ by, role }: Pick<Local, 'by' | 'role'>): Person {
  return { personId: by.type === 'person' ? by.id : null, admin: role === undefined || role === 'admin' };
}

/** Whose cases alone a list of them shows; undefined for all. */
export function handlersIn(local: Pick<Local, 'by' | 'role'>): string | null | undefined {
  const { personId, admin } = actorOf(local);
  return admin || local.role === 'auditor' ? undefined : personId;
}

/** A case as far as somebody may know of it. Throws `not-found` where there is none, and where it is for others of the team. */
export async function caseKnownTo(db: Db, local: Pick<Local, 'by' | 'role'>, id: string): Promise<Case> {
  const found = await knownCase(db, local, id);
  if (!found) throw new Refusal('not-found', `There is no case ${id}`);
  return found;
}

/** Whether somebody may know of a case, and of what is of it; what is of none is there for all of the team. */
export async function knowsCase(db: Db, local: Pick<Local, 'by' | 'role'>, id: string | null): Promise<boolean> {
  return id === null || (await knownCase(db, local, id)) !== undefined;
}

/** Those of them that are of cases that somebody may know of, or of none. */
export async function knownAmong<Row extends { case_id: string | null }>(
  db: Db,
  local: Pick<Local, 'by' | 'role'>,
  rows: readonly Row[],
): Promise<Row[]> {
  const known = new Set<string | null>();
  for (const id of new Set(rows.map(({ case_id }) => case_id))) if (await knowsCase(db, local, id)) known.add(id);
  return rows.filter(({ case_id }) => known.has(case_id));
}

async function knownCase(db: Db, local: Pick<Local, 'by' | 'role'>, id: string): Promise<Case | undefined> {
  const found = await cases.byId(db, id);
  const person = handlersIn(local);
  return found && (person === undefined || (await caseTeams.handles(db, found, person))) ? found : undefined;
}

/**
 * The case, where this may be done with it by whoever acts. `expected`: the revision that he has seen. Throws `not-found`,
 * `already-released`, `conflict` where the table of steps has no such one from there, `forbidden` where it is for others, `stale`.
 */
export async function caseFor(
  db: Db,
  local: Pick<Local, 'by' | 'role'>,
  id: string,
  step: Step,
  expected?: number,
): Promise<Case> {
  const found = await caseKnownTo(db, local, id);
  const { when, otherwise } = steps[step];
  if (!when(found)) throw found.state === 'released' ? new Refusal('already-released') : new Refusal('conflict', otherwise);
  const refused = refusedTo(step, found, actorOf(local));
  if (refused !== null) throw new Refusal('forbidden', refused);
  if (expected !== undefined && found.revision !== expected) throw new Refusal('stale');
  return found;
}

/** What a step changes of the case, and what the log has of it. */
export interface Taken {
  to: Parameters<typeof cases.change>[2];
  action: string;
  detail?: Detail;
  /** Done with the case as it is then, and not recorded. */
  after?: (changed: Case) => Promise<unknown>;
}

/**
 * Takes a step: in one transaction, with the case locked, the next revision, and its line in the audit log. `beside`: another case that
 * the change reads again; both are locked in the order of their ids, whoever asks for which.
 */
export async function take(
  local: Local,
  id: string,
  { step, expected, beside = id }: { step: Step; expected: number | undefined; beside?: string },
  change: (trx: Db, seen: Case) => Promise<Taken>,
): Promise<Case> {
  return local.db.transaction().execute(async (trx) => {
    for (const one of [...new Set([id, beside])].sort()) await cases.lock(trx, one);
    const seen = await caseFor(trx, local, id, step, expected);
    // What is told with this step is not of before it.
    const told = await posts.lastPlace(trx);
    const { to, action, detail = {}, after } = await change(trx, seen);
    const changed = await moved(trx, local, seen, endsTelling(to) ? { ...to, told_until: told } : to);
    await after?.(changed);
    await record(trx, local, deedOf(changed, action, detail));
    return changed;
  });
}

/** One guarded update: the next revision of the case that was seen. Throws `stale` where it is another one by now. */
export async function moved(trx: Db, { clock }: Pick<Local, 'clock'>, seen: Case, to: Taken['to']): Promise<Case> {
  const next = { ...to, revision: seen.revision + 1, updated_at: clock.now() };
  if (!(await cases.change(trx, seen, next))) throw new Refusal('stale');
  return { ...seen, ...(next as Partial<Case>) };
}

/** A change of a case as the log has it. */
export function deedOf({ id, revision }: Pick<Case, 'id' | 'revision'>, action: string, detail: Detail): Deed {
  return { action: `case.${action}`, subject: `case:${id}`, detail: { ...detail, revision } };
}
