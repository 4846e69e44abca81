import type { Instant } from '../clock.ts';
import type { AdmissionRules } from '../roster/apply.ts';

export interface Received {
  /** Envelope sender; null for the null sender. */
  sender: string | null;
  receivedAt: Instant;
  raw: Uint8Array;
}

export interface Accepted {
  /** Of the post; of the earlier one where the mail was here before. */
  id: string;
  caseId: string | null;
  /** Why it waits for a person; null where it does not. */
  held: string | null;
  /** The mail was here before, and goes to nobody this time. */
  repeated?: true;
}

/** The names that a case and its texts carry, and what an applicant is asked. */
export interface Identity extends AdmissionRules {
  domain: string;
}
