import { withRevoked } from '../roster/known.ts';
import type { Seams } from '../seams.ts';
import * as certificates from '../store/certificates.ts';
import * as deliveries from '../store/deliveries.ts';
import type { Delivery } from '../store/schema.ts';

/** The certificate that a copy is sealed to, binary, with what is known to be revoked of it; or why the copy waits for a person. */
export type SealedTo = { certificate: Uint8Array } | { held: 'no-certificate' | 'changed' | 'unreadable' };

/** As it is now, by the ids of the copies; of those alone that are sealed to somebody. Asked when they are sealed, and again before each goes. */
export async function sealedTo(
  seams: Pick<Seams, 'db' | 'pgp'>,
  copies: readonly Delivery[],
): Promise<ReadonlyMap<string, SealedTo>> {
  const { db } = seams;
  const ids = copies.flatMap(({ audience, contact_id }) => (audience === 'contact' ? (contact_id ?? []) : []));
  const people = await deliveries.sendingContacts(db, ids);
  const found = new Map<string, SealedTo>();
  const kept: { id: string; data: Uint8Array }[] = [];
  for (const { id, audience, contact_id, certificate_id } of copies) {
    if (audience !== 'contact' && audience !== 'reporter') continue;
    const person = people.get(contact_id ?? '');
    const own = audience === 'reporter' && certificate_id !== null ? await certificates.byId(db, certificate_id) : undefined;
    const data = audience === 'contact' ? person?.certificate : own?.data;
    if (person?.waits) found.set(id, { held: 'changed' });
    else if (data) kept.push({ id, data });
    else found.set(id, { held: 'no-certificate' });
  }
  const known = await withRevoked(
    seams,
    kept.map(({ data }) => data),
  );
  for (const [index, { id }] of kept.entries()) {
    const certificate = known[index];
    found.set(id, certificate ? { certificate } : { held: 'unreadable' });
  }
  return found;
}

/** Whether a copy that was sealed to that certificate would be sealed to it now. */
export function isStill(now: SealedTo | undefined, certificate: Uint8Array): boolean {
  return now !== undefined && 'certificate' in now && Buffer.compare(now.certificate, certificate) === 0;
}
