import { abreast, FOR_ALL_THREADS } from '../pgp/abreast.ts';
import { armorCertificate } from '../pgp/certificate.ts';
import type { LooseCertificate } from '../pgp/certificate-bytes.ts';
import { Refusal } from '../refusal.ts';
import type { Local } from '../seams.ts';
import * as lists from '../store/lists.ts';
import * as members from '../store/members.ts';
import type { RosterEntry, RosterProblem } from './entries.ts';
import { type ImportOptions, type ImportReport, importRoster } from './import.ts';
import { hearAll } from './known.ts';
import { listsWithMembers } from './members.ts';
import { asFound } from './plan.ts';
import type { CertificateReader } from './reading.ts';
import { isCandidate } from './state.ts';
import {
  byPrimary,
  distinct,
  type FoundSubscription,
  type Organisations,
  type Remark,
  type Subscriber,
  subscribersOf,
} from './subscribers.ts';

export interface SchleuderReport extends Omit<ImportReport, 'problems' | 'leftOut'> {
  /** Who was not taken over, and why. */
  leftOut: Remark[];
  /** What should be looked at in those who were. */
  notes: Remark[];
}

export interface SchleuderSource {
  subscriptions: readonly FoundSubscription[];
  organisations: Organisations;
  /** All that the homes of the lists have of the certificates of subscribers, and of those that are here. */
  certificates: readonly LooseCertificate[];
}

interface SchleuderSeams extends Local {
  pgp: CertificateReader;
}

/**
 * Takes over those who are subscribed to lists of Schleuder, as contacts of the members that their organisations become, by the
 * same move as any roster. Who cannot be taken over is left out and told of. What the homes know of a certificate that is here counts
 * in any case, as it does by any roster, also where its owner is left out, or has another key or no subscription there by now: a
 * revocation that is not taken up is written to. Throws Refusal('invalid') where a list here is none that has members, and what
 * `importRoster` throws.
 */
export async function importSchleuder(
  seams: SchleuderSeams,
  { subscriptions, organisations, certificates }: SchleuderSource,
  options: Pick<ImportOptions, 'activate' | 'tell' | 'dryRun' | 'acceptChanged' | 'progress'>,
): Promise<SchleuderReport> {
  await listsWithMembers(seams.db, [...new Set(subscriptions.map(({ to }) => to))]);
  const found = subscribersOf(subscriptions, organisations);
  const staying = await withoutSuspended(seams, found.subscribers);
  const known = await withoutWider(seams, staying.subscribers);
  const copies = await withOneCopy(seams, known.subscribers);
  const entries = entriesOf(copies.subscribers);
  const listening = listenFor(seams.pgp);
  const report = await importRoster({ ...seams, pgp: listening.pgp }, entries, { ...options, leaveOut: true });
  const { problems: _none, leftOut = [], ...rest } = report;
  const refused = remarksOn(entries, leftOut);
  const out = [...found.leftOut, ...staying.leftOut, ...known.leftOut, ...copies.leftOut, ...refused];
  const gone = new Set(out.map(addressOf));
  const turnedAway = new Set(refused.map(addressOf));
  const taken = new Set(copies.subscribers.map(addressOf).filter((address) => !turnedAway.has(address)));
  const kept = await renewThoseHere(seams, certificates, taken, options);
  if (!options.dryRun)
    await hearAll(
      seams,
      certificates.map(({ data }) => data),
    );
  const unnamed = copies.subscribers.flatMap((one) => {
    const named = listening.addresses.get(one.fingerprint);
    return named && !named.includes(one.address) ? [notNamed(one)] : [];
  });
  return {
    ...rest,
    renewed: rest.renewed + kept.renewed,
    waiting: rest.waiting + kept.waiting,
    renewals: [...rest.renewals, ...kept.renewals],
    leftOut: [...out, ...kept.leftOut.filter((one) => !out.some(sameRemark(one)))],
    notes: [...found.notes, ...unnamed].filter((one) => !gone.has(addressOf(one))),
  };
}

const addressOf = ({ address }: Pick<Remark, 'address'>) => address?.toLowerCase();
const sameRemark = (one: Remark) => (other: Remark) => one.address === other.address && one.remark === other.remark;

/** Of contacts here who are not `taken` over: certificates that are theirs already, and nothing else; nobody is added to, or activated. */
async function renewThoseHere(
  seams: SchleuderSeams,
  certificates: readonly LooseCertificate[],
  taken: ReadonlySet<string | undefined>,
  options: Pick<ImportOptions, 'dryRun' | 'acceptChanged'>,
): Promise<Pick<SchleuderReport, 'renewed' | 'waiting' | 'renewals' | 'leftOut'>> {
  const copies = await withOneCopy(seams, await contactsWith(seams, certificates, taken));
  const entries = entriesOf(copies.subscribers);
  const { dryRun, acceptChanged = false } = options;
  const report = await importRoster(seams, entries, { activate: null, dryRun, acceptChanged, leaveOut: true });
  return { ...report, leftOut: [...copies.leftOut, ...remarksOn(entries, report.leftOut ?? [])] };
}

/** As subscribers for no list, by the organisations that they are of here. */
async function contactsWith(
  { db }: Local,
  certificates: readonly LooseCertificate[],
  taken: ReadonlySet<string | undefined>,
): Promise<Subscriber[]> {
  const held = byPrimary(certificates);
  const people = (await members.all(db))
    .map(asFound)
    .flatMap(({ organisation, contacts }) => contacts.map((contact) => ({ ...contact, organisation })));
  return people.flatMap(({ organisation, address, active, certificate }) => {
    if (!certificate || active === 0 || taken.has(address)) return [];
    const { fingerprint } = certificate;
    const copies = distinct(held.get(fingerprint) ?? []);
    return copies.length === 0 ? [] : [{ address, organisation, lists: [], fingerprint, copies }];
  });
}

