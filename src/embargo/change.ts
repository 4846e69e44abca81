import type { Deed, Detail } from '../audit/entry.ts';
import type { Instant } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as patchSets from '../store/patch-sets.ts';
import type { Case } from '../store/schema.ts';
import { presentPatchSet, recordedHash } from './contents.ts';
import { NO_PROPOSAL, type Proposal, parted, proposalOf } from './proposal.ts';

/** A change of what is to be approved, with the hash of what stands there now, and of what is proposed beside it. */
export function bundled(action: string, { id, bundle_hash, proposed_hash, revision }: Case, detail: Detail): Deed {
  const proposed = proposed_hash === null ? {} : { proposed: proposed_hash };
  return { action, subject: `case:${id}`, detail: { ...detail, revision, bundle: bundle_hash, ...proposed } };
}

/**
 * One guarded update: the next revision, the hash of what stands there now, and no approval of what stood there before. The same bundle
 * stays as it is, and so does one that is armed: what of the change can wait is proposed. `waits: false`: it cannot.
 */
export async function change(
  trx: Db,
  now: Instant,
  seen: Case,
  to: Partial<Case>,
  { waits = true }: { waits?: boolean } = {},
): Promise<Case> {
  const { waiting, atOnce } = parted(to);
  return waits && seen.state === 'armed' && Object.keys(waiting).length > 0
    ? update(trx, seen, { ...atOnce, ...(await proposing(trx, now, seen, waiting)), updated_at: now })
    : changeAtOnce(trx, now, seen, to);
}

/** What is proposed then: that, and what was before. */
export async function proposing(trx: Db, now: Instant, seen: Case, waiting: Proposal) {
  const proposal = { ...proposalOf(seen), ...waiting };
  const hash = await recordedHash(trx, { ...seen, ...proposal });
  return { proposal: JSON.stringify(proposal), proposed_hash: hash, proposed_at: now };
}

async function changeAtOnce(trx: Db, now: Instant, seen: Case, wanted: Partial<Case>): Promise<Case> {
  // Where it is armed no more, what was proposed beside it is what people look at next. A withdrawal is of what stood there.
  const isSame = (await recordedHash(trx, { ...seen, ...wanted })) === seen.bundle_hash;
  const to = isSame ? wanted : { ...(wanted.aside === 'withdrawn' ? {} : proposalOf(seen)), ...NO_PROPOSAL, ...wanted };
  const present = await presentPatchSet(trx, seen.id);
  // Its hash is over ids, names and octets: what was approved once is the same when it stands there again.
  const approved = (await patchSets.ofCase(trx, seen.id)).some((set) => set.hash === present);
  const patch_set = approved ? present : null;
  const hash = await recordedHash(trx, { ...seen, ...to });
  const state = stateAfter(seen, hash);
  const changed = {
    patch_set,
    ...to,
    state,
    ...(seen.state === 'armed' && state !== 'armed' ? { disarmed_at: now } : {}),
    bundle_hash: hash,
    updated_at: now,
  };
  return update(trx, seen, changed);
}

async function update(trx: Db, seen: Case, to: Partial<Case>): Promise<Case> {
  const changed = { ...to, revision: seen.revision + 1 };
  if (!(await cases.change(trx, seen, changed))) throw new Refusal('stale');
  return { ...seen, ...changed };
}

function stateAfter(seen: Case, hash: string | null): Case['state'] {
  if (hash !== null && hash === seen.bundle_hash) return seen.state;
  return hash === null ? 'received' : 'scheduled';
}
