import { createHash } from 'node:crypto';
import { HOUR, type Instant, toIso } from '../clock.ts';
import { Refusal, refusalRow } from '../refusal.ts';
import type { Local } from '../seams.ts';
import type { Detail } from './entry.ts';
import { record } from './record.ts';

/**
 * Lines an hour for the refused mail of strangers to one list, and for that of one person of the roster: nobody fills the log from
 * outside, and a stranger hides nothing that a member tries. What is more than this is in the counts alone.
 */
const MOST = 30;

/** A mail that was refused at the end of its DATA. */
export interface RefusedMail {
  list: { id: string; role: string };
  raw: Uint8Array;
  /** Address of the peer. */
  client: string;
}

/** What mail was refused, as the audit log has it (docs/audit.md). One process counts for itself, in memory. */
export interface Refusals {
  /** Whatever was refused by SMTP. `reason`: a word for programs, of those that the program has. */
  count(reason: string): void;
  /**
   * Logs a mail that was refused for good; what is temporary comes again. Throws Refusal `storage-unavailable`, which is to be
   * answered instead, where it cannot be logged. `signer`: the contact whose valid signature is over all of it.
   */
  log(refusal: Refusal & { signer?: string | null }, mail: RefusedMail): Promise<void>;
  /** Logs what was counted since the last time, in one line; none where nothing was. */
  logCounts(): Promise<void>;
}

export function createRefusals(local: Local, domain: string): Refusals {
  const { db, clock } = local;
  let counted = nothing(clock.now());
  let logged = nothing(clock.now());
  const write = (action: string, subject: string, detail: Detail) =>
    db.transaction().execute((trx) => record(trx, local, { action, subject, detail }));
  /** Whether one more may have a line. */
  const mayLog = (whose: string) => {
    if (clock.now() - logged.since >= HOUR) logged = nothing(clock.now());
    return add(logged.by, whose) <= MOST;
  };
  return {
    count: (reason) => void add(counted.by, reason),
    async log(refusal, { list, raw, client }) {
      const { reason, signer = null } = refusal;
      const whose = signer ?? list.id;
      if (refusalRow(reason).temporary || !mayLog(whose)) return;
      const digest = createHash('sha256').update(raw).digest('hex');
      // Who writes to an intake list may be a reporter: he is to be found in no log, nor is his host.
      const detail = { reason, digest, size: raw.length, signer, client: list.role === 'intake' ? null : client };
      const { by } = logged;
      await write('mail.refuse', `list:${list.id}`, detail).catch((error: unknown) => {
        add(by, whose, -1);
        throw new Refusal('storage-unavailable', undefined, `a refusal (${reason}) could not be logged: ${String(error)}`);
      });
    },
    async logCounts() {
      const { since, by } = counted;
      if (by.size === 0) return;
      counted = nothing(clock.now());
      const reasons = Object.fromEntries([...by].sort());
      await write('mail.count-refusals', `domain:${domain}`, { since: toIso(since), ...reasons }).catch((error: unknown) => {
        for (const [reason, count] of by) add(counted.by, reason, count);
        counted.since = since;
        throw error;
      });
    },
  };
}

interface Counts {
  since: Instant;
  by: Map<string, number>;
}

const nothing = (since: Instant): Counts => ({ since, by: new Map() });

function add(to: Map<string, number>, key: string, count = 1): number {
  const sum = (to.get(key) ?? 0) + count;
  to.set(key, sum);
  return sum;
}
