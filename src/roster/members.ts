import { record } from '../audit/record.ts';
import { newId } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import type { Local } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import * as members from '../store/members.ts';
import type { Member } from '../store/schema.ts';

/**
 * Adds a member in the state `applied`. `lists`: addresses of lists that have members.
 * Throws Refusal: invalid (another list), conflict (the organisation is there).
 */
export async function addMember(
  local: Local,
  { organisation, product, lists: wanted }: { organisation: string; product: string | null; lists: readonly string[] },
): Promise<Member> {
  const { db, clock } = local;
  const now = clock.now();
  const row = {
    id: newId(clock),
    organisation,
    product,
    state: 'applied' as const,
    reason: null,
    created_at: now,
    updated_at: now,
  };
  return db.transaction().execute(async (trx) => {
    const ids = await listsWithMembers(trx, wanted);
    await members.insert(trx, row);
    for (const id of ids) await members.addToList(trx, row.id, id);
    await record(trx, local, {
      action: 'member.add',
      subject: `member:${row.id}`,
      detail: { organisation, product, lists: ids },
    });
    const member = await members.byId(trx, row.id);
    if (!member) throw new Error('a member that was written is not there');
    return member;
  });
}

/** Ids of lists. Throws Refusal('invalid') where one of the addresses is no list that has members. */
export async function listsWithMembers(db: Db, addresses: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const address of addresses) {
    const list = await lists.byAddress(db, address);
    if (!list || list.role === 'public') throw new Refusal('invalid', `${address} is no list that has members`);
    ids.push(list.id);
  }
  return ids;
}
