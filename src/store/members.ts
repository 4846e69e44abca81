import { sql } from 'kysely';
import type { Instant } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import * as certificates from './certificates.ts';
import * as contacts from './contacts.ts';
import type { Db } from './database.ts';
import * as groups from './groups.ts';
import { type PageOf, portions } from './rows.ts';
import type { Certificate, Contact, Member, MemberState, NewMember } from './schema.ts';

export interface ContactWithCertificate extends Contact {
  /** The current one. */
  certificate: Certificate | null;
}

/** A member, and what he belongs to. */
export interface PlacedMember extends Member {
  /** Ids. */
  lists: string[];
  /** Names. */
  groups: string[];
}

export interface MemberWithContacts extends PlacedMember {
  /** By address, active or not. */
  contacts: ContactWithCertificate[];
}

/** Throws Refusal('conflict') where a member of this organisation is there. */
export async function insert(db: Db, member: NewMember): Promise<void> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('members')
    .values(member)
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  if (!numInsertedOrUpdatedRows) throw new Refusal('conflict', `The member "${member.organisation}" is there already`);
}

/** Many at once. Throws Refusal('conflict') where a member of one of these organisations is there. */
export async function insertAll(db: Db, members: readonly NewMember[]): Promise<void> {
  for (const some of portions(members)) {
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('members')
      .values(some)
      .onConflict((oc) => oc.doNothing())
      .executeTakeFirst();
    if (numInsertedOrUpdatedRows !== BigInt(some.length)) throw new Refusal('conflict', 'One of the members is there already');
  }
}

/** The organisation's name as it is written, to the letter. */
export async function byOrganisation(db: Db, organisation: string): Promise<Member | undefined> {
  return await db.selectFrom('members').selectAll().where('organisation', '=', organisation).executeTakeFirst();
}

export async function byId(db: Db, id: string): Promise<Member | undefined> {
  return await db.selectFrom('members').selectAll().where('id', '=', id).executeTakeFirst();
}

/** A member with what he belongs to now. */
export async function placed(db: Db, member: Member): Promise<PlacedMember> {
  return { ...member, lists: await listsOf(db, member.id), groups: await groups.ofMember(db, member.id) };
}

/** Who is called what. */
export type Named = Pick<Member, 'id' | 'organisation' | 'state'>;

/** All, in every state. */
export async function named(db: Db): Promise<Named[]> {
  return await db.selectFrom('members').select(['id', 'organisation', 'state']).execute();
}

/** Every member in every state, by organisation, in five queries however many there are. */
export async function all(db: Db): Promise<MemberWithContacts[]> {
  const members = await db.selectFrom('members').selectAll().orderBy('organisation').execute();
  const memberships = await db.selectFrom('member_lists').selectAll().orderBy('list_id').execute();
  const inGroups = await groups.byMember(db);
  const people = await contacts.all(db);
  const current = new Map((await certificates.allCurrent(db)).map((certificate) => [certificate.contact_id, certificate]));

  const placed = (member: Member) => ({ ...member, contacts: [], lists: [], groups: inGroups.get(member.id) ?? [] });
  const found = new Map<string, MemberWithContacts>(members.map((member) => [member.id, placed(member)]));
  for (const { member_id, list_id } of memberships) found.get(member_id)?.lists.push(list_id);
  for (const contact of people)
    found.get(contact.member_id)?.contacts.push({ ...contact, certificate: current.get(contact.id) ?? null });
  return [...found.values()];
}

/** One of them, as `all` gives him. */
export async function withContacts(db: Db, id: string): Promise<MemberWithContacts | undefined> {
  const member = await byId(db, id);
  if (!member) return undefined;
  const found: ContactWithCertificate[] = [];
  for (const contact of await contacts.ofMember(db, id))
    found.push({ ...contact, certificate: (await certificates.current(db, contact.id)) ?? null });
  return { ...(await placed(db, member)), contacts: found };
}

export interface MemberFilter {
  state?: MemberState;
  /** The id of a list. */
  listId?: string;
  /** The name of a group. */
  group?: string;
  /** What the organisation's name begins with, to the letter. */
  organisation?: string;
}

