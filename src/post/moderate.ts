import { record } from '../audit/record.ts';
import { knowsCase } from '../cases/step.ts';
import { copiesFor, eachContact, readers } from '../delivery/copies.ts';
import { send } from '../delivery/send.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import type { Local, Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as posts from '../store/posts.ts';
import type { List, PostKind } from '../store/schema.ts';
import { kinds } from './kinds.ts';
import { receiptOwed, takeUp } from './take-up.ts';

/*
 * A post that a check of the policy holds goes to the team alone, who decide:
 *
 *   held ----> accepted    it goes to its readers, as if nothing had held it; so does what it does for a reporter (take-up.ts)
 *     +------> refused     it goes to nobody else, what waits of its copies ends; whoever signed it is told
 *
 * One guarded update decides; whoever comes second is told that it was decided. A person may also stop what was accepted: then it is
 * held anew, for the copies that have not gone out and for archives, until he lets it go or refuses it. What is under way at that moment
 * is asked for its post's state before each attempt (delivery/standing.ts).
 */

/** Distributes a held post. Gives how many copies that makes. Throws `not-found`; `conflict` where it is not held. */
export async function acceptPost(seams: Seams, id: string, by: string | null): Promise<number> {
  const { db, clock } = seams;
  const held = await heldPost(db, seams, id);
  const receipt = await receiptOwed(seams, held.post, held.list);
  return db.transaction().execute(async (trx) => {
    const { post, list } = await heldPost(trx, seams, id);
    if (post.case_id !== null) await cases.lock(trx, post.case_id);
    await decide(trx, id, { state: 'accepted', by, at: clock.now() });
    const had = await deliveries.contactsWith(trx, id);
    const all = await readers(trx, list, { ...post, state: 'accepted' });
    const stopped = await deliveries.releaseStopped(trx, id, clock.now());
    const others = all.filter((contact) => !had.has(contact.id));
    await deliveries.insertMany(trx, copiesFor(clock, { id, case_id: post.case_id, list }, eachContact(others)));
    await takeUp(trx, seams, post, list, receipt);
    await record(trx, seams, { action: 'post.accept', subject: `post:${id}`, detail: { copies: others.length + stopped } });
    return others.length + stopped;
  });
}

/**
 * Refuses a held post; a signer of the roster is told, with the reason. Gives who has it all the same: of one that was
 * stopped, copies were out. Throws as `acceptPost` does.
 */
export async function refusePost(seams: Seams, id: string, by: string | null, reason: string): Promise<Reach> {
  const { db, clock } = seams;
  const { post, list } = await heldPost(db, seams, id);
  const signer = post.signer_contact_id ? await contacts.byId(db, post.signer_contact_id) : undefined;
  const reach = await reachOf(db, list, post);
  const words = seams.words.refusedPost({ list: list.address, postId: id, receivedAt: post.received_at, reason, ...reach });
  const answer = signer && (await writeNotice(seams, list, { kind: 'answer', caseId: null }, noticeEntity(words)));
  await db.transaction().execute(async (trx) => {
    await decide(trx, id, { state: 'refused', by, at: clock.now() });
    const copies = await deliveries.endWaiting(trx, id, 'refused', clock.now());
    if (answer) await send(trx, seams, { list, post: answer }, eachContact([signer]));
    await record(trx, seams, { action: 'post.refuse', subject: `post:${id}`, detail: { copies, ...reach } });
  });
  return reach;
}

/** Who has a post, or may get it yet, though it was stopped: contacts but for its writer and those who decide on it, and the reporter. */
export interface Reach {
  contacts: number;
  reporter: boolean;
}

async function reachOf(db: Db, list: List, post: posts.PostFacts): Promise<Reach> {
  const known = new Set([post.signer_contact_id, ...(await readers(db, list, post)).map(({ id }) => id)]);
  const copies = await deliveries.reached(db, post.id);
  const others = new Set(copies.flatMap(({ contact_id }) => (contact_id === null || known.has(contact_id) ? [] : [contact_id])));
  return { contacts: others.size, reporter: copies.some(({ audience }) => audience === 'reporter') };
}

/** What people wrote, and a dispatch; a release is nobody's to stop this way, nor is an answer. */
function mayStop(kind: PostKind): boolean {
  return kind === 'dispatch' || (kinds[kind].fromMail && kind !== 'bounce' && kind !== 'request');
}

/** Copies of a post. */
export interface Stopped {
  stopped: number;
  delivered: number;
  /** A relay is being given these at this moment: they may be delivered yet. */
  underWay: number;
}

/** Stops the copies of a post that have not gone out. Throws `not-found`; `conflict` where it may not be. */
export async function stopPost(seams: Seams, id: string): Promise<Stopped> {
  const { db } = seams;
  return db.transaction().execute(async (trx) => {
    const post = await postKnownTo(trx, seams, id);
    if (!mayStop(post.kind) || !(await posts.stop(trx, id))) throw new Refusal('conflict', `The post ${id} cannot be stopped`);
    const copies = await deliveries.holdWaiting(trx, id, 'stopped');
    const reached = await deliveries.reached(trx, id);
    await record(trx, seams, { action: 'post.stop', subject: `post:${id}`, detail: { copies } });
    const delivered = reached.filter(({ state }) => state === 'delivered').length;
    return { stopped: copies, delivered, underWay: reached.length - delivered };
  });
}

/** A post as far as somebody may know of its case. Throws `not-found`. */
export async function postKnownTo(db: Db, local: Pick<Local, 'by' | 'role'>, id: string): Promise<posts.PostFacts> {
  const found = await posts.factsById(db, id);
  if (!found || !(await knowsCase(db, local, found.case_id))) throw new Refusal('not-found', `There is no post ${id}`);
  return found;
}

async function heldPost(db: Db, local: Pick<Local, 'by' | 'role'>, id: string): Promise<{ post: posts.PostFacts; list: List }> {
  const post = await postKnownTo(db, local, id);
  const list = await lists.byId(db, post.list_id);
  if (!list) throw new Error(`the list of post ${id} is not there`);
  if (post.state !== 'held') throw new Refusal('conflict', `The post ${id} is not held`);
  return { post, list };
}

async function decide(trx: Db, id: string, to: Parameters<typeof posts.decide>[2]): Promise<void> {
  if (!(await posts.decide(trx, id, to))) throw new Refusal('conflict', `The post ${id} was decided on meanwhile`);
}
