import { keeperOf } from '../cases/keeper.ts';
import type { Instant } from '../clock.ts';
import { PRIORITY } from '../delivery/copies.ts';
import { reporterUntold } from '../notices/templates.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import type { Case } from '../store/schema.ts';
import { type Outgoing, toHandlers, toMembers, toReporterMeanwhile } from './outgoing.ts';

/** Who goes by another instant than the one that is to come: the one that he was told last; null where he goes by none. */
interface Before {
  members: Instant | null;
  reporter: Instant | null;
}

/** Null where nobody was. */
function toldBefore(about: Case, now: Instant): Before | null {
  const { told_release_at: members, reporter_address, reporter_release_at, release_at: releaseAt, aside } = about;
  if (releaseAt === null || releaseAt <= now || aside === 'withdrawn') return null;
  const unlessThat = (told: Instant | null) => (told === releaseAt ? null : told);
  // He is told what members are, where nobody has told him himself before.
  const reporter = reporter_address === null ? null : (reporter_release_at ?? members);
  const before = { members: unlessThat(members), reporter: unlessThat(reporter) };
  return before.members === null && before.reporter === null ? null : before;
}

interface MovedNews {
  releaseAt: Instant;
  before: Before;
  /** False where nothing goes to the reporter: he goes on going by what he was told. */
  reporterHears: boolean;
  mails: Outgoing[];
}

/** Members who were told another instant than the one that is approved now would publish at that; and so would the reporter. */
export async function prepareMoved(seams: Seams, seen: Case): Promise<MovedNews | null> {
  const { release_at: releaseAt, scheduled_at } = seen;
  const before = toldBefore(seen, seams.clock.now());
  if (before === null || releaseAt === null || scheduled_at !== null) return null;
  const told = (beforeAt: Instant) => {
    const words = seams.words.moved({ caseId: seen.id, releaseAt, beforeAt });
    // Not before a dispatch that is still on its way: the older instant would be what a member reads last.
    return { kind: 'notice', words, priority: PRIORITY.ordinary } as const;
  };
  const { members, reporter } = before;
  const toHim = reporter === null ? null : await toReporterMeanwhile(seams, seen, await keeperOf(seams.db, seen), told(reporter));
  const toThem = members === null ? [] : await toMembers(seams, seen, told(members));
  const isUnheard = reporter !== null && toHim === null;
  const untold = isUnheard ? [await toHandlers(seams, seen, reporterUntold({ caseId: seen.id, releaseAt }))] : [];
  return { releaseAt, before, reporterHears: toHim !== null, mails: [...(toHim ? [toHim] : untold), ...toThem] };
}

/** Null where nobody has to be told. Throws `stale` where it is not what was prepared. */
export async function tellMoved(trx: Db, seen: Case, news: MovedNews | null, now: Instant) {
  const before = toldBefore(seen, now);
  if (before === null) return null;
  const isSame = news?.before.members === before.members && news.before.reporter === before.reporter;
  if (news === null || news.releaseAt !== seen.release_at || !isSame) throw new Refusal('stale');
  for (const { copies } of news.mails) await deliveries.insertMany(trx, await copies(trx));
  const to = {
    ...(before.members === null ? {} : { told_release_at: news.releaseAt }),
    ...(news.reporterHears ? { reporter_release_at: news.releaseAt } : {}),
  };
  return { releaseAt: news.releaseAt, to, posts: news.mails.map(({ post }) => post.id) };
}
