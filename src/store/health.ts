import { type Expression, type ExpressionBuilder, type SqlBool, sql } from 'kysely';
import type { Instant } from '../clock.ts';
import { type Event, noted, UNKNOWN } from '../delivery/health.ts';
import { TAKEN_IN } from '../roster/state.ts';
import type { Db } from './database.ts';
import { portions } from './rows.ts';
import type { ContactHealth, Schema } from './schema.ts';

/** A relay took copies for these addresses; nothing where one is no contact's. It is what `noted` says, in one statement, as each copy costs it. */
export async function delivered(trx: Db, addresses: readonly string[], at: Instant): Promise<void> {
  if (addresses.length === 0) return;
  const now = sql<Instant>`cast(${at} as bigint)`;
  await trx
    .insertInto('contact_health')
    .columns(['contact_id', 'delivered_at', 'stands_at'])
    .expression((eb) =>
      eb
        .selectFrom('contacts')
        .select(['id', now.as('delivered_at'), now.as('stands_at')])
        .where(
          'address',
          'in',
          addresses.map((address) => address.toLowerCase()),
        )
        // Whoever takes several takes them in this order.
        .orderBy('address'),
    )
    .onConflict((oc) =>
      oc.column('contact_id').doUpdateSet((eb) => ({
        delivered_at: eb.ref('excluded.delivered_at'),
        stands_at: eb.fn.coalesce('contact_health.stands_at', 'excluded.stands_at'),
      })),
    )
    .execute();
}

/** What else became of one. One after the other: whoever comes second waits for the caller's transaction. */
export async function note(trx: Db, contactId: string, event: Event): Promise<void> {
  const { contact_id, ...facts } = await trx
    .insertInto('contact_health')
    .values({ contact_id: contactId, ...UNKNOWN })
    .onConflict((oc) => oc.column('contact_id').doUpdateSet({ contact_id: contactId }))
    .returningAll()
    .executeTakeFirstOrThrow();
  await trx.updateTable('contact_health').set(noted(facts, event)).where('contact_id', '=', contact_id).execute();
}

/** Of these contacts, by their ids; whoever had no copy is not in it. */
export async function ofContacts(db: Db, ids: readonly string[]): Promise<Map<string, ContactHealth>> {
  const found = new Map<string, ContactHealth>();
  for (const some of portions(ids))
    for (const row of await db.selectFrom('contact_health').selectAll().where('contact_id', 'in', some).execute())
      found.set(row.contact_id, row);
  return found;
}

/** As the rule has it: a run that may be over. */
export function hasFailures(eb: ExpressionBuilder<Schema, 'contact_health'>): Expression<SqlBool> {
  return eb.or([eb('hard_count', '>', 0), eb('soft_count', '>', 0), eb('delayed_at', 'is not', null)]);
}

/** With who he is. */
export interface FailedContact extends ContactHealth {
  address: string;
  memberId: string;
  organisation: string;
}

/** Of the active contacts of members who are let in, those whose mail failed, in runs that may be over. */
export async function failed(db: Db): Promise<FailedContact[]> {
  return db
    .selectFrom('contact_health')
    .innerJoin('contacts', 'contacts.id', 'contact_health.contact_id')
    .innerJoin('members', 'members.id', 'contacts.member_id')
    .selectAll('contact_health')
    .select(['contacts.address', 'members.id as memberId', 'members.organisation'])
    .where('contacts.active', '=', 1)
    .where('members.state', 'in', TAKEN_IN)
    .where(hasFailures)
    .orderBy('contacts.address')
    .execute();
}

/** False: others were told of this run already. */
export async function warn(trx: Db, contactId: string, now: Instant): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('contact_health')
    .set({ warned_at: now })
    .where('contact_id', '=', contactId)
    .where('warned_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
