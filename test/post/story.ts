import { dispatch } from '../../src/embargo/dispatch.ts';
import { release } from '../../src/embargo/release.ts';
import { threadAddress } from '../../src/mail/address.ts';
import type { Accepted } from '../../src/post/received.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import type { Delivery } from '../../src/store/schema.ts';
import { outbox } from '../delivery/outbox.ts';
import { armed, caseOf } from '../embargo/armed.ts';
import { encryptedMail, type Letter } from '../support/compose.ts';
import { type House, LISTS, type Person } from '../support/house.ts';
import { arrive, letterOf, listCertificate } from './arrive.ts';

export const REQUEST = 'distributors-request@orbit.example';
let serial = 0;

export type Story = Awaited<ReturnType<typeof storyOf>>;

/** An armed case, and what its people do about it. A second passes before each of their mails. */
export async function storyOf(house: House) {
  const { id, thread_token } = await armed(house);
  const thread = threadAddress(LISTS.distributors, id, thread_token);
  const write = async (from: Person, to: string, change: Partial<Letter> = {}): Promise<Accepted> => {
    house.clock.moveTo(house.clock.now() + 1000);
    const letter = letterOf(house, from, { to, text: `Words ${++serial}.\n`, ...change });
    const sealed = await encryptedMail(letter, { recipients: [listCertificate(house, LISTS.distributors)], signer: from });
    return arrive(house, sealed, { to, sender: from.address });
  };
  const copies = () => deliveries.page(house.db, { limit: 999, caseId: id });
  return {
    id,
    write,
    /** Every copy of it, newest first. */
    copies,
    box: outbox(house),
    post: (from: Person) => write(from, thread),
    ask: (from: Person, text: string) => write(from, REQUEST, { text }),
    dispatch: () => dispatch(house, id, LISTS.distributors),
    /** The newest of the person. */
    copyOf: async ({ contactId }: Person): Promise<Delivery> => {
      const copy = (await copies()).find(({ contact_id }) => contact_id === contactId);
      if (!copy) throw new Error('there is no copy');
      return copy;
    },
    release: async () => {
      house.clock.moveTo((await caseOf(house, id)).release_at ?? 0);
      await release(house, id);
    },
  };
}
