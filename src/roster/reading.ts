import type { Instant } from '../clock.ts';
import { abreast, FOR_ALL_THREADS } from '../pgp/abreast.ts';
import type { CertificateFacts } from '../pgp/certificate.ts';
import { primaryFingerprint } from '../pgp/certificate-bytes.ts';
import type { Pgp } from '../pgp/pool.ts';
import { Refusal } from '../refusal.ts';
import type { Certificate } from '../store/schema.ts';
import type { PlacedEntry, RosterProblem } from './entries.ts';
import type { PreparedEntry, ReadCertificate, RenewedContact, Standing } from './plan.ts';
import { waitingOf, waitsForPerson } from './renewal.ts';
import { shownWith, type Waiting } from './shown.ts';

/** What an import needs of OpenPGP. */
export type CertificateReader = Pick<Pgp, 'readCertificate' | 'hear' | 'readKnown' | 'renewCertificate' | 'usable'>;

export interface Reading {
  pgp: CertificateReader;
  now: Instant;
  /** Who is there: his own certificate that comes again is a renewal. */
  members: Standing['members'];
  /** What waits of their certificates, by certificate. */
  waiting: ReadonlyMap<string, Waiting>;
  /** What is known to be revoked of a certificate, by its fingerprint. */
  revocationsOf: (fingerprint: string) => Promise<Uint8Array[]>;
  /** Called with what each says that was read, and with those that could not be. */
  heard: (facts: CertificateFacts) => void;
  unread: (certificate: string) => void;
  /** What swaps the key that is encrypted to counts at once. */
  acceptChanged: boolean;
  /** How many certificates are done, of how many. */
  progress: (done: number, total: number) => void;
}

/** Reads every certificate, before any transaction is open. Contacts whose certificate cannot be used are problems, in order. */
export async function readCertificates(
  entries: readonly PlacedEntry[],
  reading: Reading,
): Promise<{ entries: PreparedEntry[]; problems: RosterProblem[] }> {
  const total = entries.reduce((sum, entry) => sum + entry.contacts.length, 0);
  let done = 0;
  const contacts = entries.flatMap((entry) => entry.contacts.map((contact) => ({ entry, contact })));
  const found = await abreast(contacts, FOR_ALL_THREADS, async ({ entry, contact }) => {
    const one = await readOne(contact, entry.organisation, reading);
    reading.progress(++done, total);
    return one;
  });

  const prepared = new Map(entries.map((entry) => [entry, empty(entry)]));
  const problems: RosterProblem[] = [];
  for (const [at, { entry, contact }] of contacts.entries()) {
    const [one, into] = [found[at], prepared.get(entry)];
    const { address, name } = contact;
    if (!one || !into) throw new Error('a certificate was not looked at');
    if ('problem' in one) problems.push({ entry: entry.index, address, problem: one.problem });
    else if ('renewal' in one) into.renewals.push({ address, ...one });
    else into.contacts.push({ address, name: name ?? null, certificate: one });
  }
  return { entries: [...prepared.values()], problems };
}

function empty({ index, organisation, product, lists, groups = [] }: PlacedEntry): PreparedEntry {
  const read = { contacts: [], renewals: [], lacks: false };
  return { index, organisation, product: product ?? null, lists, groups: [...new Set(groups)], ...read };
}

type Found = ReadCertificate | Omit<RenewedContact, 'address'> | { problem: string };

/** A certificate that is there already is never a problem: if it has come to be unusable, that is what has to be known. */
async function readOne(
  { address, certificate: armored }: PlacedEntry['contacts'][number],
  organisation: string,
  reading: Reading,
): Promise<Found> {
  const { pgp, now, members, revocationsOf, heard, unread } = reading;
  if (armored === undefined) return { problem: 'The certificate is missing' };
  const current = members.get(organisation)?.contacts.find((one) => one.address === address)?.certificate;
  try {
    const fingerprint = primaryFingerprint(armored);
    if (fingerprint === current?.fingerprint) return await renewed(current, armored, reading);
    const certificate = await pgp.readKnown(armored, await revocationsOf(fingerprint));
    heard(certificate);
    const state = await pgp.usable(certificate.data, now);
    return state.usable ? certificate : { problem: `The certificate ${certificate.fingerprint} cannot be used: ${state.reason}` };
  } catch (error) {
    unread(armored);
    // `busy` says nothing about the certificate.
    if (error instanceof Refusal && error.reason !== 'busy') return { problem: error.message };
    throw error;
  }
}

async function renewed(
  certificate: Certificate,
  newer: string,
  { pgp, now, waiting: all, acceptChanged, revocationsOf, heard }: Reading,
): Promise<Omit<RenewedContact, 'address'>> {
  const { version, waiting: was } = shownWith(certificate, all.get(certificate.id));
  const copies = await revocationsOf(certificate.fingerprint);
  const renewal = await pgp.renewCertificate(certificate.data, newer, now, copies);
  heard(renewal.revoked);
  if (acceptChanged || !waitsForPerson(certificate, renewal))
    return { certificate, renewal, isNew: renewal.changed, waiting: null, version };
  // What waits already is not exchanged for something else: the two wait together.
  const together = was ? await pgp.renewCertificate(was.data, newer, now, copies) : renewal;
  const waiting = waitingOf(renewal, together.facts.data, was);
  return { certificate, renewal, isNew: renewal.changed && together.changed, waiting, version };
}
