import type { Deed } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { currentInstant } from '../cases/clocks.ts';
import { isPrenoticed } from '../cases/state.ts';
import { goesBy, membersTold, tellingMembers } from '../cases/told.ts';
import type { Instant } from '../clock.ts';
import { copiesFor, eachContact, PRIORITY } from '../delivery/copies.ts';
import { casesKept, INACTIVE, insidersOf, keptFrom, letInsidersHave } from '../delivery/need-to-know.ts';
import { isOvertaken } from '../delivery/order.ts';
import type { Log } from '../log.ts';
import { letIn, type Standing } from '../notices/templates.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { ListContact } from '../store/contacts.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lacking from '../store/lacking.ts';
import * as lists from '../store/lists.ts';
import * as missed from '../store/missed.ts';
import * as posts from '../store/posts.ts';
import type { Case, List, NewPost } from '../store/schema.ts';
import { snapshot } from './dispatch.ts';

/*
 * Who has a dispatch of a case goes by what he was told last. Where he may not know of it for a while, he is told nothing of what comes of it: that he was
 * kept from it is noted (store/missed.ts), and when he may know of it again, by whichever door, he is told what stands then: the instant, that none does, that it is out, or
 * that it is withdrawn. What was distributed meanwhile he is sent before that: whoever may have the newest dispatch and the newest second notice of a case, and has
 * no copy of it though he has an older dispatch, gets one (store/lacking.ts). That is looked at anew each time, and noted nowhere.
 */

/** What stands of a case for whoever missed what came of it; null where everybody can read of it. */
function standing(about: Case, now: Instant): Standing | null {
  if (about.state === 'released') return null;
  const { aside } = about;
  const withdrawn = aside === 'withdrawn' || aside === 'rejected';
  const out = aside === 'leaked' || aside === 'public_already' ? aside : null;
  return { withdrawn, out, releaseAt: withdrawn ? null : currentInstant(about, now) };
}

/** What could not be done for one case, or through one list, keeps nobody else waiting. */
type Failed = (error: unknown, caseId: string) => void;

/**
 * Sends what they lack to those who may have it now, and tells whoever missed something of a case and may know of it. True where copies were
 * queued. What fails is logged.
 */
export async function tellLetIn(seams: Seams, log: Log): Promise<boolean> {
  const failed: Failed = (error, caseId) =>
    log.error(
      { err: error, case: caseId },
      'who may know of a case again could not be told how it stands, and is told when that can be',
    );
  const dispatched = (await cases.underWay(seams.db)).filter(({ dispatched_at }) => dispatched_at !== null);
  const ids = new Set([...dispatched.map(({ id }) => id), ...(await missed.casesOf(seams.db))]);
  let queued = false;
  for (const caseId of await casesKept(seams.db)) if (await stepped(letGo, seams, caseId, failed)) queued = true;
  for (const caseId of ids) if (await tellLetInOf(seams, caseId, failed)) queued = true;
  return queued;
}

/** The same of one case. Never throws. */
export async function tellLetInOf(seams: Seams, caseId: string, failed: Failed): Promise<boolean> {
  const lacking = await stepped(sendLacking, seams, caseId, failed);
  return (await stepped(tellOf, seams, caseId, failed)) || lacking;
}

type Step = (seams: Seams, caseId: string, failed: Failed) => Promise<boolean>;

async function stepped(step: Step, seams: Seams, caseId: string, failed: Failed): Promise<boolean> {
  try {
    return await step(seams, caseId, failed);
  } catch (error) {
    failed(error, caseId);
    return false;
  }
}

/** Two doors that were opened at once may each have found the other one shut: what was held for both goes now. */
async function letGo(seams: Seams, caseId: string): Promise<boolean> {
  return seams.db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    const had = await letInsidersHave(trx, seams.clock, { caseId });
    if (had.released + had.superseded === 0) return false;
    await record(trx, seams, { action: 'case.let-go', subject: `case:${caseId}`, detail: had });
    return true;
  });
}

