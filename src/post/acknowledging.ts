import type { OpenedMail } from '../pgp/open.ts';
import type { Seams } from '../seams.ts';
import type { RosterCertificate } from '../store/certificates.ts';
import type { List } from '../store/schema.ts';
import { isAddressed } from './checks.ts';
import { type Acknowledging, acknowledgementIn } from './commands.ts';
import type { Destination } from './destination.ts';
import { filesOf, type Look } from './look.ts';
import { wordsOf } from './request.ts';

/*
 * Whoever answers a dispatch in order to acknowledge it writes to all the other members what he is affected by. So a mail of a member that
 * begins with an acknowledgement is one, also where it comes to a private list or to a thread of it, and goes to nobody.
 */

/** Octets of a mail that an acknowledgement is looked for in. */
const LARGEST = 1024 * 1024;

/**
 * The acknowledgement that a mail to a private list is; null where it is anything else, or of somebody of the response team. It is sealed,
 * and signed by one of the roster, for this very place where the list asks for that.
 */
export function acknowledgementBy(
  { keyring }: Pick<Seams, 'keyring'>,
  everyList: readonly List[],
  to: Destination,
  { opened, roster }: Look,
): Acknowledging | null {
  if (to.list.role !== 'private' || !(to.purpose === 'post' || to.purpose === 'thread')) return null;
  if (!roster || !opened?.allEncrypted || opened.content.length > LARGEST || isOfTeam(roster, everyList)) return null;
  if (!isMeantFor(keyring, to, opened)) return null;
  const found = acknowledgementIn(wordsOf(opened));
  return found && { ...found, more: found.more || filesOf(opened).length > 0 };
}

function isOfTeam({ lists }: RosterCertificate, everyList: readonly List[]): boolean {
  return everyList.some(({ id, role }) => role === 'intake' && lists.includes(id));
}

/** One that waits for the team otherwise, as it was signed for somebody else, waits as well. */
function isMeantFor(keyring: Seams['keyring'], { list, purpose, case: about }: Destination, { signer }: OpenedMail): boolean {
  if (!signer) return false;
  const listKeys = keyring.family(list.fingerprint).flatMap(({ keys }) => keys);
  return list.unaddressed !== 'hold' || isAddressed({ list, purpose, caseId: about?.id ?? null, listKeys }, signer);
}
