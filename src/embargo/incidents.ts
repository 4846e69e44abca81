import { actorKey, type Deed } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { everybodyFor, handlersOf } from '../cases/remind.ts';
import { knowsCase } from '../cases/step.ts';
import { HOUR, newId } from '../clock.ts';
import { eachContact, team } from '../delivery/copies.ts';
import { send } from '../delivery/send.ts';
import { incident } from '../notices/templates.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import type { Local, Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { ListContact } from '../store/contacts.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import { originalOf } from '../store/embargoed.ts';
import * as incidents from '../store/incidents.ts';
import * as lists from '../store/lists.ts';
import type { Case, Incident, IncidentKind, NewIncident } from '../store/schema.ts';
import type { Hit } from './recognise.ts';

/** A mail in which something was recognised. */
export interface Leak {
  listId: string;
  /** The list does not take it. */
  refused: boolean;
  encrypted: boolean;
  /** SHA-256 of the mail as it came, hex. */
  digest: string;
  /** Of the envelope and the From, as they were said. */
  sender: string | null;
  from: string | null;
  /** The contact whose valid signature is over all of it. */
  signerId: string | null;
  hits: readonly Hit[];
}

/** Incidents of a kind that are told by mail in an hour, of one case; what is more is counted with the last one. */
const MOST = 10;

/** What says most of a mail comes first: it weighs 0. */
const BY_WEIGHT: readonly IncidentKind[] = ['patch', 'text', 'file', 'id'];

/**
 * Notes a leak: an incident of each case that was recognised, or one mail more of that of the same sender within the hour, where that told as much. What was known
 * from a duplicate is one of the case that it is a duplicate of. Gives the kinds of those that are new; they wait to be told (`tellIncidents`).
 */
export async function noteLeak(local: Local, leak: Leak): Promise<IncidentKind[]> {
  return local.db.transaction().execute((trx) => noteLeakIn(trx, local, leak));
}

/** The same in a transaction that does more. */
export async function noteLeakIn(trx: Db, local: Local, leak: Leak): Promise<IncidentKind[]> {
  // Two mails at once are counted one after the other.
  await lists.lock(trx, leak.listId);
  const hits: Hit[] = [];
  for (const hit of leak.hits) hits.push({ ...hit, caseId: await originalOf(trx, hit.caseId) });
  const opened: NewIncident[] = [];
  for (const caseId of new Set(hits.map((hit) => hit.caseId))) {
    const one = await noteOf(trx, local, { ...leak, hits }, caseId);
    if (one) opened.push(one);
  }
  await record(trx, local, ...opened.map((one) => openedBy(leak, one)));
  return opened.map(({ kind }) => kind);
}

function weightOf({ kind }: { kind: IncidentKind }): number {
  return BY_WEIGHT.indexOf(kind);
}

async function noteOf(trx: Db, local: Local, leak: Leak, caseId: string): Promise<NewIncident | null> {
  const now = local.clock.now();
  const [hit] = leak.hits.filter((one) => one.caseId === caseId).sort((a, b) => weightOf(a) - weightOf(b));
  if (!hit) return null;
  // What went out is never counted with what did not, nor what weighs more with what weighs less, nor anything with what somebody has closed.
  const refused = leak.refused ? 1 : 0;
  const recent = (await incidents.recent(trx, caseId, now - HOUR)).filter(
    (one) => one.refused === refused && one.closed_at === null && weightOf(one) <= weightOf(hit),
  );
  const same = recent.find((one) => one.sender === leak.sender && one.list_id === leak.listId);
  const alike = recent.filter(({ kind }) => kind === hit.kind);
  const earlier = same ?? (alike.length >= MOST ? alike[0] : undefined);
  if (earlier) {
    await incidents.count(trx, earlier.id, now);
    return null;
  }
  const row: NewIncident = {
    id: newId(local.clock),
    at: now,
    last_at: now,
    mails: 1,
    case_id: caseId,
    kind: hit.kind,
    place: hit.place,
    percent: Math.round(100 * hit.score),
    list_id: leak.listId,
    refused: leak.refused ? 1 : 0,
    encrypted: leak.encrypted ? 1 : 0,
    sender: leak.sender,
    from_address: leak.from,
    signer_contact_id: leak.signerId,
  };
  await incidents.insert(trx, row);
  return row;
}

