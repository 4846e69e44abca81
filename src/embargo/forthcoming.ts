import { forthcomingMail, mitigationIn } from '../advisories/text.ts';
import { policiesOf } from '../cases/clocks.ts';
import { detailsOf } from '../cases/describe.ts';
import { type Details, noDetails, ratingIn } from '../cases/details.ts';
import { keeperOf } from '../cases/keeper.ts';
import { actorOf, caseFor, take } from '../cases/step.ts';
import type { Notice } from '../notices/templates.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as embargoed from '../store/embargoed.ts';
import * as posts from '../store/posts.ts';
import type { Case } from '../store/schema.ts';
import { channelsOf, openDraft, openParts } from './contents.ts';
import { forthcomingGate, forthcomingHash } from './gate.ts';
import type { NamedPolicy, Policy } from './policy.ts';
import { publicCopies, publicReaders } from './public-copies.ts';
import { toldIn, type Untold } from './telling.ts';
import { piecesOf } from './watched.ts';

/*
 * The word to the public that a fix will come. Curfew writes it: the instant, what the policies of the case let it tell (the highest
 * severity, how many holes there are, the CVE id), and what helps until then. One person drafts it, and the draft is refused where it tells anything of the case; another person
 * approves the hash of it, as he approves anything, and with that it goes out. It is kept as a post that nobody changes; the gate and the
 * database let that post through and no other. Where the instant moves before it is out, it is drafted anew.
 */

/**
 * The words, as they would go out. `drafted`: the post in which they are, where that is written already; what came after it did not bring
 * them. Throws `not-approved` before the instant is scheduled, `past-instant`, `invalid` with what it tells.
 */
export async function writeForthcoming(
  seams: Seams,
  seen: Case,
  mitigation: string | null,
  drafted: string | null = null,
): Promise<Notice> {
  if (seen.scheduled_at === null || seen.release_at === null)
    throw new Refusal('not-approved', 'The instant of the release is not approved: the public is told of one that stands');
  if (seen.release_at <= seams.clock.now()) throw new Refusal('past-instant');
  const details = await detailsOf(seams, seen);
  const tells = tellsOf(policiesOf(seams.project, seen));
  const cve = tells.cve ? details.cve : null;
  const notice = forthcomingMail({
    project: seams.project.name,
    releaseAt: seen.release_at,
    highest: tells.severity ? ratingIn(details) : null,
    // A case is one hole.
    count: tells.count ? 1 : null,
    cve,
    ...(mitigation === null ? {} : { mitigation }),
  });
  const looked = cve === null ? notice : { ...notice, text: notice.text.replaceAll(cve, '') };
  // What may be told is nothing that is told of the case.
  const open = { mitigation: details.mitigation, ...(cve === null ? {} : { cve: null }) };
  const told = new Set<string>();
  for (const about of [seen, ...(await duplicatesIn(seams.db, seen))])
    for (const what of await toldIn(seams.compare, looked, mitigation ?? '', await untoldOf(seams, about, open, drafted)))
      told.add(what);
  if (told.size > 0) throw new Refusal('invalid', `The notice is public, and tells of the case: ${[...told].join(', ')}`);
  return notice;
}

/** Reports of the same: what they say is as secret, and so is who wrote them. */
async function duplicatesIn(db: Db, seen: Case): Promise<Case[]> {
  const found = await Promise.all((await embargoed.duplicatesOf(db, [seen])).map(({ id }) => cases.byId(db, id)));
  return found.filter((one) => one !== undefined);
}

async function untoldOf(seams: Seams, about: Case, told: Partial<Details>, drafted: string | null): Promise<Untold> {
  const { draft, patches, details } = await openParts(seams, about);
  return {
    caseId: about.id,
    details: { ...noDetails, ...details, ...told },
    draft,
    patches,
    reporter: about.reporter_address,
    written: piecesOf(seams, about.id, { before: drafted }),
  };
}

/** What each of these policies lets it tell. */
function tellsOf(policies: readonly NamedPolicy[]): Policy['forthcomingTells'] {
  const all = (what: keyof Policy['forthcomingTells']) => policies.every(({ policy }) => policy.forthcomingTells[what]);
  // Where there is no policy nobody has allowed it.
  return { severity: all('severity'), count: all('count'), cve: policies.length > 0 && all('cve') };
}

