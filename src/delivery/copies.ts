import { type Instant, newId, newToken, shuffled } from '../clock.ts';
import { splitAddress } from '../mail/address.ts';
import type { Seams } from '../seams.ts';
import * as caseTeams from '../store/case-teams.ts';
import * as cases from '../store/cases.ts';
import type { ListContact } from '../store/contacts.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import type { Audience, Case, List, NewDelivery, NewPost } from '../store/schema.ts';
import { insidersOf } from './need-to-know.ts';

/** Who a copy goes to. A contact's certificate is looked up when it is sealed; a reporter's is fixed with the copy. */
export type Addressee =
  | { audience: 'contact'; address: string; contactId: string }
  | { audience: 'reporter'; address: string; certificateId: string }
  | { audience: 'stranger' | 'public'; address: string };

/** What goes first when much is due at once: what the public waits for, then the reporter, then the members. */
export const PRIORITY = { public: 0, external: 1, reporter: 2, member: 3, ordinary: 4 } as const;

/** The row of a copy, queued for now. Its Message-ID is its own and stays the same at every attempt. */
export function copyFor(
  clock: Seams['clock'],
  post: { id: string; case_id: string | null; list: Pick<List, 'id' | 'address'> },
  to: Addressee,
  priority: number = PRIORITY.ordinary,
): NewDelivery {
  const now: Instant = clock.now();
  return {
    id: newId(clock),
    post_id: post.id,
    list_id: post.list.id,
    case_id: post.case_id,
    audience: to.audience satisfies Audience,
    address: to.address,
    contact_id: to.audience === 'contact' ? to.contactId : null,
    certificate_id: to.audience === 'reporter' ? to.certificateId : null,
    message_id: `<${newToken()}@${splitAddress(post.list.address).domain}>`,
    state: 'queued',
    attempts: 0,
    priority,
    due_at: now,
    created_at: now,
  };
}

/** A copy for each of them, in an order that is chance and not the roster's. */
export function copiesFor(
  clock: Seams['clock'],
  post: Parameters<typeof copyFor>[1],
  to: readonly Addressee[],
  priority: number = PRIORITY.ordinary,
): NewDelivery[] {
  return shuffled(to).map((addressee) => copyFor(clock, post, addressee, priority));
}

export function eachContact(contacts: readonly Pick<ListContact, 'id' | 'address'>[]): Addressee[] {
  return contacts.map(({ id, address }) => ({ audience: 'contact', address, contactId: id }));
}

/** The response team: the active contacts of every intake list, each once. */
export async function team(db: Db): Promise<ListContact[]> {
  const intake = (await lists.all(db)).filter((list) => list.role === 'intake');
  return union(await Promise.all(intake.map((list) => contacts.activeOfList(db, list.id))));
}

/**
 * Who a post on that list is for. A thread of members reaches those of them who may know of its case, and the team too; what is held
 * goes to those alone who decide on it. Of the team, those who work on its case, where that is staffed. Whoever writes their copies has
 * locked the case: nobody changes meanwhile who may know of it.
 */
export async function readers(db: Db, list: List, post: Pick<NewPost, 'kind' | 'state' | 'case_id'>): Promise<ListContact[]> {
  const caseId = post.case_id ?? null;
  if (post.state === 'held') return handlersAmong(db, caseId, await team(db));
  if (post.kind === 'owner' || list.role !== 'private')
    return handlersAmong(db, caseId, list.role === 'intake' ? await contacts.activeOfList(db, list.id) : await team(db));
  const members = await contacts.activeOfList(db, list.id);
  if (caseId === null) return members;
  return union([await insidersOf(db, caseId, members), await handlersAmong(db, caseId, await team(db))]);
}

/** Those of the team who work on a case; all of them where it has no staff, or nobody of it is there any more: somebody has to read it. */
export async function handlersAmong(db: Db, caseId: string | null, people: ListContact[]): Promise<ListContact[]> {
  const about = caseId === null ? undefined : await cases.byId(db, caseId);
  return about ? workersAmong(db, about, people) : people;
}

/** The same of a case that is in hand. */
export async function workersAmong(db: Db, about: Case, people: ListContact[]): Promise<ListContact[]> {
  const handlers = await caseTeams.handlers(db, about);
  const working = people.filter(({ id }) => handlers?.has(id) ?? true);
  return working.length > 0 ? working : people;
}

function union(groups: readonly ListContact[][]): ListContact[] {
  return [...new Map(groups.flat().map((contact) => [contact.id, contact])).values()];
}
