import { readListAddress } from '../mail/address.ts';
import type { Renewal } from '../pgp/renewal.ts';
import { Refusal } from '../refusal.ts';
import type { MemberWithContacts } from '../store/members.ts';
import type { Certificate, Contact, List, Member } from '../store/schema.ts';
import type { RosterProblem } from './entries.ts';
import { isCandidate, isOut, isUnjudged } from './state.ts';

/** A certificate with the keys that it has. */
export interface WithKeys {
  fingerprint: string;
  data: Uint8Array;
  keys: { fingerprint: string; keyId: string }[];
  claimed: string[];
}

/** One that was read. */
export interface ReadCertificate extends WithKeys {
  revocations: Renewal['facts']['revocations'];
}

export interface NewContact {
  address: string;
  name: string | null;
  certificate: ReadCertificate;
}

/** A contact who is there, and whose own certificate came again. */
export interface RenewedContact {
  address: string;
  /** As it was when the renewal was made. */
  certificate: Certificate;
  renewal: Renewal;
  /** It says something that neither the certificate nor what waits of it says. */
  isNew: boolean;
  /** What waits then for a person; null where it counts at once. */
  waiting: { data: Uint8Array; holds: number } | null;
  /** Of the certificate with what waited of it (`shownOf`). */
  version: string;
}

/** An entry after its certificates were read; contacts with a bad one are not in it. */
export interface PreparedEntry {
  index: number;
  organisation: string;
  product: string | null;
  lists: string[];
  /** Names. */
  groups: string[];
  contacts: NewContact[];
  renewals: RenewedContact[];
  /** Another contact of it is left out, and told of. */
  lacks: boolean;
}

/** Fingerprints of keys, and the addresses of the contacts whose certificates, in whatever state, hold them. */
export type HeldKeys = ReadonlyMap<string, readonly string[]>;

/** Notes that a contact's certificate holds a key. */
export function hold(keys: Map<string, string[]>, { fingerprint, address }: { fingerprint: string; address: string }): void {
  const holders = keys.get(fingerprint);
  if (holders) holders.push(address);
  else keys.set(fingerprint, [address]);
}

/** What says whether an address may be a contact's. */
export interface Addresses {
  /** By address. */
  lists: ReadonlyMap<string, List>;
  /** The organisation of each contact, by his address. */
  owners: ReadonlyMap<string, string>;
  /** Public external addresses. */
  external: ReadonlySet<string>;
}

/** The roster before the import. */
export interface Standing extends Addresses {
  /** By organisation. */
  members: ReadonlyMap<string, MemberWithContacts>;
  keys: HeldKeys;
}

/** What one entry changes. Nothing to do where `member` is there and the rest is empty. */
export interface Step {
  /** Index of the entry. */
  entry: number;
  organisation: string;
  product: string | null;
  /** The member that is there. */
  member: Pick<MemberWithContacts, 'id' | 'organisation' | 'state' | 'round' | 'lists' | 'removed_at'> | null;
  /** Ids. */
  lists: string[];
  /** Names. */
  groups: string[];
  contacts: NewContact[];
  /** Those that say something new. */
  renewals: RenewedContact[];
  /** Contacts who are there and have not proved their keys: an activation answers for them. */
  vouched: Pick<Contact, 'id' | 'address'>[];
  activate: boolean;
  /** The member was rejected, and what is in this entry is another application of the organisation. */
  again: boolean;
}

/** A member as an import finds him: what was rejected is nothing that a file is joined with, and nobody of it becomes a contact by one. */
export function asFound(member: MemberWithContacts): MemberWithContacts {
  return member.state === 'rejected' ? { ...member, contacts: [], lists: [], groups: [] } : member;
}

/**
 * What an import would do, and why it may not. It adds; it never changes or removes what is there: names and products
 * stay, another certificate for a contact is refused, and so is adding to a member who is on hold, suspended or removed. Anybody may
 * apply under any name: who is on the way in is added to only where the file names each of his contacts, and in the place of who was
 * rejected, also under a name that reads the same, it begins anew. Only a certificate that is there takes up what its owner signed since, whatever state he is in; by which another
 * key would be encrypted to waits for a person.
 */
export function planImport(
  standing: Standing,
  entries: readonly PreparedEntry[],
  activate: boolean,
): { steps: Step[]; problems: RosterProblem[] } {
  const problems = [...repeated(entries)];
  const names = likenesses(takenNames(standing.members.values()));
  const called = callable([...standing.members.values()]);
  const steps = entries.map((entry) => {
    const there = called(entry.organisation);
    const found = planEntry(standing, entry, there && asFound(there), activate);
    const unfit = there && there.state !== 'rejected' ? undefined : unfitName(names, entry.organisation);
    problems.push(...found.problems, ...(unfit === undefined ? [] : [{ entry: entry.index, address: null, problem: unfit }]));
    names.set(likeness(entry.organisation), entry.organisation);
    return found.step;
  });
  return { steps, problems };
}

