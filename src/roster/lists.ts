import { type Clock, newId } from '../clock.ts';
import { createListKey, writeListKey } from '../pgp/keyring.ts';
import type { Database } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import type { List, ListRole } from '../store/schema.ts';

export interface ListMaking {
  db: Database;
  clock: Clock;
  /** Folder of the list keys. */
  keys: string;
  /** What the secret part is protected with. */
  passphrase: string;
}

/**
 * Makes a list with a key of its own. The key's file is on disk before the row that names it; a file without a row
 * harms nobody. Throws Refusal('conflict') where the address is a list already.
 */
export async function createList(
  { db, clock, keys, passphrase }: ListMaking,
  { address, role, name }: { address: string; role: ListRole; name: string },
): Promise<List> {
  const now = clock.now();
  const { fingerprint, armored } = await createListKey({ name, address, passphrase, now });
  await writeListKey(keys, { fingerprint, armored });
  const list = { id: newId(clock), address: address.toLowerCase(), role, name, fingerprint, created_at: now };
  return lists.insert(db, list);
}
