import { send } from '../delivery/send.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import type { Renewal } from '../pgp/renewal.ts';
import type { Seams } from '../seams.ts';
import type { Contact, List } from '../store/schema.ts';
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

/** Tells the team, and whoever has the old one, who may not be who has the new one. `through`: the list that the latter is written to from. */
export async function tellOfReplacement(
  seams: Seams,
  { contact, organisation, former, after, encryptionKey, byTeam }: Replacement,
  through: List,
): Promise<void> {
  const { db } = seams;
  const before = former?.fingerprint ?? null;
  const words = noticeEntity(
    seams.words.certificateReplaced({ address: contact.address, organisation, before, after, encryptionKey, byTeam }),
  );
  const intake = await teamList(db);
  const alert = await writeNotice(seams, intake, { kind: 'alert', caseId: null }, words);
  const notice = await writeNotice(seams, through, { kind: byTeam ? 'membership' : 'answer', caseId: null }, words);
  await db.transaction().execute(async (trx) => {
    await tellTeam(trx, seams, { list: intake, post: alert });
    if (!former || through.role === 'public' || after === before) return;
    const reader = { audience: 'reporter', address: contact.address, certificateId: former.id } as const;
    await send(trx, seams, { list: through, post: notice }, [reader]);
  });
}
