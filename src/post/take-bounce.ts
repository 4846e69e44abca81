import { record } from '../audit/record.ts';
import { DAY } from '../clock.ts';
import { bounceLine } from '../delivery/bounce.ts';
import { noteOf } from '../delivery/contact.ts';
import { eventOfBounce } from '../delivery/health.ts';
import type { Automatic } from '../mail/automatic.ts';
import type { Entity } from '../mail/message.ts';
import { type DeliveryReport, deliveryReport } from '../mail/report.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as acknowledgements from '../store/acknowledgements.ts';
import * as cameBack from '../store/came-back.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as posts from '../store/posts.ts';
import type { CameBack, Delivery } from '../store/schema.ts';
import type { Destination } from './destination.ts';
import { type FiledPost, filePost, once, placeOf } from './file.ts';
import type { Accepted } from './received.ts';

/*
 * Whatever comes to the address of a copy is kept beside that copy, as one of these; who reads it is said by what it is:
 *
 *   failed        nobody: the copy has failed, and the team is told as of any that did
 *   delayed       nobody: it is still on its way, and its end comes
 *   arrived       nobody
 *   unreadable    the people behind the list: it may say anything
 *   auto-reply    they, once a week for each reader and case
 *   mail          they: it answers nothing, or a person wrote it
 *
 * RFC 3834 §2 has a program answer one address once in some days; but each copy has another, and one dispatch would bring as many notes
 * as people are away. What they get goes out with the null sender, so that it does not come back in its turn.
 */
const READ: Readonly<Record<CameBack, 'never' | 'weekly' | 'always'>> = {
  failed: 'never',
  delayed: 'never',
  arrived: 'never',
  unreadable: 'always',
  'auto-reply': 'weekly',
  mail: 'always',
};
const WEEK = 7 * DAY;

/**
 * Of each sort so many are kept for one copy, and one more for each that came at once: a server that tries for five days says so a dozen times,
 * and whoever has seen the address could fill the disk. What is said so often keeps no other sort out.
 */
const MOST_OF_A_SORT = 20;

export type CameToCopy = Pick<cameBack.Returned, 'what' | 'words'>;

/** What a mail is that came to the address of that copy. Refuses it where that came often enough, before it costs anything. */
export async function whatCame(db: Db, { deliveryId }: Destination, mail: Entity, origin: Automatic): Promise<CameToCopy> {
  const came = whatCameBack(mail, origin);
  if (deliveryId !== null && (await cameBack.count(db, deliveryId, came.what)) >= MOST_OF_A_SORT) throw new Refusal('came-often');
  return came;
}

/** A mail to the address of one copy. It says nothing of the copy where it is no report, whatever words it has. */
export async function takeBounce(seams: Seams, to: Destination, post: FiledPost, { what, words }: CameToCopy): Promise<Accepted> {
  const { db, clock } = seams;
  const copy = to.deliveryId === null ? undefined : await deliveries.byId(db, to.deliveryId);
  if (!copy) throw new Error(`the copy of ${to.list.address}, to whose address a mail came, is gone`);
  const isRead = READ[what] === 'always' || (READ[what] === 'weekly' && !(await cameBack.isKnown(db, copy, clock.now() - WEEK)));
  const filed: FiledPost = { ...post, kind: isRead ? 'owner' : 'bounce' };
  const returned = { post_id: post.id, delivery_id: copy.id, what, words };
  return once(seams, placeOf(to, filed.kind), filed, async (trx) => {
    if (isRead) await filePost(trx, seams, to, filed);
    else await posts.insert(trx, filed);
    await cameBack.insert(trx, returned);
    await note(trx, seams, copy, returned);
    return { id: post.id, caseId: filed.case_id ?? null, held: null };
  });
}

/** A second report that it failed says nothing new; and that what its reader has acknowledged did not arrive is not so, whoever says it. */
async function note(trx: Db, seams: Seams, copy: Delivery, { post_id: post, what, words }: cameBack.Returned): Promise<void> {
  const { id } = copy;
  const now = seams.clock.now();
  const arrived = copy.contact_id !== null && (await acknowledgements.isNoted(trx, copy.post_id, copy.contact_id));
  const failed = what === 'failed' && !arrived;
  if (failed && !(await deliveries.bounced(trx, id, words ?? GIVEN_BACK, now))) return;
  if (!arrived && (what === 'failed' || what === 'delayed')) await noteOf(trx, copy, eventOfBounce(copy, { what, words }, now));
  const action = failed ? 'delivery.bounce' : 'delivery.answer';
  await record(trx, seams, { action, subject: `delivery:${id}`, detail: failed ? { post } : { post, what } });
}

const GIVEN_BACK = 'a mail server further on gave it back';

function whatCameBack(mail: Entity, origin: Automatic): CameToCopy {
  if (origin !== 'bounce') return { what: origin === 'auto-reply' ? 'auto-reply' : 'mail', words: null };
  const report = deliveryReport(mail);
  if (!report) return { what: 'unreadable', words: null };
  return { what: whatBecame(report), words: bounceLine(report) };
}

/** RFC 3464 §2.3.3: who writes `failed` has stopped trying, of whatever class (RFC 3463 §2) the last attempt's status was. */
function whatBecame({ permanent, recipients }: DeliveryReport): CameBack {
  const actions = recipients.map(({ action }) => action);
  if (permanent || actions.includes('failed')) return 'failed';
  const isThere = actions.length > 0 && actions.every((action) => action !== null && ARRIVED.has(action));
  return isThere ? 'arrived' : 'delayed';
}

const ARRIVED: ReadonlySet<string> = new Set(['delivered', 'relayed', 'expanded']);
