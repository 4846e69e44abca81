import { newToken } from '../clock.ts';
import { eachContact } from '../delivery/copies.ts';
import { send } from '../delivery/send.ts';
import { approvers } from '../embargo/gate.ts';
import { creditWished } from '../notices/templates.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Case } from '../store/schema.ts';
import { describe, detailsOf } from './describe.ts';
import { type Previewed, sendLetters, shownOf, toReporter, writeLetters } from './notices.ts';
import { alert } from './people.ts';
import { tellingRejection } from './rejection.ts';
import { handlersOf } from './remind.ts';
import { caseFor, caseKnownTo, take } from './step.ts';
import { tellingReporter } from './told.ts';

export interface Linked extends Previewed {
  case: Case;
  /** Who was added to those whom the other case credits; null for nobody. */
  credited: string | null;
  /** Who wishes to be, and was not added, as people have approved the other case as it is. */
  toCredit: string | null;
}

/**
 * Says that a case was reported before, as another one: it ends here, and its reporter is told so, and nothing of the other. Each reporter
 * goes on seeing his own thread alone. As he wishes, he is credited in the other case. Throws Refusal: `invalid` for a case that is its own
 * duplicate, `conflict` where the other one is a duplicate or over, and what a step refuses.
 */
export async function linkDuplicate(
  seams: Seams,
  caseId: string,
  { of, text }: { of: string; text: string | null },
  expected?: number,
): Promise<Linked> {
  const { db, clock } = seams;
  const seen = await caseFor(db, seams, caseId, 'reject', expected);
  const original = await caseKnownTo(db, seams, of);
  mustGoOn(original);
  if (original.id === seen.id) throw new Refusal('invalid', 'A case is no duplicate of itself');
  const letters = await toReporter(seams, seen, seams.words.duplicate({ caseId, words: text }));
  const written = await writeLetters(seams, seen, letters.letters);
  // First, as it does nothing the second time: whoever is interrupted does it all again.
  const { credited, toCredit } = await credit(seams, seen, original);
  const alerts =
    toCredit === null ? null : await alert(seams, original.id, creditWished({ caseId: original.id, name: toCredit }));
  const tellOfIt = await tellingRejection(seams, seen, { of: original, words: text });
  const now = clock.now();
  const changed = await take(seams, caseId, { step: 'reject', expected: seen.revision, beside: original.id }, async (trx) => {
    mustGoOn(await caseKnownTo(trx, seams, of));
    await sendLetters(trx, seams, written);
    await tellOfIt(trx);
    if (alerts) await send(trx, seams, alerts, eachContact(await handlersOf(trx, original)));
    const to = {
      aside: 'rejected' as const,
      aside_at: now,
      duplicate_of: original.id,
      acknowledged_at: seen.acknowledged_at ?? now,
      ...(letters.letters.length === 0 ? {} : tellingReporter(seen, null, now)),
    };
    // Without it who may not know of the other case could guess its id, and see by the hash of the line that it is right.
    const nonce = newToken();
    return { to, action: 'duplicate', detail: { of: original.id, nonce, posts: written.map(({ post }) => post.id) } };
  });
  return { ...shownOf(letters), case: changed, credited, toCredit };
}

/** Two people may link two cases to each other at once: one of them is to be left. */
function mustGoOn({ id, duplicate_of, aside }: Case): void {
  if (duplicate_of !== null) throw new Refusal('conflict', `${id} is itself a duplicate`);
  if (aside === 'rejected') throw new Refusal('conflict', `${id} was rejected`);
}

/**
 * Who reported it again is credited as well, where he wants to be named and the other case is not out yet. What somebody has approved of
 * that would count no more: then those who handle it decide.
 */
async function credit(seams: Seams, seen: Case, original: Case): Promise<Pick<Linked, 'credited' | 'toCredit'>> {
  const { reporter } = await detailsOf(seams, seen);
  if (reporter.credit === null || reporter.anonymous || original.state === 'released') return { credited: null, toCredit: null };
  const name = reporter.credit;
  const { credits } = await detailsOf(seams, original);
  if (credits.some((one) => one.name === name)) return { credited: name, toCredit: null };
  const approvals = await cases.approvals(seams.db, original.id);
  if (original.bundle_hash !== null && approvers(approvals, original.bundle_hash) > 0) return { credited: null, toCredit: name };
  await describe(seams, original.id, { credits: [...credits, { name, role: 'reporter' }] });
  return { credited: name, toCredit: null };
}
