import { createHash } from 'node:crypto';
import type { Deed } from '../audit/entry.ts';
import { DAY, newId, newToken } from '../clock.ts';
import { send, type Written } from '../delivery/send.ts';
import { roleAddress } from '../mail/address.ts';
import type { Sealing } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as admission from '../store/admission.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import type { Certificate, Contact } from '../store/schema.ts';
import { prepareNotice, teamList } from './tell.ts';
import { mustBeUsable } from './usable.ts';

/** How long a nonce counts. */
export const PROOF = 14 * DAY;
/** What ends sooner is not worth proving. */
const LEAST_LIFE = 14 * DAY;

/** A mail that asks for the proof of one certificate, and the nonce in it as it is kept. */
export interface Asking {
  told: Written;
  nonceHash: string;
}

/** The nonce itself stands in the mail alone. */
export function hashNonce(nonce: string): string {
  return createHash('sha256').update(nonce).digest('hex');
}

/** Throws Refusal `unusable-certificate`, also where it ends too soon. */
export async function mustLast(
  seams: Parameters<typeof mustBeUsable>[0],
  certificate: Pick<Certificate, 'fingerprint' | 'data'>,
): Promise<void> {
  const { until } = await mustBeUsable(seams, certificate);
  if (until !== null && until < seams.clock.now() + LEAST_LIFE)
    throw new Refusal(
      'unusable-certificate',
      `The certificate ${certificate.fingerprint} ends within 14 days: have it extended first`,
    );
}

/** As `mustLast` asks. */
export async function lasts(...of: Parameters<typeof mustLast>): Promise<boolean> {
  return mustLast(...of).then(() => true, isUnusable);
}

/** Writes it; nothing is in the database yet. */
export async function prepareAsking(
  seams: Sealing & Pick<Seams, 'db' | 'words'>,
  project: string,
  { fingerprint }: Pick<Certificate, 'fingerprint'>,
): Promise<Asking> {
  const nonce = newToken(20);
  const request = roleAddress((await teamList(seams.db)).address, 'request');
  const words = seams.words.proveKey({ project, fingerprint, request, nonce, until: seams.clock.now() + PROOF });
  return { told: await prepareNotice(seams, words, 'proof'), nonceHash: hashNonce(nonce) };
}

/** One who is asked. */
export interface AskedContact {
  contact: Contact;
  certificate: Certificate;
  asking: Asking;
}

/**
 * Writes to each active contact of a member who has not proved his key. Whose certificate cannot be used for long enough is left out: he is
 * asked when that is mended (`askForProof`).
 */
export async function prepareAskings(
  seams: Sealing & Pick<Seams, 'db' | 'words' | 'pgp'>,
  project: string,
  memberId: string,
): Promise<AskedContact[]> {
  const asked: AskedContact[] = [];
  for (const contact of await contacts.ofMember(seams.db, memberId)) {
    const certificate = isUnproved(contact) ? await certificates.current(seams.db, contact.id) : undefined;
    if (!certificate || !(await lasts(seams, certificate))) continue;
    asked.push({ contact, certificate, asking: await prepareAsking(seams, project, certificate) });
  }
  return asked;
}

function isUnproved({ active, proved_at }: Contact): boolean {
  return active === 1 && proved_at === null;
}

function isUnusable(error: unknown): false {
  if (error instanceof Refusal && error.reason === 'unusable-certificate') return false;
  throw error;
}

/** Sends it to those of them whom it is still for. Gives what is to be recorded of it. */
export async function askAll(trx: Db, seams: Pick<Seams, 'clock'>, asked: readonly AskedContact[]): Promise<Deed[]> {
  const deeds: Deed[] = [];
  for (const { asking, ...one } of asked) {
    const contact = await contacts.byId(trx, one.contact.id);
    const certificate = await certificates.current(trx, one.contact.id);
    if (contact && isUnproved(contact) && certificate?.id === one.certificate.id) deeds.push(await ask(trx, seams, asking, one));
  }
  return deeds;
}

/** Sends it to the owner of the certificate, sealed to that. Gives what is to be recorded of it. */
export async function ask(
  trx: Db,
  seams: Pick<Seams, 'clock'>,
  { told, nonceHash }: Asking,
  { contact, certificate }: { contact: Pick<Contact, 'id' | 'address'>; certificate: Pick<Certificate, 'id' | 'fingerprint'> },
): Promise<Deed> {
  await admission.insertProof(trx, {
    id: newId(seams.clock),
    contact_id: contact.id,
    certificate_id: certificate.id,
    nonce_hash: nonceHash,
    created_at: seams.clock.now(),
    proved_at: null,
  });
  await send(trx, seams, told, [{ audience: 'reporter', address: contact.address, certificateId: certificate.id }]);
  const detail = { certificate: certificate.id, fingerprint: certificate.fingerprint };
  return { action: 'certificate.ask-proof', subject: `contact:${contact.id}`, detail };
}
