import { PostgresAdapter, sql } from 'kysely';
import type { Instant } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import { OUT } from '../roster/state.ts';
import type { Db } from './database.ts';
import { type PageOf, portions } from './rows.ts';
import type { Certificate, MemberState, Schema } from './schema.ts';

/** A key of a certificate: the primary one or a subkey. Upper-case hex. */
export interface CertificateKey {
  fingerprint: string;
  keyId: string;
}

/** What is kept of a certificate beside its octets. */
export interface Said {
  /** All its keys. */
  keys: readonly CertificateKey[];
  /** What it revokes: a word by what it says, and a copy of the certificate that says it, binary. */
  revocations: readonly { word: string; data: Uint8Array }[];
}

/**
 * Writes a certificate with all its keys and what it revokes, in the caller's transaction.
 * Throws Refusal('conflict') where the contact has this certificate, or has a current one and this is to be current.
 */
export async function insert(db: Db, certificate: Certificate, said: Said): Promise<void> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('certificates')
    .values(certificate)
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  if (!numInsertedOrUpdatedRows)
    throw new Refusal('conflict', `The contact has the certificate ${certificate.fingerprint}, or another current one`);
  await insertKeys(db, certificate.id, said.keys);
  const { id, fingerprint } = certificate;
  await remember(db, [{ id, fingerprint, revocations: said.revocations }]);
}

/** Many at once, as `insert` does. Throws Refusal('conflict') where it would for one of them. */
export async function insertAll(db: Db, certificates: readonly { certificate: Certificate; said: Said }[]): Promise<void> {
  for (const some of portions(certificates)) {
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('certificates')
      .values(some.map(({ certificate }) => certificate))
      .onConflict((oc) => oc.doNothing())
      .executeTakeFirst();
    if (numInsertedOrUpdatedRows !== BigInt(some.length))
      throw new Refusal('conflict', 'One of the contacts has this certificate, or another current one');
  }
  for (const some of portions(certificates.flatMap(({ certificate, said }) => keyRows(certificate.id, said.keys))))
    await db.insertInto('certificate_keys').values(some).execute();
  await remember(
    db,
    certificates.map(({ certificate: { id, fingerprint }, said: { revocations } }) => ({ id, fingerprint, revocations })),
  );
}

/**
 * Keeps a certificate that came with a mail: it can be written to, and proves nobody.
 * The returned row is the one that was there where the same octets came before.
 */
export async function insertFromMail(
  db: Db,
  certificate: Omit<Certificate, 'state' | 'contact_id'>,
  said: Said,
): Promise<Certificate> {
  const known = await db
    .selectFrom('certificates')
    .selectAll()
    .where('fingerprint', '=', certificate.fingerprint)
    .where('state', '=', 'mail')
    .where('data', '=', certificate.data)
    .executeTakeFirst();
  if (known) return known;
  const row: Certificate = { ...certificate, contact_id: null, state: 'mail' };
  await insert(db, row, said);
  return row;
}

/**
 * Puts what a certificate says now in the place of what it said, with all its keys and what it revokes, in the caller's transaction.
 * Throws Refusal('conflict') where it is not `was` any more: somebody else renewed it meanwhile.
 */
export async function renew(
  db: Db,
  { id, fingerprint, data: was }: Pick<Certificate, 'id' | 'fingerprint' | 'data'>,
  { data, ...said }: Said & { data: Uint8Array },
): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('certificates')
    .set({ data })
    .where('id', '=', id)
    .where('data', '=', was)
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) throw new Refusal('conflict', 'The certificate was renewed meanwhile: try again');
  await db.deleteFrom('certificate_keys').where('certificate_id', '=', id).execute();
  await insertKeys(db, id, said.keys);
  await remember(db, [{ id, fingerprint, revocations: said.revocations }]);
}

/** Remembers what is revoked of a certificate, whatever becomes of the copy that says so. Whether any of it was not known. */
export async function hear(db: Db, said: Pick<Saying, 'fingerprint' | 'revocations'>): Promise<boolean> {
  const known = new Set((await revocationsOf(db, said.fingerprint)).map(({ word }) => word));
  await learn(db, [said]);
  return said.revocations.some(({ word }) => !known.has(word));
}

/** For good, and found by the primary key alone: whatever becomes of the copy that it came with, and of whose that is. */
async function remember(db: Db, said: readonly Saying[]): Promise<void> {
  await learn(db, said);
  await setLaid(
    db,
    said.flatMap(({ id, revocations }) => revocations.map(({ word }) => ({ certificate_id: id, word }))),
  );
}

