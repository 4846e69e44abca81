import { type Judged, judgeStanding } from '../cases/clocks.ts';
import { insidersOf } from '../delivery/need-to-know.ts';
import type { Seams } from '../seams.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import type { Case } from '../store/schema.ts';
import type { Code } from './policy.ts';
import { proposedCase } from './proposal.ts';

/** How the rules of its policies see the instant of a case now; those that give distributors time do not hold where nobody is there to be told. */
export async function judgedNow(db: Db, { project, clock }: Pick<Seams, 'project' | 'clock'>, about: Case): Promise<Judged> {
  const nobody = about.noticed_at === null && !(await hasDistributors(db, about.id));
  return judgeStanding(project, about, clock.now(), { nobody });
}

/**
 * The same of what people agreed on before: whether distributors could still be told in time was asked then; since they were told, it is
 * asked whether that was in time.
 */
export function judgedAsAgreed({ project, clock }: Pick<Seams, 'project' | 'clock'>, about: Case): Judged {
  return judgeStanding(project, about, clock.now(), { nobody: about.noticed_at === null });
}

/** The rules that the instant breaks which is set, or proposed, and that do not hold for the case: whoever approves it is told. */
export async function waivedNow({ db, ...seams }: Pick<Seams, 'db' | 'project' | 'clock'>, about: Case): Promise<Code[]> {
  const { state, aside, closed_at } = about;
  if (state === 'released' || closed_at !== null || aside === 'withdrawn' || aside === 'rejected') return [];
  return (await judgedNow(db, seams, proposedCase(about))).waived;
}

/** Whether anybody on a private list may know of it. */
export async function hasDistributors(db: Db, caseId: string): Promise<boolean> {
  for (const { id, role } of await lists.all(db))
    if (role === 'private' && (await insidersOf(db, caseId, await contacts.activeOfList(db, id))).length > 0) return true;
  return false;
}
