import type { Automatic } from '../mail/automatic.ts';
import type { Reason } from '../refusal.ts';
import type { ListRole, MemberState } from '../store/schema.ts';

/** Whose certificate made the valid signature over the whole content; null where none on the roster did. */
export interface Signer {
  contactId: string;
  active: boolean;
  memberState: MemberState;
  /** Ids of the lists that his member belongs to. */
  lists: readonly string[];
}

/** All that the checks may look at. */
export interface Facts {
  list: { id: string; role: ListRole };
  purpose: 'post' | 'owner' | 'request' | 'thread';
  /** It carries the List-Id of a list of this server. */
  loop: boolean;
  automatic: Automatic;
  /** The same mail, or one with the same signature, was accepted before. */
  repeated: boolean;
  signer: Signer | null;
  /** Ids of the intake lists: who belongs to one is the response team. */
  intakeLists: readonly string[];
}

export type Verdict = { verdict: 'accept' } | { verdict: 'reject'; reason: Reason } | { verdict: 'discard'; reason: 'repeated' };

/** A check hits with a verdict, or misses with null. It sends nothing and writes nothing. */
export type Check = (facts: Facts) => Verdict | null;

export const loop: Check = ({ loop }) => (loop ? { verdict: 'reject', reason: 'mail-loop' } : null);

/** Said to be accepted, because it was: a sender who lost the first 250 must not be told that his mail is refused. */
export const repeated: Check = ({ repeated }) => (repeated ? { verdict: 'discard', reason: 'repeated' } : null);

/** Nothing that came by mail is ever published; Curfew's own release does not come this way. */
export const publicList: Check = ({ list, purpose }) =>
  list.role === 'public' && purpose === 'post' ? { verdict: 'reject', reason: 'not-released' } : null;

/** A private list takes what an active contact of one of its members, or of the team, has signed. */
export const membersOnly: Check = ({ list, purpose, signer, intakeLists }) => {
  if (list.role !== 'private' || purpose === 'owner' || purpose === 'request') return null;
  const mayPost =
    signer?.active && signer.memberState === 'active' && signer.lists.some((id) => id === list.id || intakeLists.includes(id));
  return mayPost ? null : { verdict: 'reject', reason: 'members-only' };
};

/** An automatic answer to one of our own mails is no post for the members. */
export const automaticReply: Check = ({ automatic, list, purpose }) =>
  (automatic === 'bounce' || automatic === 'auto-reply') && list.role === 'private' && purpose !== 'owner'
    ? { verdict: 'reject', reason: 'members-only' }
    : null;
