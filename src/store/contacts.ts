import { type Expression, type ExpressionBuilder, type SqlBool, sql } from 'kysely';
import type { Instant } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import { OUT, TAKEN_IN } from '../roster/state.ts';
import type { Db } from './database.ts';
import { type PageOf, portions } from './rows.ts';
import type { Contact, ListRole, MemberState, Schema } from './schema.ts';

/** Throws Refusal('conflict') where a contact with this address is there, of whichever member. */
export async function insert(db: Db, contact: Contact): Promise<void> {
  const address = contact.address.toLowerCase();
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('contacts')
    .values({ ...contact, address })
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  if (!numInsertedOrUpdatedRows) throw new Refusal('conflict', `The contact ${address} is there already`);
}

/** Many at once, their addresses in lower case. Throws Refusal('conflict') where a contact with one of them is there. */
export async function insertAll(db: Db, contacts: readonly Contact[]): Promise<void> {
  for (const some of portions(contacts)) {
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('contacts')
      .values(some)
      .onConflict((oc) => oc.doNothing())
      .executeTakeFirst();
    if (numInsertedOrUpdatedRows !== BigInt(some.length)) throw new Refusal('conflict', 'One of the contacts is there already');
  }
}

/** `address` in any case. */
export async function byAddress(db: Db, address: string): Promise<Contact | undefined> {
  return await db.selectFrom('contacts').selectAll().where('address', '=', address.toLowerCase()).executeTakeFirst();
}

export async function byId(db: Db, id: string): Promise<Contact | undefined> {
  return await db.selectFrom('contacts').selectAll().where('id', '=', id).executeTakeFirst();
}

/** That with this id or, in any case, this address. */
export async function byIdOrAddress(db: Db, named: string): Promise<Contact | undefined> {
  return (await byId(db, named)) ?? (await byAddress(db, named));
}

/** By address, active or not. */
export async function all(db: Db): Promise<Contact[]> {
  return await db.selectFrom('contacts').selectAll().orderBy('address').execute();
}

/** An active contact on a list who has not proved his key. */
export type UnprovedContact = Pick<ListContact, 'id' | 'address' | 'memberId' | 'organisation'>;

/** A contact who gets what his list distributes. */
export interface ListContact {
  id: string;
  /** Lower case. */
  address: string;
  name: string | null;
  memberId: string;
  organisation: string;
  /** The current one; null where he has none, and then his copies are held. */
  certificate: { id: string; fingerprint: string; data: Uint8Array } | null;
}

/**
 * The active contacts of the active members of a list who have proved their keys and not unsubscribed from it, by address. Copies for a
 * member who is held for his key are made as well, and wait.
 */
export async function activeOfList(db: Db, listId: string): Promise<ListContact[]> {
  const rows = await db
    .selectFrom('member_lists')
    .innerJoin('members', 'members.id', 'member_lists.member_id')
    .innerJoin('contacts', 'contacts.member_id', 'members.id')
    .leftJoin('certificates', (join) =>
      join.onRef('certificates.contact_id', '=', 'contacts.id').on('certificates.state', '=', 'current'),
    )
    .select(['contacts.id', 'contacts.address', 'contacts.name', 'members.id as memberId', 'members.organisation'])
    .select(['certificates.id as certificateId', 'certificates.fingerprint', 'certificates.data'])
    .where('member_lists.list_id', '=', listId)
    .where('members.state', 'in', ['active', 'key_hold'])
    .where('contacts.active', '=', 1)
    .where('contacts.proved_at', 'is not', null)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('unsubscribed')
            .select('unsubscribed.list_id')
            .whereRef('unsubscribed.contact_id', '=', 'contacts.id')
            .whereRef('unsubscribed.list_id', '=', 'member_lists.list_id'),
        ),
      ),
    )
    .orderBy('contacts.address')
    .execute();
  return rows.map(({ certificateId, fingerprint, data, ...contact }) => ({
    ...contact,
    certificate: certificateId && fingerprint && data ? { id: certificateId, fingerprint, data } : null,
  }));
}

