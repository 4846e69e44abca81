import { armorCertificate } from '../../src/pgp/certificate.ts';
import { destination } from '../../src/post/destination.ts';
import { receive } from '../../src/post/receive.ts';
import type { Accepted } from '../../src/post/received.ts';
import * as posts from '../../src/store/posts.ts';
import type { Delivery, Post } from '../../src/store/schema.ts';
import type { Letter } from '../support/compose.ts';
import { type House, LISTS } from '../support/house.ts';
import type { Party } from '../support/party.ts';

/** A mail comes in, as SMTP hands it over. The sender is nobody's unless told. */
export async function arrive(
  house: House,
  raw: Uint8Array,
  { to = LISTS.security, sender = 'rita@example.org' }: { to?: string; sender?: string | null } = {},
): Promise<Accepted> {
  const found = await destination(house.db, house.identity.domain, to);
  return receive(house, house.identity, found, { sender, receivedAt: house.clock.now(), raw });
}

/** Armored. */
export function listCertificate({ keyring }: Pick<House, 'keyring'>, address: string): string {
  const key = keyring.all().find((one) => one.address === address);
  if (!key) throw new Error(`no key for ${address}`);
  return armorCertificate(key.certificate);
}

export const CANARY = 'canary-6f1d';

/** Every word of a person in it carries the canary. */
export function letterOf(house: House, from: Party, change: Partial<Letter> = {}): Letter {
  const words = { subject: `About the ${CANARY}`, outerSubject: '...', text: `The ${CANARY} crashes.\n` };
  return { from, to: LISTS.security, ...words, at: house.clock.now(), ...change };
}

export async function postOf({ db }: House, { id }: Pick<Accepted, 'id'>): Promise<Post> {
  const post = await posts.byId(db, id);
  if (!post) throw new Error(`there is no post ${id}`);
  return post;
}

/** Every post and every copy, in the order of their making. */
export async function everything({ db }: House): Promise<{ posts: Post[]; copies: Delivery[] }> {
  return {
    posts: await db.selectFrom('posts').selectAll().orderBy('id').execute(),
    copies: await db.selectFrom('deliveries').selectAll().orderBy('address').execute(),
  };
}
