import type { Deed } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { alert } from '../cases/people.ts';
import { everybodyFor } from '../cases/remind.ts';
import { refusedTo } from '../cases/state.ts';
import { actorOf, caseFor, take } from '../cases/step.ts';
import { newId } from '../clock.ts';
import { eachContact, team } from '../delivery/copies.ts';
import { send } from '../delivery/send.ts';
import { proposalDropped } from '../notices/templates.ts';
import { Refusal } from '../refusal.ts';
import type { Local, Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import type { Case } from '../store/schema.ts';
import { bundled, change } from './change.ts';
import { type Approval, approvers, PEOPLE } from './gate.ts';
import { NO_PROPOSAL } from './proposal.ts';

/*
 * What was approved of a bundle counts no more, though nothing of it changed: whoever approved it, or leads the case, takes it back. The same
 * bundle under another id is to be approved anew, and everybody of the case is told if it was armed (`disarmed` in cases/reminders.ts).
 */

/** Throws Refusal: `conflict` where nobody has approved the bundle, `forbidden`, and what a step refuses. */
export async function retract(local: Local, caseId: string, expected?: number): Promise<Case> {
  return local.db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    const seen = await caseFor(trx, local, caseId, 'approve', expected);
    const approvals = await ofBundle(trx, seen);
    if (approvals.length === 0) throw new Refusal('conflict', 'Nobody has approved what stands there');
    mustBeTheirs(local, seen, approvals);
    const retracted = await anew(trx, local, seen, 'case.retract');
    await record(trx, local, retracted.deed);
    return retracted.case;
  });
}

/**
 * What is proposed in place of an armed release is proposed no more, and everybody of the case is told, as they were of the proposal. Throws
 * Refusal: `conflict` where nothing is, `forbidden`, and what a step refuses.
 */
export async function dropProposal(seams: Seams, caseId: string, expected?: number): Promise<Case> {
  const { db } = seams;
  const seen = await caseFor(db, seams, caseId, 'describe', expected);
  const { proposed_hash: was, release_at: releaseAt } = seen;
  if (was === null) throw new Refusal('conflict', 'Nothing is proposed in place of what stands there');
  mustBeTheirs(
    seams,
    seen,
    (await cases.approvals(db, caseId)).filter(({ hash }) => hash === was),
  );
  const written = await alert(seams, caseId, proposalDropped({ caseId, by: seams.by.name ?? 'an admin', releaseAt }));
  return take(seams, caseId, { step: 'describe', expected: seen.revision }, async (trx) => {
    await send(trx, seams, written, eachContact(await everybodyFor(trx, seams, seen)));
    return { to: NO_PROPOSAL, action: 'drop-proposal', detail: { was } };
  });
}

/** Whoever approved it, or may set the instant, takes it back. Throws Refusal('forbidden'). */
function mustBeTheirs(local: Local, seen: Case, approvals: readonly Approval[]): void {
  const actor = actorOf(local);
  const refused = refusedTo('schedule', seen, actor);
  if (refused !== null && !approvals.some(({ person_id }) => person_id === actor.personId))
    throw new Refusal('forbidden', `${refused}, and for those who have approved it`);
}

/** Those alone who are of the response team now: what somebody approved who has left it is nobody's word any more. */
export async function standing<One extends Approval>(db: Db, approvals: readonly One[]): Promise<One[]> {
  const people = new Set((await team(db)).map(({ id }) => id));
  return approvals.filter(({ person_id }) => people.has(person_id));
}

/** Takes back what was armed by somebody who is of the team no more. Says whether there was any. */
export async function retractOfFormer(local: Local): Promise<boolean> {
  let any = false;
  for (const about of await cases.armed(local.db))
    if (!(await isStanding(local.db, about))) any = (await disarm(local, about.id)) || any;
  return any;
}

/** False where it is not armed any more, or two people of the team stand behind it. */
async function disarm(local: Local, caseId: string): Promise<boolean> {
  return local.db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    const seen = await cases.byId(trx, caseId);
    if (seen?.state !== 'armed' || (await isStanding(trx, seen))) return false;
    await record(trx, local, (await anew(trx, local, seen, 'case.disarm')).deed);
    return true;
  });
}

async function isStanding(db: Db, about: Case): Promise<boolean> {
  const { bundle_hash: hash } = about;
  return hash === null || approvers(await standing(db, await ofBundle(db, about)), hash) >= PEOPLE;
}

async function ofBundle(db: Db, { id, bundle_hash }: Pick<Case, 'id' | 'bundle_hash'>): Promise<cases.ApprovalRow[]> {
  return (await cases.approvals(db, id)).filter(({ hash }) => hash === bundle_hash);
}

/** The same bundle under another id, which nobody has approved; and what is to be recorded of that. */
export async function anew(trx: Db, local: Local, seen: Case, action: string): Promise<{ case: Case; deed: Deed }> {
  const changed = await change(trx, local.clock.now(), seen, { plan: newId(local.clock) }, { waits: false });
  return { case: changed, deed: bundled(action, changed, { was: seen.bundle_hash }) };
}
