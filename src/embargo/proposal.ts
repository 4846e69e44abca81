import type { Case } from '../store/schema.ts';

/*
 * What one person changes of an armed release is a proposal: it waits beside what two people approved, and takes its place when two
 * have approved it. Until then that stands, and is released at its instant. Patches are none of it: distributors have to have others
 * before anybody can approve them, so whatever changes these takes the approvals away, and everybody is told.
 */

/** When it is released, where, and who stands behind that. */
export const SCHEDULE = [
  'release_at',
  'channels',
  'policies',
  'plan',
  'schedule_hash',
  'scheduled_at',
  'scheduled_by',
  'original_at',
] as const satisfies readonly (keyof Case)[];

/** What is said. */
const WORDS = ['draft_post_id', 'details_post_id', 'in_fix_at', 'exception_at'] as const satisfies readonly (keyof Case)[];

/** The columns that a proposal may change. */
const WAITS = [...SCHEDULE, ...WORDS] as const;

export type Proposal = Partial<Pick<Case, (typeof WAITS)[number]>>;

export const NO_PROPOSAL = { proposal: null, proposed_hash: null, proposed_at: null } as const;

/** Empty where nothing is proposed. */
export function proposalOf({ proposal }: Pick<Case, 'proposal'>): Proposal {
  return proposal === null ? {} : JSON.parse(proposal);
}

/** The case as it would be; where nothing is proposed, as it is. */
export function proposedCase(about: Case): Case {
  return { ...about, ...proposalOf(about) };
}

/** What of a change can wait, and what is so at once. */
export function parted(to: Partial<Case>): { waiting: Proposal; atOnce: Partial<Case> } {
  return { waiting: only(to, WAITS), atOnce: only(to, WAITS, false) };
}

/** Of what is proposed all but the schedule. */
export function proposedWords(about: Case): Proposal {
  return only(proposalOf(about), WORDS);
}

/** The schedule of the case as it stands there. */
export function scheduleOf(about: Pick<Case, (typeof SCHEDULE)[number]>): Partial<Case> {
  return only(about, SCHEDULE);
}

/** `wanted: false`: the others. */
function only(of: Partial<Case>, columns: readonly string[], wanted = true): Partial<Case> {
  return Object.fromEntries(Object.entries(of).filter(([name]) => columns.includes(name) === wanted));
}

const PARTS = { instant: 'release_at', channels: 'channels', text: 'draft_post_id', details: 'details_post_id' } as const;
export type ProposedPart = keyof typeof PARTS;

/** What of the release would be another one. */
export function proposedParts(about: Case): ProposedPart[] {
  const next = proposedCase(about);
  return (Object.keys(PARTS) as ProposedPart[]).filter((part) => next[PARTS[part]] !== about[PARTS[part]]);
}
