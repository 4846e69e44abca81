import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as health from '../store/health.ts';
import type { Delivery } from '../store/schema.ts';
import type { Event } from './health.ts';

/** Notes what a copy says of the contact whose address it went to, whatever he had it for. Many have none: the public, strangers, reporters. */
export async function noteOf(trx: Db, { audience, address }: Delivery, event: Event | null): Promise<void> {
  if (event === null || audience === 'public') return;
  if (event.what === 'delivered') return health.delivered(trx, address, event.at);
  const contact = await contacts.byAddress(trx, address);
  if (contact) await health.note(trx, contact.id, event);
}
