import type { Deed } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { type Instant, toIso } from '../clock.ts';
import { listKeysEnd } from '../notices/templates.ts';
import type { Seams } from '../seams.ts';
import * as audit from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import type { List } from '../store/schema.ts';
import { warningAt } from './expiry.ts';
import { prepareNotice, teamList, tellTeam } from './tell.ts';

interface Ending {
  listId: string;
  list: string;
  fingerprint: string;
  endsAt: Instant;
  /** Which warning it is. */
  days: number;
}

/** The action of a line that says that the team was warned. */
const WARNED = 'list.warn-key';

/**
 * Tells the team of list keys that end soon, each warning once. Gives whether mail was queued. Where that of the intake list has ended, no
 * mail can say so any more: `/readyz` does.
 */
export async function watchListKeyEnds(seams: Seams): Promise<boolean> {
  const { db, keyring, clock } = seams;
  const { expiresAt } = keyring.find((await teamList(db)).fingerprint) ?? {};
  if (typeof expiresAt === 'number' && expiresAt <= clock.now()) return false;
  const ending = (await lists.all(db)).flatMap((list) => endingOf(seams, list));
  const fresh: Ending[] = [];
  for (const one of ending) if (!(await isWarned(db, one))) fresh.push(one);
  if (fresh.length === 0) return false;
  const told = await prepareNotice(seams, listKeysEnd(fresh), 'alert');
  return db.transaction().execute(async (trx) => {
    const deeds: Deed[] = [];
    for (const one of fresh) {
      await lists.lock(trx, one.listId);
      // Where another node was first, the team has its mail.
      if (await isWarned(trx, one)) continue;
      const { fingerprint, days, endsAt } = one;
      deeds.push({ action: WARNED, subject: `list:${one.listId}`, detail: { fingerprint, days, ends: toIso(endsAt) } });
    }
    if (deeds.length > 0) await tellTeam(trx, seams, told);
    await record(trx, seams, ...deeds);
    return deeds.length > 0;
  });
}

/** None where the next key is loaded, and signs before. */
function endingOf({ keyring, clock }: Seams, { id, address, fingerprint, next_fingerprint, next_at }: List): Ending[] {
  const endsAt = keyring.find(fingerprint)?.expiresAt ?? null;
  if (endsAt === null) return [];
  if (next_fingerprint !== null && (next_at ?? 0) < endsAt && keyring.find(next_fingerprint)) return [];
  const days = warningAt(endsAt, clock.now());
  return days === undefined ? [] : [{ listId: id, list: address, fingerprint, endsAt, days }];
}

/** Of that end, by this warning or a later one. */
async function isWarned(db: Db, { listId, fingerprint, endsAt, days }: Ending): Promise<boolean> {
  const [last] = await audit.page(db, { action: WARNED, subject: `list:${listId}`, limit: 1 });
  const { detail } = last ? JSON.parse(last.line) : { detail: undefined };
  return detail?.fingerprint === fingerprint && detail.ends === toIso(endsAt) && detail.days <= days;
}
