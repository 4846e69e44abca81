import { record } from '../audit/record.ts';
import { caseFor, deedOf, moved } from '../cases/step.ts';
import { type Instant, toIso } from '../clock.ts';
import { team } from '../delivery/copies.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as patchSets from '../store/patch-sets.ts';
import type { Case } from '../store/schema.ts';
import { openContents, presentPatchSet } from './contents.ts';
import { mustTellNothing, sendForthcoming, waitingForthcoming } from './forthcoming.ts';
import { approvers, PEOPLE } from './gate.ts';
import { prepareMoved, tellMoved } from './moved.ts';
import type { Code } from './policy.ts';
import { NO_PROPOSAL, proposalOf, proposedCase } from './proposal.ts';
import { mustBeValid, publishingOf } from './published.ts';
import { standing } from './retract.ts';
import { judgedNow } from './rules.ts';
import { mustBeAllowed } from './schedule.ts';

/** Who asks: a person is the actor, whichever token or signed mail he uses. */
export interface Approver {
  /** Null where he signed the mail `postId`. */
  tokenId: string | null;
  postId?: string;
  /** Files that mail, at the beginning of the transaction: the approval refers to it. */
  file?: (trx: Db) => Promise<void>;
  /** The team contact that it belongs to; null for a token of nobody. */
  personId: string | null;
}

/** What of a case can be approved, each by the hash of what stands there: nobody approves what he has not seen. */
export type Approvable = 'patches' | 'schedule' | 'bundle' | 'proposal' | 'forthcoming';

/**
 * Approves the patch set (one person does), the schedule, the bundle, what is proposed in place of an armed one, or the word to the public that a fix will come, whichever has that
 * hash. Who set the schedule, or drafted that word, stands behind it while he is of the team: another person schedules the case, or has the word go out. The second
 * different person over the bundle arms it, and with that approves what is in it; what was armed before stood until then.
 * Throws `needs-person`, `approval-voided`, `approved-already`, `policy-violated`, `not-distributed`, `incomplete` for a bundle of which a document would not be valid, and
 * what a step refuses.
 */
export async function approve(seams: Seams, caseId: string, hash: string, actor: Approver): Promise<Case> {
  const { db, clock } = seams;
  const before = await caseFor(db, seams, caseId, 'approve');
  await mustBePublishable(seams, before, hash);
  const news = await prepareMoved(seams, standingAs(before, hash));
  return db.transaction().execute(async (trx) => {
    await actor.file?.(trx);
    // Two people at once must see each other's approval, or neither of them would be the second.
    await cases.lock(trx, caseId);
    const seen = await caseFor(trx, seams, caseId, 'approve');
    const { personId } = actor;
    if (personId === null || !(await team(trx)).some(({ id }) => id === personId)) throw new Refusal('needs-person');
    const present = await presentPatchSet(trx, caseId);
    const what = whatIs(seen, present, hash);
    const next = standingAs(seen, hash);
    const waived = await mustStand(trx, seams, next, what, present);
    if (authorOf(what, seen) === personId)
      throw new Refusal('approved-already', 'Who sets or drafts it does not approve it too: another one must');
    const now = clock.now();
    const by = actor.postId === undefined ? { token_id: actor.tokenId } : { post_id: actor.postId };
    const approval = { case_id: caseId, hash, person_id: personId, ...by, approved_at: now };
    if (!(await cases.insertApproval(trx, approval))) throw new Refusal('approved-already');
    const people = await peopleBehind(trx, seen, what, hash);
    const detail = {
      what,
      hash,
      ...(isRelease(what) ? { bundle: hash } : {}),
      people,
      ...(waived.length === 0 ? {} : { waived }),
    };
    const deed = { action: 'case.approve', subject: `case:${caseId}`, detail };
    const to = await then(trx, seams, seen, { what, people, present, personId, now });
    if (to === null) {
      await record(trx, seams, deed);
      return seen;
    }
    const counts = 'scheduled_at' in to && next.scheduled_at === null;
    const told = counts ? await tellMoved(trx, next, news, now) : null;
    const changed = await moved(trx, seams, seen, { ...to, ...told?.to });
    const arms = 'state' in to ? [deedOf(changed, 'arm', { bundle: hash })] : [];
    if ('forthcoming_at' in to) arms.push(deedOf(changed, 'forthcoming', { post: seen.forthcoming_post_id, hash }));
    if (told) arms.push(deedOf(changed, 'tell-moved', { releaseAt: toIso(told.releaseAt), posts: told.posts }));
    await record(trx, seams, deed, ...arms);
    return changed;
  });
}

