import { record } from '../audit/record.ts';
import { DAY } from '../clock.ts';
import { type Addressee, eachContact, handlersAmong, team } from '../delivery/copies.ts';
import { send } from '../delivery/send.ts';
import { splitAddress } from '../mail/address.ts';
import { statusEntity, writeNotice } from '../notices/write.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import * as undelivered from '../store/undelivered.ts';

/** What failed before is not told any more: somebody has long asked. */
const RECENT = 7 * DAY;

/**
 * Tells writers whose mail finally reached nobody (RFC 3464), each once and sealed: a contact who signed it, or the reporter whose certificate
 * signed it. Whoever proved nothing is told nothing, as any address may stand in a mail (RFC 3834 §2); and of the team, who is told of each copy that
 * failed (`delivery/tell`) knows it. Gives whether any were told.
 */
export async function watchUndelivered(seams: Seams): Promise<boolean> {
  let told = false;
  for (const post of await undelivered.since(seams.db, seams.clock.now() - RECENT)) if (await tell(seams, post)) told = true;
  return told;
}

async function tell(seams: Seams, post: undelivered.Undelivered): Promise<boolean> {
  const { db, clock } = seams;
  const to = await writerOf(db, post);
  const list = await lists.byId(db, post.list_id);
  if (!to || !list) return false;
  const { id: postId, received_at: receivedAt } = post;
  const status = [
    [
      `Reporting-MTA: dns; ${splitAddress(list.address).domain}`,
      `Arrival-Date: ${new Date(receivedAt).toUTCString().replace('GMT', '+0000')}`,
    ],
    // The list alone: who is on it is nobody's business.
    [`Final-Recipient: rfc822; ${list.address}`, 'Action: failed', 'Status: 5.0.0'],
  ];
  const content = statusEntity(seams.words.undelivered({ list: list.address, postId, receivedAt }), status);
  const answer = await writeNotice(seams, list, { kind: 'answer', caseId: null }, content);
  return db.transaction().execute(async (trx) => {
    if (!(await undelivered.tell(trx, postId, clock.now()))) return false;
    await send(trx, seams, { list, post: answer }, [to]);
    await record(trx, seams, { action: 'post.undelivered', subject: `post:${postId}` });
    return true;
  });
}

/** Null: nobody who proved that it is his, or one who knows it. */
async function writerOf(
  db: Db,
  { case_id, signer_contact_id, signer_fingerprint }: undelivered.Undelivered,
): Promise<Addressee | null> {
  if (signer_contact_id !== null) {
    const known = await handlersAmong(db, case_id, await team(db));
    const contact = await contacts.byId(db, signer_contact_id);
    if (contact?.active !== 1 || known.some(({ id }) => id === contact.id)) return null;
    return eachContact([contact])[0] ?? null;
  }
  const about = case_id === null ? undefined : await cases.byId(db, case_id);
  if (!about?.reporter_address || about.reporter_certificate_id === null) return null;
  const certificate = await certificates.byId(db, about.reporter_certificate_id);
  if (certificate?.fingerprint !== signer_fingerprint) return null;
  return { audience: 'reporter', address: about.reporter_address, certificateId: certificate.id };
}
