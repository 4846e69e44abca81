import type { Deed, Detail } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { newId } from '../clock.ts';
import { letInsidersHave } from '../delivery/need-to-know.ts';
import type { Sealing } from '../notices/write.ts';
import { armorCertificate, type CertificateFacts } from '../pgp/certificate.ts';
import { primaryFingerprint } from '../pgp/certificate-bytes.ts';
import type { Renewal } from '../pgp/renewal.ts';
import { Refusal } from '../refusal.ts';
import type { Local, Seams } from '../seams.ts';
import * as admission from '../store/admission.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as members from '../store/members.ts';
import * as recipients from '../store/recipients.ts';
import type { Certificate, Contact, Member } from '../store/schema.ts';
import { ask, mustLast, prepareAsking } from './asking.ts';
import { hearAll, renewKnown } from './known.ts';
import { mustBeGivenByAnother, mustHaveReaders, mustNotJoinTeam, usableReaders } from './members.ts';
import { prepareCertificateNews, prepareContactNews, tellOfContact, tellOwner } from './news.ts';
import { takenCertificate, unfitAddress, type WithKeys } from './plan.ts';
import { renewalDeed, waitingOf, waitsForPerson, writeRenewal, writeWaiting } from './renewal.ts';
import { prepareReplacementNews, type ReplacementNews, tellOfReplacement } from './replaced.ts';
import { mustBeAsShown, type Shown, shownOf } from './shown.ts';
import { holdersOf, releaseKeys, releaseRetired, releaseTo, retireTaken, standingAt } from './standing.ts';
import { isOut, provesKeys } from './state.ts';
import { mustBe } from './steps.ts';
import { teamList } from './tell.ts';
import { mustBeUsable, usableCertificate } from './usable.ts';

export interface NewContact {
  address: string;
  name: string | null;
  /** Armored. */
  certificate: string;
}

/**
 * Adds a contact, whose certificate is the current one at once. Nothing is sent to him but what asks him to prove it, where his member
 * was vetted: he has copies from when he has done so. Who was retired from another organisation is its contact no more.
 * Throws Refusal: not-found, unusable-certificate; forbidden for the response team, over the network; conflict where the address or the
 * certificate is somebody's already.
 */
export async function addContact(
  seams: Seams,
  { project }: { project: string },
  memberId: string,
  { address: written, name, certificate }: NewContact,
): Promise<{ contact: Contact; certificate: Certificate }> {
  const { db, clock } = seams;
  const facts = await usableCertificate(seams, certificate);
  const address = written.toLowerCase();
  if (provesKeys((await mustBe(db, memberId)).state)) await mustLast(seams, facts);
  const told = await prepareContactNews(seams, memberId, { address, became: 'added', reason: null });
  const asking = await prepareAsking(seams, project, facts);
  return db.transaction().execute(async (trx) => {
    await certificates.lockHolders(trx);
    await recipients.lockExternal(trx);
    const member = await mustBe(trx, memberId);
    if (isOut(member.state)) throw new Refusal('conflict', `"${member.organisation}" is ${member.state}`);
    await mustNotJoinTeam(trx, seams, await members.listsOf(trx, memberId));
    const left = await takeOver(trx, seams, memberId, address);
    const unfit = unfitAddress(await standingAt(trx, address), address);
    const problem = unfit ?? takenCertificate(await holdersOf(trx, facts), facts, address);
    if (problem !== undefined) throw new Refusal('conflict', problem);
    const contact = { id: newId(clock), member_id: memberId, address, name, active: 1, created_at: clock.now(), proved_at: null };
    const released = await releaseTo(trx, [{ address, certificate: facts }]);
    await contacts.insert(trx, contact);
    const inserted = await insert(seams, trx, contact.id, facts, 'current');
    await tellOfContact(trx, seams, told, contact);
    const detail = { member: memberId, address, fingerprint: facts.fingerprint };
    const deeds: Deed[] = [...left, ...released, { action: 'contact.add', subject: `contact:${contact.id}`, detail }];
    if (provesKeys(member.state)) deeds.push(await ask(trx, seams, asking, { contact, certificate: inserted }));
    await record(trx, seams, ...deeds);
    return { contact, certificate: inserted };
  });
}

