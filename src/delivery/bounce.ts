import { bounceAddress } from '../mail/address.ts';
import type { DeliveryReport } from '../mail/report.ts';
import type { Db } from '../store/database.ts';
import { copyOfToken, tokensFor } from './code.ts';

/*
 * A copy goes out with an envelope sender of its own, `list-bounce+TOKEN@`: the id of the delivery and a code that this
 * installation alone can make. So a bounce is matched to its copy whatever it returns of it, and nobody can make up one for a
 * copy that he has not seen. Those who have may: a bounce says that a copy did not arrive, and takes nothing from anybody.
 */

/** The envelope sender of a copy of that list, by its id. */
export async function bounceSenders(db: Db): Promise<(list: string, deliveryId: string) => string> {
  const tokenOf = await tokensFor(db, 'bounce');
  return (list, deliveryId) => bounceAddress(list, tokenOf(deliveryId));
}

/** The id of the copy that a token was made for; null where we did not make it, or the copy is gone. */
export async function deliveryOfToken(db: Db, token: string): Promise<string | null> {
  return (await copyOfToken(db, 'bounce', token))?.id ?? null;
}

/** The worst that can be said of one (RFC 3464 §2.3.3); null: nothing was, and the status alone says it. */
const WORST = ['failed', null, 'delayed'] as const;

/** What a bounce says for the record: one line, at most 500 characters; null where it says nothing. Behind an address there may be several. */
export function bounceLine({ recipients }: DeliveryReport): string | null {
  const [worst = recipients[0]] = WORST.flatMap((what) => recipients.find(({ action }) => action === what) ?? []);
  const words = [worst?.status, worst?.diagnostic].filter(Boolean).join(' ');
  return words === '' ? null : words.slice(0, 500);
}
