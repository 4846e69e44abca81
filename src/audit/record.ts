import { Refusal } from '../refusal.ts';
import type { Local } from '../seams.ts';
import * as audit from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import * as idempotency from '../store/idempotency.ts';
import { actorKey, type Deed, nextLine } from './entry.ts';

/**
 * Appends what is being done to the audit log, in the transaction that does it: what cannot be logged does not happen.
 * Last in it, as the end of the log is held until the transaction is over. Throws `idempotency-in-progress` where the request is
 * in the hands of another attempt by now: then nothing is done.
 */
export async function record(
  trx: Db,
  { clock, by, once }: Pick<Local, 'clock' | 'by' | 'once'>,
  ...deeds: readonly Deed[]
): Promise<void> {
  if (deeds.length === 0) return;
  if (once && !(await idempotency.markDone(trx, once))) throw new Refusal('idempotency-in-progress');
  const at = clock.now();
  let end = await audit.lockEnd(trx);
  const rows: audit.NewLine[] = [];
  for (const deed of deeds) {
    const line = nextLine(end, at, by, deed);
    rows.push({ ...line, at, actor: actorKey(by), action: deed.action, subject: deed.subject });
    end = line;
  }
  await audit.append(trx, rows, end);
}
