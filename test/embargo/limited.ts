import { limitCase } from '../../src/embargo/need-to-know.ts';
import { changeMember } from '../../src/roster/members.ts';
import * as contacts from '../../src/store/contacts.ts';
import type { House, Person } from '../support/house.ts';

/** Of a contact, the member. */
export async function memberOf({ db }: House, { contactId }: Person): Promise<string> {
  const contact = await contacts.byId(db, contactId);
  if (!contact) throw new Error(`there is no contact ${contactId}`);
  return contact.member_id;
}

/** These groups are all that he is in. */
export async function regroup(house: House, person: Person, ...groups: string[]): Promise<void> {
  await changeMember(house, await memberOf(house, person), { groups });
}

/** Alpha alone, as the only one in the group `cloud`. */
export async function limitToAlpha(house: House, caseId: string): Promise<void> {
  await regroup(house, house.members[0], 'cloud');
  await limitCase(house, caseId, { groups: ['cloud'], members: [] });
}
