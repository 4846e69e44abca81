import { withRevoked } from '../roster/known.ts';
import type { Seams } from '../seams.ts';
import * as certificates from '../store/certificates.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import type { Delivery } from '../store/schema.ts';

/** What is kept for a copy that is sealed to somebody. */
export interface Kept {
  /** The certificate, binary; null where there is none. */
  data: Uint8Array | null;
  /** A newer copy of it, by which its key may not be used any more, waits for a person. */
  waits: boolean;
}

/** The certificate that a copy is sealed to, binary, with what is known to be revoked of it; or why the copy waits for a person. And what is kept. */
export type SealedTo = { kept: Kept } & ({ certificate: Uint8Array } | { held: 'no-certificate' | 'changed' | 'unreadable' });

/** As it is now, by the ids of the copies; of those alone that are sealed to somebody. */
export async function keptFor(db: Db, copies: readonly Delivery[]): Promise<Map<string, Kept>> {
  const ids = copies.flatMap(({ audience, contact_id }) => (audience === 'contact' ? (contact_id ?? []) : []));
  const people = await deliveries.sendingContacts(db, ids);
  const found = new Map<string, Kept>();
  for (const { id, audience, contact_id, certificate_id } of copies) {
    const person = people.get(contact_id ?? '');
    const own = audience === 'reporter' && certificate_id !== null ? await certificates.byId(db, certificate_id) : undefined;
    if (audience === 'contact') found.set(id, { data: person?.certificate ?? null, waits: person?.waits ?? false });
    else if (audience === 'reporter') found.set(id, { data: own?.data ?? null, waits: false });
  }
  return found;
}

/** The same, with what is known to be revoked of it. Asked when copies are sealed, and again before each goes. */
export async function sealedTo(
  seams: Pick<Seams, 'db' | 'pgp'>,
  copies: readonly Delivery[],
): Promise<ReadonlyMap<string, SealedTo>> {
  const found = new Map<string, SealedTo>();
  const sealable: { id: string; kept: Kept; data: Uint8Array }[] = [];
  for (const [id, kept] of await keptFor(seams.db, copies)) {
    if (kept.waits) found.set(id, { kept, held: 'changed' });
    else if (kept.data) sealable.push({ id, kept, data: kept.data });
    else found.set(id, { kept, held: 'no-certificate' });
  }
  const known = await withRevoked(
    seams,
    sealable.map(({ data }) => data),
  );
  for (const [index, { id, kept }] of sealable.entries()) {
    const certificate = known[index];
    found.set(id, certificate ? { kept, certificate } : { kept, held: 'unreadable' });
  }
  return found;
}

/** Whether a copy that was sealed to that certificate would be sealed to it now. */
export function isStill(now: SealedTo | undefined, certificate: Uint8Array): boolean {
  return now !== undefined && 'certificate' in now && isSame(now.certificate, certificate);
}

export function isAsKept(now: Kept | undefined, { data, waits }: Kept): boolean {
  return now?.waits === waits && isSame(now.data, data);
}

function isSame(one: Uint8Array | null, other: Uint8Array | null): boolean {
  return one === null || other === null ? one === other : Buffer.compare(one, other) === 0;
}
