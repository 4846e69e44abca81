import { record } from '../audit/record.ts';
import { type Instant, toIso } from '../clock.ts';
import { type Addressee, copiesFor, copyFor, eachContact, PRIORITY } from '../delivery/copies.ts';
import { insidersOf } from '../delivery/need-to-know.ts';
import { clearNews } from '../notices/templates.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import { type Reason, Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as posts from '../store/posts.ts';
import * as recipients from '../store/recipients.ts';
import type { Case, List, NewDelivery, NewPost } from '../store/schema.ts';
import { isTrusted } from './clock-watch.ts';
import { type Contents, channelsOf, openContents, patchEntity } from './contents.ts';
import { gate } from './gate.ts';

/** A post with its copies, written when the case is. */
interface Outgoing {
  post: NewPost;
  copies: (db: Db) => Promise<NewDelivery[]>;
}

/**
 * Releases a case: moves it to `released` and queues what goes to the public, the reporter and the members, all in one
 * transaction and at most once, whoever else tries. Throws the gate's reason while it is shut; `stale` where somebody else
 * was faster or changed the case meanwhile.
 */
export async function release(seams: Seams, caseId: string): Promise<Case> {
  const { db, clock } = seams;
  const seen = await cases.byId(db, caseId);
  if (!seen) throw new Refusal('not-found', `There is no case ${caseId}`);
  if (seen.state === 'released') throw new Refusal('already-released');
  const contents = await openContents(seams, seen);
  const approvals = await cases.approvals(db, caseId);
  const trusted = await isTrusted(seams);
  const answer = gate({ case: seen, approvals, going: { bundle: contents.hash }, now: clock.now(), trusted });
  if (!answer.open) throw new Refusal(answer.reason, refusalHint(seen, answer.reason));

  const outgoing = await compose(seams, seen, contents);
  const now = clock.now();
  const to = {
    state: 'released' as const,
    public_post_id: outgoing.published.post.id,
    public_digest: outgoing.published.post.digest,
    released_at: now,
    updated_at: now,
    revision: seen.revision + 1,
  };
  return db.transaction().execute(async (trx) => {
    const { published, notices } = outgoing;
    await cases.lock(trx, caseId);
    await posts.insert(trx, published.post);
    if (!(await cases.change(trx, seen, to))) throw new Refusal('stale');
    for (const { copies } of [published, ...notices]) await deliveries.insertMany(trx, await copies(trx));
    const { bundle_hash: bundle, channels } = seen;
    const detail = { bundle, channels, post: to.public_post_id, digest: to.public_digest };
    await record(trx, seams, { action: 'case.release', subject: `case:${caseId}`, detail });
    return { ...seen, ...to };
  });
}

async function compose(seams: Seams, about: Case, contents: Contents) {
  const { db, clock } = seams;
  const keeper = await lists.byId(db, about.list_id);
  if (!keeper) throw new Error(`the list of ${about.id} is gone`);
  const published = await publicPost(seams, about, keeper, contents);
  const facts = { caseId: about.id, releasedAt: clock.now(), channels: channelsOf(about) };
  const reporter = await reporterNotice(seams, about, keeper, facts);
  return { published, notices: [...(reporter ? [reporter] : []), ...(await memberNotices(seams, about, facts))] };
}

/** One post, kept by the intake list, with a copy for each recipient of each channel. */
async function publicPost(seams: Seams, about: Case, keeper: List, { draft, patches }: Contents): Promise<Outgoing> {
  const files = patches.map(({ name, bytes }) => patchEntity(name, bytes));
  const post = await writeNotice(seams, keeper, { kind: 'public', caseId: about.id }, noticeEntity(draft, files));
  return { post, copies: (db) => publicCopies(seams, db, about, post) };
}

/** A copy for each recipient of each channel. Throws `conflict` where a list is gone. */
export async function publicCopies(
  { clock }: Pick<Seams, 'clock'>,
  db: Db,
  about: Pick<Case, 'id' | 'channels'>,
  post: Pick<NewPost, 'id'>,
  channels: readonly string[] = channelsOf(about),
): Promise<NewDelivery[]> {
  const copies: NewDelivery[] = [];
  for (const address of channels) {
    const list = await lists.byAddress(db, address);
    if (!list) throw new Refusal('conflict', `The public list ${address} is gone`);
    for (const { address: to, kind } of await recipients.ofList(db, list.id)) {
      const priority = kind === 'external' ? PRIORITY.external : PRIORITY.public;
      copies.push(copyFor(clock, { id: post.id, case_id: about.id, list }, { audience: 'public', address: to }, priority));
    }
  }
  return copies;
}

interface Facts {
  caseId: string;
  releasedAt: Instant;
  channels: string[];
}

/** Sealed where the reporter's certificate is known; else in words that say nothing. */
async function reporterNotice(seams: Seams, about: Case, list: List, facts: Facts): Promise<Outgoing | null> {
  const { reporter_address: address, reporter_certificate_id: certificateId } = about;
  if (address === null) return null;
  const words = certificateId ? seams.words.news(facts) : clearNews({ list: list.address, channels: facts.channels });
  const kind = certificateId ? 'news' : 'news-clear';
  const post = await writeNotice(seams, list, { kind, caseId: about.id }, noticeEntity(words));
  const to: Addressee = certificateId ? { audience: 'reporter', address, certificateId } : { audience: 'stranger', address };
  return withPost({
    post,
    copies: async () => [copyFor(seams.clock, { id: post.id, case_id: about.id, list }, to, PRIORITY.reporter)],
  });
}

/** To every contact who had a dispatch of the case and may still know of it, through the list that brought it. */
async function memberNotices(seams: Seams, about: Case, facts: Facts): Promise<Outgoing[]> {
  const { db, clock } = seams;
  const dispatched = await deliveries.dispatchedTo(db, about.id);
  const notices: Outgoing[] = [];
  for (const listId of new Set(dispatched.map((row) => row.listId))) {
    const list = await lists.byId(db, listId);
    if (!list) continue;
    const words = seams.words.lifted({ ...facts, releaseAt: about.release_at ?? facts.releasedAt });
    const post = await writeNotice(seams, list, { kind: 'lifted', caseId: about.id }, noticeEntity(words));
    const had = dispatched.filter((row) => row.listId === listId);
    const copies = async (trx: Db) => {
      const inside = await insidersOf(trx, about.id, had);
      return copiesFor(clock, { id: post.id, case_id: about.id, list }, eachContact(inside), PRIORITY.member);
    };
    notices.push(withPost({ post, copies }));
  }
  return notices;
}

/** The public post is written before the case moves, as the database's own gate wants it; all others with their copies. */
function withPost({ post, copies }: Outgoing): Outgoing {
  return {
    post,
    copies: async (db) => {
      await posts.insert(db, post);
      return copies(db);
    },
  };
}

function refusalHint({ release_at }: Case, reason: Reason): string | undefined {
  return reason === 'not-released' && release_at !== null ? `The release instant is ${toIso(release_at)}` : undefined;
}
