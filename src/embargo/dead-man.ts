import { record } from '../audit/record.ts';
import { dueIn, longestOf, policiesOf } from '../cases/clocks.ts';
import { keeperOf } from '../cases/keeper.ts';
import { overdueAmong, releasePosts } from '../cases/overdue.ts';
import { everybodyFor, tellOnce } from '../cases/remind.ts';
import { overdueSince, pageOf, releaseDecided } from '../cases/reminders.ts';
import { DAY, HOUR, type Instant, MINUTE, toIso } from '../clock.ts';
import { eachContact } from '../delivery/copies.ts';
import { send } from '../delivery/send.ts';
import type { Log } from '../log.ts';
import { minimal, minimalSent, type Notice, overdue, unpublished } from '../notices/templates.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import type { Project, Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as minimalNotices from '../store/minimal-notices.ts';
import * as posts from '../store/posts.ts';
import * as reminders from '../store/reminders.ts';
import * as restorations from '../store/restorations.ts';
import type { Case, RestorationTable } from '../store/schema.ts';
import { channelsOf } from './contents.ts';
import { doubtNow } from './doubt.ts';
import { proposalOf } from './proposal.ts';
import { publicCopies } from './public-copies.ts';

/*
 * What becomes of a case whose people have fallen silent. What two people approved is armed with that, and is published at
 * its instant whatever they do then. `publish_approved`: where the longest embargo ends without that, the public is told so, in
 * fixed words. `page_only`: it is not; everybody is paged, as in either case.
 */

/** Of several policies the one that publishes less. */
export function publishes(project: Project, about: Case): boolean {
  const policies = policiesOf(project, about);
  return policies.every(({ policy }) => policy.deadMan === 'publish_approved');
}

/** Where nobody has said that it is a vulnerability. */
const UNREAD = { first: 15 * MINUTE, longest: 7 * DAY };

/** Tells everybody that a case is overdue, as often as that is due. Says whether anybody was told now. */
export async function pageOverdue(seams: Seams, about: Case, why: string): Promise<boolean> {
  return pageAll(seams, about, async ({ since, nextAt }) => overdue({ caseId: about.id, releaseAt: since, why, nextAt }));
}

/** Of more copies that wait nobody reads. */
const MOST_TOLD = 20;

/** The same of a released case of which the public, or a part of it, has no copy. */
export async function pageUnpublished(seams: Seams, about: Case): Promise<boolean> {
  return pageAll(seams, about, async ({ since, nextAt }) => {
    const { db } = seams;
    const { count, copies } = await deliveries.unpublished(db, releasePosts(about), MOST_TOLD);
    const addresses = await lists.addresses(
      db,
      copies.map(({ list_id }) => list_id),
    );
    const described = copies.map(({ id, list_id, address, state, reason, response }) => {
      return { address, state, reason, response, about: `through ${addresses.get(list_id) ?? list_id}, copy ${id}` };
    });
    return unpublished({ caseId: about.id, releasedAt: since, count, copies: described, nextAt });
  });
}

type Page = { since: Instant; nextAt: Instant };

async function pageAll(seams: Seams, about: Case, words: (page: Page) => Promise<Notice>): Promise<boolean> {
  const { db, clock } = seams;
  const since = (await overdueAmong(seams, [about])).get(about.id);
  if (since === undefined) return false;
  const { page, nextAt } = pageOf(since, clock.now(), about.accepted_at === null ? UNREAD : undefined);
  const told = await reminders.ofCases(db, [about.id]);
  if (told.some((row) => row.what === 'overdue' && row.dueAt === since && row.level >= page)) return false;
  return tellOnce(seams, about.id, {
    words: await words({ since, nextAt }),
    rows: [{ what: 'overdue', dueAt: since, level: page }],
    holds: async (seen, trx) => (await overdueAmong({ ...seams, db: trx }, [seen])).get(seen.id) === since,
    to: (trx, seen) => everybodyFor(trx, seams, seen),
    action: 'case.tell-overdue',
    detail: { page },
  });
}

/** An armed case is released within moments, unless it cannot be. */
const STUCK = 10 * MINUTE;

/** Who accepts it when its longest embargo has ended may have come to reject it, or to have two people release it. */
const LATE = HOUR;

/**
 * When the longest embargo of a case ended without a release; null where it has not, or the public is not to be told. What nobody
 * has accepted may be no vulnerability at all.
 */
function endedAt(project: Project, about: Case, now: Instant): Instant | null {
  const { state, aside, closed_at, accepted_at, release_at } = about;
  const ended = longestOf(project, about)?.at;
  if (ended === undefined || state === 'released' || closed_at !== null || accepted_at === null) return null;
  if (aside === 'rejected' || aside === 'withdrawn' || !publishes(project, about)) return null;
  if (now < ended || (accepted_at > ended && now < accepted_at + LATE)) return null;
  const goesOut = state === 'armed' && release_at !== null && release_at <= now;
  return goesOut && now < ended + STUCK ? null : ended;
}

