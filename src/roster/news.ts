import { send, type Written } from '../delivery/send.ts';
import type { Sealing } from '../notices/write.ts';
import type { Seams } from '../seams.ts';
import * as certificates from '../store/certificates.ts';
import type { Db } from '../store/database.ts';
import * as members from '../store/members.ts';
import type { Certificate, Contact } from '../store/schema.ts';
import { usableKept } from './known.ts';
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
  { id, address, member_id }: Contact,
  { fingerprint }: Pick<Certificate, 'fingerprint'>,
  became: 'proposed' | 'refused' | 'retired',
): Promise<OwnerNews> {
  const organisation = await organisationOf(seams.db, member_id);
  const told = await prepareNotice(seams, seams.words.certificateChanged({ organisation, address, fingerprint, became }));
  const unusable = new Set<string>();
  for (const one of await certificates.ofContact(seams.db, id)) if (!(await isUsable(seams, one))) unusable.add(one.id);
  return { told, unusable };
}

/** What is told to the owner of a certificate. */
export interface OwnerNews {
  told: Written;
  /** Ids of those of his certificates that nothing can be sealed to any more. */
  unusable: ReadonlySet<string>;
}

/** What is sealed to one that cannot be used waits, and for good where another one takes its place. */
export async function isUsable(seams: Seams, { data }: Pick<Certificate, 'data'>): Promise<boolean> {
  return (await usableKept(seams, data, seams.clock.now())).usable;
}

/**
 * To its owner, sealed to the one that counts for him; where none does, to the one that was retired. To nobody where that is revoked or has
 * expired: no other one is known to be his.
 */
export async function tellOwner(
  trx: Db,
  seams: Seams,
  { told, unusable }: OwnerNews,
  { id, address }: Contact,
  retired?: Certificate,
): Promise<void> {
  const certificate = (await certificates.current(trx, id)) ?? retired;
  if (!certificate || unusable.has(certificate.id)) return;
  await send(trx, seams, told, [{ audience: 'reporter', address, certificateId: certificate.id }]);
}

async function organisationOf(db: Db, memberId: string): Promise<string> {
  return (await members.byId(db, memberId))?.organisation ?? '';
}
