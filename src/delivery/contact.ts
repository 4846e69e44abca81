import type { Instant } from '../clock.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as health from '../store/health.ts';
import type { Delivery } from '../store/schema.ts';
import type { Event } from './health.ts';

/** What a copy says of the contact whose address it went to, whatever he had it for. Many have none: the public, strangers, reporters. */
export interface Said {
  copy: Pick<Delivery, 'audience' | 'address'>;
  event: Event | null;
}

function nameOf({ copy }: Said): string {
  return copy.address.toLowerCase();
}

/** Notes it. */
export async function noteOf(trx: Db, copy: Said['copy'], event: Event | null): Promise<void> {
  await noteAll(trx, [{ copy, event }]);
}

/** Notes what several say, in the order in which everybody takes contacts who takes several. */
export async function noteAll(trx: Db, said: readonly Said[]): Promise<void> {
  // Those that follow each other are one statement: nearly all copies are delivered.
  let reached: string[] = [];
  let at: Instant = 0;
  const flush = async () => {
    await health.delivered(trx, reached, at);
    reached = [];
  };
  for (const { copy, event } of said.toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1))) {
    if (event === null || copy.audience === 'public') continue;
    if (event.what === 'delivered') {
      if (event.at !== at) await flush();
      reached.push(copy.address);
      at = event.at;
      continue;
    }
    await flush();
    const contact = await contacts.byAddress(trx, copy.address);
    if (contact) await health.note(trx, contact.id, event);
  }
  await flush();
}