async function learn(db: Db, said: readonly Pick<Saying, 'fingerprint' | 'revocations'>[]): Promise<void> {
  const rows = said.flatMap(({ fingerprint, revocations }) => revocations.map((one) => ({ fingerprint, ...one })));
  // In one order: whoever writes the same words waits for this, and never this for him.
  rows.sort((one, other) => (orderOf(one) < orderOf(other) ? -1 : 1));
  for (const some of portions(rows))
    await db
      .insertInto('revocations')
      .values(some.map(({ fingerprint, word, data }) => ({ fingerprint, word, data })))
      .onConflict((oc) => oc.doNothing())
      .execute();
}

function orderOf({ fingerprint, word }: { fingerprint: string; word: string }): string {
  return `${fingerprint} ${word}`;
}

type Saying = Pick<Certificate, 'id' | 'fingerprint'> & Pick<Said, 'revocations'>;

async function setLaid(db: Db, rows: readonly Schema['revocations_laid'][]): Promise<void> {
  for (const some of portions(rows))
    await db
      .insertInto('revocations_laid')
      .values(some)
      .onConflict((oc) => oc.doNothing())
      .execute();
}

/**
 * A certificate is behind where a word is known of it that was not laid over it. That is asked, and written nowhere: whoever learns a word
 * need not know of the copies that others write at the same time, nor they of it.
 */
function copiesBehind(db: Db) {
  return db
    .selectFrom('revocations')
    .innerJoin('certificates', 'certificates.fingerprint', 'revocations.fingerprint')
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('revocations_laid')
            .select('revocations_laid.word')
            .whereRef('revocations_laid.certificate_id', '=', 'certificates.id')
            .whereRef('revocations_laid.word', '=', 'revocations.word'),
        ),
      ),
    );
}

/** Certificates that lack what is known to be revoked of them, in the order of their ids. */
export async function behind(db: Db, { limit, after }: PageOf): Promise<Certificate[]> {
  return db
    .selectFrom('certificates')
    .selectAll()
    .where('id', 'in', copiesBehind(db).select('certificates.id'))
    .where('id', '>', after ?? '')
    .orderBy('id')
    .limit(limit)
    .execute();
}

/** Of those of these copies of which anything is known to be revoked, by their fingerprints, the ones over which all of it was laid. */
export async function wholeCopies(
  db: Db,
  kept: readonly { fingerprint: string; data: Uint8Array }[],
): Promise<Map<string, Uint8Array[]>> {
  const whole = new Map<string, Uint8Array[]>();
  for (const some of portions(kept)) {
    const fingerprints = [...new Set(some.map(({ fingerprint }) => fingerprint))];
    const known = await db
      .selectFrom('revocations')
      .select('fingerprint')
      .distinct()
      .where('fingerprint', 'in', fingerprints)
      .execute();
    if (known.length === 0) continue;
    const asked = new Set(known.map(({ fingerprint }) => fingerprint));
    for (const fingerprint of asked) if (!whole.has(fingerprint)) whole.set(fingerprint, []);
    const octets = some.filter(({ fingerprint }) => asked.has(fingerprint)).map(({ data }) => Buffer.from(data));
    const copies = await db
      .selectFrom('certificates')
      .select(['fingerprint', 'data'])
      .where('fingerprint', 'in', [...asked])
      // Strangers may have sent any number of others.
      .where('data', 'in', octets)
      .where(
        'id',
        'not in',
        copiesBehind(db)
          .select('certificates.id')
          .where('revocations.fingerprint', 'in', [...asked]),
      )
      .execute();
    for (const { fingerprint, data } of copies) whole.get(fingerprint)?.push(data);
  }
  return whole;
}

/**
 * Puts what a certificate says with what is known to be revoked of it in its place. `laid`: the words of that, and no other: what became
 * known meanwhile is still to be laid. Throws Refusal('conflict') where it is not `was` any more.
 */
export async function catchUp(
  db: Db,
  was: Certificate,
  facts: Said & { data: Uint8Array },
  laid: readonly string[],
): Promise<void> {
  await renew(db, was, facts);
  await setLaid(
    db,
    laid.map((word) => ({ certificate_id: was.id, word })),
  );
}

