import { record } from '../audit/record.ts';
import { currentInstant, isOut } from '../cases/clocks.ts';
import type { Instant } from '../clock.ts';
import { copiesFor, eachContact, PRIORITY } from '../delivery/copies.ts';
import { INACTIVE, insidersOf, keptFrom } from '../delivery/need-to-know.ts';
import { letIn } from '../notices/templates.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as missed from '../store/missed.ts';
import * as posts from '../store/posts.ts';
import type { Case } from '../store/schema.ts';

/*
 * Who has a dispatch of a case goes by what he was told last. Where he may not know of it for a while, he is told nothing of what comes of it: that he was
 * kept from it is noted (store/missed.ts), and when he may know of it again, by whichever door, he is told what stands then: the instant, that none does, that it is out, or
 * that it is withdrawn.
 */

/** What stands of a case for whoever missed what came of it; null where everybody can read of it. */
function standing(about: Case, now: Instant): Parameters<typeof letIn>[0] | null {
  if (about.state === 'released') return null;
  const withdrawn = about.aside === 'withdrawn' || about.aside === 'rejected';
  return { caseId: about.id, withdrawn, out: isOut(about), releaseAt: withdrawn ? null : currentInstant(about, now) };
}

/** Tells whoever missed something of a case and may know of it now. True where copies were queued. */
export async function tellLetIn(seams: Seams): Promise<boolean> {
  let queued = false;
  for (const caseId of await missed.casesOf(seams.db)) if (await tellOf(seams, caseId)) queued = true;
  return queued;
}

async function tellOf(seams: Seams, caseId: string): Promise<boolean> {
  const { db, clock } = seams;
  const seen = await cases.byId(db, caseId);
  const stands = seen ? standing(seen, clock.now()) : null;
  if (!seen || !stands) {
    await missed.forget(db, caseId);
    return false;
  }
  const listIds = new Set((await whoMayKnow(db, caseId)).map(({ listId }) => listId));
  if (listIds.size === 0) return false;
  const words = noticeEntity(letIn(stands));
  let queued = false;
  for (const listId of listIds) {
    const list = await lists.byId(db, listId);
    if (!list) continue;
    const post = await writeNotice(seams, list, { kind: 'notice', caseId }, words);
    await db.transaction().execute(async (trx) => {
      await cases.lock(trx, caseId);
      // What stands now is told in a minute, and not what stood when this was written.
      if ((await cases.byId(trx, caseId))?.revision !== seen.revision) return;
      const told = (await whoMayKnow(trx, caseId)).filter((one) => one.listId === listId);
      if (told.length === 0) return;
      await posts.insert(trx, post);
      const copies = copiesFor(clock, { id: post.id, case_id: caseId, list }, eachContact(told), PRIORITY.ordinary);
      await deliveries.insertMany(trx, copies);
      const contacts = told.map(({ id }) => id);
      await missed.forget(trx, caseId, contacts);
      queued = true;
      await record(trx, seams, { action: 'case.let-in', subject: `case:${caseId}`, detail: { post: post.id, contacts } });
    });
  }
  return queued;
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
