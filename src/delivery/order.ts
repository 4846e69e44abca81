import { type Clock, type Instant, MINUTE, SECOND } from '../clock.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as missed from '../store/missed.ts';
import type { Audience, Case, Delivery, Post, PostKind } from '../store/schema.ts';

/*
 * What a contact, or a reporter, reads last of a case is what he goes by. So what he is told of it goes out in the order in which it was written: an older word that is
 * still on its way to him goes first, however often it was put off. And what a later one has made untrue, as the case is released or
 * withdrawn, does not go out at all.
 */

/** What says when a case is to become public, or whether. */
const TOLD = ['dispatch', 'notice', 'prenotice', 'leaked', 'withdrawn', 'lifted'] as const satisfies readonly PostKind[];
/** Of those, what holds no more when the case is released or set aside. */
const UNTIL_THEN: ReadonlySet<PostKind> = new Set<PostKind>(['dispatch', 'notice', 'prenotice', 'leaked']);

/** Whether what a post says holds no more: the case was released, withdrawn or rejected since it was written. */
export function isOvertaken(
  { kind, place }: Pick<Post, 'kind' | 'place'>,
  about: Pick<Case, 'state' | 'aside' | 'told_until'>,
): boolean {
  return UNTIL_THEN.has(kind) && endsTelling(about) && place <= (about.told_until ?? 0);
}

/** Whether nothing holds any more of what was told of a case until then: that it is under embargo, and until when. */
export function endsTelling({ state, aside }: { state?: unknown; aside?: unknown }): boolean {
  return state === 'released' || aside === 'withdrawn' || aside === 'rejected';
}

/** Why a copy is put off that waits for an older one. */
export const BEHIND = 'behind-older';

/** How long a copy waits for an older one that is just on its way. */
const PAUSE = SECOND;

/**
 * How long for one that the relay puts off, and nothing else: of a mail that some scanner never lets through its reader would hear nothing more. After that
 * the older one is tried once more, and this one goes. A contact to whom it is out before the older one is told again how the case stands (`missed`); to a
 * reporter the older one does not go any more, and no older dispatch after a later one (`passedBy`).
 */
const LONGEST = 15 * MINUTE;
/** Meanwhile it has the older one tried after this time, and then each time after twice as long. */
const SOONEST = MINUTE;
/** An attempt that is longer ago says nothing of whether the relay takes the older one now. */
const JUST_NOW = 30 * SECOND;

/** Copies with an older word before them, by their ids. */
export interface Behind {
  /** Those that wait for it, and until when. */
  until: ReadonlyMap<string, Instant>;
  /** Those that have waited for long enough and go before it, with the ids of what they go before. */
  passing: ReadonlyMap<string, readonly string[]>;
}

/**
 * Which of these copies of one post have an older word of the case to the same address before them. What was put off of that is tried
 * at once, as this one would have been: where the relay takes it, this one follows (`follow`), and where it does not, it would not have taken this one.
 * After the release nothing waits: what is older holds no more.
 */
export async function behindOlder(
  { db, clock }: { db: Db; clock: Clock },
  { kind, case_id, place }: Pick<Post, 'kind' | 'case_id' | 'place'>,
  copies: readonly Delivery[],
): Promise<Behind> {
  const until = new Map<string, Instant>();
  const passing = new Map<string, readonly string[]>();
  const behind = { until, passing };
  if (case_id === null || !isTold(kind)) return behind;
  if ((await cases.byId(db, case_id))?.state === 'released') return behind;
  const waiting = copies.filter(({ audience }) => audience !== 'public');
  const addresses = waiting.map(({ address }) => address);
  const older = await deliveries.older(db, { caseId: case_id, addresses, kinds: TOLD, before: { place } });
  if (older.length === 0) return behind;
  const now = clock.now();
  const hasten = new Set<string>();
  for (const copy of waiting) {
    const before = older.filter(({ address }) => address === copy.address);
    if (before.length === 0) continue;
    // What waits itself waits for these as well.
    const asked = before.filter(({ reason }) => reason !== BEHIND);
    // Whoever waits already has had them tried.
    const hasAsked = copy.reason === BEHIND;
    const refused = hasAsked && asked.length > 0 && asked.every((one) => wasPutOff(one, now));
    const waited = now - copy.created_at;
    if (refused && waited < LONGEST) until.set(copy.id, now + Math.min(Math.max(waited, SOONEST), LONGEST - waited));
    else if (refused && asked.length === before.length)
      passing.set(
        copy.id,
        before.map(({ id }) => id),
      );
    else {
      until.set(copy.id, now + PAUSE);
      for (const one of before) if (!hasAsked || !wasPutOff(one, now)) hasten.add(one.id);
    }
  }
  await deliveries.hastenThese(db, [...hasten], now);
  return behind;
}

/** Whether the relay has just been asked for it, and put it off. */
function wasPutOff({ state, due_at, triedAt }: deliveries.Older, now: Instant): boolean {
  return state === 'deferred' && due_at > now && triedAt !== null && triedAt <= now && triedAt >= now - JUST_NOW;
}

/**
 * Of these copies of one post those that come too late, by their ids, and why: a later dispatch of the case is out to the same contact, whose patches are the
 * newer ones; or any later word to the reporter, whom nobody tells again how the case stands.
 */
export async function passedBy(
  db: Db,
  { kind, case_id, place }: Pick<Post, 'kind' | 'case_id' | 'place'>,
  copies: readonly Delivery[],
): Promise<ReadonlyMap<string, 'superseded' | 'passed'>> {
  if (case_id === null || !isTold(kind)) return new Map();
  const out = (audience: Audience, kinds: readonly PostKind[]) => {
    const addresses = copies.filter((copy) => copy.audience === audience).map(({ address }) => address);
    return deliveries.newestOut(db, { caseId: case_id, addresses, kinds });
  };
  const superseding = kind === 'dispatch' ? await out('contact', ['dispatch']) : new Map<string, number>();
  const passing = await out('reporter', TOLD);
  const isLate = (newest: number | undefined) => newest !== undefined && newest > place;
  return new Map(
    copies.flatMap((copy): [string, 'superseded' | 'passed'][] => {
      if (copy.audience === 'contact' && isLate(superseding.get(copy.address))) return [[copy.id, 'superseded']];
      return copy.audience === 'reporter' && isLate(passing.get(copy.address)) ? [[copy.id, 'passed']] : [];
    }),
  );
}

/** Has what its addressee is told later of the case go now, as a copy is out, or will never be: whether it waited for that, or was put off as that was. */
export async function follow(db: Db, copy: Delivery, now: Instant): Promise<void> {
  if (copy.case_id !== null && copy.audience !== 'public') await deliveries.hastenLater(db, copy, TOLD, now);
}

/**
 * A copy is out that went before older ones. Of them, what does not go any more ends at once; a contact may read the others last, and is to be told again how
 * the case stands.
 */
export async function pass(db: Db, { case_id, contact_id }: Delivery, older: readonly string[], now: Instant): Promise<void> {
  await deliveries.hastenThese(db, older, now);
  if (case_id !== null && contact_id !== null) await missed.note(db, case_id, [contact_id]);
}

function isTold(kind: PostKind): boolean {
  return (TOLD as readonly PostKind[]).includes(kind);
}
