import { keeperOf } from '../cases/keeper.ts';
import type { Instant } from '../clock.ts';
import { PRIORITY } from '../delivery/copies.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import type { Case } from '../store/schema.ts';
import { type Outgoing, toMembers, toReporter } from './outgoing.ts';

/** The instant that distributors were told last, where another one is to come; null where that is not so. */
function toldBefore({ told_release_at: before, release_at: releaseAt, aside }: Case, now: Instant): Instant | null {
  return releaseAt === null || releaseAt <= now || releaseAt === before || aside === 'withdrawn' ? null : before;
}

interface MovedNews {
  releaseAt: Instant;
  mails: Outgoing[];
}

/** Members who were told another instant than the one that is approved now would publish at that; and so would the reporter. */
export async function prepareMoved(seams: Seams, seen: Case): Promise<MovedNews | null> {
  const { release_at: releaseAt, scheduled_at } = seen;
  const beforeAt = toldBefore(seen, seams.clock.now());
  if (beforeAt === null || releaseAt === null || scheduled_at !== null) return null;
  const words = seams.words.moved({ caseId: seen.id, releaseAt, beforeAt });
  // Not before a dispatch that is still on its way: the older instant would be what a member reads last.
  const told = { kind: 'notice', words, priority: PRIORITY.ordinary } as const;
  const reporter = await toReporter(seams, seen, await keeperOf(seams.db, seen), told);
  return { releaseAt, mails: [...(reporter ? [reporter] : []), ...(await toMembers(seams, seen, told))] };
}

/** Null where nobody has to be told. Throws `stale` where it is not what was prepared. */
export async function tellMoved(trx: Db, seen: Case, news: MovedNews | null, now: Instant) {
  if (toldBefore(seen, now) === null) return null;
  if (news === null || news.releaseAt !== seen.release_at) throw new Refusal('stale');
  for (const { copies } of news.mails) await deliveries.insertMany(trx, await copies(trx));
  return { to: { told_release_at: news.releaseAt }, posts: news.mails.map(({ post }) => post.id) };
}
