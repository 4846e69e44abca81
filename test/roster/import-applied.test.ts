import { beforeEach, expect, test } from 'vitest';
import { DAY, SECOND } from '../../src/clock.ts';
import { parseEntity } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import { certificatesIn } from '../../src/pgp/certificate-bytes.ts';
import { decide } from '../../src/roster/admission.ts';
import { apply } from '../../src/roster/apply.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { importRoster } from '../../src/roster/import.ts';
import { takeProof } from '../../src/roster/prove.ts';
import { importSchleuder } from '../../src/roster/schleuder.ts';
import { REVIEW } from '../../src/roster/state.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as members from '../../src/store/members.ts';
import { outbox } from '../delivery/outbox.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { binary, generate, makeParty, openCopy, type Party } from '../support/party.ts';

const ACTIVATE = { activate: { reason: 'vetted since 2009' }, dryRun: false };
const APPLY = { activate: null, dryRun: false };
const NAME = 'Red Hat';
const RIGHTFUL = 'secalert@redhat.example';
const REFUSED = `"${NAME}" has applied with mallory@evil.example, who is not in this roster: judge or reject that application first`;

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let mallory: Party;
  let rightful: Party;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    mallory = await makeParty('mallory@evil.example');
    rightful = await makeParty(RIGHTFUL);
  });

  /** As anybody may do by mail or without a token. */
  const applying = ({ address, public: certificate }: Pick<Party, 'address' | 'public'>) =>
    apply(
      house,
      { project: 'orbit', criteria: CRITERIA, terms: null },
      {
        organisation: NAME,
        product: 'Fakes',
        contact: { address, name: null, certificate },
        terms: null,
        answers: CRITERIA.map(({ id }) => ({ criterion: id, answer: 'Yes.', evidence: null })),
      },
    );
  const entry = (list: string = LISTS.distributors, parties: Pick<Party, 'address' | 'public'>[] = [rightful]) => ({
    organisation: NAME,
    lists: [list],
    contacts: parties.map(({ address, public: certificate }) => ({ address, certificate })),
  });
  const fromSchleuder = async (list: string) => {
    const { address, fingerprint } = rightful;
    const found = { list: 'old@old.example', to: list, address, fingerprint, admin: false, delivery: true };
    const held = certificatesIn(await binary(rightful.public));
    const subscriptions = [{ ...found, certificates: held }];
    return importSchleuder(house, { subscriptions, certificates: held, organisations: new Map([[address, NAME]]) }, ACTIVATE);
  };
  const getting = async (list: string) => (await contacts.activeOfList(house.db, list)).map(({ address }) => address);
  const member = async () => (await members.byOrganisation(house.db, NAME)) ?? { id: '', state: 'none' };
  const reject = async () => decide(house, { project: 'orbit' }, (await member()).id, 'reject', { reason: 'is not who he says' });

  test.each([
    ['activates', ACTIVATE, LISTS.distributors],
    ['activates, onto the intake list,', ACTIVATE, LISTS.security],
    ['does not activate', APPLY, LISTS.distributors],
  ] as const)('an import that %s joins nobody with what a stranger applied with', async (_how, options, list) => {
    await applying(mallory);
    expect(await importRoster(house, [entry(list)], options)).toMatchObject({ written: false, problems: [{ problem: REFUSED }] });
    const bare = await importRoster(house, [{ ...entry(list), contacts: [] }], options);
    expect(bare).toMatchObject({ written: false, problems: [{ problem: REFUSED }] });
    expect([await member(), await getting('distributors'), await getting('security')]).toMatchObject([
      { state: 'applied' },
      expect.not.arrayContaining([mallory.address]),
      expect.not.arrayContaining([mallory.address]),
    ]);
  });

  test('nor does one from Schleuder, and after he was rejected it takes the rightful one', async () => {
    await applying(mallory);
    for (const list of [LISTS.distributors, LISTS.security])
      expect(await fromSchleuder(list)).toMatchObject({ contacts: 0, leftOut: [{ address: RIGHTFUL, remark: REFUSED }] });
    await reject();
    expect(await fromSchleuder(LISTS.security)).toMatchObject({ contacts: 1, activated: 1, leftOut: [] });
    expect(await getting('security')).toEqual(expect.arrayContaining([RIGHTFUL]));
    expect(await getting('security')).not.toContain(mallory.address);
  });

  test.each([
    ['another address', 'mallory@evil.example'],
    ['the very address', RIGHTFUL],
  ])('an organisation whose name was rejected with %s is imported as one that begins anew', async (_what, address) => {
    const squatter = await generate(address, 'squatter', {});
    await applying({ ...squatter, address });
    await reject();
    expect(await importRoster(house, [entry()], ACTIVATE)).toMatchObject({ written: true, contacts: 1, activated: 1 });
    expect(await member()).toMatchObject({ state: 'active', round: 2, product: null, review_at: house.clock.now() + REVIEW });
    const active = (await contacts.ofMember(house.db, (await member()).id)).filter((one) => one.active === 1);
    expect(active.map((one) => one.address)).toEqual([RIGHTFUL]);
    expect((await certificates.current(house.db, active[0]?.id ?? ''))?.fingerprint).toBe(rightful.fingerprint);
    expect(await getting('distributors')).toContain(RIGHTFUL);
    expect(await importRoster(house, [entry()], ACTIVATE)).toMatchObject({ unchanged: 1 });
  });

  test('without activation it has applied then, and somebody else may have the address that was rejected', async () => {
    await applying(mallory);
    await reject();
    const other = { ...entry(LISTS.distributors, [mallory]), organisation: 'Evil Ltd' };
    expect(await importRoster(house, [entry(), other], APPLY)).toMatchObject({ written: true, members: 1, contacts: 2 });
    expect(await member()).toMatchObject({ state: 'applied', round: 2, review_at: null });
    expect(await contacts.byAddress(house.db, mallory.address)).toMatchObject({ active: 1, proved_at: null });
  });

  test('an applicant whom the file names by his own certificate is activated, and reviewed in a year', async () => {
    await applying(rightful);
    expect(await importRoster(house, [entry()], ACTIVATE)).toMatchObject({ written: true, activated: 1 });
    expect(await member()).toMatchObject({ state: 'active', review_at: house.clock.now() + REVIEW });
    expect(await getting('distributors')).toContain(RIGHTFUL);
  });

  test.each(['vetted', 'key_proved'] as const)(
    'whom an import adds to a %s member is asked to prove his key, unless that ends too soon',
    async (state) => {
      const greg = await makeParty('greg@redhat.example');
      const born = house.clock.now() - DAY;
      const brief = await generate('brief@redhat.example', 'brief', { born, lifetime: (14 * DAY) / SECOND });
      await applying(rightful);
      await house.db.updateTable('members').set({ state }).where('organisation', '=', NAME).execute();
      await outbox(house).drain();
      const tell = { tell: { ...house, project: 'orbit' } };
      const refused = await importRoster(house, [entry(LISTS.distributors, [rightful, brief])], { ...APPLY, ...tell });
      expect(refused).toMatchObject({ written: false, problems: [{ problem: expect.stringContaining('ends within 14 days') }] });
      await importRoster(house, [entry(LISTS.distributors, [rightful, greg])], { ...APPLY, ...tell });
      const mails = await outbox(house).drain();
      const nonces: (string | undefined)[] = [];
      for (const { to, raw } of mails) {
        const { entity } = await openCopy(raw, to === greg.address ? greg : rightful, undefined, house.clock.now());
        const asked = /^prove (\S+)/m.exec(viewOf(parseEntity(entity)).text)?.[1];
        if (asked !== undefined) nonces.push(to === greg.address ? asked : undefined);
      }
      expect(nonces).toEqual([expect.any(String)]);
      const nonce = nonces[0] ?? '';
      const { id: contactId = '' } = (await contacts.byAddress(house.db, greg.address)) ?? {};
      const { id: certificateId = '' } = (await certificates.current(house.db, contactId)) ?? {};
      await takeProof(house, { project: 'orbit' }, { contactId, certificateId, nonce });
      expect(await contacts.byId(house.db, contactId)).toMatchObject({ proved_at: house.clock.now() });
    },
  );
});
