import type { Insertable, Selectable } from 'kysely';
import type { Instant } from '../clock.ts';
import type { Db } from './database.ts';
import { portions } from './rows.ts';
import type { AuditTable } from './schema.ts';

export type NewLine = Insertable<AuditTable>;
export type AuditLine = Selectable<AuditTable>;

/** Gives the end of the log, and keeps everybody else from appending until the caller's transaction is over. */
export async function lockEnd(trx: Db): Promise<{ seq: number; hash: string }> {
  // A write takes the lock on both engines, and reads what the last one committed.
  return await trx
    .updateTable('audit_end')
    .set((eb) => ({ id: eb.ref('id') }))
    .returning(['seq', 'hash'])
    .executeTakeFirstOrThrow(() => new Error('the audit log has no end: nothing can be logged, and so nothing can be done'));
}

/** Lines in their order; `end`: the last of them. Under the lock of `lockEnd`. */
export async function append(trx: Db, lines: readonly NewLine[], { seq, hash }: { seq: number; hash: string }): Promise<void> {
  for (const some of portions(lines)) await trx.insertInto('audit').values(some).execute();
  await trx.updateTable('audit_end').set({ seq, hash }).execute();
}

export async function end(db: Db): Promise<{ seq: number; hash: string }> {
  return await db.selectFrom('audit_end').select(['seq', 'hash']).executeTakeFirstOrThrow();
}

/** Of the line with that number. */
export async function hashOf(db: Db, seq: number): Promise<string | undefined> {
  return (await db.selectFrom('audit').select('hash').where('seq', '=', seq).executeTakeFirst())?.hash;
}

export interface AuditFilter {
  actor?: string;
  action?: string;
  subject?: string;
  /** At that instant or later, and before that one. */
  from?: Instant;
  to?: Instant;
  /** Older than this one. */
  before?: number;
  limit: number;
}

/** Newest first. */
export async function page(db: Db, { actor, action, subject, from, to, before, limit }: AuditFilter): Promise<AuditLine[]> {
  let query = db.selectFrom('audit').selectAll();
  if (actor !== undefined) query = query.where('actor', '=', actor);
  if (action !== undefined) query = query.where('action', '=', action);
  if (subject !== undefined) query = query.where('subject', '=', subject);
  if (from !== undefined) query = query.where('at', '>=', from);
  if (to !== undefined) query = query.where('at', '<', to);
  if (before !== undefined) query = query.where('seq', '<', before);
  return await query.orderBy('seq', 'desc').limit(limit).execute();
}

/** All of them in their order, as they were hashed; so many at a time that any log fits in memory. */
export async function* lines(db: Db): AsyncGenerator<string> {
  for (let after = 0; ; ) {
    const rows = await db
      .selectFrom('audit')
      .select(['seq', 'line'])
      .where('seq', '>', after)
      .orderBy('seq')
      .limit(1000)
      .execute();
    for (const { line } of rows) yield line;
    const last = rows.at(-1);
    if (!last) return;
    after = last.seq;
  }
}

/** The last line with that action. */
export async function last(db: Db, action: string): Promise<AuditLine | undefined> {
  return await db.selectFrom('audit').selectAll().where('action', '=', action).orderBy('seq', 'desc').limit(1).executeTakeFirst();
}

/** When lines with one of these actions were written since then, the latest first; `most` of each are looked at. */
export async function recent(
  db: Db,
  actions: readonly string[],
  { since, most }: { since: Instant; most: number },
): Promise<Instant[]> {
  const pages = await Promise.all(actions.map((action) => page(db, { action, limit: most })));
  const times = pages.flat().map(({ at }) => at);
  return times.filter((at) => at > since).sort((a, b) => b - a);
}