/** Of somebody with that address who was retired from another organisation. Throws Refusal('conflict') where it was this one. */
async function takeOver(trx: Db, { clock }: Seams, memberId: string, address: string): Promise<Deed[]> {
  const there = await contacts.byAddress(trx, address);
  if (!there || there.active === 1) return [];
  if (there.member_id === memberId) throw new Refusal('conflict', `${address} is retired: reinstate him`);
  return releaseRetired(trx, there, clock.now());
}

/**
 * Retires a contact, or lets him act and get mail again: who has left his organisation gets nothing from this moment on, and his copies
 * that have not gone out are held until he comes back. What somebody else came to have meanwhile of the keys of whoever comes back stays that one's. He is told, and so are the other contacts of his member. Throws Refusal: invalid without a reason,
 * not-found; forbidden to let one of the team act again over the network; conflict where nothing would change, his organisation is out, or an intake list would be left without readers.
 */
export async function setContactActive(
  seams: Local & Sealing & Pick<Seams, 'words' | 'pgp'>,
  contactId: string,
  active: boolean,
  reason: string,
): Promise<Contact> {
  if (reason.trim() === '') throw new Refusal('invalid', 'A reason is needed: it is recorded');
  const { address, member_id } = await ownerOf(seams.db, contactId);
  const told = await prepareContactNews(seams, member_id, { address, became: active ? 'reinstated' : 'retired', reason });
  const readers = active ? new Set<string>() : await usableReaders(seams);
  return seams.db.transaction().execute(async (trx) => {
    if (active) await certificates.lockHolders(trx);
    const contact = await ownerOf(trx, contactId);
    // Whoever holds a copy for this waits until it is done, and looks again.
    await members.lock(trx, contact.member_id);
    await mustBeIn(trx, contact);
    const taken = active ? await retireTaken(trx, contact) : [];
    if (active) await mustNotJoinTeam(trx, seams, await members.listsOf(trx, contact.member_id));
    if (!(await contacts.setActive(trx, contactId, active)))
      throw new Refusal('conflict', `${contact.address} is ${active ? 'active' : 'retired'} already`);
    if (!active) await mustHaveReaders(trx, await members.listsOf(trx, contact.member_id), readers);
    const had = active ? await letInsidersHave(trx, seams.clock, { contactId }) : {};
    await tellOfContact(trx, seams, told, contact);
    const detail = { member: contact.member_id, address: contact.address, reason, ...had };
    await record(trx, seams, ...taken, {
      action: active ? 'contact.reinstate' : 'contact.retire',
      subject: `contact:${contactId}`,
      detail,
    });
    return { ...contact, active: active ? 1 : 0 };
  });
}

/**
 * Retires a certificate: nothing is encrypted to it, and nobody is credited with what it signs, from this moment on. Who has no other one
 * has his copies held. `seen`: the version that was shown. Throws Refusal: needs-person, not-found, stale; conflict where it is
 * retired already, or the last of those who read what an intake list gets: another one that is approved takes its place. Its owner is told.
 */
export async function retireCertificate(
  seams: Seams,
  contactId: string,
  certificateId: string,
  byId: string | null,
  seen?: string,
): Promise<Certificate> {
  if (byId === null) throw new Refusal('needs-person');
  const owner = await ownerOf(seams.db, contactId);
  const told = await prepareCertificateNews(seams, owner, await ownedBy(seams.db, contactId, certificateId), 'retired');
  const readers = await usableReaders(seams);
  return seams.db.transaction().execute(async (trx) => {
    await mustBeAsShown(trx, certificateId, seen);
    const certificate = await ownedBy(trx, contactId, certificateId);
    if (certificate.state === 'retired')
      throw new Refusal('conflict', `The certificate ${certificate.fingerprint} is retired already`);
    await certificates.dropRenewal(trx, certificateId);
    await certificates.retire(trx, certificateId);
    if (certificate.state === 'current') await mustHaveReaders(trx, await members.listsOf(trx, owner.member_id), readers);
    await tellOwner(trx, seams, told, owner, certificate);
    await record(trx, seams, certificateDeed('certificate.retire', certificate, { was: certificate.state }));
    return { ...certificate, state: 'retired' };
  });
}

