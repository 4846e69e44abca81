import type { Deed } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { letInsidersHave } from '../delivery/need-to-know.ts';
import type { Written } from '../delivery/send.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as admission from '../store/admission.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as members from '../store/members.ts';
import type { Certificate, Contact, Member } from '../store/schema.ts';
import { ask, hashNonce, lasts, mustLast, PROOF, prepareAsking } from './asking.ts';
import { asKnown, usableKept } from './known.ts';
import { isOut, next, provesKeys } from './state.ts';
import { deed } from './steps.ts';
import { prepareNotice, tellMember } from './tell.ts';

/**
 * Asks each active contact of a member who was vetted to prove his certificate, each who was added later and has not proved his, and of any
 * member the one that waits for a person: a nonce, sealed to it. Gives how many were asked: none where those who are left of a vetted
 * member have all proved theirs, who is `key_proved` then.
 * Throws Refusal: not-found; conflict where nobody is left to ask; unusable-certificate where one cannot be used for long enough.
 */
export async function askForProof(seams: Seams, { project }: { project: string }, memberId: string): Promise<number> {
  const { db } = seams;
  const member = await members.byId(db, memberId);
  if (!member) throw new Refusal('not-found', `There is no member ${memberId}`);
  if (isOut(member.state))
    throw new Refusal('conflict', `"${member.organisation}" is ${member.state}: he has to apply again first`);
  const asked: { contact: Contact; certificate: Certificate }[] = [];
  for (const contact of await contacts.ofMember(db, memberId)) {
    const proved = await admission.provedCertificates(db, contact.id);
    const his = contact.active === 1 ? await certificates.ofContact(db, contact.id) : [];
    const owed = his.filter((one) => isToProve(member, contact, one) && !proved.has(one.id));
    for (const row of owed) {
      const certificate = await asKnown(seams, row);
      // One that waits is to take the place of one that does not last.
      const replaced = certificate.state === 'current' && his.some(({ state }) => state === 'proposed');
      if (replaced && !(await lasts(seams, certificate))) continue;
      await mustLast(seams, certificate);
      asked.push({ contact, certificate });
    }
  }
  // Whoever owed the last proof was retired, or what he proved has been approved since.
  if (asked.length === 0) {
    if (await countProofs(seams, project, member)) return 0;
    throw new Refusal(
      'conflict',
      provesKeys(member.state)
        ? `"${member.organisation}" has no certificate that is to be proved`
        : `"${member.organisation}" is ${member.state}: only who was vetted proves a key`,
    );
  }
  for (const one of asked) {
    const asking = await prepareAsking(seams, project, one.certificate);
    await db.transaction().execute(async (trx) => record(trx, seams, await ask(trx, seams, asking, one)));
  }
  return asked.length;
}

/**
 * Takes the step for the proofs that are there. False where one is missing, or the member is not at that step. Throws Refusal
 * `unusable-certificate` where one that was proved would not be asked for now.
 */
async function countProofs(seams: Seams, project: string, member: Member): Promise<boolean> {
  if (!next(member.state, 'prove-key')) return false;
  const lasting = await lastingOf(seams, member.id, 'or say which does not');
  const told = await prepareProvedNews(seams, project, member);
  return seams.db.transaction().execute(async (trx) => {
    await members.lock(trx, member.id);
    const deeds = await stepWhenProved(trx, seams, told, member.id, lasting);
    if (deeds.length > 0) await record(trx, seams, ...deeds);
    return deeds.length > 0;
  });
}

/** One that waits is proved at any time; the one that he has on the way in, and later where he came later. */
function isToProve({ state }: Member, { proved_at }: Contact, certificate: Certificate): boolean {
  if (certificate.state !== 'current') return certificate.state === 'proposed';
  return next(state, 'prove-key') !== undefined || (provesKeys(state) && proved_at === null);
}

