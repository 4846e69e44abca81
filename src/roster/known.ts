import type { Deed } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import type { Instant } from '../clock.ts';
import type { Log } from '../log.ts';
import { abreast, FOR_ALL_THREADS } from '../pgp/abreast.ts';
import type { CertificateFacts, Usable } from '../pgp/certificate.ts';
import { fingerprintOfKept, primaryFingerprint } from '../pgp/certificate-bytes.ts';
import type { Pgp } from '../pgp/pool.ts';
import type { Renewal } from '../pgp/renewal.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as certificates from '../store/certificates.ts';
import type { Certificate } from '../store/schema.ts';

type Knowing = Pick<Seams, 'db' | 'pgp' | 'clock'>;
type Reading = Pick<Seams, 'db'> & { pgp: Pick<Pgp, 'readKnown'> };
type Laying = Pick<Seams, 'db'> & { pgp: Pick<Pgp, 'layRevocations'> };

/**
 * As `pgp.readCertificate`, with what every copy that was ever kept revoked. What was known once holds for good: whoever brings a copy
 * without it, and whosever the certificate was before. Throws Refusal `unusable-certificate`, also where it is too large with what is known.
 */
export async function readKnown({ db, pgp }: Reading, newer: string | Uint8Array): Promise<CertificateFacts> {
  return pgp.readKnown(newer, await copiesKnown(db, primaryFingerprint(newer)));
}

/**
 * Kept certificates, in their order, with what is known to be revoked of them, from whatever copy: until it is laid over all of them
 * (`catchingUp`) some may lack it, and so does what was read before that was done. Null: with that it is too large to be kept.
 */
export async function withRevoked({ db, pgp }: Laying, kept: readonly Uint8Array[]): Promise<(Uint8Array | null)[]> {
  const named = kept.map((data) => ({ fingerprint: fingerprintOrNone(data), data }));
  const whole = await certificates.wholeCopies(db, named);
  if (whole.size === 0) return [...kept];
  return Promise.all(
    named.map(async ({ fingerprint, data }) => {
      const copies = whole.get(fingerprint);
      if (!copies || copies.some((copy) => Buffer.compare(copy, data) === 0)) return data;
      return (await laid({ db, pgp }, { fingerprint, data }, 'own'))?.facts.data ?? null;
    }),
  );
}

type Hearing = Pick<Seams, 'db' | 'clock' | 'by'> & { pgp: Pick<Pgp, 'hear'> };

/** In one transaction. */
const HEARD_AT_ONCE = 200;

/**
 * Remembers what certificates that somebody brings say to be revoked, whatever becomes of the rest: whoever brings one for another address, or one that is
 * refused, has said it all the same, also where no copy of it is kept yet. The duty lays it over those that are.
 */
export async function hearAll({ pgp, ...seams }: Hearing, brought: readonly (string | Uint8Array)[]): Promise<void> {
  const said = await abreast([...new Set(brought)], FOR_ALL_THREADS, (one) =>
    pgp.hear(one).catch((error: unknown) => {
      if (error instanceof Refusal && error.reason !== 'busy') return null;
      throw error;
    }),
  );
  await hearRevocations(
    seams,
    said.filter((one) => one !== null),
  );
}

type Said = Pick<CertificateFacts, 'fingerprint' | 'revocations'>;

export async function hearRevocations({ db, clock, by }: Omit<Hearing, 'pgp'>, brought: readonly Said[]): Promise<void> {
  const saying = brought.filter(({ revocations }) => revocations.length > 0);
  for (let from = 0; from < saying.length; from += HEARD_AT_ONCE)
    await db.transaction().execute(async (trx) => {
      // Nobody else who hears or takes over writes the same words meanwhile, in another order.
      await certificates.lockHolders(trx);
      const deeds: Deed[] = [];
      for (const said of saying.slice(from, from + HEARD_AT_ONCE))
        if (await certificates.hear(trx, said))
          deeds.push({ action: 'certificate.hear', subject: `fingerprint:${said.fingerprint}` });
      // By themselves: what was asked for is not done by this, and is asked for again where it was not.
      await record(trx, { clock, by }, ...deeds);
    });
}