/** A copy of what was distributed while they were kept from it, for each of those who may have it now. After it they are told what stands. */
async function sendLacking(seams: Seams, caseId: string): Promise<boolean> {
  const { db, clock } = seams;
  if ((await lackingOf(db, caseId)).length === 0) return false;
  return db.transaction().execute(async (trx) => {
    // Nobody dispatches meanwhile.
    await cases.lock(trx, caseId);
    const found = await lackingOf(trx, caseId);
    const deeds: Deed[] = [];
    for (const { post, list, people } of found) {
      await deliveries.insertMany(trx, copiesFor(clock, { id: post.id, case_id: caseId, list }, eachContact(people)));
      const ids = people.map(({ id }) => id);
      await missed.note(trx, caseId, ids);
      const detail = { kind: post.kind, post: post.id, list: list.address, to: people.map(snapshot) };
      deeds.push({ action: 'case.catch-up', subject: `case:${caseId}`, detail });
    }
    if (deeds.length === 0) return false;
    await record(trx, seams, ...deeds);
    return true;
  });
}

interface Lack {
  post: lacking.Distributed;
  list: List;
  people: ListContact[];
}

/** Of a case that is under embargo; where its text is another one by now, nobody gets the second notice of the old one. */
async function lackingOf(db: Db, caseId: string): Promise<Lack[]> {
  const about = await cases.byId(db, caseId);
  const found: Lack[] = [];
  for (const post of about ? await lacking.newest(db, caseId) : []) {
    if (!about || isOvertaken(post, about) || (post.kind === 'prenotice' && !isPrenoticed(about))) continue;
    const ids = await lacking.of(db, post);
    const list = ids.size > 0 ? await lists.byId(db, post.list_id) : undefined;
    if (!list) continue;
    const there = (await contacts.activeOfList(db, list.id)).filter(({ id }) => ids.has(id));
    const people = await insidersOf(db, caseId, there);
    if (people.length > 0) found.push({ post, list, people });
  }
  return found;
}

async function tellOf(seams: Seams, caseId: string, failed: Failed): Promise<boolean> {
  const { db, clock } = seams;
  const seen = await cases.byId(db, caseId);
  const stands = seen ? standing(seen, clock.now()) : null;
  if (!seen || !stands) {
    await missed.forget(db, caseId);
    return false;
  }
  const listIds = new Set((await whoMayKnow(db, caseId)).map(({ listId }) => listId));
  if (listIds.size === 0) return false;
  const words = noticeEntity(letIn({ caseId, ...stands }));
  const mails: { list: List; post: NewPost }[] = [];
  for (const listId of listIds) {
    const list = await lists.byId(db, listId);
    if (!list) continue;
    try {
      mails.push({ list, post: await writeNotice(seams, list, { kind: 'notice', caseId }, words) });
    } catch (error) {
      failed(error, caseId);
    }
  }
  return db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    const about = await cases.byId(trx, caseId);
    // What stands now is told in a minute, and not what stood when this was written.
    if (about?.revision !== seen.revision) return false;
    const ready = await whoMayKnow(trx, caseId);
    const told: { post: string; contacts: string[] }[] = [];
    for (const { list, post } of mails) {
      const people = ready.filter(({ listId }) => listId === list.id);
      if (people.length === 0) continue;
      await posts.insert(trx, post);
      const copies = copiesFor(clock, { id: post.id, case_id: caseId, list }, eachContact(people), PRIORITY.ordinary);
      await deliveries.insertMany(trx, copies);
      told.push({ post: post.id, contacts: people.map(({ id }) => id) });
    }
    if (told.length === 0) return false;
    await missed.forget(
      trx,
      caseId,
      told.flatMap(({ contacts }) => contacts),
    );
    // They wait for the next one from now on: it is told to all, be it the one that the others go by.
    if (!stands.withdrawn && stands.releaseAt === null && goesBy(membersTold(about)) !== null)
      await cases.change(trx, about, { revision: about.revision + 1, ...tellingMembers(null, clock.now()) });
    await record(trx, seams, ...told.map((detail) => ({ action: 'case.let-in', subject: `case:${caseId}`, detail })));
    return true;
  });
}

/** Who missed something, has a dispatch and is sent what is of the case now: each once, by the first list that brought it. */
async function whoMayKnow(db: Db, caseId: string): Promise<(missed.Missing & { address: string })[]> {
  const there = new Map((await deliveries.dispatchedToWhoIsThere(db, caseId)).map((row) => [row.id, row]));
  const found = new Map<string, missed.Missing & { address: string }>();
  for (const one of await insidersOf(db, caseId, await missed.ofCase(db, caseId))) {
    const address = there.get(one.id)?.address;
    if (!one.has || address === undefined || found.has(one.id)) continue;
    const post = { kind: 'notice', list_id: one.listId, case_id: caseId } as const;
    if ((await keptFrom(db, post, one.id)) !== INACTIVE) found.set(one.id, { ...one, address });
  }
  return [...found.values()];
}
