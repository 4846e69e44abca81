import type { Instant } from '../clock.ts';
import type { Db } from './database.ts';
import type { ClockWhy } from './schema.ts';

/*
 * How late it has been, whether the clock is believed, and how the clocks of each run of a machine stand to each other. All nodes have
 * one high-water mark and one suspicion: where one of them doubts, none releases.
 */

export interface Suspicion {
  since: Instant;
  why: ClockWhy;
  /** The run of the machine that raised it. */
  boot: string;
}

export interface Mark {
  highWater: Instant;
  suspicion: Suspicion | null;
}

/** Null in a new database. */
export async function read(db: Db): Promise<Mark | null> {
  const row = await db.selectFrom('clock').selectAll().executeTakeFirst();
  if (!row) return null;
  const { high_water: highWater, suspect_since: since, suspect_why: why, suspect_boot: boot } = row;
  return { highWater, suspicion: since === null || why === null || boot === null ? null : { since, why, boot } };
}

/** It has been that late; not while the clock is suspect. */
export async function advance(db: Db, now: Instant): Promise<void> {
  await db
    .insertInto('clock')
    .values({ id: 1, high_water: now })
    .onConflict((oc) =>
      oc
        .column('id')
        .doUpdateSet({ high_water: now })
        .where('clock.high_water', '<', now)
        .where('clock.suspect_since', 'is', null),
    )
    .execute();
}

/** False: somebody else did. */
export async function raise(db: Db, { since, why, boot }: Suspicion): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('clock')
    .set({ suspect_since: since, suspect_why: why, suspect_boot: boot })
    .where('suspect_since', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Ends the suspicion that was seen, or was not there yet, and says how late it is. False: it is another one by now. */
export async function clear(db: Db, seen: Suspicion | null, now: Instant): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('clock')
    .set({ high_water: now, suspect_since: null, suspect_why: null, suspect_boot: null })
    .where('suspect_since', seen ? '=' : 'is', seen?.since ?? null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Null: that run of the machine has none. */
export async function lineOf(db: Db, boot: string): Promise<number | null> {
  const row = await db.selectFrom('clock_lines').select('line').where('boot', '=', boot).executeTakeFirst();
  return row?.line ?? null;
}

export async function saveLine(db: Db, boot: string, line: number, now: Instant): Promise<void> {
  const row = { line: Math.round(line), seen_at: now };
  await db
    .insertInto('clock_lines')
    .values({ boot, ...row })
    .onConflict((oc) => oc.column('boot').doUpdateSet(row))
    .execute();
}

/** Of runs that are over. */
export async function forgetLines(db: Db, before: Instant): Promise<void> {
  await db.deleteFrom('clock_lines').where('seen_at', '<', before).execute();
}
