import { type Addressee, eachContact, team } from '../delivery/copies.ts';
import { send, type Written } from '../delivery/send.ts';
import type { Notice } from '../notices/templates.ts';
import { noticeEntity, type Sealing, writeNotice } from '../notices/write.ts';
import type { Seams } from '../seams.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import type { List } from '../store/schema.ts';

/** The intake list: what is written to members comes from it, and the team has what they answer. */
export async function teamList(db: Db): Promise<List> {
  const list = (await lists.all(db)).find(({ role }) => role === 'intake');
  if (!list) throw new Error('there is no intake list to write to members through');
  return list;
}

/** Writes it, through the intake list: the team is who answers. Nothing is in the database yet. */
export async function prepareNotice(
  seams: Sealing & Pick<Seams, 'db'>,
  words: Notice,
  kind: 'membership' | 'proof' | 'alert' = 'membership',
): Promise<Written> {
  const list = await teamList(seams.db);
  return { list, post: await writeNotice(seams, list, { kind, caseId: null }, noticeEntity(words)) };
}

/**
 * To the member's active contacts in whatever state he is, each sealed to the certificate that he has now; who has none gets nothing.
 * `also`: the id of one who gets it although he is retired; `except`: ids of those who do not.
 */
export async function tellMember(
  trx: Db,
  seams: Pick<Seams, 'clock'>,
  told: Written,
  memberId: string,
  { also, except }: { also?: string; except?: ReadonlySet<string> } = {},
): Promise<number> {
  const addressees: Addressee[] = [];
  for (const { id, address, active } of await contacts.ofMember(trx, memberId)) {
    if (except?.has(id)) continue;
    const certificate = active === 1 || id === also ? await certificates.current(trx, id) : undefined;
    if (certificate) addressees.push({ audience: 'reporter', address, certificateId: certificate.id });
  }
  return send(trx, seams, told, addressees);
}

export async function tellTeam(trx: Db, seams: Seams, told: Written): Promise<void> {
  await send(trx, seams, told, eachContact(await team(trx)));
}
