import type { Instant } from '../clock.ts';
import type { Db } from './database.ts';
import { portions } from './rows.ts';
import type { DeliveryAttempt } from './schema.ts';

/** How one attempt to send a copy ended. */
export type Attempt = DeliveryAttempt;

/** Of each copy so many are kept, the last ones: five days of patience are about forty, and a release's hundreds. */
export const KEPT = 20;

/** Notes attempts that have ended, in the transaction that ends them. */
export async function note(db: Db, ended: readonly Attempt[]): Promise<void> {
  for (const some of portions(ended)) await db.insertInto('delivery_attempts').values(some).execute();
  for (const { delivery_id, number } of ended)
    if (number > KEPT)
      await db
        .deleteFrom('delivery_attempts')
        .where('delivery_id', '=', delivery_id)
        .where('number', '<=', number - KEPT)
        .execute();
}

/** The last ones of a copy, oldest first. */
export async function ofCopy(db: Db, deliveryId: string): Promise<Attempt[]> {
  return db.selectFrom('delivery_attempts').selectAll().where('delivery_id', '=', deliveryId).orderBy('number').execute();
}

/** When the last attempt of each of these copies ended; without those of which there was none. */
export async function lastOf(db: Db, deliveryIds: readonly string[]): Promise<Map<string, Instant>> {
  const last = new Map<string, Instant>();
  for (const some of portions(deliveryIds))
    for (const { delivery_id, at } of await db
      .selectFrom('delivery_attempts')
      .select(({ fn }) => ['delivery_id', fn.max('at').as('at')])
      .where('delivery_id', 'in', some)
      .groupBy('delivery_id')
      .execute())
      last.set(delivery_id, at);
  return last;
}
