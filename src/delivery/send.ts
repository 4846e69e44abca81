import type { Seams } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as posts from '../store/posts.ts';
import type { List, NewPost } from '../store/schema.ts';
import { type Addressee, copiesFor } from './copies.ts';

/** What Curfew wrote itself: sealed, and not in the database yet. */
export interface Written {
  /** That it goes out through. */
  list: List;
  post: NewPost;
}

/** Files it with a copy for each of them, in the caller's transaction; where it is for nobody, nothing is filed. Gives how many copies. */
export async function send(
  trx: Db,
  { clock }: Pick<Seams, 'clock'>,
  { list, post }: Written,
  to: readonly Addressee[],
): Promise<number> {
  if (to.length === 0) return 0;
  await posts.insert(trx, post);
  await deliveries.insertMany(trx, copiesFor(clock, { id: post.id, case_id: post.case_id ?? null, list }, to));
  return to.length;
}