/** A contact's certificate after it was given, and what became another in one that was there. */
export interface GivenCertificate {
  certificate: Certificate;
  encryptionKey: Renewal['encryptionKey'] | null;
  /** It counts only when a person has approved it. */
  waits: boolean;
}

/**
 * Gives a contact a certificate: his first is the current one, which he is to prove; one that he has is renewed, and counts at once, also where it
 * is revoked by now. What waits until a person approves it, and changes nothing before: any other one, and a renewal by which another
 * key is encrypted to. Whoever has a certificate is told, sealed to that, where another one is given in his name.
 * Throws Refusal: not-found, unusable-certificate; conflict where it says nothing new, is somebody else's already, or his
 * organisation is out.
 */
export async function addCertificate(seams: Seams, contactId: string, armored: string | Uint8Array): Promise<GivenCertificate> {
  return give(seams, contactId, armored, null);
}

/**
 * What is told where it is the owner who gives it, by his own word, and it counts at once; null where nothing is. `after`: the fingerprint of
 * the certificate that he has then.
 */
export type OwnersNews = (after: string, encryptionKey: Renewal['encryptionKey'] | null) => Promise<ReplacementNews | null>;

/** `byOwner`: null where somebody else gives it. What it revokes is known then, also where it is refused. */
async function give(
  seams: Seams,
  contactId: string,
  armored: string | Uint8Array,
  byOwner: OwnersNews | null,
): Promise<GivenCertificate> {
  try {
    return await giveWhole(seams, contactId, armored, byOwner);
  } catch (error) {
    // Where this fails, it is to be tried again, and that is what he reads.
    await hearAll(seams, [armored]);
    throw error;
  }
}

async function giveWhole(
  seams: Seams,
  contactId: string,
  armored: string | Uint8Array,
  byOwner: OwnersNews | null,
): Promise<GivenCertificate> {
  const contact = await ownerOf(seams.db, contactId);
  await mustBeIn(seams.db, contact);
  const fingerprint = primaryFingerprint(armored);
  const own = (await certificates.ofContact(seams.db, contactId)).find((one) => one.fingerprint === fingerprint);
  if (own?.state === 'retired') return proposeAgain(seams, own, armored, { contact, byOwner });
  if (own) {
    const tell = byOwner && ((key: Renewal['encryptionKey']) => byOwner(own.fingerprint, key));
    return renew(seams, contact, own, armored, { approved: byOwner !== null, shown: await shownOf(seams.db, own), tell });
  }
  const facts = await usableCertificate(seams, armored);
  const told = await prepareCertificateNews(seams, contact, facts, 'proposed');
  const news = await byOwner?.(facts.fingerprint, null);
  return seams.db.transaction().execute(async (trx) => {
    await certificates.lockHolders(trx);
    const released = await takeKeys(trx, facts, contact);
    const first = (await certificates.ofContact(trx, contactId)).length === 0;
    const certificate = await insert(seams, trx, contactId, facts, first ? 'current' : 'proposed');
    if (first) await contacts.forgetProof(trx, contactId);
    const deeds = [...released, certificateDeed(first ? 'certificate.add' : 'certificate.propose', certificate)];
    const waits = !first && !byOwner;
    if (waits) await tellOwner(trx, seams, told, contact);
    if (!first && byOwner) deeds.push(...(await replace(trx, seams, certificate, news)));
    await record(trx, seams, ...deeds);
    return { certificate: { ...certificate, state: waits ? 'proposed' : 'current' }, encryptionKey: null, waits };
  });
}

/**
 * One that was refused or retired may have been so by mistake: it is proved and waits for a person anew, with what the newer copy says. What
 * makes it unusable is kept all the same, and then nothing waits.
 */
