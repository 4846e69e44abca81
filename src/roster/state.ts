import type { MemberState } from '../store/schema.ts';

/**
 * The states of a member.
 *
 *   applied -> vouched -> vetted -> key_proved -> active
 *   active <-> key_hold      a certificate expired, was revoked or changed: copies are held
 *   active <-> suspended     receives and posts nothing
 *   any    -> removed        may apply again
 *   applied, vouched, vetted, key_proved -> rejected
 *
 * Only an active member's contacts receive anything and are credited with anything. An admin may vouch for the whole
 * way at once, with a recorded reason: that is the one shortcut, from any state before `active`.
 */
const CANDIDATE: ReadonlySet<MemberState> = new Set(['applied', 'vouched', 'vetted', 'key_proved']);

/** Whether a member is on the way in: nothing reaches him yet. */
export function isCandidate(state: MemberState): boolean {
  return CANDIDATE.has(state);
}

/** From where a member may be made active. */
export function mayActivate(state: MemberState): boolean {
  return isCandidate(state) || state === 'suspended';
}

export function maySuspend(state: MemberState): boolean {
  return state === 'active';
}

/** Whether anything may be added to a member: who is out has to apply again. */
export function isOut(state: MemberState): boolean {
  return state === 'removed' || state === 'rejected';
}
