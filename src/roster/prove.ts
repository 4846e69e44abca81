import { createHash } from 'node:crypto';
import { record } from '../audit/record.ts';
import { DAY, type Instant, newId, newToken } from '../clock.ts';
import { send } from '../delivery/send.ts';
import { roleAddress } from '../mail/address.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as admission from '../store/admission.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as members from '../store/members.ts';
import type { Certificate, Contact } from '../store/schema.ts';
import { isOut, next } from './state.ts';
import { prepareNotice, teamList, tellMember } from './tell.ts';
import { mustBeUsable } from './usable.ts';

/** How long a nonce counts. */
const PROOF = 14 * DAY;
/** What ends sooner is not worth proving (PROCESS section 4). */
const LEAST_LIFE = 14 * DAY;

/** The nonce itself stands in the mail alone. */
function hashNonce(nonce: string): string {
  return createHash('sha256').update(nonce).digest('hex');
}

/**
 * Asks each active contact of a member who was vetted to prove his certificate, and of any member the one that waits for a person, where
 * he has not: a nonce, sealed to it. Gives how many were asked.
 * Throws Refusal: not-found; conflict where nobody is left to ask, or a certificate cannot be used for long enough.
 */
export async function askForProof(seams: Seams, { project }: { project: string }, memberId: string): Promise<number> {
  const { db, clock } = seams;
  const member = await members.byId(db, memberId);
  if (!member) throw new Refusal('not-found', `There is no member ${memberId}`);
  if (isOut(member.state))
    throw new Refusal('conflict', `"${member.organisation}" is ${member.state}: he has to apply again first`);
  // One that he has is proved on the way in, and one that waits at any time.
  const onTheWay = next(member.state, 'prove-key') !== undefined;
  const asked: { contact: Contact; certificate: Certificate }[] = [];
  for (const contact of await contacts.ofMember(db, memberId)) {
    const proved = await admission.provedCertificates(db, contact.id);
    for (const certificate of contact.active === 1 ? await certificates.ofContact(db, contact.id) : []) {
      const toProve = certificate.state === 'proposed' || (certificate.state === 'current' && onTheWay);
      if (!toProve || proved.has(certificate.id)) continue;
      await mustLast(seams, certificate, clock.now());
      asked.push({ contact, certificate });
    }
  }
  if (asked.length === 0)
    throw new Refusal(
      'conflict',
      onTheWay || member.state === 'active'
        ? `"${member.organisation}" has no certificate that is to be proved`
        : `"${member.organisation}" is ${member.state}: only who was vetted proves a key`,
    );
  for (const one of asked) await ask(seams, project, one);
  return asked.length;
}

async function mustLast(seams: Seams, certificate: Certificate, now: Instant): Promise<void> {
  const { until } = await mustBeUsable(seams, certificate);
  if (until !== null && until < now + LEAST_LIFE)
    throw new Refusal(
      'unusable-certificate',
      `The certificate ${certificate.fingerprint} ends within 14 days: have it extended first`,
    );
}

async function ask(
  seams: Seams,
  project: string,
  { contact, certificate }: { contact: Contact; certificate: Certificate },
): Promise<void> {
  const { db, clock } = seams;
  const now = clock.now();
  const nonce = newToken(20);
  const list = await teamList(db);
  const request = roleAddress(list.address, 'request');
  const words = seams.words.proveKey({ project, fingerprint: certificate.fingerprint, request, nonce, until: now + PROOF });
  const told = await prepareNotice(seams, words, 'proof');
  await db.transaction().execute(async (trx) => {
    await admission.insertProof(trx, {
      id: newId(clock),
      contact_id: contact.id,
      certificate_id: certificate.id,
      nonce_hash: hashNonce(nonce),
      created_at: now,
      proved_at: null,
    });
    await send(trx, seams, told, [{ audience: 'reporter', address: contact.address, certificateId: certificate.id }]);
    const detail = { certificate: certificate.id, fingerprint: certificate.fingerprint };
    await record(trx, seams, { action: 'certificate.ask-proof', subject: `contact:${contact.id}`, detail });
  });
}

/**
 * Takes a nonce that came back, signed with the certificate that it was sealed to. When each active contact of a vetted member has
 * proved his own, the member is `key_proved`. Throws Refusal('invalid') where it is none of his, or is too old.
 */
export async function takeProof(
  seams: Seams,
  { project }: { project: string },
  { contactId, certificateId, nonce }: { contactId: string; certificateId: string; nonce: string },
): Promise<void> {
  const { db, clock } = seams;
  const contact = await contacts.byId(db, contactId);
  const member = contact && (await members.byId(db, contact.member_id));
  if (!contact || !member) throw new Refusal('not-found', 'You are on the roster no more');
  const words = seams.words.memberChanged({ project, organisation: member.organisation, state: 'key_proved', reason: null });
  const told = await prepareNotice(seams, words);
  await db.transaction().execute(async (trx) => {
    const now = clock.now();
    const proof = await admission.openProof(trx, hashNonce(nonce.toLowerCase()));
    const his = proof?.contact_id === contactId && proof.certificate_id === certificateId;
    if (!proof || !his || proof.created_at + PROOF < now || !(await admission.markProved(trx, proof.id, now)))
      throw new Refusal('invalid', 'That proves nothing: the words are not those that your certificate was sent, or are too old');
    await record(trx, seams, {
      action: 'certificate.prove',
      subject: `contact:${contactId}`,
      detail: { certificate: certificateId },
    });
    await members.lock(trx, member.id);
    const seen = await members.byId(trx, member.id);
    const to = seen && next(seen.state, 'prove-key');
    if (!seen || !to || !(await everybodyProved(trx, member.id))) return;
    await members.setState(trx, member.id, { from: seen.state, to, reason: null, now });
    await tellMember(trx, seams, told, member.id);
    await record(trx, seams, { action: 'member.prove-key', subject: `member:${member.id}`, detail: { from: seen.state, to } });
  });
}

async function everybodyProved(db: Db, memberId: string): Promise<boolean> {
  for (const contact of await contacts.ofMember(db, memberId)) {
    const certificate = contact.active === 1 ? await certificates.current(db, contact.id) : undefined;
    if (certificate && !(await admission.provedCertificates(db, contact.id)).has(certificate.id)) return false;
  }
  return true;
}