/** What is known to be revoked of a certificate: a word, and a binary copy of it of which the revocations count and nothing else. */
export async function revocationsOf(db: Db, fingerprint: string): Promise<{ word: string; data: Uint8Array }[]> {
  return db.selectFrom('revocations').select(['word', 'data']).where('fingerprint', '=', fingerprint).orderBy('word').execute();
}

/** A key and the contact whose certificate, in whatever state, holds it. */
export interface HeldKey {
  fingerprint: string;
  contactId: string;
  /** Of the contact. */
  address: string;
  /** Of the certificate. */
  state: Certificate['state'];
}

/**
 * Every key of every contact's certificates, but for members who are out, and for contacts who are retired and have proved nothing: anybody
 * may have named them. Of `among`, upper-case hex, where that is given.
 */
export async function heldKeys(db: Db, among?: readonly string[]): Promise<HeldKey[]> {
  const query = db
    .selectFrom('certificate_keys')
    .innerJoin('certificates', 'certificates.id', 'certificate_keys.certificate_id')
    .innerJoin('contacts', 'contacts.id', 'certificates.contact_id')
    .innerJoin('members', 'members.id', 'contacts.member_id')
    .select(['certificate_keys.fingerprint', 'contacts.id as contactId', 'contacts.address', 'certificates.state'])
    .where('members.state', 'not in', OUT)
    .where((eb) => eb.or([eb('contacts.active', '=', 1), eb('contacts.proved_at', 'is not', null)]));
  if (among?.length === 0) return [];
  return await (among === undefined ? query : query.where('certificate_keys.fingerprint', 'in', among)).execute();
}

/**
 * Until the transaction ends, no other one gets past its own call: who has a key is looked up and written under it. First in its
 * transaction, as whoever waits for it must hold nothing. SQLite's transactions are alone anyhow.
 */
export async function lockHolders(trx: Db): Promise<void> {
  if (trx.getExecutor().adapter instanceof PostgresAdapter) await sql`select pg_advisory_xact_lock(${HOLDERS})`.execute(trx);
}

/** Any number that nothing else locks. */
const HOLDERS = 1;

async function insertKeys(db: Db, certificateId: string, keys: readonly CertificateKey[]): Promise<void> {
  if (keys.length === 0) return;
  await db.insertInto('certificate_keys').values(keyRows(certificateId, keys)).execute();
}

function keyRows(certificateId: string, keys: readonly CertificateKey[]): Schema['certificate_keys'][] {
  return keys.map(({ fingerprint, keyId }) => ({
    certificate_id: certificateId,
    fingerprint: fingerprint.toUpperCase(),
    key_id: keyId.toUpperCase(),
  }));
}

/** All keys of one, but for those that it only claims. */
export async function keysOf(db: Db, id: string): Promise<CertificateKey[]> {
  return await db
    .selectFrom('certificate_keys')
    .select(['fingerprint', 'key_id as keyId'])
    .where('certificate_id', '=', id)
    .execute();
}

