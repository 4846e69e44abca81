import type { Db } from './database.ts';
import type { Case } from './schema.ts';

/** Ids of the contacts who alone work on the case, besides those who lead it; none for the whole response team. */
export async function ofCase(db: Db, caseId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('case_team')
    .select('contact_id')
    .where('case_id', '=', caseId)
    .orderBy('contact_id')
    .execute();
  return rows.map(({ contact_id }) => contact_id);
}

/** Takes the place of what was there. */
export async function replace(db: Db, caseId: string, contactIds: readonly string[]): Promise<void> {
  await db.deleteFrom('case_team').where('case_id', '=', caseId).execute();
  if (contactIds.length > 0)
    await db
      .insertInto('case_team')
      .values(contactIds.map((contact_id) => ({ case_id: caseId, contact_id })))
      .execute();
}

type Led = Pick<Case, 'id' | 'lead_id' | 'deputy_id' | 'handover_id'>;

/** Who of the response team alone may handle the case; null for all of it. */
export async function handlers(db: Db, { id, lead_id, deputy_id, handover_id }: Led): Promise<ReadonlySet<string> | null> {
  const staff = await ofCase(db, id);
  if (staff.length === 0) return null;
  return new Set([...staff, lead_id, deputy_id, handover_id].filter((person) => person !== null));
}

/** Whether somebody may. Who is nobody's token may where everybody may. */
export async function handles(db: Db, about: Led, personId: string | null): Promise<boolean> {
  const some = await handlers(db, about);
  return some === null || (personId !== null && some.has(personId));
}
