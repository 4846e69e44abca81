import type { Seams } from '../seams.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as needToKnow from '../store/need-to-know.ts';

/*
 * A case may be for some members alone. Whoever makes copies of something of a case asks here, in the transaction that writes them;
 * whoever sends one asks again, as it may have waited for long. Who is outside learns no more than of a case that does not exist.
 */

/** Why a copy is held whose contact may not know of its case any more. */
export const OUTSIDE = 'need-to-know';

/** Whether a member may know of a case, whatever state he is in: nobody is kept out, or he is one of those, or of the response team. */
export async function mayKnow(db: Db, caseId: string, memberId: string): Promise<boolean> {
  const insiders = await needToKnow.insiders(db, caseId);
  return insiders === null || insiders.has(memberId);
}

/** Those of them who may know of a case; all where it is null, as for what is of no case. */
export async function insidersOf<Person extends { memberId: string }>(
  db: Db,
  caseId: string | null,
  people: readonly Person[],
): Promise<Person[]> {
  const insiders = caseId === null ? null : await needToKnow.insiders(db, caseId);
  return people.filter(({ memberId }) => insiders === null || insiders.has(memberId));
}

/** Queues the copies that are held for that reason and whose contacts may know of their case now. Gives how many. */
export async function letInsidersHave(
  trx: Db,
  clock: Seams['clock'],
  of: { caseId: string } | { memberId: string },
): Promise<number> {
  const held = await deliveries.heldFor(trx, OUTSIDE, of);
  let queued = 0;
  for (const caseId of new Set(held.map((copy) => copy.caseId))) {
    const copies = await insidersOf(
      trx,
      caseId,
      held.filter((copy) => copy.caseId === caseId),
    );
    for (const { id } of copies) if (await deliveries.retry(trx, id, clock.now())) queued++;
  }
  return queued;
}
