import { record } from '../audit/record.ts';
import { DAY, type Instant, toIso } from '../clock.ts';
import { eachContact } from '../delivery/copies.ts';
import { send } from '../delivery/send.ts';
import { keyPart, noticeEntity, writeNotice } from '../notices/write.ts';
import { createListKey, type ListKey, writeListKey } from '../pgp/keyring.ts';
import { Refusal } from '../refusal.ts';
import type { Local, Seams } from '../seams.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import type { List, ListChange } from '../store/schema.ts';
import { versionOf } from '../store/version.ts';
import type { ListMaking } from './lists.ts';

/**
 * Makes the key that a list will have in `after` days, valid for `days`. Nothing is told before a server has it loaded, and can open what
 * is encrypted to it (`watchListKeys`). Throws Refusal: not-found; invalid where it would end too soon; conflict where another one is
 * on its way.
 */
export async function rotateKey(
  { keys, passphrase, ...local }: ListMaking,
  address: string,
  { after, days }: { after: number; days: number },
): Promise<{ before: string; after: string; at: Instant }> {
  const { db, clock } = local;
  const list = await lists.byAddress(db, address);
  if (!list) throw new Refusal('not-found', `There is no list ${address}`);
  mustHaveNoOther(list);
  if (days < after + LEAST_USE)
    throw new Refusal('invalid', `A key that signs in ${after} days has to be valid for ${after + LEAST_USE} days at the least`);
  const now = clock.now();
  const key = await createListKey({ name: list.name, address: list.address, passphrase, now, days });
  const at = now + after * DAY;
  await db.transaction().execute(async (trx) => {
    await lists.lock(trx, list.id);
    mustHaveNoOther(await mustBe(trx, list.id));
    await lists.change(trx, list.id, { next_fingerprint: key.fingerprint, next_at: at, next_told: 0 });
    const detail = { before: list.fingerprint, after: key.fingerprint, at: toIso(at) };
    await record(trx, local, { action: 'list.plan-key', subject: `list:${list.id}`, detail });
    // On disk before the row that names it counts, and never where that cannot be logged. A file without a row harms nobody.
    await writeListKey(keys, key);
  });
  return { before: list.fingerprint, after: key.fingerprint, at };
}

/** Days for which a new key signs, at the least. */
const LEAST_USE = 30;

/**
 * Calls it off: the key that is there stays. The other one opens what was encrypted to it. `expected`: the version of the list that
 * whoever asks has seen. Throws Refusal: not-found; stale; conflict where none is on its way.
 */
export async function keepKey(local: Local, address: string, expected?: string): Promise<List> {
  return local.db.transaction().execute(async (trx) => {
    const { id } = (await lists.byAddress(trx, address)) ?? {};
    if (id === undefined) throw new Refusal('not-found', `There is no list ${address}`);
    await lists.lock(trx, id);
    const list = await mustBe(trx, id);
    if (expected !== undefined && versionOf(list) !== expected) throw new Refusal('stale');
    const { fingerprint, next_fingerprint: after } = list;
    if (after === null) throw new Refusal('conflict', `No other key of ${address} is on its way`);
    const none = { next_fingerprint: null, next_at: null, next_told: 0 };
    await lists.change(trx, id, none);
    await record(trx, local, { action: 'list.keep-key', subject: `list:${id}`, detail: { fingerprint, after } });
    return { ...list, ...none };
  });
}

function mustHaveNoOther({ address, next_fingerprint, next_at }: List): void {
  if (next_fingerprint !== null)
    throw new Refusal('conflict', `${address} is to have the key ${next_fingerprint} from ${toIso(next_at ?? 0)} on already`);
}

async function mustBe(db: Db, id: string): Promise<List> {
  const list = await lists.byId(db, id);
  if (!list) throw new Refusal('not-found', `There is no list ${id}`);
  return list;
}

/** How long its contacts have at the least, where the server was started with the new key after the planned instant. */
const NOTICE = DAY;

/**
 * Tells the contacts of each list that its key was extended, or will be another one, and lets the new one sign when its instant has
 * come. Gives whether copies were queued.
 */
