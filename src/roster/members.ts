import { record } from '../audit/record.ts';
import { letInsidersHave } from '../delivery/need-to-know.ts';
import type { Written } from '../delivery/send.ts';
import { Refusal } from '../refusal.ts';
import type { Local, Seams } from '../seams.ts';
import * as audit from '../store/audit.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as groups from '../store/groups.ts';
import * as lists from '../store/lists.ts';
import * as members from '../store/members.ts';
import type { Contact, Member } from '../store/schema.ts';
import { versionOf } from '../store/version.ts';
import { usableKept } from './known.ts';
import { unfitNewName } from './plan.ts';
import { isCandidate, isOut } from './state.ts';
import { prepareNotice, tellMember } from './tell.ts';

/** What an admin changes of a member; what is left out stays. */
export interface MemberChange {
  /** Its name from now on. */
  organisation?: string;
  product?: string | null;
  /** Addresses of all that he is to be on. */
  lists?: readonly string[];
  /** Names of all that he is to be in. */
  groups?: readonly string[];
}

/**
 * Changes a member's name, product, lists and groups: what he is sent from now on, what is held for him that he may have then included. Of
 * another name and other lists he is told; of lists not who is on the way in and gets nothing yet. `expected`: the version that whoever
 * asks has seen. Throws Refusal: not-found, stale; invalid for another list, or what no organisation may be called; conflict where he is
 * out, where another one is called that, or where an intake list would be left without readers.
 */
export async function changeMember(
  seams: Seams,
  id: string,
  { organisation, product, lists: wanted, groups: named }: MemberChange,
  expected?: string,
): Promise<Member> {
  const { db, clock } = seams;
  const told = wanted && (await prepareListNews(seams, id, wanted));
  const readers = wanted ? await usableReaders(seams) : new Set<string>();
  const renamed = organisation === undefined ? undefined : await prepareNameNews(seams, id, organisation);
  return db.transaction().execute(async (trx) => {
    // Whoever enters or renames another one under a name that reads the same waits here.
    if (organisation !== undefined) await certificates.lockHolders(trx);
    await members.lock(trx, id);
    const member = await members.byId(trx, id);
    if (!member) throw new Refusal('not-found', `There is no member ${id}`);
    await mustBeVersion(trx, member, expected);
    if (isOut(member.state)) throw new Refusal('conflict', `"${member.organisation}" is ${member.state}`);
    const isRenamed = organisation !== undefined && organisation !== member.organisation;
    if (isRenamed) await mustBeFree(trx, id, organisation);
    const before = await members.listsOf(trx, id);
    const after = wanted === undefined ? before : [...new Set(await listsWithMembers(trx, wanted))];
    await mustNotJoinTeam(
      trx,
      seams,
      after.filter((list) => !before.includes(list)),
    );
    for (const list of after) if (!before.includes(list)) await members.addToList(trx, id, list);
    for (const list of before) if (!after.includes(list)) await members.removeFromList(trx, id, list);
    await mustHaveReaders(
      trx,
      before.filter((list) => !after.includes(list)),
      readers,
    );
    const regrouped = named === undefined ? {} : await changeGroups(trx, id, named);
    const had = wanted || named ? await letInsidersHave(trx, clock, { memberId: id }) : {};
    const facts = { ...(isRenamed ? { organisation } : {}), ...(product === undefined ? {} : { product }) };
    const to = { ...facts, updated_at: clock.now() };
    await members.change(trx, id, to);
    const moved = after.length !== before.length || after.some((list) => !before.includes(list));
    if (told && moved && !isCandidate(member.state)) await tellMember(trx, seams, told, id);
    if (renamed && isRenamed) await tellMember(trx, seams, renamed, id);
    const formerly = isRenamed ? { organisationBefore: member.organisation } : {};
    const detail = { ...facts, ...formerly, lists: after, before, ...regrouped, ...had };
    await record(trx, seams, { action: 'member.change', subject: `member:${id}`, detail });
    return { ...member, ...to };
  });
}

async function prepareListNews(seams: Seams, id: string, wanted: readonly string[]): Promise<Written | undefined> {
  const member = await members.byId(seams.db, id);
  const lists = [...new Set(wanted.map((list) => list.toLowerCase()))].sort();
  return member && prepareNotice(seams, seams.words.listsChanged({ organisation: member.organisation, lists }));
}

async function prepareNameNews(seams: Seams, id: string, organisation: string): Promise<Written | undefined> {
  const member = await members.byId(seams.db, id);
  return member && prepareNotice(seams, seams.words.renamed({ before: member.organisation, organisation }));
}

