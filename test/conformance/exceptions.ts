export interface Exception {
  /** How the problems begin that are excused; any other one is a failure. */
  differs: readonly string[];
  reason: string;
}

/** Where Curfew differs from what a corpus expects, and why that is right. By corpus and file. */
export const exceptions: Readonly<Record<string, Exception>> = {
  'schleuder/mails/encapsulated.eml': {
    differs: ['signer: null'],
    reason: 'It is opened and its inner signature checked; the signer is RSA-1024, which can be forged, and credits nobody.',
  },
  'schleuder/mails/not_bounces/tt_1234211024.txt.eml': {
    differs: ['outcome: automatic'],
    reason: 'A vacation note with the null sender, Precedence bulk and X-Autoreply is automatic (RFC 3834 §2).',
  },
};
