import { eachCertificate, primaryFingerprint } from '../pgp/certificate-bytes.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as certificates from '../store/certificates.ts';
import type { Contact } from '../store/schema.ts';
import { addCertificate, type GivenCertificate } from './contacts.ts';
import { hearAll, readKnown } from './known.ts';

/** Of those that nobody here has seen: each is read. */
const MOST_FRESH = 20;

/**
 * Gives a contact what a directory or a key server has for his address. A former certificate may lie there beside the new one
 * (draft-koch-openpgp-webkey-service §3.1): what he has is renewed first, so that a revocation counts whatever becomes of the rest, and
 * then the one that can be used is given to him; retired ones are passed over. One alone is taken as `addCertificate` does. Throws as that does;
 * unusable-certificate also where none or several could be meant.
 */
export async function addFound(
  seams: Seams,
  { id, address }: Pick<Contact, 'id' | 'address'>,
  found: Uint8Array,
): Promise<GivenCertificate> {
  const all = eachCertificate(found);
  if (all.length === 1) return addCertificate(seams, id, found);
  const states = new Map((await certificates.ofContact(seams.db, id)).map(({ fingerprint, state }) => [fingerprint, state]));
  const named = all.flatMap(readable);
  // Also of what is passed over below, or comes behind one that is refused.
  await hearAll(
    seams,
    named.map(({ data }) => data),
  );
  let given: GivenCertificate | undefined;
  let known: Refusal | undefined;
  for (const { data, fingerprint } of named)
    if (states.has(fingerprint) && states.get(fingerprint) !== 'retired') {
      const one = await addCertificate(seams, id, data).catch(conflict);
      if (one instanceof Refusal) known = one;
      else given = one;
    }
  const fresh = new Map<string, Uint8Array>();
  for (const { data, fingerprint } of named.filter((one) => !states.has(one.fingerprint)).slice(0, MOST_FRESH))
    if (await couldBeOf(seams, address, data)) fresh.set(fingerprint, data);
  const [next, ...others] = fresh.values();
  if (others.length > 0)
    throw new Refusal(
      'unusable-certificate',
      `There are several certificates of ${address} there: ${[...fresh.keys()].join(', ')}. Give the right one by itself`,
    );
  if (next) return addCertificate(seams, id, next);
  if (given) return given;
  throw known ?? new Refusal('unusable-certificate', `None of the ${all.length} certificates there can be used for ${address}`);
}

/** None where its framing is broken. */
function readable(data: Uint8Array): { data: Uint8Array; fingerprint: string }[] {
  try {
    return [{ data, fingerprint: primaryFingerprint(data) }];
  } catch (error) {
    if (error instanceof Refusal) return [];
    throw error;
  }
}

/** That he has it already keeps no other from being given. */
function conflict(error: unknown): Refusal {
  if (error instanceof Refusal && error.reason === 'conflict') return error;
  throw error;
}

async function couldBeOf(seams: Seams, address: string, data: Uint8Array): Promise<boolean> {
  try {
    const facts = await readKnown(seams, data);
    return facts.addresses.includes(address) && (await seams.pgp.usable(facts.data, seams.clock.now())).usable;
  } catch (error) {
    // `busy` says nothing about the certificate.
    if (error instanceof Refusal && error.reason !== 'busy') return false;
    throw error;
  }
}
