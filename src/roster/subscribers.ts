import { splitAddress } from '../mail/address.ts';
import type { LooseCertificate } from '../pgp/certificate-bytes.ts';
import type { Subscription } from '../store/schleuder.ts';
import { showableAddress } from './entries.ts';

/** What is told of a subscription. */
export interface Remark {
  /** Of Schleuder's list; null where it is about all of them. */
  list: string | null;
  /** Null where it cannot be shown. */
  address: string | null;
  remark: string;
}

/** A subscription to a list that is taken over. */
export interface FoundSubscription extends Subscription {
  /** The address of the list here. */
  to: string;
  /** Of its key, if that is in the home of its list: what this and the other homes have of it. */
  certificates: LooseCertificate[];
}

/** Somebody who is on one or several of the lists. */
export interface Subscriber {
  /** Lower case. */
  address: string;
  organisation: string;
  /** Addresses of the lists here, sorted. */
  lists: string[];
  /** Of his primary key. */
  fingerprint: string;
  /** What different lists have of his certificate; at least one. */
  copies: Uint8Array[];
}

/** Whose organisation an address is, where the domain does not say it. Keys are in lower case. */
export type Organisations = ReadonlyMap<string, string>;

/** Who of those that are subscribed can be taken over, by address, and why the others cannot. */
export function subscribersOf(
  subscriptions: readonly FoundSubscription[],
  organisations: Organisations,
): { subscribers: Subscriber[]; leftOut: Remark[]; notes: Remark[] } {
  const leftOut: Remark[] = [];
  const people = new Map<string, FoundSubscription[]>();
  for (const one of subscriptions) {
    const why = unusable(one);
    const address = one.address.toLowerCase();
    if (why !== undefined) leftOut.push(told(one, why));
    else people.set(address, [...(people.get(address) ?? []), one]);
  }
  const subscribers: Subscriber[] = [];
  const notes: Remark[] = [];
  for (const [address, own] of [...people].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const found = merged(address, own, organisations);
    if (typeof found === 'string') leftOut.push({ list: null, address, remark: found });
    else subscribers.push(found);
    if (typeof found !== 'string') notes.push(...notesOn(address, own));
  }
  const apart = keptApart(subscribers);
  return { subscribers: apart.subscribers, leftOut: [...leftOut, ...apart.leftOut], notes };
}

function told({ list, address }: Subscription, remark: string): Remark {
  return { list, address: showableAddress(address), remark };
}

/** Why nothing can be made of a subscription. */
function unusable({ address, fingerprint, delivery, certificates }: FoundSubscription): string | undefined {
  if (showableAddress(address) === null) return 'is no mail address that can be written to';
  if (!delivery) return 'delivery is disabled: he gets nothing there';
  if (fingerprint === '') return 'has no key';
  if (certificates.length === 0) return `the key ${fingerprint} is not in the GnuPG home of the list`;
  return undefined;
}

function merged(address: string, own: readonly FoundSubscription[], organisations: Organisations): Subscriber | string {
  const certificates = own.flatMap((one) => one.certificates);
  const primary = new Set(certificates.map(({ fingerprints }) => fingerprints[0] ?? ''));
  const [fingerprint = '', ...others] = primary;
  if (others.length > 0) return `has several keys, on one list or on different ones: ${[...primary].join(', ')}`;
  return {
    address,
    organisation: organisations.get(address) ?? splitAddress(address).domain,
    lists: [...new Set(own.map(({ to }) => to))].sort(),
    fingerprint,
    copies: distinct(certificates),
  };
}

/** By the fingerprint of the primary key. */
export function byPrimary(certificates: readonly LooseCertificate[]): Map<string, LooseCertificate[]> {
  const found = new Map<string, LooseCertificate[]>();
  for (const certificate of certificates) {
    const [primary = ''] = certificate.fingerprints;
    const some = found.get(primary);
    if (some) some.push(certificate);
    else found.set(primary, [certificate]);
  }
  return found;
}

/** What homes have the same, once. */
export function distinct(certificates: readonly LooseCertificate[]): Uint8Array[] {
  return certificates
    .map(({ data }) => data)
    .filter((data, index, all) => all.findIndex((one) => Buffer.compare(one, data) === 0) === index);
}

function notesOn(address: string, own: readonly FoundSubscription[]): Remark[] {
  const notes: Remark[] = [];
  if (own.length > 1) {
    const lists = own.map(({ list }) => list).join(', ');
    notes.push({ list: null, address, remark: `is subscribed to ${lists}: he becomes one contact` });
  }
  for (const one of own) if (one.admin) notes.push(told(one, 'is an admin of that list; here he gets no right by that'));
  return notes;
}

/**
 * Lists have members, and all contacts of a member get what his lists distribute: where one of them is on a list that another
 * is not on, a person must say who belongs together, or somebody would get what he was never meant to.
 */
function keptApart(subscribers: readonly Subscriber[]): { subscribers: Subscriber[]; leftOut: Remark[] } {
  const lists = new Map<string, Set<string>>();
  for (const one of subscribers)
    lists.set(one.organisation, (lists.get(one.organisation) ?? new Set()).add(one.lists.join(', ')));
  const differs = ({ organisation }: Subscriber) => (lists.get(organisation)?.size ?? 0) > 1;
  return {
    subscribers: subscribers.filter((one) => !differs(one)),
    leftOut: subscribers.filter(differs).map(({ address, organisation, lists: own }) => ({
      list: null,
      address,
      remark: `is for ${own.join(', ')}, and others of "${organisation}" are not: name another organisation for him (--organisations)`,
    })),
  };
}
