import type { Instant } from '../clock.ts';
import type { Db } from './database.ts';

/* Whatever is of a case tells of it, also a notice of a kind that is yet to come. */

export interface ExposedCase {
  caseId: string;
  state: string;
  releaseAt: Instant | null;
  contactId: string;
  /** That his copy went to: his own may be somebody else's by now. */
  address: string;
  /** Of his copy. */
  delivery: string;
  settledAt: Instant | null;
}

/** Which cases that are not public yet the contacts of a member were sent something of: a row for each copy, whatever became of it. */
export async function ofMember(db: Db, memberId: string): Promise<ExposedCase[]> {
  return db
    .selectFrom('all_deliveries as deliveries')
    .innerJoin('contacts', 'contacts.id', 'deliveries.contact_id')
    .innerJoin('cases', 'cases.id', 'deliveries.case_id')
    .select(['cases.id as caseId', 'cases.state', 'cases.release_at as releaseAt'])
    .select([
      'contacts.id as contactId',
      'deliveries.address',
      'deliveries.state as delivery',
      'deliveries.settled_at as settledAt',
    ])
    .where('contacts.member_id', '=', memberId)
    .where('cases.state', '<>', 'released')
    .orderBy('cases.id')
    .orderBy('deliveries.address')
    .execute();
}

/** A contact who has something of a case. */
export interface ExposedContact {
  memberId: string;
  organisation: string;
  contactId: string;
  address: string;
  /** How many mails. */
  copies: number;
  /** When the last one of them was handed over; null where the only one is on its way just now. */
  lastAt: Instant | null;
}

/**
 * The contacts to whom copies of a case were handed over, or are at this moment; one that came back from a mail server further on
 * was. By organisation and address.
 */
export async function ofCase(db: Db, caseId: string): Promise<ExposedContact[]> {
  const rows = await db
    .selectFrom('all_deliveries as deliveries')
    .innerJoin('contacts', 'contacts.id', 'deliveries.contact_id')
    .innerJoin('members', 'members.id', 'contacts.member_id')
    .select(['members.id as memberId', 'members.organisation', 'contacts.id as contactId', 'deliveries.address'])
    .select((eb) => [eb.fn.countAll().as('copies'), eb.fn.max('deliveries.settled_at').as('lastAt')])
    .where('deliveries.case_id', '=', caseId)
    .where((eb) => eb.or([eb('deliveries.state', 'in', ['delivered', 'leased']), eb('deliveries.bounced_at', 'is not', null)]))
    .groupBy(['members.id', 'members.organisation', 'contacts.id', 'deliveries.address'])
    .orderBy('members.organisation')
    .orderBy('deliveries.address')
    .execute();
  return rows.map((row) => ({ ...row, copies: Number(row.copies), lastAt: row.lastAt === null ? null : Number(row.lastAt) }));
}
