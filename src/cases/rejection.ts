import { eachContact } from '../delivery/copies.ts';
import { send } from '../delivery/send.ts';
import { rejected } from '../notices/templates.ts';
import type { Seams } from '../seams.ts';
import type { Db } from '../store/database.ts';
import type { Case } from '../store/schema.ts';
import { isOut } from './clocks.ts';
import { alert } from './people.ts';
import { everybodyFor } from './remind.ts';

/** Whether others count on it: somebody has accepted it, two people agreed on its instant, or it is out. A report like any other is not told of. */
function isCountedOn(about: Case): boolean {
  return about.accepted_at !== null || about.agreed_release_at !== null || isOut(about);
}

/**
 * Everybody of a case is told that one person ends it, as nothing is due in it any more. Gives what queues that, in the transaction which ends it.
 * `of`: the case that it is a duplicate of; null for none.
 */
export async function tellingRejection(
  seams: Seams,
  seen: Case,
  { of, words }: { of: string | null; words: string | null },
): Promise<(trx: Db) => Promise<void>> {
  if (!isCountedOn(seen)) return async () => {};
  const { id: caseId, agreed_release_at: agreedAt } = seen;
  const written = await alert(seams, caseId, rejected({ caseId, by: seams.by.name ?? 'an admin', of, agreedAt, words }));
  return async (trx) => {
    await send(trx, seams, written, eachContact(await everybodyFor(trx, seams, seen)));
  };
}
