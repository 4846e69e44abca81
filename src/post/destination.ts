import { deliveryOfToken } from '../delivery/bounce.ts';
import { isThreadOf, readListAddress, splitAddress } from '../mail/address.ts';
import { type Entity, fieldsNamed } from '../mail/message.ts';
import { Refusal } from '../refusal.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import type { Case, List } from '../store/schema.ts';
import type { Purpose } from './checks.ts';

/** What an address of this server leads to. */
export interface Destination {
  list: List;
  purpose: Purpose;
  /** Of a thread; of a bounce, that of the copy. */
  case: Case | null;
  /** Of a bounce: the copy that came back. */
  deliveryId: string | null;
}

/** Finds what takes mail: throws as `anyDestination` does, and `not-released` for a public list. */
export async function destination(db: Db, domain: string, address: string): Promise<Destination> {
  const found = await anyDestination(db, domain, address);
  if (isShut(found)) throw new Refusal('not-released');
  return found;
}

/** Finds it, or throws: `relay-denied` for another domain, `no-such-address`. */
export async function anyDestination(db: Db, domain: string, address: string): Promise<Destination> {
  if (splitAddress(address).domain !== domain.toLowerCase()) throw new Refusal('relay-denied');
  const found = (await exactly(db, address)) ?? (await derived(db, address)) ?? (await postmaster(db, address));
  if (!found) throw new Refusal('no-such-address');
  return found;
}

/** A public list takes nothing by mail. */
export function isShut({ list, purpose }: Destination): boolean {
  return list.role === 'public' && purpose === 'post';
}

async function exactly(db: Db, address: string): Promise<Destination | null> {
  const list = await lists.byAddress(db, address);
  return list ? { list, purpose: 'post', case: null, deliveryId: null } : null;
}

/** RFC 5321 §4.5.1: somebody always reads what is sent to the postmaster. */
async function postmaster(db: Db, address: string): Promise<Destination | null> {
  if (splitAddress(address).local.toLowerCase() !== 'postmaster') return null;
  const list = (await lists.all(db)).find(({ role }) => role === 'intake');
  return list ? { list, purpose: 'owner', case: null, deliveryId: null } : null;
}

async function derived(db: Db, address: string): Promise<Destination | null> {
  const read = readListAddress(address);
  const list = read.purpose === 'post' ? undefined : await lists.byAddress(db, read.list);
  if (!list) return null;
  if (read.purpose === 'bounce') {
    const deliveryId = await deliveryOfToken(db, read.token);
    const copy = deliveryId === null ? undefined : await deliveries.byId(db, deliveryId);
    const about = copy?.case_id ? await cases.byId(db, copy.case_id) : undefined;
    return copy ? { list, purpose: 'bounce', case: about ?? null, deliveryId: copy.id } : null;
  }
  if (read.purpose !== 'thread') return { list, purpose: read.purpose, case: null, deliveryId: null };
  // The token is what makes the address: without it a case is as unknown as one that does not exist.
  const found = await cases.ofThread(db, read.token);
  const known = found && list.role !== 'public' && isThreadOf(read, found.id);
  return known ? { list, purpose: 'thread', case: found, deliveryId: null } : null;
}

/** More Message-IDs than this are not looked up. */
const MOST_REFERENCES = 20;

/**
 * Where an answer to one of our copies belongs: to the case of that copy, though it came to the list's own address. A
 * copy's Message-ID cannot be guessed, but whoever carries the mail sees it: knowing one files a mail under the case, and
 * gives nobody a right that the list itself does not give.
 */
export async function followReferences(db: Db, to: Destination, mail: Entity): Promise<Destination> {
  if (to.purpose !== 'post') return to;
  const fields = [...fieldsNamed(mail, 'in-reply-to'), ...fieldsNamed(mail, 'references')];
  const messageIds = fields.flatMap(({ value }) => value.match(/<[^<>\s]+>/g) ?? []);
  const caseId = await deliveries.caseOfMessage(db, to.list.id, messageIds.slice(0, MOST_REFERENCES));
  const found = caseId === undefined ? undefined : await cases.byId(db, caseId);
  return found ? { ...to, purpose: 'thread', case: found } : to;
}
