import { DAY, type Instant, toIso } from '../clock.ts';
import { eachContact } from '../delivery/copies.ts';
import { send } from '../delivery/send.ts';
import { filePart } from '../mail/outgoing.ts';
import { auditHead, headsUnread } from '../notices/templates.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import { usableKept } from '../roster/known.ts';
import { receives } from '../roster/state.ts';
import { prepareNotice, tellTeam } from '../roster/tell.ts';
import type { Seams } from '../seams.ts';
import * as audit from '../store/audit.ts';
import * as contacts from '../store/contacts.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import type { Contact } from '../store/schema.ts';
import type { End } from './entry.ts';
import { record } from './record.ts';

/** How the log's end is said to people outside of this machine. */
export interface HeadOptions {
  /** Name of the project. */
  project: string;
  /** Days from one to the next. */
  days: number;
  /** Addresses of contacts who get it by mail. */
  to: readonly string[];
}

/** The action of a line that holds a signed head. */
export const HEAD = 'audit.head';

/** What is signed (docs/audit.md): CRLF at every line end, so that a detached signature over the file holds everywhere. */
export function headStatement(project: string, { seq, hash }: End, at: Instant): string {
  return ['Curfew audit head 1', `Project: ${project}`, `Lines: ${seq}`, `SHA-256: ${hash}`, `At: ${toIso(at)}`, ''].join('\r\n');
}

/**
 * Signs the end of the log with the key of the intake list, writes that into the log, and mails it to people: whoever cuts lines
 * off later, or writes others, cannot take it back from them. Of whom it cannot be mailed to the team is told, once. Null where it is not time, or nothing was added since.
 */
export async function signHead(seams: Seams, { project, days, to }: HeadOptions): Promise<End | null> {
  const { db, clock, keyring, pgp } = seams;
  const now = clock.now();
  const [end, last] = [await audit.end(db), await audit.last(db, HEAD)];
  if (last ? last.seq === end.seq || now - last.at < days * DAY : end.seq === 0) return null;
  const list = (await lists.all(db)).find(({ role }) => role === 'intake');
  const key = list && keyring.find(list.fingerprint);
  if (!list || !key) throw new Error('there is no intake list with a key to sign the end of the audit log');
  const statement = headStatement(project, end, now);
  const { armored: signature } = await pgp.signApart(Buffer.from(statement), key.secret, now);
  const files = [
    filePart(`audit-head-${end.seq}.txt`, 'application/octet-stream', Buffer.from(statement)),
    filePart(`audit-head-${end.seq}.txt.asc`, 'application/pgp-signature', Buffer.from(signature)),
  ];
  const words = auditHead({ project, seq: end.seq, hash: end.hash, fingerprint: key.fingerprint });
  const post = await writeNotice(seams, list, { kind: 'alert', caseId: null }, noticeEntity(words, files));
  const { readers, missing } = await readersOf(seams, to);
  const known = missingOf(last);
  const fresh = missing.some((address) => !known.includes(address));
  const toTeam = fresh ? await prepareNotice(seams, headsUnread({ project, addresses: missing }), 'alert') : null;
  return db.transaction().execute(async (trx) => {
    // Another node was faster.
    await lists.lock(trx, list.id);
    if ((await audit.last(trx, HEAD))?.seq !== last?.seq) return null;
    await send(trx, seams, { list, post }, eachContact(readers));
    if (toTeam) await tellTeam(trx, seams, toTeam);
    const detail = { lines: end.seq, hash: end.hash, statement, signature, mailed: to.length - missing.length, missing };
    await record(trx, seams, { action: HEAD, subject: `list:${list.id}`, detail });
    return end;
  });
}

interface Readers {
  /** Copies are made for them; whose certificate cannot be used has his when he has renewed it. */
  readers: Pick<Contact, 'id' | 'address'>[];
  /**
   * As they were named: nobody is found there, or is sent nothing as he stands, or has no certificate that can be encrypted to. The line in
   * the log says so.
   */
  missing: string[];
}

export async function readersOf(
  { db, pgp, clock }: Pick<Seams, 'db' | 'pgp' | 'clock'>,
  to: readonly string[],
): Promise<Readers> {
  const found = (await Promise.all(to.map((address) => contacts.byAddress(db, address)))).flatMap((contact) => contact ?? []);
  const people = await deliveries.sendingContacts(
    db,
    found.map(({ id }) => id),
  );
  const readers: Readers['readers'] = [];
  const reached = new Set<string>();
  for (const { id, address } of found) {
    const person = people.get(id);
    if (!person?.active || !receives(person.memberState)) continue;
    readers.push({ id, address });
    const { certificate, waits } = person;
    if (certificate && !waits && (await usableKept({ db, pgp }, certificate, clock.now())).usable) reached.add(address);
  }
  return { readers, missing: to.filter((address) => !reached.has(address.toLowerCase())) };
}

/** Of whom the team was told, at the latest. */
function missingOf(head: audit.AuditLine | undefined): readonly string[] {
  return head ? (JSON.parse(head.line).detail.missing ?? []) : [];
}