async function proposeAgain(
  seams: Seams,
  own: Certificate,
  newer: string | Uint8Array,
  { contact, byOwner }: { contact: Contact; byOwner: OwnersNews | null },
): Promise<GivenCertificate> {
  const { db, clock } = seams;
  const renewal = await renewKnown(seams, own, newer);
  const { facts, encryptionKey, changed } = renewal;
  const usable = renewal.whyNot === null;
  if (!usable && !changed) await mustBeUsable(seams, facts);
  const { version } = await shownOf(db, own);
  const told = await prepareCertificateNews(seams, contact, own, 'proposed');
  const given = changed ? encryptionKey : null;
  const news = usable ? await byOwner?.(own.fingerprint, given) : null;
  return db.transaction().execute(async (trx) => {
    await certificates.lockHolders(trx);
    await mustBeAsShown(trx, own.id, version);
    const deeds = changed ? [renewalDeed(own, renewal, null)] : [];
    if (changed) await writeRenewal(trx, own, renewal, clock.now());
    if (usable) {
      deeds.push(...(await takeKeys(trx, facts, contact)));
      await certificates.propose(trx, own.id);
      await admission.dropProofsOf(trx, own.id);
      deeds.push(certificateDeed('certificate.propose', own));
      if (byOwner) deeds.push(...(await replace(trx, seams, { ...own, data: facts.data }, news)));
      else await tellOwner(trx, seams, told, contact);
    }
    await record(trx, seams, ...deeds);
    const state = usable ? (byOwner ? 'current' : 'proposed') : 'retired';
    return { certificate: { ...own, data: facts.data, state }, encryptionKey: given, waits: state === 'proposed' };
  });
}

/**
 * Puts a certificate in the place of the one that a contact has, by his own word: signed with the one that he had. The old one is
 * retired, and whom `news` is for is told, in the same transaction. Throws as `addCertificate` does; unusable-certificate also where it is
 * one that he had and cannot be used.
 */
export async function replaceCertificate(
  seams: Seams,
  contactId: string,
  data: Uint8Array,
  news: OwnersNews = async () => null,
): Promise<GivenCertificate> {
  const given = await give(seams, contactId, armorCertificate(data), news);
  if (given.certificate.state !== 'current') await mustBeUsable(seams, given.certificate);
  return given;
}

/** As `promote`, by the word of its owner. */
async function replace(trx: Db, seams: Seams, proposed: Certificate, news: ReplacementNews | null | undefined): Promise<Deed[]> {
  const done = await promote(trx, seams, proposed, 'certificate.replace');
  if (news) await tellOfReplacement(trx, seams, news);
  return done;
}

/**
 * The proposed one counts from now on, the old one is retired, and what waited for one goes; under `lockHolders`. Gives what is to be
 * recorded of it. Throws Refusal('conflict') where it is somebody else's by now, or he is out.
 */
async function promote(trx: Db, seams: Seams, { id, contact_id, ...certificate }: Certificate, action: string): Promise<Deed[]> {
  if (contact_id === null) throw new Error(`the certificate ${id} belongs to no contact`);
  const contact = await ownerOf(trx, contact_id);
  await mustBeIn(trx, contact);
  const keys = await certificates.keysOf(trx, id);
  const released = await takeKeys(trx, { ...certificate, keys, claimed: [] }, contact);
  await certificates.promote(trx, contact_id, id);
  const proved = await admission.provedCertificates(trx, contact_id);
  if (proved.has(id)) await contacts.setProved(trx, [contact_id], seams.clock.now());
  await deliveries.retryForCertificate(trx, { contactId: contact_id, certificateId: id }, seams.clock.now());
  return [...released, certificateDeed(action, { id, contact_id, ...certificate })];
}

/**
 * A person lets a proposed certificate count that its owner has proved, or the renewal of one that waits; the team is told, and whoever
 * has the old one. `seen`: the version that he was shown (`shownOf`). Throws Refusal: needs-person, not-found, unusable-certificate;
 * forbidden where he gave it to another one of the response team; stale where it is another one by now; conflict where nothing waits, it was
 * not proved, or his organisation is out.
 */
