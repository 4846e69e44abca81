import { noteLeak } from '../embargo/incidents.ts';
import { parseMailboxes } from '../mail/address.ts';
import { type Entity, fieldsNamed, parseMessage } from '../mail/message.ts';
import { asRefusal, Refusal, refusalRow } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as recipients from '../store/recipients.ts';
import type { List } from '../store/schema.ts';
import type { Destination } from './destination.ts';
import { type Look, lookAt, unopened } from './look.ts';
import type { Received } from './received.ts';

/**
 * Refuses a mail to a public list, which takes none, having looked whether something under embargo stands in it: that is an incident.
 * The answer is the same either way, as a stranger must not learn from it what is under embargo. Encrypted mail is opened where it
 * is for the key of that list. Throws Refusal `not-released`, or a temporary one where it could not be looked at.
 */
export async function refusePublic(seams: Seams, to: Destination, mail: Received): Promise<never> {
  const look = await lookAt(seams, to, mail).catch((error: unknown) => {
    if (refusalRow(asRefusal(error).reason).temporary) throw error;
    return unopened(mail.raw);
  });
  const outside = entityOf(mail.raw);
  const found = outside !== null && (await noteIn(seams, { to, refused: true, outside, look, mail }));
  const refusal = new Refusal('not-released', undefined, found ? 'something under embargo stands in it' : undefined);
  throw Object.assign(refusal, { signer: look.roster?.contact.id ?? null, incident: found });
}

/** Of a mail to another list: an incident, where it names a public address beside it and something under embargo stands in it. */
export async function noteCopied(seams: Seams, seen: Omit<Seen, 'refused'> & { everyList: readonly List[] }): Promise<void> {
  if (!seams.watched || seen.to.list.role === 'public') return;
  const named = addressesIn(seen.outside, seen.look);
  if (await namesPublic(seams.db, seen.everyList, named)) await noteIn(seams, { ...seen, refused: false });
}

interface Seen {
  to: Destination;
  refused: boolean;
  outside: Entity;
  look: Look;
  mail: Received;
}

/** Whether there was anything. What cannot be looked through goes its way: that is in the log. */
async function noteIn(seams: Seams, { to, refused, outside, look, mail }: Seen): Promise<boolean> {
  const { watched } = seams;
  const hits = (await watched?.look(partsOf(mail.raw, look)).catch(() => [])) ?? [];
  if (!watched || hits.length === 0) return false;
  const opened = await noteLeak(seams, {
    listId: to.list.id,
    refused,
    encrypted: look.opened?.allEncrypted ?? false,
    digest: look.marks.digest,
    sender: mail.sender,
    from: fromIn(outside),
    signerId: look.roster?.contact.id ?? null,
    hits,
  });
  for (const kind of opened) watched.noted(kind);
  return true;
}

/** What can be read of it: as it came, and, where it was encrypted, its header and what was inside. */
function partsOf(raw: Uint8Array, { opened }: Look): Uint8Array[] {
  if (!opened?.encrypted) return [raw];
  const subject = Buffer.from(`Subject: ${opened.subject}\r\n\r\n`);
  return [headerOf(raw), subject, opened.content, ...opened.aside];
}

function headerOf(raw: Uint8Array): Uint8Array {
  const end = Buffer.from(raw.buffer, raw.byteOffset, raw.length).indexOf('\r\n\r\n');
  return end < 0 ? raw : raw.subarray(0, end + 4);
}

function entityOf(raw: Uint8Array): Entity | null {
  try {
    return parseMessage(raw);
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

/** More addresses than this are not looked up. */
const MOST_ADDRESSES = 200;
/** Octets of an address (RFC 5321 §4.5.3.1). */
const LONGEST = 320;

/** Whom it says that it is for, outside, and inside as far as a signature covers it: in lower case. */
function addressesIn(outside: Entity, { opened }: Look): string[] {
  const fields = ['to', 'cc'].flatMap((name) => fieldsNamed(outside, name));
  const addresses = fields.flatMap(({ value }) => parseMailboxes(value)).map(({ address }) => address.toLowerCase());
  return [...new Set([...addresses, ...(opened?.signer?.addressedTo ?? [])])].slice(0, MOST_ADDRESSES);
}

async function namesPublic(db: Db, everyList: readonly List[], addresses: readonly string[]): Promise<boolean> {
  if (everyList.some(({ role, address }) => role === 'public' && addresses.includes(address))) return true;
  const external = new Set(await recipients.externalAddresses(db));
  return addresses.some((address) => external.has(address));
}

function fromIn(outside: Entity): string | null {
  const [field] = fieldsNamed(outside, 'from');
  const address = field && parseMailboxes(field.value)[0]?.address;
  return address ? address.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, LONGEST) : null;
}