/**
 * Those of these contacts whose members are on that list, or of the response team, and who have not unsubscribed from it; null: those of
 * the team alone. Whatever state the member is in.
 */
export async function reachedBy(db: Db, ids: readonly string[], listId: string | null): Promise<Set<string>> {
  const reached = new Set<string>();
  for (const some of portions(ids)) {
    const rows = await db
      .selectFrom('contacts')
      .innerJoin('member_lists', 'member_lists.member_id', 'contacts.member_id')
      .innerJoin('lists', 'lists.id', 'member_lists.list_id')
      .leftJoin('unsubscribed', (join) =>
        join.onRef('unsubscribed.contact_id', '=', 'contacts.id').onRef('unsubscribed.list_id', '=', 'member_lists.list_id'),
      )
      .select('contacts.id')
      .where('contacts.id', 'in', some)
      .where('unsubscribed.list_id', 'is', null)
      .where((eb) => eb.or([eb('lists.role', '=', 'intake'), ...(listId === null ? [] : [eb('lists.id', '=', listId)])]))
      .execute();
    for (const { id } of rows) reached.add(id);
  }
  return reached;
}

/** Somebody of the roster, as far as it decides whether he gets anything at all. */
export interface ContactStanding {
  id: string;
  memberId: string;
  memberState: MemberState;
  /** Not retired, and has proved his key. */
  active: boolean;
}

export async function standingsOf(db: Db, ids: readonly string[]): Promise<ContactStanding[]> {
  const found: ContactStanding[] = [];
  for (const some of portions(ids)) {
    const rows = await db
      .selectFrom('contacts')
      .innerJoin('members', 'members.id', 'contacts.member_id')
      .select(['contacts.id', 'contacts.active', 'contacts.proved_at', 'members.id as memberId', 'members.state as memberState'])
      .where('contacts.id', 'in', some)
      .execute();
    for (const { active, proved_at, ...person } of rows) found.push({ ...person, active: active === 1 && proved_at !== null });
  }
  return found;
}

/** Those who would be among `activeOfList` if they had proved their keys, by address. */
export async function unprovedOfList(db: Db, listId: string): Promise<UnprovedContact[]> {
  return await db
    .selectFrom('member_lists')
    .innerJoin('members', 'members.id', 'member_lists.member_id')
    .innerJoin('contacts', 'contacts.member_id', 'members.id')
    .select(['contacts.id', 'contacts.address', 'members.id as memberId', 'members.organisation'])
    .where('member_lists.list_id', '=', listId)
    .where('members.state', 'in', ['active', 'key_hold'])
    .where('contacts.active', '=', 1)
    .where('contacts.proved_at', 'is', null)
    .orderBy('contacts.address')
    .execute();
}

/** A member on a list of whom nobody is reached through it: he has no active contact, or all have unsubscribed. */
export interface UnreachedMember {
  memberId: string;
  organisation: string;
  why: 'no-contact' | 'unsubscribed';
}

/** Those of a list who receive what it distributes, but for who has somebody on it who has not proved his key; by organisation. */
export async function unreachedOfList(db: Db, listId: string): Promise<UnreachedMember[]> {
  const rows = await db
    .selectFrom('member_lists')
    .innerJoin('members', 'members.id', 'member_lists.member_id')
    .leftJoin('contacts', (join) => join.onRef('contacts.member_id', '=', 'members.id').on('contacts.active', '=', 1))
    .leftJoin('unsubscribed', (join) =>
      join
        .onRef('unsubscribed.contact_id', '=', 'contacts.id')
        .onRef('unsubscribed.list_id', '=', 'member_lists.list_id')
        .on('contacts.proved_at', 'is not', null),
    )
    .select(['members.id as memberId', 'members.organisation'])
    .select(({ fn }) => [fn.count('contacts.id').as('active'), fn.count('unsubscribed.contact_id').as('unsubscribed')])
    .where('member_lists.list_id', '=', listId)
    .where('members.state', 'in', ['active', 'key_hold'])
    .groupBy(['members.id', 'members.organisation'])
    .orderBy('members.organisation')
    .execute();
  return rows
    .filter(({ active, unsubscribed }) => Number(active) === Number(unsubscribed))
    .map(({ memberId, organisation, active }) => ({
      memberId,
      organisation,
      why: Number(active) === 0 ? 'no-contact' : 'unsubscribed',
    }));
}

