import { armorCertificate } from '../pgp/certificate.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import * as members from '../store/members.ts';
import type { RosterEntry } from './entries.ts';

/**
 * The roster in the shape that import reads, by organisation. Who was removed or rejected is not on it, nor are
 * contacts that are not active. A contact without a certificate has no `certificate`, and cannot be imported so.
 * `progress` is told how many of how many members are done.
 */
export async function exportRoster(db: Db, progress: (done: number, total: number) => void = () => {}): Promise<RosterEntry[]> {
  const addresses = new Map((await lists.all(db)).map(({ id, address }) => [id, address]));
  const standing = (await members.all(db)).filter(({ state }) => state !== 'removed' && state !== 'rejected');
  return standing.map((member, index) => {
    progress(index + 1, standing.length);
    return entryOf(member, addresses);
  });
}

function entryOf(member: members.MemberWithContacts, addresses: ReadonlyMap<string, string>): RosterEntry {
  return {
    organisation: member.organisation,
    ...(member.product === null ? {} : { product: member.product }),
    lists: member.lists.flatMap((id) => addresses.get(id) ?? []).sort(),
    ...(member.groups.length === 0 ? {} : { groups: member.groups }),
    contacts: member.contacts
      .filter(({ active }) => active === 1)
      .map(({ address, name, certificate }) => ({
        address,
        ...(name === null ? {} : { name }),
        ...(certificate === null ? {} : { certificate: armorCertificate(certificate.data) }),
      })),
  };
}