/**
 * As `planImport`, without whatever has a problem there: that contact is left out, or that entry, and an entry that has lost its
 * last contact so. `problems` says what that is.
 */
export function planRest(
  standing: Standing,
  entries: readonly PreparedEntry[],
  activate: boolean,
): { steps: Step[]; problems: RosterProblem[] } {
  const left = entries.filter(({ lacks, contacts, renewals }) => !lacks || contacts.length + renewals.length > 0);
  const whole = left.map((entry) => ({ ...entry, lacks: false }));
  const { steps, problems } = planImport(standing, whole, activate);
  if (problems.length === 0) return { steps, problems };
  const rest = planRest(standing, without(left, problems), activate);
  return { steps: rest.steps, problems: [...problems, ...rest.problems] };
}

function without(entries: readonly PreparedEntry[], problems: readonly RosterProblem[]): PreparedEntry[] {
  const named = new Set(problems.map(({ entry, address }) => `${entry} ${address ?? ''}`));
  return entries
    .filter(({ index }) => !named.has(`${index} `))
    .map((entry) => {
      const stays = ({ address }: { address: string }) => !named.has(`${entry.index} ${address}`);
      const lacks = entry.lacks || ![...entry.contacts, ...entry.renewals].every(stays);
      return { ...entry, lacks, contacts: entry.contacts.filter(stays), renewals: entry.renewals.filter(stays) };
    });
}

/** What stands twice in the file itself. */
function repeated(entries: readonly PreparedEntry[]): RosterProblem[] {
  const problems: RosterProblem[] = [];
  const organisations = new Set<string>();
  const addresses = new Set<string>();
  const keys = new Map<string, string[]>();
  for (const { index, organisation, contacts, renewals } of entries) {
    if (organisations.has(organisation))
      problems.push({ entry: index, address: null, problem: `"${organisation}" is twice in this roster` });
    organisations.add(organisation);
    const people = [...contacts, ...renewals.map(({ address, renewal }) => ({ address, certificate: renewal.facts }))];
    for (const { address, certificate } of people) {
      const tell = (problem: string) => problems.push({ entry: index, address, problem });
      if (addresses.has(address)) tell('The address is twice in this roster');
      addresses.add(address);
      const taken = takenCertificate(keys, certificate, address, 'too');
      if (taken !== undefined) tell(taken);
      for (const fingerprint of fingerprintsOf(certificate)) hold(keys, { fingerprint, address });
    }
  }
  return problems;
}

/** `member`: as an import finds him. */
function planEntry(
  standing: Standing,
  entry: PreparedEntry,
  member: MemberWithContacts | undefined,
  activate: boolean,
): { step: Step; problems: RosterProblem[] } {
  const lists = planLists(standing, entry);
  const contacts = planContacts(standing, entry, member);
  const renewals = entry.renewals.filter(({ isNew }) => isNew);
  const fresh = {
    lists: lists.ids.filter((id) => !member?.lists.includes(id)),
    groups: entry.groups.filter((name) => !member?.groups.includes(name)),
    contacts: contacts.fresh,
  };
  const adds = fresh.lists.length + fresh.groups.length + fresh.contacts.length > 0;
  const state = member?.state ?? 'applied';
  // Of whom it says nothing new: he stays held or suspended, and keeps nobody else out of the same file.
  const stays = (state === 'key_hold' || state === 'suspended') && !adds;
  const activates = activate && !stays;
  const vouched = activates ? unproved(entry, member) : [];
  const problems = [
    ...lists.problems,
    ...contacts.problems,
    ...takenRenewals(standing, entry.index, renewals),
    ...retiredOf(entry, isOut(state) ? undefined : member),
  ];
  const tell = (problem: string) => problems.push({ entry: entry.index, address: null, problem });
  if (state === 'active' && adds && !activate)
    tell(`"${entry.organisation}" is active: what is added counts at once, so it needs activation with a reason`);
  const others = isCandidate(state) && (adds || activate) ? unnamed(entry, member) : [];
  if (others.length > 0)
    tell(
      `"${entry.organisation}" has applied with ${others.join(', ')}, who ${others.length === 1 ? 'is' : 'are'} not in this roster: judge or reject that application first`,
    );
  if (activates && member && member.removed_at !== null && isUnjudged(state))
    tell(`"${entry.organisation}" was removed, and has applied again: two of the team judge that first (curfew member judge)`);
  const again = state === 'rejected' && (adds || activate || member?.organisation !== entry.organisation);
  if (state !== 'active' && !isCandidate(state) && !again && (adds || activates))
    tell(
      `"${entry.organisation}" is in the state ${state}: an import changes nothing about that${state === 'removed' ? ', it has to apply again' : ''}`,
    );
  if (activates && others.length === 0 && (isCandidate(state) || again) && !(entry.lacks || isReachable(entry)))
    tell(
      `"${entry.organisation}" would be active, and nobody of it could be written to: name a contact with a certificate that can be used`,
    );
  return {
    step: {
      entry: entry.index,
      organisation: entry.organisation,
      product: entry.product,
      member: member ?? null,
      ...fresh,
      renewals,
      vouched,
      activate: activates && (state !== 'active' || adds || vouched.length > 0),
      again,
    },
    problems,
  };
}