function notNamed({ address, fingerprint }: Subscriber): Remark {
  return { list: null, address, remark: `the certificate ${fingerprint} does not name that address: is it his?` };
}

/** He stays as he is, whatever his home says. */
async function withoutSuspended(
  { db }: Local,
  subscribers: readonly Subscriber[],
): Promise<{ subscribers: Subscriber[]; leftOut: Remark[] }> {
  const suspended = new Set(
    (await members.named(db)).flatMap(({ organisation, state }) => (state === 'suspended' ? [organisation] : [])),
  );
  const stays = ({ organisation }: Subscriber) => suspended.has(organisation);
  return {
    subscribers: subscribers.filter((one) => !stays(one)),
    leftOut: subscribers.filter(stays).map(({ address, organisation }) => ({
      list: null,
      address,
      remark: `"${organisation}" is in the state suspended: an import changes nothing about that`,
    })),
  };
}

/** A member who is there, on other lists: whoever is added would get those as well, or he these. */
async function withoutWider(
  { db }: Local,
  subscribers: readonly Subscriber[],
): Promise<{ subscribers: Subscriber[]; leftOut: Remark[] }> {
  const addresses = new Map((await lists.all(db)).map(({ id, address }) => [id, address]));
  // What was rejected is on no list by that, and neither is who has applied: whether he is joined is for the import to say.
  const placed = (await members.all(db)).filter(
    ({ state, lists: ids }) => state !== 'rejected' && !(isCandidate(state) && ids.length === 0),
  );
  const there = new Map(
    placed.map(({ organisation, lists: ids }) => [organisation, ids.map((id) => addresses.get(id) ?? id).sort()]),
  );
  const differs = ({ organisation, lists: own }: Subscriber) => (there.get(organisation) ?? own).join(' ') !== own.join(' ');
  return {
    subscribers: subscribers.filter((one) => !differs(one)),
    leftOut: subscribers.filter(differs).map(({ address, organisation, lists: own }) => ({
      list: null,
      address,
      remark: `is for ${own.join(', ')}, and "${organisation}" is here on other lists: ${there.get(organisation)?.join(', ') || 'none'}`,
    })),
  };
}

async function withOneCopy(
  seams: SchleuderSeams,
  subscribers: readonly Subscriber[],
): Promise<{ subscribers: Subscriber[]; leftOut: Remark[] }> {
  const found = await abreast(subscribers, FOR_ALL_THREADS, (one) => oneCopy(seams, one));
  return {
    subscribers: found.flatMap((one) => ('remark' in one ? [] : [one])),
    leftOut: found.flatMap((one) => ('remark' in one ? [one] : [])),
  };
}

/** What the homes of several lists know of a certificate is laid together, so that no revocation is lost. */
async function oneCopy({ pgp, clock }: SchleuderSeams, subscriber: Subscriber): Promise<Subscriber | Remark> {
  const [first, ...others] = subscriber.copies;
  if (!first || others.length === 0) return subscriber;
  try {
    let { data } = await pgp.readCertificate(first);
    for (const other of others) data = (await pgp.renewCertificate(data, other, clock.now())).facts.data;
    return { ...subscriber, copies: [data] };
  } catch (error) {
    if (!(error instanceof Refusal) || error.reason === 'busy') throw error;
    return { list: null, address: subscriber.address, remark: error.message };
  }
}

function entriesOf(subscribers: readonly Subscriber[]): RosterEntry[] {
  const entries = new Map<string, RosterEntry>();
  for (const { address, organisation, lists: own, copies } of subscribers) {
    const entry = entries.get(organisation) ?? { organisation, lists: own, contacts: [] };
    entries.set(organisation, entry);
    for (const data of copies) entry.contacts.push({ address, certificate: armorCertificate(data) });
  }
  return [...entries.values()];
}

/** An entry that is left out is told of by each of its contacts of whom nothing else is told. */
function remarksOn(entries: readonly RosterEntry[], problems: readonly RosterProblem[]): Remark[] {
  const told = new Set(problems.map(({ entry, address }) => `${entry} ${address?.toLowerCase()}`));
  return problems.flatMap(({ entry, address, problem: remark }) => {
    if (address !== null || entry === null) return [{ list: null, address, remark }];
    const others = (entries[entry]?.contacts ?? []).filter((contact) => !told.has(`${entry} ${addressOf(contact)}`));
    return others.map((contact) => ({ list: null, address: contact.address, remark }));
  });
}

/** Remembers what addresses each certificate names, as it is read. */
function listenFor(pgp: CertificateReader): { pgp: CertificateReader; addresses: Map<string, string[]> } {
  const addresses = new Map<string, string[]>();
  const heard = (facts: Awaited<ReturnType<CertificateReader['readCertificate']>>) => {
    addresses.set(facts.fingerprint, facts.addresses);
    return facts;
  };
  return {
    addresses,
    pgp: {
      usable: (...asked) => pgp.usable(...asked),
      readCertificate: async (input) => heard(await pgp.readCertificate(input)),
      hear: (input) => pgp.hear(input),
      readKnown: async (...asked) => heard(await pgp.readKnown(...asked)),
      renewCertificate: async (...asked) => {
        const renewal = await pgp.renewCertificate(...asked);
        heard(renewal.facts);
        return renewal;
      },
    },
  };
}
