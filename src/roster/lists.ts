import type { Detail } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { newId } from '../clock.ts';
import { readListAddress, roleAddress, splitAddress } from '../mail/address.ts';
import { createListKey, openListKey, writeListKey } from '../pgp/keyring.ts';
import { Refusal } from '../refusal.ts';
import type { Local, Seams } from '../seams.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import * as recipients from '../store/recipients.ts';
import type { List, ListChange, ListRole } from '../store/schema.ts';
import { versionOf } from '../store/version.ts';

export interface ListMaking extends Local {
  /** Folder of the list keys. */
  keys: string;
  /** What the secret part is protected with. */
  passphrase: string;
}

interface ListToBe {
  address: string;
  role: ListRole;
  name: string;
}

/**
 * Makes a list with a key of its own. The key's file is on disk before the row that names it counts, and not where that
 * cannot be logged; a file without a row harms nobody. Throws Refusal('conflict') where the address is a list already.
 */
export async function createList(making: ListMaking, wanted: ListToBe): Promise<List> {
  return (await make(making, wanted)).list;
}

async function make(
  { keys, passphrase, ...local }: ListMaking,
  { address, role, name }: ListToBe,
): Promise<{ list: List; armored: string }> {
  const { db, clock } = local;
  const now = clock.now();
  const { fingerprint, armored } = await createListKey({ name, address, passphrase, now });
  const row = { id: newId(clock), address: address.toLowerCase(), role, name, fingerprint, created_at: now };
  return db.transaction().execute(async (trx) => {
    const list = await lists.insert(trx, row);
    const detail = { address: list.address, role, fingerprint };
    await record(trx, local, { action: 'list.create', subject: `list:${list.id}`, detail });
    await writeListKey(keys, { fingerprint, armored });
    return { list, armored };
  });
}

/** Not a second intake list: whoever is on one is the response team, and of an empty one nobody would read the reports. */
export interface WantedList {
  address: string;
  role: Exclude<ListRole, 'intake'>;
  /** As its key is to name it; null: the project's name and what stands before the @. */
  name: string | null;
}

/**
 * Makes a list beside those of `init`, and has the running server open and sign with its key at once.
 * Throws Refusal: bad-address where it cannot be a list of `domain`; conflict where the address is somebody's.
 */
export async function addList(
  making: ListMaking & Pick<Seams, 'keyring' | 'project'> & { domain: string },
  { address: written, role, name }: WantedList,
): Promise<List> {
  const { db, keyring, project, domain, keys, passphrase, ...local } = making;
  const address = written.toLowerCase();
  mustBeListAddress(address, domain);
  await mustBeNobodys(db, address);
  const wanted = { address, role, name: name ?? `${project.name} ${splitAddress(address).local}` };
  const { list, armored } = await make({ ...local, db, keys, passphrase }, wanted);
  keyring.add(await openListKey(armored, passphrase));
  return list;
}

/**
 * The sender of a copy has 44 characters behind the name of its list (`delivery/bounce`), the address of a thread 37 and more
 * (`mail/address`), and 64 are the most (RFC 5321 §4.5.3.1.1).
 */
const LONGEST_NAME = 20;

function mustBeListAddress(address: string, domain: string): void {
  const { local, domain: its } = splitAddress(address);
  if (its !== domain) throw new Refusal('bad-address', `The lists of this server are at ${domain}`);
  if (!/^[a-z0-9]+([._-][a-z0-9]+)*$/.test(local) || local.length > LONGEST_NAME)
    throw new Refusal(
      'bad-address',
      `Before the @ a list has 1 to ${LONGEST_NAME} of a-z, 0-9 and, between them, ".", "_" and "-"`,
    );
  if (local === 'postmaster' || readListAddress(address).purpose !== 'post')
    throw new Refusal('bad-address', `${address} leads to those who run the lists`);
}

/** What is sent to a list must not come back to it as its own copy, nor be taken from somebody who has the address. */
async function mustBeNobodys(db: Db, address: string): Promise<void> {
  const all = [address, ...(['owner', 'request', 'sendkey'] as const).map((purpose) => roleAddress(address, purpose))];
  for (const one of all)
    if ((await contacts.byAddress(db, one)) || (await recipients.isRecipient(db, one)))
      throw new Refusal('conflict', `${one} is the address of a contact or of a reader here`);
}

/**
 * Changes what a list takes and what it adds. `expected`: the version that whoever asks has seen.
 * Throws Refusal: not-found; stale; invalid where its role does not allow that.
 */
export async function changeList(local: Local, id: string, change: ListChange, expected?: string): Promise<List> {
  return local.db.transaction().execute(async (trx) => {
    await lists.lock(trx, id);
    const list = await lists.byId(trx, id);
    if (!list) throw new Refusal('not-found', `There is no list ${id}`);
    if (expected !== undefined && versionOf(list) !== expected) throw new Refusal('stale');
    if (list.role === 'private' && change.members_only === 0)
      throw new Refusal('invalid', 'A private list takes posts of its members and the team alone');
    await lists.change(trx, id, change);
    await record(trx, local, { action: 'list.change', subject: `list:${id}`, detail: change as Detail });
    return { ...list, ...change } as List;
  });
}