/** What is known to be revoked of a certificate, as `pgp.readKnown` and `pgp.renewCertificate` take it. */
export async function copiesKnown(db: Seams['db'], fingerprint: string): Promise<Uint8Array[]> {
  return (await certificates.revocationsOf(db, fingerprint)).map(({ data }) => data);
}

/** One that is kept, and the words that it has then. Null: with that it is too large to be kept. */
async function laid(
  { db, pgp }: Laying,
  { fingerprint, data }: { fingerprint: string; data: Uint8Array },
  on: 'own' | 'strangers',
): Promise<{ facts: CertificateFacts; words: string[] } | null> {
  const known = await certificates.revocationsOf(db, fingerprint);
  const copies = known.map((one) => one.data);
  try {
    return { facts: await pgp.layRevocations(data, copies, on), words: known.map(({ word }) => word) };
  } catch (error) {
    if (error instanceof Refusal && error.reason === 'unusable-certificate') return null;
    throw error;
  }
}

/** Of those that are looked at each time. */
const MOST_AT_ONCE = 200;

/**
 * Lays what became known to be revoked, by one copy of a certificate, over the others: each time over the next ones, and from the beginning
 * again. What cannot be kept with it stays behind, and is never encrypted to. Queues nothing: gives false.
 */
export function catchingUp(seams: Pick<Seams, 'db' | 'pgp' | 'clock' | 'by'>, log: Pick<Log, 'warn'>): () => Promise<false> {
  let after = '';
  return async () => {
    const next = await certificates.behind(seams.db, { limit: MOST_AT_ONCE, after });
    after = next.length < MOST_AT_ONCE ? '' : (next.at(-1)?.id ?? '');
    let left = 0;
    for (const certificate of next) {
      const done = await catchUp(seams, certificate).catch((error: unknown) => {
        log.warn({ err: error, certificate: certificate.id }, 'a certificate could not be laid together with what it revokes');
        return false;
      });
      if (!done) left += 1;
    }
    if (left > 0) log.warn({ certificates: left }, 'certificates lack what is known to be revoked of them');
    return false;
  };
}

async function catchUp(seams: Pick<Seams, 'db' | 'pgp' | 'clock' | 'by'>, certificate: Certificate): Promise<boolean> {
  // Of what came with their mails strangers may make any number, each as costly as they can.
  const known = await laid(seams, certificate, certificate.state === 'mail' ? 'strangers' : 'own');
  if (known === null) return false;
  await seams.db.transaction().execute(async (trx) => {
    await certificates.catchUp(trx, certificate, known.facts, known.words);
    const { id, fingerprint } = certificate;
    await record(trx, seams, { action: 'certificate.catch-up', subject: `certificate:${id}`, detail: { fingerprint } });
  });
  return true;
}

/** As `pgp.usable` of one that is kept, with what is known to be revoked of it. */
export async function usableKept(
  { db, pgp }: Laying & { pgp: Pick<Pgp, 'usable'> },
  kept: Uint8Array,
  at: Instant,
): Promise<Usable> {
  const [data] = await withRevoked({ db, pgp }, [kept]);
  return data ? pgp.usable(data, at) : { usable: false, reason: 'unreadable' };
}

/** The same certificate with what is known to be revoked of it; without octets where it is too large with that. */
export async function asKnown<Kept extends { data: Uint8Array }>(seams: Laying, kept: Kept): Promise<Kept> {
  const [data] = await withRevoked(seams, [kept.data]);
  return { ...kept, data: data ?? new Uint8Array() };
}

/** Empty for what is no certificate any more: whoever seals to it says so. */
function fingerprintOrNone(data: Uint8Array): string {
  try {
    return fingerprintOfKept(data) ?? '';
  } catch {
    return '';
  }
}

/** As `pgp.renewCertificate` of one that is kept, with what is known to be revoked of it. */
export async function renewKnown(
  { db, pgp, clock }: Knowing,
  own: { fingerprint: string; data: Uint8Array },
  newer: string | Uint8Array,
): Promise<Renewal> {
  return pgp.renewCertificate(own.data, newer, clock.now(), await copiesKnown(db, own.fingerprint));
}
