import { record } from '../audit/record.ts';
import type { Log } from '../log.ts';
import { type StuckCopy, stuckCopies } from '../notices/templates.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as posts from '../store/posts.ts';
import type { Delivery, List } from '../store/schema.ts';
import { eachContact, team } from './copies.ts';
import { send } from './send.ts';

/** More than this in one mail, and nobody reads it. */
const MOST_IN_A_MAIL = 100;

/** Writes to the team about copies that were held or failed and of which nobody knows yet. Gives how many those are. */
export async function tellTeam(seams: Seams, log: Log): Promise<number> {
  const { db, clock } = seams;
  const stuck = await deliveries.untold(db, MOST_IN_A_MAIL);
  if (stuck.length === 0) return 0;
  // With nobody to tell, it stays untold until somebody is there.
  if ((await team(db)).length === 0) return 0;
  const described: StuckCopy[] = [];
  for (const copy of stuck) {
    const story = await describe(db, copy);
    // An alarm about an alarm would never end; the log and the list of deliveries have it.
    if (story) described.push(story);
  }
  log.error({ copies: stuck.map(({ id }) => id) }, 'copies were held or failed');
  const list = (await lists.all(db)).find(({ role }) => role === 'intake');
  if (list && described.length > 0) return (await alert(seams, list, described, stuck)) ? stuck.length : 0;
  await deliveries.markTold(db, idsOf(stuck), clock.now());
  return stuck.length;
}

/** False: another node told of some of them meanwhile, and nothing was written. */
async function alert(seams: Seams, list: List, described: StuckCopy[], stuck: Delivery[]): Promise<boolean> {
  const { db, clock } = seams;
  const post = await writeNotice(seams, list, { kind: 'alert', caseId: null }, noticeEntity(stuckCopies(described)));
  const tell = db.transaction().execute(async (trx) => {
    if ((await deliveries.markTold(trx, idsOf(stuck), clock.now())) < stuck.length) throw new Refusal('stale');
    await send(trx, seams, { list, post }, eachContact(await team(trx)));
    await record(trx, seams, { action: 'team.tell-stuck', subject: `post:${post.id}`, detail: { copies: idsOf(stuck) } });
    return true;
  });
  return tell.catch((error: unknown) => {
    if (error instanceof Refusal && error.reason === 'stale') return false;
    throw error;
  });
}

async function describe(db: Db, copy: Delivery): Promise<StuckCopy | null> {
  const post = await posts.byId(db, copy.post_id);
  const list = await lists.byId(db, copy.list_id);
  if (!post || post.kind === 'alert') return null;
  return {
    address: copy.address,
    state: copy.state === 'failed' ? 'failed' : 'held',
    reason: copy.reason ?? 'unknown',
    response: copy.response,
    about: `${post.kind}${copy.case_id ? ` of case ${copy.case_id}` : ''} through ${list?.address ?? copy.list_id}, copy ${copy.id}`,
  };
}

function idsOf(copies: readonly Delivery[]): string[] {
  return copies.map(({ id }) => id);
}