/** Whether a contact that it names can be encrypted to when it is written; what is new is looked at before. */
function isReachable({ contacts, renewals }: PreparedEntry): boolean {
  const counts = ({ renewal, waiting }: RenewedContact) => (waiting ? waiting.holds === 0 : renewal.whyNot === null);
  return contacts.length > 0 || renewals.some(counts);
}

/** The addresses of his active contacts that it does not name. */
function unnamed({ contacts, renewals }: PreparedEntry, member: MemberWithContacts | undefined): string[] {
  const named = new Set([...contacts, ...renewals].map(({ address }) => address));
  const others = (member?.contacts ?? []).filter(({ address, active }) => active === 1 && !named.has(address));
  return others.map(({ address }) => address);
}

/** Of the contacts that it names, with their own certificates. */
function unproved({ renewals }: PreparedEntry, member: MemberWithContacts | undefined): Step['vouched'] {
  const named = new Set(renewals.map(({ address }) => address));
  const waiting = (member?.contacts ?? []).filter(
    ({ address, active, proved_at }) => active === 1 && proved_at === null && named.has(address),
  );
  return waiting.map(({ id, address }) => ({ id, address }));
}

/** Whom it names, and a person has retired: an import brings nobody back. */
function retiredOf({ index, contacts, renewals }: PreparedEntry, member: MemberWithContacts | undefined): RosterProblem[] {
  const named = new Set([...contacts, ...renewals].map(({ address }) => address));
  const retired = (member?.contacts ?? []).filter(({ address, active }) => active === 0 && named.has(address));
  return retired.map(({ address }) => ({ entry: index, address, problem: `${address} is retired: reinstate him first` }));
}

function planLists({ lists }: Standing, entry: PreparedEntry): { ids: string[]; problems: RosterProblem[] } {
  const ids: string[] = [];
  const problems: RosterProblem[] = [];
  for (const address of entry.lists) {
    const list = lists.get(address);
    const tell = (problem: string) => problems.push({ entry: entry.index, address: null, problem });
    if (!list) tell(`There is no list ${address}; there are ${[...lists.keys()].join(', ')}`);
    else if (list.role === 'public') tell(`${address} is public: it has recipients, no members`);
    else ids.push(list.id);
  }
  return { ids, problems };
}

function planContacts(
  standing: Standing,
  entry: PreparedEntry,
  member: MemberWithContacts | undefined,
): { fresh: NewContact[]; problems: RosterProblem[] } {
  const fresh: NewContact[] = [];
  const problems: RosterProblem[] = [];
  for (const contact of entry.contacts) {
    const known = member?.contacts.find(({ address }) => address === contact.address);
    const problem = known
      ? otherCertificate(known.certificate?.fingerprint, contact)
      : (unfitAddress(standing, contact.address) ?? takenCertificate(standing.keys, contact.certificate, contact.address));
    if (problem !== undefined) problems.push({ entry: entry.index, address: contact.address, problem });
    else if (!known) fresh.push(contact);
  }
  return { fresh, problems };
}

function takenRenewals({ keys }: Standing, entry: number, renewals: readonly RenewedContact[]): RosterProblem[] {
  return renewals.flatMap(({ address, renewal }) => {
    const problem = takenCertificate(keys, renewal.facts, address);
    return problem === undefined ? [] : [{ entry, address, problem }];
  });
}

/** Of a contact who is there: his own certificate would be a renewal. */
function otherCertificate(current: string | undefined, { address, certificate }: NewContact): string | undefined {
  const has = current === undefined ? 'is there without a certificate' : `has the certificate ${current}`;
  return `${address} ${has}; ${certificate.fingerprint} is another one, and changing it is not an import's to do`;
}

