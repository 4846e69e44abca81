import type { Instant } from '../clock.ts';
import type { Db } from './database.ts';
import type { PostKind } from './schema.ts';

/** What tells of a case; an answer that belongs to one is its archive. */
const TELLS: readonly PostKind[] = ['dispatch', 'post', 'report', 'answer'];

export interface ExposedCase {
  caseId: string;
  state: string;
  releaseAt: Instant | null;
  contactId: string;
  address: string;
  /** Of his copy. */
  delivery: string;
  settledAt: Instant | null;
}

/** Which cases that are not public yet the contacts of a member were sent something of: a row for each copy, whatever became of it. */
export async function ofMember(db: Db, memberId: string): Promise<ExposedCase[]> {
  return db
    .selectFrom('deliveries')
    .innerJoin('contacts', 'contacts.id', 'deliveries.contact_id')
    .innerJoin('cases', 'cases.id', 'deliveries.case_id')
    .innerJoin('posts', 'posts.id', 'deliveries.post_id')
    .select(['cases.id as caseId', 'cases.state', 'cases.release_at as releaseAt'])
    .select([
      'contacts.id as contactId',
      'contacts.address',
      'deliveries.state as delivery',
      'deliveries.settled_at as settledAt',
    ])
    .where('contacts.member_id', '=', memberId)
    .where('cases.state', '<>', 'released')
    .where('posts.kind', 'in', TELLS)
    .orderBy('cases.id')
    .orderBy('contacts.address')
    .execute();
}
