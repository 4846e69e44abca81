import { decide } from '../../src/roster/admission.ts';
import { apply } from '../../src/roster/apply.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { type House, LISTS } from '../support/house.ts';

/** Alpha, who was removed, applies with the contact and certificate that it had, and is active on the list again. */
export async function admittedAgain(house: House, memberId: string): Promise<void> {
  const [alpha] = house.members;
  const rules = { project: 'orbit', criteria: CRITERIA, terms: null };
  await apply(house, rules, {
    organisation: 'Alpha',
    product: null,
    contact: { address: alpha.address, name: null, certificate: alpha.public },
    terms: null,
    answers: CRITERIA.map(({ id: criterion }) => ({ criterion, answer: 'Yes.', evidence: null })),
  });
  await house.db.updateTable('members').set({ state: 'key_proved' }).where('id', '=', memberId).execute();
  await house.db.updateTable('contacts').set({ proved_at: 1 }).where('id', '=', alpha.contactId).execute();
  await decide(house, rules, memberId, 'activate', { reason: 'again', lists: [LISTS.distributors] });
}
