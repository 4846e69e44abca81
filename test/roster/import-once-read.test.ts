import { beforeEach, expect, test } from 'vitest';
import { decide } from '../../src/roster/admission.ts';
import { apply } from '../../src/roster/apply.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { importRoster } from '../../src/roster/import.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as members from '../../src/store/members.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { makeParty, type Party } from '../support/party.ts';

const ACTIVATE = { activate: { reason: 'vetted since 2009' }, dryRun: false };
const RULES = { project: 'orbit', criteria: CRITERIA, terms: null };

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let red: Party;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    red = await makeParty('sec@redhat.example');
  });

  const entries = () => [
    { organisation: 'Red Hat', lists: [LISTS.distributors], contacts: [{ address: red.address, certificate: red.public }] },
  ];
  const applied = async () =>
    apply(house, RULES, {
      organisation: 'Red Hat',
      product: null,
      contact: { address: red.address, name: null, certificate: red.public },
      terms: null,
      answers: CRITERIA.map(({ id }) => ({ criterion: id, answer: 'Yes.', evidence: null })),
    });

  test('an import brings no retired contact back: that is said', async () => {
    await importRoster(house, entries(), ACTIVATE);
    const { id } = (await contacts.byAddress(house.db, red.address)) ?? { id: '' };
    await house.db.updateTable('contacts').set({ active: 0, proved_at: null }).where('id', '=', id).execute();
    for (const activate of [ACTIVATE.activate, null])
      expect(await importRoster(house, entries(), { activate, dryRun: false })).toMatchObject({
        ...{ written: false, vouched: [] },
        problems: [{ address: red.address, problem: `${red.address} is retired: reinstate him first` }],
      });
    expect(await contacts.byId(house.db, id)).toMatchObject({ active: 0, proved_at: null });
  });

  test('who is rejected while an import reads his certificate is no active member with nobody', async () => {
    const { id } = await applied();
    let rejected: Promise<unknown> | undefined;
    const pgp = {
      ...house.pgp,
      readCertificate: house.pgp.readCertificate,
      usable: house.pgp.usable,
      renewCertificate: async (...asked: Parameters<House['pgp']['renewCertificate']>) => {
        rejected ??= decide(house, RULES, id, 'reject', { reason: 'is to be imported' });
        await rejected;
        return house.pgp.renewCertificate(...asked);
      },
    };
    const refused = { reason: 'conflict', message: '"Red Hat" was changed meanwhile: import again' };
    await expect(importRoster({ ...house, pgp }, entries(), ACTIVATE)).rejects.toMatchObject(refused);
    expect(await members.byId(house.db, id)).toMatchObject({ state: 'rejected' });
    expect(await importRoster(house, entries(), ACTIVATE)).toMatchObject({ written: true, activated: 1 });
    expect((await contacts.activeOfList(house.db, 'distributors')).map(({ address }) => address)).toContain(red.address);
  });

  test.each(['key_hold', 'suspended'] as const)(
    'a %s member of whom a file says nothing new keeps nobody out of it',
    async (state) => {
      await house.db.updateTable('members').set({ state }).where('organisation', '=', 'Beta').execute();
      const [, { address, public: certificate }] = house.members;
      const beta = { organisation: 'Beta', lists: [LISTS.distributors], contacts: [{ address, certificate }] };
      expect(await importRoster(house, [beta, ...entries()], ACTIVATE)).toMatchObject({
        written: true,
        activated: 1,
        unchanged: 1,
      });
      expect(await members.byOrganisation(house.db, 'Beta')).toMatchObject({ state });
      const more = await importRoster(house, [{ ...beta, lists: [LISTS.security] }], ACTIVATE);
      expect(more.problems).toMatchObject([{ problem: expect.stringContaining(`is in the state ${state}`) }]);
    },
  );
});
