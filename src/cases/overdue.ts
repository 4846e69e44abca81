import { type Instant, SECOND } from '../clock.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Case } from '../store/schema.ts';
import { dueIn, graceOf } from './clocks.ts';
import { overdueSince } from './reminders.ts';

/**
 * Since when the public ought to have what is overdue among these cases, by their ids. A released one is where a copy for the public
 * is not settled at the end of its grace: the release queues them, and a relay may put them off.
 */
export async function overdueAmong(
  { db, clock, project }: Pick<Seams, 'db' | 'clock' | 'project'>,
  all: readonly Case[],
): Promise<Map<string, Instant>> {
  const now = clock.now();
  const someReleased = all.some(({ state }) => state === 'released');
  const waiting = new Set(someReleased ? (await cases.unpublished(db)).map(({ id }) => id) : []);
  const sinceWhen = (about: Case): Instant | null => {
    if (about.state !== 'released') return overdueSince(about, dueIn(project, about), now);
    const { id, released_at } = about;
    const isLate = released_at !== null && now > released_at + graceOf(project, about) * SECOND;
    return isLate && waiting.has(id) ? released_at : null;
  };
  return new Map(
    all.flatMap((about): [string, Instant][] => {
      const since = sinceWhen(about);
      return since === null ? [] : [[about.id, since]];
    }),
  );
}

/** The posts with which a case was released. */
export function releasePosts({ public_post_id, external_post_id }: Case): string[] {
  return [public_post_id, external_post_id].filter((id) => id !== null);
}
