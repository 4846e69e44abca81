import type { Db } from './database.ts';
import { portions } from './rows.ts';

/** The names of the groups that a member is in, in their order. */
export async function ofMember(db: Db, memberId: string): Promise<string[]> {
  const rows = await db.selectFrom('member_groups').select('name').where('member_id', '=', memberId).orderBy('name').execute();
  return rows.map(({ name }) => name);
}

/** The same of these members, or of everybody, by member id; who is in none is not in it. */
export async function byMember(db: Db, memberIds?: readonly string[]): Promise<Map<string, string[]>> {
  const groups = new Map<string, string[]>();
  if (memberIds?.length === 0) return groups;
  let query = db.selectFrom('member_groups').selectAll().orderBy('name');
  if (memberIds !== undefined) query = query.where('member_id', 'in', memberIds);
  for (const { member_id, name } of await query.execute()) groups.set(member_id, [...(groups.get(member_id) ?? []), name]);
  return groups;
}

/** Puts members into groups; does nothing where they are in them. */
export async function add(db: Db, rows: readonly { member_id: string; name: string }[]): Promise<void> {
  for (const some of portions(rows))
    await db
      .insertInto('member_groups')
      .values(some)
      .onConflict((oc) => oc.doNothing())
      .execute();
}

/** Puts a member into these groups, and takes him out of all others. */
export async function replace(db: Db, memberId: string, names: readonly string[]): Promise<void> {
  await db.deleteFrom('member_groups').where('member_id', '=', memberId).execute();
  await add(db, memberships(memberId, names));
}

/** The rows of one member. */
export function memberships(memberId: string, names: readonly string[]): { member_id: string; name: string }[] {
  return names.map((name) => ({ member_id: memberId, name }));
}

/** The groups that have a member for whom copies are made: those that a case can be for. */
export async function reached(db: Db): Promise<string[]> {
  const rows = await db
    .selectFrom('member_groups')
    .innerJoin('members', 'members.id', 'member_groups.member_id')
    .select('member_groups.name')
    .distinct()
    .where('members.state', 'in', ['active', 'key_hold'])
    .orderBy('member_groups.name')
    .execute();
  return rows.map(({ name }) => name);
}
