import { send, type Written } from '../delivery/send.ts';
import type { Sealing } from '../notices/write.ts';
import type { Seams } from '../seams.ts';
import * as certificates from '../store/certificates.ts';
import type { Db } from '../store/database.ts';
import * as members from '../store/members.ts';
import type { Certificate, Contact } from '../store/schema.ts';
import { prepareNotice, tellMember } from './tell.ts';

/** What is told of contacts and their certificates: each is written before the move, and sent in its transaction. */

export interface ContactNews {
  address: string;
  became: 'added' | 'retired' | 'reinstated';
  reason: string | null;
}

export async function prepareContactNews(
  seams: Sealing & Pick<Seams, 'db' | 'words'>,
  memberId: string,
  news: ContactNews,
): Promise<Written> {
  return prepareNotice(seams, seams.words.contactChanged({ organisation: await organisationOf(seams.db, memberId), ...news }));
}

/** To the contacts of his member as they are then, and to himself also where he is none of them any more. */
export async function tellOfContact(trx: Db, seams: Pick<Seams, 'clock'>, told: Written, contact: Contact): Promise<void> {
  await tellMember(trx, seams, told, contact.member_id, { also: contact.id });
}

export async function prepareCertificateNews(
  seams: Seams,
  { address, member_id }: Contact,
  { fingerprint }: Pick<Certificate, 'fingerprint'>,
  became: 'proposed' | 'refused' | 'retired',
): Promise<Written> {
  const organisation = await organisationOf(seams.db, member_id);
  return prepareNotice(seams, seams.words.certificateChanged({ organisation, address, fingerprint, became }));
}

/** To its owner, sealed to the one that counts for him; where none does, to the one that was retired. */
export async function tellOwner(
  trx: Db,
  seams: Seams,
  told: Written,
  { id, address }: Contact,
  retired?: Certificate,
): Promise<void> {
  const certificate = (await certificates.current(trx, id)) ?? retired;
  if (certificate) await send(trx, seams, told, [{ audience: 'reporter', address, certificateId: certificate.id }]);
}

async function organisationOf(db: Db, memberId: string): Promise<string> {
  return (await members.byId(db, memberId))?.organisation ?? '';
}
