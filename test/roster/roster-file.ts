import { movingClock } from '../../src/clock.ts';
import { hear, readCertificate, usable } from '../../src/pgp/certificate.ts';
import type { Pgp } from '../../src/pgp/pool.ts';
import { layRevocations, readKnown, renewCertificate } from '../../src/pgp/renewal.ts';
import type { RosterEntry } from '../../src/roster/entries.ts';
import type { CertificateReader } from '../../src/roster/reading.ts';
import type { Database } from '../../src/store/database.ts';
import { addList, NOW } from '../store/roster-rows.ts';
import { makeParty } from '../support/party.ts';

export const clock = movingClock(NOW);

/** Reads certificates on this thread. */
export const pgp: CertificateReader & Pick<Pgp, 'layRevocations'> = {
  readCertificate,
  hear,
  readKnown,
  layRevocations,
  renewCertificate,
  usable,
};

/** The three lists that `curfew init` makes; ids are their local parts. */
export async function addLists(db: Database): Promise<void> {
  await addList(db, 'security@orbit.example', 'intake');
  await addList(db, 'distributors@orbit.example', 'private');
  await addList(db, 'announce@orbit.example', 'public');
}

/** A well-formed entry whose contacts have certificates of their own. */
export async function entry(organisation: string, ...addresses: string[]): Promise<RosterEntry> {
  const contacts = addresses.map(async (address) => ({ address, certificate: (await makeParty(address)).public }));
  return { organisation, lists: ['distributors@orbit.example'], contacts: await Promise.all(contacts) };
}
