import { keeperOf } from '../cases/keeper.ts';
import { awaits, isSame, membersTold, reporterTold, type Told, tellingMembers, tellingReporter } from '../cases/told.ts';
import type { Instant } from '../clock.ts';
import { PRIORITY } from '../delivery/copies.ts';
import { reporterUntold } from '../notices/templates.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import type { Case } from '../store/schema.ts';
import { type Outgoing, toHandlers, toMembers, toReporterMeanwhile } from './outgoing.ts';

/** Who is to be told the instant that is to come, and what he was told last; null for whoever is not. */
interface Before {
  members: Told | null;
  reporter: Told | null;
}

/** Null where nobody was. */
function toldBefore(about: Case, now: Instant): Before | null {
  const { release_at: releaseAt, aside } = about;
  if (releaseAt === null || releaseAt <= now || aside === 'withdrawn') return null;
  const members = membersTold(about);
  const himself = reporterTold(about);
  // He is told what members are, where nobody has told him himself before.
  const goingBy = himself.at === null ? members : himself;
  const before = {
    members: awaits(members, releaseAt) ? members : null,
    reporter: about.reporter_address !== null && awaits(goingBy, releaseAt) ? himself : null,
  };
  return before.members === null && before.reporter === null ? null : before;
}

/** What he was told last is said where it was another one. */
export function movedFacts(caseId: string, { at }: Told, releaseAt: Instant): Parameters<Seams['words']['moved']>[0] {
  return { caseId, releaseAt, beforeAt: at === releaseAt ? null : at };
}

interface MovedNews {
  releaseAt: Instant;
  before: Before;
  /** False where nothing goes to the reporter: he goes on going by what he was told. */
  reporterHears: boolean;
  mails: Outgoing[];
}

/** Members who were told another instant than the one that is approved now would publish at that, and whoever was told that none stands waits; so it is with the reporter. */
export async function prepareMoved(seams: Seams, seen: Case): Promise<MovedNews | null> {
  const { release_at: releaseAt, scheduled_at } = seen;
  const before = toldBefore(seen, seams.clock.now());
  if (before === null || releaseAt === null || scheduled_at !== null) return null;
  const told = (last: Told) => {
    const words = seams.words.moved(movedFacts(seen.id, last, releaseAt));
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
  const isPrepared =
    news?.releaseAt === seen.release_at &&
    isSame(news.before.members, before.members) &&
    isSame(news.before.reporter, before.reporter);
  if (!isPrepared) throw new Refusal('stale');
  for (const { copies } of news.mails) await deliveries.insertMany(trx, await copies(trx));
  const to = {
    ...(before.members === null ? {} : tellingMembers(news.releaseAt, now)),
    ...(news.reporterHears ? tellingReporter(seen, news.releaseAt, now) : {}),
  };
  return { releaseAt: news.releaseAt, to, posts: news.mails.map(({ post }) => post.id) };
}
