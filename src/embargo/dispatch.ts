import { record } from '../audit/record.ts';
import { agreedInstant } from '../cases/clocks.ts';
import { detailsOf } from '../cases/describe.ts';
import { lacksForDispatch } from '../cases/details.ts';
import { caseFor, deedOf, moved } from '../cases/step.ts';
import { tellingMembers } from '../cases/told.ts';
import { toIso } from '../clock.ts';
import { eachContact } from '../delivery/copies.ts';
import { insidersOf, noteOutside } from '../delivery/need-to-know.ts';
import { send } from '../delivery/send.ts';
import { dispatchFacts } from '../notices/facts.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { ListContact, UnprovedContact, UnreachedMember } from '../store/contacts.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as patchSets from '../store/patch-sets.ts';
import * as posts from '../store/posts.ts';
import type { Case, List, NewPost } from '../store/schema.ts';
import { patchSetHash, sha256 } from './bundle.ts';
import { openParts, patchEntity, presentPatchSet } from './contents.ts';
import { mustAllow } from './schedule.ts';

/** What a dispatch set going. */
export interface Dispatched {
  postId: string;
  /** How many copies: one for each active contact of the list who may know of the case and has none of this bundle yet. */
  copies: number;
  /** Contacts of the list who may know of the case and get no copy, as they have not proved their keys. */
  unproved: UnprovedContact[];
  /** Members of the list who may know of the case, of whom nobody gets a copy for another reason than that. */
  unreached: UnreachedMember[];
  /** Addresses of other private lists that have earlier patches: until they have these as well, the bundle is not approved. */
  behind: string[];
}

/**
 * Sends what members need to know of a scheduled case, with its approved patches, to a private list, each contact a copy of his own.
 * What was sent there already and did not change goes to those alone who have no copy: who came later or began anew, or whose copy failed. The
 * first one is the notice to distributors, from which clocks of the policy run; later ones with other patches are revisions.
 * Throws `not-approved` for a case whose instant or patches are not approved, `incomplete` where a field of the notice lacks,
 * `policy-violated` where they would have too little time or the embargo be too long, `invalid` where the list is no private one or
 * has nobody on it who may know of the case, `conflict` where everybody who may has this very notice.
 */
export async function dispatch(seams: Seams, caseId: string, listAddress: string): Promise<Dispatched> {
  const { db, clock } = seams;
  const seen = await caseFor(db, seams, caseId, 'dispatch');
  const list = await lists.byAddress(db, listAddress);
  if (list?.role !== 'private') throw new Refusal('invalid', `${listAddress} is no private list`);
  const { post, carried } = await writeDispatch(seams, seen, list);
  return db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    const unproved = await insidersOf(trx, caseId, await contacts.unprovedOfList(trx, list.id));
    const unreached = await insidersOf(trx, caseId, await contacts.unreachedOfList(trx, list.id));
    const recipients = await withoutCopy(trx, { caseId, list, hash: carried, unproved });
    const behind = await listsBehind(trx, caseId, { list, revision: post.patch_revision ?? null });
    const now = clock.now();
    const changed = await moved(trx, seams, seen, {
      dispatched_at: now,
      noticed_at: seen.noticed_at ?? now,
      accepted_at: seen.accepted_at ?? now,
      // What all lists have that have any of it.
      ...(behind.length === 0 ? { distributed_set: seen.patch_set } : {}),
      ...tellingMembers(agreedInstant(seen, now), now),
    });
    await noteOutside(trx, caseId);
    await send(trx, seams, { list, post }, eachContact(recipients));
    const detail = {
      post: post.id,
      list: list.address,
      notice: carried,
      patchSet: seen.patch_set,
      to: recipients.map(snapshot),
      unproved: unproved.map(({ id }) => id),
      unreached: unreached.map(({ memberId }) => memberId),
      behind,
    };
    await record(trx, seams, deedOf(changed, 'dispatch', detail));
    return { postId: post.id, copies: recipients.length, unproved, unreached, behind };
  });
}

async function listsBehind(trx: Db, caseId: string, now: { list: List; revision: number | null }): Promise<string[]> {
  const revisions = await posts.dispatchedRevisions(trx, caseId);
  const behind = [...revisions].filter(([id, revision]) => id !== now.list.id && revision !== now.revision);
  const addresses = await lists.addresses(
    trx,
    behind.map(([id]) => id),
  );
  return behind.map(([id]) => addresses.get(id) ?? id).sort();
}

