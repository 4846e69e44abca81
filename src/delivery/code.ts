import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import type { Delivery } from '../store/schema.ts';
import * as secrets from '../store/secrets.ts';

/** What a token of a copy is good for, and the hexadecimal digits of its code: each more is four bits to be guessed. */
const DIGITS = {
  /** To be guessed over SMTP; local parts end at 64 octets (RFC 5321 §4.5.3.1.1). */
  bounce: 10,
  acknowledgement: 32,
} as const;
type Purpose = keyof typeof DIGITS;

/** Characters of an id (clock.ts). */
const ID_LENGTH = 26;

/** Characters of such a token. */
export function lengthFor(purpose: Purpose): number {
  return ID_LENGTH + DIGITS[purpose];
}

/** The id of a copy, and a code that this installation alone can make. */
export async function tokenFor(db: Db, purpose: Purpose, deliveryId: string): Promise<string> {
  return (await tokensFor(db, purpose))(deliveryId);
}

/** As `tokenFor`, for whoever has many copies. */
export async function tokensFor(db: Db, purpose: Purpose): Promise<(deliveryId: string) => string> {
  const key = await secrets.obtain(db, purpose, randomBytes(32));
  return (id) => id + createHmac('sha256', key).update(id).digest('hex').slice(0, DIGITS[purpose]);
}

/** The copy that a token was made for; null where we did not make it, or the copy is gone. */
export async function copyOfToken(db: Db, purpose: Purpose, token: string): Promise<Delivery | null> {
  const id = token.slice(0, ID_LENGTH);
  const [given, made] = [token, await tokenFor(db, purpose, id)].map((text) => Buffer.from(text));
  if (!given || !made || given.length !== made.length || !timingSafeEqual(given, made)) return null;
  return (await deliveries.byId(db, id)) ?? null;
}
