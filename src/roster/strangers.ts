import { newId } from '../clock.ts';
import type { CertificateFacts } from '../pgp/certificate.ts';
import type { Local } from '../seams.ts';
import * as certificates from '../store/certificates.ts';
import type { Db } from '../store/database.ts';

/** Keeps the certificate of somebody who is not on the roster, so that he can be answered; gives its id. It proves nobody. */
export async function keepStranger(trx: Db, { clock }: Pick<Local, 'clock'>, facts: CertificateFacts): Promise<string> {
  const { fingerprint, data } = facts;
  const row = { id: newId(clock), fingerprint, data, created_at: clock.now() };
  return (await certificates.insertFromMail(trx, row, facts)).id;
}
