import type { Db } from '../store/database.ts';
import type { Delivery, PostState } from '../store/schema.ts';
import { team } from './copies.ts';

/**
 * Why a copy may not go to its addressee while its post is in that state; null where it may. What is accepted goes to its readers, what
 * is held to the team alone, what was refused to nobody.
 */
export async function barredBy(
  db: Db,
  state: PostState,
  { contact_id }: Pick<Delivery, 'contact_id'>,
): Promise<'stopped' | 'refused' | null> {
  if (state === 'accepted') return null;
  if (state === 'refused') return 'refused';
  return (await isOfTeam(db, contact_id)) ? null : 'stopped';
}

export async function isOfTeam(db: Db, contactId: string | null): Promise<boolean> {
  return (await team(db)).some(({ id }) => id === contactId);
}
