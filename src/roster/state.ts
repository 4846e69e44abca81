import { DAY } from '../clock.ts';
import type { MemberState } from '../store/schema.ts';

/**
 * The states of a member, and what leads from one to another.
 *
 *   applied -> vouched -> vetted -> key_proved -> active
 *   active <-> key_hold      none of its certificates can be encrypted to: its copies are held
 *   active <-> suspended     receives and posts nothing
 *   any    -> removed        by two admins; may apply again, and is removed still where that is rejected
 *   applied, vouched, vetted, key_proved -> rejected; may apply again
 *
 * Only an active member's contacts are credited with what they sign, and only those of an active one or one in key_hold have copies made
 * for them; neither before a contact has proved his own key. An import that activates answers for the keys in its file, and takes whoever is
 * on the way in past these steps; nothing else does.
 */
export type Step =
  | 'vouch'
  | 'vet'
  | 'prove-key'
  | 'activate'
  | 'hold-key'
  | 'release-key'
  | 'suspend'
  | 'reinstate'
  | 'reject'
  | 'remove'
  | 'apply-again';

/** Who is out has to apply again. */
export const OUT = ['removed', 'rejected'] as const;

/** Whose contacts have what is made for them, now or when he is let in again. */
export const TAKEN_IN = ['active', 'key_hold', 'suspended'] as const;

const CANDIDATES = ['applied', 'vouched', 'vetted', 'key_proved'] as const;

export const steps: Readonly<Record<Step, { from: readonly MemberState[]; to: MemberState }>> = {
  vouch: { from: ['applied'], to: 'vouched' },
  vet: { from: ['vouched'], to: 'vetted' },
  'prove-key': { from: ['vetted'], to: 'key_proved' },
  activate: { from: ['key_proved'], to: 'active' },
  'hold-key': { from: ['active'], to: 'key_hold' },
  'release-key': { from: ['key_hold'], to: 'active' },
  suspend: { from: ['active', 'key_hold'], to: 'suspended' },
  reinstate: { from: ['suspended'], to: 'active' },
  reject: { from: CANDIDATES, to: 'rejected' },
  remove: { from: [...CANDIDATES, 'active', 'key_hold', 'suspended'], to: 'removed' },
  'apply-again': { from: OUT, to: 'applied' },
};

/** From the activation of a member, or a review, to the next review. */
export const REVIEW = 365 * DAY;

/** Where a step leads from a state; undefined where it may not be taken there. */
export function next(state: MemberState, step: Step): MemberState | undefined {
  const { from, to } = steps[step];
  return from.includes(state) ? to : undefined;
}

/** Whether a member is on the way in: nothing reaches him yet. */
export function isCandidate(state: MemberState): boolean {
  return (CANDIDATES as readonly MemberState[]).includes(state);
}

/** Whether two of the team have yet to say of an application that each criterion is met. */
export function isUnjudged(state: MemberState): boolean {
  return state === 'applied' || state === 'vouched';
}

/** Whether contacts are asked to prove their keys: who is added is so at once. What is sent back by who is suspended is not taken. */
export function provesKeys(state: MemberState): boolean {
  return state === 'vetted' || state === 'key_proved' || state === 'active' || state === 'key_hold';
}

/** Whether anything may be added to a member. */
export function isOut(state: MemberState): boolean {
  return (OUT as readonly MemberState[]).includes(state);
}

/** Whether copies go to a member's contacts; of whom is held for his key the certificate itself says why it cannot. */
export function receives(state: MemberState): boolean {
  return state === 'active' || state === 'key_hold';
}
