import type { Deed } from '../audit/entry.ts';
import type { Instant } from '../clock.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as members from '../store/members.ts';
import * as recipients from '../store/recipients.ts';
import type { Contact, Member } from '../store/schema.ts';
import { type Addresses, fingerprintsOf, type HeldKeys, hold, type Standing, takenCertificate, type WithKeys } from './plan.ts';
import { isOut } from './state.ts';

/** The whole roster as it is, for the rules that say what may be added to it. */
export async function standingOf(db: Db): Promise<Standing> {
  const known = await members.all(db);
  const owners = known.flatMap((member) =>
    member.contacts
      .filter((contact) => keepsAddress(member, contact))
      .map(({ address }): [string, string] => [address, member.organisation]),
  );
  return {
    lists: await listsByAddress(db),
    members: new Map(known.map((member) => [member.organisation, member])),
    owners: new Map(owners),
    keys: holders(await certificates.heldKeys(db)),
    external: new Set(await recipients.externalAddresses(db)),
  };
}

/** As much of it as says whether one address may be a contact's. */
export async function standingAt(db: Db, address: string): Promise<Addresses> {
  const contact = await contacts.byAddress(db, address);
  const owner = contact && (await members.byId(db, contact.member_id));
  return {
    lists: await listsByAddress(db),
    owners: new Map(owner && keepsAddress(owner, contact) ? [[address, owner.organisation]] : []),
    external: new Set((await recipients.isExternal(db, address)) ? [address] : []),
  };
}

/** Whether he keeps others from his address: who does not is one of `contacts.releasable`. */
function keepsAddress({ state }: Pick<Member, 'state'>, { active, proved_at }: Pick<Contact, 'active' | 'proved_at'>): boolean {
  return !isOut(state) && (active === 1 || proved_at !== null);
}

/**
 * Takes addresses and keys from members who are out, and from retired contacts who proved nothing, for contacts that are written next.
 * Addresses are in lower case. Gives what is to be recorded of it: nobody else notes whose an address was.
 */
export async function releaseTo(trx: Db, people: readonly { address: string; certificate: WithKeys }[]): Promise<Deed[]> {
  const released = await releaseAddresses(
    trx,
    people.map(({ address }) => address),
  );
  const retired = await certificates.retireUnheld(
    trx,
    people.flatMap(({ certificate }) => fingerprintsOf(certificate)),
  );
  return [...released, ...retired.map(retiring)];
}

/** As `releaseTo`, of keys alone, for a contact who is there. */
export async function releaseKeys(trx: Db, certificate: WithKeys, contactId: string): Promise<Deed[]> {
  return (await certificates.retireUnheld(trx, fingerprintsOf(certificate), contactId)).map(retiring);
}

/**
 * For a contact who comes back: certificates of his by a key that somebody else came to have meanwhile count no more. Gives what is to
 * be recorded of it. After `lockHolders`, in the same transaction.
 */
export async function retireTaken(trx: Db, { id: contactId, address }: Contact): Promise<Deed[]> {
  const deeds: Deed[] = [];
  for (const { id, fingerprint, data, state } of await certificates.ofContact(trx, contactId)) {
    const facts = { fingerprint, data, keys: await certificates.keysOf(trx, id), claimed: [] };
    if (state === 'retired' || takenCertificate(await holdersOf(trx, facts), facts, address) === undefined) continue;
    await certificates.retire(trx, id);
    deeds.push(retiring({ id, contactId, fingerprint }));
  }
  return deeds;
}

/** What is recorded of a certificate that somebody else may have. */
export function retiring({ id, contactId, fingerprint }: certificates.Retired): Deed {
  return {
    action: 'certificate.retire',
    subject: `contact:${contactId}`,
    detail: { certificate: id, fingerprint, taken: true },
  };
}

/** As `releaseTo`, of addresses alone. */
export async function releaseAddresses(trx: Db, addresses: readonly string[]): Promise<Deed[]> {
  const deeds: Deed[] = [];
  for (const contact of await contacts.releasable(trx, addresses)) deeds.push(await releaseContact(trx, contact));
  return deeds;
}

/**
 * Takes address and keys from a contact who was retired, whatever he has proved, and ends what waits for him: an admin says whose he is now.
 * Gives what is to be recorded of it. After `lockHolders`, in the same transaction.
 */
export async function releaseRetired(trx: Db, contact: Contact, now: Instant): Promise<Deed[]> {
  const released = await releaseContact(trx, contact);
  const ended = await deliveries.endOf(trx, [contact.id], 'let-go', now);
  const retired = await certificates.retireOfContacts(trx, [contact.id]);
  return [{ ...released, detail: { ...released.detail, ended } }, ...retired.map(retiring)];
}

/** Gives what is to be recorded of it. */
export async function releaseContact(trx: Db, { id, member_id: member, address }: Contact): Promise<Deed> {
  await contacts.release(trx, id);
  return { action: 'contact.release', subject: `contact:${id}`, detail: { member, address } };
}

/** Who has the keys of a certificate. */
export async function holdersOf(db: Db, certificate: WithKeys): Promise<HeldKeys> {
  return holders(await certificates.heldKeys(db, fingerprintsOf(certificate)));
}

/** What a contact had once is his for good, but for a key that somebody else came to have while his organisation was out. */
function holders(held: readonly certificates.HeldKey[]): HeldKeys {
  const keys = new Map<string, string[]>();
  for (const key of held) if (key.state !== 'retired') hold(keys, key);
  const inUse = new Set(keys.keys());
  for (const key of held) if (key.state === 'retired' && !inUse.has(key.fingerprint)) hold(keys, key);
  return keys;
}

async function listsByAddress(db: Db): Promise<Addresses['lists']> {
  return new Map((await lists.all(db)).map((list) => [list.address, list]));
}
