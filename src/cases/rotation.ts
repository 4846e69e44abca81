import { record } from '../audit/record.ts';
import { HOUR, type Instant } from '../clock.ts';
import { eachContact } from '../delivery/copies.ts';
import { send } from '../delivery/send.ts';
import { turn } from '../notices/templates.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as reminders from '../store/reminders.ts';
import type { Case } from '../store/schema.ts';
import { alert } from './people.ts';
import { handlersOf } from './remind.ts';
import { deedOf, moved } from './step.ts';

/*
 * Whose turn it is to lead: of a case that nobody leads, he is asked who has led or was asked least lately. Whoever claims
 * it has it; where the one who is asked does nothing, the next one is, each once, and once more where it is opened again. What comes of it
 * is the reminders' matter then.
 */

/** How long everybody has to claim a report, or to reject it, before anybody is asked. */
const TO_CLAIM = HOUR;
/** How long somebody has who is asked. */
const TO_ANSWER = 8 * HOUR;
/** What is noted of each who was. */
const ASKED = 'turn';

/** Asks somebody to lead each case that nobody does. Says whether anybody was asked. */
export async function askWhoseTurn(seams: Seams): Promise<boolean> {
  let asked = false;
  for (const about of await cases.underWay(seams.db))
    if (isVacant(about, seams.clock.now())) asked = (await askNext(seams, about.id)) || asked;
  return asked;
}

function isVacant({ lead_id, aside, handover_at, received_at }: Case, now: Instant): boolean {
  if (lead_id !== null || aside === 'rejected' || aside === 'withdrawn') return false;
  return now >= (handover_at === null ? received_at + TO_CLAIM : handover_at + TO_ANSWER);
}

async function askNext(seams: Seams, caseId: string): Promise<boolean> {
  const { db, clock } = seams;
  const written = await alert(seams, caseId, turn({ caseId, until: clock.now() + TO_ANSWER }));
  return db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    const seen = await cases.byId(trx, caseId);
    const now = clock.now();
    if (!seen || seen.state === 'released' || seen.closed_at !== null || !isVacant(seen, now)) return false;
    const asked = (await reminders.ofCases(trx, [caseId])).filter(({ what }) => what === ASKED);
    const before = asked.filter(({ dueAt }) => dueAt >= (seen.reopened_at ?? 0)).length;
    const next = (await inTurn(trx, seen))[before];
    if (!next) return false;
    await reminders.insert(trx, { case_id: caseId, what: ASKED, due_at: now, level: 0, told_at: now });
    const changed = await moved(trx, seams, seen, { handover_id: next.id, handover_at: now });
    await send(trx, seams, written, eachContact([next]));
    await record(trx, seams, deedOf(changed, 'ask-lead', { to: next.id }));
    return true;
  });
}

/** Who may lead it, he first who led another case, or was asked to, least lately; the same order for as long as nothing else changes that. */
async function inTurn(trx: Db, about: Case) {
  const latest = await cases.lastTurns(trx, about.id);
  const people = await handlersOf(trx, about);
  return people.sort((a, b) => (latest.get(a.id) ?? 0) - (latest.get(b.id) ?? 0) || (a.id < b.id ? -1 : 1));
}
