import type { Instant } from '../clock.ts';
import { armorCertificate } from '../pgp/certificate.ts';
import type { Pgp } from '../pgp/pool.ts';
import type { Local } from '../seams.ts';
import * as contacts from '../store/contacts.ts';
import * as lists from '../store/lists.ts';
import * as members from '../store/members.ts';
import type { RosterEntry } from './entries.ts';
import { usableKept } from './known.ts';

type Judging = Pick<Pgp, 'usable' | 'readKnown'>;

/** Who is not in an export, or is refused or gets more than he had where it is imported. */
export interface ExportRemark {
  organisation: string;
  /** Of a contact; null where it is about the member. */
  address: string | null;
  remark: string;
}

export interface RosterExport {
  entries: RosterEntry[];
  remarks: ExportRemark[];
}

/**
 * The roster in the shape that import reads, by organisation: those who get copies, as whoever imports it with activation answers for
 * all that it names. So it has the members who are active or held for a key, and their contacts who are active and have proved
 * their keys. A contact whose certificate cannot be encrypted to now, or who has none, is in it and cannot be imported so: he is named. `progress` is told how many of how many
 * members are done.
 */
export async function exportRoster(
  { db, clock, pgp }: Pick<Local, 'db' | 'clock'> & { pgp: Judging },
  progress: (done: number, total: number) => void = () => {},
): Promise<RosterExport> {
  const addresses = new Map((await lists.all(db)).map(({ id, address }) => [id, address]));
  const unsubscribed = await contacts.unsubscribedLists(db);
  const all = await members.all(db);
  const found: RosterExport = { entries: [], remarks: [] };
  for (const [index, member] of all.entries()) {
    progress(index + 1, all.length);
    const { organisation, state, reason } = member;
    if (state !== 'active' && state !== 'key_hold') {
      const why = reason === null ? '' : `: ${reason}`;
      found.remarks.push({ organisation, address: null, remark: `is left out: it is ${state}${why}` });
      continue;
    }
    let isRefused = true;
    for (const contact of member.contacts.filter((one) => !contacts.isReleased(one))) {
      const flaw = whyNot(contact) === undefined ? await flawOf({ db, pgp }, contact, clock.now()) : null;
      if (whyNot(contact) === undefined && flaw === null) isRefused = false;
      for (const remark of remarksOn(contact, member, { addresses, unsubscribed, flaw }))
        found.remarks.push({ organisation, address: contact.address, remark });
    }
    if (isRefused) found.remarks.push({ organisation, address: null, remark: NOBODY });
    found.entries.push(entryOf(member, addresses));
  }
  return found;
}

const NOBODY = 'has no contact who could be written to, and is refused where this is imported with --activate (--leave-out)';

/** Why he is not in the export; undefined where he is. */
function whyNot({ active, proved_at }: members.ContactWithCertificate): string | undefined {
  if (active !== 1) return 'he is retired';
  return proved_at === null ? 'he has not proved his key' : undefined;
}

/** Why nothing can be encrypted to him; null where it can. */
async function flawOf(
  seams: Pick<Local, 'db'> & { pgp: Judging },
  { certificate }: members.ContactWithCertificate,
  now: Instant,
): Promise<string | null> {
  if (certificate === null) return 'has no certificate';
  const verdict = await usableKept(seams, certificate.data, now);
  return verdict.usable ? null : `has a certificate that cannot be used (${verdict.reason})`;
}

function remarksOn(
  contact: members.ContactWithCertificate,
  { lists: on }: members.MemberWithContacts,
  {
    addresses,
    unsubscribed,
    flaw,
  }: {
    addresses: ReadonlyMap<string, string>;
    unsubscribed: ReadonlyMap<string, readonly string[]>;
    flaw: string | null;
  },
): string[] {
  const why = whyNot(contact);
  if (why !== undefined) return [`is left out: ${why}`];
  const refused = flaw === null ? [] : [`${flaw}, and is refused where this is imported (--leave-out)`];
  const off = (unsubscribed.get(contact.id) ?? []).filter((id) => on.includes(id)).flatMap((id) => addresses.get(id) ?? []);
  const again = `has unsubscribed from ${off.sort().join(', ')}, and gets it again where this is imported`;
  return [...refused, ...(off.length === 0 ? [] : [again])];
}

function entryOf(member: members.MemberWithContacts, addresses: ReadonlyMap<string, string>): RosterEntry {
  return {
    organisation: member.organisation,
    ...(member.product === null ? {} : { product: member.product }),
    lists: member.lists.flatMap((id) => addresses.get(id) ?? []).sort(),
    ...(member.groups.length === 0 ? {} : { groups: member.groups }),
    contacts: member.contacts
      .filter((contact) => whyNot(contact) === undefined)
      .map(({ address, name, certificate }) => ({
        address,
        ...(name === null ? {} : { name }),
        ...(certificate === null ? {} : { certificate: armorCertificate(certificate.data) }),
      })),
  };
}