/** A dispatch as it would go out now. Throws what `dispatch` does. */
export async function planDispatch(
  seams: Seams,
  seen: Case,
  listAddress: string,
): Promise<{ list: List; content: Buffer; recipients: ListContact[] } & Pick<Dispatched, 'unproved' | 'unreached'>> {
  const { db } = seams;
  const list = await lists.byAddress(db, listAddress);
  if (list?.role !== 'private') throw new Refusal('invalid', `${listAddress} is no private list`);
  const { content, carried } = await composeDispatch(seams, seen, list);
  const unproved = await insidersOf(db, seen.id, await contacts.unprovedOfList(db, list.id));
  const unreached = await insidersOf(db, seen.id, await contacts.unreachedOfList(db, list.id));
  const recipients = await withoutCopy(db, { caseId: seen.id, list, hash: carried, unproved });
  return { list, content, recipients, unproved, unreached };
}

/** The notice, not in the database yet, and the hash of what it carries. */
async function writeDispatch(seams: Seams, seen: Case, list: List): Promise<{ post: NewPost; carried: string }> {
  const { content, carried, revision } = await composeDispatch(seams, seen, list);
  const written = await writeNotice(seams, list, { kind: 'dispatch', caseId: seen.id }, content);
  return { post: { ...written, bundle_hash: carried, patch_revision: revision }, carried };
}

/** `carried`: the hash of what it carries; `revision`: of its patch set. */
async function composeDispatch(
  seams: Seams,
  seen: Case,
  list: List,
): Promise<{ content: Buffer; carried: string; revision: number | null }> {
  const { id: caseId, release_at } = seen;
  if (seen.scheduled_at === null || release_at === null) throw new Refusal('not-approved', SCHEDULE_FIRST);
  const present = await presentPatchSet(seams.db, caseId);
  if (present !== seen.patch_set) throw new Refusal('not-approved', 'The patches that stand there are not approved');
  const details = await detailsOf(seams, seen);
  const lacks = lacksForDispatch(details);
  if (lacks.length > 0)
    throw new Refusal('incomplete', `Distributors need to know more of ${caseId}. What lacks: ${lacks.join(', ')}`);
  if (seen.noticed_at === null)
    mustAllow(seams.project, { ...seen, noticed_at: seams.clock.now() }, release_at, seams.clock.now());
  const { draft, patches, parts } = await openParts(seams, seen);
  // Made anew from the very octets that would go out.
  if (patchSetHash(caseId, parts) !== present) throw new Refusal('approval-voided');
  const { revision, supersedes } = await revisionsOf(seams.db, seen);
  const releaseAt = agreedInstant(seen, seams.clock.now());
  const facts = dispatchFacts({ caseId, list: list.address, releaseAt, details, draft, patches, revision, supersedes });
  const notice = seams.words.dispatch(facts);
  const files = patches.map(({ name, bytes }) => patchEntity(name, bytes));
  const of = ['curfew dispatch 1', caseId, seen.schedule_hash, present, seen.details_post_id, seen.draft_post_id];
  const carried = sha256(Buffer.from(JSON.stringify(of)));
  return { content: noticeEntity(notice, files), carried, revision };
}

/** Of the patch set that goes out, and of the one that distributors have, where that is another one. */
async function revisionsOf(db: Db, { id, patch_set, distributed_set }: Case) {
  const sets = await patchSets.ofCase(db, id);
  const revisionOf = (hash: string | null) => sets.find((set) => set.hash === hash)?.revision ?? null;
  const supersedes = patch_set === distributed_set ? null : revisionOf(distributed_set);
  return { revision: revisionOf(patch_set), supersedes };
}

const SCHEDULE_FIRST = 'The instant of the release is not approved: two different people have to stand behind it';

/** Who was to get it, and with which certificate. */
export function snapshot({ id, certificate }: ListContact): string {
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
    `${who} on ${list.address} was sent this at ${last}, and nothing changed since${stillHeld(inside, sent)}${withoutProof(unproved)}`,
  );
}

/** Whose copies wait for a person, or for his certificate. */
function stillHeld(people: readonly ListContact[], sent: Awaited<ReturnType<typeof deliveries.ofBundle>>): string {
  const held = new Set(sent.filter(({ state }) => state === 'held').map(({ contact_id }) => contact_id));
  const addresses = people.filter(({ id }) => held.has(id)).map(({ address }) => address);
  return addresses.length === 0 ? '' : `; copies are held of: ${addresses.join(', ')}`;
}

/** Said with a refusal, as nothing else tells of them then. */
function withoutProof(unproved: readonly UnprovedContact[]): string {
  const addresses = unproved.map(({ address }) => address).join(', ');
  return addresses === '' ? '' : `; keys are not proved of: ${addresses}`;
}
