import { beforeEach, expect, test } from 'vitest';
import { newId } from '../../src/clock.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { Refusal } from '../../src/refusal.ts';
import { decide, remove } from '../../src/roster/admission.ts';
import { type AdmissionRules, type Application, apply } from '../../src/roster/apply.ts';
import {
  addCertificate,
  addContact,
  approveCertificate,
  refuseCertificate,
  replaceCertificate,
  setContactActive,
} from '../../src/roster/contacts.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { importRoster } from '../../src/roster/import.ts';
import * as audit from '../../src/store/audit.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as members from '../../src/store/members.ts';
import { armed } from '../embargo/armed.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { keyProved } from '../support/key-proved.ts';
import { binary, changed, generate, makeParty, type Party } from '../support/party.ts';
import { proveCertificate } from '../support/prove.ts';

const RULES: AdmissionRules = { project: 'orbit', criteria: CRITERIA, terms: null };

/** A signature must lead to one person. */
eachEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  let lena: string;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha] = house.members;
    lena = house.team[0].contactId;
  });

  const idOf = async (organisation: string) => (await members.byOrganisation(house.db, organisation))?.id ?? '';
  const wish = async (
    organisation: string,
    { address, public: certificate }: Pick<Party, 'address' | 'public'>,
  ): Promise<Application> => ({
    organisation,
    product: null,
    contact: { address, name: null, certificate },
    terms: null,
    answers: CRITERIA.map(({ id }) => ({ criterion: id, answer: 'Yes.', evidence: null })),
  });
  /** Addresses of those whose current or proposed certificate it is. */
  async function holders(fingerprint: string): Promise<string[]> {
    const rows = await house.db
      .selectFrom('certificates')
      .innerJoin('contacts', 'contacts.id', 'certificates.contact_id')
      .select('contacts.address')
      .where('certificates.fingerprint', '=', fingerprint)
      .where('certificates.state', 'in', ['current', 'proposed'])
      .execute();
    return rows.map(({ address }) => address);
  }
  /** What the log has of certificates of a contact that others came to have. */
  async function retiredFor(contactId: string) {
    const rows = await audit.page(house.db, { limit: 10, action: 'certificate.retire', subject: `contact:${contactId}` });
    return rows.map(({ line }) => JSON.parse(line).detail).map(({ fingerprint, taken }) => ({ fingerprint, taken }));
  }
  /** How many were taken; the others were refused with `conflict`. */
  async function taken(attempts: readonly Promise<unknown>[]): Promise<number> {
    const results = await Promise.allSettled(attempts);
    for (const one of results) if (one.status === 'rejected') expect(one.reason).toMatchObject({ reason: 'conflict' });
    return results.filter(({ status }) => status === 'fulfilled').length;
  }
  /** Alpha is removed, its contact takes his key along to Beta, and Alpha comes back with somebody else. */
  async function moved(): Promise<void> {
    const id = await idOf('Alpha');
    for (const { contactId } of house.team.slice(0, 2)) await remove(house, RULES, id, contactId, 'test');
    await addContact(house, RULES, await idOf('Beta'), { address: 'moved@beta.example', name: null, certificate: alpha.public });
    await apply(house, RULES, await wish('Alpha', await makeParty('new@alpha.example')));
    await keyProved(house, id);
    await decide(house, RULES, id, 'activate', { reason: 'back', lists: [LISTS.distributors] });
  }

  test('of contacts who are added at once with one certificate, one is taken', async () => {
    const { public: certificate, fingerprint } = await generate('same@key.example', 'same', {});
    const [a, b] = [await idOf('Alpha'), await idOf('Beta')];
    const add = (id: string, address: string) => addContact(house, RULES, id, { address, name: null, certificate });
    const gil = house.members[1].contactId;
    const entry = (organisation: string) => [
      { organisation, lists: [LISTS.distributors], contacts: [{ address: `x@${organisation}.example`, certificate }] },
    ];
    const bring = async (organisation: string) => {
      const report = await importRoster(house, entry(organisation), { activate: null, dryRun: false });
      if (!report.written) throw Object.assign(new Error(report.problems[0]?.problem), { reason: 'conflict' });
    };
    const attempts = [add(a, 'one@alpha.example'), add(b, 'two@beta.example'), addCertificate(house, gil, certificate)];
    expect(await taken([...attempts, bring('gamma'), bring('delta')])).toBe(1);
    expect(await holders(fingerprint)).toHaveLength(1);
  });

  test('of organisations that apply at once with one certificate, one is taken', async () => {
    const same = await generate('same@key.example', 'same', {});
    expect(await taken([apply(house, RULES, await wish('X', same)), apply(house, RULES, await wish('Y', same))])).toBe(1);
    expect(await holders(same.fingerprint)).toEqual([same.address]);
  });

  test('who came to have a key while its former organisation was out keeps it when that comes back', async () => {
    await moved();
    const gone = { reason: 'conflict', message: expect.stringContaining('add him anew') };
    await expect(addCertificate(house, alpha.contactId, alpha.public)).rejects.toMatchObject(gone);
    await expect(replaceCertificate(house, alpha.contactId, await binary(alpha.public))).rejects.toMatchObject(gone);
    await expect(apply(house, RULES, await wish('Delta', alpha))).rejects.toMatchObject({ reason: 'conflict' });
    expect(await holders(alpha.fingerprint)).toEqual(['moved@beta.example']);
  });

  test('and the organisation that has left it does not keep him from renewing it', async () => {
    await moved();
    const extended = await changed(alpha, house.clock.now(), { lifetime: 0 });
    const entry = {
      organisation: 'Beta',
      lists: [LISTS.distributors],
      contacts: [{ address: 'moved@beta.example', certificate: extended }],
    };
    expect(await importRoster(house, [entry], { activate: null, dryRun: false })).toMatchObject({ written: true, renewed: 1 });
  });

  test('what a retired contact never proved is given to its owner, and is his alone when that one is reinstated', async () => {
    const [, beta] = house.members;
    const next = await generate(beta.address, 'next', {});
    const address = 'new@alpha.example';
    const add = { address, name: null, certificate: next.public };
    const { contact } = await addContact(house, RULES, await idOf('Alpha'), add);
    await setContactActive(house, contact.id, false, 'the wrong file');
    const { certificate } = await addCertificate(house, beta.contactId, next.public);
    expect(await holders(next.fingerprint)).toEqual([beta.address]);
    await proveCertificate(house, beta.contactId, certificate.id);
    await approveCertificate(house, beta.contactId, certificate.id, lena);
    await setContactActive(house, contact.id, true, 'a mistake');
    expect(await holders(next.fingerprint)).toEqual([beta.address]);
    expect(await retiredFor(contact.id)).toEqual([{ fingerprint: next.fingerprint, taken: true }]);
  });

  const comes = {
    'is added': async (organisation, { address, public: certificate }) =>
      addContact(house, RULES, await idOf(organisation), { address, name: null, certificate }),
    'is imported': async (organisation, { address, public: certificate }) => {
      const entry = { organisation, lists: [LISTS.distributors], contacts: [{ address, certificate }] };
      const { written, problems } = await importRoster(house, [entry], { activate: { reason: 'known' }, dryRun: false });
      if (!written) throw new Refusal('conflict', problems[0]?.problem);
    },
    applies: async (_, party) => apply(house, RULES, await wish('Delta', party)),
  } satisfies Record<string, (organisation: string, who: Party) => Promise<unknown>>;
  type Comes = keyof typeof comes;
  const reinstating = (contactId: string) => setContactActive(house, contactId, true, 'a mistake');

  test.each(Object.keys(comes) as Comes[])(
    'who was added to the wrong organisation, and retired there, %s elsewhere',
    async (how) => {
      const greg = await makeParty('greg@beta.example');
      const { address, public: certificate } = greg;
      const { contact } = await addContact(house, RULES, await idOf('Alpha'), { address, name: null, certificate });
      await expect(comes[how]('Beta', greg)).rejects.toMatchObject({ reason: 'conflict' });
      await setContactActive(house, contact.id, false, 'the wrong organisation');
      await comes[how]('Beta', greg);
      expect(await holders(greg.fingerprint)).toEqual([address]);
      expect((await contacts.byAddress(house.db, address))?.member_id).toBe(await idOf(how === 'applies' ? 'Delta' : 'Beta'));
      await expect(reinstating(contact.id)).rejects.toMatchObject({ message: expect.stringContaining('add him anew') });
    },
  );

  test('who has proved his key and was retired takes address and key along where an admin adds him, and not by himself', async () => {
    const { id: caseId } = await armed(house);
    await dispatch(house, caseId, LISTS.distributors);
    await addContact(house, RULES, await idOf('Alpha'), {
      ...{ address: 'new@alpha.example', name: null },
      certificate: (await makeParty('new@alpha.example')).public,
    });
    await setContactActive(house, alpha.contactId, false, 'has moved to Beta');
    await expect(comes.applies('Delta', alpha)).rejects.toMatchObject({ reason: 'conflict' });
    await expect(comes['is imported']('Beta', alpha)).rejects.toMatchObject({ message: expect.stringContaining('of "Alpha"') });
    const again = comes['is added']('Alpha', alpha);
    await expect(again).rejects.toMatchObject({ message: `${alpha.address} is retired: reinstate him` });
    const { contact } = await comes['is added']('Beta', alpha);
    expect([contact.id === alpha.contactId, contact.proved_at]).toEqual([false, null]);
    expect(await holders(alpha.fingerprint)).toEqual([alpha.address]);
    const [released] = await audit.page(house.db, { limit: 1, action: 'contact.release' });
    expect(JSON.parse(released?.line ?? '{}')).toMatchObject({
      subject: `contact:${alpha.contactId}`,
      detail: { member: await idOf('Alpha'), address: alpha.address, ended: 1 },
    });
    await expect(reinstating(alpha.contactId)).rejects.toMatchObject({ reason: 'conflict' });
    await setContactActive(house, contact.id, false, 'back again');
    await comes['is added']('Alpha', alpha);
    expect(await holders(alpha.fingerprint)).toEqual([alpha.address]);
  });

  test('whoever comes back with a key that is somebody else’s by now comes back without it', async () => {
    const [, beta] = house.members;
    const certificate = (await generate('new@alpha.example', 'new', {})).public;
    const add = { address: 'new@alpha.example', name: null, certificate };
    const { contact } = await addContact(house, RULES, await idOf('Alpha'), add);
    await setContactActive(house, contact.id, false, 'left');
    // As a database may have it from before each key had one holder.
    const facts = await house.pgp.readCertificate(beta.public);
    const { fingerprint, data } = facts;
    const row = { id: newId(house.clock), contact_id: contact.id, fingerprint, data, state: 'proposed', created_at: 0 } as const;
    await certificates.insert(house.db, row, facts);
    await setContactActive(house, contact.id, true, 'back');
    expect(await holders(beta.fingerprint)).toEqual([beta.address]);
    expect(await retiredFor(contact.id)).toEqual([{ fingerprint: beta.fingerprint, taken: true }]);
    expect((await certificates.current(house.db, contact.id))?.state).toBe('current');
  });

  test('a certificate that two contacts were given is approved for none of them', async () => {
    const fresh = await generate(alpha.address, 'fresh', {});
    const { certificate } = await addCertificate(house, alpha.contactId, fresh.public);
    // As a database may have it from before each key had one holder.
    const facts = await house.pgp.readCertificate(fresh.public);
    const row = { ...certificate, id: newId(house.clock), contact_id: house.members[1].contactId };
    await certificates.insert(house.db, row, facts);
    for (const { id, contact_id } of [certificate, row]) {
      await proveCertificate(house, contact_id ?? '', id);
      await expect(approveCertificate(house, contact_id ?? '', id, lena)).rejects.toMatchObject({ reason: 'conflict' });
    }
    await refuseCertificate(house, row.contact_id, row.id, lena);
    await approveCertificate(house, alpha.contactId, certificate.id, lena);
    expect(await holders(fresh.fingerprint)).toEqual([alpha.address]);
  });
});
