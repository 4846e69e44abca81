import { kinds } from '../post/kinds.ts';
import { receives } from '../roster/state.ts';
import type { Seams } from '../seams.ts';
import * as caseTeams from '../store/case-teams.ts';
import * as cases from '../store/cases.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as members from '../store/members.ts';
import * as missed from '../store/missed.ts';
import * as needToKnow from '../store/need-to-know.ts';
import * as posts from '../store/posts.ts';
import type { Post } from '../store/schema.ts';

/*
 * A case may be for some members alone. Whoever makes copies of something of a case asks here, in the transaction that writes them;
 * whoever sends one asks again, as it may have waited for long. Who is outside learns no more than of a case that does not exist.
 * Who is on the list is asked again in the same way.
 */

/** Why a copy is held whose contact is retired or has not proved his key, or whose member gets nothing. */
export const INACTIVE = 'not-active';
/** Why a copy is held whose contact may not know of its case any more. */
export const OUTSIDE = 'need-to-know';
/** Why a copy is held whose contact is on its list no more, or has unsubscribed from it. */
export const OFF_LIST = 'not-on-list';

/** Whether a member may know of a case, whatever state he is in: nobody is kept out, or he is one of those, or of the response team. */
export async function mayKnow(db: Db, caseId: string, memberId: string): Promise<boolean> {
  const insiders = await needToKnow.insiders(db, caseId);
  return insiders === null || insiders.has(memberId);
}

/** Those of them who may know of a case; all where it is null, as for what is of no case. */
export async function insidersOf<Person extends { memberId: string }>(
  db: Db,
  caseId: string | null,
  people: readonly Person[],
): Promise<Person[]> {
  const insiders = caseId === null ? null : await needToKnow.insiders(db, caseId);
  return people.filter(({ memberId }) => insiders === null || insiders.has(memberId));
}

/**
 * Those of them who may have a post of a case: who may know of it, and where it is staffed, who works on it, of the response team. Who is
 * on the private list that it went to has it as any member does; an alarm is for whom it was made.
 */
export async function mayHave<Person extends { id: string; memberId: string }>(
  db: Db,
  post: Pick<Post, 'kind' | 'list_id' | 'case_id'>,
  people: readonly Person[],
): Promise<Person[]> {
  const inside = await insidersOf(db, post.case_id, people);
  const handlers = await handlersOf(db, post);
  if (handlers === null) return inside;
  const list = await lists.byId(db, post.list_id);
  const may = async ({ id, memberId }: Person) =>
    handlers.has(id) ||
    !(await contacts.isOn(db, id, 'intake')) ||
    (list?.role === 'private' && (await members.listsOf(db, memberId)).includes(list.id));
  const found: Person[] = [];
  for (const person of inside) if (await may(person)) found.push(person);
  return found;
}

/** Who of the team alone has what people wrote in a case, or its archive; null for all of it, also where nobody of them is there any more. */
async function handlersOf(db: Db, { kind, case_id }: Pick<Post, 'kind' | 'case_id'>): Promise<ReadonlySet<string> | null> {
  const about = case_id !== null && (kinds[kind].fromMail || kind === 'answer') ? await cases.byId(db, case_id) : undefined;
  const handlers = about ? await caseTeams.handlers(db, about) : null;
  for (const person of handlers ?? []) if (await contacts.isOn(db, person, 'intake')) return handlers;
  return null;
}

/** Those of them who still get what is distributed through the list of a post; all where it is for each of them and for no list. */
async function onListOf<Person extends { id: string }>(
  db: Db,
  { kind, list_id: listId }: Pick<Post, 'kind' | 'list_id'>,
  people: readonly Person[],
): Promise<Person[]> {
  if (!kinds[kind].toList || people.length === 0) return [...people];
  const ids = people.map(({ id }) => id);
  // The team has what goes through any list; what is for the people behind one, they alone.
  const reached = await contacts.reachedBy(db, ids, kind === 'owner' ? null : listId);
  return people.filter(({ id }) => reached.has(id));
}

/** Why a contact gets nothing of a post now, whatever his certificate is. */
export type Kept = typeof INACTIVE | typeof OUTSIDE | typeof OFF_LIST;

