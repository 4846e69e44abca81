import type { Check, Facts, Verdict } from './checks.ts';
import * as checks from './checks.ts';

/** The posting policy, from top to bottom; the first check that hits decides, and what none hits is accepted. */
const policy = {
  loop: checks.loop, //                   our own mail has come back
  publicList: checks.publicList, //       the public lists speak, they do not listen
  automaticMail: checks.automaticMail, // bounces and vacation notes: to the people behind the list
  needToKnow: checks.needToKnow, //       the thread of a case that its signer may not know of
  tooLarge: checks.tooLarge, //           larger than this list wants
  encryptedOnly: checks.encryptedOnly, // some of it came in clear
  signedOnly: checks.signedOnly, //       nobody of the roster signed it
  membersOnly: checks.membersOnly, //     private lists: nobody of its members, nor of the team, signed it
  requests: checks.requests, //           commands: sealed, and signed by somebody of the roster
  files: checks.files, //                 attachments that the list does not want
  repeated: checks.repeated, //           the same mail again
  signedTwice: checks.signedTwice, //     several signatures of one person over the same words
  mixed: checks.mixed, //                 signed and unsigned words in one mail wait for a person
  unaddressed: checks.unaddressed, //     words that were signed for somebody else wait for a person
  moderated: checks.moderated, //         all words wait for a person
} as const satisfies Record<string, Check>;

/** What each check said, in the order in which they were asked; the last one decided. */
export type Hits = readonly (readonly [check: string, verdict: string])[];

export function admit(facts: Facts): Verdict & { hits: Hits } {
  const hits: (readonly [string, string])[] = [];
  for (const [name, check] of Object.entries(policy)) {
    const verdict = check(facts);
    hits.push([name, verdict?.verdict ?? 'miss']);
    if (verdict) return { ...verdict, hits };
  }
  return { verdict: 'accept', hits };
}