/**
 * Takes a nonce that came back, signed with the certificate that it was sealed to: where that is the one that he has, he gets copies from
 * now on if his member does. When each active contact of a vetted member who has one has proved it, and anybody has, the
 * member is `key_proved`.
 * Throws Refusal: `invalid` where it is none of his, or is too old; `conflict` where his member is out.
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
  const told = await prepareProvedNews(seams, project, member);
  const lasting = await lastingOf(seams, member.id);
  await db.transaction().execute(async (trx) => {
    const now = clock.now();
    // Before anything else of his: whoever decides on him holds him first, too.
    await members.lock(trx, member.id);
    const { state } = (await members.byId(trx, member.id)) ?? member;
    if (isOut(state)) throw new Refusal('conflict', `"${member.organisation}" is ${state}: he has to apply again first`);
    const proof = await admission.openProof(trx, hashNonce(nonce.toLowerCase()));
    const his = proof?.contact_id === contactId && proof.certificate_id === certificateId;
    if (!proof || !his || proof.created_at + PROOF < now || !(await admission.markProved(trx, proof.id, now)))
      throw new Refusal('invalid', 'That proves nothing: the words are not those that your certificate was sent, or are too old');
    // One that waits is his only when a person has approved it.
    if ((await certificates.current(trx, contactId))?.id === certificateId) {
      await contacts.setProved(trx, [contactId], now);
      await letInsidersHave(trx, clock, { contactId });
    }
    await record(
      trx,
      seams,
      { action: 'certificate.prove', subject: `contact:${contactId}`, detail: { certificate: certificateId } },
      ...(await stepWhenProved(trx, seams, told, member.id, lasting)),
    );
  });
}

function prepareProvedNews(seams: Seams, project: string, { organisation }: Member): Promise<Written> {
  return prepareNotice(seams, seams.words.memberChanged({ project, organisation, state: 'key_proved', reason: null }));
}

/** A vetted member of whom everybody has proved his key is `key_proved`; after `members.lock`. Gives what is to be recorded of it. */
async function stepWhenProved(
  trx: Db,
  seams: Seams,
  told: Written,
  memberId: string,
  lasting: ReadonlySet<string>,
): Promise<Deed[]> {
  const member = await members.byId(trx, memberId);
  const to = member && next(member.state, 'prove-key');
  if (!to || !(await everybodyProved(trx, memberId, lasting))) return [];
  await members.setState(trx, memberId, { from: member.state, to, reason: null, now: seams.clock.now() });
  await tellMember(trx, seams, told, memberId);
  return [deed('member.prove-key', member, to, {})];
}

/**
 * Ids of the certificates of his active contacts that can be used for long enough (not less than 14 days). Asked before a
 * transaction. With `orSay`, one that cannot is refused: `unusable-certificate`, or `conflict` where another one waits that he has proved.
 */
async function lastingOf(seams: Seams, memberId: string, orSay?: 'or say which does not'): Promise<Set<string>> {
  const lasting = new Set<string>();
  for (const { id, address, active, certificate: row } of (await members.withContacts(seams.db, memberId))?.contacts ?? []) {
    if (active !== 1 || !row) continue;
    const certificate = await asKnown(seams, row);
    if (await lasts(seams, certificate)) lasting.add(certificate.id);
    else if (orSay) {
      const proved = await admission.provedCertificates(seams.db, id);
      const waiting = (await certificates.ofContact(seams.db, id)).find((one) => one.state === 'proposed' && proved.has(one.id));
      if (waiting)
        throw new Refusal(
          'conflict',
          `${address} has proved the certificate ${waiting.fingerprint}, which waits: approve it (curfew contact approve)`,
        );
      await mustLast(seams, certificate);
    }
  }
  return lasting;
}

/** Each active contact has proved the certificate that he has, and it is one of `lasting`; and there is one. */
async function everybodyProved(db: Db, memberId: string, lasting: ReadonlySet<string>): Promise<boolean> {
  let proved = 0;
  for (const contact of await contacts.ofMember(db, memberId)) {
    const certificate = contact.active === 1 ? await certificates.current(db, contact.id) : undefined;
    if (!certificate) continue;
    if (!lasting.has(certificate.id)) return false;
    if (!(await admission.provedCertificates(db, contact.id)).has(certificate.id)) return false;
    proved++;
  }
  return proved > 0;
}

/** Ids of certificates of a member that can be encrypted to, current or proposed ones. Asked before a transaction. */
export async function usableOf({ db, pgp, clock }: Pick<Seams, 'db' | 'pgp' | 'clock'>, memberId: string): Promise<Set<string>> {
  const usable = new Set<string>();
  for (const contact of await contacts.ofMember(db, memberId))
    for (const { id, data, state } of await certificates.ofContact(db, contact.id))
      if (state !== 'retired' && (await usableKept({ db, pgp }, data, clock.now())).usable) usable.add(id);
  return usable;
}

/** Whether anybody of his gets copies when he is active: who has proved a current certificate that is one of `usable`. */
export async function hasReader(db: Db, memberId: string, usable: ReadonlySet<string>): Promise<boolean> {
  const people = (await members.withContacts(db, memberId))?.contacts ?? [];
  return people.some(
    ({ active, proved_at, certificate }) =>
      active === 1 && proved_at !== null && certificate !== null && usable.has(certificate.id),
  );
}

/** Whether anybody of his can be written to, be it for the proof that he still owes. */
export async function isReachable(db: Db, memberId: string, usable: ReadonlySet<string>): Promise<boolean> {
  for (const { id, active } of await contacts.ofMember(db, memberId))
    if (active === 1 && (await certificates.ofContact(db, id)).some((certificate) => usable.has(certificate.id))) return true;
  return false;
}