export async function approveCertificate(
  seams: Seams,
  contactId: string,
  certificateId: string,
  byId: string | null,
  seen?: string,
): Promise<Certificate> {
  if (byId === null) throw new Refusal('needs-person');
  const own = await ownedBy(seams.db, contactId, certificateId);
  const shown = await shownOf(seams.db, own);
  if (seen !== undefined && seen !== shown.version) throw new Refusal('stale');
  const renewal = shown.waiting;
  const contact = await ownerOf(seams.db, contactId);
  const member = await mustBeIn(seams.db, contact);
  const newsOf = async (former: Certificate | null, after: string, encryptionKey: Renewal['encryptionKey'] | null) => {
    const replaced = { contact, organisation: member.organisation, former, after, encryptionKey, byTeam: true };
    return prepareReplacementNews(seams, replaced, await teamList(seams.db));
  };
  if (renewal) {
    const tell = (encryptionKey: Renewal['encryptionKey']) => newsOf(own, own.fingerprint, encryptionKey);
    return (await renew(seams, contact, own, renewal.data, { approved: true, shown, tell })).certificate;
  }
  const proposed = await proposedOf(seams.db, contactId, certificateId);
  const known = await renewKnown(seams, proposed, proposed.data);
  const certificate = { ...proposed, data: known.facts.data };
  await mustBeUsable(seams, certificate);
  // A new one that the old one signed counts at once; any other is proved and approved.
  if (!(await admission.provedCertificates(seams.db, contactId)).has(certificateId))
    throw new Refusal(
      'conflict',
      `Nobody has proved the certificate ${certificate.fingerprint} yet: ask for that (prove-key) first`,
    );
  const former = (await certificates.current(seams.db, contactId)) ?? null;
  const news = await newsOf(former, certificate.fingerprint, null);
  await seams.db.transaction().execute(async (trx) => {
    await certificates.lockHolders(trx);
    await mustBeAsShown(trx, certificateId, shown.version);
    await mustBeGivenByAnother(trx, contact, certificateId, byId);
    if (known.changed) await writeRenewal(trx, proposed, known, seams.clock.now());
    await tellOfReplacement(trx, seams, news);
    await record(trx, seams, ...(await promote(trx, seams, certificate, 'certificate.approve')));
  });
  return { ...certificate, state: 'current' };
}

/** A person says no to a proposed certificate, which its owner is told, or to a renewal that waits. Throws as `approveCertificate` does. */
export async function refuseCertificate(
  seams: Seams,
  contactId: string,
  certificateId: string,
  byId: string | null,
  seen?: string,
): Promise<Certificate> {
  if (byId === null) throw new Refusal('needs-person');
  const owner = await ownerOf(seams.db, contactId);
  const told = await prepareCertificateNews(seams, owner, await ownedBy(seams.db, contactId, certificateId), 'refused');
  return seams.db.transaction().execute(async (trx) => {
    await mustBeAsShown(trx, certificateId, seen);
    const known = await ownedBy(trx, contactId, certificateId);
    if (known.state === 'current' && (await certificates.dropRenewal(trx, certificateId))) {
      await record(trx, seams, certificateDeed('certificate.refuse-renewal', known));
      return known;
    }
    const certificate = await proposedOf(trx, contactId, certificateId);
    await certificates.retire(trx, certificateId);
    await tellOwner(trx, seams, told, owner);
    await record(trx, seams, certificateDeed('certificate.refuse', certificate));
    return { ...certificate, state: 'retired' };
  });
}

async function ownerOf(db: Db, contactId: string): Promise<Contact> {
  const contact = await contacts.byId(db, contactId);
  if (!contact) throw new Refusal('not-found', `There is no contact ${contactId}`);
  return contact;
}

/**
 * Whoever is out has no contact who is given anything before he has applied again, and who was let go is nobody's. Gives the member.
 * Throws Refusal `conflict`.
 */
async function mustBeIn(db: Db, contact: Contact): Promise<Member> {
  const member = await mustBe(db, contact.member_id);
  if (isOut(member.state))
    throw new Refusal('conflict', `"${member.organisation}" is ${member.state}: he has to apply again first`);
  if (contacts.isReleased(contact)) throw new Refusal('conflict', 'His address may be somebody else’s by now: add him anew');
  return member;
}

