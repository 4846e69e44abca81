import type { Instant } from '../clock.ts';
import { eachContact, team } from '../delivery/copies.ts';
import { letInsidersHave } from '../delivery/need-to-know.ts';
import { send, type Written } from '../delivery/send.ts';
import { handoverAsked, type Notice } from '../notices/templates.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import type { Local, Seams } from '../seams.ts';
import * as caseTeams from '../store/case-teams.ts';
import * as cases from '../store/cases.ts';
import type { ListContact } from '../store/contacts.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import type { Case } from '../store/schema.ts';
import { keeperOf } from './keeper.ts';
import { actorOf, take } from './step.ts';

/** Who leads a case: whoever claims it, or whom an admin names. */
export interface Leading {
  /** Ids of contacts of the response team; `lead` left out: whoever acts. */
  lead?: string;
  deputy?: string | null;
}

/**
 * Claims a case that nobody leads: with that it is accepted, too. An admin may name somebody else. Throws Refusal: `needs-person`,
 * `invalid` for somebody who is not of the team, and what a step refuses.
 */
export async function claim(local: Local, caseId: string, { lead, deputy = null }: Leading, expected?: number): Promise<Case> {
  const now = local.clock.now();
  return take(local, caseId, { step: 'claim', expected }, async (trx, seen) => {
    const leader = await leaderOf(trx, local, lead);
    if (deputy !== null) await ofTeam(trx, deputy);
    if (deputy === leader) throw new Refusal('invalid', 'The deputy must be somebody else than the lead');
    const to = {
      ...{ lead_id: leader, deputy_id: deputy, led_at: now, accepted_at: seen.accepted_at ?? now },
      ...{ handover_id: null, handover_at: null },
    };
    return { to, action: 'lead', detail: { lead: leader, deputy }, after: letThemHave(trx, local) };
  });
}

async function leaderOf(trx: Db, local: Local, named: string | undefined): Promise<string> {
  const { personId, admin } = actorOf(local);
  if (named === undefined || named === personId) {
    if (personId === null) throw new Refusal('needs-person');
    return (await ofTeam(trx, personId)).id;
  }
  if (!admin) throw new Refusal('forbidden', 'Only an admin names another one as the lead: claim it, or let him claim it');
  return (await ofTeam(trx, named)).id;
}

/** Throws Refusal('invalid'). */
async function ofTeam(trx: Db, contactId: string): Promise<ListContact> {
  const found = (await team(trx)).find(({ id }) => id === contactId);
  if (!found) throw new Refusal('invalid', `${contactId} is nobody of the response team`);
  return found;
}

/** Names the deputy, or nobody. */
export async function nameDeputy(local: Local, caseId: string, deputy: string | null, expected?: number): Promise<Case> {
  return take(local, caseId, { step: 'hand-over', expected }, async (trx, seen) => {
    if (deputy !== null) await ofTeam(trx, deputy);
    if (deputy === seen.lead_id) throw new Refusal('invalid', 'The deputy must be somebody else than the lead');
    return { to: { deputy_id: deputy }, action: 'deputy', detail: { deputy }, after: letThemHave(trx, local) };
  });
}

/** Asks somebody of the team to be the next lead. Until he says so the lead stays; he is told by mail. */
export async function askToLead(seams: Seams, caseId: string, next: string, expected?: number): Promise<Case> {
  const { db, clock } = seams;
  const asked = await ofTeam(db, next);
  const written = await alert(seams, caseId, handoverAsked({ caseId, from: seams.by.name ?? 'an admin' }));
  return take(seams, caseId, { step: 'hand-over', expected }, async (trx, seen) => {
    if (asked.id === seen.lead_id) throw new Refusal('conflict', 'He leads the case already');
    await send(trx, seams, written, eachContact([await ofTeam(trx, asked.id)]));
    const to = { handover_id: asked.id, handover_at: clock.now() };
    return { to, action: 'hand-over', detail: { to: asked.id }, after: letThemHave(trx, seams) };
  });
}

/** A notice to people of the team about a case, not in the database yet. */
export async function alert(seams: Seams, caseId: string, words: Notice): Promise<Written> {
  const about = await cases.byId(seams.db, caseId);
  if (!about) throw new Refusal('not-found', `There is no case ${caseId}`);
  const list = await keeperOf(seams.db, about);
  return { list, post: await writeNotice(seams, list, { kind: 'alert', caseId }, noticeEntity(words)) };
}

/** He who was asked takes it over: from then on he is the lead. An admin may take a case over at any time, as when its lead is silent. */
export async function takeOver(local: Local, caseId: string, expected?: number): Promise<Case> {
  const { personId, admin } = actorOf(local);
  if (personId === null) throw new Refusal('needs-person');
  const now: Instant = local.clock.now();
  return take(local, caseId, { step: 'take-over', expected }, async (trx, seen) => {
    if (seen.handover_id !== personId && seen.deputy_id !== personId && !admin)
      throw new Refusal('forbidden', 'The lead hands a case over; he, whom he asks, his deputy and admins take it');
    await ofTeam(trx, personId);
    const deputy = seen.deputy_id === personId ? null : seen.deputy_id;
    const to = { lead_id: personId, deputy_id: deputy, led_at: seen.led_at ?? now, handover_id: null, handover_at: null };
    return { to, action: 'take-over', detail: { lead: personId, before: seen.lead_id }, after: letThemHave(trx, local) };
  });
}

/** Who leads a case, or is asked to, has what waited for him of it, whoever works on it. */
function letThemHave(trx: Db, { clock }: Pick<Local, 'clock'>) {
  return ({ id }: Case) => letInsidersHave(trx, clock, { caseId: id });
}

/** Says who of the response team works on a case: besides those who lead it nobody else sees it then, nor has what waits for him of it. Nobody named: all of the team. */
export async function staff(local: Local, caseId: string, contactIds: readonly string[], expected?: number): Promise<Case> {
  return take(local, caseId, { step: 'staff', expected }, async (trx, seen) => {
    const people = [...new Set(contactIds)].sort();
    for (const id of people) await ofTeam(trx, id);
    const before = await caseTeams.ofCase(trx, seen.id);
    if (people.length > 0 && seen.lead_id === null && !people.includes(actorOf(local).personId ?? ''))
      throw new Refusal('conflict', 'Nobody leads the case: claim it first, or name yourself among them');
    await caseTeams.replace(trx, seen.id, people);
    const had = await letInsidersHave(trx, local.clock, { caseId: seen.id });
    return { to: {}, action: 'staff', detail: { people, before, ...had } };
  });
}

/** Contacts by their ids, those that are there. */
export async function peopleOf(db: Db, ids: readonly (string | null)[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const id of new Set(ids)) {
    const contact = id === null ? undefined : await contacts.byId(db, id);
    if (contact) found.set(contact.id, contact.address);
  }
  return found;
}
