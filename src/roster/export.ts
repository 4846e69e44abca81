import type { Instant } from '../clock.ts';
import { armorCertificate } from '../pgp/certificate.ts';
import type { Pgp } from '../pgp/pool.ts';
import type { Local } from '../seams.ts';
import * as contacts from '../store/contacts.ts';
import * as lists from '../store/lists.ts';
import * as members from '../store/members.ts';
import type { RosterEntry } from './entries.ts';
import { withRevoked } from './known.ts';

type Judging = Pick<Pgp, 'usable' | 'layRevocations'>;

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
    const octets = await octetsOf({ db, pgp }, member);
    for (const contact of member.contacts.filter((one) => !contacts.isReleased(one))) {
      const flaw = whyNot(contact) === undefined ? await flawOf(pgp, octets.get(contact.id), clock.now()) : null;
      if (whyNot(contact) === undefined && flaw === null) isRefused = false;
      for (const remark of remarksOn(contact, member, { addresses, unsubscribed, flaw }))
        found.remarks.push({ organisation, address: contact.address, remark });
    }
    if (isRefused) found.remarks.push({ organisation, address: null, remark: NOBODY });
    found.entries.push(entryOf(member, addresses, octets));
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
async function flawOf(pgp: Judging, octets: Uint8Array | null | undefined, now: Instant): Promise<string | null> {
  if (octets === undefined) return 'has no certificate';
  if (octets === null) return 'has a certificate that cannot be used (unreadable)';
  const verdict = await pgp.usable(octets, now);
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

/** What is written of his contacts' certificates, by the contact: with all that is known to be revoked of them. Null: it is too large with that. */
async function octetsOf(
  seams: Pick<Local, 'db'> & { pgp: Judging },
  member: members.MemberWithContacts,
): Promise<Map<string, Uint8Array | null>> {
  const own = member.contacts.flatMap(({ id, certificate }) => (certificate === null ? [] : [{ id, data: certificate.data }]));
  const known = await withRevoked(
    seams,
    own.map(({ data }) => data),
  );
  return new Map(own.map(({ id }, at) => [id, known[at] ?? null]));
}

function entryOf(
  member: members.MemberWithContacts,
  addresses: ReadonlyMap<string, string>,
  octets: ReadonlyMap<string, Uint8Array | null>,
): RosterEntry {
  return {
    organisation: member.organisation,
    ...(member.product === null ? {} : { product: member.product }),
    lists: member.lists.flatMap((id) => addresses.get(id) ?? []).sort(),
    ...(member.groups.length === 0 ? {} : { groups: member.groups }),
    contacts: member.contacts
      .filter((contact) => whyNot(contact) === undefined)
      .map(({ id, address, name }) => {
        const certificate = octets.get(id);
        return {
          address,
          ...(name === null ? {} : { name }),
          ...(certificate ? { certificate: armorCertificate(certificate) } : {}),
        };
      }),
  };
}
