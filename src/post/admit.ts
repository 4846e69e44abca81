import { automaticReply, type Check, type Facts, loop, membersOnly, publicList, repeated, type Verdict } from './checks.ts';

/** The posting policy, from top to bottom; the first check that hits decides, and what none hits is accepted. */
const policy: readonly Check[] = [
  loop, //           our own mail has come back
  publicList, //     the public lists speak, they do not listen
  automaticReply, // vacation notes and bounces
  membersOnly, //    private lists: signed by somebody on the roster
  repeated, //       the same mail again
];

export function admit(facts: Facts): Verdict {
  for (const check of policy) {
    const verdict = check(facts);
    if (verdict) return verdict;
  }
  return { verdict: 'accept' };
}
