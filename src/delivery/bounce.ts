import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { bounceAddress } from '../mail/address.ts';
import type { DeliveryReport } from '../mail/report.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as secrets from '../store/secrets.ts';

/*
 * A copy goes out with an envelope sender of its own, `list-bounce+TOKEN@`: the id of the delivery and a code that this
 * installation alone can make. So a bounce is matched to its copy whatever it returns of it, and nobody can make up one for a
 * copy that he has not seen. Those who have may: a bounce says that a copy did not arrive, and takes nothing from anybody.
 */

/** Characters of an id (clock.ts), and of the code: 40 bits, to be guessed over SMTP. Local parts end at 64 octets (RFC 5321 §4.5.3.1.1). */
const ID_LENGTH = 26;
const CODE_LENGTH = 10;

async function codeOf(db: Db, deliveryId: string): Promise<string> {
  const key = await secrets.obtain(db, 'bounce', randomBytes(32));
  return createHmac('sha256', key).update(deliveryId).digest('hex').slice(0, CODE_LENGTH);
}

/** The envelope sender of a copy. */
export async function bounceSender(db: Db, list: string, deliveryId: string): Promise<string> {
  return bounceAddress(list, deliveryId + (await codeOf(db, deliveryId)));
}

/** The id of the copy that a token was made for; null where we did not make it, or the copy is gone. */
export async function deliveryOfToken(db: Db, token: string): Promise<string | null> {
  const [id, code] = [token.slice(0, ID_LENGTH), token.slice(ID_LENGTH)];
  const expected = await codeOf(db, id);
  if (code.length !== expected.length || !timingSafeEqual(Buffer.from(code), Buffer.from(expected))) return null;
  return (await deliveries.byId(db, id)) ? id : null;
}

/** What a bounce says for the record: one line, at most 500 characters. */
export function bounceLine({ recipients }: DeliveryReport): string {
  const [first] = recipients;
  const words = [first?.status, first?.diagnostic].filter(Boolean).join(' ');
  return (words || 'a mail server further on gave it back').slice(0, 500);
}
