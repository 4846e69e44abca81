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
  return local.db.transaction().execute(async (trx) => {
    const ids = await listsWithMembers(trx, wanted);
    const member = await enterMember(trx, local, { organisation, product });
    for (const id of ids) await members.addToList(trx, member.id, id);
    await record(trx, local, {
      action: 'member.add',
      subject: `member:${member.id}`,
      detail: { organisation, product, lists: ids },
    });
    return member;
  });
}

/** Writes a new member in the state `applied`. Throws Refusal('conflict') where the organisation is there. */
export async function enterMember(
  trx: Db,
  { clock }: Pick<Local, 'clock'>,
  { organisation, product }: { organisation: string; product: string | null },
): Promise<Member> {
  const [id, now] = [newId(clock), clock.now()];
  await members.insert(trx, { id, organisation, product, state: 'applied', reason: null, created_at: now, updated_at: now });
  const member = await members.byId(trx, id);
  if (!member) throw new Error('a member that was written is not there');
  return member;
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
