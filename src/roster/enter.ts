import type { Deed, Detail } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { newId } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import type { Local } from '../seams.ts';
import * as certificates from '../store/certificates.ts';
import type { Db } from '../store/database.ts';
import * as groups from '../store/groups.ts';
import * as members from '../store/members.ts';
import type { Member } from '../store/schema.ts';
import { listsWithMembers, mustNotJoinTeam } from './members.ts';
import { callable, likenesses, malformedName, nameTaken, takenNames } from './plan.ts';
import { beginAgain } from './steps.ts';

/** What somebody writes down who did not apply by himself. */
export interface NewEntry {
  organisation: string;
  product: string | null;
  /** Addresses of lists that have members. */
  lists: readonly string[];
  /** Names. */
  groups?: readonly string[];
}

/**
 * Adds a member in the state `applied`, also in the place of one that was rejected.
 * Throws Refusal: invalid (another list, a name that is none), forbidden (an intake list, over the network), conflict (the organisation, or one that reads the same, is there).
 */
export async function addMember(
  local: Local,
  { organisation, product, lists: wanted, groups: names = [] }: NewEntry,
): Promise<Member> {
  return local.db.transaction().execute(async (trx) => {
    await certificates.lockHolders(trx);
    const ids = await listsWithMembers(trx, wanted);
    await mustNotJoinTeam(trx, local, ids);
    const { member, former, released } = await enterMember(trx, local, { organisation, product });
    for (const id of ids) await members.addToList(trx, member.id, id);
    await groups.replace(trx, member.id, [...new Set(names)]);
    const detail = { organisation, product, lists: ids, groups: [...names], ...startedAnew(member, former) };
    await record(trx, local, ...released, { action: 'member.add', subject: `member:${member.id}`, detail });
    return member;
  });
}

/** What is recorded of who was rejected before. */
export function startedAnew(
  { organisation, round }: Pick<Member, 'organisation' | 'round'>,
  former: Pick<Member, 'organisation' | 'state'> | null,
): Detail {
  if (!former) return {};
  const renamed = former.organisation === organisation ? {} : { formerly: former.organisation };
  return { from: former.state, round, ...renamed };
}

/** A member that is on the way in as of now. */
export interface Entered {
  member: Member;
  /** As he was where he was rejected before, under this name or one that reads the same. */
  former: Member | null;
  /** What is to be recorded of those who were his contacts. */
  released: Deed[];
}

/**
 * Writes a member in the state `applied`: a new one, or in the place of one that was rejected, as anybody may have applied under its name.
 * `kept`: as for `beginAgain`. After `lockHolders`, in the same transaction. Throws Refusal: invalid where no organisation may be called
 * that; conflict where it, or one that reads the same, is there.
 */
export async function enterMember(
  trx: Db,
  { clock }: Pick<Local, 'clock'>,
  { organisation, product }: { organisation: string; product: string | null },
  kept: readonly string[] = [],
): Promise<Entered> {
  const malformed = malformedName(organisation);
  if (malformed !== undefined) throw new Refusal('invalid', malformed);
  const named = await members.named(trx);
  const taken = nameTaken(likenesses(takenNames(named)), organisation);
  if (taken !== undefined) throw new Refusal('conflict', taken);
  const now = clock.now();
  const former = await formerOf(trx, organisation, named);
  if (former?.state === 'rejected') {
    const { member, released } = await beginAgain(trx, former, kept, now);
    await members.change(trx, member.id, { organisation, product });
    return { member: { ...member, organisation, product }, former, released };
  }
  const id = newId(clock);
  await members.insert(trx, { id, organisation, product, state: 'applied', reason: null, created_at: now, updated_at: now });
  const member = await members.byId(trx, id);
  if (!member) throw new Error('a member that was written is not there');
  return { member, former: null, released: [] };
}

/** Who is called that, or was rejected under a name that reads the same. */
async function formerOf(db: Db, organisation: string, named: readonly members.Named[]): Promise<Member | undefined> {
  const found = callable(named)(organisation);
  return found && members.byId(db, found.id);
}
