import type { Deed } from '../audit/entry.ts';
import type { Instant } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import * as admission from '../store/admission.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as groups from '../store/groups.ts';
import * as members from '../store/members.ts';
import type { Contact, Member, MemberState } from '../store/schema.ts';
import { releaseContact, retiring } from './standing.ts';
import { next, type Step } from './state.ts';

/** Of a person who acts: which contact he is. Throws `needs-person`. */
export async function actingPerson(db: Db, personId: string | null): Promise<Contact> {
  const person = personId === null ? undefined : await contacts.byId(db, personId);
  if (!person) throw new Refusal('needs-person');
  return person;
}

/**
 * Who is out is on no list, in no group, and has no contact who acts or gets anything: what waits for one of them ends, so that nobody
 * gets it who comes again. Gives how many copies that are.
 */
export async function letGo(trx: Db, memberId: string, now: Instant): Promise<number> {
  for (const list of await members.listsOf(trx, memberId)) await members.removeFromList(trx, memberId, list);
  await groups.replace(trx, memberId, []);
  await contacts.retireAll(trx, memberId);
  await contacts.resubscribeAll(trx, memberId);
  const ids = (await contacts.ofMember(trx, memberId)).map(({ id }) => id);
  return deliveries.endOf(trx, ids, 'let-go', now);
}

/**
 * Who is out begins anew: what was said, accepted and proved before counts no more, and who was his contact then is one only if he is named again.
 * `kept`: addresses, in lower case, of contacts who stay his; those of others, and their keys, may be anybody's from now on, as anybody may
 * have applied with them. `released` is what is to be recorded of that. After `lockHolders`, in the same transaction.
 */
export async function beginAgain(
  trx: Db,
  member: Moved & Pick<Member, 'round'>,
  kept: readonly string[],
  now: number,
): Promise<{ member: Member; released: Deed[] }> {
  const nothing = { terms: null, terms_at: null, review_at: null, review_told_at: null };
  await members.change(trx, member.id, { round: member.round + 1, began_at: now, ...nothing });
  const released = await releaseOthers(trx, member.id, kept);
  await letGo(trx, member.id, now);
  await admission.dropProofs(trx, member.id);
  await moveTo(trx, member, 'apply-again', null, now);
  return { member: await mustBe(trx, member.id), released };
}

async function releaseOthers(trx: Db, memberId: string, kept: readonly string[]): Promise<Deed[]> {
  const others = (await contacts.ofMember(trx, memberId)).filter(({ address }) => !kept.includes(address));
  const deeds: Deed[] = [];
  for (const contact of others) if (!contacts.isReleased(contact)) deeds.push(await releaseContact(trx, contact));
  const ids = others.map(({ id }) => id);
  return [...deeds, ...(await certificates.retireOfContacts(trx, ids)).map(retiring)];
}

/** As he was when the step was decided on. */
type Moved = Pick<Member, 'id' | 'organisation' | 'state' | 'removed_at'>;

export async function mustBe(db: Db, id: string): Promise<Member> {
  const member = await members.byId(db, id);
  if (!member) throw new Refusal('not-found', `There is no member ${id}`);
  return member;
}

/**
 * One guarded update. Who was removed is so again where he is rejected: no application washes that off. Throws Refusal('conflict') where
 * the step is none from that state, or somebody else was first.
 */
export async function moveTo(trx: Db, member: Moved, step: Step, reason: string | null, now: number): Promise<MemberState> {
  const leads = next(member.state, step);
  if (leads === undefined) throw new Refusal('conflict', `"${member.organisation}" is ${member.state}: ${REFUSED[step]}`);
  const to = leads === 'rejected' && member.removed_at !== null ? 'removed' : leads;
  if (!(await members.setState(trx, member.id, { from: member.state, to, reason, now })))
    throw new Refusal('conflict', `"${member.organisation}" was changed meanwhile: read it again`);
  return to;
}

/** Why a step is refused from another state. */
export const REFUSED: Readonly<Record<Step, string>> = {
  vouch: 'only for who has applied is vouched',
  vet: 'only who was vouched for is judged',
  'prove-key': 'only who was vetted proves a key',
  activate: 'only who was vetted and has proved his key (prove-key) is made active',
  'hold-key': 'only who is active can be held for a key',
  'release-key': 'only who is held for a key is let go',
  suspend: 'only who is active can be suspended',
  reinstate: 'only who is suspended is reinstated',
  reject: 'only who is on the way in is rejected',
  remove: 'he is out already',
  'apply-again': 'only who is out applies again',
};

export function deed(action: string, { id, state }: Member, to: MemberState, detail: NonNullable<Deed['detail']>): Deed {
  return { action, subject: `member:${id}`, detail: { from: state, to, ...detail } };
}
