import { record } from '../audit/record.ts';
import { DAY, type Instant } from '../clock.ts';
import { doubtNow } from '../embargo/doubt.ts';
import type { Seams } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as past from '../store/past.ts';

/** How long what is over stays where it is, in days. */
export interface Retention {
  /** From when a copy has ended until it leaves the table that the queue works in. It is not lost then, and is read as before. */
  copies: number;
  /** From when a case was closed, or a mail of no case came, until its content is taken away; null: never. */
  content: number | null;
}

/** Moves the copies whose time has come. */
export async function movePast({ db, clock }: Seams, { copies }: Pick<Retention, 'copies'>): Promise<void> {
  const before = clock.now() - copies * DAY;
  while ((await past.moveEnded(db, before)) === past.PORTION);
}

/** What one transaction takes away. */
const PORTION = 100;

/**
 * Takes away the content whose time has come, with a line in the log for each case and list. While the clock is in doubt, or what is there came out of a
 * backup that nobody has looked at, nothing is.
 */
export async function purgeContent(seams: Seams, { content }: Pick<Retention, 'content'>): Promise<void> {
  if (content === null) return;
  for (;;) {
    if ((await doubtNow(seams)) !== null) return;
    const now = seams.clock.now();
    const taken = await seams.db.transaction().execute((trx) => purgePortion(trx, seams, now - content * DAY, now));
    if (taken === 0) return;
  }
}

async function purgePortion(trx: Db, seams: Seams, before: Instant, now: Instant): Promise<number> {
  const taken = await past.purge(trx, await past.spent(trx, before, PORTION), now);
  const subjects = new Map<string, past.Spent[]>();
  for (const one of taken) {
    const subject = one.caseId === null ? `list:${one.listId}` : `case:${one.caseId}`;
    subjects.set(subject, [...(subjects.get(subject) ?? []), one]);
  }
  const deeds = [...subjects].map(([subject, those]) => {
    const ids = (what: past.Spent['what']) => those.flatMap((one) => (one.what === what ? [one.id] : []));
    return { action: 'content.purge', subject, detail: { posts: ids('post'), patches: ids('patch') } };
  });
  await record(trx, seams, ...deeds);
  return taken.length;
}
