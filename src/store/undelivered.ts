import type { Instant } from '../clock.ts';
import type { Db } from './database.ts';
import type { Post } from './schema.ts';

export type Undelivered = Pick<Post, 'id' | 'list_id' | 'case_id' | 'signer_contact_id' | 'signer_fingerprint' | 'received_at'>;

/**
 * What people signed and nobody got: each copy has failed, but for the writer's own, and one at least since that instant. Not what a person
 * holds or has refused, nor of what its writer was told.
 */
export async function since(db: Db, instant: Instant): Promise<Undelivered[]> {
  return db
    .selectFrom('posts')
    .select(['id', 'list_id', 'case_id', 'signer_contact_id', 'signer_fingerprint', 'received_at'])
    .where('kind', 'in', ['report', 'post', 'owner'])
    .where('state', '=', 'accepted')
    .where('signer_fingerprint', 'is not', null)
    .where('sender', 'is not', null)
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('all_deliveries as deliveries')
        .select('post_id')
        // Not by its state: of those that failed there are many from before.
        .where('state', '<>', 'delivered')
        .where('settled_at', '>=', instant),
    )
    .where('id', 'not in', (eb) => eb.selectFrom('undelivered_told').select('post_id'))
    .where((eb) => {
      const others = eb
        .selectFrom('all_deliveries as deliveries')
        .select('deliveries.id')
        .whereRef('deliveries.post_id', '=', 'posts.id')
        .where((of) =>
          of.or([
            of('deliveries.contact_id', 'is', null),
            of('posts.signer_contact_id', 'is', null),
            of('deliveries.contact_id', '<>', of.ref('posts.signer_contact_id')),
          ]),
        );
      return eb.and([eb.exists(others), eb.not(eb.exists(others.where('deliveries.state', '<>', 'failed')))]);
    })
    .orderBy('id')
    .execute();
}

/** False: he was told already. */
export async function tell(trx: Db, postId: string, now: Instant): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('undelivered_told')
    .values({ post_id: postId, told_at: now })
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}
