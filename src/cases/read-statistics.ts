import type { Instant } from '../clock.ts';
import { PRIORITY } from '../delivery/copies.ts';
import { PEOPLE } from '../embargo/gate.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Channel } from '../store/deliveries.ts';
import * as deliveries from '../store/deliveries.ts';
import type { Case } from '../store/schema.ts';
import { graceOf } from './clocks.ts';
import { detailsOf } from './describe.ts';
import { ratingIn } from './details.ts';
import { releasePosts } from './overdue.ts';
import { type Released, type Statistics, statisticsOf } from './statistics.ts';

/**
 * Of the reports that came from `from` on and before `to`, how many there were; and the times of the cases that were released then.
 * Of cases that are not public there is nothing but their number.
 */
export async function statistics(seams: Seams, from: Instant, to: Instant): Promise<Statistics> {
  const released: Released[] = [];
  for (const about of await cases.releasedWithin(seams.db, from, to)) released.push(await releasedOf(seams, about));
  return statisticsOf(released, await cases.countReports(seams.db, from, to));
}

async function releasedOf(seams: Seams, about: Case): Promise<Released> {
  const { id, received_at, noticed_at, release_at, released_at, aside, bundle_hash } = about;
  const channels = await deliveries.channels(seams.db, id, PRIORITY.external, releasePosts(about));
  const approvals = (await cases.approvals(seams.db, id)).filter(({ hash }) => hash === bundle_hash);
  return {
    id,
    receivedAt: received_at,
    noticedAt: noticed_at,
    releaseAt: release_at ?? released_at ?? received_at,
    releasedAt: released_at ?? received_at,
    reachedAt: reachedAt(channels, released_at ?? received_at, seams.clock.now()),
    approvedAt: approvals[PEOPLE - 1]?.approved_at ?? null,
    aside: aside === 'leaked' || aside === 'public_already' ? aside : null,
    severity: await severityOf(seams, about),
    grace: graceOf(seams.project, about),
  };
}

/**
 * When the last reader who has it got it: now at best, where a copy waits. Null where nobody of a channel got it,
 * or nobody was on any. A subscriber who cannot
 * be reached holds up nobody else.
 */
function reachedAt(channels: readonly Channel[], releasedAt: Instant, now: Instant): Instant | null {
  const nameOf = ({ listId, address }: Channel) => `${listId} ${address ?? ''}`;
  const got = channels.filter(({ state }) => state === 'delivered');
  const waiting = channels.filter(({ state }) => state !== 'delivered' && state !== 'failed');
  const reached = new Set([...got, ...waiting].map(nameOf));
  if (channels.length === 0 || channels.some((one) => !reached.has(nameOf(one)))) return null;
  return Math.max(releasedAt, ...got.map(({ lastAt }) => lastAt ?? releasedAt), ...waiting.map(() => now));
}

/** Null also where the key is not here: a node without it counts all the same. */
async function severityOf(seams: Seams, about: Case): Promise<string | null> {
  try {
    return ratingIn(await detailsOf(seams, about));
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}
