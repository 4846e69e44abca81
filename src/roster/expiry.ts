import type { Deed } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { DAY, type Instant } from '../clock.ts';
import { send, type Written } from '../delivery/send.ts';
import { roleAddress } from '../mail/address.ts';
import { certificatesEnd, keyWanted, memberHeld, reviewsDue } from '../notices/templates.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import type { Seams } from '../seams.ts';
import * as admission from '../store/admission.ts';
import type { Db } from '../store/database.ts';
import * as members from '../store/members.ts';
import type { Member } from '../store/schema.ts';
import { usableKept } from './known.ts';
import { next } from './state.ts';
import { prepareNotice, teamList, tellMember, tellTeam } from './tell.ts';

/** Days before its end at which the owner of a certificate and the team are told, each once. */
const WARNINGS = [30, 14, 3] as const;

/** Which of them is due; undefined where none is yet. */
export function warningAt(endsAt: Instant, now: Instant): number | undefined {
  return WARNINGS.findLast((each) => endsAt - now <= each * DAY);
}

interface Ending {
  certificateId: string;
  fingerprint: string;
  contactId: string;
  address: string;
  endsAt: Instant;
  /** Which warning it is. */
  days: number;
  /** Days until then, with one that has begun. */
  left: number;
}

/**
 * Tells owners and the team of certificates that end soon, asks owners of those that have ended for new ones, holds members none of whose
 * certificates can be encrypted to any more and lets them go when one can. Gives whether mail was queued.
 */
export async function watchCertificates(seams: Seams, project: string, signal?: AbortSignal): Promise<boolean> {
  const ending: Ending[] = [];
  const asked = await admission.askedFor(seams.db);
  let queued = false;
  for (const member of await members.all(seams.db)) {
    if (signal?.aborted) return queued;
    const seen = await lookAt(seams, member);
    if (!seen) continue;
    ending.push(...seen.ending);
    await admission.forgetAsked(
      seams.db,
      seen.usable.filter((id) => asked.has(id)),
    );
    if (await askBeside(seams, member.id, seen, asked)) queued = true;
    if (await holdOrRelease(seams, project, member.id, seen)) queued = true;
  }
  return (await warn(seams, ending)) > 0 || queued;
}

/** Holds a member or lets him go, as his certificates are now. */
export async function checkMember(seams: Seams, project: string, memberId: string): Promise<boolean> {
  const member = await members.withContacts(seams.db, memberId);
  const seen = member && (await lookAt(seams, member));
  return seen ? holdOrRelease(seams, project, memberId, seen) : false;
}

interface Seen {
  /** Ids of the certificates of his contacts that can be encrypted to. */
  usable: string[];
  /** Those who cannot be encrypted to. */
  wanted: Wanted[];
  ending: Ending[];
}

interface Wanted {
  address: string;
  /** That which cannot be encrypted to; null where he has none. */
  certificateId: string | null;
}

/** Undefined for who is neither active nor held, or has no contact who could be waited for. Who has not proved his key gets nothing anyhow. */
async function lookAt(seams: Seams, member: members.MemberWithContacts): Promise<Seen | undefined> {
  const active = member.contacts.filter((contact) => contact.active === 1 && contact.proved_at !== null);
  if ((member.state !== 'active' && member.state !== 'key_hold') || active.length === 0) return undefined;
  const now = seams.clock.now();
  const seen: Seen = { usable: [], wanted: [], ending: [] };
  for (const { id: contactId, address, certificate } of active) {
    const state = certificate ? await usableKept(seams, certificate.data, now) : null;
    if (!certificate || !state?.usable) {
      seen.wanted.push({ address, certificateId: certificate?.id ?? null });
      continue;
    }
    seen.usable.push(certificate.id);
    const { until: endsAt } = state;
    const days = endsAt === null ? undefined : warningAt(endsAt, now);
    if (endsAt === null || days === undefined) continue;
    const { id: certificateId, fingerprint } = certificate;
    const left = Math.ceil((endsAt - now) / DAY);
    seen.ending.push({ certificateId, fingerprint, contactId, address, endsAt, days, left });
  }
  return seen;
}

/** Gives of how many the owners and the team are told: all of it is in the database, or nothing is and the next time tells them. */
async function warn(seams: Seams, ending: readonly Ending[]): Promise<number> {
  const { db, clock } = seams;
  const fresh = await notWarnedOf(db, ending);
  if (fresh.length === 0) return 0;
  const request = roleAddress((await teamList(db)).address, 'request');
  const mails: { one: Ending; told: Written }[] = [];
  for (const one of fresh) {
    const { fingerprint, endsAt, left } = one;
    mails.push({
      one,
      told: await prepareNotice(seams, seams.words.certificateEnds({ fingerprint, endsAt, days: left, request })),
    });
  }
  const toTeam = await prepareNotice(seams, certificatesEnd(fresh.map((one) => ({ ...one, days: one.left }))), 'alert');
  return db.transaction().execute(async (trx) => {
    const deeds: Deed[] = [];
    for (const { one, told } of mails) {
      const { certificateId: certificate_id, endsAt: ends_at, days, address, contactId, fingerprint } = one;
      // Where another node was first, he has its mail.
      if (!(await admission.insertWarning(trx, { certificate_id, ends_at, days, created_at: clock.now() }))) continue;
      await send(trx, seams, told, [{ audience: 'reporter', address, certificateId: certificate_id }]);
      const detail = { certificate: certificate_id, fingerprint, days };
      deeds.push({ action: 'certificate.warn', subject: `contact:${contactId}`, detail });
    }
    if (deeds.length > 0) await tellTeam(trx, seams, toTeam);
    await record(trx, seams, ...deeds);
    return deeds.length;
  });
}