/** Throws Refusal `not-found`, also where it is another's. */
export async function ownedBy(db: Db, contactId: string, certificateId: string): Promise<Certificate> {
  const certificate = await certificates.byId(db, certificateId);
  if (certificate?.contact_id !== contactId) throw new Refusal('not-found', `The contact has no certificate ${certificateId}`);
  return certificate;
}

async function proposedOf(db: Db, contactId: string, certificateId: string): Promise<Certificate> {
  const certificate = await ownedBy(db, contactId, certificateId);
  if (certificate.state !== 'proposed')
    throw new Refusal('conflict', `The certificate ${certificate.fingerprint} is ${certificate.state}`);
  return certificate;
}

interface Renewing {
  approved: boolean;
  shown: Shown;
  tell: ((encryptionKey: Renewal['encryptionKey']) => Promise<ReplacementNews | null>) | null;
}

/**
 * `shown`: of `own`, as it was judged. `tell`: writes what is told of it where it counts. One that waits for a person counts where its owner
 * gives it.
 */
async function renew(
  seams: Seams,
  contact: Contact,
  own: Certificate,
  newer: string | Uint8Array,
  { approved, shown: { version, waiting }, tell }: Renewing,
): Promise<GivenCertificate> {
  const { db, pgp, clock } = seams;
  const now = clock.now();
  const renewal = await renewKnown(seams, own, newer);
  // What waits already is not exchanged for something else: the two wait together.
  const together = waiting ? await pgp.renewCertificate(waiting.data, newer, now) : renewal;
  const byWord = approved && own.state === 'proposed' && renewal.whyNot === null;
  if (!(renewal.changed || byWord) || (waiting && !approved && !together.changed))
    throw new Refusal('conflict', `${contact.address} has the certificate ${own.fingerprint} already`);
  const { encryptionKey } = renewal;
  const waits = !approved && waitsForPerson(own, renewal) ? waitingOf(renewal, together.facts.data, waiting) : null;
  const counts = byWord || (!waits && own.state !== 'proposed');
  const news = tell && counts ? await tell(encryptionKey) : null;
  return db.transaction().execute(async (trx) => {
    await certificates.lockHolders(trx);
    await mustBeAsShown(trx, own.id, version);
    const released = await takeKeys(trx, renewal.facts, contact);
    if (waits) {
      const certificate = await writeWaiting(trx, own, { renewal, waiting: waits }, now);
      await record(trx, seams, ...released, renewalDeed(own, renewal, waits));
      return { certificate, encryptionKey, waits: true };
    }
    const deeds = [...released, ...(renewal.changed ? [renewalDeed(own, renewal, null)] : [])];
    const renewed = { ...own, data: renewal.facts.data };
    await writeRenewal(trx, own, renewal, now);
    await certificates.dropRenewal(trx, own.id);
    if (byWord) deeds.push(...(await promote(trx, seams, renewed, 'certificate.replace')));
    if (news) await tellOfReplacement(trx, seams, news);
    await record(trx, seams, ...deeds);
    const state = byWord ? 'current' : own.state;
    return { certificate: { ...renewed, state }, encryptionKey, waits: state === 'proposed' };
  });
}

function certificateDeed(action: string, { id, fingerprint, contact_id }: Certificate, more: Detail = {}): Deed {
  return { action, subject: `contact:${contact_id}`, detail: { certificate: id, fingerprint, ...more } };
}

/**
 * Takes the keys of a certificate for a contact from whoever has them and holds none (`heldKeys`); under `lockHolders`. Gives what is to be
 * recorded of it. Throws Refusal('conflict') where one is somebody else's.
 */
async function takeKeys(trx: Db, facts: WithKeys, { id, address }: Contact): Promise<Deed[]> {
  const taken = takenCertificate(await holdersOf(trx, facts), facts, address);
  if (taken !== undefined) throw new Refusal('conflict', taken);
  return releaseKeys(trx, facts, id);
}

async function insert(
  { clock }: Seams,
  db: Db,
  contactId: string,
  facts: CertificateFacts,
  state: 'current' | 'proposed',
): Promise<Certificate> {
  const { fingerprint, data } = facts;
  const row = { id: newId(clock), contact_id: contactId, fingerprint, data, state, created_at: clock.now() };
  await certificates.insert(db, row, facts);
  return row;
}