function openedBy({ listId, refused, digest, signerId }: Leak, { id, case_id, kind, place }: NewIncident): Deed {
  const detail = { case: case_id, list: listId, kind, place, refused, digest, signer: signerId };
  return { action: 'incident.open', subject: `incident:${id}`, detail };
}

/** Incidents that are told at a time. */
const AT_ONCE = 20;

/** Tells those who lead the case, or else the people who work on it, of what nobody knows yet. Gives whether there was anything. */
export async function tellIncidents(seams: Seams): Promise<boolean> {
  const untold = await incidents.untold(seams.db, AT_ONCE);
  let told = false;
  for (const one of untold) told = (await tell(seams, one)) || told;
  return told;
}

async function tell(seams: Seams, one: Incident): Promise<boolean> {
  const { db, clock } = seams;
  const about = await cases.byId(db, one.case_id);
  const list = about && (await lists.byId(db, about.list_id));
  const to = await lists.byId(db, one.list_id);
  if (!about || !list || !to) throw new Error(`the case or a list of incident ${one.id} is gone`);
  const signer = one.signer_contact_id === null ? undefined : await contacts.byId(db, one.signer_contact_id);
  const words = incident({
    id: one.id,
    caseId: about.id,
    at: one.at,
    list: to.address,
    refused: one.refused === 1,
    encrypted: one.encrypted === 1,
    sender: one.sender,
    from: one.from_address,
    signer: signer?.address ?? null,
    kind: one.kind,
    place: one.place,
    percent: one.percent,
    mails: one.mails,
  });
  const post = await writeNotice(seams, list, { kind: 'alert', caseId: about.id }, noticeEntity(words));
  return db.transaction().execute(async (trx) => {
    const people = await concerned(trx, seams, about, one.signer_contact_id);
    // With nobody to tell it waits until somebody is there.
    if (people.length === 0 || !(await incidents.markTold(trx, one.id, clock.now()))) return false;
    await send(trx, seams, { list, post }, eachContact(people));
    await record(trx, seams, { action: 'incident.tell', subject: `incident:${one.id}`, detail: { post: post.id } });
    return true;
  });
}

/** Lead and deputy; where nobody leads it, or one of them signed the mail, all who handle it, and in the second case the admins too. */
async function concerned(trx: Db, seams: Seams, about: Case, signerId: string | null): Promise<ListContact[]> {
  const leading = (await team(trx)).filter(({ id }) => id === about.lead_id || id === about.deputy_id);
  if (leading.some(({ id }) => id === signerId)) return everybodyFor(trx, seams, about);
  return leading.length > 0 ? leading : handlersOf(trx, about);
}

/** An incident as far as somebody may know of its case. Throws `not-found`. */
export async function incidentKnownTo(db: Db, local: Pick<Local, 'by' | 'role'>, id: string): Promise<Incident> {
  const found = await incidents.byId(db, id);
  if (!found || !(await knowsCase(db, local, found.case_id))) throw new Refusal('not-found', `There is no incident ${id}`);
  return found;
}

/** Somebody has dealt with it. `reason`: recorded in the audit log. Throws `not-found`; `conflict` where it is closed already. */
export async function closeIncident(local: Local, id: string, reason: string): Promise<Incident> {
  const { db, clock, by } = local;
  return db.transaction().execute(async (trx) => {
    const found = await incidentKnownTo(trx, local, id);
    if (!(await incidents.close(trx, id, actorKey(by), clock.now())))
      throw new Refusal('conflict', 'The incident is closed already');
    await record(trx, local, { action: 'incident.close', subject: `incident:${id}`, detail: { case: found.case_id, reason } });
    return { ...found, closed_by: actorKey(by), closed_at: clock.now() };
  });
}
