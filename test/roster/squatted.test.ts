import { beforeEach, expect, test } from 'vitest';
import { decide } from '../../src/roster/admission.ts';
import { apply } from '../../src/roster/apply.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { addMember } from '../../src/roster/enter.ts';
import { importRoster } from '../../src/roster/import.ts';
import * as audit from '../../src/store/audit.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as members from '../../src/store/members.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { makeParty, type Party } from '../support/party.ts';

const ACTIVATE = { activate: { reason: 'vetted since 2009' }, dryRun: false };
const RULES = { project: 'orbit', criteria: CRITERIA, terms: null };
type Who = Pick<Party, 'address' | 'public'>;

/** Anybody may apply under any name, with any address and any certificate that is public: what is rejected keeps nobody out. */
eachEngine((engine) => {
  const build = housing();
  let house: House;
  let rightful: Party;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    rightful = await makeParty('sec@bravoorg.example');
  });

  const applying = (organisation: string, { address, public: certificate }: Who) =>
    apply(house, RULES, {
      organisation,
      product: null,
      contact: { address, name: null, certificate },
      terms: null,
      answers: CRITERIA.map(({ id }) => ({ criterion: id, answer: 'Yes.', evidence: null })),
    });
  const rejected = async (organisation: string, who: Who) => {
    const { id } = await applying(organisation, who);
    await decide(house, RULES, id, 'reject', { reason: 'is not who he says' });
    return id;
  };
  const importing = (organisation: string, { address, public: certificate }: Who) =>
    importRoster(house, [{ organisation, lists: [LISTS.distributors], contacts: [{ address, certificate }] }], ACTIVATE);
  const logged = async () => {
    const found = [];
    for await (const line of audit.lines(house.db)) found.push(JSON.parse(line));
    return found;
  };

  const comes = { 'is imported': importing, applies: applying };
  test.each([
    ['is imported', 'is imported'],
    ['applies', 'applies'],
    ['is imported', 'applies'],
  ] as const)('whom a stranger named who was rejected keeps his address and key: that one %s, and he %s', async (one, other) => {
    await rejected('Alphaorg', rightful);
    const { id } = (await contacts.byAddress(house.db, rightful.address)) ?? { id: '' };
    await comes[one]('Alphaorg', await makeParty('sec@alphaorg.example'));
    expect(await contacts.byId(house.db, id)).toMatchObject({ active: 0, address: expect.stringContaining('released.invalid') });
    const released = (await logged()).filter(({ subject }) => subject === `contact:${id}`);
    expect(released).toMatchObject([
      { action: 'contact.release', detail: { address: rightful.address } },
      { action: 'certificate.retire', detail: { fingerprint: rightful.fingerprint, taken: true } },
    ]);
    await comes[other]('Bravoorg', rightful);
    const { id: bravo } = (await members.byOrganisation(house.db, 'Bravoorg')) ?? { id: '' };
    expect(await contacts.byAddress(house.db, rightful.address)).toMatchObject({ member_id: bravo, active: 1 });
  });

  const adding = (organisation: string) => addMember(house, { organisation, product: 'Linux', lists: [] });
  test.each([
    ['is imported', importing, 'active'],
    ['applies', applying, 'applied'],
    ['is added', adding, 'applied'],
  ] as const)('a stranger who was rejected fixes no spelling: who %s has his own', async (_how, come, state) => {
    // With all that is public of the other: the very row is taken over.
    const id = await rejected('bRAVO  oRG', rightful);
    await members.change(house.db, id, { terms: '2026-1', terms_at: house.clock.now() });
    await come('Bravo Org', rightful);
    const accepted = { terms: null, terms_at: null };
    expect(await members.byId(house.db, id)).toMatchObject({ organisation: 'Bravo Org', round: 2, state, ...accepted });
    expect(await logged()).toContainEqual(
      expect.objectContaining({ detail: expect.objectContaining({ formerly: 'bRAVO  oRG', round: 2 }) }),
    );
    const alpha = await makeParty('sec@alphaorg.example');
    for (const again of [() => applying('BRAVO ORG', alpha), () => adding('BRAVO ORG')])
      await expect(again()).rejects.toMatchObject({
        reason: 'conflict',
        message: expect.stringContaining('reads as "Bravo Org" does'),
      });
  });

  test('of names that read the same and come at once, one is taken', async () => {
    const names = ['Foo Linux', 'FOO linux', 'foo  linux', 'Foo LINUX'];
    const all = await Promise.allSettled(names.map(adding));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});
