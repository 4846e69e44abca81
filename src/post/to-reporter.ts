import type { Addressee } from '../delivery/copies.ts';
import { isThreadOf, readListAddress } from '../mail/address.ts';
import type { Signer } from '../pgp/open.ts';
import type { Seams } from '../seams.ts';
import * as caseTeams from '../store/case-teams.ts';
import type { List } from '../store/schema.ts';
import type { Destination } from './destination.ts';
import type { Look } from './look.ts';
import { isUnanswerable } from './receipt.ts';

/*
 * In the thread of a case at its intake list the reporter and the team talk. Who of them reads what the team writes there is said by the
 * address that it was written to, and by nothing else:
 *
 *   security+CASE.TOKEN@    the reporter, and the team
 *   security@               the team alone; the Message-ID that it answers files it under the case
 *
 * A copy of what the reporter may read has the first as its Reply-To, a copy of what the team alone reads has the second: to answer keeps
 * the circle as it was. The words at the top of each copy say which. What its signature does not show to be written to the thread stays
 * with the team, and so does what waited for a decision; and nothing goes to a reporter in clear.
 */

/** Who reads a post of somebody of the team: 0, as the row of the post has it, the team alone; 1 the reporter, too. */
export type Reach = { toReporter: 0 } | { toReporter: 1; addressee: Addressee };

/**
 * How far a mail to the thread of a case goes; null where it is not of the team, or in no case of the intake list. `addressed`: where it
 * was sent to; `to`: what that led to.
 */
export async function reachOf(
  { db }: Seams,
  { addressed, to, everyList }: { addressed: Destination; to: Destination; everyList: readonly List[] },
  { opened, roster }: Look,
  accepted: boolean,
): Promise<Reach | null> {
  const { case: about, list } = to;
  if (!about || list.id !== about.list_id || !roster || !opened?.signer) return null;
  const { contact, member, lists: own } = roster;
  const intake = everyList.filter(({ role }) => role === 'intake').map(({ id }) => id);
  if (!own.some((id) => intake.includes(id))) return null;
  const { reporter_address: address, reporter_certificate_id: certificateId } = about;
  // Who reported it himself writes as the reporter.
  if (address !== null && contact.address.toLowerCase() === address.toLowerCase()) return null;
  const stays: Reach = { toReporter: 0 };
  if (!accepted || addressed.purpose !== 'thread' || address === null || certificateId === null) return stays;
  const isActive = contact.active && contact.proved && member.state === 'active';
  if (!isActive || !(await caseTeams.handles(db, about, contact.id)) || !isForThread(opened.signer, list, about.id)) return stays;
  if (await isUnanswerable(db, address)) return stays;
  return { toReporter: 1, addressee: { audience: 'reporter', address, certificateId } };
}

/**
 * What was signed for the list is not for the reporter, whoever sends it on to the thread. A signature that names no address of the list
 * says by the keys that it was made for that it is for the list's people; then the envelope decides.
 */
function isForThread({ addressedTo, intendedFor }: Signer, list: List, caseId: string): boolean {
  const here = addressedTo.map(readListAddress).filter((read) => read.list === list.address);
  if (here.length === 0) return intendedFor.length > 0;
  return here.some((read) => isThreadOf(read, caseId));
}