/** A copy to an own list would go round, and one to a public address would tell the world. */
export function unfitAddress({ lists, owners, external }: Addresses, address: string): string | undefined {
  if (lists.has(readListAddress(address).list) || lists.has(address)) return 'The address is that of a list here';
  if (external.has(address)) return 'The address is an external public address';
  const owner = owners.get(address);
  return owner && `The address is a contact of "${owner}" already`;
}

/**
 * A signature must lead to one person: no key of a certificate, its primary key or a subkey, may be in another contact's.
 * `address`: whose it is, or is to be.
 */
export function takenCertificate(
  keys: HeldKeys,
  certificate: WithKeys,
  address: string,
  word: 'already' | 'too' = 'already',
): string | undefined {
  // The primary key is the first one: where the whole certificate is another's, that is said.
  for (const fingerprint of fingerprintsOf(certificate)) {
    const other = keys.get(fingerprint)?.find((holder) => holder !== address);
    if (other === undefined) continue;
    return fingerprint === certificate.fingerprint
      ? `The certificate ${fingerprint} is that of ${other} ${word}`
      : `The certificate ${certificate.fingerprint} holds the key ${fingerprint}, which belongs to another contact`;
  }
  return undefined;
}

/** Of every key that it holds, or says that it holds. */
export function fingerprintsOf({ keys, claimed }: WithKeys): string[] {
  return [...keys.map(({ fingerprint }) => fingerprint), ...claimed];
}

/** What a name looks like to who reads it; in another script it may look alike all the same. */
function likeness(organisation: string): string {
  return organisation.normalize('NFKC').toLowerCase().replace(/\s+/gu, ' ');
}

/** The names of organisations, by their likeness. */
export function likenesses(organisations: Iterable<string>): Map<string, string> {
  return new Map([...organisations].map((name) => [likeness(name), name]));
}

type Named = Pick<Member, 'organisation' | 'state'>;

/** Of organisations that keep theirs: anybody may have applied under a name that was rejected. */
export function takenNames(members: Iterable<Named>): string[] {
  return [...members].filter(({ state }) => state !== 'rejected').map(({ organisation }) => organisation);
}

/** Those that were rejected, by the likeness of their names. */
function rejectedAlike<M extends Named>(members: Iterable<M>): Map<string, M> {
  const rejected = [...members].filter(({ state }) => state === 'rejected');
  return new Map(rejected.map((member) => [likeness(member.organisation), member]));
}

/** Who is called that to the letter, or else was rejected under a name that reads the same: his place is free. */
export function callable<M extends Named>(members: readonly M[]): (organisation: string) => M | undefined {
  const [named, alike] = [new Map(members.map((one) => [one.organisation, one])), rejectedAlike(members)];
  return (organisation) => named.get(organisation) ?? alike.get(likeness(organisation));
}

/** Signs that nobody sees, or that turn what stands around them (UAX #9, UAX #44); halves of pairs, and what has no agreed meaning. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/** Why a new organisation may not be called that; undefined where it may. `names`: those that are there (`likenesses`). */
function unfitName(names: ReadonlyMap<string, string>, organisation: string): string | undefined {
  return malformedName(organisation) ?? nameTaken(names, organisation);
}

/** The name is not shown: it may be anything. */
export function malformedName(organisation: string): string | undefined {
  if (UNSEEN.test(organisation)) return 'The name of the organisation has signs that cannot be seen';
  if (organisation.includes('\ufffd'))
    return 'The name of the organisation has lost a letter (U+FFFD): it was read as UTF-8, and is not';
  if (!/[\p{L}\p{N}]/u.test(organisation)) return 'The name of the organisation has no letter and no digit';
  if (organisation !== organisation.trim()) return 'The name of the organisation begins or ends with a blank';
  if (organisation !== organisation.normalize('NFC'))
    return 'The name of the organisation is not in the normal form C of Unicode';
  return undefined;
}

/** What one that is there is refused that is to be called that instead; undefined where it may. `others`: all but it, in every state. */
export function unfitNewName(others: readonly Named[], organisation: string): Refusal | undefined {
  const malformed = malformedName(organisation);
  if (malformed !== undefined) return new Refusal('invalid', malformed);
  if (others.some((other) => other.organisation === organisation))
    return new Refusal('conflict', `There is another member "${organisation}"`);
  const taken = nameTaken(likenesses(takenNames(others)), organisation);
  return taken === undefined ? undefined : new Refusal('conflict', taken);
}

/** One that is there to the letter is the same, and told of otherwise. */
export function nameTaken(names: ReadonlyMap<string, string>, organisation: string): string | undefined {
  const other = names.get(likeness(organisation));
  return other === undefined || other === organisation ? undefined : `"${organisation}" reads as "${other}" does, which is there`;
}
