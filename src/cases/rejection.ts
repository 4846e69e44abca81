import { eachContact } from '../delivery/copies.ts';
import { send } from '../delivery/send.ts';
import { rejected } from '../notices/templates.ts';
import type { Seams } from '../seams.ts';
import type { Db } from '../store/database.ts';
import type { Case } from '../store/schema.ts';
import * as tokens from '../store/tokens.ts';
import { isOut } from './clocks.ts';
import { alert } from './people.ts';
import { everybodyFor, handlersOf } from './remind.ts';

/** Whether others count on it: somebody has accepted it, two people agreed on its instant, or it is out. A report like any other is not told of. */
function isCountedOn(about: Case): boolean {
  return about.accepted_at !== null || about.agreed_release_at !== null || isOut(about);
}

/**
 * Everybody of a case is told that one person ends it, as nothing is due in it any more. Gives what queues that, in the transaction which ends it.
 * `of`: the case that it is a duplicate of, which is named where all of them may know of it; null for none.
 */
export async function tellingRejection(
  seams: Seams,
  seen: Case,
  { of, words }: { of: Case | null; words: string | null },
): Promise<(trx: Db) => Promise<void>> {
  if (!isCountedOn(seen)) return async () => {};
  const { id: caseId, agreed_release_at: agreedAt } = seen;
  const by = seams.by.name ?? 'an admin';
  const named = of && ((await isKnownToAll(seams, seen, of)) ? of.id : 'another case');
  const written = await alert(seams, caseId, rejected({ caseId, by, of: named, agreedAt, words }));
  return async (trx) => {
    await send(trx, seams, written, eachContact(await everybodyFor(trx, seams, seen)));
  };
}

/** Whether everybody of a case may know of another one. */
async function isKnownToAll({ db, clock }: Seams, seen: Case, other: Case): Promise<boolean> {
  const knowing = new Set([...(await handlersOf(db, other)).map(({ id }) => id), ...(await tokens.admins(db, clock.now()))]);
  return (await everybodyFor(db, { clock }, seen)).every(({ id }) => knowing.has(id));
}