/** Asked before the transaction, as nothing is opened in one; the hash is of what was looked at here. */
async function mustBePublishable(seams: Seams, seen: Case, hash: string): Promise<void> {
  if (hash === seen.forthcoming_hash) await mustTellNothing(seams, seen);
  if (hash !== seen.bundle_hash && hash !== seen.proposed_hash) return;
  const next = standingAs(seen, hash);
  const contents = await openContents(seams, next);
  if (contents.hash !== hash) throw new Refusal('approval-voided');
  mustBeValid(publishingOf(seen.id, next.release_at ?? seams.clock.now(), contents));
}

/** The case as whoever approves that hash sees it. */
function standingAs(seen: Case, hash: string): Case {
  return hash === seen.proposed_hash ? proposedCase(seen) : seen;
}

/** What is released when two people have approved it. */
function isRelease(what: Approvable): boolean {
  return what === 'bundle' || what === 'proposal';
}

/**
 * What would be refused at the instant is refused now, while there is time to do something about it. Gives the rules that are waived.
 * Throws `policy-violated`; `not-distributed` for other patches than distributors have.
 */
async function mustStand(
  trx: Db,
  seams: Pick<Seams, 'project' | 'clock'>,
  seen: Case,
  what: Approvable,
  present: string | null,
): Promise<Code[]> {
  if (seen.aside === 'withdrawn' || (what !== 'schedule' && !isRelease(what))) return [];
  if (isRelease(what) && seen.distributed_set !== null && present !== seen.distributed_set)
    throw new Refusal(
      'not-distributed',
      'Distributors have other patches: approve these alone, dispatch them, and then approve the bundle',
    );
  // Who approves the bundle approves its patches: with that the fix is ready.
  const fix_ready_at = seen.fix_ready_at ?? (isRelease(what) && present !== null ? seams.clock.now() : null);
  return mustBeAllowed(await judgedNow(trx, seams, { ...seen, fix_ready_at }));
}

function whatIs(seen: Case, present: string | null, hash: string): Approvable {
  if (hash === seen.bundle_hash) return 'bundle';
  if (hash === seen.proposed_hash) return 'proposal';
  if (hash === seen.schedule_hash) return 'schedule';
  if (hash === present) return 'patches';
  if (hash === seen.forthcoming_hash) return 'forthcoming';
  if (seen.bundle_hash === null && seen.schedule_hash === null && present === null)
    throw new Refusal('conflict', 'The case has no patches, no schedule and no public text yet');
  throw new Refusal('approval-voided');
}

/** Who stands behind it as the one who wrote it down; null where that is nobody. */
function authorOf(what: Approvable, { scheduled_by, forthcoming_by }: Case): string | null {
  if (what === 'schedule') return scheduled_by;
  return what === 'forthcoming' ? forthcoming_by : null;
}

/** How many different people of the team stand behind it; who wrote it down is one. */
async function peopleBehind(trx: Db, seen: Case, what: Approvable, hash: string): Promise<number> {
  const author = authorOf(what, seen);
  const written = author === null ? [] : [{ person_id: author, hash }];
  return approvers(await standing(trx, [...(await cases.approvals(trx, seen.id)), ...written]), hash);
}

interface Approved {
  what: Approvable;
  people: number;
  present: string | null;
  personId: string;
  now: Instant;
}

/** What the approval changes; null where another one has to follow. What two people stand behind they accept. */
async function then(trx: Db, seams: Pick<Seams, 'clock'>, seen: Case, { what, people, present, personId, now }: Approved) {
  const patches = async () => {
    if (present === null || seen.patch_set === present || seen.aside === 'withdrawn') return {};
    await patchSets.add(trx, { case_id: seen.id, hash: present, approved_by: personId, approved_at: now });
    return { patch_set: present, fix_ready_at: seen.fix_ready_at ?? now };
  };
  if (what === 'patches') return patches();
  if (people < PEOPLE) return null;
  const accepted_at = seen.accepted_at ?? now;
  if (what === 'forthcoming') {
    // It went out with the first approval of another person.
    if ((await waitingForthcoming(trx, seen)) === null) return null;
    await sendForthcoming(trx, seams, seen);
    return { accepted_at, forthcoming_at: now, forthcoming_release_at: seen.release_at };
  }
  if (what === 'schedule')
    return seen.scheduled_at === null ? { accepted_at, scheduled_at: now, agreed_release_at: seen.release_at } : null;
  if (what === 'bundle' && seen.state !== 'scheduled') return null;
  const { scheduled_at, release_at } = what === 'proposal' ? proposedCase(seen) : seen;
  return {
    ...(what === 'proposal' ? { ...proposalOf(seen), ...NO_PROPOSAL, bundle_hash: seen.proposed_hash } : {}),
    ...(await patches()),
    state: 'armed' as const,
    accepted_at,
    scheduled_at: scheduled_at ?? now,
    agreed_release_at: release_at,
  };
}
