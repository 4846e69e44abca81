import { type Leak, noteLeak, noteLeakIn } from '../embargo/incidents.ts';
import type { Hit } from '../embargo/recognise.ts';
import { parseMailboxes } from '../mail/address.ts';
import { type Entity, fieldsNamed, headerOf, parseMessage } from '../mail/message.ts';
import { asRefusal, Refusal, refusalRow } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import type { Db } from '../store/database.ts';
import { isSecret } from '../store/embargoed.ts';
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

/**
 * Of a mail to another list: an incident, where it names a public address beside it and something under embargo stands in it. What is
 * written into the thread of a case is of that case, though nobody can know these words yet.
 */
export async function noteCopied(seams: Seams, seen: Copied): Promise<void> {
  if (seen.beside.length === 0) return;
  const { case: about } = seen.to;
  const known = about && (await isSecret(seams.db, about.id)) ? [newWordsOf(about.id)] : [];
  await noteIn(seams, { ...seen, refused: false }, known);
}

/**
 * A report that names a public address beside us is an incident of the case that it opens, in the transaction that opens it: nothing of it
 * was known before.
 */
export async function noteReported(trx: Db, seams: Seams, seen: Copied, caseId: string): Promise<void> {
  if (seen.beside.length === 0) return;
  const leak = leakOf({ ...seen, refused: false }, [newWordsOf(caseId)]);
  for (const kind of await noteLeakIn(trx, seams, leak)) seams.watched?.noted(kind);
}

function newWordsOf(caseId: string): Hit {
  return { caseId, kind: 'text', place: 'text', score: 1 };
}

/** `beside`: the public addresses that it names. */
type Copied = Omit<Seen, 'refused'> & { beside: readonly string[] };

interface Seen {
  to: Destination;
  refused: boolean;
  outside: Entity;
  look: Look;
  mail: Received;
}

/** Whether there was anything, `known` or recognised. What cannot be looked through goes its way: that is in the log. */
async function noteIn(seams: Seams, seen: Seen, known: readonly Hit[] = []): Promise<boolean> {
  const { watched } = seams;
  const found = (await watched?.look(partsOf(seen.mail.raw, seen.look)).catch(() => [])) ?? [];
  const hits = [...found, ...known];
  if (hits.length === 0) return false;
  for (const kind of await noteLeak(seams, leakOf(seen, hits))) watched?.noted(kind);
  return true;
}

function leakOf({ to, refused, outside, look, mail }: Seen, hits: readonly Hit[]): Leak {
  return {
    listId: to.list.id,
    refused,
    encrypted: look.opened?.allEncrypted ?? false,
    digest: look.marks.digest,
    sender: mail.sender,
    from: fromIn(outside),
    signerId: look.roster?.contact.id ?? null,
    hits,
  };
}

/** What can be read of it: as it came, and, where it was encrypted, its header and what was inside. */
function partsOf(raw: Uint8Array, { opened }: Look): Uint8Array[] {
  if (!opened?.encrypted) return [raw];
  const subject = Buffer.from(`Subject: ${opened.subject}\r\n\r\n`);
  return [headerOf(raw), subject, opened.content, ...opened.aside];
}

function entityOf(raw: Uint8Array): Entity | null {
  try {
    return parseMessage(raw);
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

/** Octets of an address (RFC 5321 §4.5.3.1). */
const LONGEST = 320;

function fromIn(outside: Entity): string | null {
  const [field] = fieldsNamed(outside, 'from');
  const address = field && parseMailboxes(field.value)[0]?.address;
  return address ? address.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, LONGEST) : null;
}
