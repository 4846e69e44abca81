import { type Addressee, copiesFor } from '../delivery/copies.ts';
import type { Renewal } from '../pgp/renewal.ts';
import { Refusal } from '../refusal.ts';
import { renewKnown } from '../roster/known.ts';
import { writeRenewal } from '../roster/renewal.ts';
import type { Seams } from '../seams.ts';
import * as certificates from '../store/certificates.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as posts from '../store/posts.ts';
import type { Certificate, List, NewPost } from '../store/schema.ts';
import type { Destination } from './destination.ts';
import type { Look } from './look.ts';
import { certificateOfSigner } from './receipt.ts';

/** The certificate that a case's reporter is written to with, and what it is together with a newer copy of it. */
export interface ReporterRenewal {
  certificate: Certificate;
  renewal: Renewal;
}

/** What he brings with a mail to his thread that he signed with it, as one whose key had expired; null where it says nothing new. */
export async function reporterRenewal(
  { db, pgp, clock }: Seams,
  { case: about }: Destination,
  { opened }: Look,
): Promise<ReporterRenewal | null> {
  if (!about?.reporter_certificate_id || !opened?.signer) return null;
  const certificate = await certificates.byId(db, about.reporter_certificate_id);
  // That of a contact is changed on the roster alone.
  if (certificate?.state !== 'mail' || certificate.fingerprint !== opened.signer.fingerprint) return null;
  const newer = await certificateOfSigner(pgp, opened, opened.signer);
  const renewal = newer && (await renewKnown({ db, pgp, clock }, certificate, newer.data).catch(() => null));
  return renewal?.changed ? { certificate, renewal } : null;
}

/** From now on he is written to with it, in every case of his that has this certificate; what was held for the old copy goes. */
export async function keepRenewal(trx: Db, { clock }: Seams, { certificate, renewal }: ReporterRenewal): Promise<void> {
  await writeRenewal(trx, certificate, renewal, clock.now()).catch(async (error: unknown) => {
    if (!(error instanceof Refusal && error.reason === 'conflict')) throw error;
    // Another mail of his was faster, or what was known was laid over it. His words are kept all the same, and what he revokes.
    await certificates.hear(trx, renewal.revoked);
  });
}

/** The row of what is sealed for a reporter of whom no certificate is known: without a copy until he brings one. */
export function forReporterLater(post: NewPost): NewPost {
  return { ...post, to_reporter: 1 };
}

/** Queues what waited for his certificate. Gives how many mails that are. */
export async function letReporterHave(
  trx: Db,
  { clock }: Pick<Seams, 'clock'>,
  { case_id, list }: { case_id: string; list: Pick<List, 'id' | 'address'> },
  addressee: Addressee,
): Promise<number> {
  const waiting = await posts.waitingForReporter(trx, case_id);
  for (const id of waiting) await deliveries.insertMany(trx, copiesFor(clock, { id, case_id, list }, [addressee]));
  return waiting.length;
}
