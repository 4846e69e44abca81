import type { Deed, Detail } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { type Instant, newId, toIso } from '../clock.ts';
import { baseName } from '../mail/outgoing.ts';
import { writeNotice } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import * as posts from '../store/posts.ts';
import type { Case, List } from '../store/schema.ts';
import { sha256 } from './bundle.ts';
import { draftEntity, patchEntity, recordedHash } from './contents.ts';

/*
 * The states of a case, in this order:
 *
 *   received    a report came in
 *   scheduled   it has an instant, a public text and channels; people look at them
 *   armed       two different people approved exactly what stands there
 *   released    it is public (terminal)
 *
 * Any change of instant, text, channels or patches makes another bundle: approvals of the old one count no more, and an
 * armed case is scheduled again. Only the moves in this folder change a case.
 */

/** The case, or `not-found`. `expected`: the revision that whoever asks has seen; another one is `stale`. */
export async function caseToChange(db: Db, id: string, expected?: number): Promise<Case> {
  const found = await cases.byId(db, id);
  if (!found) throw new Refusal('not-found', `There is no case ${id}`);
  if (found.state === 'released') throw new Refusal('already-released');
  if (expected !== undefined && found.revision !== expected) throw new Refusal('stale');
  return found;
}

export interface Schedule {
  releaseAt: Instant;
  subject: string;
  text: string;
  /** Addresses of public lists; all of them unless given. */
  channels?: string[];
}

/** Sets the instant and the text, and voids what was approved before. Gives the case as it stands then. */
export async function schedule(seams: Seams, caseId: string, wish: Schedule, expected?: number): Promise<Case> {
  const { db, clock } = seams;
  const seen = await caseToChange(db, caseId, expected);
  if (wish.releaseAt <= clock.now()) throw new Refusal('past-instant');
  if (wish.subject.trim() === '' || wish.text.trim() === '')
    throw new Refusal('invalid', 'The public text and its subject must not be empty');
  const channels = await channelsFor(db, wish.channels);
  const list = await listOf(db, seen);
  const draft = await writeNotice(seams, list, { kind: 'draft', caseId }, draftEntity(wish));
  return db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    await posts.insert(trx, draft);
    const to = { release_at: wish.releaseAt, draft_post_id: draft.id, channels: channels.join(' ') };
    const scheduled = await change(trx, clock.now(), seen, to);
    await record(trx, seams, bundled('case.schedule', scheduled, { releaseAt: toIso(wish.releaseAt), channels }));
    return scheduled;
  });
}

async function channelsFor(db: Db, wanted?: string[]): Promise<string[]> {
  const open = (await lists.all(db)).filter(({ role }) => role === 'public').map(({ address }) => address);
  const channels = wanted?.map((address) => address.toLowerCase()) ?? open;
  const unknown = channels.filter((address) => !open.includes(address));
  if (unknown.length > 0) throw new Refusal('invalid', `No public list: ${unknown.join(', ')}. There are: ${open.join(', ')}`);
  if (channels.length === 0) throw new Refusal('invalid', 'A release needs at least one public list');
  return [...new Set(channels)].sort();
}

export interface AddedPatch {
  id: string;
  name: string;
  /** Hex. */
  sha256: string;
}

/** Adds a patch, byte for byte. The name's last segment is kept. Throws `conflict` where the very same file is there. */
export async function addPatch(
  seams: Seams,
  caseId: string,
  file: { name: string; bytes: Uint8Array },
  expected?: number,
): Promise<{ case: Case; patch: AddedPatch }> {
  const { db, clock, keyring, pgp } = seams;
  const seen = await caseToChange(db, caseId, expected);
  if (file.bytes.length === 0) throw new Refusal('invalid', 'The patch is empty');
  const list = await listOf(db, seen);
  const key = keyring.find(list.fingerprint);
  if (!key) throw new Error(`there is no key for ${list.address}`);
  const patch = { id: newId(clock), name: baseName(file.name), sha256: sha256(file.bytes) };
  const entity = patchEntity(patch.name, file.bytes);
  const digest = sha256(entity);
  const content = await pgp.keep(entity, key.certificate, clock.now());
  const changed = await db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    if (await cases.hasPatch(trx, caseId, digest))
      throw new Refusal('conflict', `The case has this very file already: ${patch.name}`);
    await cases.insertPatch(trx, {
      id: patch.id,
      case_id: caseId,
      sha256: patch.sha256,
      digest,
      size: file.bytes.length,
      content,
      created_at: clock.now(),
    });
    const next = await change(trx, clock.now(), seen, {});
    await record(trx, seams, bundled('case.add-patch', next, { patch: patch.id, sha256: patch.sha256 }));
    return next;
  });
  return { case: changed, patch };
}

/** Takes a patch out of what will be distributed and released. */
export async function withdrawPatch(seams: Seams, caseId: string, patchId: string, expected?: number): Promise<Case> {
  const { db, clock } = seams;
  const seen = await caseToChange(db, caseId, expected);
  return db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    const known = (await cases.patches(trx, caseId)).some(({ id }) => id === patchId);
    if (!known || !(await cases.withdrawPatch(trx, patchId, clock.now())))
      throw new Refusal('not-found', 'The case has no such patch');
    const next = await change(trx, clock.now(), seen, {});
    await record(trx, seams, bundled('case.withdraw-patch', next, { patch: patchId }));
    return next;
  });
}

/** A change of what is to be approved, with the hash of what stands there now. */
function bundled(action: string, { id, bundle_hash, revision }: Case, detail: Detail): Deed {
  return { action, subject: `case:${id}`, detail: { ...detail, revision, bundle: bundle_hash } };
}

/** One guarded update: the next revision, the hash of what stands there now, and no approval of what stood there before. */
async function change(
  trx: Db,
  now: Instant,
  seen: Case,
  to: Partial<Pick<Case, 'release_at' | 'draft_post_id' | 'channels'>>,
): Promise<Case> {
  const next: Case = { ...seen, ...to, revision: seen.revision + 1, updated_at: now };
  const hash = await recordedHash(trx, next);
  const { state, ...changed } = {
    ...next,
    state: hash ? ('scheduled' as const) : seen.state,
    bundle_hash: hash,
    overdue_told_at: null,
  };
  if (!(await cases.change(trx, seen, { ...changed, state }))) throw new Refusal('stale');
  return { ...changed, state };
}

async function listOf(db: Db, about: Case): Promise<List> {
  const list = await lists.byId(db, about.list_id);
  if (!list) throw new Error(`the list of ${about.id} is gone`);
  return list;
}
