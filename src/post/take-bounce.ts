import { record } from '../audit/record.ts';
import { bounceLine } from '../delivery/bounce.ts';
import type { Automatic } from '../mail/automatic.ts';
import type { Entity } from '../mail/message.ts';
import { type DeliveryReport, deliveryReport } from '../mail/report.ts';
import type { Seams } from '../seams.ts';
import * as deliveries from '../store/deliveries.ts';
import * as posts from '../store/posts.ts';
import type { Destination } from './destination.ts';
import { type FiledPost, filePost, once, placeOf } from './file.ts';
import type { Accepted } from './received.ts';

/**
 * A mail that came back to the address of one copy. It is kept and goes to nobody; where it says that the copy will not arrive,
 * the copy has failed, and the team is told as of any that did. One that nothing can be read from goes to the team,
 * with the null sender, so that it does not come back in its turn. An answer says nothing of the copy, whatever words it has.
 */
export async function takeBounce(
  seams: Seams,
  to: Destination,
  post: FiledPost,
  bounce: Entity,
  origin: Automatic,
): Promise<Accepted> {
  const { clock } = seams;
  const report = origin === 'bounce' ? deliveryReport(bounce) : null;
  if (!report && origin === 'bounce') {
    const shown: FiledPost = { ...post, kind: 'owner' };
    return once(seams, placeOf(to, shown.kind), shown, (trx) => filePost(trx, seams, to, shown));
  }
  return once(seams, placeOf(to, post.kind), post, async (trx) => {
    await posts.insert(trx, post);
    const { deliveryId } = to;
    if (report && willNotArrive(report) && deliveryId !== null) {
      const changed = await deliveries.bounced(trx, deliveryId, bounceLine(report), clock.now());
      const deed = { action: 'delivery.bounce', subject: `delivery:${deliveryId}`, detail: { post: post.id } };
      if (changed) await record(trx, seams, deed);
    }
    return { id: post.id, caseId: null, held: null };
  });
}

/** RFC 3464 §2.3.3: who writes `failed` has stopped trying, of whatever class (RFC 3463 §2) the last attempt's status was. */
function willNotArrive({ permanent, recipients }: DeliveryReport): boolean {
  return permanent || recipients.some(({ action }) => action === 'failed');
}
