import { Check } from 'typebox/value';
import { record } from '../audit/record.ts';
import { sha256 } from '../embargo/bundle.ts';
import { bundled, change } from '../embargo/change.ts';
import { proposedCase } from '../embargo/proposal.ts';
import { writeNotice } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import * as posts from '../store/posts.ts';
import type { Case } from '../store/schema.ts';
import { checkDetails, Details, noDetails, readDetails, scored } from './details.ts';
import { keeperOf, secretsOf } from './keeper.ts';
import { refusedTo } from './state.ts';
import { actorOf, caseFor } from './step.ts';

/** What is known of a case, opened; it lives in memory for the time of one move. Throws `cannot-open`, `not-ready`. */
export async function detailsOf(seams: Seams, about: Pick<Case, 'id' | 'list_id' | 'details_post_id'>): Promise<Details> {
  if (about.details_post_id === null) return noDetails;
  const { db, pgp } = seams;
  const secrets = await secretsOf(seams, about.list_id);
  if (secrets.length === 0) throw new Refusal('not-ready', undefined, `there is no key for the list of ${about.id}`);
  const post = await posts.byId(db, about.details_post_id);
  if (!post) throw new Error(`the details of ${about.id} are gone`);
  const kept = await pgp.reopen(post.content, secrets);
  if (sha256(kept) !== post.digest)
    throw new Refusal('cannot-open', undefined, `the details of ${about.id} are not what was kept`);
  return readDetails(Buffer.from(kept).toString('utf8'));
}

/** Who wants to be anonymous is not to be credited by his address either. */
function mustNotName({ reporter, credits }: Details, address: string | null): void {
  const his = address?.toLowerCase();
  const isNamed = his !== undefined && credits.some(({ name }) => name.toLowerCase().includes(his));
  if (reporter.anonymous && isNamed) throw new Refusal('invalid', 'credits: the reporter wants to be anonymous');
}

export interface Described {
  case: Case;
  details: Details;
}

/**
 * Changes what is known of a case: of the fields, those that are given. The whole is kept sealed, and every version of it. With the
 * first CVSS vector or rating the case is in fix. What was approved of the bundle counts no more, as what is published is made of this; of an armed case it is proposed. How it is rated against its vector is for whoever leads it. Throws Refusal: `invalid` for what is no vector, `forbidden`, and what a step refuses.
 */
export async function describe(seams: Seams, caseId: string, fields: Partial<Details>, expected?: number): Promise<Described> {
  const { db, clock } = seams;
  const seen = await caseFor(db, seams, caseId, 'describe', expected);
  const known = await detailsOf(seams, proposedCase(seen));
  const details = { ...known, ...fields };
  if (!Check(Details, details)) throw new Refusal('invalid', 'The details are not what they have to be');
  checkDetails(details);
  mustNotName(details, seen.reporter_address);
  const rates = JSON.stringify(details.override) !== JSON.stringify(known.override);
  const refused = rates ? refusedTo('schedule', seen, actorOf(seams)) : null;
  if (refused !== null) throw new Refusal('forbidden', refused);
  const list = await keeperOf(db, seen);
  const post = await writeNotice(seams, list, { kind: 'details', caseId }, Buffer.from(JSON.stringify(details)));
  const isScored = scored(details) !== null || details.override !== null;
  const to = {
    details_post_id: post.id,
    in_fix_at: isScored ? (seen.in_fix_at ?? clock.now()) : seen.in_fix_at,
    exception_at: details.reason === null ? null : (seen.exception_at ?? clock.now()),
  };
  const changed = await db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    await posts.insert(trx, post);
    const next = await change(trx, clock.now(), seen, to);
    const detail = { fields: Object.keys(fields).sort(), digest: post.digest };
    await record(trx, seams, bundled('case.describe', next, detail));
    return next;
  });
  return { case: changed, details };
}
