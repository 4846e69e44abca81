import { parseMailboxes } from '../mail/address.ts';
import { type Entity, fieldsNamed } from '../mail/message.ts';
import type { OpenedMail } from '../pgp/open.ts';
import type { Db } from '../store/database.ts';
import * as recipients from '../store/recipients.ts';
import type { List } from '../store/schema.ts';

/** More addresses than this are not looked up. */
const MOST_ADDRESSES = 200;

/**
 * The public addresses that a mail names beside us, in lower case: public lists of ours, and external addresses that get one. What counts
 * is what it says outside, and inside as far as a signature covers it.
 */
export async function publicBeside(
  db: Db,
  everyList: readonly List[],
  outside: Pick<Entity, 'fields'>,
  opened: Pick<OpenedMail, 'signer'> | null,
): Promise<string[]> {
  const fields = ['to', 'cc'].flatMap((name) => fieldsNamed(outside, name));
  const said = fields.flatMap(({ value }) => parseMailboxes(value)).map(({ address }) => address.toLowerCase());
  const named = [...new Set([...said, ...(opened?.signer?.addressedTo ?? [])])].slice(0, MOST_ADDRESSES);
  if (named.length === 0) return [];
  const ours = everyList.filter(({ role }) => role === 'public').map(({ address }) => address);
  const open = new Set([...ours, ...(await recipients.externalAddresses(db))]);
  return named.filter((address) => open.has(address));
}