/** The post of what waits for another person, whatever went out before; null where none does: who approves it makes its copies. */
export async function waitingForthcoming(db: Db, { forthcoming_post_id: postId }: Case): Promise<string | null> {
  if (postId === null) return null;
  const [copy] = await deliveries.page(db, { postId, limit: 1 });
  return copy ? null : postId;
}

/** That which waits for another person; null where none does. */
export async function openForthcoming(seams: Seams, seen: Case): Promise<Notice | null> {
  const postId = await waitingForthcoming(seams.db, seen);
  return postId === null ? null : openDraft(seams, seen, postId);
}

/**
 * What was drafted must tell nothing of the case as it is known by now, and nothing that is not so any more. Throws as `writeForthcoming`
 * does; `approval-voided` where it would read otherwise now.
 */
export async function mustTellNothing(seams: Seams, seen: Case): Promise<void> {
  const drafted = await openForthcoming(seams, seen);
  if (!drafted) return;
  if (seen.scheduled_at === null) throw new Refusal('approval-voided', 'Its instant stands no more: draft it anew');
  const now = await writeForthcoming(seams, seen, mitigationIn(drafted.text), seen.forthcoming_post_id);
  if (now.subject !== drafted.subject || now.text.trimEnd() !== drafted.text.trimEnd())
    throw new Refusal('approval-voided', 'What is known of the case has changed since it was drafted: draft it anew');
}

export interface Drafted {
  case: Case;
  /** What another person approves, hex. */
  hash: string;
}

/** Drafts it, in the place of one that was drafted before. Throws what `writeForthcoming` and a step throw; `needs-person`. */
export async function draftForthcoming(
  seams: Seams,
  caseId: string,
  mitigation: string | null,
  expected?: number,
): Promise<Drafted> {
  const { db } = seams;
  const { personId } = actorOf(seams);
  if (personId === null) throw new Refusal('needs-person');
  const seen = await caseFor(db, seams, caseId, 'notify', expected);
  const notice = await writeForthcoming(seams, seen, mitigation);
  if ((await publicReaders(db, channelsOf(seen))).length === 0) throw new Refusal('conflict', NOBODY);
  const post = await writeNotice(seams, await keeperOf(db, seen), { kind: 'forthcoming', caseId }, noticeEntity(notice));
  const of = { caseId, releaseAt: seen.release_at ?? 0, postId: post.id, digest: post.digest };
  const hash = forthcomingHash(of);
  const changed = await take(seams, caseId, { step: 'notify', expected: seen.revision }, async (trx) => {
    await posts.insert(trx, post);
    const to = {
      forthcoming_post_id: post.id,
      forthcoming_digest: post.digest,
      forthcoming_hash: hash,
      forthcoming_by: personId,
    };
    return { to, action: 'draft-forthcoming', detail: { post: post.id, digest: post.digest, hash } };
  });
  return { case: changed, hash };
}

const NOBODY = 'Nobody is on the public lists of the case';

/** Queues what waits (`waitingForthcoming`) for the public, as its second person has approved it in this transaction. Throws the gate's reason. */
export async function sendForthcoming(trx: Db, seams: Pick<Seams, 'clock'>, seen: Case): Promise<void> {
  const post = seen.forthcoming_post_id === null ? undefined : await posts.factsById(trx, seen.forthcoming_post_id);
  if (!post) throw new Refusal('approval-voided');
  const approvals = await cases.approvals(trx, seen.id);
  // Whether the clock may be believed is asked for each copy when it goes.
  const going = { postId: post.id, digest: post.digest };
  const answer = forthcomingGate({ case: seen, approvals, going, now: seams.clock.now(), doubt: null });
  if (!answer.open) throw new Refusal(answer.reason);
  const copies = await publicCopies(seams, trx, seen, { post, to: ['subscriber', 'external'] });
  if (copies.length === 0) throw new Refusal('conflict', NOBODY);
  await deliveries.insertMany(trx, copies);
}
