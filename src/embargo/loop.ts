import { type Alarm, MINUTE, SECOND } from '../clock.ts';
import type { Log } from '../log.ts';
import { asRefusal, type Reason } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Case } from '../store/schema.ts';
import { pageOverdue, pageUnpublished } from './dead-man.ts';
import { release } from './release.ts';

/** The database is the truth and the timer a hint: however far the next instant is, it is looked up again after this. */
const LONGEST_SLEEP = 5 * SECOND;
/** A release that stumbles is tried again after this. */
const RETRY = SECOND;
/** What stumbles for another reason than its own contents is said to the team when it is this late. */
const LATE = MINUTE;

/** Releases each armed case at its instant, and says loudly when one cannot go out. `released` is rung after each. */
export async function releaseLoop(
  seams: Seams,
  alarm: Alarm,
  released: () => void,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const wait = await releaseDue(seams, released, log);
      await tellOverdue(seams, log, released);
      await alarm.sleep(wait, signal);
    } catch (error) {
      log.error({ err: error }, 'the release loop stumbled and goes on');
      await alarm.sleep(RETRY, signal);
    }
  }
}

/** Releases what is due. Gives the milliseconds to sleep until something may be due again. */
async function releaseDue(seams: Seams, released: () => void, log: Log): Promise<number> {
  const { db, clock } = seams;
  for (const due of await cases.dueCases(db, clock.now())) {
    try {
      await release(seams, due.id);
      log.warn({ case: due.id }, 'released');
      released();
    } catch (error) {
      const { reason, detail } = asRefusal(error);
      // Somebody moved the case at that moment; where it is still due, it is found again.
      if (reason === 'stale' || reason === 'already-released') continue;
      log.error({ case: due.id, reason, detail }, 'a release that is due did not happen');
      await tellStuck(seams, due, reason, log, released);
    }
  }
  const next = await cases.firstDue(db, 'armed');
  if (next?.release_at === undefined || next.release_at === null) return LONGEST_SLEEP;
  const wait = next.release_at - clock.now();
  return wait > 0 ? Math.min(wait, LONGEST_SLEEP) : RETRY;
}

const UNAPPROVED = 'Two different people of the team have to approve what stands there.';

/** The instant has passed, and two people have not approved, or the public has not got it: everybody is told, again and again. */
async function tellOverdue(seams: Seams, log: Log, told: () => void): Promise<void> {
  for (const late of await cases.overdue(seams.db, seams.clock.now()))
    await tell(late, () => pageOverdue(seams, late, late.bundle_hash === null ? NO_TEXT : UNAPPROVED), log, told);
  for (const late of await cases.unpublished(seams.db)) await tell(late, () => pageUnpublished(seams, late), log, told);
}

const NO_TEXT =
  'There is no text for the public. `curfew case text` sets it, and two different people have to approve what stands there then.';
const DAMAGED = 'What is kept of it is not what was approved, or cannot be opened. Set its text or patches again and approve.';
const DOUBT = 'The clock of the server is in doubt. `curfew clock show` says more, and how an admin confirms it.';
const RESTORED =
  'The server was restored from a backup. `curfew restored show` says what is to be looked at, and how an admin confirms it.';
const IN_DOUBT: Partial<Record<Reason, string>> = { 'clock-suspect': DOUBT, restored: RESTORED };
const outside = (reason: Reason) =>
  `The release fails and is tried again every second. Reason: ${reason}; the server's log has more.`;

async function tellStuck(seams: Seams, due: Case, reason: Reason, log: Log, told: () => void): Promise<void> {
  const damaged = reason === 'approval-voided' || reason === 'cannot-open';
  if (!damaged && seams.clock.now() - (due.release_at ?? 0) < LATE) return;
  const why = damaged ? DAMAGED : (IN_DOUBT[reason] ?? outside(reason));
  await tell(due, () => pageOverdue(seams, due, why), log, told);
}

/** What cannot be said of one case must not hold another one up. */
async function tell(about: Case, page: () => Promise<boolean>, log: Log, told: () => void): Promise<void> {
  try {
    if (!(await page())) return;
    log.error({ case: about.id }, 'a case is overdue');
    told();
  } catch (error) {
    log.error({ err: error, case: about.id }, 'the team could not be told that a case is overdue');
  }
}
