import { type CertificateFacts, readCertificate } from '../pgp/certificate.ts';
import { eachCertificate } from '../pgp/certificate-bytes.ts';
import { Refusal } from '../refusal.ts';
import { readNamed } from './file.ts';

/**
 * The certificates of a key file: armored or binary, one or several, as `keys export` and `gpg --export` write them. One that cannot
 * be read is left out: it may be anybody's, of a whole keyring. Throws Refusal `unusable-certificate` where none can.
 */
export async function certificatesIn(name: string): Promise<CertificateFacts[]> {
  const read = await Promise.allSettled(eachCertificate(readNamed(name)).map((one) => readCertificate(one)));
  const found = read.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const [refused] = read.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  if (found.length === 0) throw refused ?? new Refusal('unusable-certificate', `There is no OpenPGP certificate in ${name}`);
  return found;
}
