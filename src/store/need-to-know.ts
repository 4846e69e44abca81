import type { Db } from './database.ts';

/** Who alone may know of a case, besides the response team. */
export interface NeedToKnow {
  /** Names, in their order. */
  groups: string[];
  /** By organisation. */
  members: { id: string; organisation: string }[];
}

/** Null: everybody on the lists that it is sent to. */
export async function ofCase(db: Db, caseId: string): Promise<NeedToKnow | null> {
  const groups = await db
    .selectFrom('need_to_know_groups')
    .select('name')
    .where('case_id', '=', caseId)
    .orderBy('name')
    .execute();
  const members = await db
    .selectFrom('need_to_know_members')
    .innerJoin('members', 'members.id', 'need_to_know_members.member_id')
    .select(['members.id', 'members.organisation'])
    .where('need_to_know_members.case_id', '=', caseId)
    .orderBy('members.organisation')
    .execute();
  return groups.length + members.length === 0 ? null : { groups: groups.map(({ name }) => name), members };
}

/** Takes the place of what was there. With neither groups nor members, the case is for everybody. */
export async function replace(
  db: Db,
  caseId: string,
  { groups, members }: { groups: readonly string[]; members: readonly { id: string; round: number }[] },
): Promise<void> {
  await db.deleteFrom('need_to_know_groups').where('case_id', '=', caseId).execute();
  await db.deleteFrom('need_to_know_members').where('case_id', '=', caseId).execute();
  if (groups.length > 0)
    await db
      .insertInto('need_to_know_groups')
      .values(groups.map((name) => ({ case_id: caseId, name })))
      .execute();
  if (members.length > 0)
    await db
      .insertInto('need_to_know_members')
      .values(members.map(({ id, round }) => ({ case_id: caseId, member_id: id, round })))
      .execute();
}

/**
 * Ids of the members who may know of a case, in whatever state they are; whoever is on an intake list, as the response team, is one.
 * Null: nobody is kept out.
 */
export async function insiders(db: Db, caseId: string): Promise<ReadonlySet<string> | null> {
  if ((await ofCase(db, caseId)) === null) return null;
  const rows = await db
    .selectFrom('members')
    .select('id')
    .where((eb) =>
      eb.or([
        eb(
          'id',
          'in',
          eb
            .selectFrom('member_groups')
            .innerJoin('need_to_know_groups', 'need_to_know_groups.name', 'member_groups.name')
            .select('member_groups.member_id')
            .where('need_to_know_groups.case_id', '=', caseId),
        ),
        eb.exists(
          eb
            .selectFrom('need_to_know_members')
            .select('need_to_know_members.member_id')
            .where('need_to_know_members.case_id', '=', caseId)
            .whereRef('need_to_know_members.member_id', '=', 'members.id')
            .whereRef('need_to_know_members.round', '=', 'members.round'),
        ),
        eb(
          'id',
          'in',
          eb
            .selectFrom('member_lists')
            .innerJoin('lists', 'lists.id', 'member_lists.list_id')
            .select('member_lists.member_id')
            .where('lists.role', '=', 'intake'),
        ),
      ]),
    )
    .execute();
  return new Set(rows.map(({ id }) => id));
}
