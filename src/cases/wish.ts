import { type Instant, parseInstant, toIso } from '../clock.ts';
import { answerInIso, type WrittenAnswer } from '../embargo/policy.ts';
import type { Project } from '../seams.ts';
import type { Case } from '../store/schema.ts';
import { judge } from './clocks.ts';
import type { Details } from './details.ts';

/** When the reporter would have it released. */
export interface Wish {
  words: string;
  /** In UTC; null where his words are no instant with its offset. */
  at: string | null;
  /** What the policies of the case say of that instant; null without one, and where it is released or over. */
  answer: WrittenAnswer | null;
}

/** Null where he has none. */
export function wishOf(project: Project, about: Case, { reporter }: Pick<Details, 'reporter'>, now: Instant): Wish | null {
  const { wishedAt: words } = reporter;
  if (words === null) return null;
  const at = parseInstant(words);
  if (at === undefined) return { words, at: null, answer: null };
  const isPast = about.state === 'released' || about.closed_at !== null || about.aside === 'rejected';
  const { waived: _, ...answer } = judge(project, about, at, now);
  return { words, at: toIso(at), answer: isPast ? null : answerInIso(answer) };
}
