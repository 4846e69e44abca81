import type { Instant } from '../clock.ts';
import type { Db } from './database.ts';
import type { CameBack, Delivery } from './schema.ts';

export interface Returned {
  post_id: string;
  delivery_id: string;
  what: CameBack;
  words: string | null;
}

export async function insert(db: Db, returned: Returned): Promise<void> {
  await db.insertInto('came_back').values(returned).execute();
}

/** How many of these came to the address of a copy. */
export async function count(db: Db, deliveryId: string, what: CameBack): Promise<number> {
  const { found } = await db
    .selectFrom('came_back')
    .select(({ fn }) => fn.countAll().as('found'))
    .where('delivery_id', '=', deliveryId)
    .where('what', '=', what)
    .executeTakeFirstOrThrow();
  return Number(found);
}

/** What came to the address of a copy, oldest first. */
export async function ofCopy(db: Db, deliveryId: string): Promise<(Returned & { at: Instant })[]> {
  return db
    .selectFrom('came_back')
    .innerJoin('posts', 'posts.id', 'came_back.post_id')
    .select(['came_back.post_id', 'came_back.delivery_id', 'came_back.what', 'came_back.words', 'posts.received_at as at'])
    .where('came_back.delivery_id', '=', deliveryId)
    .orderBy('posts.received_at')
    .orderBy('came_back.post_id')
    .execute();
}

/** The copy to whose address that post came, or undefined. */
export async function copyOf(db: Db, postId: string): Promise<Pick<Delivery, 'id' | 'address'> | undefined> {
  return db
    .selectFrom('came_back')
    .innerJoin('all_deliveries as deliveries', 'deliveries.id', 'came_back.delivery_id')
    .select(['deliveries.id', 'deliveries.address'])
    .where('came_back.post_id', '=', postId)
    .executeTakeFirst();
}

/** Whether people were shown since then what a program answers to copies for that address in that case, or in none. */
export async function isKnown(
  db: Db,
  { address, case_id }: Pick<Delivery, 'address' | 'case_id'>,
  since: Instant,
): Promise<boolean> {
  const found = await db
    .selectFrom('came_back')
    .innerJoin('all_deliveries as deliveries', 'deliveries.id', 'came_back.delivery_id')
    .innerJoin('posts', 'posts.id', 'came_back.post_id')
    .select('came_back.post_id')
    .where('came_back.what', '=', 'auto-reply')
    .where('posts.kind', '=', 'owner')
    .where('posts.received_at', '>', since)
    .where((eb) => eb(eb.fn<string>('lower', ['deliveries.address']), '=', address.toLowerCase()))
    .where('deliveries.case_id', case_id === null ? 'is' : '=', case_id)
    .executeTakeFirst();
  return found !== undefined;
}
