import { bounceLine } from '../delivery/bounce.ts';
import type { Entity } from '../mail/message.ts';
import { deliveryReport } from '../mail/report.ts';
import type { Seams } from '../seams.ts';
import * as deliveries from '../store/deliveries.ts';
import * as posts from '../store/posts.ts';
import type { Destination } from './destination.ts';
import { type FiledPost, once } from './file.ts';
import type { Accepted } from './received.ts';

/**
 * A mail that came back to the address of one copy. It is kept and goes to nobody; where it says that the copy will not arrive,
 * the copy has failed, and the team is told as of any that did.
 */
export async function takeBounce({ db, clock }: Seams, to: Destination, post: FiledPost, bounce: Entity): Promise<Accepted> {
  const report = deliveryReport(bounce);
  return once(db, to, post, async (trx) => {
    await posts.insert(trx, post);
    if (report?.permanent && to.deliveryId !== null)
      await deliveries.bounced(trx, to.deliveryId, bounceLine(report), clock.now());
    return { id: post.id, caseId: null, held: null };
  });
}
