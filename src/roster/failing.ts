import { record } from '../audit/record.ts';
import { eachContact, handlersAmong, team } from '../delivery/copies.ts';
import { codeOf } from '../delivery/failure.ts';
import { failsSince, healthOf } from '../delivery/health.ts';
import { send, type Written } from '../delivery/send.ts';
import { contactFails } from '../notices/templates.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import type { Seams } from '../seams.ts';
import * as caseTeams from '../store/case-teams.ts';
import * as cases from '../store/cases.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as health from '../store/health.ts';
import { prepareNotice, teamList, tellMember } from './tell.ts';

/**
 * Tells of each contact whose mail has begun to fail, once until it was well again: the other contacts of his member, in words that say
 * nothing of any case, and the team. It changes nothing of him: who forges a bounce has the others look, and no more. Gives whether any were.
 */
export async function watchFailing(seams: Seams): Promise<boolean> {
  const now = seams.clock.now();
  const failing = (await health.failed(seams.db)).filter((one) => healthOf(one, now) === 'failing');
  const ids = new Set(failing.map(({ contact_id }) => contact_id));
  let told = false;
  for (const one of failing) if (one.warned_at === null && (await warn(seams, one, ids))) told = true;
  return told;
}

/** False: another node was first, or there is nobody of the team, and the next time is another try. */
async function warn(seams: Seams, seen: health.FailedContact, failing: ReadonlySet<string>): Promise<boolean> {
  const { db, clock } = seams;
  const whole = await team(db);
  if (whole.length === 0) return false;
  const { contact_id: id, address, organisation, memberId } = seen;
  const facts = { organisation, address, since: failsSince(seen) ?? clock.now(), code: codeOf(seen.line) };
  // The team is told as the team.
  const others = (await contacts.isOn(db, id, 'intake')) ? [] : await othersOf(db, memberId, failing);
  const toOthers = await prepareNotice(seams, seams.words.mailFails({ ...facts, sinceAt: facts.since }));
  const { open, staffed } = await onlyReaderOf(db, seen, failing);
  const toTeam = await prepareNotice(seams, contactFails({ ...facts, others, cases: open, more: staffed.length }), 'alert');
  const toStaff = await Promise.all(staffed.map((caseId) => writeToStaff(seams, caseId, { ...facts, others })));
  return db.transaction().execute(async (trx) => {
    if (!(await health.warn(trx, id, clock.now()))) return false;
    if (others.length > 0) await tellMember(trx, seams, toOthers, memberId, { except: failing });
    await send(trx, seams, toTeam, eachContact(leftOf(whole, failing)));
    for (const told of toStaff) {
      const staff = await handlersAmong(trx, told.post.case_id ?? null, whole);
      await send(trx, seams, told, eachContact(leftOf(staff, failing)));
    }
    const detail = { address, since: facts.since, code: facts.code, told: others };
    await record(trx, seams, { action: 'contact.failing', subject: `contact:${id}`, detail });
    return true;
  });
}

/** Those whose mail arrives; where it does of nobody, all: bounces may be forged, and then they read it. */
function leftOf<T extends { id: string }>(people: readonly T[], failing: ReadonlySet<string>): readonly T[] {
  const left = people.filter(({ id }) => !failing.has(id));
  return left.length > 0 ? left : people;
}

/** Addresses of those of the member to whom something can be written. */
async function othersOf(db: Db, memberId: string, failing: ReadonlySet<string>): Promise<string[]> {
  const there = await contacts.ofMember(db, memberId);
  return there.filter(({ id, active }) => active === 1 && !failing.has(id)).map(({ address }) => address);
}

interface Alone {
  /** Those that the whole team may know of. */
  open: string[];
  staffed: string[];
}

/** The cases that are not public and were dispatched to his member through him, and to nobody else of it whose mail arrives. */
async function onlyReaderOf(db: Db, of: health.FailedContact, failing: ReadonlySet<string>): Promise<Alone> {
  const alone: Alone = { open: [], staffed: [] };
  const others = new Set(await othersOf(db, of.memberId, failing));
  for (const { id, noticed_at } of await cases.underWay(db)) {
    if (noticed_at === null) continue;
    const had = (await deliveries.dispatchedToWhoIsThere(db, id)).filter(({ memberId }) => memberId === of.memberId);
    if (!had.some((copy) => copy.id === of.contact_id) || had.some(({ address }) => others.has(address))) continue;
    ((await caseTeams.ofCase(db, id)).length > 0 ? alone.staffed : alone.open).push(id);
  }
  return alone;
}

/** Of a staffed case those who work on it alone are told. */
async function writeToStaff(
  seams: Seams,
  caseId: string,
  facts: Omit<Parameters<typeof contactFails>[0], 'cases' | 'more'>,
): Promise<Written> {
  const list = await teamList(seams.db);
  const words = noticeEntity(contactFails({ ...facts, cases: [caseId], more: 0 }));
  return { list, post: await writeNotice(seams, list, { kind: 'alert', caseId }, words) };
}
