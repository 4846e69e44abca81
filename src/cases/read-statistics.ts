import type { Instant } from '../clock.ts';
import { PEOPLE } from '../embargo/gate.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Case } from '../store/schema.ts';
import { policiesOf } from './clocks.ts';
import { detailsOf } from './describe.ts';
import { ratingIn } from './details.ts';
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
  const graces = policiesOf(seams.project, about).map(({ policy }) => policy.grace);
  const approvals = (await cases.approvals(seams.db, id)).filter(({ hash }) => hash === bundle_hash);
  return {
    id,
    receivedAt: received_at,
    noticedAt: noticed_at,
    releaseAt: release_at ?? released_at ?? received_at,
    releasedAt: released_at ?? received_at,
    approvedAt: approvals[PEOPLE - 1]?.approved_at ?? null,
    aside: aside === 'leaked' || aside === 'public_already' ? aside : null,
    severity: await severityOf(seams, about),
    grace: graces.length === 0 ? GRACE : Math.min(...graces),
  };
}

/** Seconds, where the case is under no policy. */
const GRACE = 60;

/** Null also where the key is not here: a node without it counts all the same. */
async function severityOf(seams: Seams, about: Case): Promise<string | null> {
  try {
    return ratingIn(await detailsOf(seams, about));
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}
