/**
 * A revocation that was known once, and a copy of the certificate that leaves it out (key servers, RFC 9580 §5.2.1): whoever brings the
 * copy, by whichever door, and whatever became of the one that said so, it stays revoked.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import { up as upgrade } from '../../migrations/0031_revocations.ts';
import { up as upgradeAgain } from '../../migrations/0034_behind.ts';
import { up as upgradeLaid } from '../../migrations/0045_laid.ts';
import { readersOf } from '../../src/audit/heads.ts';
import { sendNotice } from '../../src/cases/notices.ts';
import { DAY, MINUTE, newId, SECOND } from '../../src/clock.ts';
import { lookAtCertificates } from '../../src/doctor/data.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { createLog, type Log } from '../../src/log.ts';
import { armorCertificate } from '../../src/pgp/certificate.ts';
import { certificatesIn } from '../../src/pgp/certificate-bytes.ts';
import { openpgp } from '../../src/pgp/settings.ts';
import { Refusal } from '../../src/refusal.ts';
import { remove } from '../../src/roster/admission.ts';
import { type AdmissionRules, type Application, apply, applyUnseen } from '../../src/roster/apply.ts';
import {
  addCertificate,
  addContact,
  approveCertificate,
  replaceCertificate,
  retireCertificate,
  setContactActive,
} from '../../src/roster/contacts.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { watchCertificates } from '../../src/roster/expiry.ts';
import { exportRoster } from '../../src/roster/export.ts';
import { horizonOf, watchHorizon } from '../../src/roster/horizon.ts';
import { importRoster } from '../../src/roster/import.ts';
import { catchingUp, hearRevocations, readKnown, renewKnown, usableKept } from '../../src/roster/known.ts';
import { addFound } from '../../src/roster/looked-up.ts';
import { usableOf } from '../../src/roster/prove.ts';
import { writeRenewal } from '../../src/roster/renewal.ts';
import { importSchleuder } from '../../src/roster/schleuder.ts';
import { keepStranger } from '../../src/roster/strangers.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as members from '../../src/store/members.ts';
import { outbox } from '../delivery/outbox.ts';
import { armed } from '../embargo/armed.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { sealedReport } from '../post/sealed-report.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, type House, housing, LISTS, type Person } from '../support/house.ts';
import { binary, changed, generate, makeParty } from '../support/party.ts';
import { proveCertificate } from '../support/prove.ts';

const RULES: AdmissionRules = { project: 'orbit', criteria: CRITERIA, terms: null };
/** When the keys of the tests were made. */
const NEW_YEAR = Date.UTC(2025, 0, 1);
const REVOKED = { reason: 'unusable-certificate', message: expect.stringContaining('revoked') };

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  let lena: string;
  let revoked: string;
  let catchUp: () => Promise<false>;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    catchUp = catchingUp(house, createLog('silent'));
    [alpha] = house.members;
    lena = house.team[0].contactId;
    revoked = await changed(alpha, house.clock.now(), { revoked: true });
  });

  const idOf = async (organisation: string) => (await members.byOrganisation(house.db, organisation))?.id ?? '';
  const wish = (organisation: string): Application => ({
    organisation,
    product: null,
    contact: { address: alpha.address, name: null, certificate: alpha.public },
    terms: null,
    answers: CRITERIA.map(({ id }) => ({ criterion: id, answer: 'Yes.', evidence: null })),
  });
  async function removeAlpha(): Promise<void> {
    for (const { contactId } of house.team.slice(0, 2)) await remove(house, RULES, await idOf('Alpha'), contactId, 'test');
  }
  /** Alpha's certificate, after a person retired it. */
  async function retired() {
    const current = await certificates.current(house.db, alpha.contactId);
    if (!current) throw new Error('Alpha has no certificate');
    return retireCertificate(house, alpha.contactId, current.id, lena);
  }
  const stateOf = async (id: string) => (await certificates.byId(house.db, id))?.state;

  test('one that comes after the certificate was retired is kept, and the copy without it does not count again', async () => {
    const { id } = await retired();
    const given = await addCertificate(house, alpha.contactId, revoked);
    expect(given).toMatchObject({ waits: false, certificate: { id, state: 'retired' }, encryptionKey: { after: null } });
    await expect(addCertificate(house, alpha.contactId, alpha.public)).rejects.toMatchObject(REVOKED);
    await expect(addCertificate(house, alpha.contactId, revoked)).rejects.toMatchObject(REVOKED);
    await expect(replaceCertificate(house, alpha.contactId, await binary(alpha.public))).rejects.toMatchObject(REVOKED);
    expect(await stateOf(id)).toBe('retired');
  });

  test('brought by its owner’s own mail it is kept, and does not count', async () => {
    const { id } = await retired();
    await expect(replaceCertificate(house, alpha.contactId, await binary(revoked))).rejects.toMatchObject(REVOKED);
    await expect(addCertificate(house, alpha.contactId, alpha.public)).rejects.toMatchObject(REVOKED);
    expect(await stateOf(id)).toBe('retired');
  });

  test('a retired certificate that was extended since waits with what it says now', async () => {
    const born = house.clock.now() - DAY;
    const gina = await generate('gina@gamma.example', 'gina', { born, lifetime: (41 * DAY) / SECOND });
    const added = await addContact(house, house.identity, await idOf('Beta'), {
      address: gina.address,
      name: null,
      certificate: gina.public,
    });
    const { id } = added.certificate;
    await retireCertificate(house, added.contact.id, id, lena);
    house.clock.moveTo(house.clock.now() + 50 * DAY);
    const extended = await changed(gina, house.clock.now(), { lifetime: (400 * DAY) / SECOND });
    expect(await addCertificate(house, added.contact.id, extended)).toMatchObject({ waits: true, certificate: { id } });
    await proveCertificate(house, added.contact.id, id);
    await approveCertificate(house, added.contact.id, id, lena);
    const current = await certificates.current(house.db, added.contact.id);
    expect(current?.id).toBe(id);
    expect(await house.pgp.usable(current?.data ?? Buffer.alloc(0), house.clock.now())).toMatchObject({ usable: true });
  });

  test('nor does a key that is written in another way get past it', async () => {
    await addCertificate(house, alpha.contactId, revoked);
    await removeAlpha();
    const octets = Buffer.from(await binary(alpha.public));
    // One octet more behind the numbers of the primary key, which OpenPGP.js passes over.
    const end = 2 + (octets[1] ?? 0);
    const longer = Buffer.concat([octets.subarray(0, end), Buffer.from([0]), octets.subarray(end)]);
    longer[1] = (octets[1] ?? 0) + 1;
    const contact = { address: alpha.address, name: null, certificate: armorCertificate(longer) };
    await expect(addContact(house, house.identity, await idOf('Beta'), contact)).rejects.toMatchObject({
      reason: 'unusable-certificate',
    });
    expect((await contacts.byAddress(house.db, alpha.address))?.id).toBe(alpha.contactId);
  });

  test('whoever takes the certificate of a former member over takes its revocation over', async () => {
    await addCertificate(house, alpha.contactId, revoked);
    await removeAlpha();
    for (const organisation of ['Alpha', 'Gamma']) {
      // What is known here of it is told to nobody from outside: he is answered as if it were received.
      const known = { reason: 'conflict', message: expect.stringContaining('revoked') };
      await expect(apply(house, RULES, wish(organisation))).rejects.toMatchObject(known);
      await applyUnseen(house, RULES, wish(organisation));
      expect((await members.byOrganisation(house.db, organisation))?.state).toBe(
        organisation === 'Alpha' ? 'removed' : undefined,
      );
    }
    const contact = { address: alpha.address, name: null, certificate: alpha.public };
    await expect(addContact(house, house.identity, await idOf('Beta'), contact)).rejects.toMatchObject(REVOKED);
    const beta = house.members[1].contactId;
    await expect(addCertificate(house, beta, alpha.public)).rejects.toMatchObject(REVOKED);
    const entry = { organisation: 'Gamma', lists: [LISTS.distributors], contacts: [contact] };
    const report = await importRoster(
      house,
      [{ ...entry, contacts: [{ address: contact.address, certificate: alpha.public }] }],
      {
        activate: { reason: 'test' },
        dryRun: false,
      },
    );
    expect(report).toMatchObject({ written: false, problems: [{ problem: expect.stringContaining('revoked') }] });
    expect((await contacts.byAddress(house.db, alpha.address))?.id).toBe(alpha.contactId);
  });

  test('what a stranger added to the copy that he applied with keeps no revocation and no extension of its owner out', async () => {
    const gina = await generate('security@gamma.example', 'gina', {});
    const padded = await openpgp.readKey({ armoredKey: gina.public });
    const [user] = padded.users;
    const real = user?.selfCertifications[0]?.write() ?? new Uint8Array();
    for (let n = 1; n < 249; n++) {
      const forgery = new openpgp.SignaturePacket();
      forgery.read(real.map((octet, at) => (at === real.length - 1 ? octet ^ n : octet)));
      user?.selfCertifications.push(forgery);
    }
    const contact = { address: gina.address, name: null, certificate: padded.armor() };
    expect(await applyUnseen(house, RULES, { ...wish('Gamma'), contact })).toBe(true);
    const id = (await contacts.byAddress(house.db, gina.address))?.id ?? '';
    const extended = await changed(gina, house.clock.now(), { lifetime: (4000 * DAY) / SECOND });
    expect(await addCertificate(house, id, extended)).toMatchObject({ waits: false, certificate: { state: 'current' } });
    await addCertificate(house, id, await changed(gina, house.clock.now(), { revoked: true }));
    const current = await certificates.current(house.db, id);
    expect(await house.pgp.usable(current?.data ?? Buffer.alloc(0), house.clock.now())).toMatchObject({ reason: 'revoked' });
  });

  test('one that came with the mail of a stranger holds', async () => {
    const gina = await generate('gina@gamma.example', 'gina', {});
    const facts = await house.pgp.readCertificate(await changed(gina, house.clock.now(), { revoked: true }));
    await house.db.transaction().execute((trx) => keepStranger(trx, house, facts));
    const contact = { address: gina.address, name: null, certificate: gina.public };
    await expect(addContact(house, house.identity, await idOf('Beta'), contact)).rejects.toMatchObject(REVOKED);
  });

  test('one of a subkey holds, however many copies without that subkey come with mails after it', async () => {
    const gina = await generate('gina@gamma.example', 'gina', {});
    const now = house.clock.now();
    const grown = await openpgp.readKey({ armoredKey: await changed(gina, now, { subkey: true }) });
    grown.subkeys = grown.subkeys.slice(1);
    const alone = grown.write();
    const key = await openpgp.readPrivateKey({ armoredKey: gina.secret });
    const [subkey] = grown.subkeys;
    const revoked = await subkey?.revoke(key.keyPacket as openpgp.SecretKeyPacket, undefined, new Date(now));
    if (revoked) grown.subkeys = [revoked];
    const mailed = async (certificate: string | Uint8Array) => {
      house.clock.moveTo(house.clock.now() + SECOND);
      const facts = await readKnown(house, certificate);
      await house.db.transaction().execute((trx) => keepStranger(trx, house, facts));
      return house.pgp.usable(facts.data, house.clock.now());
    };
    expect(await mailed(alone)).toMatchObject({ usable: true });
    expect(await mailed(grown.write())).toMatchObject({ reason: 'revoked' });
    for (let days = 1000; days < 1012; days++)
      expect(await mailed(await changed(gina, now, { lifetime: (days * DAY) / SECOND }))).toMatchObject({ usable: true });
    expect(await mailed(alone)).toMatchObject({ reason: 'revoked' });
  });

  test.each([
    ['of a subkey', 'subkey'],
    ['of the whole key', 'whole'],
  ])('one %s that comes into the oldest of many copies from mails holds against all of them', async (_, what) => {
    const userIDs = ['rita', 'r1', 'r2', 'r3', 'r4'].map((name) => ({ email: `${name}@example.org` }));
    const date = new Date(house.clock.now() - DAY);
    const { privateKey } = await openpgp.generateKey({ userIDs, date, format: 'object' });
    const whole = privateKey.toPublic().write();
    const mailed = async (certificate: Uint8Array) => {
      house.clock.moveTo(house.clock.now() + SECOND);
      const facts = await readKnown(house, certificate);
      return house.db.transaction().execute((trx) => keepStranger(trx, house, facts));
    };
    const first = await mailed(whole);
    // True words alone, some of them left out.
    for (let some = 0; some < 12; some++) {
      const copy = await openpgp.readKey({ binaryKey: whole });
      copy.users = copy.users.filter((_, n) => n === 0 || (some & (1 << (n - 1))) !== 0);
      await mailed(copy.write());
    }
    const gone = await openpgp.readPrivateKey({ binaryKey: privateKey.write() });
    const [subkey] = gone.subkeys;
    const now = new Date(house.clock.now());
    if (subkey && what === 'subkey') gone.subkeys = [await subkey.revoke(gone.keyPacket as openpgp.SecretKeyPacket, {}, now)];
    const { publicKey } = await openpgp.revokeKey({ key: gone, date: now, format: 'object' });
    const newer = (what === 'subkey' ? gone.toPublic() : publicKey).write();
    // As the reporter of a case brings it, signed, in his thread.
    const own = await certificates.byId(house.db, first);
    if (!own) throw new Error('his certificate is not kept');
    house.clock.moveTo(house.clock.now() + SECOND);
    const renewal = await renewKnown(house, own, newer);
    await house.db.transaction().execute((trx) => writeRenewal(trx, own, renewal, house.clock.now()));

    const { data } = await readKnown(house, whole);
    expect(await house.pgp.usable(data, house.clock.now())).toEqual({ usable: false, reason: 'revoked' });
    const contact = { address: 'rita@example.org', name: null, certificate: armorCertificate(whole) };
    await expect(addContact(house, house.identity, await idOf('Beta'), contact)).rejects.toMatchObject(REVOKED);
  });

  test('one is kept once, however often and in whatever copy it comes, and those before a newer Curfew as well', async () => {
    const gina = await generate('gina@gamma.example', 'gina', {});
    const known = async () => (await certificates.revocationsOf(house.db, gina.fingerprint)).length;
    const mailed = async (certificate: string) => {
      house.clock.moveTo(house.clock.now() + SECOND);
      const facts = await readKnown(house, certificate);
      return house.db.transaction().execute((trx) => keepStranger(trx, house, facts));
    };
    await mailed(gina.public);
    expect(await known()).toBe(0);
    const gone = await openpgp.readKey({ armoredKey: await changed(gina, house.clock.now(), { revoked: true }) });
    const [signature] = gone.revocationSignatures;
    for (let copy = 0; copy < 3; copy++) {
      if (signature) signature.unhashedSubpackets = signature.unhashedSubpackets.slice(0, copy);
      await mailed(gone.armor());
      await mailed(gina.public);
    }
    expect(await known()).toBe(1);
    for (const table of ['revocations_laid', 'revocations']) await house.db.schema.dropTable(table).execute();
    await upgrade(house.db);
    await upgradeAgain(house.db);
    await upgradeLaid(house.db);
    const { data } = await readKnown(house, gina.public);
    expect(await house.pgp.usable(data, house.clock.now())).toEqual({ usable: false, reason: 'revoked' });
  });

  test('one that becomes known of a certificate that waits keeps a person from approving it', async () => {
    const gina = await generate(alpha.address, 'gina', {});
    const { certificate } = await addCertificate(house, alpha.contactId, gina.public);
    await proveCertificate(house, alpha.contactId, certificate.id);
    const facts = await house.pgp.readCertificate(await changed(gina, house.clock.now(), { revoked: true }));
    await house.db.transaction().execute((trx) => keepStranger(trx, house, facts));
    await expect(approveCertificate(house, alpha.contactId, certificate.id, lena)).rejects.toMatchObject(REVOKED);
    expect((await certificates.current(house.db, alpha.contactId))?.fingerprint).toBe(alpha.fingerprint);
  });

  test('what is known to be revoked is sealed to from no row of the same certificate, whichever of them has it', async () => {
    const [team] = house.team;
    const rita = await makeParty('rita@example.org');
    const id = await sealedReport(house, rita);
    await outbox(house).drain();
    const beta = (await members.byOrganisation(house.db, 'Beta'))?.id ?? '';
    const asked = { address: rita.address, name: null, certificate: rita.public };
    const { contact } = await addContact(house, house.identity, beta, asked);
    house.clock.moveTo(house.clock.now() + MINUTE);
    await addCertificate(house, contact.id, await changed(rita, house.clock.now(), { revoked: true }));
    await outbox(house).drain();
    // As the reporter of her case she has a row of its own, which is as it was.
    await sendNotice(as(house, team), id, 'needs-info', { text: 'Does the frobnicator crash?', list: null });
    expect((await outbox(house).drain()).filter(({ to }) => to === rita.address)).toEqual([]);
    const copies = await house.db
      .selectFrom('deliveries')
      .select(['state', 'reason'])
      .where('address', '=', rita.address)
      .execute();
    expect(copies).toContainEqual({ state: 'held', reason: 'revoked' });
  });

  test('a contact whose certificate a mail showed to be revoked is told of as one who gets nothing, wherever it is looked at', async () => {
    const { db, pgp, clock } = house;
    const facts = await pgp.readCertificate(revoked);
    await db.transaction().execute((trx) => keepStranger(trx, house, facts));
    const doctor = await lookAtCertificates(db, pgp, clock.now(), () => {});
    expect(doctor).toMatchObject([{ standing: 'warning', what: expect.stringContaining(alpha.address) }]);
    const watch = watchHorizon(house, createLog('silent'));
    for (let tries = 0; watch.latest() === null && tries < 500; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(horizonOf(watch.latest()?.certificates ?? [], clock.now()).unusable.get('revoked')).toBe(1);
    await watch.close();
    expect(await usableOf(house, await idOf('Alpha'))).toEqual(new Set());
    expect((await readersOf(house, [alpha.address])).missing).toEqual([alpha.address]);
    expect((await exportRoster(house)).remarks).toContainEqual({
      organisation: 'Alpha',
      address: alpha.address,
      remark: expect.stringContaining('revoked'),
    });
    await watchCertificates(house, 'orbit');
    expect((await members.byOrganisation(db, 'Alpha'))?.state).toBe('key_hold');
  });

  test('what one copy says is laid over all the others, once, and an export has it', async () => {
    const { db, pgp, clock } = house;
    const facts = await pgp.readCertificate(revoked);
    await db.transaction().execute((trx) => keepStranger(trx, house, facts));
    const exported = async () => {
      const { entries } = await exportRoster(house);
      const own = entries.flatMap(({ contacts: all }) => all).find(({ address }) => address === alpha.address);
      return pgp.usable((await pgp.readCertificate(own?.certificate ?? '')).data, clock.now());
    };
    expect(await exported()).toEqual({ usable: false, reason: 'revoked' });
    expect(await certificates.behind(db, { limit: 9 })).toHaveLength(1);
    await catchUp();
    expect(await certificates.behind(db, { limit: 9 })).toEqual([]);
    const own = await certificates.current(db, alpha.contactId);
    expect(await pgp.usable(own?.data ?? Buffer.alloc(0), clock.now())).toEqual({ usable: false, reason: 'revoked' });
    const logged = () => db.selectFrom('audit').select('line').where('action', '=', 'certificate.catch-up').execute();
    expect(await logged()).toHaveLength(1);
    await catchUp();
    expect([await logged(), await exported()]).toEqual([
      expect.objectContaining({ length: 1 }),
      { usable: false, reason: 'revoked' },
    ]);
  });

  test('of whoever has nothing else, a user ID that is revoked is said to be revoked', async () => {
    const { db, clock } = house;
    const key = await openpgp.readPrivateKey({ armoredKey: alpha.secret });
    const [user] = key.users;
    const gone = await user?.revoke(key.keyPacket as openpgp.SecretKeyPacket, { flag: 32 }, new Date(clock.now()));
    if (!gone) throw new Error('no user id');
    key.users = [gone];
    const row = await certificates.current(db, alpha.contactId);
    if (!row) throw new Error('no certificate');
    const { revoked: said } = await renewKnown(house, row, key.toPublic().write());
    await db.transaction().execute((trx) => keepStranger(trx, house, { ...said, data: key.toPublic().write() }));
    expect(await usableKept(house, row.data, clock.now())).toEqual({ usable: false, reason: 'revoked' });
  });

  test('nothing waits for good to be sealed to one, where its owner gets another certificate', async () => {
    const gina = await generate(alpha.address, 'gina', {});
    await addCertificate(house, alpha.contactId, revoked);
    const { certificate } = await addCertificate(house, alpha.contactId, gina.public);
    await proveCertificate(house, alpha.contactId, certificate.id);
    await approveCertificate(house, alpha.contactId, certificate.id, lena);
    await outbox(house).drain();
    const sealed = await house.db.selectFrom('deliveries').select('state').where('address', '=', alpha.address).execute();
    expect(sealed.filter(({ state }) => state === 'held')).toEqual([]);
    expect((await certificates.current(house.db, alpha.contactId))?.id).toBe(certificate.id);
    // Of the new one he hears again.
    await retireCertificate(house, alpha.contactId, certificate.id, lena);
    expect((await outbox(house).drain()).map(({ to }) => to)).toContain(alpha.address);
  });

  describe('whoever brings it is refused, or left out, and has said all the same that it is revoked', () => {
    const ALIAS = 'alias@alpha.example';
    const entry = (...people: { address: string; certificate: string }[]) => ({
      organisation: 'Alpha',
      lists: [LISTS.distributors],
      contacts: people,
    });
    const wrong = {
      organisation: 'Gamma',
      lists: [LISTS.distributors],
      contacts: [{ address: 'x@gamma.example', certificate: '-' }],
    };
    const importing = (entries: unknown, leaveOut: boolean, dryRun = false) =>
      importRoster(house, entries, { activate: null, dryRun, leaveOut });
    const memberId = async () => (await members.byOrganisation(house.db, 'Alpha'))?.id ?? '';
    const own = () => ({ address: alpha.address, certificate: revoked });
    const other = async () => ({ address: ALIAS, certificate: (await generate(ALIAS, 'other', {})).public });

    const ways: Record<string, () => Promise<unknown>> = {
      'by an import for another address': () => importing([entry({ ...own(), address: ALIAS })], true),
      'by an import of which another line is wrong': () => importing([entry(own()), wrong], false),
      'by an import that leaves the entry out': async () => importing([entry(own(), await other())], true),
      'by an import of which the entry is malformed': () =>
        importing([{ ...entry(own()), groups: ['Kernel!'] }, { ...entry(), contacts: 'none' }, null, 'x'], true),
      'for a member who was removed': async () => {
        await house.db.updateTable('members').set({ state: 'removed' }).where('organisation', '=', 'Alpha').execute();
        return addCertificate(house, alpha.contactId, revoked);
      },
      'for another contact': () => addCertificate(house, house.members[1].contactId, revoked),
      'for another contact, by a copy without user IDs': async () => {
        const bare = await openpgp.readKey({ armoredKey: revoked });
        bare.users = [];
        return addCertificate(house, house.members[1].contactId, bare.write());
      },
      'with another contact': async () =>
        addContact(house, house.identity, await memberId(), { address: ALIAS, name: null, certificate: revoked }),
      'by a look-up for another contact that finds two': async () => {
        const { address, certificate } = await other();
        const { contact } = await addContact(house, house.identity, await memberId(), { address, name: null, certificate });
        return addFound(house, contact, Buffer.concat([await binary(revoked), await binary(certificate)]));
      },
      'by a look-up for whom it was retired that finds two': async () => {
        const row = await certificates.current(house.db, alpha.contactId);
        await retireCertificate(house, alpha.contactId, row?.id ?? '', lena);
        const next = await generate(alpha.address, 'next', {});
        return addFound(
          house,
          { ...alpha, id: alpha.contactId },
          Buffer.concat([await binary(revoked), await binary(next.public)]),
        );
      },
      'by the home of a list of Schleuder, for a contact who was retired': async () => {
        const { address, certificate } = await other();
        await addContact(house, house.identity, await memberId(), { address, name: null, certificate });
        await setContactActive(as(house, house.team[0]), alpha.contactId, false, 'He has left.');
        const source = { subscriptions: [], organisations: new Map(), certificates: certificatesIn(await binary(revoked)) };
        return importSchleuder(house, source, { activate: null, dryRun: false });
      },
    };
    const kept = async () =>
      (await certificates.ofContact(house.db, alpha.contactId)).find(({ fingerprint }) => fingerprint === alpha.fingerprint);
    const standing = async () => {
      const row = await kept();
      return usableKept(house, row?.data ?? Buffer.alloc(0), house.clock.now());
    };
    const heard = () => house.db.selectFrom('audit').select('subject').where('action', '=', 'certificate.hear').execute();

    test.each(Object.keys(ways))('%s', async (how) => {
      await ways[how]?.().catch((error: unknown) => expect(error).toBeInstanceOf(Refusal));
      expect(await standing()).toEqual({ usable: false, reason: 'revoked' });
      expect(await heard()).toEqual([{ subject: `fingerprint:${(await kept())?.fingerprint}` }]);
    });

    test('but not where an import is tried alone', async () => {
      await importing([entry({ ...own(), address: ALIAS })], true, true);
      expect([await standing(), await heard()]).toEqual([expect.objectContaining({ usable: true }), []]);
    });

    test('also while the first copy of it is being written', async () => {
      const next = await generate(alpha.address, 'next', {});
      const { data, fingerprint, ...facts } = await house.pgp.readCertificate(next.public);
      const gone = await house.pgp.readCertificate(await changed(next, house.clock.now(), { revoked: true }));
      const id = newId(house.clock);
      const row = {
        id,
        contact_id: alpha.contactId,
        fingerprint,
        data,
        state: 'proposed',
        created_at: house.clock.now(),
      } as const;
      const hearing = await house.db.transaction().execute(async (trx) => {
        await certificates.lockHolders(trx);
        await certificates.insert(trx, row, facts);
        const hears = hearRevocations(house, [gone]);
        await Promise.race([hears, new Promise((resolve) => void setTimeout(resolve, 300))]);
        return [hears];
      });
      await Promise.all(hearing);
      expect(await usableKept(house, data, house.clock.now())).toEqual({ usable: false, reason: 'revoked' });
    });
  });

  test('also of a certificate of which there is no copy yet: one without it, that comes later, is revoked', async () => {
    const gina = await generate('gina@gamma.example', 'gina', {});
    const gone = await changed(gina, house.clock.now(), { revoked: true });
    await expect(addCertificate(house, alpha.contactId, gone)).rejects.toMatchObject({
      message: expect.stringContaining('revoked'),
    });
    await expect(addCertificate(house, alpha.contactId, gina.public)).rejects.toMatchObject({
      message: expect.stringContaining('revoked'),
    });
  });

  test('nor where what he had has expired', async () => {
    const { db, clock } = house;
    const { certificate } = await addCertificate(
      house,
      alpha.contactId,
      await changed(alpha, clock.now(), { lifetime: (clock.now() + DAY - NEW_YEAR) / SECOND }),
    );
    clock.moveTo(clock.now() + 2 * DAY);
    expect(await usableKept(house, certificate.data, clock.now())).toEqual({ usable: false, reason: 'expired' });
    const fresh = await generate(alpha.address, 'alpha', {});
    const given = await addCertificate(house, alpha.contactId, fresh.public);
    await proveCertificate(house, alpha.contactId, given.certificate.id);
    await approveCertificate(house, alpha.contactId, given.certificate.id, lena);
    await outbox(house).drain();
    const sealed = await db.selectFrom('deliveries').select('state').where('address', '=', alpha.address).execute();
    expect(sealed.filter(({ state }) => state === 'held')).toEqual([]);
  });

  test.each([true, false])('whoever signs with one that is known to be revoked is nobody, laid over it: %s', async (isLaid) => {
    for (const one of [alpha, house.team[0]]) {
      const facts = await house.pgp.readCertificate(await changed(one, house.clock.now(), { revoked: true }));
      await house.db.transaction().execute((trx) => keepStranger(trx, house, facts));
    }
    if (isLaid) await catchUp();
    const said = async (signer: Person, to: string, list: string, text: string) => {
      const mail = await encryptedMail(letterOf(house, signer, { to, text }), {
        recipients: [listCertificate(house, list)],
        signer,
      });
      return arrive(house, mail, { to, sender: signer.address }).then(
        () => 'taken',
        (error: unknown) => (error instanceof Refusal ? error.reason : error),
      );
    };
    expect(await said(alpha, LISTS.distributors, LISTS.distributors, 'Hello.\n')).toBe('members-only');
    const request = LISTS.security.replace('@', '-request@');
    expect(await said(house.team[0], request, LISTS.security, 'cases\n')).toBe('request-unsigned');
  });

  test('a copy that is composed while a word is laid over its certificate is not sealed to it', async () => {
    const { id } = await armed(house);
    await outbox(house).drain();
    await dispatch(house, id, LISTS.distributors);
    for (const one of house.members) {
      const facts = await house.pgp.readCertificate(await changed(one, house.clock.now(), { revoked: true }));
      await house.db.transaction().execute((trx) => keepStranger(trx, house, facts));
    }
    let signed = 0;
    const sign: House['pgp']['sign'] = async (...all) => {
      const answer = await house.pgp.sign(...all);
      signed += 1;
      if (signed === 1) await catchUp();
      return answer;
    };
    const sent = await outbox({ ...house, pgp: { ...house.pgp, sign } }).drain();
    const members: string[] = house.members.map(({ address }) => address);
    expect(sent.filter(({ to }) => members.includes(to))).toEqual([]);
    expect(signed).toBeGreaterThan(1);
    expect(await certificates.behind(house.db, { limit: 9 })).toEqual([]);
  });

  describe('what comes while others are at it', () => {
    /** A certificate with a subkey of it revoked, and with the one that is encrypted to as well. */
    async function twoWords(owner: { secret: string }) {
      const at = new Date(house.clock.now());
      const key = await (await openpgp.readPrivateKey({ armoredKey: owner.secret })).addSubkey({ date: at });
      const revoke = async (n: number) => {
        const subkey = await key.subkeys[n]?.revoke(key.keyPacket as openpgp.SecretKeyPacket, { flag: 2 }, at);
        if (subkey) key.subkeys[n] = subkey;
        return key.toPublic().write();
      };
      return { first: await revoke(key.subkeys.length - 1), both: await revoke(0) };
    }
    const mailed = async (certificate: Uint8Array) => {
      const facts = await house.pgp.readCertificate(certificate);
      await house.db.transaction().execute((trx) => keepStranger(trx, house, facts));
    };
    const standing = async (contactId: string) => {
      const current = await certificates.current(house.db, contactId);
      return usableKept(house, current?.data ?? Buffer.alloc(0), house.clock.now());
    };

    test('a word that comes while another one is laid is laid as well', async () => {
      const { first, both } = await twoWords(alpha);
      await mailed(first);
      let came = false;
      const layRevocations: House['pgp']['layRevocations'] = async (...all) => {
        const facts = await house.pgp.layRevocations(...all);
        if (!came) await mailed(both);
        came = true;
        return facts;
      };
      await catchingUp({ ...house, pgp: { ...house.pgp, layRevocations } }, createLog('silent'))();
      expect(await standing(alpha.contactId)).toEqual({ usable: false, reason: 'revoked' });
      await catchUp();
      expect(await certificates.behind(house.db, { limit: 9 })).toEqual([]);
      expect(await standing(alpha.contactId)).toEqual({ usable: false, reason: 'revoked' });
    });

    test('nor is one lost on a certificate that is written while the mail with the word is', async () => {
      const gina = await generate('gina@gamma.example', 'gina', {});
      const facts = await house.pgp.readCertificate((await twoWords(gina)).both);
      let commit = () => {};
      const written = new Promise<void>((resolve) => {
        commit = resolve;
      });
      let mail = Promise.resolve();
      await new Promise<void>((opened) => {
        mail = house.db.transaction().execute(async (trx) => {
          await keepStranger(trx, house, facts);
          opened();
          await written;
        });
      });
      const entry = {
        organisation: 'Gamma',
        lists: [LISTS.distributors],
        contacts: [{ address: gina.address, certificate: gina.public }],
      };
      const imported = importRoster(house, [entry], { activate: { reason: 'test' }, dryRun: false });
      // On SQLite it waits for the other transaction.
      await Promise.race([imported, new Promise((resolve) => setTimeout(resolve, 2 * SECOND))]);
      commit();
      await mail;
      await imported;
      const contact = await contacts.byAddress(house.db, gina.address);
      if (!contact) return expect(engine.name).toBe('sqlite');
      expect(await standing(contact.id)).toEqual({ usable: false, reason: 'revoked' });
      await catchUp();
      expect(await standing(contact.id)).toEqual({ usable: false, reason: 'revoked' });
    });

    test('one that cannot be laid keeps none that come after it from being laid, and is told of', async () => {
      const rows = Array.from({ length: 201 }, (_, n) => ({ id: `0${String(n).padStart(4, '0')}`, fingerprint: `F${n}` }));
      const each = { data: Buffer.from([1]), created_at: house.clock.now(), state: 'mail' as const, contact_id: null };
      const words = rows.map(({ fingerprint }) => ({ fingerprint, word: 'word', data: each.data }));
      const own = rows.map((row) => ({ ...row, ...each }));
      await house.db.insertInto('certificates').values(own).execute();
      await house.db.insertInto('revocations').values(words).execute();
      await mailed(await binary(revoked));
      const layRevocations: House['pgp']['layRevocations'] = async (data, copies, on) => {
        if (data.length > 1) return house.pgp.layRevocations(data, copies, on);
        throw new Refusal(told.length === 0 ? 'unusable-certificate' : 'busy', 'too large');
      };
      const told: object[] = [];
      const warn = (line: object) => void told.push(line);
      const round = catchingUp({ ...house, pgp: { ...house.pgp, layRevocations } }, { warn } as Log);
      await round();
      expect(told).toEqual([{ certificates: 200 }]);
      await round();
      expect(told.slice(1)).toEqual([expect.objectContaining({ certificate: '00200' }), { certificates: 1 }]);
      const current = await certificates.current(house.db, alpha.contactId);
      expect(await house.pgp.usable(current?.data ?? Buffer.alloc(0), house.clock.now())).toMatchObject({ reason: 'revoked' });
      // And from the beginning again.
      await round();
      expect(told.at(-1)).toEqual({ certificates: 200 });
      expect(await certificates.behind(house.db, { limit: 300 })).toHaveLength(201);
    });
  });
});
