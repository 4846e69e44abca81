import type { Deed, Detail } from '../audit/entry.ts';
import type { Instant } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as patchSets from '../store/patch-sets.ts';
import type { Case } from '../store/schema.ts';
import { presentPatchSet, recordedHash } from './contents.ts';

/** A change of what is to be approved, with the hash of what stands there now. */
export function bundled(action: string, { id, bundle_hash, revision }: Case, detail: Detail): Deed {
  return { action, subject: `case:${id}`, detail: { ...detail, revision, bundle: bundle_hash } };
}

/** One guarded update: the next revision, the hash of what stands there now, and no approval of what stood there before. The same bundle stays as it is. */
export async function change(trx: Db, now: Instant, seen: Case, to: Partial<Case>): Promise<Case> {
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
    revision: seen.revision + 1,
    updated_at: now,
  };
  if (!(await cases.change(trx, seen, changed))) throw new Refusal('stale');
  return { ...seen, ...changed };
}

function stateAfter(seen: Case, hash: string | null): Case['state'] {
  if (hash !== null && hash === seen.bundle_hash) return seen.state;
  return hash === null ? 'received' : 'scheduled';
}
