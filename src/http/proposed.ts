import { type Static, Type } from 'typebox';
import { type Contents, openContents } from '../embargo/contents.ts';
import { proposedCase } from '../embargo/proposal.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import type { Case } from '../store/schema.ts';

/** Which of the two is asked for: what is armed, or what is proposed in its place. */
export const Proposed = Type.Object(
  {
    proposed: Type.Optional(
      Type.Enum(['true', 'false'], { description: '"true": what is proposed in place of the armed release, instead of that' }),
    ),
  },
  { additionalProperties: false },
);

export interface Approvable {
  /** As it would be released. */
  about: Case;
  contents: Contents;
}

/** What is to be approved of a case, opened. Throws Refusal: `conflict` where nothing is proposed, and what `openContents` throws. */
export async function openApprovable(seams: Seams, seen: Case, { proposed }: Static<typeof Proposed>): Promise<Approvable> {
  const wanted = proposed === 'true';
  if (wanted && seen.proposal === null) throw new Refusal('conflict', 'Nothing is proposed in place of what stands there');
  const about = wanted ? proposedCase(seen) : seen;
  const contents = await openContents(seams, about);
  // A hash over anything but what is shown must not be approved.
  if (contents.hash !== (wanted ? seen.proposed_hash : seen.bundle_hash)) throw new Refusal('approval-voided');
  return { about, contents };
}
