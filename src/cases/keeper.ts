import type { Seams } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import type { Case, List } from '../store/schema.ts';

/** The intake list that a case came to: what is written of the case is sealed to its key. */
export async function keeperOf(db: Db, { id, list_id }: Pick<Case, 'id' | 'list_id'>): Promise<List> {
  const list = await lists.byId(db, list_id);
  if (!list) throw new Error(`the list of ${id} is gone`);
  return list;
}

/** What opens what was ever sealed to a list; empty where no key of it is here. */
export async function secretsOf({ db, keyring }: Pick<Seams, 'db' | 'keyring'>, listId: string): Promise<Uint8Array[]> {
  const list = await lists.byId(db, listId);
  return (list ? keyring.family(list.fingerprint) : []).map(({ secret }) => secret);
}