/**
 * Tells the public of each case whose longest embargo has ended that it has, once; and everybody of the team that it is overdue,
 * where no instant was set. Says whether there is something to be sent.
 */
export async function endLongest(seams: Seams, log: Log): Promise<boolean> {
  const { db, clock, project } = seams;
  const now = clock.now();
  const restored = await restorations.last(db);
  let queued = false;
  for (const about of await cases.underWay(db)) {
    try {
      if (overdueSince(about, dueIn(project, about), now) === null) continue;
      // Of one whose instant has come the release itself tells.
      if (about.release_at === null || about.release_at > now)
        queued = (await pageOverdue(seams, about, whyLate(project, about, now))) || queued;
      if ((await minimalNotices.ofCase(db, about.id)) || (await doubtNow(seams))) continue;
      const ended = endedAt(project, about, now);
      if (ended === null || wasDue(project, about, restored) || !(await publishMinimal(seams, about, ended))) continue;
      log.error({ case: about.id }, 'the longest embargo of a case has ended without an advisory, and the public was told');
      queued = true;
    } catch (error) {
      log.error({ err: error, case: about.id }, 'the end of the longest embargo of a case could not be said');
    }
  }
  return queued;
}

/** The public may have been told after the backup was taken that was restored: that is nobody's to tell again but people's, who are paged. */
function wasDue(project: Project, about: Case, restored: RestorationTable | undefined): boolean {
  if (!restored || about.received_at > restored.taken_at) return false;
  return endedAt(project, about, restored.confirmed_at ?? restored.restored_at) !== null;
}

function whyLate(project: Project, about: Case, now: Instant): string {
  const { accepted_at, release_at, agreed_release_at } = about;
  if (agreed_release_at !== null && agreed_release_at <= now) return MOVED;
  if ((proposalOf(about).release_at ?? now + 1) <= now) return PROPOSED;
  if (releaseDecided(about) !== null) return LEAKED;
  if (accepted_at === null) return publishes(project, about) ? `${UNDECIDED} ${TOLD_THEN}` : UNDECIDED;
  return release_at === null ? UNSET : TOO_LATE;
}

const UNDECIDED =
  'Nobody has said yet whether it is a vulnerability: `curfew case lead` takes it, `curfew case notice --kind not-a-vulnerability` rejects it.';

/** Said to whoever may accept a case of which the longest embargo has ended. */
export const TOLD_THEN =
  'Its longest embargo has ended: an hour after somebody accepts it the public is told, without the advisory, that there is a case, unless it is rejected or two people release it before.';

const UNSET =
  'Its longest embargo has ended, and no release is set. Set the text and the present instant, and have two people approve them.';

const MOVED =
  'Two people agreed on that instant, and nobody has approved the later one that one person has set since: approve it, or set the present instant. `curfew case show` has both.';

const PROPOSED =
  'It is armed for a later instant. That it is released at once is proposed, and two people have to approve it: `curfew case bundle --proposed` shows it.';

const LEAKED =
  'It has leaked, and it was decided to release it at once. Set the present instant, and have two people approve; or, where that does not hold, say again that it has leaked, and decide anew.';

const TOO_LATE =
  'Its longest embargo has ended, and its instant is later: nobody may have it released then. Set the present instant, and have two people approve.';

async function publishMinimal(seams: Seams, about: Case, ended: Instant): Promise<boolean> {
  const { db, clock, project } = seams;
  const { id, received_at } = about;
  const keeper = await keeperOf(db, about);
  const facts = { project: project.name, since: received_at, endedAt: ended, ask: keeper.address };
  const post = await writeNotice(seams, keeper, { kind: 'minimal', caseId: id }, noticeEntity(minimal(facts)));
  const open = (await lists.all(db)).filter(({ role }) => role === 'public').map(({ address }) => address);
  const words = noticeEntity(minimalSent({ caseId: id, endedAt: ended }));
  const alert = await writeNotice(seams, keeper, { kind: 'alert', caseId: id }, words);
  return db.transaction().execute(async (trx) => {
    await cases.lock(trx, id);
    const seen = await cases.byId(trx, id);
    if (!seen || (await minimalNotices.ofCase(trx, id))) return false;
    if (endedAt(project, seen, clock.now()) !== ended) return false;
    const channels = seen.channels === null ? open : channelsOf(seen);
    await posts.insert(trx, post);
    const { id: post_id, digest } = post;
    await minimalNotices.insert(trx, { case_id: id, post_id, digest, not_before: ended, created_at: clock.now() });
    await deliveries.insertMany(trx, await publicCopies(seams, trx, seen, { post, to: ['subscriber', 'external'], channels }));
    await send(trx, seams, { list: keeper, post: alert }, eachContact(await everybodyFor(trx, seams, seen)));
    const detail = { channels, post: post_id, digest, ended: toIso(ended) };
    await record(trx, seams, { action: 'case.minimal-notice', subject: `case:${id}`, detail });
    return true;
  });
}
