import type { Detail } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { newId } from '../clock.ts';
import { createListKey, writeListKey } from '../pgp/keyring.ts';
import { Refusal } from '../refusal.ts';
import type { Local } from '../seams.ts';
import * as lists from '../store/lists.ts';
import type { List, ListChange, ListRole } from '../store/schema.ts';
import { versionOf } from '../store/version.ts';

export interface ListMaking extends Local {
  /** Folder of the list keys. */
  keys: string;
  /** What the secret part is protected with. */
  passphrase: string;
}

/**
 * Makes a list with a key of its own. The key's file is on disk before the row that names it counts, and not where that
 * cannot be logged; a file without a row harms nobody. Throws Refusal('conflict') where the address is a list already.
 */
export async function createList(
  { keys, passphrase, ...local }: ListMaking,
  { address, role, name }: { address: string; role: ListRole; name: string },
): Promise<List> {
  const { db, clock } = local;
  const now = clock.now();
  const { fingerprint, armored } = await createListKey({ name, address, passphrase, now });
  const list = { id: newId(clock), address: address.toLowerCase(), role, name, fingerprint, created_at: now };
  return db.transaction().execute(async (trx) => {
    const made = await lists.insert(trx, list);
    await record(trx, local, {
      action: 'list.create',
      subject: `list:${list.id}`,
      detail: { address: list.address, role, fingerprint },
    });
    await writeListKey(keys, { fingerprint, armored });
    return made;
  });
}

/**
 * Changes what a list takes and what it adds. `expected`: the version that whoever asks has seen.
 * Throws Refusal: not-found; stale; invalid where its role does not allow that.
 */
export async function changeList(local: Local, id: string, change: ListChange, expected?: string): Promise<List> {
  return local.db.transaction().execute(async (trx) => {
    await lists.lock(trx, id);
    const list = await lists.byId(trx, id);
    if (!list) throw new Refusal('not-found', `There is no list ${id}`);
    if (expected !== undefined && versionOf(list) !== expected) throw new Refusal('stale');
    if (list.role === 'private' && change.members_only === 0)
      throw new Refusal('invalid', 'A private list takes posts of its members and the team alone');
    await lists.change(trx, id, change);
    await record(trx, local, { action: 'list.change', subject: `list:${id}`, detail: change as Detail });
    return { ...list, ...change } as List;
  });
}
