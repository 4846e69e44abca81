import { record } from '../audit/record.ts';
import { newId } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import type { Local } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import * as members from '../store/members.ts';
import type { Member } from '../store/schema.ts';
import { mayActivate, maySuspend } from './state.ts';

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
  const member: Member = {
    id: newId(clock),
    organisation,
    product,
    state: 'applied',
    reason: null,
    created_at: now,
    updated_at: now,
  };
  await db.transaction().execute(async (trx) => {
    const ids = await listsWithMembers(trx, wanted);
    await members.insert(trx, member);
    for (const id of ids) await members.addToList(trx, member.id, id);
    await record(trx, local, {
      action: 'member.add',
      subject: `member:${member.id}`,
      detail: { organisation, product, lists: ids },
    });
  });
  return member;
}

async function listsWithMembers(db: Db, addresses: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const address of addresses) {
    const list = await lists.byAddress(db, address);
    if (!list || list.role === 'public') throw new Refusal('invalid', `${address} is no list that has members`);
    ids.push(list.id);
  }
  return ids;
}

/**
 * Activates or suspends a member, for a recorded reason.
 * Throws Refusal: not-found; conflict where his state does not allow it (state.ts), or changed meanwhile.
 */
export async function changeMember(
  local: Local,
  id: string,
  { to, reason }: { to: 'active' | 'suspended'; reason: string },
): Promise<Member> {
  const { db, clock } = local;
  if (reason.trim() === '') throw new Refusal('invalid', 'A reason is needed: it is recorded');
  const seen = await members.byId(db, id);
  if (!seen) throw new Refusal('not-found', `There is no member ${id}`);
  const allowed = to === 'active' ? mayActivate : maySuspend;
  if (!allowed(seen.state)) throw new Refusal('conflict', `"${seen.organisation}" is ${seen.state}: it cannot become ${to}`);
  const now = clock.now();
  await db.transaction().execute(async (trx) => {
    if (!(await members.setState(trx, id, { from: seen.state, to, reason, now })))
      throw new Refusal('conflict', `"${seen.organisation}" was changed meanwhile: read it again`);
    await record(trx, local, { action: `member.${to}`, subject: `member:${id}`, detail: { from: seen.state, reason } });
  });
  return { ...seen, state: to, reason, updated_at: now };
}
