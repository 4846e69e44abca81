import { record } from '../audit/record.ts';
import { team } from '../delivery/copies.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Case } from '../store/schema.ts';
import { approvers, PEOPLE } from './gate.ts';
import { caseToChange } from './schedule.ts';

/** Who asks: a person is the actor, whichever token is used. */
export interface Approver {
  tokenId: string;
  /** The team contact that the token belongs to; null for a token of nobody. */
  personId: string | null;
}

/**
 * Approves one bundle, named by its hash so that nobody approves what he has not seen. The second different person arms
 * the case. Throws `needs-person`, `approval-voided`, `approved-already`, `already-released`.
 */
export async function approve(seams: Seams, caseId: string, hash: string, actor: Approver): Promise<Case> {
  const { db, clock } = seams;
  return db.transaction().execute(async (trx) => {
    // Two people at once must see each other's approval, or neither of them would be the second.
    await cases.lock(trx, caseId);
    const seen = await caseToChange(trx, caseId);
    const { personId } = actor;
    if (personId === null || !(await team(trx)).some(({ id }) => id === personId)) throw new Refusal('needs-person');
    if (seen.bundle_hash === null) throw new Refusal('conflict', 'The case has no release instant and text yet');
    if (hash !== seen.bundle_hash) throw new Refusal('approval-voided');
    const approval = { case_id: caseId, hash, person_id: personId, token_id: actor.tokenId, approved_at: clock.now() };
    if (!(await cases.insertApproval(trx, approval))) throw new Refusal('approved-already');
    const count = approvers(await cases.approvals(trx, caseId), hash);
    const deed = { action: 'case.approve', subject: `case:${caseId}`, detail: { bundle: hash, people: count } };
    if (seen.state !== 'scheduled' || count < PEOPLE) {
      await record(trx, seams, deed);
      return seen;
    }
    const armed = { state: 'armed' as const, revision: seen.revision + 1, overdue_told_at: null, updated_at: clock.now() };
    if (!(await cases.change(trx, seen, armed))) throw new Refusal('stale');
    await record(trx, seams, deed, { action: 'case.arm', subject: `case:${caseId}`, detail: { bundle: hash } });
    return { ...seen, ...armed };
  });
}
