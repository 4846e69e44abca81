import * as openpgp from 'openpgp';
import { beforeEach, describe, expect, test } from 'vitest';
import { DAY, SECOND } from '../../src/clock.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { parseEntity } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import { decide, reviewed } from '../../src/roster/admission.ts';
import {
  addCertificate,
  addContact,
  approveCertificate,
  refuseCertificate,
  setContactActive,
} from '../../src/roster/contacts.ts';
import { checkMember, watchCertificates, watchReviews } from '../../src/roster/expiry.ts';
import { importRoster } from '../../src/roster/import.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as members from '../../src/store/members.ts';
import { outbox, type Sent } from '../delivery/outbox.ts';
import { arm, scheduled } from '../embargo/armed.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { changed, generate, makeParty, openCopy, type Party } from '../support/party.ts';
import { proveCertificate } from '../support/prove.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let gina: Party;
  let memberId: string;
  let contactId: string;

  /** Gamma, whose one certificate ends in 40 days. */
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    gina = await generate('gina@gamma.example', 'gina', { born: house.clock.now() - DAY, lifetime: (41 * DAY) / SECOND });
    const contact = { address: gina.address, certificate: gina.public };
    const entry = { organisation: 'Gamma', lists: [LISTS.distributors], contacts: [contact] };
    expect(await importRoster(house, [entry], { activate: { reason: 'test' }, dryRun: false })).toMatchObject({ written: true });
    memberId = (await members.byOrganisation(house.db, 'Gamma'))?.id ?? '';
    contactId = (await contacts.byAddress(house.db, gina.address))?.id ?? '';
  });

  const stateOf = async () => (await members.byId(house.db, memberId))?.state;
  const later = (days: number) => house.clock.moveTo(house.clock.now() + days * DAY);
  /** Those to her, and how many the team got. */
  const sent = async (): Promise<{ hers: Sent[]; team: number }> => {
    const all = await outbox(house).drain();
    const team = house.team.map(({ address }) => address);
    return { hers: all.filter(({ to }) => to === gina.address), team: all.filter(({ to }) => team.includes(to)).length };
  };
  const insideOf = async ({ raw }: Sent, of: Party) => (await openCopy(raw, of, undefined, house.clock.now())).entity;
  const inside = async (mail: Sent, of = gina) => (await insideOf(mail, of)).toString();

  test('its owner and the team are told 30, 14 and 3 days before it ends, each once', async () => {
    const told: (string | undefined)[] = [];
    for (let day = 0; day <= 39; day++) {
      await watchCertificates(house, 'orbit');
      await watchCertificates(house, 'orbit');
      const { hers, team } = await sent();
      expect(team).toBe(hers.length * house.team.length);
      for (const mail of hers) {
        const words = await inside(mail);
        expect(words).toContain('certificate update FINGERPRINT');
        told.push(`${day}: ${/ends in (\d+) days/.exec(words)?.[1]}`);
      }
      later(1);
    }
    expect(told).toEqual(['10: 30', '26: 14', '37: 3']);
  });

  test('who is told late is told how many days are left; the log has which of the three it was', async () => {
    const [lena] = house.team;
    const told = async (person: Party) => {
      await watchCertificates(house, 'orbit');
      const all = await outbox(house).drain();
      return Promise.all(
        all.filter(({ to }) => to === person.address).map(async (mail) => viewOf(parseEntity(await insideOf(mail, person))).text),
      );
    };
    later(20);
    house.clock.moveTo(house.clock.now() + SECOND);
    expect(await told(gina)).toEqual([expect.stringContaining('Your certificate ends in 20 days')]);
    later(19);
    expect(await told(lena)).toEqual([expect.stringContaining(`${gina.address}: ${gina.fingerprint.toUpperCase()}, in 1 day (`)]);
    const deeds = await house.db
      .selectFrom('audit')
      .select('line')
      .where('action', '=', 'certificate.warn')
      .orderBy('seq')
      .execute();
    expect(deeds.map(({ line }) => JSON.parse(line).detail.days)).toEqual([30, 3]);
  });

  test('where the mail to the team cannot be written, nobody was warned, and the next time warns everybody', async () => {
    later(11);
    let written = 0;
    const keep: House['pgp']['keep'] = async (...of) => {
      if (++written === 2) throw new Error('the disk is full');
      return house.pgp.keep(...of);
    };
    await expect(watchCertificates({ ...house, pgp: { ...house.pgp, keep } }, 'orbit')).rejects.toThrow('the disk is full');
    expect(await sent()).toEqual({ hers: [], team: 0 });
    await watchCertificates(house, 'orbit');
    const { hers, team } = await sent();
    expect([hers.length, team]).toEqual([1, house.team.length]);
  });

  describe('when it has ended', () => {
    test('the member is held, asked for a new one in words that say nothing, and his copies wait', async () => {
      later(41);
      await watchCertificates(house, 'orbit');
      expect(await stateOf()).toBe('key_hold');
      const { hers } = await sent();
      expect(hers).toHaveLength(1);
      const [asking] = hers;
      expect(asking?.raw.toString()).toContain('BEGIN PGP SIGNATURE');
      expect(asking?.raw.toString()).not.toMatch(/Gamma|ORBIT-/);
      await watchCertificates(house, 'orbit');
      expect((await sent()).hers).toEqual([]);
      const armed = await arm(house, await scheduled(house));
      expect(await dispatch(house, armed.id, LISTS.distributors)).toMatchObject({ copies: 3 });
      expect((await sent()).hers).toEqual([]);
      const held = await house.db
        .selectFrom('deliveries')
        .select(['state', 'reason'])
        .where('contact_id', '=', contactId)
        .execute();
      expect(held).toEqual([{ state: 'held', reason: 'expired' }]);
    });

    test('the team is told of it, once', async () => {
      later(41);
      await watchCertificates(house, 'orbit');
      const mails = (await outbox(house).drain()).filter(({ to }) => to === house.team[0].address);
      expect(mails).toHaveLength(1);
      const words = (await openCopy(mails[0]?.raw ?? Buffer.of(), house.team[0], undefined, house.clock.now())).entity.toString();
      expect(words).toMatch(/"Gamma" is held for its key[\s\S]*gina@gamma\.example/);
      await watchCertificates(house, 'orbit');
      expect((await sent()).team).toBe(0);
    });

    test('a proposed one that its owner proves and a person approves lets the copies go, once, to it alone', async () => {
      later(41);
      await watchCertificates(house, 'orbit');
      const armed = await arm(house, await scheduled(house));
      await dispatch(house, armed.id, LISTS.distributors);
      await sent();
      const fresh = await generate(gina.address, 'gina', {});
      const given = await addCertificate(house, contactId, fresh.public);
      expect(given.certificate.state).toBe('proposed');
      expect((await sent()).hers).toEqual([]);
      await expect(approveCertificate(house, contactId, given.certificate.id, null)).rejects.toMatchObject({
        reason: 'needs-person',
      });
      await expect(approveCertificate(house, contactId, given.certificate.id, house.team[0].contactId)).rejects.toMatchObject({
        reason: 'conflict',
        message: expect.stringContaining('Nobody has proved'),
      });
      await proveCertificate(house, contactId, given.certificate.id);
      await approveCertificate(house, contactId, given.certificate.id, house.team[0].contactId);
      await checkMember(house, 'orbit', memberId);
      expect(await stateOf()).toBe('active');
      const { hers } = await sent();
      const words = await Promise.all(hers.map((mail) => inside(mail, fresh)));
      expect(words.filter((text) => text.includes('EMBARGOED'))).toHaveLength(1);
      for (const { raw } of hers) await expect(openCopy(raw, gina, undefined, house.clock.now())).rejects.toThrow();
      expect((await sent()).hers).toEqual([]);
      const states = (await certificates.ofContact(house.db, contactId)).map(({ state }) => state);
      expect(states).toEqual(['retired', 'current']);
      await expect(approveCertificate(house, contactId, given.certificate.id, house.team[0].contactId)).rejects.toMatchObject({
        reason: 'conflict',
      });
    });

    test('the same one, extended by its owner, who sends it as the mail that asked him says, and does nothing else by it', async () => {
      later(41);
      await watchCertificates(house, 'orbit');
      await outbox(house).drain();
      const { privateKey, publicKey } = await openpgp.reformatKey({
        privateKey: await openpgp.readPrivateKey({ armoredKey: gina.secret }),
        userIDs: [{ name: 'gina', email: gina.address }],
        date: new Date(house.clock.now() - SECOND),
        format: 'object',
      });
      const longer = { ...gina, secret: privateKey.armor(), public: publicKey.armor() };
      const to = 'distributors-request@orbit.example';
      const text = `certificate update ${gina.fingerprint}\nunsubscribe\n`;
      const file = { name: 'key.asc', type: 'application/pgp-keys', data: Buffer.from(longer.public) };
      const send = async (attachments: (typeof file)[]) => {
        const letter = letterOf(house, longer, { to, text, attachments });
        const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: longer };
        return arrive(house, await encryptedMail(letter, sealing), { to, sender: gina.address });
      };
      await expect(send([])).rejects.toMatchObject({ reason: 'request-unsigned' });
      await send([file]);
      expect(await stateOf()).toBe('active');
      const said = (await Promise.all((await sent()).hers.map((mail) => inside(mail, longer)))).join('');
      expect(said).toContain(`your certificate is ${gina.fingerprint} now`);
      expect(said).toContain(
        'your certificate here has expired, or lacks the key that you signed with: hand in the newer one first',
      );
      expect((await contacts.activeOfList(house.db, 'distributors')).map(({ id }) => id)).toContain(contactId);
    });

    test('the same one, of which gpg extended the primary key alone, does not: he hears which subkey it is, and with that it does', async () => {
      later(41);
      await watchCertificates(house, 'orbit');
      await outbox(house).drain();
      const old = await openpgp.readPrivateKey({ armoredKey: gina.secret });
      const userIDs = [{ name: 'gina', email: gina.address }];
      const date = new Date(house.clock.now() - SECOND);
      const { privateKey: whole } = await openpgp.reformatKey({ privateKey: old, userIDs, date, format: 'object' });
      const [subkey] = old.subkeys;
      if (!subkey) throw new Error('she has no subkey');
      const primary = await openpgp.readPrivateKey({ armoredKey: whole.armor() });
      for (const one of primary.subkeys) one.bindingSignatures = subkey.bindingSignatures;
      const to = 'distributors-request@orbit.example';
      const send = async (key: openpgp.PrivateKey, text = `certificate update ${gina.fingerprint}\n`) => {
        const hers = { ...gina, secret: key.armor(), public: key.toPublic().armor() };
        const file = { name: 'key.asc', type: 'application/pgp-keys', data: Buffer.from(hers.public) };
        const letter = letterOf(house, hers, { to, text, attachments: [file] });
        const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: hers };
        return arrive(house, await encryptedMail(letter, sealing), { to, sender: gina.address });
      };
      const named = subkey.getFingerprint().toUpperCase();
      const refused = {
        reason: 'unusable-certificate',
        hint: expect.stringContaining(`gpg --quick-set-expire ${gina.fingerprint} 2y ${named})`),
      };
      await expect(send(primary)).rejects.toMatchObject(refused);
      expect(await stateOf()).toBe('key_hold');
      // So it is where the primary key was extended in time. What needs no answer is done.
      await addCertificate(house, contactId, primary.toPublic().armor());
      await expect(send(primary)).rejects.toMatchObject(refused);
      await send(primary, 'help\n');
      await send(whole);
      expect(await stateOf()).toBe('active');
    });

    test('the same one, extended by its owner, does so as well', async () => {
      later(41);
      await watchCertificates(house, 'orbit');
      const { publicKey } = await openpgp.reformatKey({
        privateKey: await openpgp.readPrivateKey({ armoredKey: gina.secret }),
        userIDs: [{ name: 'gina', email: gina.address }],
        date: new Date(house.clock.now() - SECOND),
        format: 'object',
      });
      await addCertificate(house, contactId, publicKey.armor());
      await watchCertificates(house, 'orbit');
      expect(await stateOf()).toBe('active');
    });
  });

  test('one that is refused counts for nothing, and stays refused', async () => {
    const fresh = await generate(gina.address, 'gina', {});
    const { certificate } = await addCertificate(house, contactId, fresh.public);
    await refuseCertificate(house, contactId, certificate.id, house.team[0].contactId);
    const lena = house.team[0].contactId;
    await expect(approveCertificate(house, contactId, certificate.id, lena)).rejects.toMatchObject({ reason: 'conflict' });
    await expect(approveCertificate(house, house.members[0].contactId, certificate.id, lena)).rejects.toMatchObject({
      reason: 'not-found',
    });
    expect((await certificates.current(house.db, contactId))?.fingerprint).toBe(gina.fingerprint);
  });

  test('a member with another contact who can be encrypted to is not held', async () => {
    const other = await makeParty('greg@gamma.example');
    const { contact } = await addContact(house, house.identity, memberId, {
      address: other.address,
      name: null,
      certificate: other.public,
    });
    await contacts.setProved(house.db, [contact.id], house.clock.now());
    later(41);
    await watchCertificates(house, 'orbit');
    expect(await stateOf()).toBe('active');
    await sent();
    await watchCertificates(house, 'orbit');
    expect((await sent()).hers).toEqual([]);
  });

  describe('where another contact of the member can be encrypted to', () => {
    beforeEach(async () => {
      const other = await makeParty('greg@gamma.example');
      const greg = { address: other.address, name: null, certificate: other.public };
      const { contact } = await addContact(house, house.identity, memberId, greg);
      await contacts.setProved(house.db, [contact.id], house.clock.now());
      await sent();
    });

    test('whose certificate has ended is asked for a new one, once for each end of it', async () => {
      later(41);
      await watchCertificates(house, 'orbit');
      const { hers } = await sent();
      expect(hers).toHaveLength(1);
      expect(hers[0]?.raw.toString()).toContain('BEGIN PGP SIGNATURE');
      expect(hers[0]?.raw.toString()).not.toMatch(/Gamma|ORBIT-/);
      later(1);
      await watchCertificates(house, 'orbit');
      expect((await sent()).hers).toEqual([]);
      await addCertificate(house, contactId, await changed(gina, house.clock.now(), { lifetime: (45 * DAY) / SECOND }));
      await watchCertificates(house, 'orbit');
      await sent();
      later(30);
      await watchCertificates(house, 'orbit');
      expect((await sent()).hers).toHaveLength(1);
    });

    test('whoever was asked before the member is held is not asked for the same again', async () => {
      later(41);
      await watchCertificates(house, 'orbit');
      await sent();
      const greg = (await contacts.byAddress(house.db, 'greg@gamma.example'))?.id ?? '';
      await setContactActive(house, greg, false, 'left');
      await watchCertificates(house, 'orbit');
      expect(await stateOf()).toBe('key_hold');
      expect(await sent()).toEqual({ hers: [], team: house.team.length });
    });
  });

  test('a year after he was made active the team is told, once, and a person says that he was looked at', async () => {
    await house.db.updateTable('members').set({ state: 'key_proved' }).where('id', '=', memberId).execute();
    await decide(house, { project: 'orbit' }, memberId, 'activate', { reason: 'test' });
    await sent();
    expect(await watchReviews(house)).toBe(false);
    later(366);
    expect(await watchReviews(house)).toBe(true);
    expect((await sent()).team).toBe(house.team.length);
    expect(await watchReviews(house)).toBe(false);
    await expect(reviewed(house, memberId, null)).rejects.toMatchObject({ reason: 'needs-person' });
    await reviewed(house, memberId, house.team[0].contactId);
    later(366);
    expect(await watchReviews(house)).toBe(true);
  });

  test('two nodes tell of a review once, and who is reviewed in that moment is due a year later', async () => {
    await house.db
      .updateTable('members')
      .set({ review_at: 1, review_told_at: null })
      .where('organisation', '=', 'Alpha')
      .execute();
    const alpha = await members.byOrganisation(house.db, 'Alpha');
    expect((await Promise.all([watchReviews(house), watchReviews(house)])).sort()).toEqual([false, true]);
    await members.change(house.db, alpha?.id ?? '', { review_told_at: null });
    const beforeSealing: typeof house.pgp.keep = async (...asked) => {
      if ((await members.byId(house.db, alpha?.id ?? ''))?.review_at === 1)
        await reviewed(house, alpha?.id ?? '', house.team[0].contactId);
      return house.pgp.keep(...asked);
    };
    expect(await watchReviews({ ...house, pgp: { ...house.pgp, keep: beforeSealing } })).toBe(false);
    expect(await members.byId(house.db, alpha?.id ?? '')).toMatchObject({ review_told_at: null });
  });
});
