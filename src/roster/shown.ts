import { Refusal } from '../refusal.ts';
import * as certificates from '../store/certificates.ts';
import type { Db } from '../store/database.ts';
import type { Certificate } from '../store/schema.ts';
import { versionOf } from '../store/version.ts';

/** The newer copy of a certificate, merged with it, that waits for a person; `holds`: copies wait with it. */
export interface Waiting {
  data: Uint8Array;
  holds: number;
}

/** A certificate as a person sees it before he decides on it. */
export interface Shown {
  /** Another text after any change of what it says, of its state or of what waits. 32 hex digits. */
  version: string;
  waiting: Waiting | undefined;
}

export async function shownOf(db: Db, certificate: Certificate): Promise<Shown> {
  const waits = certificate.state === 'current' ? await certificates.waitingRenewal(db, certificate.id) : undefined;
  return shownWith(certificate, waits);
}

/** The same where it is known what waits. */
export function shownWith({ id, state, data }: Certificate, waiting: Waiting | undefined): Shown {
  const said = { id, state, data: base64(data), waiting: waiting ? base64(waiting.data) : null };
  return { version: versionOf(said), waiting };
}

/**
 * Nothing is decided on but what was shown; in the caller's transaction, before it reads: until that ends, nobody else gets past his own
 * call for that certificate. `version`: undefined where nobody says what he saw. Throws Refusal `stale`.
 */
export async function mustBeAsShown(trx: Db, certificateId: string, version: string | undefined): Promise<void> {
  await certificates.lock(trx, certificateId);
  const now = version === undefined ? undefined : await certificates.byId(trx, certificateId);
  if (now && (await shownOf(trx, now)).version !== version) throw new Refusal('stale');
}

function base64(data: Uint8Array): string {
  return Buffer.from(data).toString('base64');
}
