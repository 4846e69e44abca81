import type { Aside, Case, CaseHints, CaseState } from '../store/schema.ts';

/** Where a case stands. */
export const STAGES = [
  'received',
  'acknowledged',
  'accepted',
  'led',
  'in_fix',
  'fix_ready',
  'scheduled',
  'distributed',
  'prenoticed',
  'armed',
  'released',
  'retrospective',
  'closed',
  'needs_info',
  'rejected',
  'leaked',
  'withdrawn',
  'public_already',
] as const;
export type Stage = (typeof STAGES)[number];

/** Columns that have a value in a case that has come so far, or `state` has this one. */
interface Mark {
  stage: Stage;
  column: keyof Case;
  state?: CaseState;
  /** What must hold besides. */
  and?: (about: Case) => boolean;
}

/** What a case has gone through, the last step first. */
const MILESTONES: readonly Mark[] = [
  { stage: 'closed', column: 'closed_at' },
  { stage: 'retrospective', column: 'retrospective_at' },
  { stage: 'released', column: 'state', state: 'released' },
  { stage: 'armed', column: 'state', state: 'armed' },
  { stage: 'prenoticed', column: 'prenoticed_at', and: isPrenoticed },
  { stage: 'distributed', column: 'noticed_at' },
  { stage: 'scheduled', column: 'scheduled_at' },
  { stage: 'fix_ready', column: 'patch_set' },
  { stage: 'in_fix', column: 'in_fix_at' },
  { stage: 'led', column: 'led_at' },
  { stage: 'accepted', column: 'accepted_at' },
  { stage: 'acknowledged', column: 'acknowledged_at' },
];

/** Those that say more than how far it is, until it is out. */
const URGENT: ReadonlySet<Stage & Aside> = new Set<Stage & Aside>([
  'leaked',
  'public_already',
  'withdrawn',
  'rejected',
  'needs_info',
]);

/** The furthest that a case has come; what becomes of it aside hides that until it is released. */
export function stageOf(about: Case): Stage {
  const reached = MILESTONES.find((mark) => has(about, mark))?.stage ?? 'received';
  const out = about.state === 'released' || about.closed_at !== null;
  return isUrgent(about.aside) && !out ? about.aside : reached;
}

function has(about: Case, { column, state, and }: Mark): boolean {
  const there = state === undefined ? about[column] !== null : about.state === state;
  return there && (and?.(about) ?? true);
}

function isUrgent(aside: Stage | Aside | null): aside is Stage & Aside {
  return aside !== null && (URGENT as ReadonlySet<string>).has(aside);
}

/** What the columns of every case that stands so have in common; not each case that has it stands so. */
export function hintsOf(stage: Stage): CaseHints {
  if (isUrgent(stage)) return { aside: stage, unset: ['closed_at'] };
  const at = MILESTONES.findIndex((mark) => mark.stage === stage);
  const [later, mark] = at < 0 ? [MILESTONES, undefined] : [MILESTONES.slice(0, at), MILESTONES[at]];
  const unset = later.flatMap(({ column, state, and }) => (state === undefined && !and ? [column] : []));
  // Until it is out, what becomes of it aside would hide that.
  const out = later.some((other) => other.stage === 'released') ? { notAside: [...URGENT] } : {};
  if (!mark) return { unset, ...out };
  return { unset, ...out, ...(mark.state === undefined ? { set: mark.column } : { state: mark.state }) };
}

/** The second notice counts for the text that it carried. */
export function isPrenoticed({ prenoticed_at, prenoticed_draft_id, draft_post_id }: Case): boolean {
  return prenoticed_at !== null && prenoticed_draft_id === draft_post_id;
}

/** What somebody does with a case. */
export type Step =
  | 'acknowledge'
  | 'ask'
  | 'reject'
  | 'reopen'
  | 'claim'
  | 'hand-over'
  | 'take-over'
  | 'staff'
  | 'limit'
  | 'describe'
  | 'patch'
  | 'schedule'
  | 'notify'
  | 'dispatch'
  | 'approve'
  | 'leak'
  | 'decide-leak'
  | 'withdraw'
  | 'publish'
  | 'retrospect'
  | 'archive'
  | 'close'
  | 'close-restored';