/** Those of them who get nothing of it, and why. */
export async function keptFromAll(
  db: Db,
  post: Pick<Post, 'kind' | 'list_id' | 'case_id'>,
  contactIds: readonly string[],
): Promise<Map<string, Kept>> {
  const people = await contacts.standingsOf(db, contactIds);
  const active = people.filter((person) => person.active && receives(person.memberState));
  const inside = await mayHave(db, post, active);
  const idsOf = (some: readonly { id: string }[]) => new Set(some.map(({ id }) => id));
  const [isActive, isInside, onList] = [idsOf(active), idsOf(inside), idsOf(await onListOf(db, post, inside))];
  const why = (id: string) => (!isActive.has(id) ? INACTIVE : !isInside.has(id) ? OUTSIDE : OFF_LIST);
  return new Map(contactIds.filter((id) => !onList.has(id)).map((id) => [id, why(id)]));
}

/** Null where he gets it. */
export async function keptFrom(
  db: Db,
  post: Pick<Post, 'kind' | 'list_id' | 'case_id'>,
  contactId: string,
): Promise<Kept | null> {
  return (await keptFromAll(db, post, [contactId])).get(contactId) ?? null;
}

/** Whoever has a dispatch of a case and may not know of it now misses what is told of it: he is told when he may (embargo/let-in.ts). */
export async function noteOutside(trx: Db, caseId: string): Promise<void> {
  await insidersNoting(trx, caseId, await deliveries.dispatchedToWhoIsThere(trx, caseId));
}

/** As `insidersOf`, of those who had a dispatch; of the others it is noted that they miss what is told now. */
export async function insidersNoting(
  trx: Db,
  caseId: string,
  had: readonly deliveries.DispatchedTo[],
): Promise<deliveries.DispatchedTo[]> {
  const inside = await insidersOf(trx, caseId, had);
  const outside = had.filter((row) => !inside.includes(row));
  await missed.note(
    trx,
    caseId,
    outside.map(({ id }) => id),
  );
  return inside;
}

/** Why a copy is held that goes out when nothing keeps its contact from it any more, whichever of them it was. */
const KEPT_FROM = [INACTIVE, OUTSIDE, OFF_LIST] as const;

/** Whether a copy that is held for that goes out without anybody's doing. */
export function isKeptFrom(reason: string): boolean {
  return (KEPT_FROM as readonly string[]).includes(reason);
}

/**
 * Queues the copies whose contacts were kept from them, and are not any more. Whatever may change that asks here, as one thing may have
 * ended before another. A dispatch that a later one has taken the place of is not sent so late: its copy ends, and the team is told.
 * Gives how many there are of either, for the log.
 */
export async function letInsidersHave(
  trx: Db,
  clock: Seams['clock'],
  of: { caseId: string } | { memberId: string } | { contactId: string },
): Promise<{ released: number; superseded: number }> {
  const count = { released: 0, superseded: 0 };
  for (const { copies, ...post } of byPost(await deliveries.heldFor(trx, KEPT_FROM, of))) {
    const superseded = post.kind === 'dispatch' && (await posts.isSuperseded(trx, post));
    for (const { copyId, id } of copies) {
      if ((await keptFrom(trx, post, id)) !== null) continue;
      if (superseded) count.superseded += await deliveries.supersede(trx, copyId, clock.now());
      else if (await deliveries.retry(trx, copyId, clock.now())) count.released++;
    }
  }
  return count;
}

/** The cases of which somebody is kept from a copy. */
export async function casesKept(db: Db): Promise<string[]> {
  return deliveries.casesHeld(db, KEPT_FROM);
}

type OfPost = Pick<Post, 'id' | 'kind' | 'list_id' | 'case_id' | 'bundle_hash'>;

function byPost(held: readonly deliveries.HeldCopy[]): (OfPost & { copies: deliveries.HeldCopy[] })[] {
  const found = new Map<string, OfPost & { copies: deliveries.HeldCopy[] }>();
  for (const copy of held) {
    const known = found.get(copy.post.id);
    if (known) known.copies.push(copy);
    else found.set(copy.post.id, { ...copy.post, copies: [copy] });
  }
  return [...found.values()];
}
