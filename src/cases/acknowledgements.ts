import type { Actor } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { DAY, type Instant, SECOND } from '../clock.ts';
import { copyOfToken } from '../delivery/code.ts';
import { eachContact, handlersAmong, team } from '../delivery/copies.ts';
import { insidersOf, mayKnow } from '../delivery/need-to-know.ts';
import { send } from '../delivery/send.ts';
import { roleAddress } from '../mail/address.ts';
import { problemReported } from '../notices/templates.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import { receives } from '../roster/state.ts';
import type { Seams } from '../seams.ts';
import * as acknowledgements from '../store/acknowledgements.ts';
import * as cases from '../store/cases.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as members from '../store/members.ts';
import type { Acknowledged, Case, Delivery } from '../store/schema.ts';
import { toldInstant } from './clocks.ts';
import { alert } from './people.ts';

/** A contact, and whose he is. */
interface Distributor {
  contact: { id: string; address: string };
  member: { id: string; organisation: string };
}

/** Of how many dispatches it is noted, and how many are still to reach him, or did after he had signed. */
export interface Noted {
  noted: number;
  missing: number;
}

/**
 * What a member says of what he had of a case when he signed that: that he has it, and perhaps what it is to him. Who says nothing is
 * unacknowledged, which is not the same as not affected; so is who has only what came before. A problem is told to the team, whatever he
 * has. Throws `not-found` for who was sent nothing, and may not know of it, and where he has said something of the dispatch `unless`.
 */
export async function acknowledge(
  seams: Seams,
  { contact, member }: Distributor,
  caseId: string,
  { status, signedAt, unless = null }: { status: Acknowledged; signedAt: Instant; unless?: string | null },
): Promise<Noted> {
  const { db, clock } = seams;
  const knows = await mayKnow(db, caseId, member.id);
  const dispatches = !knows ? [] : await deliveries.dispatchesOf(db, caseId, contact.id);
  if (dispatches.length === 0) throw new Refusal('not-found', `You were sent no patches of ${caseId}`);
  const had = dispatches.filter((copy) => hadBy(copy, signedAt)).map(({ postId }) => postId);
  const missing = dispatches.filter((copy) => copy.state !== 'failed' && !hadBy(copy, signedAt)).length;
  const words = { caseId, organisation: member.organisation, address: contact.address };
  const told = status === 'problem' ? await alert(seams, caseId, problemReported(words)) : null;
  await db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    if (unless !== null && (await acknowledgements.isNoted(trx, unless, contact.id))) throw new Refusal('not-found');
    await acknowledgements.note(trx, had, { contactId: contact.id, status, now: clock.now() });
    if (told) await send(trx, seams, told, eachContact(await handlersAmong(trx, caseId, await team(trx))));
    const detail = { posts: had, status };
    await record(trx, seams, { action: 'case.acknowledge', subject: `case:${caseId}`, detail });
  });
  return { noted: had.length, missing };
}

/** A copy of a dispatch, and whose it is. */
interface Linked extends Distributor {
  copy: Delivery;
  caseId: string;
}

/** What the link in a copy is for; null where it is none, was used, or is for somebody who may have nothing of the case any more. */
export async function linked(db: Db, token: string): Promise<Linked | null> {
  const copy = await copyOfToken(db, 'acknowledgement', token);
  const contact = copy?.contact_id ? await contacts.byId(db, copy.contact_id) : undefined;
  const member = contact && (await members.byId(db, contact.member_id));
  if (copy?.state !== 'delivered' || copy.case_id === null || !contact?.active || !member || !receives(member.state)) return null;
  if (!(await mayKnow(db, copy.case_id, member.id))) return null;
  if (await acknowledgements.isNoted(db, copy.post_id, contact.id)) return null;
  return { copy, caseId: copy.case_id, contact, member };
}

/** The same by the link in the copy, once. False where that is none, or was used. */
export async function acknowledgeLinked(seams: Seams, token: string, status: Acknowledged): Promise<boolean> {
  const found = await linked(seams.db, token);
  if (!found) return false;
  const { copy, caseId, contact } = found;
  const by: Actor = { type: 'person', id: contact.id, name: contact.address, via: `link:${copy.id}` };
  const said = { status, signedAt: copy.settled_at ?? copy.created_at, unless: copy.post_id };
  await acknowledge({ ...seams, by }, found, caseId, said);
  return true;
}

/** A signature has whole seconds, and says the one that it was made in (RFC 9580 §5.2.3.11). */
function hadBy({ state, settledAt }: deliveries.DispatchCopy, signedAt: Instant): boolean {
  return state === 'delivered' && settledAt !== null && settledAt < signedAt + SECOND;
}

/** How long a member has to say that he has it, before he is asked. */
const PATIENCE = DAY;

/** Asks those who have a dispatch since a day and say nothing of it, once for each. Says whether anybody was asked. */
export async function remindSilent(seams: Seams): Promise<boolean> {
  const { db, clock } = seams;
  const silent = await acknowledgements.silentSince(db, clock.now() - PATIENCE);
  const groupOf = ({ caseId, listId }: Silent) => `${caseId} ${listId}`;
  let asked = 0;
  for (const group of new Set(silent.map(groupOf)))
    asked += await remindAll(
      seams,
      silent.filter((copy) => groupOf(copy) === group),
    );
  return asked > 0;
}

type Silent = Awaited<ReturnType<typeof acknowledgements.silentSince>>[number];

/** Of one case, through one list. Gives how many are asked. */
async function remindAll(seams: Seams, copies: readonly Silent[]): Promise<number> {
  const { db, clock } = seams;
  const [first] = copies;
  const about = first && (await cases.byId(db, first.caseId));
  const list = first && (await lists.byId(db, first.listId));
  if (!about || !list) return 0;
  const sentAt = Math.min(...copies.map((copy) => copy.sentAt));
  const words = seams.words.reminder(reminderFacts(about, list.address, { sentAt, now: clock.now() }));
  const post = await writeNotice(seams, list, { kind: 'notice', caseId: about.id }, noticeEntity(words));
  return db.transaction().execute(async (trx) => {
    await cases.lock(trx, about.id);
    const inside = await insidersOf(
      trx,
      about.id,
      copies.map((copy) => ({ ...copy, id: copy.contactId })),
    );
    const asked = [];
    for (const copy of inside) {
      const dueAt = (copy.settledAt ?? copy.sentAt) + PATIENCE;
      const { deliveryId } = copy;
      if (await acknowledgements.remind(trx, { caseId: about.id, deliveryId, dueAt, now: clock.now() })) asked.push(copy);
    }
    const sent = await send(trx, seams, { list, post }, eachContact(asked));
    const detail = { post: post.id, to: asked.map(({ id }) => id) };
    if (sent > 0) await record(trx, seams, { action: 'case.remind', subject: `case:${about.id}`, detail });
    return sent;
  });
}

export function reminderFacts(
  about: Case,
  listAddress: string,
  { sentAt, now }: { sentAt: Instant; now: Instant },
): Parameters<Seams['words']['reminder']>[0] {
  return { caseId: about.id, list: roleAddress(listAddress, 'request'), sentAt, releaseAt: toldInstant(about, now) };
}
