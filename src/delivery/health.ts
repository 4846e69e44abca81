import { DAY, type Instant } from '../clock.ts';
import type { ContactHealth, Delivery } from '../store/schema.ts';
import { type Failure, failureOf } from './failure.ts';

/*
 * How mail to a contact's address fares: a fold over what became of his copies, so that it stays right when the copies are gone.
 *
 * Failures that follow each other are one run. It ends with a copy that a relay took after the last of them and that was not given back for
 * so long that nobody will (STANDS): what a relay takes may come back, and each copy that it takes on the way to a dead address would else
 * end the run, and the next bounce begin another.
 */

/** `soft`: there are failures, of which it may recover. `failing`: mail to it does not arrive. */
export type Health = 'well' | 'soft' | 'failing';

/** What became of one copy. */
export type Event =
  /** A relay took it. */
  | { what: 'delivered'; at: Instant }
  /** It is still on its way, a mail server says. */
  | { what: 'delayed'; at: Instant; line: string | null }
  /** It failed. `since`: from when it was tried, or on its way. */
  | { what: 'hard' | 'soft'; since: Instant; at: Instant; line: string | null };

/**
 * A hard bounce comes at once, or as soon as the next server has answered; who tries again gives up after four to five days
 * (RFC 5321 §4.5.4.1).
 */
const STANDS = { hard: DAY, soft: 6 * DAY } as const;

/** So long soft failures are nothing to speak of. */
const PATIENCE = 3 * DAY;

/** What is known of a contact. */
export type Facts = Omit<ContactHealth, 'contact_id'>;

export const UNKNOWN: Facts = {
  delivered_at: null,
  stands_at: null,
  hard_count: 0,
  hard_first_at: null,
  hard_last_at: null,
  soft_count: 0,
  soft_first_at: null,
  soft_last_at: null,
  delayed_at: null,
  line: null,
  warned_at: null,
};

export function healthOf(facts: Facts, now: Instant): Health {
  if (!hasFailed(facts) || isOver(facts, now)) return 'well';
  if (facts.hard_count > 0) return 'failing';
  const { soft_first_at: first, soft_last_at: last } = facts;
  return first !== null && last !== null && last - first > PATIENCE ? 'failing' : 'soft';
}

/** Without a run that is over. */
export function ofNow(facts: Facts, now: Instant): Facts {
  const { delivered_at, stands_at } = facts;
  return isOver(facts, now) ? { ...UNKNOWN, delivered_at, stands_at } : facts;
}

/** The same with what became of another copy. A run that is over goes with the next failure: until then it counts no more (`ofNow`). */
export function noted(facts: Facts, event: Event): Facts {
  const { at } = event;
  if (event.what === 'delivered') return { ...facts, delivered_at: at, stands_at: facts.stands_at ?? at };
  const before = ofNow(facts, at);
  const failed = { ...before, stands_at: null, line: event.line };
  if (event.what === 'delayed') return { ...failed, delayed_at: at };
  if (event.what === 'hard')
    return { ...failed, hard_count: before.hard_count + 1, hard_first_at: before.hard_first_at ?? at, hard_last_at: at };
  return {
    ...failed,
    soft_count: before.soft_count + 1,
    soft_first_at: Math.min(before.soft_first_at ?? event.since, event.since),
    soft_last_at: at,
  };
}

/** Since when mail to him fails; null where it does not. */
export function failsSince({ hard_first_at, soft_first_at, delayed_at }: Facts): Instant | null {
  const known = [hard_first_at, soft_first_at, delayed_at].filter((at) => at !== null);
  return known.length === 0 ? null : Math.min(...known);
}

/** What the end of a copy says of its address; null: nothing. `reason` and `response` as its settlement has them. */
export function eventOf(
  { tried_at }: Pick<Delivery, 'tried_at'>,
  { state, reason, response }: Pick<Delivery, 'state' | 'reason' | 'response'>,
  at: Instant,
): Event | null {
  if (state === 'delivered') return { what: 'delivered', at };
  if (state !== 'failed') return null;
  const failure = failureOfReason(reason, response);
  return failure === null ? null : { what: failure, since: tried_at ?? at, at, line: response };
}

/** What was given back says it where the bounce comes in; what a person ended, or no relay was asked of, says nothing. */
function failureOfReason(reason: string | null, response: string | null): 'hard' | 'soft' | null {
  if (reason === 'bad-address') return 'hard';
  if (reason === 'rejected') return ofAddress(failureOf(response));
  // RFC 5321 §3.8: 421 is of the relay, for whomever; and so is every failure in which it did not answer.
  return reason === 'gave-up' && /^4(?!21)\d\d\b/.test(response ?? '') ? 'soft' : null;
}

/** What a bounce says of the address of its copy, as that was before; null: nothing. A copy that has stood, or failed, is on no way any more. */
export function eventOfBounce(
  { state, tried_at, settled_at }: Pick<Delivery, 'state' | 'tried_at' | 'settled_at'>,
  { what, words: line }: { what: 'failed' | 'delayed'; words: string | null },
  at: Instant,
): Event | null {
  if (state === 'failed' || (settled_at !== null && at - settled_at >= STANDS.soft)) return null;
  if (what === 'delayed') return { what, at, line };
  const failure = ofAddress(failureOf(line));
  return failure === null ? null : { what: failure, since: settled_at ?? tried_at ?? at, at, line };
}

function ofAddress(failure: Failure): 'hard' | 'soft' | null {
  return failure === 'mail' ? null : failure;
}

function hasFailed({ hard_count, soft_count, delayed_at }: Facts): boolean {
  return hard_count > 0 || soft_count > 0 || delayed_at !== null;
}

function isOver(facts: Facts, now: Instant): boolean {
  const { stands_at, soft_count, delayed_at } = facts;
  const stands = soft_count > 0 || delayed_at !== null ? STANDS.soft : STANDS.hard;
  return hasFailed(facts) && stands_at !== null && now - stands_at >= stands;
}
