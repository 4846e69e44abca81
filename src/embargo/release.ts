import type { Advisory } from '../advisories/advisory.ts';
import { record } from '../audit/record.ts';
import { keeperOf } from '../cases/keeper.ts';
import { caseKnownTo } from '../cases/step.ts';
import { type Instant, toIso } from '../clock.ts';
import { PRIORITY } from '../delivery/copies.ts';
import { when } from '../notices/templates.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import { type Reason, Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as advisories from '../store/advisories.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as posts from '../store/posts.ts';
import type { Case, List, Recipient } from '../store/schema.ts';
import { type Contents, channelsOf, openContents, patchEntity } from './contents.ts';
import { doubtNow } from './doubt.ts';
import { gate } from './gate.ts';
import { type Outgoing, toMembers, toReporter } from './outgoing.ts';
import { NO_PROPOSAL } from './proposal.ts';
import { publicCopies, publicReaders } from './public-copies.ts';
import { advisoryOf, externalMail, publishingOf } from './published.ts';
import { standing } from './retract.ts';

/**
 * Releases a case: moves it to `released` and queues what goes to the public, the reporter and the members, all in one
 * transaction and at most once, whoever else tries. Throws the gate's reason while it is shut; `stale` where somebody else
 * was faster or changed the case meanwhile.
 */
export async function release(seams: Seams, caseId: string): Promise<Case> {
  const { db, clock } = seams;
  const seen = await caseKnownTo(db, seams, caseId);
  if (seen.state === 'released') throw new Refusal('already-released');
  const contents = await openContents(seams, seen);
  const approvals = await standing(db, await cases.approvals(db, caseId));
  const answer = gate({
    case: seen,
    approvals,
    going: { bundle: contents.hash, note: contents.note },
    now: clock.now(),
    doubt: await doubtNow(seams),
  });
  if (!answer.open) throw new Refusal(answer.reason, refusalHint(seen, answer.reason));

  const now = clock.now();
  const outgoing = await compose(seams, seen, contents, now);
  const to = {
    state: 'released' as const,
    public_post_id: outgoing.published.post.id,
    public_digest: outgoing.published.post.digest,
    external_post_id: outgoing.external?.post.id ?? null,
    external_digest: outgoing.external?.post.digest ?? null,
    released_at: now,
    updated_at: now,
    ...NO_PROPOSAL,
    revision: seen.revision + 1,
  };
  return db.transaction().execute(async (trx) => {
    const { published, external, notices } = outgoing;
    const out = external ? [published, external] : [published];
    await cases.lock(trx, caseId);
    const told = { told_until: await posts.lastPlace(trx) };
    for (const { post } of out) await posts.insert(trx, post);
    if (!(await cases.change(trx, seen, { ...to, ...told }))) throw new Refusal('stale');
    // An external address that came meanwhile has no post of its own yet: it is made anew.
    if (!external && (await hasExternal(trx, seen))) throw new Refusal('stale');
    if (outgoing.advisory) await advisories.insert(trx, documentOf(outgoing.advisory, now));
    for (const { copies } of [...out, ...notices]) await deliveries.insertMany(trx, await copies(trx));
    const { bundle_hash: bundle, channels } = seen;
    const detail = { bundle, channels, post: to.public_post_id, digest: to.public_digest, external: to.external_post_id };
    await record(trx, seams, { action: 'case.release', subject: `case:${caseId}`, detail });
    return { ...seen, ...to, ...told };
  });
}

/** All that goes out, in its order: the lists of the project, external addresses, the reporter, the members; and what the pages say. */
async function compose(seams: Seams, about: Case, contents: Contents, now: Instant) {
  const { db, project } = seams;
  const keeper = await keeperOf(db, about);
  const publishing = publishingOf(about.id, now, contents);
  const published = await publicPost(seams, about, keeper, { ...contents, kind: 'subscriber' });
  const external = (await hasExternal(db, about))
    ? await publicPost(seams, about, keeper, {
        draft: contents.note ? contents.draft : externalMail(publishing, project.site),
        patches: contents.patches,
        kind: 'external',
      })
    : null;
  const advisory = contents.note ? null : advisoryOf(publishing);
  if (contents.note) return { published, external, advisory, notices: [] };
  return { published, external, advisory, notices: await noticesOf(seams, about, keeper, now) };
}

/** To the reporter, and then to every member who had it. */
async function noticesOf(seams: Seams, about: Case, keeper: List, now: Instant): Promise<Outgoing[]> {
  const facts = { caseId: about.id, releasedAt: now, channels: channelsOf(about) };
  const news = { kind: 'news', words: seams.words.news(facts), priority: PRIORITY.reporter } as const;
  const reporter = await toReporter(seams, about, keeper, news);
  const words = seams.words.lifted({ ...facts, releaseAt: about.release_at ?? now, cause: causeOf(about) });
  const members = await toMembers(seams, about, { kind: 'lifted', words, priority: PRIORITY.member });
  return [...(reporter ? [reporter] : []), ...members];
}

interface Publication extends Pick<Contents, 'draft' | 'patches'> {
  kind: Recipient['kind'];
}

/** One post, kept by the intake list, with a copy for each recipient of that kind of each channel. */
async function publicPost(seams: Seams, about: Case, keeper: List, { draft, patches, kind }: Publication): Promise<Outgoing> {
  const files = patches.map(({ name, bytes }) => patchEntity(name, bytes));
  const post = await writeNotice(seams, keeper, { kind: 'public', caseId: about.id }, noticeEntity(draft, files));
  return { post, copies: (db) => publicCopies(seams, db, about, { post, to: [kind] }) };
}

async function hasExternal(db: Db, about: Case): Promise<boolean> {
  return (await publicReaders(db, channelsOf(about))).some(({ kind }) => kind === 'external');
}

/** The row of what is public: in clear, as everybody may read it from now on. */
function documentOf(advisory: Advisory, now: Instant) {
  const { caseId: case_id, releasedAt: released_at } = advisory;
  return { case_id, document: JSON.stringify(advisory), revision: 1, released_at, updated_at: now };
}

/** Why the embargo ended before an instant that members were told; null where it did not. */
function causeOf({ aside, original_at, told_release_at, release_at }: Case): string | null {
  if (aside === 'leaked') return 'The issue had leaked.';
  if (aside === 'public_already') return 'The issue was public already.';
  const told = Math.max(original_at ?? 0, told_release_at ?? 0);
  if (release_at === null || release_at >= told) return null;
  return `The response team brought the release forward: it was to be at ${when(told)}.`;
}

function refusalHint({ release_at }: Case, reason: Reason): string | undefined {
  return reason === 'not-released' && release_at !== null ? `The release instant is ${toIso(release_at)}` : undefined;
}
