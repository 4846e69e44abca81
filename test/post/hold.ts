import { encryptedMail } from '../support/compose.ts';
import { type House, LISTS } from '../support/house.ts';
import { arrive, letterOf, listCertificate } from './arrive.ts';

/** A post of Alpha's for the private list that is held, as it was written to somebody else. Gives its id; a second passes. */
export async function holdPost(house: House): Promise<string> {
  const [alpha] = house.members;
  const letter = letterOf(house, alpha, { to: 'x@y.example' });
  house.clock.moveTo(house.clock.now() + 1000);
  const raw = await encryptedMail(letter, { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha });
  return (await arrive(house, raw, { to: LISTS.distributors })).id;
}
