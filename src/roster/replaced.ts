import type { Addressee } from '../delivery/copies.ts';
import { send, type Written } from '../delivery/send.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import type { Renewal } from '../pgp/renewal.ts';
import type { Seams } from '../seams.ts';
import * as certificates from '../store/certificates.ts';
import type { Db } from '../store/database.ts';
import type { Contact, List } from '../store/schema.ts';
import { isUsable } from './news.ts';
import { teamList, tellTeam } from './tell.ts';

/** A certificate that counts now in the place of another, or with another key to encrypt to. */
export interface Replacement {
  contact: Pick<Contact, 'address'>;
  organisation: string;
  /** The certificate that he had; null where he had none. */
  former: { id: string; fingerprint: string } | null;
  /** Fingerprint of that which he has now. */
  after: string;
  /** Of a certificate that stayed the same. */
  encryptionKey: Renewal['encryptionKey'] | null;
  /** A person of the team let it count; else its owner did, with the one that he had. */
  byTeam: boolean;
}

/** What is told of one. */
export interface ReplacementNews {
  toTeam: Written;
  /** To whoever has the old one, who may not be who has the new one; null where there is nobody else, or nothing can be encrypted to it. */
  toFormer: { told: Written; addressee: Addressee } | null;
}

/** Writes it; nothing is in the database yet. `through`: the list that whoever has the old one is written to from. */
export async function prepareReplacementNews(
  seams: Seams,
  { contact, organisation, former, after, encryptionKey, byTeam }: Replacement,
  through: List,
): Promise<ReplacementNews> {
  const before = former?.fingerprint ?? null;
  const facts = { address: contact.address, organisation, before, after, encryptionKey, byTeam };
  const words = noticeEntity(seams.words.certificateReplaced(facts));
  const intake = await teamList(seams.db);
  const toTeam = { list: intake, post: await writeNotice(seams, intake, { kind: 'alert', caseId: null }, words) };
  if (!former || through.role === 'public' || after === before) return { toTeam, toFormer: null };
  const known = await certificates.byId(seams.db, former.id);
  if (known && !(await isUsable(seams, known))) return { toTeam, toFormer: null };
  const post = await writeNotice(seams, through, { kind: byTeam ? 'membership' : 'answer', caseId: null }, words);
  const addressee = { audience: 'reporter', address: contact.address, certificateId: former.id } as const;
  return { toTeam, toFormer: { told: { list: through, post }, addressee } };
}

/** In the transaction that lets it count. */
export async function tellOfReplacement(trx: Db, seams: Seams, { toTeam, toFormer }: ReplacementNews): Promise<void> {
  await tellTeam(trx, seams, toTeam);
  if (toFormer) await send(trx, seams, toFormer.told, [toFormer.addressee]);
}