interface StepRow {
  /** Whether it may be done with a case that stands so. */
  when: (about: Case) => boolean;
  /** Said to whoever tries it elsewhere. */
  otherwise: string;
  /** Where a case is led: its lead, his deputy and the admins alone; else anybody of the team. */
  leads: boolean;
}

const isOut = ({ state }: Case) => state === 'released';
const isOver = ({ closed_at, aside }: Case) => closed_at !== null || aside === 'rejected';
const isOpen = (about: Case) => !isOut(about) && !isOver(about);
/** A withdrawn case goes nowhere but to its end; the note that is owed is the withdrawal's own. */
const isUnderWay = (about: Case) => isOpen(about) && about.aside !== 'withdrawn';

const open = 'The case is over';
const underWay = 'The case is released, withdrawn or over';

/** The transition table. */
export const steps: Readonly<Record<Step, StepRow>> = {
  acknowledge: {
    when: (about) => isOpen(about) && about.acknowledged_at === null,
    otherwise: 'The report is acknowledged already',
    leads: false,
  },
  ask: { when: isUnderWay, otherwise: underWay, leads: false },
  reject: {
    when: (about) => isUnderWay(about) && about.noticed_at === null && about.forthcoming_at === null,
    otherwise: 'What distributors or the public know of is withdrawn, not rejected',
    leads: true,
  },
  reopen: {
    when: (about) => !isOut(about) && about.aside === 'rejected',
    otherwise: 'What was rejected, or linked as a duplicate, is opened again',
    leads: true,
  },
  claim: {
    when: (about) => isOpen(about) && about.lead_id === null,
    otherwise: 'The case has a lead: hand it over',
    leads: false,
  },
  'hand-over': {
    when: (about) => isOpen(about) && about.lead_id !== null,
    otherwise: 'The case has no lead to hand it over',
    leads: true,
  },
  'take-over': {
    when: (about) => isOpen(about) && about.lead_id !== null,
    otherwise: 'The case has no lead: claim it',
    leads: false,
  },
  staff: { when: (about) => !isOver(about), otherwise: open, leads: true },
  // The thread of a case goes on when it is over.
  limit: { when: () => true, otherwise: open, leads: true },
  describe: { when: isUnderWay, otherwise: underWay, leads: false },
  patch: { when: isUnderWay, otherwise: underWay, leads: false },
  schedule: { when: isUnderWay, otherwise: underWay, leads: true },
  notify: { when: isUnderWay, otherwise: underWay, leads: true },
  dispatch: { when: isUnderWay, otherwise: underWay, leads: true },
  // Of a withdrawn case the note that is owed.
  approve: { when: isOpen, otherwise: open, leads: false },
  leak: {
    when: (about) => isUnderWay(about) && about.aside !== 'public_already',
    otherwise: 'The case is public already, released, withdrawn or over',
    leads: false,
  },
  'decide-leak': {
    // That it is public already may have been a mistake.
    when: (about) =>
      isUnderWay(about) && (about.aside === 'public_already' || (about.aside === 'leaked' && about.leak_decided_at === null)),
    otherwise: 'There is no leak to decide on',
    leads: true,
  },
  withdraw: { when: isUnderWay, otherwise: underWay, leads: true },
  publish: { when: isUnderWay, otherwise: underWay, leads: true },
  retrospect: {
    when: (about) => isOut(about) && about.closed_at === null,
    otherwise: 'A retrospective comes after the release, and before the end',
    leads: false,
  },
  archive: { when: isOut, otherwise: 'The thread of a case is archived after its release', leads: true },
  close: {
    when: (about) => about.closed_at === null && (isOut(about) || about.aside === 'rejected' || about.aside === 'withdrawn'),
    otherwise: 'A case is closed after its release, its rejection or its withdrawal',
    leads: true,
  },
  'close-restored': {
    when: (about) => isOpen(about) && about.state !== 'armed',
    otherwise: 'Released, closed, or approved for its release: there is nothing of before the backup to be said of it',
    leads: true,
  },
};

/** Who tries it. */
export interface Person {
  /** Null for a token of nobody. */
  personId: string | null;
  admin: boolean;
}

/** Why a step is not for him; null where it is. */
export function refusedTo(step: Step, about: Case, { personId, admin }: Person): string | null {
  if (!steps[step].leads || about.lead_id === null || admin) return null;
  return personId !== null && (personId === about.lead_id || personId === about.deputy_id)
    ? null
    : 'That is for the lead of the case, for his deputy and for admins';
}