/** By organisation, after the one of that name. */
export async function page(
  db: Db,
  { limit, after, state, listId, group, organisation }: PageOf & MemberFilter,
): Promise<PlacedMember[]> {
  let query = db.selectFrom('members').selectAll().orderBy('organisation').limit(limit);
  if (after !== undefined) query = query.where('organisation', '>', after);
  if (state !== undefined) query = query.where('state', '=', state);
  if (listId !== undefined)
    query = query.where(({ exists, selectFrom }) =>
      exists(
        selectFrom('member_lists')
          .select('member_lists.list_id')
          .whereRef('member_lists.member_id', '=', 'members.id')
          .where('member_lists.list_id', '=', listId),
      ),
    );
  if (group !== undefined)
    query = query.where('id', 'in', (eb) => eb.selectFrom('member_groups').select('member_id').where('name', '=', group));
  if (organisation !== undefined)
    query = query.where(sql<boolean>`substr(organisation, 1, length(${organisation})) = ${organisation}`);
  const found = await query.execute();
  const ids = found.map(({ id }) => id);
  const [lists, inGroups] = [await listsOfAll(db, ids), await groups.byMember(db, ids)];
  return found.map((member) => ({ ...member, lists: lists.get(member.id) ?? [], groups: inGroups.get(member.id) ?? [] }));
}

async function listsOfAll(db: Db, memberIds: readonly string[]): Promise<Map<string, string[]>> {
  const lists = new Map<string, string[]>(memberIds.map((id) => [id, []]));
  if (memberIds.length === 0) return lists;
  const rows = await db.selectFrom('member_lists').selectAll().where('member_id', 'in', memberIds).orderBy('list_id').execute();
  for (const { member_id, list_id } of rows) lists.get(member_id)?.push(list_id);
  return lists;
}

/** Ids of the lists that a member belongs to. */
export async function listsOf(db: Db, memberId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('member_lists')
    .select('list_id')
    .where('member_id', '=', memberId)
    .orderBy('list_id')
    .execute();
  return rows.map((row) => row.list_id);
}

/** Puts a member on a list; does nothing where he is on it. */
export async function addToList(db: Db, memberId: string, listId: string): Promise<void> {
  await addToLists(db, [{ member_id: memberId, list_id: listId }]);
}

/** Takes a member off a list; does nothing where he is not on it. */
export async function removeFromList(db: Db, memberId: string, listId: string): Promise<void> {
  await db.deleteFrom('member_lists').where('member_id', '=', memberId).where('list_id', '=', listId).execute();
}

/** Puts members on lists; does nothing where they are on them. */
export async function addToLists(db: Db, rows: readonly { member_id: string; list_id: string }[]): Promise<void> {
  for (const some of portions(rows))
    await db
      .insertInto('member_lists')
      .values(some)
      .onConflict((oc) => oc.doNothing())
      .execute();
}

/** False where the member was not in state `from`: somebody else was there first. */
export async function setState(
  db: Db,
  id: string,
  change: { from: MemberState; to: MemberState; reason: string | null; now: Instant },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('members')
    .set({ state: change.to, reason: change.reason, updated_at: change.now })
    .where('id', '=', id)
    .where('state', '=', change.from)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Keeps whoever else would change the member waiting until the caller's transaction is over. */
export async function lock(db: Db, id: string): Promise<void> {
  await lockAll(db, [id]);
}

/** The same of many. */
export async function lockAll(db: Db, ids: readonly string[]): Promise<void> {
  for (const some of portions(ids))
    await db
      .updateTable('members')
      .set((eb) => ({ id: eb.ref('id') }))
      .where('id', 'in', some)
      .execute();
}

/** What is not his state: that is changed by `setState` alone. */
export type MemberFacts = Partial<
  Pick<
    Member,
    | 'organisation'
    | 'product'
    | 'round'
    | 'began_at'
    | 'updated_at'
    | 'terms'
    | 'terms_at'
    | 'review_at'
    | 'review_told_at'
    | 'removed_at'
  >
>;

export async function change(db: Db, id: string, to: MemberFacts): Promise<void> {
  if (Object.keys(to).length > 0) await db.updateTable('members').set(to).where('id', '=', id).execute();
}

/** Active ones whose review is due and of whom the team was not told. */
export async function dueForReview(db: Db, now: Instant): Promise<Member[]> {
  return await db
    .selectFrom('members')
    .selectAll()
    .where('state', '=', 'active')
    .where('review_at', '<=', now)
    .where('review_told_at', 'is', null)
    .orderBy('organisation')
    .execute();
}

/** False where he is not due as he was when he was read: he was reviewed since, is not active any more, or the team is told already. */
export async function setReviewTold(db: Db, { id, review_at }: Pick<Member, 'id' | 'review_at'>, now: Instant): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('members')
    .set({ review_told_at: now })
    .where('id', '=', id)
    .where('state', '=', 'active')
    .where('review_at', '=', review_at)
    .where('review_told_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
