import { answerBy } from '../cases/clocks.ts';
import { DAY, type Instant } from '../clock.ts';
import { readListAddress, threadAddress } from '../mail/address.ts';
import { clearReceipt } from '../notices/templates.ts';
import { keyPart, noticeEntity, writeNotice } from '../notices/write.ts';
import type { CertificateFacts } from '../pgp/certificate.ts';
import { keyIdsIn } from '../pgp/certificate-bytes.ts';
import { keyIdOf } from '../pgp/key-packets.ts';
import type { OpenedMail, Signer } from '../pgp/open.ts';
import { readKnown, usableKept } from '../roster/known.ts';
import { keepStranger } from '../roster/strangers.ts';
import type { Seams } from '../seams.ts';
import * as certificates from '../store/certificates.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as recipients from '../store/recipients.ts';
import type { Case, Contact, List, NewPost } from '../store/schema.ts';

/** The answer to a report, ready to be written with its case. */
export interface Receipt {
  address: string;
  /** What it is sealed to; null: it says nothing and goes in clear. */
  certificate: { id: string } | CertificateFacts | null;
  /** The address was proved by a certificate on the roster; to any other, one receipt a day is the most. */
  proved: boolean;
  post: NewPost;
}

export interface ReportFacts {
  project: string;
  caseId: string;
  threadToken: string;
  answerBy: Instant;
  receivedAt: Instant;
  list: List;
  /** Envelope sender, where the answer to a stranger goes (RFC 3834 §4). */
  sender: string;
  opened: OpenedMail | null;
  roster: certificates.RosterCertificate | undefined;
}

/**
 * Writes the receipt: sealed where the mail's signature verified with a certificate that can be encrypted to, or where an
 * unsigned one brought its writer's; else without content. Null where nobody may be answered at that address.
 */
export async function prepareReceipt(seams: Seams, report: ReportFacts): Promise<Receipt | null> {
  const address = report.roster?.contact.address ?? report.sender;
  if (await isUnanswerable(seams.db, address)) return null;
  return writeReceipt(seams, report, {
    address,
    certificate: await certificateOf(seams, report),
    proved: report.roster !== undefined,
  });
}

/** The one for a contact of whom a person has said that a mail of that case is his, as he stands now; null as for `prepareReceipt`. */
export async function receiptForContact(seams: Seams, about: Case, list: List, contact: Contact): Promise<Receipt | null> {
  const { db, pgp, clock, project } = seams;
  const { id: caseId, thread_token: threadToken, received_at: receivedAt } = about;
  const { id, address } = contact;
  if (await isUnanswerable(db, address)) return null;
  const current = await certificates.current(db, id);
  const isUsable = current !== undefined && (await usableKept({ db, pgp }, current.data, clock.now())).usable;
  const facts = { project: project.name, caseId, threadToken, receivedAt, list, answerBy: answerBy(project, about) };
  return writeReceipt(seams, facts, { address, certificate: isUsable ? { id: current.id } : null, proved: true });
}

type Occasion = Omit<ReportFacts, 'sender' | 'opened' | 'roster'>;

async function writeReceipt(seams: Seams, report: Occasion, to: Omit<Receipt, 'post'>): Promise<Receipt> {
  const { certificate } = to;
  const { project, caseId, list } = report;
  const sealed = seams.words.receipt({
    project,
    caseId,
    receivedAt: report.receivedAt,
    thread: threadAddress(list.address, caseId, report.threadToken),
    answerBy: report.answerBy,
  });
  const words = certificate ? sealed : clearReceipt({ list: list.address });
  const kind = certificate ? 'receipt' : 'receipt-clear';
  return {
    ...to,
    post: await writeNotice(seams, list, { kind, caseId }, noticeEntity(words, [await listKeyPart(seams, list)])),
  };
}

/** What the answer asks to be encrypted to. */
async function listKeyPart({ keyring }: Seams, list: List): Promise<Uint8Array> {
  const key = keyring.find(list.fingerprint);
  if (!key) throw new Error(`there is no key for ${list.address}`);
  return keyPart(list, key.certificate);
}

/** An answer to one of our own addresses would go round, and to an external public one nothing goes but what is released. */
export async function isUnanswerable(db: Db, address: string): Promise<boolean> {
  if ((await lists.byAddress(db, address)) || (await lists.byAddress(db, readListAddress(address).list))) return true;
  return (await recipients.externalAddresses(db)).includes(address.toLowerCase());
}

async function certificateOf(seams: Seams, { roster, opened, sender }: ReportFacts): Promise<Receipt['certificate']> {
  const { pgp, clock } = seams;
  if (!opened) return null;
  if (roster) return opened.signer && (await usableKept(seams, roster.data, clock.now())).usable ? { id: roster.id } : null;
  const read = opened.signer ? await certificateOfSigner(pgp, opened, opened.signer) : await ofUnsigned(pgp, opened, sender);
  const facts = read && (await readKnown(seams, read.data).catch(() => null));
  return facts && (await pgp.usable(facts.data, clock.now())).usable ? facts : null;
}

/** That which came with the mail and signed it; null where it did not come. */
export async function certificateOfSigner(
  pgp: Seams['pgp'],
  { offered }: OpenedMail,
  { fingerprint }: Signer,
): Promise<CertificateFacts | null> {
  for (const data of offered) {
    if (!keyIdsIn(data).includes(keyIdOf(fingerprint))) continue;
    const facts = await pgp.readCertificate(data).catch(() => null);
    if (facts?.fingerprint === fingerprint) return facts;
  }
  return null;
}

/**
 * The one certificate of the address that wrote a mail which nobody signed, as Autocrypt gives it: it proves no name, and keeps
 * the answers from everybody else. Of an encrypted mail only what was inside counts: the way it took can put another outside.
 */
async function ofUnsigned(pgp: Seams['pgp'], opened: OpenedMail, sender: string): Promise<CertificateFacts | null> {
  const { signatures, encrypted, allEncrypted, offeredInside, from } = opened;
  if (signatures.length > 0 || encrypted !== allEncrypted) return null;
  const writers = [sender, from?.address ?? ''].map((address) => address.toLowerCase());
  const read = await Promise.all(offeredInside.map((data) => pgp.readCertificate(data).catch(() => null)));
  const own = read.filter((facts) => facts?.addresses.some((address) => writers.includes(address)));
  const [first, ...others] = own;
  return first && others.every((facts) => facts?.fingerprint === first.fingerprint) ? first : null;
}

/** The row of the certificate that the reporter is written to with, or null. */
export async function keepCertificate(trx: Db, clock: Seams['clock'], { certificate }: Receipt): Promise<string | null> {
  if (certificate === null) return null;
  if ('id' in certificate) return certificate.id;
  return keepStranger(trx, { clock }, certificate);
}

/**
 * At most one a day to an address that proved nothing: a forged sender must not be flooded through us (RFC 3834 §2). Whoever
 * followed the advice of the first, and brought a certificate, gets the one that is sealed to it on the same day.
 */
export async function mayAnswer(trx: Db, clock: Seams['clock'], { proved, address, post }: Receipt): Promise<boolean> {
  return proved || !(await deliveries.wroteTo(trx, address, [post.kind], clock.now() - DAY));
}
