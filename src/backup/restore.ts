import type { Deed } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { type Instant, newId, toIso } from '../clock.ts';
import { anew } from '../embargo/retract.ts';
import { Refusal } from '../refusal.ts';
import type { Local } from '../seams.ts';
import * as audit from '../store/audit.ts';
import * as cases from '../store/cases.ts';
import type { Database } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import { load } from '../store/dump.ts';
import { migrate } from '../store/migrate.ts';
import * as restorations from '../store/restorations.ts';
import * as tokens from '../store/tokens.ts';
import type { Archive } from './archive.ts';

/*
 * What happened after a backup was taken, nobody knows who restores it: a copy that waited then may have been sent, a release may have gone
 * out or been retracted, a token may have been revoked, a member removed. So what would go out by itself waits for people:
 *
 *   copies that are not settled     held (`restored`): somebody sends or drops each
 *   approvals of a release          count no more: two people look at what stands there, and approve it anew
 *   tokens                          revoked: `curfew token create` makes others
 *   case numbers                    go on after a gap: one that was given since is given to no other case
 *   all that goes to anybody        waits until an admin has said that he looked (`confirmRestoration`); but for the team
 */

/** Numbers that may have been given since. */
const GAP = 100;

export interface Restored {
  takenAt: Instant;
  /** Copies that are held. */
  copies: number;
  /** Ids of cases that were approved. */
  cases: string[];
  tokens: number;
}

/**
 * Puts a backup into a database that is new, and holds what would go out by itself. Throws Refusal: `conflict` where the database is not
 * new, `invalid` where the backup is damaged; then nothing of it is there.
 */
export async function restore(local: Local, archive: Archive): Promise<Restored> {
  const { db, clock } = local;
  await mustBeNew(db);
  await migrate(db, archive.head.schema);
  const takenAt = Date.parse(archive.head.takenAt);
  const id = newId(clock);
  await db.transaction().execute(async (trx) => {
    await load(trx, async (put) => {
      for await (const { name, columns, rows } of archive.tables()) {
        await put(name, columns, []);
        for await (const row of rows) await put(name, columns, [row]);
      }
    });
    // In the same transaction: whatever happens to this process, no server starts on it before `hold` has been there.
    await restorations.insert(trx, { id, taken_at: takenAt, restored_at: clock.now() });
  });
  await migrate(db);
  return hold(local, id, takenAt);
}

async function mustBeNew(db: Database): Promise<void> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (tables.length > 0)
    throw new Refusal('conflict', 'The database is not new: a backup is restored into one that has no tables, and replaces none');
}

async function hold(local: Local, id: string, takenAt: Instant): Promise<Restored> {
  const { db, clock } = local;
  return db.transaction().execute(async (trx) => {
    const now = clock.now();
    const { seq } = await audit.end(trx);
    const approved = await cases.approvedUnreleased(trx);
    const deeds: Deed[] = [];
    for (const about of approved) deeds.push((await anew(trx, local, about, 'case.disarm')).deed);
    const held = {
      copies: await deliveries.holdOpen(trx, 'restored', now),
      cases: approved.map((about) => about.id),
      tokens: await tokens.revokeAll(trx, now),
    };
    await cases.leaveGap(trx, GAP);
    await restorations.markHeld(trx, id, now);
    const detail = { backup: toIso(takenAt), lines: seq, ...held };
    await record(trx, local, { action: 'database.restore', subject: `restoration:${id}`, detail }, ...deeds);
    return { takenAt, ...held };
  });
}

/**
 * An admin has looked at what happened since the backup, and put right what it does not know: what waits for that goes out. `restoredAt`: as
 * he was shown it. Throws `needs-person`, `conflict` where nothing is to be confirmed, `stale` where it was restored again.
 */
export async function confirmRestoration(
  local: Local,
  { restoredAt, personId }: { restoredAt: Instant; personId: string | null },
): Promise<void> {
  if (personId === null) throw new Refusal('needs-person');
  await local.db.transaction().execute(async (trx) => {
    const last = await restorations.last(trx);
    if (!last || last.confirmed_at !== null) throw new Refusal('conflict', 'Nothing was restored that is not confirmed');
    const now = local.clock.now();
    if (last.restored_at !== restoredAt || !(await restorations.confirm(trx, personId, now))) throw new Refusal('stale');
    await deliveries.hasten(trx, 'restored', now);
    await record(trx, local, {
      action: 'database.confirm',
      subject: `restoration:${last.id}`,
      detail: { backup: toIso(last.taken_at) },
    });
  });
}
