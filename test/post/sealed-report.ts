import { encryptedMail } from '../support/compose.ts';
import { type House, LISTS } from '../support/house.ts';
import type { Party } from '../support/party.ts';
import { arrive, letterOf, listCertificate } from './arrive.ts';

/** A report comes in, sealed, signed, and with the certificate of who wrote it: what is for him is sealed to that. The id of its case. */
export async function sealedReport(house: House, from: Party): Promise<string> {
  const key = { name: 'key.asc', type: 'application/pgp-keys', data: Buffer.from(from.public) };
  const sealing = { recipients: [listCertificate(house, LISTS.security)], signer: from };
  const raw = await encryptedMail(letterOf(house, from, { attachments: [key] }), sealing);
  const { caseId } = await arrive(house, raw, { sender: from.address });
  if (caseId === null) throw new Error('the report opened no case');
  return caseId;
}