async function notWarnedOf(db: Db, ending: readonly Ending[]): Promise<Ending[]> {
  const ids = ending.map(({ certificateId }) => certificateId);
  const named = (...which: (string | number)[]) => which.join(' ');
  const given = await admission.givenWarnings(db, ids);
  const known = new Set(given.map(({ certificate_id, ends_at, days }) => named(certificate_id, ends_at, days)));
  return ending.filter(({ certificateId, endsAt, days }) => !known.has(named(certificateId, endsAt, days)));
}

/** Gives whether the member's state changed, which he is told where he can be, and the team where he is held. */
async function holdOrRelease(
  seams: Seams,
  project: string,
  memberId: string,
  { usable, wanted }: Pick<Seen, 'usable' | 'wanted'>,
): Promise<boolean> {
  const { db, clock } = seams;
  const step = usable.length > 0 ? 'release-key' : 'hold-key';
  const seen = await members.byId(db, memberId);
  const to = seen && next(seen.state, step);
  if (!seen || !to) return false;
  const { organisation } = seen;
  const told = await prepareNotice(seams, seams.words.memberChanged({ project, organisation, state: to, reason: null }));
  const toTeam = await prepareNotice(
    seams,
    memberHeld({ organisation, addresses: wanted.map(({ address }) => address) }),
    'alert',
  );
  const asking = await prepareAsking(seams);
  return db.transaction().execute(async (trx) => {
    if (!(await members.setState(trx, memberId, { from: seen.state, to, reason: null, now: clock.now() }))) return false;
    if (step === 'release-key') await tellMember(trx, seams, told, memberId);
    else {
      await ask(trx, seams, asking, wanted);
      await tellTeam(trx, seams, toTeam);
    }
    await record(trx, seams, { action: `member.${step}`, subject: `member:${memberId}`, detail: { from: seen.state, to } });
    return true;
  });
}

/** Asks contacts who cannot be encrypted to while another one of their member can, so that he is not held. Gives whether there were any. */
async function askBeside(seams: Seams, memberId: string, { usable, wanted }: Seen, asked: ReadonlySet<string>): Promise<boolean> {
  const fresh = wanted.filter(({ certificateId }) => certificateId !== null && !asked.has(certificateId));
  if (usable.length === 0 || fresh.length === 0) return false;
  const asking = await prepareAsking(seams);
  return seams.db.transaction().execute(async (trx) => {
    const addresses = await ask(trx, seams, asking, fresh);
    if (addresses.length === 0) return false;
    await record(trx, seams, { action: 'member.ask-key', subject: `member:${memberId}`, detail: { addresses } });
    return true;
  });
}

/** In words that say nothing else: they go out in clear. */
async function prepareAsking(seams: Seams): Promise<Written> {
  const list = await teamList(seams.db);
  const words = keyWanted({ list: list.address, request: roleAddress(list.address, 'request') });
  return { list, post: await writeNotice(seams, list, { kind: 'key-wanted', caseId: null }, noticeEntity(words)) };
}

/** Asks for new certificates, of each owner once until his can be encrypted to again. Gives the addresses that are written to. */
async function ask(trx: Db, seams: Seams, asking: Written, wanted: readonly Wanted[]): Promise<string[]> {
  const addresses: string[] = [];
  for (const { address, certificateId } of wanted)
    if (certificateId === null || (await admission.insertAsked(trx, certificateId, seams.clock.now()))) addresses.push(address);
  await send(
    trx,
    seams,
    asking,
    addresses.map((address) => ({ audience: 'stranger', address })),
  );
  return addresses;
}

/** Tells the team once of each member who is to be looked at again. Gives whether there were any. */
export async function watchReviews(seams: Seams): Promise<boolean> {
  const { db, clock } = seams;
  const due = await members.dueForReview(db, clock.now());
  if (due.length === 0) return false;
  const told = await prepareNotice(seams, reviewsDue(due.map(({ organisation }) => organisation)), 'alert');
  return db.transaction().execute(async (trx) => {
    const still: Member[] = [];
    for (const member of due) if (await members.setReviewTold(trx, member, clock.now())) still.push(member);
    if (still.length === 0) return false;
    await tellTeam(trx, seams, told);
    await record(trx, seams, ...still.map(({ id }) => ({ action: 'member.review-due', subject: `member:${id}` })));
    return true;
  });
}