/** How many active contacts of each of these members have not proved their keys; who has none is not in it. */
export async function countUnproved(db: Db, memberIds: readonly string[]): Promise<Map<string, number>> {
  if (memberIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('contacts')
    .select(({ fn }) => ['member_id', fn.countAll().as('count')])
    .where('member_id', 'in', memberIds)
    .where('active', '=', 1)
    .where('proved_at', 'is', null)
    .groupBy('member_id')
    .execute();
  return new Map(rows.map(({ member_id, count }) => [member_id, Number(count)]));
}

/**
 * Whether an active contact who has proved his key, of a member that is active or held for its keys, is on a list of that role; on an
 * intake list, he is of the team.
 */
export async function isOn(db: Db, id: string, role: ListRole): Promise<boolean> {
  const row = await db
    .selectFrom('contacts')
    .innerJoin('members', 'members.id', 'contacts.member_id')
    .innerJoin('member_lists', 'member_lists.member_id', 'members.id')
    .innerJoin('lists', 'lists.id', 'member_lists.list_id')
    .select('contacts.id')
    .where('contacts.id', '=', id)
    .where('contacts.active', '=', 1)
    .where('contacts.proved_at', 'is not', null)
    .where('members.state', 'in', ['active', 'key_hold'])
    .where('lists.role', '=', role)
    .executeTakeFirst();
  return row !== undefined;
}

/** Of a member, by address, active or not, after the one with that address; nobody who was let go, whose address says nothing. */
export async function page(db: Db, { limit, after, memberId }: PageOf & { memberId: string }): Promise<Contact[]> {
  let query = db
    .selectFrom('contacts')
    .selectAll()
    .where('member_id', '=', memberId)
    .where(isNamed)
    .orderBy('address')
    .limit(limit);
  if (after !== undefined) query = query.where('address', '>', after);
  return await query.execute();
}

/** All of a member, by address, active or not. */
export async function ofMember(db: Db, memberId: string): Promise<Contact[]> {
  return await db.selectFrom('contacts').selectAll().where('member_id', '=', memberId).orderBy('address').execute();
}

/** Those with these ids, in no order. */
export async function byIds(db: Db, ids: readonly string[]): Promise<Contact[]> {
  if (ids.length === 0) return [];
  return await db.selectFrom('contacts').selectAll().where('id', 'in', ids).execute();
}

/** False where there is no such contact, or nothing was to change. */
export async function setActive(db: Db, id: string, active: boolean): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('contacts')
    .set({ active: active ? 1 : 0 })
    .where('id', '=', id)
    .where('active', '=', active ? 0 : 1)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** From now on copies are made for those of them for whom none were. */
export async function setProved(db: Db, ids: readonly string[], now: Instant): Promise<void> {
  for (const some of portions(ids))
    await db.updateTable('contacts').set({ proved_at: now }).where('id', 'in', some).where('proved_at', 'is', null).execute();
}

/** He is to prove the key of the certificate that he has now. */
export async function forgetProof(db: Db, id: string): Promise<void> {
  await db.updateTable('contacts').set({ proved_at: null }).where('id', '=', id).execute();
}

/** Those with one of these addresses (lower case) who keep nobody from it: of members who are out, and who was retired and has proved nothing. */
export async function releasable(db: Db, addresses: readonly string[]): Promise<Contact[]> {
  const found: Contact[] = [];
  for (const some of portions(addresses))
    found.push(
      ...(await db
        .selectFrom('contacts')
        .innerJoin('members', 'members.id', 'contacts.member_id')
        .selectAll('contacts')
        .where('address', 'in', some)
        .where((eb) =>
          eb.or([eb('members.state', 'in', OUT), eb.and([eb('contacts.active', '=', 0), eb('contacts.proved_at', 'is', null)])]),
        )
        .execute()),
    );
  return found;
}

/** Gives his address free for somebody else, and his keys hold nobody up (`certificates.heldKeys`); what he did stays his. */
export async function release(db: Db, id: string): Promise<void> {
  await db
    .updateTable('contacts')
    .set({ address: releasedAddress(id), active: 0, proved_at: null })
    .where('id', '=', id)
    .execute();
}

/** Whether his address may be anybody's. */
export function isReleased({ id, address }: Pick<Contact, 'id' | 'address'>): boolean {
  return address === releasedAddress(id);
}

function releasedAddress(id: string): string {
  return `${id}@released.invalid`;
}

/** As not `isReleased`. */
function isNamed(eb: ExpressionBuilder<Schema, 'contacts'>): Expression<SqlBool> {
  return eb('contacts.address', '<>', sql<string>`contacts.id || ${releasedAddress('')}`);
}

/**
 * Of copies with their contacts and members: whether what follows one may reach him, now or when he is reinstated. Who was let go since it
 * was made has nothing to come back to, and who began anew nothing of before.
 */
export function isTakenIn(eb: ExpressionBuilder<Schema, 'deliveries' | 'contacts' | 'members'>): Expression<SqlBool> {
  return eb.and([eb('members.state', 'in', TAKEN_IN), isNamed(eb), isOfThisLife(eb)]);
}

/** Of copies with their members: whether it was made since he began, or began anew. What he had before counts no more. */
export function isOfThisLife(eb: ExpressionBuilder<Schema, 'deliveries' | 'members'>): Expression<SqlBool> {
  return eb.or([eb('members.began_at', 'is', null), eb('deliveries.created_at', '>=', eb.ref('members.began_at'))]);
}

/** Of a member, all at once. */
export async function retireAll(db: Db, memberId: string): Promise<void> {
  await db.updateTable('contacts').set({ active: 0 }).where('member_id', '=', memberId).execute();
}

/** False where he was unsubscribed already. */
export async function unsubscribe(db: Db, contactId: string, listId: string, now: Instant): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('unsubscribed')
    .values({ contact_id: contactId, list_id: listId, created_at: now })
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** Ids of the lists that contacts have unsubscribed from, by contact. */
export async function unsubscribedLists(db: Db): Promise<Map<string, string[]>> {
  const lists = new Map<string, string[]>();
  for (const { contact_id, list_id } of await db.selectFrom('unsubscribed').select(['contact_id', 'list_id']).execute())
    lists.set(contact_id, [...(lists.get(contact_id) ?? []), list_id]);
  return lists;
}

/** False where he was not unsubscribed. */
export async function resubscribe(db: Db, contactId: string, listId: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('unsubscribed')
    .where('contact_id', '=', contactId)
    .where('list_id', '=', listId)
    .executeTakeFirst();
  return numDeletedRows === 1n;
}

/** Of all contacts of a member, from every list. */
export async function resubscribeAll(db: Db, memberId: string): Promise<void> {
  await db
    .deleteFrom('unsubscribed')
    .where('contact_id', 'in', (eb) => eb.selectFrom('contacts').select('id').where('member_id', '=', memberId))
    .execute();
}

/** The addresses of the lists that these contacts have unsubscribed from, sorted, by contact; who has from none is left out. */
export async function unsubscribedFrom(db: Db, ids: readonly string[]): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  if (ids.length === 0) return found;
  const rows = await db
    .selectFrom('unsubscribed')
    .innerJoin('lists', 'lists.id', 'unsubscribed.list_id')
    .select(['unsubscribed.contact_id as contactId', 'lists.address'])
    .where('unsubscribed.contact_id', 'in', ids)
    .orderBy('lists.address')
    .execute();
  for (const { contactId, address } of rows) found.set(contactId, [...(found.get(contactId) ?? []), address]);
  return found;
}
