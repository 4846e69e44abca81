import type { Clock, Instant } from '../clock.ts';
import type { CertificateFacts } from '../pgp/certificate.ts';
import type { Pgp } from '../pgp/pool.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import { hearAll, readKnown } from './known.ts';

/** Reads a certificate that can be encrypted to now. Throws Refusal `unusable-certificate`; what it revokes is known then, too. */
export async function usableCertificate(seams: Seams, armored: string | Uint8Array): Promise<CertificateFacts> {
  await hearAll(seams, [armored]);
  const facts = await readKnown(seams, armored);
  await mustBeUsable(seams, facts);
  return facts;
}

/** Gives until when it can be. Throws Refusal `unusable-certificate`. */
export async function mustBeUsable(
  { pgp, clock }: { pgp: Pick<Pgp, 'usable'>; clock: Clock },
  { fingerprint, data }: Pick<CertificateFacts, 'fingerprint' | 'data'>,
): Promise<{ until: Instant | null }> {
  const state = await pgp.usable(data, clock.now());
  if (!state.usable) throw new Refusal('unusable-certificate', `The certificate ${fingerprint} cannot be used: ${state.reason}`);
  return state;
}
