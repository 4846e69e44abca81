import { beforeEach, expect, test } from 'vitest';
import { type Decision, decide } from '../../src/roster/admission.ts';
import { addCertificate, addContact, retireCertificate, setContactActive } from '../../src/roster/contacts.ts';
import { importRoster } from '../../src/roster/import.ts';
import { changeMember } from '../../src/roster/members.ts';
import { addRecipient } from '../../src/roster/recipients.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as members from '../../src/store/members.ts';
import * as recipients from '../../src/store/recipients.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { changed, makeParty } from '../support/party.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
  });

  const idOf = async (organisation: string) => (await members.byOrganisation(house.db, organisation))?.id ?? '';
  const readers = async () => (await contacts.activeOfList(house.db, 'security')).length;
  /** The reason of each that was refused; null for what was done. */
  const atOnce = async (doings: readonly Promise<unknown>[]): Promise<(string | null)[]> => {
    const settled = await Promise.allSettled(doings);
    return settled.map((one) => (one.status === 'fulfilled' ? null : (one.reason.reason ?? String(one.reason))));
  };
  /** Two members on the intake list beside one another: "Orbit" of the house, and "Comet" with one contact. */
  const addComet = async () => {
    const comet = await makeParty('vera@comet.example');
    const contact = { address: comet.address, certificate: comet.public };
    const entry = { organisation: 'Comet', lists: [LISTS.security], contacts: [contact] };
    expect(await importRoster(house, [entry], { activate: { reason: 'test' }, dryRun: false })).toMatchObject({ written: true });
  };

  test('of all readers of an intake list who are retired at once one stays', async () => {
    const refused = await atOnce(house.team.map(({ contactId }) => setContactActive(house, contactId, false, 'left')));
    expect(refused.filter((reason) => reason !== null)).toEqual(['conflict']);
    expect(await readers()).toBe(1);
  });

  test('of all readers of an intake list whose certificates are retired at once one keeps his, and is the last', async () => {
    const revoke = async ({ contactId }: Person) => {
      const { id = '' } = (await certificates.current(house.db, contactId)) ?? {};
      return retireCertificate(house, contactId, id, house.team[0].contactId);
    };
    const refused = await atOnce(house.team.map(revoke));
    expect(refused.filter((reason) => reason !== null)).toEqual(['conflict']);
    const last = house.team[refused.indexOf('conflict')]?.contactId ?? '';
    expect(await atOnce([setContactActive(house, last, false, 'left')])).toEqual(['conflict']);
    expect((await contacts.activeOfList(house.db, 'security')).filter(({ certificate }) => certificate)).toMatchObject([
      { id: last },
    ]);
  });

  test('who is left must have a certificate that can be encrypted to', async () => {
    const [lena, ...others] = house.team;
    for (const person of others) {
      const revoked = await changed(person, house.clock.now(), { revoked: true });
      await addCertificate(house, person.contactId, revoked);
    }
    const { id = '' } = (await certificates.current(house.db, lena.contactId)) ?? {};
    const refused = await atOnce([
      retireCertificate(house, lena.contactId, id, lena.contactId),
      setContactActive(house, lena.contactId, false, 'left'),
    ]);
    expect(refused).toEqual(['conflict', 'conflict']);
    const [dirk] = others;
    expect(await atOnce([setContactActive(house, dirk?.contactId ?? '', false, 'left')])).toEqual([null]);
    // Where nobody of them reads anything, nothing is lost with another one.
    await addCertificate(house, lena.contactId, await changed(lena, house.clock.now(), { revoked: true }));
    expect(await atOnce([setContactActive(house, lena.contactId, false, 'left')])).toEqual([null]);
  });

  test('two organisations that are called at once what reads the same are not', async () => {
    const [alpha, beta] = [await idOf('Alpha'), await idOf('Beta')];
    const named = (...names: [string, string]) =>
      atOnce([changeMember(house, alpha, { organisation: names[0] }), changeMember(house, beta, { organisation: names[1] })]);
    const both: [string, string][] = [
      ['Omega', 'OMEGA'],
      ['Zeta', 'Zeta'],
    ];
    for (const names of both) expect((await named(...names)).filter((reason) => reason !== null)).toEqual(['conflict']);
  });

  const taken = ['taken off the list', 'suspended'] as const;
  test.each(taken)('of the members of an intake list who are %s at once one stays', async (how) => {
    await addComet();
    const take = async (id: string) =>
      how === 'suspended'
        ? decide(house, { project: 'orbit' }, id, 'suspend', { reason: 'test' })
        : changeMember(house, id, { lists: [] });
    const refused = await atOnce([take(await idOf('Orbit')), take(await idOf('Comet'))]);
    expect(refused.filter((reason) => reason !== null)).toEqual(['conflict']);
    expect(await readers()).toBeGreaterThan(0);
  });

  test('the last member of an intake list is not suspended', async () => {
    const step: Decision = 'suspend';
    await expect(decide(house, { project: 'orbit' }, await idOf('Orbit'), step, { reason: 'test' })).rejects.toMatchObject({
      reason: 'conflict',
      message: expect.stringContaining('Nobody would be left'),
    });
    expect((await members.byOrganisation(house.db, 'Orbit'))?.state).toBe('active');
  });

  test.each(['added', 'imported'])(
    'an address that is %s as a contact and as an external address at once is one of the two',
    async (how) => {
      const { address, public: certificate } = await makeParty('new@public.example');
      const entry = { organisation: 'Alpha', lists: [], contacts: [{ address, certificate }] };
      const contact =
        how === 'added'
          ? addContact(house, house.identity, await idOf('Alpha'), { address, name: null, certificate })
          : importRoster(house, [entry], { activate: null, dryRun: false });
      await atOnce([contact, addRecipient(house, { list: LISTS.announce, address, kind: 'external' })]);
      const places = [
        (await contacts.byAddress(house.db, address)) !== undefined,
        (await recipients.externalAddresses(house.db)).includes(address),
      ];
      expect(places.filter(Boolean)).toHaveLength(1);
    },
  );
});
