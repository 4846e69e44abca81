import { record } from '../audit/record.ts';
import { type Instant, SECOND } from '../clock.ts';
import type { Log } from '../log.ts';
import { lateCopies, type Notice, type StuckCopy, stuckCopies } from '../notices/templates.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as caseTeams from '../store/case-teams.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as posts from '../store/posts.ts';
import type { Delivery, List } from '../store/schema.ts';
import { eachContact, handlersAmong, PRIORITY, team } from './copies.ts';
import { OUTSIDE } from './need-to-know.ts';
import { send } from './send.ts';

/** More than this in one mail, and nobody reads it. */
const MOST_IN_A_MAIL = 100;

/** Copies that the same people are told of. */
interface Group {
  /** Those who work on this case alone; null: the whole team. */
  caseId: string | null;
  described: StuckCopy[];
  stuck: Delivery[];
}

/**
 * Writes to the team about copies that were held or failed and of which nobody knows yet: of those of a staffed case to who works on it
 * alone. Gives how many those are.
 */
export async function tellTeam(seams: Seams, log: Log): Promise<number> {
  const { db } = seams;
  const untold = await deliveries.untold(db, MOST_IN_A_MAIL);
  if (untold.length === 0) return 0;
  // With nobody to tell, it stays untold until somebody is there.
  if ((await team(db)).length === 0) return 0;
  const silent: Delivery[] = [];
  const stuck: Delivery[] = [];
  for (const copy of untold) ((await isMeantToWait(db, copy)) ? silent : stuck).push(copy);
  if (stuck.length > 0) log.error({ copies: idsOf(stuck) }, 'copies were held or failed');
  return (await tellOf(seams, STUCK, stuck)) + (await markedSilent(seams, STUCK, silent));
}

/** Seconds for which a copy may wait: of ordinary mail, and of what belongs to a release. */
export interface Waits {
  late: number;
  lateRelease: number;
}

export function lateSince({ late, lateRelease }: Waits, now: Instant): deliveries.LateSince {
  return { ordinary: now - late * SECOND, from: PRIORITY.ordinary, release: now - lateRelease * SECOND };
}

/** Writes to the same people about copies that still wait to go out for so long, once of each. Gives how many those are. */
export async function tellLate(seams: Seams, waits: Waits, log: Log): Promise<number> {
  const { db, clock } = seams;
  const late = await deliveries.late(db, lateSince(waits, clock.now()), MOST_IN_A_MAIL);
  if (late.length === 0 || (await team(db)).length === 0) return 0;
  log.warn({ copies: idsOf(late) }, 'copies wait for long');
  return tellOf(seams, LATE, late);
}

/** What is told of copies, and how it is noted that it was. */
interface Telling {
  action: string;
  notice: (copies: readonly StuckCopy[]) => Notice;
  mark: typeof deliveries.markTold;
}

const STUCK: Telling = { action: 'team.tell-stuck', notice: stuckCopies, mark: deliveries.markTold };
const LATE: Telling = { action: 'team.tell-late', notice: lateCopies, mark: deliveries.markLateTold };

async function tellOf(seams: Seams, telling: Telling, copies: readonly Delivery[]): Promise<number> {
  const { db } = seams;
  const list = (await lists.all(db)).find(({ role }) => role === 'intake');
  const silent: Delivery[] = [];
  const groups = new Map<string | null, Group>();
  for (const copy of copies) {
    const story = list && (await describe(db, copy));
    // An alarm about an alarm would never end; the log and the list of deliveries have it.
    if (story) join(groups, await staffedCaseOf(db, copy), copy, story);
    else silent.push(copy);
  }
  let told = await markedSilent(seams, telling, silent);
  if (list) for (const group of groups.values()) if (await alert(seams, telling, list, group)) told += group.stuck.length;
  return told;
}

async function markedSilent({ db, clock }: Seams, { mark }: Telling, copies: readonly Delivery[]): Promise<number> {
  if (copies.length > 0) await mark(db, idsOf(copies), clock.now());
  return copies.length;
}

/** Of one of the team who does not work on its case: nobody has anything to mend there. */
async function isMeantToWait(db: Db, { state, reason, contact_id }: Delivery): Promise<boolean> {
  return state === 'held' && reason === OUTSIDE && contact_id !== null && (await contacts.isOn(db, contact_id, 'intake'));
}

async function staffedCaseOf(db: Db, { case_id }: Delivery): Promise<string | null> {
  return case_id !== null && (await caseTeams.ofCase(db, case_id)).length > 0 ? case_id : null;
}

function join(groups: Map<string | null, Group>, caseId: string | null, copy: Delivery, story: StuckCopy): void {
  const group = groups.get(caseId) ?? { caseId, described: [], stuck: [] };
  group.described.push(story);
  group.stuck.push(copy);
  groups.set(caseId, group);
}

/** False: another node told of some of them meanwhile, and nothing was written. */
async function alert(
  seams: Seams,
  { action, notice, mark }: Telling,
  list: List,
  { caseId, described, stuck }: Group,
): Promise<boolean> {
  const { db, clock } = seams;
  const post = await writeNotice(seams, list, { kind: 'alert', caseId }, noticeEntity(notice(described)));
  const tell = db.transaction().execute(async (trx) => {
    if ((await mark(trx, idsOf(stuck), clock.now())) < stuck.length) throw new Refusal('stale');
    await send(trx, seams, { list, post }, eachContact(await handlersAmong(trx, caseId, await team(trx))));
    await record(trx, seams, { action, subject: `post:${post.id}`, detail: { copies: idsOf(stuck) } });
    return true;
  });
  return tell.catch((error: unknown) => {
    if (error instanceof Refusal && error.reason === 'stale') return false;
    throw error;
  });
}

async function describe(db: Db, copy: Delivery): Promise<StuckCopy | null> {
  const post = await posts.factsById(db, copy.post_id);
  const list = await lists.byId(db, copy.list_id);
  if (!post || post.kind === 'alert') return null;
  return {
    address: copy.address,
    state: copy.state,
    reason: copy.reason ?? (copy.state === 'queued' ? null : 'unknown'),
    response: copy.response,
    about: `${post.kind}${copy.case_id ? ` of case ${copy.case_id}` : ''} through ${list?.address ?? copy.list_id}, copy ${copy.id}`,
  };
}

function idsOf(copies: readonly Delivery[]): string[] {
  return copies.map(({ id }) => id);
}
