import { record } from '../audit/record.ts';
import { caseFor } from '../cases/step.ts';
import { letInsidersHave, noteOutside } from '../delivery/need-to-know.ts';
import { Refusal } from '../refusal.ts';
import { isOut } from '../roster/state.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as exposure from '../store/exposure.ts';
import * as groups from '../store/groups.ts';
import * as members from '../store/members.ts';
import * as needToKnow from '../store/need-to-know.ts';
import type { Case } from '../store/schema.ts';
import { tellLetInOf } from './let-in.ts';
import { anew } from './retract.ts';
import { hasDistributors, judgedNow } from './rules.ts';
import { disarmedBefore } from './set-aside.ts';

/** Who alone may know of a case: at least one of them, the whole of it. */
export interface Insiders {
  /** Names of groups. */
  groups: readonly string[];
  /** Ids of members. */
  members: readonly string[];
}

export interface Limited {
  case: Case;
  /** Who is outside and has something of it all the same: what went out is not taken back. By organisation and address. */
  seenBy: exposure.ExposedContact[];
}

/**
 * Says who may know of a case besides the response team: from now on, copies of what is its are made, and sent, for these alone. Null
 * is everybody on the lists that it is sent to. A released case takes it too: its thread goes on. It is no part of what was approved; but
 * what was armed while no distributor might know of it is to be approved anew where some may, and are not told in time; so is what was armed
 * before the case was set aside, where that turns out not to be so (set-aside.ts).
 * Who has it and was kept from it is told what stands when he may know of it again (let-in.ts).
 * `expected`: the revision that whoever asks has seen. Throws Refusal: not-found, stale; forbidden to who does not lead it, where somebody does; invalid where nobody is named, a group has
 * nobody for whom copies are made, or a member is not there or is out.
 */
export async function limitCase(seams: Seams, caseId: string, to: Insiders | null, expected?: number): Promise<Limited> {
  const { db, clock } = seams;
  const limited = await db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    const seen = await caseFor(trx, seams, caseId, 'limit', expected);
    const before = idsOf(await needToKnow.ofCase(trx, caseId));
    const unknown = !(await hasDistributors(trx, caseId));
    await needToKnow.replace(trx, caseId, to === null ? { groups: [], members: [] } : await known(trx, to));
    const isLate = async (about: Case) => unknown && about.state === 'armed' && !(await judgedNow(trx, seams, about)).ok;
    const changed = { revision: seen.revision + 1, updated_at: clock.now(), set_aside: await disarmedBefore(seen, isLate) };
    if (!(await cases.change(trx, seen, changed))) throw new Refusal('stale');
    const had = await letInsidersHave(trx, clock, { caseId });
    await noteOutside(trx, caseId);
    const seenBy = await outsidersWhoSaw(trx, caseId);
    const after = idsOf(await needToKnow.ofCase(trx, caseId));
    const limited = { ...seen, ...changed };
    const disarmed = (await isLate(limited)) ? await anew(trx, seams, limited, 'case.disarm') : null;
    const deed = {
      action: 'case.limit',
      subject: `case:${caseId}`,
      detail: {
        ...after,
        groupsBefore: before.groups,
        membersBefore: before.members,
        revision: changed.revision,
        ...had,
        seenBy: seenBy.map(({ contactId }) => contactId),
      },
    };
    await record(trx, seams, deed, ...(disarmed ? [disarmed.deed] : []));
    return { case: disarmed?.case ?? limited, seenBy };
  });
  // What is done is done: what could not be told now is told in a minute, or logged then.
  await tellLetInOf(seams, caseId, () => {});
  return limited;
}

async function known(trx: Db, to: Insiders): Promise<{ groups: string[]; members: { id: string; round: number }[] }> {
  if (to.groups.length + to.members.length === 0)
    throw new Refusal('invalid', 'Name at least one group or member who may know of it');
  return { groups: await knownGroups(trx, [...new Set(to.groups)]), members: await knownMembers(trx, [...new Set(to.members)]) };
}

/** A word that is written wrong would be a group with nobody in it. */
async function knownGroups(trx: Db, wanted: readonly string[]): Promise<string[]> {
  const there = await groups.reached(trx);
  const unknown = wanted.filter((name) => !there.includes(name));
  if (unknown.length === 0) return [...wanted];
  const listed = there.length > 0 ? `There are: ${there.join(', ')}` : 'No member is in any group yet';
  throw new Refusal('invalid', `No active member is in the group ${unknown.join(', ')}. ${listed}`);
}

async function knownMembers(trx: Db, ids: readonly string[]): Promise<{ id: string; round: number }[]> {
  const found: { id: string; round: number }[] = [];
  for (const id of ids) {
    const member = await members.byId(trx, id);
    if (!member) throw new Refusal('invalid', `There is no member ${id}`);
    if (isOut(member.state)) throw new Refusal('invalid', `"${member.organisation}" is ${member.state}`);
    found.push(member);
  }
  return found;
}

async function outsidersWhoSaw(trx: Db, caseId: string): Promise<exposure.ExposedContact[]> {
  const insiders = await needToKnow.insiders(trx, caseId);
  return insiders === null ? [] : (await exposure.ofCase(trx, caseId)).filter(({ memberId }) => !insiders.has(memberId));
}

/** Null for everybody. */
function idsOf(limited: needToKnow.NeedToKnow | null): Record<'groups' | 'members', string[] | null> {
  return { groups: limited?.groups ?? null, members: limited?.members.map(({ id }) => id) ?? null };
}