export async function byId(db: Db, id: string): Promise<Certificate | undefined> {
  return await db.selectFrom('certificates').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Until the transaction ends, no other one gets past its own call for that certificate (as `lists.lock`). */
export async function lock(trx: Db, id: string): Promise<void> {
  await trx
    .updateTable('certificates')
    .set((eb) => ({ state: eb.ref('state') }))
    .where('id', '=', id)
    .execute();
}

/** The one certificate of a contact that copies are sealed to and that credits him with his signatures. */
export async function current(db: Db, contactId: string): Promise<Certificate | undefined> {
  return await db
    .selectFrom('certificates')
    .selectAll()
    .where('contact_id', '=', contactId)
    .where('state', '=', 'current')
    .executeTakeFirst();
}

/** Fingerprints of the current ones of these contacts, by contact. */
export async function currentFingerprints(db: Db, contactIds: readonly string[]): Promise<Map<string | null, string>> {
  if (contactIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('certificates')
    .select(['contact_id', 'fingerprint'])
    .where('contact_id', 'in', contactIds)
    .where('state', '=', 'current')
    .execute();
  return new Map(rows.map(({ contact_id, fingerprint }) => [contact_id, fingerprint]));
}

/**
 * A proposed certificate becomes the current one, and the current one is retired; in the caller's transaction.
 * Throws Refusal('conflict') where it is not proposed any more.
 */
export async function promote(db: Db, contactId: string, id: string): Promise<void> {
  const ofContact = db.updateTable('certificates').where('contact_id', '=', contactId);
  await ofContact.set({ state: 'retired' }).where('state', '=', 'current').execute();
  const { numUpdatedRows } = await ofContact
    .set({ state: 'current' })
    .where('id', '=', id)
    .where('state', '=', 'proposed')
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) throw new Refusal('conflict', 'The certificate was changed meanwhile: read it again');
}

/**
 * Those whose keys `heldKeys` passes over that hold one of these, upper-case hex: a signature leads to one person. `contactId`: who is to have
 * them, and keeps his own.
 */
export async function retireUnheld(db: Db, fingerprints: readonly string[], contactId?: string): Promise<Retired[]> {
  const retired: Retired[] = [];
  for (const some of portions(fingerprints)) {
    const rows = await db
      .updateTable('certificates')
      .set({ state: 'retired' })
      .where('state', 'in', ['current', 'proposed'])
      .where('id', 'in', (eb) =>
        eb
          .selectFrom('certificate_keys')
          .innerJoin('certificates as held', 'held.id', 'certificate_keys.certificate_id')
          .innerJoin('contacts', 'contacts.id', 'held.contact_id')
          .innerJoin('members', 'members.id', 'contacts.member_id')
          .select('certificate_keys.certificate_id')
          .where('certificate_keys.fingerprint', 'in', some)
          .where('contacts.id', '!=', contactId ?? '')
          .where((where) =>
            where.or([
              where('members.state', 'in', OUT),
              where.and([where('contacts.active', '=', 0), where('contacts.proved_at', 'is', null)]),
            ]),
          ),
      )
      .returning(['id', 'contact_id', 'fingerprint'])
      .execute();
    retired.push(...rows.flatMap(toRetired));
  }
  return retired;
}

/** All that are current or proposed of these contacts. */
export async function retireOfContacts(db: Db, contactIds: readonly string[]): Promise<Retired[]> {
  const retired: Retired[] = [];
  for (const some of portions(contactIds)) {
    const rows = await db
      .updateTable('certificates')
      .set({ state: 'retired' })
      .where('state', 'in', ['current', 'proposed'])
      .where('contact_id', 'in', some)
      .returning(['id', 'contact_id', 'fingerprint'])
      .execute();
    retired.push(...rows.flatMap(toRetired));
  }
  return retired;
}

function toRetired({ id, contact_id, fingerprint }: Pick<Certificate, 'id' | 'contact_id' | 'fingerprint'>): Retired[] {
  return contact_id === null ? [] : [{ id, contactId: contact_id, fingerprint }];
}

/** A certificate that counts no more, of a contact. */
export interface Retired {
  id: string;
  contactId: string;
  fingerprint: string;
}

/** One that was retired waits for a person again. */
export async function propose(db: Db, id: string): Promise<void> {
  await db.updateTable('certificates').set({ state: 'proposed' }).where('id', '=', id).where('state', '=', 'retired').execute();
}

/** One that is not wanted, or not any more. */
export async function retire(db: Db, id: string): Promise<void> {
  await db.updateTable('certificates').set({ state: 'retired' }).where('id', '=', id).execute();
}

/** All of a contact, in every state, in the order of their making. */
export async function ofContact(db: Db, contactId: string): Promise<Certificate[]> {
  return await db.selectFrom('certificates').selectAll().where('contact_id', '=', contactId).orderBy('id').execute();
}

/** That which a contact of a member has at that address (lower case), in whatever state it is. */
export async function ofAddress(
  db: Db,
  { memberId, address, fingerprint }: { memberId: string | null; address: string; fingerprint: string },
): Promise<Certificate | undefined> {
  return await db
    .selectFrom('certificates')
    .innerJoin('contacts', 'contacts.id', 'certificates.contact_id')
    .selectAll('certificates')
    .where('contacts.member_id', '=', memberId ?? '')
    .where('contacts.address', '=', address)
    .where('certificates.fingerprint', '=', fingerprint)
    .executeTakeFirst();
}

/** As `ofContact`, after the one with that id. */
export async function page(db: Db, { limit, after, contactId }: PageOf & { contactId: string }): Promise<Certificate[]> {
  let query = db.selectFrom('certificates').selectAll().where('contact_id', '=', contactId).orderBy('id').limit(limit);
  if (after !== undefined) query = query.where('id', '>', after);
  return await query.execute();
}

/** Of all that is kept, in whatever state. */
export async function keptFingerprints(db: Db): Promise<string[]> {
  const rows = await db.selectFrom('certificates').select('fingerprint').distinct().execute();
  return rows.map(({ fingerprint }) => fingerprint);
}

export async function allCurrent(db: Db): Promise<Certificate[]> {
  return await db.selectFrom('certificates').selectAll().where('state', '=', 'current').execute();
}

/** A certificate on the roster and whose it is. Whether he may still act is for the rules to say: nothing is left out here. */
export interface RosterCertificate {
  id: string;
  fingerprint: string;
  data: Uint8Array;
  contact: { id: string; address: string; name: string | null; active: boolean; proved: boolean };
  member: { id: string; organisation: string; state: MemberState };
  /** Ids of the member's lists. */
  lists: string[];
}

/** Those that wait for a person and hold one of these keys. Key ids are upper-case hex. */
export async function proposedByKeyIds(db: Db, keyIds: readonly string[]): Promise<Certificate[]> {
  if (keyIds.length === 0) return [];
  return await db
    .selectFrom('certificates')
    .selectAll()
    .where('state', '=', 'proposed')
    .where('id', 'in', (eb) => eb.selectFrom('certificate_keys').select('certificate_id').where('key_id', 'in', keyIds))
    .orderBy('id')
    .execute();
}

/** The current certificates of contacts that hold a key with one of `keyIds` (hex): who may have signed. */
export async function byKeyIds(db: Db, keyIds: readonly string[]): Promise<RosterCertificate[]> {
  if (keyIds.length === 0) return [];
  const wanted = keyIds.map((keyId) => keyId.toUpperCase());
  const rows = await db
    .selectFrom('certificates')
    .innerJoin('contacts', 'contacts.id', 'certificates.contact_id')
    .innerJoin('members', 'members.id', 'contacts.member_id')
    .leftJoin('member_lists', 'member_lists.member_id', 'members.id')
    .select(['certificates.id', 'certificates.fingerprint', 'certificates.data'])
    .select(['contacts.id as contactId', 'contacts.address', 'contacts.name', 'contacts.active', 'contacts.proved_at'])
    .select(['members.id as memberId', 'members.organisation', 'members.state', 'member_lists.list_id as listId'])
    .where('certificates.state', '=', 'current')
    .where('certificates.id', 'in', (eb) =>
      eb.selectFrom('certificate_keys').select('certificate_id').where('key_id', 'in', wanted),
    )
    .orderBy('certificates.id')
    .orderBy('member_lists.list_id')
    .execute();

  const found = new Map<string, RosterCertificate>();
  for (const row of rows) {
    const certificate = found.get(row.id) ?? {
      id: row.id,
      fingerprint: row.fingerprint,
      data: row.data,
      contact: {
        id: row.contactId,
        address: row.address,
        name: row.name,
        active: row.active === 1,
        proved: row.proved_at !== null,
      },
      member: { id: row.memberId, organisation: row.organisation, state: row.state },
      lists: [],
    };
    if (row.listId) certificate.lists.push(row.listId);
    found.set(row.id, certificate);
  }
  return [...found.values()];
}

/** A newer copy of a certificate waits for a person; it takes the place of one that waited. */
export async function setRenewal(
  db: Db,
  renewal: { certificate_id: string; data: Uint8Array; holds: number; created_at: Instant },
): Promise<void> {
  await dropRenewal(db, renewal.certificate_id);
  await db.insertInto('certificate_renewals').values(renewal).execute();
}

/** What waits of a certificate; `holds`: copies wait with it. */
export async function waitingRenewal(db: Db, certificateId: string): Promise<{ data: Uint8Array; holds: number } | undefined> {
  return await db
    .selectFrom('certificate_renewals')
    .select(['data', 'holds'])
    .where('certificate_id', '=', certificateId)
    .executeTakeFirst();
}

/** False where none waited. */
export async function dropRenewal(db: Db, certificateId: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('certificate_renewals')
    .where('certificate_id', '=', certificateId)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** All that waits, by certificate. */
export async function waitingRenewals(db: Db): Promise<Map<string, { data: Uint8Array; holds: number }>> {
  const rows = await db.selectFrom('certificate_renewals').selectAll().execute();
  return new Map(rows.map(({ certificate_id, data, holds }) => [certificate_id, { data, holds }]));
}
