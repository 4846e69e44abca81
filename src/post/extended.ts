import type { CertificateFacts } from '../pgp/certificate.ts';
import type { OpenedMail } from '../pgp/open.ts';
import type { Renewal } from '../pgp/renewal.ts';
import { Refusal } from '../refusal.ts';
import { renewKnown, usableKept } from '../roster/known.ts';
import type { Seams } from '../seams.ts';
import type { RosterCertificate } from '../store/certificates.ts';

/**
 * Where a signature is by a certificate of the roster that has expired, or by a key that its owner added to it since: what that is with
 * the copy that came inside, by fingerprint, if its primary key holds then. Who changes his certificate signs with it as he has it.
 */
export async function extendedIn(
  seams: Seams,
  opened: OpenedMail | null,
  find: (keyIds: string[]) => Promise<RosterCertificate[]>,
): Promise<Map<string, CertificateFacts>> {
  const found = new Map<string, CertificateFacts>();
  if (!opened) return found;
  const isExpired = opened.signatures.some(({ reason }) => reason === 'expired');
  const unknown = new Set(opened.signatures.flatMap(({ keyId, certificateKnown }) => (certificateKnown ? [] : [keyId])));
  if (!isExpired && unknown.size === 0) return found;
  for (const { facts, whyNot, expiredSubkey } of await renewalsIn(seams, opened, find)) {
    const isMeant = isExpired || facts.keys.some(({ keyId }) => unknown.has(keyId));
    if (isMeant && (whyNot === null || expiredSubkey !== null)) found.set(facts.fingerprint, facts);
  }
  return found;
}

/** What certificates that are known are with the copies that came inside. */
async function renewalsIn(
  seams: Seams,
  { offeredInside }: OpenedMail,
  find: (keyIds: string[]) => Promise<RosterCertificate[]>,
): Promise<Renewal[]> {
  const found: Renewal[] = [];
  for (const copy of offeredInside) {
    const facts = await seams.pgp.readCertificate(copy).catch(() => null);
    const owners = facts ? await find(facts.keys.map(({ keyId }) => keyId)) : [];
    const own = owners.find(({ fingerprint }) => fingerprint === facts?.fingerprint);
    const renewal = own && (await renewKnown(seams, own, copy).catch(() => null));
    if (renewal) found.push(renewal);
  }
  return found;
}

/**
 * Who extends his certificate with gpg extends the primary key alone, and no answer can be encrypted to him then: he is told in the
 * session. Throws Refusal `unusable-certificate`.
 */
export async function mustBeExtendedWhole(seams: Seams, opened: OpenedMail, roster: RosterCertificate): Promise<void> {
  const { fingerprint } = roster;
  if ((await usableKept(seams, roster.data, seams.clock.now())).usable) return;
  const renewals = await renewalsIn(seams, opened, async () => [roster]);
  const subkey = renewals.find(({ expiredSubkey }) => expiredSubkey !== null)?.expiredSubkey;
  if (!subkey || renewals.some(({ whyNot }) => whyNot === null)) return;
  throw new Refusal(
    'unusable-certificate',
    `Its encryption subkey ${subkey} has expired. Extend that as well (gpg --quick-set-expire ${fingerprint} 2y ${subkey}), and send it again`,
  );
}
