import { type Clock, type Instant, SECOND } from '../clock.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import type { Case, Delivery, Post, PostKind } from '../store/schema.ts';

/*
 * What a contact reads last of a case is what he goes by. So what he is told of it goes out in the order in which it was written: an older word that is
 * still on its way to him goes first, however often it was put off. And what a later one has made untrue, as the case is released or
 * withdrawn, does not go out at all.
 */

/** What says when a case is to become public, or whether. */
const TOLD = ['dispatch', 'notice', 'prenotice', 'leaked', 'withdrawn', 'lifted'] as const satisfies readonly PostKind[];
/** Of those, what holds no more when the case is released or set aside. */
const UNTIL_THEN: ReadonlySet<PostKind> = new Set<PostKind>(['dispatch', 'notice', 'prenotice', 'leaked']);

/** Whether what a post says holds no more: the case was released, withdrawn or rejected since it was written. */
export function isOvertaken(
  { kind, received_at: at }: Pick<Post, 'kind' | 'received_at'>,
  about: Pick<Case, 'state' | 'released_at' | 'aside' | 'aside_at'>,
): boolean {
  if (!UNTIL_THEN.has(kind)) return false;
  if (about.state === 'released') return at < (about.released_at ?? 0);
  return (about.aside === 'withdrawn' || about.aside === 'rejected') && at < (about.aside_at ?? 0);
}

/** Why a copy is put off that waits for an older one. */
export const BEHIND = 'behind-older';

/** How long a copy waits for an older one that is just on its way. */
const PAUSE = SECOND;

/**
 * Of these copies of one post those that wait for an older word of the case to the same contact, by his id, and until when each does. What was put off is tried
 * at once, as this one would have been: where the relay takes it, this one follows (`follow`), and where it does not, it would not have taken this one.
 * After the release nothing waits: what is older holds no more.
 */
export async function behindOlder(
  { db, clock }: { db: Db; clock: Clock },
  { kind, case_id }: Pick<Post, 'kind' | 'case_id'>,
  copies: readonly Delivery[],
  again: (copy: Delivery, now: Instant) => Instant,
): Promise<ReadonlyMap<string, Instant>> {
  const until = new Map<string, Instant>();
  const [first] = copies;
  if (!first || case_id === null || !isTold(kind)) return until;
  if ((await cases.byId(db, case_id))?.state === 'released') return until;
  const contactIds = copies.flatMap(({ contact_id }) => contact_id ?? []);
  const older = await deliveries.older(db, { caseId: case_id, contactIds, kinds: TOLD, before: first });
  const now = clock.now();
  await deliveries.hastenThese(
    db,
    older.map(({ id }) => id),
    now,
  );
  for (const copy of copies) {
    const before = older.filter(({ contact_id }) => contact_id === copy.contact_id);
    if (copy.contact_id === null || before.length === 0) continue;
    until.set(copy.contact_id, before.some(({ due_at }) => due_at > now) ? again(copy, now) : now + PAUSE);
  }
  return until;
}

/** Has what waited for a copy that is out go now. */
export async function follow(db: Db, { case_id, contact_id, attempts }: Delivery, now: Instant): Promise<void> {
  // Mostly it went at once, and what came behind it looks again in a second.
  if (case_id !== null && contact_id !== null && attempts > 1)
    await deliveries.hastenBehind(db, case_id, contact_id, BEHIND, now);
}

function isTold(kind: PostKind): boolean {
  return (TOLD as readonly PostKind[]).includes(kind);
}