export async function watchListKeys(seams: Seams): Promise<boolean> {
  let told = false;
  const problems: string[] = [];
  for (const list of await lists.all(seams.db)) {
    // What is wrong with one keeps no other list from its turn.
    try {
      told = (await watch(seams, list)) || told;
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  if (problems.length > 0) throw new Error(problems.join('; '));
  return told;
}

async function watch(seams: Seams, list: List): Promise<boolean> {
  const told = await tellExtension(seams, list);
  if (list.next_fingerprint === null) return told;
  const next = seams.keyring.find(list.next_fingerprint);
  if (!next) throw new Error(`the next key of ${list.address} is not loaded: restart the server`);
  if (!seams.keyring.find(list.fingerprint)) {
    await change(seams, list, next);
    throw new Error(
      `the key of ${list.address} is not loaded: its next one signs from now on, and its contacts are to be told by a person`,
    );
  }
  if (list.next_told === 0) return (await tellRotation(seams, list, next)) || told;
  if ((list.next_at ?? 0) <= seams.clock.now()) await change(seams, list, next);
  return told;
}

/** 0: it does not end. */
const endOf = ({ expiresAt }: ListKey): Instant => expiresAt ?? 0;

/** Of several nodes, the one that still has the key as it was must not say so: `keys renew` makes none shorter. */
async function tellExtension(seams: Seams, list: List): Promise<boolean> {
  const key = seams.keyring.find(list.fingerprint);
  if (!key || list.expires_told === endOf(key)) return false;
  const { expires_told: known } = list;
  if (known === null) return noteEnd(seams, list, key);
  if (known === 0 || (endOf(key) !== 0 && endOf(key) <= known)) return false;
  const facts = { before: list.fingerprint, after: list.fingerprint, fromAt: seams.clock.now() };
  return tell(seams, list, key, facts, { expires_told: endOf(key) });
}

/** The first time there is nothing to tell. */
async function noteEnd({ db }: Seams, { id }: List, key: ListKey): Promise<false> {
  await db.transaction().execute(async (trx) => {
    await lists.lock(trx, id);
    if ((await mustBe(trx, id)).expires_told === null) await lists.change(trx, id, { expires_told: endOf(key) });
  });
  return false;
}

async function tellRotation(seams: Seams, list: List, next: ListKey): Promise<boolean> {
  const fromAt = Math.max(list.next_at ?? 0, seams.clock.now() + NOTICE);
  const facts = { before: list.fingerprint, after: next.fingerprint, fromAt };
  return tell(seams, list, next, facts, { next_at: fromAt, next_told: 1 });
}

/** Writes it from the list itself, signed with the key that its contacts know; `to` is noted with it, once. */
async function tell(
  seams: Seams,
  list: List,
  { certificate }: ListKey,
  facts: { before: string; after: string; fromAt: Instant },
  to: ListChange,
): Promise<boolean> {
  const { db } = seams;
  const words = seams.words.keyRotated({ list: list.address, ...facts });
  const post = await writeNotice(
    seams,
    list,
    { kind: 'membership', caseId: null },
    noticeEntity(words, [keyPart(list, certificate)]),
  );
  return db.transaction().execute(async (trx) => {
    await lists.lock(trx, list.id);
    const seen = await mustBe(trx, list.id);
    if (seen.next_told !== list.next_told || seen.expires_told !== list.expires_told) return false;
    await lists.change(trx, list.id, to);
    const readers = list.role === 'public' ? [] : await contacts.activeOfList(trx, list.id);
    await send(trx, seams, { list, post }, eachContact(readers));
    const detail = { before: facts.before, after: facts.after, from: toIso(facts.fromAt), told: readers.length };
    await record(trx, seams, { action: 'list.announce-key', subject: `list:${list.id}`, detail });
    return readers.length > 0;
  });
}

async function change(seams: Seams, list: List, next: ListKey): Promise<void> {
  await seams.db.transaction().execute(async (trx) => {
    await lists.lock(trx, list.id);
    if ((await mustBe(trx, list.id)).next_fingerprint !== next.fingerprint) return;
    const none = { next_fingerprint: null, next_at: null, next_told: 0 };
    await lists.change(trx, list.id, { fingerprint: next.fingerprint, expires_told: endOf(next), ...none });
    const detail = { before: list.fingerprint, after: next.fingerprint };
    await record(trx, seams, { action: 'list.change-key', subject: `list:${list.id}`, detail });
  });
}
