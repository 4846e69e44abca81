import { record } from '../audit/record.ts';
import { toIso } from '../clock.ts';
import { eachContact } from '../delivery/copies.ts';
import { insidersOf } from '../delivery/need-to-know.ts';
import { send } from '../delivery/send.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { ListContact, UnprovedContact } from '../store/contacts.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import type { List } from '../store/schema.ts';
import { openContents, patchEntity } from './contents.ts';
import { caseToChange } from './schedule.ts';

/** What a dispatch set going. */
export interface Dispatched {
  postId: string;
  /** How many copies: one for each active contact of the list who may know of the case and has none of this bundle yet. */
  copies: number;
  /** Contacts of the list who may know of the case and get no copy, as they have not proved their keys. */
  unproved: UnprovedContact[];
}

/**
 * Sends the approved text and patches of an armed case to a private list, each contact a copy of his own. What was sent
 * there already and did not change goes to those alone who have no copy: who came later, or whose copy failed. Throws
 * `not-approved` for a case that is not armed, `invalid` where the list is no private one or has nobody on it who may know of the
 * case, `conflict` where everybody who may has this very bundle.
 */
export async function dispatch(seams: Seams, caseId: string, listAddress: string): Promise<Dispatched> {
  const { db, clock } = seams;
  const seen = await caseToChange(db, caseId);
  if (seen.state !== 'armed' || seen.release_at === null) throw new Refusal('not-approved');
  const list = await lists.byAddress(db, listAddress);
  if (list?.role !== 'private') throw new Refusal('invalid', `${listAddress} is no private list`);
  const { draft, patches, hash } = await openContents(seams, seen);
  if (hash !== seen.bundle_hash) throw new Refusal('approval-voided');
  const notice = seams.words.dispatch({ caseId, releaseAt: seen.release_at, ...draft, patches });
  const files = patches.map(({ name, bytes }) => patchEntity(name, bytes));
  const written = await writeNotice(seams, list, { kind: 'dispatch', caseId }, noticeEntity(notice, files));
  const post = { ...written, bundle_hash: hash };
  return db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    const unproved = await insidersOf(trx, caseId, await contacts.unprovedOfList(trx, list.id));
    const recipients = await withoutCopy(trx, { caseId, list, hash, unproved });
    const now = clock.now();
    const to = { dispatched_at: now, updated_at: now, revision: seen.revision + 1 };
    if (!(await cases.change(trx, seen, to))) throw new Refusal('stale');
    await send(trx, seams, { list, post }, eachContact(recipients));
    await record(trx, seams, {
      action: 'case.dispatch',
      subject: `case:${caseId}`,
      detail: {
        post: post.id,
        list: list.address,
        bundle: hash,
        to: recipients.map(snapshot),
        unproved: unproved.map(({ id }) => id),
      },
    });
    return { postId: post.id, copies: recipients.length, unproved };
  });
}

/** Who was to get it, and with which certificate. */
function snapshot({ id, certificate }: ListContact): string {
  return `${id} ${certificate?.fingerprint ?? '-'}`;
}

/** The active contacts of the list who may know of the case and have no copy of that bundle, and at least one. */
async function withoutCopy(
  db: Db,
  { caseId, list, hash, unproved }: { caseId: string; list: List; hash: string; unproved: readonly UnprovedContact[] },
): Promise<ListContact[]> {
  const active = await contacts.activeOfList(db, list.id);
  if (active.length === 0) throw new Refusal('invalid', `Nobody is active on ${list.address}${withoutProof(unproved)}`);
  const inside = await insidersOf(db, caseId, active);
  if (inside.length === 0)
    throw new Refusal('invalid', `Nobody who is active on ${list.address} may know of ${caseId}${withoutProof(unproved)}`);
  const sent = await deliveries.ofBundle(db, { caseId, listId: list.id, hash });
  const has = new Set(sent.filter(({ state }) => state !== 'failed').map(({ contact_id }) => contact_id));
  const waiting = inside.filter(({ id }) => !has.has(id));
  if (waiting.length > 0) return waiting;
  const last = toIso(Math.max(...sent.map(({ created_at }) => created_at)));
  const who = inside.length < active.length ? 'Everybody who may know of it' : 'Everybody';
  throw new Refusal(
    'conflict',
    `${who} on ${list.address} was sent this at ${last}, and nothing changed since${withoutProof(unproved)}`,
  );
}

/** Said with a refusal, as nothing else tells of them then. */
function withoutProof(unproved: readonly UnprovedContact[]): string {
  const addresses = unproved.map(({ address }) => address).join(', ');
  return addresses === '' ? '' : `; keys are not proved of: ${addresses}`;
}