/** Throws Refusal: invalid where no organisation may be called that; conflict where another one is, or reads the same. */
async function mustBeFree(trx: Db, id: string, organisation: string): Promise<void> {
  const unfit = unfitNewName(
    (await members.named(trx)).filter((other) => other.id !== id),
    organisation,
  );
  if (unfit) throw unfit;
}

/**
 * After `members.lock`, in the same transaction: until that ends, nobody else changes him. `expected`: undefined where nobody says what he
 * saw. Throws Refusal `stale` where his row, his lists or his groups are others by now.
 */
export async function mustBeVersion(trx: Db, member: Member, expected: string | undefined): Promise<void> {
  if (expected !== undefined && versionOf(await members.placed(trx, member)) !== expected) throw new Refusal('stale');
}

/** Gives what is recorded of it. */
async function changeGroups(trx: Db, id: string, wanted: readonly string[]) {
  const [before, after] = [await groups.ofMember(trx, id), [...new Set(wanted)].sort()];
  await groups.replace(trx, id, after);
  return { groups: after, groupsBefore: before };
}

/** Ids of certificates that can be encrypted to, of all who get what is reported. Asked before a transaction. */
export async function usableReaders({ db, pgp, clock }: Pick<Seams, 'db' | 'pgp' | 'clock'>): Promise<Set<string>> {
  const usable = new Set<string>();
  for (const { id } of (await lists.all(db)).filter(({ role }) => role === 'intake'))
    for (const { certificate } of await contacts.activeOfList(db, id))
      if (certificate && (await usableKept({ db, pgp }, certificate.data, clock.now())).usable) usable.add(certificate.id);
  return usable;
}

/**
 * After somebody's copies, or what they are sealed to, were taken from him. `usable`: `usableReaders`. Throws Refusal('conflict') where one of
 * these is an intake list, and nobody is left who gets what is reported to it, to a certificate that can be encrypted to. Where nobody was
 * before either, nothing is taken: who has left is retired all the same.
 */
export async function mustHaveReaders(trx: Db, listIds: readonly string[], usable: ReadonlySet<string>): Promise<void> {
  if (usable.size === 0) return;
  for (const id of [...listIds].sort()) {
    const list = await lists.byId(trx, id);
    if (list?.role !== 'intake') continue;
    // Whoever takes another reader away at the same time waits here, and then counts without the one that went before.
    await lists.lock(trx, id);
    if (!(await contacts.activeOfList(trx, id)).some(({ certificate }) => certificate && usable.has(certificate.id)))
      throw new Refusal(
        'conflict',
        `Nobody would be left who has a certificate that can be encrypted to and gets what is reported to ${list.address}`,
      );
  }
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

/**
 * Who is on an intake list is of the response team, and approves: over the network nobody is put there, as one token would else be as many
 * people as it made. Throws Refusal('forbidden') where one of these is an intake list, and whoever acts is not on the host.
 */
export async function mustNotJoinTeam(db: Db, { role }: Pick<Local, 'role'>, listIds: readonly string[]): Promise<void> {
  if (role === undefined || !(await holdsIntake(db, listIds))) return;
  throw new Refusal(
    'forbidden',
    'Who is of the response team is said on the host: curfew roster import, or curfew roster reinstate',
  );
}

/**
 * A certificate that counts for somebody of the response team signs approvals as he does. So whoever gave it is not the one who approves it,
 * unless he is its owner: he would be two people. Throws Refusal('forbidden') where `byId` may not, or no person is known to have given it.
 */
export async function mustBeGivenByAnother(
  db: Db,
  { id, member_id, address }: Contact,
  certificateId: string,
  byId: string,
): Promise<void> {
  if (id === byId || !(await holdsIntake(db, await members.listsOf(db, member_id)))) return;
  const given = await audit.page(db, { action: 'certificate.propose', subject: `contact:${id}`, limit: GIVEN });
  const last = given.find(({ line }) => JSON.parse(line).detail.certificate === certificateId);
  if (!last?.actor.startsWith('person:'))
    throw new Refusal(
      'forbidden',
      `${address} is of the response team, and no person gave this certificate: refuse it, give it with the token of a person, and let another one approve it`,
    );
  if (last.actor === `person:${byId}`)
    throw new Refusal(
      'forbidden',
      `${address} is of the response team, and you gave this certificate: he himself approves it, or another person`,
    );
}

/** So many of the last certificates that somebody was given are looked through. */
const GIVEN = 100;

async function holdsIntake(db: Db, listIds: readonly string[]): Promise<boolean> {
  return (await lists.all(db)).some(({ id, role }) => role === 'intake' && listIds.includes(id));
}
