import type { Detail } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { DAY, type Instant } from '../clock.ts';
import { eachContact, team, workersAmong } from '../delivery/copies.ts';
import { send } from '../delivery/send.ts';
import type { Log } from '../log.ts';
import { deadline, type Notice } from '../notices/templates.ts';
import type { Project, Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { ListContact } from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as reminders from '../store/reminders.ts';
import type { Case } from '../store/schema.ts';
import * as tokens from '../store/tokens.ts';
import { dueIn } from './clocks.ts';
import { alert } from './people.ts';
import { FOR_ALL, owed, type Reminder } from './reminders.ts';

/** Of older releases nobody is reminded any more. */
const REVIEWED = 30 * DAY;

/** Every case in which something may be due. */
export async function watched(db: Db, now: Instant): Promise<Case[]> {
  return [...(await cases.underWay(db)), ...(await cases.toReview(db, now - REVIEWED))];
}

/** Reminds those who owe something in a case, each once at each level and page. Says whether anybody was. One that fails keeps no other up. */
export async function remind(seams: Seams, log: Log): Promise<boolean> {
  let reminded = false;
  for (const about of await watched(seams.db, seams.clock.now()))
    try {
      reminded = (await remindIn(seams, about)) || reminded;
    } catch (error) {
      log.error({ err: error, case: about.id }, 'nobody could be reminded of what is due in a case');
    }
  return reminded;
}

async function remindIn(seams: Seams, about: Case): Promise<boolean> {
  const { db, clock, project } = seams;
  const all = owed(about, dueIn(project, about), clock.now());
  if (all.length === 0) return false;
  const told = await reminders.ofCases(db, [about.id]);
  const isTold = ({ what, dueAt, level, page }: Reminder) =>
    told.some((row) => row.what === what && row.dueAt === dueAt && row.level >= level + page);
  let reminded = false;
  for (const level of [2, 1, 0] as const) {
    const untold = all.filter((one) => one.level === level && !isTold(one));
    if (untold.length > 0) reminded = (await remindOf(seams, about, level, untold)) || reminded;
  }
  return reminded;
}

/** One mail for all that is at the same level. */
async function remindOf(seams: Seams, about: Case, level: Reminder['level'], untold: readonly Reminder[]): Promise<boolean> {
  return tellOnce(seams, about.id, {
    words: deadline({ caseId: about.id, level, due: untold }),
    rows: untold.map((one) => ({ ...one, level: level + one.page })),
    // It was looked at some time ago: what was done meanwhile is not due any more.
    holds: (seen) => isOwed(seams.project, seen, untold, seams.clock.now()),
    to: (trx, seen) =>
      untold.some(({ what }) => FOR_ALL.has(what)) ? everybodyFor(trx, seams, seen) : peopleFor(trx, seams, seen, level),
    action: 'case.remind',
    detail: { due: untold.map(({ what }) => what), level },
  });
}

function isOwed(project: Project, seen: Case, all: readonly Reminder[], now: Instant): boolean {
  const still = owed(seen, dueIn(project, seen), now);
  return all.every(({ what, dueAt }) => still.some((one) => one.what === what && one.dueAt === dueAt));
}

/** Something that is said of a case once, however many nodes say it. */
export interface Saying {
  words: Notice;
  rows: readonly { what: string; dueAt: Instant; level: number }[];
  /** Whether it is still so, asked with the case locked. */
  holds: (seen: Case, trx: Db) => boolean | Promise<boolean>;
  to: (trx: Db, seen: Case) => Promise<ListContact[]>;
  action: string;
  detail: Detail;
}

/** Notes that it was said, and queues the mail, in one transaction. False: somebody else did, or it is not so any more. */
export async function tellOnce(seams: Seams, caseId: string, saying: Saying): Promise<boolean> {
  const { db, clock } = seams;
  const written = await alert(seams, caseId, saying.words);
  return db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    const seen = await cases.byId(trx, caseId);
    if (!seen || !(await saying.holds(seen, trx))) return false;
    let fresh = false;
    for (const { what, dueAt, level } of saying.rows) {
      const row = { case_id: caseId, what, due_at: dueAt, level, told_at: clock.now() };
      fresh = (await reminders.insert(trx, row)) || fresh;
    }
    if (!fresh) return false;
    const people = await saying.to(trx, seen);
    await send(trx, seams, written, eachContact(people));
    const detail = { ...saying.detail, people: people.map(({ id }) => id).sort() };
    await record(trx, seams, { action: saying.action, subject: `case:${caseId}`, detail });
    return true;
  });
}

/**
 * Before the deadline whoever leads the case, at it his deputy too, and after it the admins. Where nobody leads it, or a level brings
 * nobody else, all who handle the case; where that leaves one person alone after it, the whole team. Who is silent is not the only one
 * to hear of it.
 */
async function peopleFor(
  trx: Db,
  { clock }: Pick<Seams, 'clock'>,
  about: Case,
  level: Reminder['level'],
): Promise<ListContact[]> {
  const { lead_id, deputy_id, handover_id } = about;
  const everybody = await team(trx);
  const among = (ids: readonly (string | null)[]) => everybody.filter(({ id }) => ids.includes(id));
  const handlers = await handlersOf(trx, about);
  const leading = lead_id === null ? handlers : among([lead_id, handover_id]);
  const steps = [leading, among([deputy_id]), level === 2 ? among(await tokens.admins(trx, clock.now())) : []];
  const before = new Set(steps.slice(0, level).flat());
  const all = new Set([...before, ...(steps[level] ?? [])]);
  if (all.size > before.size) return [...all];
  return level === 2 && handlers.length === 1 ? everybody : handlers;
}

/** Everybody who may handle a case, and the admins; where that is one person alone, the whole team. */
export async function everybodyFor(trx: Db, { clock }: Pick<Seams, 'clock'>, about: Case): Promise<ListContact[]> {
  const handlers = new Set((await handlersOf(trx, about)).map(({ id }) => id));
  const above = new Set(await tokens.admins(trx, clock.now()));
  const everybody = await team(trx);
  const found = everybody.filter(({ id }) => handlers.has(id) || above.has(id));
  return found.length > 1 ? found : everybody;
}

/** Everybody who may handle a case; where none of those who alone may is left, the whole of the response team. */
export async function handlersOf(trx: Db, about: Case): Promise<ListContact[]> {
  return workersAmong(trx, about, await team(trx));
}
