import { Value } from 'typebox/value';
import { record } from '../audit/record.ts';
import { newId } from '../clock.ts';
import { readListAddress } from '../mail/address.ts';
import { Refusal } from '../refusal.ts';
import type { Local } from '../seams.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import * as members from '../store/members.ts';
import * as recipients from '../store/recipients.ts';
import type { List, Member, Recipient } from '../store/schema.ts';
import { Address } from './entries.ts';
import { releaseAddresses } from './standing.ts';
import { isCandidate } from './state.ts';

/**
 * Puts an address on a public list. `external` marks another's list or archive, to which nothing but what is
 * released may ever be addressed: so it cannot be a contact of a member. Who is out gives his address up for it.
 * Throws Refusal: not-found, bad-address, conflict.
 */
export async function addRecipient(
  local: Local,
  { list, address, kind }: { list: string; address: string; kind: Recipient['kind'] },
): Promise<Recipient> {
  const { db, clock } = local;
  const { id: listId } = await publicList(db, list);
  if (!Value.Check(Address, address)) throw new Refusal('bad-address', `"${address}" is no mail address`);
  if (await lists.byAddress(db, readListAddress(address).list))
    throw new Refusal('conflict', `${address} is an address of a list here`);
  const row = { id: newId(clock), list_id: listId, address: address.toLowerCase(), kind, created_at: clock.now() };
  await db.transaction().execute(async (trx) => {
    if (kind === 'external') await recipients.lockExternal(trx);
    const released = kind === 'external' ? await releaseAddresses(trx, [row.address]) : [];
    const owner = kind === 'external' ? await ownerOf(trx, row.address) : undefined;
    if (owner) throw new Refusal('conflict', whyNotExternal(address, owner));
    await recipients.insert(trx, row);
    await record(trx, local, ...released, {
      action: 'recipient.add',
      subject: `list:${listId}`,
      detail: { address: row.address, kind },
    });
  });
  return row;
}

async function ownerOf(db: Db, address: string): Promise<Member | undefined> {
  const contact = await contacts.byAddress(db, address);
  return contact && (await members.byId(db, contact.member_id));
}

/** Anybody may have applied with it. */
function whyNotExternal(address: string, { organisation, state }: Member): string {
  const why = `${address} is a contact of a member, "${organisation}", so it cannot be an external public address`;
  return isCandidate(state) ? `${why}. It has only applied: reject that application first` : why;
}

/** Throws Refusal('not-found') where the list is not public or the address does not get it. */
export async function removeRecipient(local: Local, list: string, address: string): Promise<void> {
  const { id } = await publicList(local.db, list);
  await local.db.transaction().execute(async (trx) => {
    if (!(await recipients.remove(trx, id, address))) throw new Refusal('not-found', `${address} does not get ${list}`);
    await record(trx, local, { action: 'recipient.remove', subject: `list:${id}`, detail: { address: address.toLowerCase() } });
  });
}

/** Throws Refusal('not-found') where there is no such public list. */
export async function publicList(db: Db, address: string): Promise<List> {
  const list = await lists.byAddress(db, address);
  if (!list) throw new Refusal('not-found', `There is no list ${address}`);
  if (list.role !== 'public') throw new Refusal('not-found', `${address} is ${list.role}: who gets it is its members`);
  return list;
}
