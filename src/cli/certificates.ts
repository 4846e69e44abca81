import { type CertificateFacts, readCertificate } from '../pgp/certificate.ts';
import { eachCertificate } from '../pgp/certificate-bytes.ts';
import { Refusal } from '../refusal.ts';
import { readNamed } from './file.ts';
import { printable } from './printable.ts';

/**
 * The certificates of a key file: armored or binary, one or several, as `keys export` and `gpg --export` write them. One that cannot
 * be read is left out, with a word on stderr: it may be anybody's, of a whole keyring. Throws Refusal `unusable-certificate` where
 * none can.
 */
export async function certificatesIn(name: string): Promise<CertificateFacts[]> {
  const read = await Promise.allSettled(eachCertificate(readNamed(name), Infinity).map((one) => readCertificate(one)));
  const found = read.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const refused = read.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  if (found.length === 0) throw refused[0] ?? new Refusal('unusable-certificate', `There is no OpenPGP certificate in ${name}`);
  if (refused.length > 0) {
    const why = refused[0] instanceof Error ? `: ${refused[0].message}` : '';
    process.stderr.write(
      `curfew: ${printable(`${refused.length} of the certificates in ${name} cannot be read, and is left out${why}`)}\n`,
    );
  }
  return found;
}
